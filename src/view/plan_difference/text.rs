//! The difference of two plans for a person: first of all what may happen that could not happen before.

use std::fmt::Write as _;

use serde_json::Value;

use crate::effect::ErrorKind;
use crate::view::escaped;

use super::calls::{CallChange, Told, Untold};
use super::compare::{Difference, EdgeChange, NodeChange};
use super::parts::{Change, Part};

/// Longer values are cut; the document has them whole.
const LONGEST: usize = 72;

/// `before` and `after` are the names of the plans.
pub fn plan_difference_text(difference: &Difference, before: &str, after: &str) -> String {
    let mut text = format!("--- {}\n+++ {}\n", escaped(before), escaped(after));
    for (name, trusted) in [(before, difference.trusted.0), (after, difference.trusted.1)] {
        if !trusted {
            // writing to a string can't fail
            let _ = writeln!(
                text,
                "{} was written without trust, so its calls were held to `builtin:contained`: write it with `--trust`",
                escaped(name)
            );
        }
    }
    if difference.is_none() {
        text.push_str("the plans mean the same\n");
        return text;
    }
    calls(&difference.calls, &mut text);
    if !difference.nodes.is_empty() {
        text.push_str("\nnodes\n");
        for node in &difference.nodes {
            node_text(node, &mut text);
        }
    }
    if !difference.edges.is_empty() {
        text.push_str("\nedges\n");
        for edge in &difference.edges {
            edge_text(edge, &mut text);
        }
    }
    list("graph", &difference.sections, &mut text);
    if !difference.layers.is_empty() {
        text.push_str("\npolicy layers\n");
        for layer in &difference.layers {
            let says = if layer.change() == Change::Changed { ": says something else" } else { "" };
            let _ = writeln!(text, "  {} {}{says}", sign(layer.change()), escaped(&layer.part));
        }
    }
    let (old, new) = difference.steps;
    if old != new {
        let _ = writeln!(text, "\nschedule: {old} steps → {new} steps");
    }
    text
}

fn sign(change: Change) -> char {
    match change {
        Change::Added => '+',
        Change::Removed => '-',
        Change::Changed => '~',
    }
}

/// The calls under a line that counts them.
fn calls(calls: &[CallChange], text: &mut String) {
    if calls.is_empty() {
        text.push_str("\ncalls: what the policy says of them is the same\n");
        return;
    }
    let _ = writeln!(text, "\ncalls: {}", counts(calls));
    for call in calls {
        // what may do more is seen without reading
        let mark = if call.widens() { '!' } else { sign(call.change()) };
        let _ =
            writeln!(text, "  {mark} {} {}: {}", escaped(&call.node), escaped(&call.tool), verdicts(call));
        if call.has_other_parameters() {
            let _ = writeln!(text, "      with other parameters");
        }
        if call.sends_other {
            let _ = writeln!(text, "      what is sent differs");
        }
        if let Some(untold) = call.untold {
            let why = match untold {
                Untold::Policy => "its policy is another",
                Untold::Parameters => "its parameters are others",
                Untold::Values => "its values are made from something else",
            };
            let _ = writeln!(text, "      may do more with some values: {why}");
        }
        let writes = call.after.as_ref().filter(|_| call.writes_more()).map(|after| after.writes.join(", "));
        if let Some(folders) = writes {
            let _ = writeln!(text, "      really writes {} of the workspace", escaped(&folders));
        }
        // where the word is the old one, its reason is no news
        let news = call.before.is_none() || call.widens() || call.narrows();
        if let Some(Told { reason: Some(reason), place, .. }) = call.after.as_ref().filter(|_| news) {
            let place = place.as_ref().map(|place| format!("{place}: ")).unwrap_or_default();
            let _ = writeln!(text, "      {}", escaped(&format!("{place}{reason}")));
        }
    }
}

