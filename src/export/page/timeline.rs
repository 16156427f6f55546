//! The pieces of a run in the order in which they stand within each other, each with a bar for its time.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use crate::export::{CallTold, End, Piece, Story, What};

use super::markup::{text, time};

/// Rows that are drawn; a page of more is no use to anybody.
const MOST: usize = 4000;
/// Levels that are told apart by their place.
const DEEPEST: usize = 8;
/// The width of all bars.
const WIDTH: u128 = 1000;

/// The rows, and where each node is told of first, by its name: `outer/inner`.
pub(super) struct Timeline {
    pub(super) html: String,
    pub(super) links: BTreeMap<String, String>,
}

pub(super) fn timeline(story: &Story, details: &BTreeMap<usize, String>) -> Timeline {
    let rows = rows(story);
    let mut html = String::from("<ol class=\"time\">\n");
    let mut links = BTreeMap::new();
    let said = said_within(story);
    for &(at, depth) in rows.iter().take(MOST) {
        let piece = &story.pieces[at];
        if let What::Node(node) = &piece.what {
            let name = format!("{}{}", crate::export::above(&node.path), node.id);
            links.entry(name).or_insert_with(|| format!("piece-{at}"));
        }
        row(story, at, (depth, said.contains(&at)), details.get(&at), &mut html);
    }
    html.push_str("</ol>\n");
    let more = rows.len().saturating_sub(MOST);
    if more > 0 {
        // writing to a string can't fail
        let _ = writeln!(
            html,
            "<p class=\"faint\">{more} more pieces are not drawn; <code>lgflow trace export --to perfetto</code> has all of them.</p>"
        );
    }
    Timeline { html, links }
}

/// The pieces that failed because of one within them.
fn said_within(story: &Story) -> BTreeSet<usize> {
    let mut said = BTreeSet::new();
    for piece in &story.pieces {
        let mut within = piece.parent.filter(|_| matches!(piece.end, End::Failed(..)));
        while let Some(at) = within.filter(|&at| story.pieces[at].end == piece.end && said.insert(at)) {
            within = story.pieces[at].parent;
        }
    }
    said
}

/// The pieces with their depth, depth first, in the order of time. An attempt that is the only one is not told of by itself.
fn rows(story: &Story) -> Vec<(usize, usize)> {
    let mut children: Vec<Vec<usize>> = vec![Vec::new(); story.pieces.len()];
    for (at, piece) in story.pieces.iter().enumerate() {
        if let Some(parent) = piece.parent {
            children[parent].push(at);
        }
    }
    let mut open = vec![(0, 0)];
    let mut rows = Vec::with_capacity(story.pieces.len());
    while let Some((at, depth)) = open.pop() {
        let piece = &story.pieces[at];
        let is_attempt = |at: &&usize| matches!(story.pieces[**at].what, What::Attempt { .. });
        let only = is_attempt(&&at)
            && piece.parent.is_some_and(|parent| children[parent].iter().filter(is_attempt).count() == 1);
        if !only {
            rows.push((at, depth));
        }
        children[at].sort_by_key(|&child| (story.pieces[child].from, child));
        let inner = if only { depth } else { depth + 1 };
        open.extend(children[at].iter().rev().map(|&child| (child, inner)));
    }
    rows
}

/// One row. What went wrong is said once, where it went wrong: not again around that.
fn row(
    story: &Story,
    at: usize,
    (depth, is_said_within): (usize, bool),
    detail: Option<&String>,
    html: &mut String,
) {
    let piece = &story.pieces[at];
    let (class, state) = state(piece);
    let (what, name) = name(story, piece);
    let name = match detail {
        Some(detail) => format!("<a href=\"#{detail}\">{}</a>", text(&name)),
        None => text(&name),
    };
    let began = time(piece.from.since(story.began()));
    let took = time(piece.to.since(piece.from));
    // writing to a string can't fail
    let _ = write!(
        html,
        "<li id=\"piece-{at}\" class=\"d{} {class}\"><span class=\"name\"><span class=\"what\">{what}</span> <span \
         class=\"id\">{name}</span></span><span class=\"state\">{state}</span><span class=\"took\" title=\"after {began}\">{took}</span>{}",
        depth.min(DEEPEST),
        bar(story, piece)
    );
    if let End::Failed(kind, message) = &piece.end
        && !matches!(piece.what, What::Attempt { .. } | What::Run)
        && !is_said_within
    {
        let _ = write!(html, "<span class=\"why\">{}: {}</span>", text(kind), text(message));
    }
    html.push_str("</li>\n");
}

