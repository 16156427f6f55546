//! Values of calls, written out, that their schema takes and their tool cannot: a pattern that is none, lines that end before
//! they begin, two changes of one file. The call would fail in every run.

use crate::compile::draft::Draft;
use crate::compile::literal;
use crate::diag::{Code, Diagnostic, Diagnostics, codes};
use crate::document::{Tree, Value};
use crate::model::Uses;
use crate::policy::path_glob_flaw;
use crate::source::{Located, Span};

pub(super) fn check(draft: &Draft<'_>, diagnostics: &mut Diagnostics) {
    // what stands in the defaults stands there once
    let mut said: Vec<Span> = Vec::new();
    for node in &draft.nodes {
        let mut found = Vec::new();
        match node.uses() {
            Some(Uses::Batch) => {
                let calls = node.parameter("calls").map(|calls| calls.value.items()).unwrap_or_default();
                for call in calls {
                    let uses =
                        call.get("tool").and_then(literal::word).and_then(|tool| Uses::parse(&tool.value));
                    let input = call.get("input").map(Tree::entries).unwrap_or_default();
                    for entry in input {
                        judge(uses, &entry.key.value, &entry.value, &mut found);
                    }
                }
            }
            uses => {
                for field in &node.with {
                    judge(uses, &field.name.value, &field.value, &mut found);
                }
            }
        }
        for finding in found {
            if !said.contains(&finding.span()) {
                said.push(finding.span());
                diagnostics.push(finding);
            }
        }
    }
}

fn judge(uses: Option<Uses>, name: &str, value: &Tree, found: &mut Vec<Diagnostic>) {
    match (uses, name) {
        (Some(Uses::SearchFiles), "pattern") => found.extend(literal::word(value).as_ref().and_then(pattern)),
        (Some(Uses::SearchFiles | Uses::ListFiles), "glob") => {
            let one = literal::word(value).into_iter();
            found.extend(one.chain(literal::words(value)).filter_map(|text| glob(&text)));
        }
        (Some(Uses::ReadFile), "range") => found.extend(range(value)),
        (Some(Uses::ApplyPatch), "changes") => changes(value.items(), found),
        _ => {}
    }
}

fn finding(code: Code, span: Span, message: String, help: &str) -> Diagnostic {
    Diagnostic::new(code, span, message).help(help)
}

fn pattern(text: &Located<String>) -> Option<Diagnostic> {
    // whether it is too large is asked by its tool
    let Err(regex::Error::Syntax(error)) = regex::bytes::Regex::new(&text.value) else { return None };
    let why = error.lines().last().unwrap_or_default().trim_start_matches("error: ");
    let message = format!("`{}` is no regular expression: {why}", text.value);
    Some(finding(codes::BAD_PATTERN, text.span, message, "write a `\\` before what is meant literally"))
}

fn glob(text: &Located<String>) -> Option<Diagnostic> {
    let message = format!("`{}` is no glob: {}", text.value, path_glob_flaw(&text.value)?);
    let help = "write `*` for a part of a name, `**` for any folders, and a `\\` before a literal bracket";
    Some(finding(codes::BAD_PATTERN, text.span, message, help))
}

fn range(value: &Tree) -> Option<Diagnostic> {
    let line = |key| value.get(key).filter(|line| matches!(line.value, Value::Int(_)));
    let (start, end) = (line("start")?, line("end")?);
    match (&start.value, &end.value) {
        (Value::Int(first), Value::Int(last)) if first > last => {
            let message = format!("the lines end at {last}, before they begin at {first}");
            let help = format!("write `{first}`, or more");
            Some(finding(codes::BAD_VALUE, end.span, message, &help).label(start.span, "the first line"))
        }
        _ => None,
    }
}

/// Two entries that change a file that is there, or two that leave one there: nothing says which comes first.
fn changes(entries: &[Tree], found: &mut Vec<Diagnostic>) {
    let (mut taken, mut left) = (Vec::new(), Vec::new());
    for entry in entries {
        let word = |key| entry.get(key).and_then(literal::word);
        let Some(op) = word("op") else { continue };
        let (takes, leaves) = match op.value.as_str() {
            "add" | "put" => (None, word("path")),
            "update" => (word("path"), word("path")),
            "delete" => (word("path"), None),
            "rename" => (word("path"), word("to")),
            _ => continue,
        };
        let twice = again(&mut taken, takes);
        found.extend(again(&mut left, leaves).or(twice));
    }
}

fn again(known: &mut Vec<Located<String>>, path: Option<Located<String>>) -> Option<Diagnostic> {
    let path = path?;
    let other = known.iter().find(|other| other.value == path.value).map(|other| other.span);
    let Some(other) = other else {
        known.push(path);
        return None;
    };
    let message = format!("`{}` is changed twice", path.value);
    Some(
        finding(codes::BAD_VALUE, path.span, message, "make one entry of both").label(other, "the other one"),
    )
}
