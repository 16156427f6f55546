//! What calls of a run came to: diffs, output of commands, results; and what persons were asked. Long texts are cut, and it is
//! said by how much: the trace has all of them.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use serde_json::Value;

use crate::export::{CallTold, End, Piece, Story};

use super::markup::{cut, lines, moment, text};
use super::timeline::called;

/// Bytes of one text that are shown.
const SHOWN: usize = 32 * 1024;
/// Bytes of all texts of a page.
const ALL: usize = 8 * 1024 * 1024;

/// The calls with something to show, and where each is told of, by the place of its piece.
pub(super) struct Artifacts {
    pub(super) html: String,
    pub(super) links: BTreeMap<usize, String>,
}

pub(super) fn artifacts(story: &Story) -> Artifacts {
    let (mut html, mut links) = (String::new(), BTreeMap::new());
    let mut left_out = 0;
    for (at, piece) in story.pieces.iter().enumerate() {
        let crate::export::What::Call(call) = &piece.what else { continue };
        if call.tool == "batch" || call.result.is_null() {
            continue;
        }
        if html.len() > ALL {
            left_out += 1;
            continue;
        }
        let id = format!("call-{at}");
        artifact(&id, piece, call, &mut html);
        links.insert(at, id);
    }
    if left_out > 0 {
        // writing to a string can't fail
        let _ =
            writeln!(html, "<p class=\"faint\">{left_out} more calls are not shown; the trace has them.</p>");
    }
    Artifacts { html, links }
}

fn artifact(id: &str, piece: &Piece, call: &CallTold, html: &mut String) {
    let failed = matches!(piece.end, End::Failed(..));
    let open = if failed || call.tool == "apply_patch" { " open" } else { "" };
    let (class, sign) = if failed { ("bad", "✗") } else { ("good", "✓") };
    // writing to a string can't fail
    let _ = write!(
        html,
        "<details{open}><summary><span class=\"state {class}\">{sign}</span> <code>{}</code>{}</summary>\n<div id=\"{id}\">\n",
        text(&called(call)),
        exit(call)
    );
    if let End::Failed(kind, message) = &piece.end {
        let _ = writeln!(html, "<p class=\"why\">{}: {}</p>", text(kind), text(message));
    }
    if let Some(rule) = call.rule() {
        let _ = writeln!(html, "<p class=\"faint\">decided by <code>{}</code></p>", text(&rule));
    }
    if let Some((from, run)) = call.recalled() {
        let run = text(run);
        let _ = writeln!(
            html,
            "<p class=\"faint\">the result of an earlier call, kept in {} by run <code>{run}</code></p>",
            text(from)
        );
    }
    match call.tool.as_str() {
        "apply_patch" | "rollback" => changed(call, html),
        "exec" => command(call, html),
        _ => {
            block("asked", &pretty(&call.input), html);
            block("answered", &pretty(call.result.get("output").unwrap_or(&Value::Null)), html);
        }
    }
    html.push_str("</div></details>\n");
}

fn exit(call: &CallTold) -> String {
    let code = call.result.get("exit_code").and_then(Value::as_i64);
    code.map(|code| format!(" <span class=\"faint\">exit code {code}</span>")).unwrap_or_default()
}

fn command(call: &CallTold, html: &mut String) {
    let part = |name: &str| {
        let output = call.result.get("output").and_then(|output| output.get(name)?.as_str());
        output.or_else(|| call.result.get(name)?.as_str()).unwrap_or_default()
    };
    block("stdout", part("stdout"), html);
    block("stderr", part("stderr"), html);
    if !part("patch").is_empty() {
        html.push_str("<h3>what it would have changed</h3>\n");
        diff(part("patch"), html);
    }
}

