//! Signs and words of other languages in a text that could not be read, each with what is written here for it.

use super::fault::Fault;
use super::slip::Slip;

/// What the author has the habit of writing, if the place shows it.
pub(super) fn meant(slip: &Slip<'_>) -> Option<Fault> {
    operator(slip).or_else(|| question(slip)).or_else(|| comment(slip))
}

/// `===`, `!==`, `<>`, `&&`, `||`, `!` and `=`.
fn operator(slip: &Slip<'_>) -> Option<Fault> {
    let (before, rest) = slip.source.split_at(slip.start);
    let twice =
        [("==", "=", "===", "=="), ("!=", "=", "!==", "!="), ("<", ">", "<>", "!="), ("|", "|", "||", "or")];
    let split = twice.into_iter().find(|(first, last, ..)| before.ends_with(first) && rest.starts_with(last));
    if let Some((first, _, sign, word)) = split {
        let start = if sign == "||" { slip.start } else { slip.start - first.len() };
        return Some(no_such(slip, start, sign, word));
    }
    let once = [("&&", "and"), ("||", "or"), ("!", "not"), ("=", "==")];
    let (sign, word) = once
        .into_iter()
        .find(|(sign, _)| rest.starts_with(sign) && !rest.starts_with("!=") && !rest.starts_with("=="))?;
    Some(no_such(slip, slip.start, sign, word))
}

fn no_such(slip: &Slip<'_>, start: usize, sign: &str, word: &str) -> Fault {
    let message = format!("{} has no `{sign}`", slip.what());
    slip.fault(start, slip.end, message).help(format!("write `{word}`"))
}

/// `a ?? b`, `a?.b` and `a ? b : c`.
fn question(slip: &Slip<'_>) -> Option<Fault> {
    let rest = slip.source[slip.start..].strip_prefix('?')?;
    let (sign, help) = if rest.starts_with('?') {
        ("??", "write `… | default(…)`")
    } else if rest.starts_with('.') {
        ("?.", "write `.`, and `| default(…)` behind it for what may not be there")
    } else if rest.contains(':') {
        ("? :", "write `… if … else …`: the value, the condition, the other value")
    } else {
        return None;
    };
    let message = format!("{} has no `{sign}`", slip.what());
    Some(slip.fault(slip.start, slip.start + if sign == "? :" { 1 } else { 2 }, message).help(help))
}

/// A comment that nothing closes.
fn comment(slip: &Slip<'_>) -> Option<Fault> {
    let at = slip.source.rfind("{#").filter(|_| !slip.bare && slip.detail.contains("comment"))?;
    Some(slip.fault(at, at + 2, "this `{#` is never closed").help("write `#}` where it ends"))
}

/// A word that wants something before it, and has nothing.
pub(super) fn nothing_before(slip: &Slip<'_>) -> Option<Fault> {
    let word = slip.before();
    let (message, help) = match word {
        "and" | "or" => (
            format!("nothing stands before `{word}`"),
            format!("write a value before `{word}`, or remove it"),
        ),
        "if" if slip.bare => (
            "`if` stands before no value".to_owned(),
            "remove `if`, or write the value before it: `… if … else …`".to_owned(),
        ),
        "if" => (
            "`if` stands before no value".to_owned(),
            "write the value before it: `… if … else …`; or `{% if … %}` around the text".to_owned(),
        ),
        "for" if !slip.bare => (
            "no `for` stands within a value".to_owned(),
            "write `{% for … in … %}` and `{% endfor %}` around the text".to_owned(),
        ),
        _ => return None,
    };
    let end = slip.source[..slip.start].trim_end().len();
    Some(slip.fault(end - word.len(), end, message).help(help))
}
