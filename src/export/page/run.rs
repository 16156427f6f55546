//! The page of one run: what it was, whether its trace holds, its graph with what happened, its time, what its calls came to.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use serde_json::Value;

use crate::export::{Recorded, Story};
use crate::view::event_text;
use crate::view::graph::{Embedding, svg};

use super::artifacts::{artifacts, block, pretty, questions};
use super::frame::page;
use super::markup::{moment, text, time};
use super::picture::picture;
use super::timeline::timeline;
use super::{Checked, mood, sign};

/// Lines of the log that are shown.
const LINES: usize = 2000;

/// The page. `index` is the name of the file that lists all runs, where there is one.
pub fn run_page(story: &Story, recorded: &Recorded, checked: &Checked, index: Option<&str>) -> String {
    let found = artifacts(story);
    let time_line = timeline(story, &found.links);
    let mut body = String::from("<a class=\"skip\" href=\"#content\">to the content</a>\n<header>\n");
    let up =
        index.map(|index| format!("<li><a href=\"{}\">all runs</a></li>", text(index))).unwrap_or_default();
    // writing to a string can't fail
    let _ = writeln!(
        body,
        "<nav aria-label=\"parts of this page\"><ul>{up}<li><a href=\"#graph\">graph</a></li><li><a href=\"#time\">time</a></li>\
         <li><a href=\"#calls\">calls</a></li><li><a href=\"#log\">log</a></li></ul></nav>"
    );
    head(story, recorded, &mut body);
    verdict(checked, &mut body);
    body.push_str("</header>\n<main id=\"content\">\n");
    came_to(story, &mut body);
    let _ = writeln!(
        body,
        "<section aria-labelledby=\"graph\"><h2 id=\"graph\">Graph</h2>\n{}</section>",
        drawing(story, &time_line.links)
    );
    let _ = writeln!(
        body,
        "<section aria-labelledby=\"time\"><h2 id=\"time\">Time</h2>\n{}</section>",
        time_line.html
    );
    not_run(story, &mut body);
    let asked = questions(story);
    if !asked.is_empty() {
        let _ = writeln!(
            body,
            "<section aria-labelledby=\"asked\"><h2 id=\"asked\">Questions</h2>\n{asked}</section>"
        );
    }
    files_left(("files", "Files that it changed"), &story.changed(), &mut body);
    files_left(("taken", "Files of earlier runs that it went on from"), &story.taken_over(), &mut body);
    let _ = writeln!(
        body,
        "<section aria-labelledby=\"calls\"><h2 id=\"calls\">Calls</h2>\n{}</section>",
        found.html
    );
    under(story, &mut body);
    log(recorded, &mut body);
    body.push_str("</main>\n<footer>Written by lgflow from the trace of this run. The page loads nothing and runs nothing.</footer>\n");
    page(&text(&format!("{}: {} ({})", story.graph, story.status, story.run)), &super::style(), &body)
}

fn head(story: &Story, recorded: &Recorded, body: &mut String) {
    let class = mood(&story.status);
    // writing to a string can't fail
    let _ = writeln!(
        body,
        "<h1>{} <span class=\"state {class}\">{} {}</span></h1>\n<dl>",
        text(&story.graph),
        sign(&story.status),
        text(&story.status.replace('_', " "))
    );
    let mut put = |term: &str, what: String| {
        if !what.is_empty() {
            let _ = writeln!(body, "<dt>{term}</dt><dd>{what}</dd>");
        }
    };
    let code = |what: &str| format!("<code>{}</code>", text(what));
    put("run", code(&story.run));
    let taken_back = story.taken_back.as_ref().map(|undone| {
        let from = undone.from.as_deref().map(|node| format!("from {} on, ", code(node)));
        format!("{}by the run {}", from.unwrap_or_default(), code(&undone.by))
    });
    put("taken back", taken_back.unwrap_or_default());
    put("began", moment(story.began()));
    put("took", time(story.ended().since(story.began())));
    put("revision", story.revision.as_deref().map(code).unwrap_or_default());
    let used = story.used;
    put(
        "used",
        format!(
            "{} calls, {} tokens, {} bytes of patches",
            used.tool_calls, used.llm_tokens, used.patch_bytes
        ),
    );
    put(
        "events",
        format!(
            "{}, digest {}",
            recorded.events.len(),
            code(&recorded.digest().map(|d| d.to_string()).unwrap_or_default())
        ),
    );
    body.push_str("</dl>\n");
}

