//! The parameters of each kind of node, by name. What their values may be is in `schemas/tools/`; a test holds the
//! two together.

use super::Uses;

/// The names of a kind's parameters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Parameters {
    /// All of them, or `None` where every key is data.
    pub names: Option<&'static [&'static str]>,
    /// Those that must be there, in the node or in `defaults`: one of each group.
    pub required: &'static [&'static [&'static str]],
}

impl Parameters {
    /// May two parameters not stand together? True for two of one group of required ones.
    pub fn exclude(&self, one: &str, other: &str) -> bool {
        one != other && self.required.iter().any(|group| group.contains(&one) && group.contains(&other))
    }
}

impl Uses {
    /// What may stand under `with`.
    pub fn parameters(self) -> Parameters {
        let (names, required): (&'static [&'static str], &'static [&'static [&'static str]]) = match self {
            Uses::ReadFile => (&["path", "range", "encoding"], &[&["path"]]),
            Uses::ListFiles => (&["path", "recursive", "glob", "ignore", "max"], &[]),
            Uses::SearchFiles => (&["pattern", "path", "glob", "ignore", "max", "context"], &[&["pattern"]]),
            Uses::RepoContext => (&["request", "budget", "what"], &[]),
            Uses::WorkspaceDiff => (&["since"], &[]),
            Uses::ApplyPatch => {
                (&["patch", "changes", "undo", "dry_run", "expect"], &[&["patch", "changes", "undo"]])
            }
            Uses::Rollback => (&["to"], &[&["to"]]),
            Uses::Exec => (&["argv", "cwd", "stdin", "env", "ok_exit"], &[&["argv"]]),
            Uses::Http => (&["url", "method", "headers", "body", "ok_status"], &[&["url"]]),
            Uses::Llm => (
                &[
                    "model",
                    "prompt",
                    "messages",
                    "system",
                    "vars",
                    "output_schema",
                    "repairs",
                    "tools",
                    "max_rounds",
                    "max_calls",
                ],
                &[&["model"], &["prompt", "messages"]],
            ),
            Uses::Mcp => (&["server", "tool", "input"], &[&["server"], &["tool"]]),
            Uses::Batch => (&["calls", "tools", "max_calls"], &[&["calls"], &["tools"], &["max_calls"]]),
            Uses::Graph => (&["graph", "inputs"], &[&["graph"]]),
            Uses::Approval => (&["show", "options", "response"], &[&["show"]]),
            Uses::Render => (&["prompt", "vars"], &[&["prompt"]]),
            Uses::Values => return Parameters { names: None, required: &[] },
            Uses::ParseReport => (&["format", "text"], &[&["format"], &["text"]]),
            Uses::Fail => (&["message", "kind"], &[&["message"]]),
        };
        Parameters { names: Some(names), required }
    }
}