/// The diff that was applied; where it was asked for in another form, the one that takes it back, which is as telling.
fn changed(call: &CallTold, html: &mut String) {
    for change in crate::export::changes_of(&call.result) {
        let from = change.from.map(|from| format!(" from <code>{}</code>", text(&from))).unwrap_or_default();
        let digest = change.after.map(|after| format!(" <span class=\"faint id\">{}</span>", text(&after)));
        // writing to a string can't fail
        let _ = writeln!(
            html,
            "<p>{} <code>{}</code>{from}{}</p>",
            text(&change.op),
            text(&change.path),
            digest.unwrap_or_default()
        );
    }
    let asked = call.input.get("patch").and_then(Value::as_str).filter(|patch| !patch.is_empty());
    let inverse = call.result.get("output").and_then(|output| output.get("inverse")?.as_str());
    match (asked, inverse) {
        (Some(patch), _) => diff(patch, html),
        (None, Some(inverse)) => {
            html.push_str("<h3>the diff that takes it back</h3>\n");
            diff(inverse, html);
        }
        (None, None) => block("asked", &pretty(&call.input), html),
    }
}

/// A unified diff, a line a row; a word beside the colour is not needed: `+` and `-` stand at its begin.
fn diff(patch: &str, html: &mut String) {
    let (shown, more) = cut(patch, SHOWN);
    html.push_str("<pre class=\"diff\" tabindex=\"0\">");
    for line in shown.lines() {
        let class = match line.as_bytes().first() {
            _ if line.starts_with("+++") || line.starts_with("---") => "hunk",
            Some(b'+') => "add",
            Some(b'-') => "del",
            Some(b'@' | b'd' | b'i' | b'n' | b'r' | b's') => "hunk",
            _ => "same",
        };
        // writing to a string can't fail
        let _ = write!(html, "<span class=\"{class}\">{}</span>", lines(line));
    }
    html.push_str("</pre>\n");
    rest(more, html);
}

/// A text under its name; nothing where there is none.
pub(super) fn block(name: &str, content: &str, html: &mut String) {
    if content.is_empty() {
        return;
    }
    let (shown, more) = cut(content, SHOWN);
    // writing to a string can't fail
    let _ = writeln!(
        html,
        "<h3>{}</h3>\n<pre tabindex=\"0\">{}</pre>",
        text(name),
        lines(shown.trim_end_matches('\n'))
    );
    rest(more, html);
}

fn rest(more: usize, html: &mut String) {
    if more > 0 {
        // writing to a string can't fail
        let _ = writeln!(html, "<p class=\"faint\">{more} more bytes are in the trace.</p>");
    }
}

/// A value as people read it: a text as it is, an object of one text as that.
pub(super) fn pretty(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::String(text) => text.clone(),
        Value::Object(members) if members.is_empty() => String::new(),
        other => format!("{other:#}"),
    }
}

/// What persons were asked, and what they said.
pub(super) fn questions(story: &Story) -> String {
    let mut html = String::new();
    for (piece, question) in story.questions() {
        let said = match question.granted {
            Some(true) => "<span class=\"state good\">✓ granted</span>",
            Some(false) => "<span class=\"state bad\">✗ refused</span>",
            None if piece.end == End::Cancelled => {
                "<span class=\"state none\">■ withdrawn: nobody has answered, and nobody is asked any more</span>"
            }
            None => "<span class=\"state warn\">? nobody has answered</span>",
        };
        let asks = if question.policy { "the policy asks" } else { "the graph asks" };
        // writing to a string can't fail
        let _ = writeln!(
            html,
            "<h3>Question {}: {asks} <code>{}</code></h3>\n<p>{said}",
            question.number,
            text(&piece.key)
        );
        if question.granted.is_some() {
            let _ = write!(html, " by <code>{}</code>, {}", text(&question.by), moment(piece.to));
        }
        html.push_str("</p>\n");
        block("shown", &pretty(&question.show), &mut html);
        block("choice", &question.choice, &mut html);
        block("comment", &question.comment, &mut html);
    }
    html
}