fn verdict(checked: &Checked, body: &mut String) {
    let class = if checked.holds { "good" } else { "bad" };
    let word = if checked.holds { "✓ The trace holds" } else { "✗ The trace does not hold" };
    // writing to a string can't fail
    let _ = writeln!(
        body,
        "<p class=\"verdict {class}\"><b>{word}</b> when this page was written: {}</p>",
        text(&checked.said)
    );
}

fn came_to(story: &Story, body: &mut String) {
    let mut html = String::new();
    if let Some(error) = &story.error {
        let part = |name: &str| text(error.get(name).and_then(Value::as_str).unwrap_or_default());
        let node = story.failed_node.as_deref().map(|node| format!(" in <code>{}</code>", text(node)));
        // writing to a string can't fail
        let _ = writeln!(
            html,
            "<p class=\"why\">{}{}: {}</p>",
            part("kind"),
            node.unwrap_or_default(),
            part("message")
        );
    }
    block("inputs", &pretty(&story.inputs), &mut html);
    let outputs = story.outputs.clone().unwrap_or_default();
    match outputs.as_object().filter(|all| all.len() == 1).and_then(|all| all.iter().next()) {
        Some((name, Value::String(one))) => block(&format!("output {name}"), one, &mut html),
        _ => block("outputs", &pretty(&outputs), &mut html),
    }
    if !html.is_empty() {
        let _ = writeln!(
            body,
            "<section aria-labelledby=\"result\"><h2 id=\"result\">Result</h2>\n{html}</section>"
        );
    }
}

fn drawing(story: &Story, links: &std::collections::BTreeMap<String, String>) -> String {
    let Some(picture) = picture(story, links) else {
        return "<p>The trace does not have the graph.</p>\n".to_owned();
    };
    match svg(&picture, Embedding::InPage) {
        Ok(svg) => format!(
            "<div class=\"drawing\" tabindex=\"0\" role=\"region\" aria-label=\"graph\">{svg}</div>\n"
        ),
        Err(_) => {
            "<p>The graph is too large to be drawn; the times below tell of its nodes.</p>\n".to_owned()
        }
    }
}

fn not_run(story: &Story, body: &mut String) {
    if story.decided.is_empty() {
        return;
    }
    body.push_str("<section aria-labelledby=\"not-run\"><h2 id=\"not-run\">Did not run</h2>\n<div class=\"wide\"><table><tbody>\n");
    for decided in story.decided.iter().take(LINES) {
        let path = if decided.path.is_empty() { String::new() } else { format!("{}/", decided.path) };
        // writing to a string can't fail
        let _ = writeln!(
            body,
            "<tr><th scope=\"row\"><code>{}</code></th><td>{}</td><td>{}</td></tr>",
            text(&format!("{path}{}", decided.id)),
            text(&decided.status.replace('_', " ")),
            text(&decided.reason)
        );
    }
    body.push_str("</tbody></table></div></section>\n");
}

fn files_left((id, title): (&str, &str), files: &BTreeMap<String, Option<String>>, body: &mut String) {
    if files.is_empty() {
        return;
    }
    // writing to a string can't fail
    let _ = writeln!(body, "<section aria-labelledby=\"{id}\"><h2 id=\"{id}\">{title}</h2>");
    body.push_str("<div class=\"wide\"><table><tbody>\n");
    for (path, after) in files.iter().take(LINES) {
        let after =
            after.as_deref().map_or("removed".to_owned(), |after| format!("<code>{}</code>", text(after)));
        // writing to a string can't fail
        let _ = writeln!(body, "<tr><th scope=\"row\"><code>{}</code></th><td>{after}</td></tr>", text(path));
    }
    body.push_str("</tbody></table></div></section>\n");
}