/// How many may do more, differ, or may do less.
pub(super) fn counts(calls: &[CallChange]) -> String {
    let decides = |call: &&CallChange, word: &str| {
        call.widens() && !call.may_widen() && call.after.as_ref().is_some_and(|after| after.decision == word)
    };
    // what is sent is news where nothing else about the call is
    let sends = |call: &&CallChange| {
        call.sends_other
            && !call.widens()
            && !call.narrows()
            && !call.has_other_parameters()
            && !call.depends_on_other()
    };
    let count = |of: &dyn Fn(&&CallChange) -> bool| calls.iter().filter(|call| of(call)).count();
    let counted = [
        (count(&|call| decides(call, "allow")), "newly allowed"),
        (count(&|call| decides(call, "ask")), "newly asked about"),
        (count(&|call| call.may_widen()), "that may do more with some values"),
        (count(&|call| !call.widens() && call.has_other_parameters()), "with other parameters"),
        (
            count(&|call| {
                !call.widens()
                    && !call.narrows()
                    && !call.has_other_parameters()
                    && !sends(call)
                    && call.change() == Change::Changed
            }),
            "depending on something else",
        ),
        (count(&sends), "sending something else"),
        (count(&|call| call.narrows()), "newly denied or asked about"),
        (count(&|call| !call.widens() && call.change() == Change::Added), "new and denied"),
        (count(&|call| call.change() == Change::Removed), "gone"),
    ];
    let said: Vec<String> = counted
        .iter()
        .filter(|(count, _)| *count > 0)
        .map(|(count, word)| {
            let calls = if *count == 1 { "1 call".to_owned() } else { format!("{count} calls") };
            format!("{calls} {word}")
        })
        .collect();
    said.join(", ")
}

fn verdicts(call: &CallChange) -> String {
    match (&call.before, &call.after) {
        (None, Some(after)) => format!("new, {}", verdict(after)),
        (Some(before), None) => format!("gone, was {}", verdict(before)),
        (Some(before), Some(after)) if verdict(before) == verdict(after) => verdict(after),
        (Some(before), Some(after)) => format!("{} → {}", verdict(before), verdict(after)),
        (None, None) => String::new(),
    }
}

fn verdict(told: &Told) -> String {
    let word = match told.decision.as_str() {
        "allow" => "allowed",
        "ask" => "asks",
        _ => "denied",
    };
    if told.depends_on.is_empty() {
        return word.to_owned();
    }
    let on: Vec<String> = told.depends_on.iter().map(|what| format!("`{}`", escaped(what))).collect();
    format!("{word}, or less: depends on {}", on.join(", "))
}

fn node_text(node: &NodeChange, text: &mut String) {
    let _ = writeln!(text, "  {} {} ({})", sign(node.change), escaped(&node.node), escaped(&node.uses));
    for part in &node.parts {
        part_text("      ", part, text);
    }
}

fn edge_text(edge: &EdgeChange, text: &mut String) {
    let on = if edge.on == "success" { String::new() } else { format!(" ({})", edge.on) };
    let when = edge.when.as_ref().map(|when| format!(" when {}", escaped(when))).unwrap_or_default();
    let _ =
        writeln!(text, "  {} {} → {}{on}{when}", sign(edge.change), escaped(&edge.from), escaped(&edge.to));
    for part in &edge.parts {
        part_text("      ", part, text);
    }
}

fn list(title: &str, parts: &[Part], text: &mut String) {
    if !parts.is_empty() {
        let _ = writeln!(text, "\n{title}");
        for part in parts {
            part_text("  ", part, text);
        }
    }
}

fn part_text(indent: &str, part: &Part, text: &mut String) {
    let sign = sign(part.change());
    let told = |value: &Option<Value>| value.as_ref().map(|value| in_words(&part.part, value));
    let says = match (told(&part.before), told(&part.after)) {
        (Some(before), Some(after)) => two(&before, &after),
        (Some(one), None) | (None, Some(one)) => cut(&shown(&one), 0),
        (None, None) => String::new(),
    };
    let _ = writeln!(text, "{indent}{sign} {}: {says}", escaped(&part.part));
}

/// What an edge catches in the words of an author; anything else as it is.
fn in_words(part: &str, value: &Value) -> Value {
    match value.as_array() {
        Some(kinds) if part == "catch" => {
            let kinds: Vec<ErrorKind> =
                kinds.iter().filter_map(Value::as_str).map(ErrorKind::parse).collect();
            ErrorKind::words(&kinds).into()
        }
        _ => value.clone(),
    }
}

/// Two values from a little before where they part.
fn two(before: &Value, after: &Value) -> String {
    let (before, after) = (shown(before), shown(after));
    let same = before.chars().zip(after.chars()).take_while(|(a, b)| a == b).count();
    format!("{} → {}", cut(&before, same), cut(&after, same))
}

fn shown(value: &Value) -> String {
    match value {
        Value::String(text) => format!("\"{}\"", escaped(text)),
        value => escaped(&value.to_string()),
    }
}

/// A long text around its `at`th character.
fn cut(text: &str, at: usize) -> String {
    let count = text.chars().count();
    if count <= LONGEST {
        return text.to_owned();
    }
    let begin = at.saturating_sub(LONGEST / 3).min(count - LONGEST);
    let middle: String = text.chars().skip(begin).take(LONGEST).collect();
    let (left, right) = (if begin > 0 { "…" } else { "" }, if begin + LONGEST < count { "…" } else { "" });
    format!("{left}{middle}{right}")
}
