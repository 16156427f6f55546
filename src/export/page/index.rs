//! The page that lists runs. They are chosen by how they ended, by their graph and by how long they took, without a script:
//! a rule of the style hides what was not chosen.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use crate::view::counted;

use super::frame::page;
use super::markup::{moment, text, time};
use super::{Listed, mood, sign};

/// Graphs that can be chosen by name.
const GRAPHS: usize = 40;
/// Times that can be chosen: at least so many seconds.
const TIMES: [(u64, &str); 4] = [(1, "1 s"), (10, "10 s"), (60, "1 min"), (600, "10 min")];

/// The page of all runs, newest first.
pub fn index_page(runs: &[Listed]) -> String {
    let mut runs: Vec<&Listed> = runs.iter().collect();
    runs.sort_by(|one, other| other.began.cmp(&one.began).then_with(|| one.page.cmp(&other.page)));
    let statuses: Vec<&str> =
        runs.iter().map(|run| run.status.as_str()).collect::<BTreeSet<_>>().into_iter().collect();
    let graphs: Vec<&str> =
        runs.iter().map(|run| run.graph.as_str()).collect::<BTreeSet<_>>().into_iter().collect();
    let graphs = &graphs[..graphs.len().min(GRAPHS)];
    let mut rules = super::style();
    let mut body = String::from("<header><h1>Runs</h1></header>\n<main>\n");
    choice(
        "status",
        &statuses.iter().map(|status| status.replace('_', " ")).collect::<Vec<_>>(),
        &mut body,
        &mut rules,
    );
    choice(
        "graph",
        &graphs.iter().map(|graph| (*graph).to_owned()).collect::<Vec<_>>(),
        &mut body,
        &mut rules,
    );
    choice("took", &TIMES.map(|(_, word)| format!("at least {word}")), &mut body, &mut rules);
    body.push_str(
        "<table class=\"runs\"><thead><tr><th scope=\"col\">status</th><th scope=\"col\">graph</th><th scope=\"col\">began</th>\
         <th scope=\"col\" class=\"number\">took</th><th scope=\"col\" class=\"number\">calls</th><th scope=\"col\" class=\"number\">files</th><th scope=\"col\">trace</th></tr></thead>\n<tbody>\n",
    );
    for run in &runs {
        let status = statuses.iter().position(|known| *known == run.status).unwrap_or_default();
        let graph = graphs.iter().position(|known| *known == run.graph);
        row(run, status, graph, &mut body);
    }
    body.push_str("</tbody></table>\n");
    // writing to a string can't fail
    let _ = writeln!(body, "<p class=\"faint\">{}.</p>\n</main>", counted(runs.len(), "run"));
    body.push_str("<footer>Written by lgflow. The pages load nothing and run nothing.</footer>\n");
    page("Runs", &rules, &body)
}

/// A choice of one of several, and the rules that follow it: a row that is not of the chosen class is not shown.
fn choice(name: &str, options: &[String], body: &mut String, rules: &mut String) {
    // writing to a string can't fail
    let _ = write!(
        body,
        "<fieldset><legend>{name}</legend><label><input type=\"radio\" name=\"{name}\" id=\"{name}-all\" checked> all</label>"
    );
    for (at, option) in options.iter().enumerate() {
        let _ = write!(
            body,
            "<label><input type=\"radio\" name=\"{name}\" id=\"{name}-{at}\"> {}</label>",
            text(option)
        );
        let _ = writeln!(rules, "body:has(#{name}-{at}:checked) tbody tr:not(.{name}-{at}){{display:none}}");
    }
    body.push_str("</fieldset>\n");
}

fn row(run: &Listed, status: usize, graph: Option<usize>, body: &mut String) {
    let graph = graph.map(|graph| format!(" graph-{graph}")).unwrap_or_default();
    let mut took = String::new();
    for (at, _) in TIMES.iter().enumerate().filter(|(_, (least, _))| run.took.as_secs() >= *least) {
        // writing to a string can't fail
        let _ = write!(took, " took-{at}");
    }
    let (trace, word) = if run.checked.holds { ("good", "✓ holds") } else { ("bad", "✗ does not hold") };
    // writing to a string can't fail
    let _ = writeln!(
        body,
        "<tr class=\"status-{status}{graph}{took}\"><td><span class=\"state {}\">{} {}</span>{}</td><td><a href=\"{}\">{}</a><br>\
         <span class=\"faint id\">{}</span></td><td>{}</td><td class=\"number\">{}</td><td class=\"number\">{}<span \
         class=\"unit\"> calls</span></td><td class=\"number\">{}<span class=\"unit\"> files</span></td><td><span class=\"state {trace}\" title=\"{}\">{word}</span></td></tr>",
        mood(&run.status),
        sign(&run.status),
        text(&run.status.replace('_', " ")),
        if run.taken_back { "<br><span class=\"faint\">taken back</span>" } else { "" },
        text(&run.page),
        text(if run.graph.is_empty() { "(no name)" } else { &run.graph }),
        text(&run.run),
        moment(run.began),
        time(run.took),
        run.calls,
        run.files,
        text(&run.checked.said)
    );
}
