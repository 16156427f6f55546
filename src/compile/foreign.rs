//! What is said of files that are not ours, by the id in their `schema` line, and of paths that lead out of where ours lie.

use crate::diag::{Diagnostic, Diagnostics, codes, is_one_slip};
use crate::document::{self, Limits, Parsed};
use crate::files::PathError;
use crate::source::{FileId, Located, Sources, Span};

use super::load::FileKind;

/// How the `schema` line of a graph file begins, up to the version.
pub(super) const GRAPH_ID: &str = "lgflow.graph/v";
/// Likewise of a policy file.
pub(super) const POLICY_ID: &str = "lgflow.policy/v";
/// Likewise of a file of policy tests.
pub(super) const POLICY_TESTS_ID: &str = "lgflow.policy_test/v";
/// Likewise of a file of graph tests.
pub(super) const GRAPH_TESTS_ID: &str = "lgflow.test/v";

/// Where a file is named: the place to report at.
#[derive(Clone, Copy)]
pub(super) struct Named<'n> {
    pub(super) path: &'n Located<String>,
    pub(super) kind: FileKind,
}

/// The value of the `schema` line. A slip in its key leaves a file what it is.
pub(super) fn schema_line(parsed: &Parsed) -> Option<&str> {
    let slip = || parsed.tree.entries().iter().find(|entry| is_one_slip(&entry.key.value, "schema"));
    parsed.tree.get("schema").or_else(|| slip().map(|entry| &entry.value))?.as_str()
}

/// A file that does not say that it is ours: one finding, about its name. Its text is not even taken, so that no
/// form of a report can show any of it.
pub(super) fn strange(sources: &mut Sources, name: &str, bytes: Vec<u8>) -> Diagnostic {
    let file = sources.add(name, "");
    let (mut apart, mut found) = (Sources::default(), Diagnostics::default());
    document::decode(&mut apart, name, bytes, &Limits::default(), &mut found);
    // what is said of a file as a whole, and not of a place in it: its size, an encoding of wide characters
    let told = found.iter().find(|found| apart.get(found.span().file).text().is_empty());
    match told {
        Some(told) => {
            Diagnostic::new(told.code, Span::whole(file), told.message.as_str()).maybe_help(told.help.clone())
        }
        None if apart.iter().any(|file| nearly_says_ours(file.text())) => unknown_id(name, file),
        None => not_ours(name, file),
    }
}

fn not_ours(name: &str, file: FileId) -> Diagnostic {
    let message = format!("`{name}` is no graph and no policy: it has no line `schema: {GRAPH_ID}1`");
    Diagnostic::new(codes::NOT_OURS, Span::whole(file), message).help(format!(
        "name another file, or begin it with `schema: {GRAPH_ID}1` or `schema: {POLICY_ID}1`; nothing of it is shown"
    ))
}

/// Does a line that begins with `schema` go on with the name of the program, though with no id of ours?
fn nearly_says_ours(text: &str) -> bool {
    let is_sign = |c: char| c.is_whitespace() || matches!(c, '"' | '\'' | ':' | '=' | '{');
    text.lines().take(100).any(|line| {
        let rest = line.trim_start_matches(is_sign).strip_prefix("schema");
        rest.is_some_and(|rest| {
            let value = rest.trim_start_matches(is_sign);
            value.len() < rest.len() && value.to_ascii_lowercase().starts_with("lgflow")
        })
    })
}

/// The same of a file whose `schema` line is there, and names no format that there is.
fn unknown_id(name: &str, file: FileId) -> Diagnostic {
    let message =
        format!("`{name}` is no graph and no policy: the id in its line `schema` is none that lgflow has");
    let ids = [GRAPH_ID, POLICY_ID, POLICY_TESTS_ID, GRAPH_TESTS_ID].map(|id| format!("`{id}1`")).join(", ");
    Diagnostic::new(codes::NOT_OURS, Span::whole(file), message)
        .help(format!("write one of {ids}; or name another file: nothing of this one is shown"))
}

/// Of a path that names no file that it may.
pub(super) fn outside(named: Named<'_>, problem: &PathError, from_test: bool) -> Diagnostic {
    let message = format!("no {} is named by this path: {problem}", named.kind);
    Diagnostic::new(codes::FILE_OUTSIDE, named.path.span, message)
        .help(if from_test {
            "name a file relative to this one, in the same `.lg`; tests that lie elsewhere name one beneath their own folder"
        } else {
            "name a file beneath the folder of the graph, relative to this file"
        })
}