/// A class, and a sign with a word.
fn state(piece: &Piece) -> (&'static str, &'static str) {
    match (&piece.end, &piece.what) {
        (End::Open, What::Question(_) | What::Suspended) => ("warn", "? waits"),
        (End::Open, _) => ("warn", "… open"),
        (_, What::Question(question)) => match question.granted {
            Some(true) => ("good", "✓ granted"),
            Some(false) => ("bad", "✗ refused"),
            None if piece.end == End::Cancelled => ("none", "■ withdrawn"),
            None => ("warn", "? waits"),
        },
        (_, What::Wait { .. } | What::Suspended | What::Interrupted) => ("warn", "waited"),
        (End::Done, What::Call(call)) if call.recalled().is_some() => ("good", "✓ kept"),
        (End::Done, _) => ("good", "✓ done"),
        (End::Failed(kind, _), _) if kind == "approval_required" => ("warn", "? asks"),
        (End::Failed(kind, _), _) if kind == "denied" => ("bad", "⊘ denied"),
        (End::Failed(..), _) => ("bad", "✗ failed"),
        (End::Cancelled, _) => ("none", "■ cancelled"),
    }
}

fn name(story: &Story, piece: &Piece) -> (&'static str, String) {
    match &piece.what {
        What::Run => ("run", story.graph.clone()),
        What::Node(node) => {
            let iteration: Vec<String> = node.iteration.iter().map(u32::to_string).collect();
            let turn =
                if iteration.is_empty() { String::new() } else { format!(" #{}", iteration.join(".")) };
            ("node", format!("{}{turn}", node.id))
        }
        What::Item { index } => ("item", index.to_string()),
        What::Attempt { number } => ("attempt", number.to_string()),
        What::Call(call) => ("call", called(call)),
        What::Question(question) => {
            let by = if question.by.is_empty() { String::new() } else { format!(" by {}", question.by) };
            ("question", format!("{}{by}", question.number))
        }
        What::Wait { reason } => ("wait", reason.clone()),
        What::Suspended => ("waiting", "for a person".to_owned()),
        What::Interrupted => ("interrupted", "until it was gone on with".to_owned()),
    }
}

/// A call in a few words: the tool, and what it is about.
pub(super) fn called(call: &CallTold) -> String {
    let part = |name: &str| call.input.get(name).and_then(serde_json::Value::as_str);
    let about = match call.tool.as_str() {
        "exec" => call.input.get("argv").and_then(|argv| {
            let words: Vec<&str> = argv.as_array()?.iter().filter_map(serde_json::Value::as_str).collect();
            Some(words.join(" "))
        }),
        _ => part("path").or_else(|| part("pattern")).or_else(|| part("url")).map(str::to_owned),
    };
    let about = about.unwrap_or_default();
    let short: String = about.chars().take(80).collect();
    let more = if short.len() < about.len() { "…" } else { "" };
    format!("{} {short}{more}", call.tool).trim_end().to_owned()
}

/// A bar from where the piece begins to where it ends, within the whole run. Attributes of a drawing, not rules of a style:
/// the page's policy lets no style in but the one that it names.
fn bar(story: &Story, piece: &Piece) -> String {
    let whole = story.ended().since(story.began()).as_nanos().max(1);
    let place = |nanos: u128| (nanos * WIDTH / whole).min(WIDTH);
    let from = place(piece.from.since(story.began()).as_nanos()).min(WIDTH - 3);
    let width = place(piece.to.since(piece.from).as_nanos()).max(3).min(WIDTH - from);
    format!(
        "<svg class=\"bar\" viewBox=\"0 0 {WIDTH} 10\" preserveAspectRatio=\"none\" aria-hidden=\"true\"><rect x=\"{from}\" \
         width=\"{width}\" height=\"10\"/></svg>"
    )
}
