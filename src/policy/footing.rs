//! What the commands of a plan stand on: programs by their names, the folders that these are looked up in, and the
//! toolchains that are in force. Looks nothing up itself.

use std::collections::BTreeSet;
use std::path::PathBuf;

use crate::effect::Shape;
use crate::model::Uses;

use super::toolchain::Manifest;
use super::{Decision, Foreseen, Gate};

/// What commands stand on.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Footing {
    /// Names of programs.
    pub programs: BTreeSet<String>,
    /// Where they are looked up, in order.
    pub search: Vec<PathBuf>,
    /// Toolchains by name, each with the folders that are its own; a system's has none.
    pub toolchains: Vec<(String, Vec<PathBuf>)>,
}

impl Gate {
    /// What `calls` stand on; nothing where none of them can run a command.
    pub fn footing(&self, calls: &[Foreseen]) -> Footing {
        let may_run =
            |call: &&Foreseen| call.tool == Uses::Exec.as_str() && call.verdict.decision != Decision::Deny;
        let programs: BTreeSet<String> =
            calls.iter().filter(may_run).flat_map(|call| self.programs_of(&call.input)).collect();
        if programs.is_empty() {
            return Footing::default();
        }
        let (names, manifest) = self.toolchains();
        let own = |name: String| {
            let folders = Manifest::own(&name, &self.machine.toolchains);
            (name, folders)
        };
        Footing { programs, search: manifest.search, toolchains: names.into_iter().map(own).collect() }
    }

    /// The program of a command whose first word was written; else all that the grant has rules for.
    fn programs_of(&self, input: &Shape) -> Vec<String> {
        let first = match input {
            Shape::Exact(input) => input.get("argv").and_then(|argv| argv.get(0)?.as_str()),
            Shape::Object(members) => match members.get("argv") {
                Some(Shape::Exact(argv)) => argv.get(0).and_then(|first| first.as_str()),
                Some(Shape::List(argv)) => match argv.first() {
                    Some(Shape::Exact(first)) => first.as_str(),
                    _ => None,
                },
                _ => None,
            },
            Shape::Any | Shape::Text | Shape::List(_) => None,
        };
        match first {
            Some(program) => vec![program.to_owned()],
            None => self
                .set
                .layers
                .first()
                .and_then(|grant| grant.commands.as_ref())
                .map_or_else(Vec::new, |commands| {
                    commands.iter().map(|command| command.program.clone()).collect()
                }),
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use crate::effect::{FrozenLayer, LayerRole, Shape, ToolCall};
    use crate::policy::{Foreseen, Gate, Machine, PolicySet, Verdict};
    use crate::source::Sources;

    const POLICY: &str = "schema: lgflow.policy/v1\nname: t\ntools: {exec: allow}\ntoolchains: [python]\n\
                          commands:\n  - {name: a, program: cat, args: [['...']]}\n  - {name: b, program: ls, args: [['...']]}\n";

    #[test]
    fn a_written_program_is_named_alone_and_an_open_one_is_all_that_have_rules() {
        let layer = FrozenLayer {
            name: "t".into(),
            role: LayerRole::Grant,
            text: POLICY.into(),
            syntax: "yaml".into(),
            includes: Vec::new(),
            within: std::collections::BTreeSet::new(),
        };
        let set = PolicySet::compile(&[layer], &mut Sources::default()).unwrap();
        let gate = Gate::new(set, Machine::complete());
        let foreseen = |input: Shape, verdict: Verdict| Foreseen {
            node: "n".into(),
            tool: "exec".into(),
            input,
            verdict,
            sources: Vec::new(),
            depends_on: Vec::new(),
            writes: Vec::new(),
        };
        let allowed = gate.explain(&ToolCall::new("exec", json!({"argv": ["cat", "a"]})));
        let names = |input: Shape| {
            let footing = gate.footing(&[foreseen(input, allowed.clone())]);
            assert!(footing.search.contains(&"/usr/bin".into()));
            assert_eq!(footing.toolchains, [("python".to_owned(), Vec::new())]);
            footing.programs.into_iter().collect::<Vec<_>>()
        };
        assert_eq!(names(Shape::Exact(json!({"argv": ["cat", "a"]}))), ["cat"]);
        let first = Shape::List(vec![Shape::Exact(json!("ls")), Shape::Text]);
        assert_eq!(names(Shape::Object([("argv".to_owned(), first)].into())), ["ls"]);
        assert_eq!(names(Shape::Any), ["cat", "ls"]);
        let denied = gate.explain(&ToolCall::new("exec", json!({"argv": ["rm"]})));
        assert_eq!(gate.footing(&[foreseen(Shape::Any, denied)]), super::Footing::default());
    }
}