/// Under what the run was: versions, graph, policy, walls, what was kept out of the trace, how long it is to be kept.
fn under(story: &Story, body: &mut String) {
    let fact = |name: &str| story.facts.get(name).cloned().unwrap_or_default();
    body.push_str("<section aria-labelledby=\"under\"><h2 id=\"under\">Under what it ran</h2>\n<dl>\n");
    let names = [
        "lgflow",
        "runner",
        "interpreter",
        "graph_digest",
        "policy_digest",
        "inputs_digest",
        "durability",
        "work_tree",
    ];
    let more = ["policy_from", "held_to"];
    for name in names.into_iter().chain(more) {
        let value = pretty(&fact(name));
        if !value.is_empty() {
            // writing to a string can't fail
            let _ = writeln!(
                body,
                "<dt>{}</dt><dd><code>{}</code></dd>",
                name.replace('_', " "),
                text(&compact(&fact(name), value))
            );
        }
    }
    for layer in fact("layers").as_array().into_iter().flatten() {
        let part = |name: &str| text(layer.get(name).and_then(Value::as_str).unwrap_or_default());
        let _ = writeln!(
            body,
            "<dt>policy layer</dt><dd><code>{}</code> ({}) <code>{}</code></dd>",
            part("name"),
            part("role"),
            part("digest")
        );
    }
    let walls: Vec<String> = fact("sandbox").as_array().into_iter().flatten().map(wall).collect();
    if !walls.is_empty() {
        let _ = writeln!(body, "<dt>walls</dt><dd>{}</dd>", walls.join(", "));
    }
    let _ = writeln!(body, "<dt>kept out of the trace</dt><dd>{}</dd>", kept_out(&fact("redaction")));
    let _ = writeln!(body, "<dt>such runs are kept</dt><dd>{}</dd>", kept(&fact("retention")));
    let _ = writeln!(body, "<dt>redacted</dt><dd>{} places</dd>\n</dl></section>", story.redacted);
}

/// Which redactions were in force.
fn kept_out(redaction: &Value) -> String {
    let all = |name: &str| redaction.get(name).and_then(Value::as_array).into_iter().flatten();
    let patterns = all("patterns")
        .filter_map(|pattern| pattern.get("name")?.as_str())
        .map(|name| format!("pattern {name}"));
    let secrets = all("secrets").filter_map(Value::as_str).map(|name| format!("secret {name}"));
    let all: Vec<String> = patterns.chain(secrets).map(|name| text(&name)).collect();
    match redaction {
        Value::Null => "not told".to_owned(),
        _ if all.is_empty() => "nothing: no pattern and no secret was in force".to_owned(),
        _ => all.join(", "),
    }
}

/// How long such runs are kept.
fn kept(retention: &Value) -> String {
    let bound = |name: &str| retention.get(name).and_then(Value::as_u64);
    let age = bound("age_ms").map(|age| time(std::time::Duration::from_millis(age)));
    let count = bound("count").map(|count| format!("the newest {count}"));
    let size = bound("size").map(|size| format!("{size} bytes"));
    let all: Vec<String> = [age, count, size].into_iter().flatten().collect();
    match retention {
        Value::Null => "not told".to_owned(),
        _ if all.is_empty() => "without a bound".to_owned(),
        _ => all.join(", "),
    }
}

fn compact(value: &Value, pretty: String) -> String {
    if value.is_string() { pretty } else { value.to_string() }
}

fn wall(layer: &Value) -> String {
    let name = text(layer.get("name").and_then(Value::as_str).unwrap_or_default());
    let in_force = layer.get("in_force") == Some(&Value::Bool(true));
    if in_force { name } else { format!("<s>{name}</s> (not in force)") }
}

fn log(recorded: &Recorded, body: &mut String) {
    // writing to a string can't fail
    let _ = write!(
        body,
        "<section aria-labelledby=\"log\"><h2 id=\"log\">Log</h2>\n<details><summary>{} events</summary>\n<pre tabindex=\"0\">",
        recorded.events.len()
    );
    for recording in recorded.events.iter().take(LINES) {
        let _ = writeln!(body, "{}", text(&event_text(&recording.event)));
    }
    body.push_str("</pre>\n");
    let more = recorded.events.len().saturating_sub(LINES);
    if more > 0 {
        let _ = writeln!(body, "<p class=\"faint\">{more} more are in the trace.</p>");
    }
    body.push_str("</details></section>\n");
}
