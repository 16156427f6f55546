//! A picture in one page: opened from a file, without a network, with or without scripts. The picture, a search, and all
//! that is known of each node. Nothing of a graph is ever script or style: the page's own are named by their digests,
//! and a browser runs no others.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use crate::digest::{Digest, base64};
use crate::layout::{End, TooLarge};

use super::legend::{counts, kinds, look};
use super::page::{SCRIPT, STYLE};
use super::picture::{EdgeKind, Fact, Picture, RegionKind, Standing};
use super::style::CSS;
use super::svg::{Embedding, svg};
use super::xml::{anchor, xml};

/// What nothing is joined to.
const NONE: [Vec<usize>; 2] = [Vec::new(), Vec::new()];

/// A page with the picture. Where that would be too large, the page says so and has all the rest.
pub fn html(picture: &Picture) -> String {
    let mut picture = picture.clone();
    let links = link(&mut picture);
    let style = format!("{CSS}{STYLE}");
    let mut page = String::new();
    head(&picture, &style, &mut page);
    page.push_str("<main>\n<section class=\"pane\" aria-label=\"Picture\" tabindex=\"0\">\n");
    match svg(&picture, Embedding::InPage) {
        Ok(drawn) => page.push_str(&drawn),
        Err(error) => not_drawn(error, &mut page),
    }
    page.push_str("</section>\n<section class=\"details\" aria-label=\"Nodes\" aria-live=\"polite\">\n");
    page.push_str("<p class=\"hint\">Choose a node to see what it does.</p>\n");
    let by_end = by_end(&picture);
    for of in links {
        details(&picture, &of, by_end.get(&of.end).unwrap_or(&NONE), &mut page);
    }
    page.push_str("</section>\n</main>\n");
    // writing to a string can't fail
    let _ = write!(page, "<script>{SCRIPT}</script>\n</body>\n</html>\n");
    page
}

fn not_drawn(error: TooLarge, page: &mut String) {
    let _ = writeln!(
        page,
        "<p class=\"too-large\">This graph is too large for a picture: {}. Its nodes are listed here, each with where it leads.</p>",
        xml(&error.to_string())
    );
}

/// What has its details: a node, or a region.
struct Detailed {
    end: End,
    id: String,
}

/// Gives each node and region a place on the page, and leads there.
fn link(picture: &mut Picture) -> Vec<Detailed> {
    let mut all = Vec::with_capacity(picture.nodes.len() + picture.regions.len());
    for (at, region) in picture.regions.iter_mut().enumerate() {
        let id = format!("region-{at}-{}", region.path);
        region.link = Some(id.clone());
        all.push(Detailed { end: End::Region(at), id });
    }
    for (at, node) in picture.nodes.iter_mut().enumerate() {
        let id = format!("node-{}", node.path);
        node.link = Some(id.clone());
        all.push(Detailed { end: End::Node(at), id });
    }
    all
}

fn head(picture: &Picture, style: &str, page: &mut String) {
    let policy = format!(
        "default-src 'none'; style-src '{}'; script-src '{}'; base-uri 'none'; form-action 'none'",
        source(style),
        source(SCRIPT)
    );
    let title = xml(&picture.title);
    let _ = write!(
        page,
        "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n<meta http-equiv=\"Content-Security-Policy\" \
         content=\"{policy}\">\n<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n<meta name=\"color-scheme\" \
         content=\"light dark\">\n<meta name=\"referrer\" content=\"no-referrer\">\n<title>{title}</title>\n<style>{style}</style>\n</head>\n<body>\n\
         <header>\n<h1>{title}</h1>\n<p>{}</p>\n",
        xml(&summary(picture))
    );
    page.push_str(
        "<div class=\"tools\">\n<label>Search <input type=\"search\" id=\"search\" autocomplete=\"off\" spellcheck=\"false\"></label> \
         <output id=\"hits\" for=\"search\"></output>\n<span class=\"zoom\"><button type=\"button\" data-zoom=\"out\" aria-label=\"Smaller\">−</button>\
         <button type=\"button\" data-zoom=\"whole\">Whole</button><button type=\"button\" data-zoom=\"one\">1:1</button>\
         <button type=\"button\" data-zoom=\"in\" aria-label=\"Larger\">+</button></span>\n</div>\n",
    );
    legend(picture, page);
    page.push_str("</header>\n");
}

/// How a policy of the page names a text of its own.
fn source(text: &str) -> String {
    format!("sha256-{}", base64(Digest::of(text).as_bytes()))
}

fn summary(picture: &Picture) -> String {
    let about = if picture.about.is_empty() { String::new() } else { format!(" {}.", picture.about) };
    format!("{}.{about}", counts(picture))
}

/// The lines of edges, as they are drawn.
fn legend(picture: &Picture, page: &mut String) {
    page.push_str("<ul class=\"legend\">\n");
    for kind in kinds(picture) {
        let class = if kind == EdgeKind::Again { "back" } else { kind.as_str() };
        let _ = writeln!(
            page,
            "<li><svg class=\"lgflow-picture\" width=\"44\" height=\"12\" aria-hidden=\"true\"><g class=\"edge {class}\"><path \
             class=\"line\" d=\"M2 6H34\"/><path class=\"head\" d=\"M42 6L34 2V10Z\"/></g></svg> {} <span>({})</span></li>",
            kind.as_str(),
            look(kind)
        );
    }
    page.push_str("</ul>\n");
}

fn details(picture: &Picture, of: &Detailed, joined: &[Vec<usize>; 2], page: &mut String) {
    let (path, lines, standing, note, facts) = match of.end {
        End::Node(at) => {
            let node = &picture.nodes[at];
            (&node.path, &node.lines, node.standing, &node.note, &node.facts)
        }
        End::Region(at) => {
            let region = &picture.regions[at];
            (&region.path, &region.title, region.standing, &region.note, &region.facts)
        }
    };
    let word = match of.end {
        End::Node(_) => path.clone(),
        End::Region(at) => match picture.regions[at].kind {
            RegionKind::Loop => format!("loop {path}"),
            RegionKind::Subgraph => path.clone(),
        },
    };
    let _ = write!(
        page,
        "<article id=\"{}\" data-words=\"{}\">\n<h2>{}</h2>\n<dl>\n",
        anchor(&of.id),
        xml(&format!("{path} {}", lines.join(" ")).to_lowercase()),
        xml(&word)
    );
    if let Some(standing) = standing {
        fact(&Fact { term: "run".to_owned(), text: Standing::line(standing, note.as_deref()) }, page);
    }
    for one in facts {
        fact(one, page);
    }
    page.push_str("</dl>\n");
    edges(picture, joined, page);
    page.push_str("</article>\n");
}

fn fact(fact: &Fact, page: &mut String) {
    let lines: Vec<String> = fact.text.lines().map(xml).collect();
    let _ = writeln!(page, "<dt>{}</dt><dd><pre>{}</pre></dd>", xml(&fact.term), lines.join("\n"));
}

/// The edges by their ends: what comes in, and what goes out.
type ByEnd = BTreeMap<End, [Vec<usize>; 2]>;

fn by_end(picture: &Picture) -> ByEnd {
    let mut by_end = ByEnd::new();
    for (at, edge) in picture.edges.iter().enumerate() {
        by_end.entry(edge.to).or_default()[0].push(at);
        by_end.entry(edge.from).or_default()[1].push(at);
    }
    by_end
}

/// Where the edges of a node or region come from and lead to.
fn edges(picture: &Picture, [into, out]: &[Vec<usize>; 2], page: &mut String) {
    let came = into.iter().map(|&at| (&picture.edges[at], picture.edges[at].from));
    let lead = out.iter().map(|&at| (&picture.edges[at], picture.edges[at].to));
    for (word, edges) in [("after", came.collect::<Vec<_>>()), ("leads to", lead.collect())] {
        if edges.is_empty() {
            continue;
        }
        let _ = writeln!(page, "<h3>{word}</h3>\n<ul>");
        for (edge, other) in edges {
            let link = match other {
                End::Node(at) => picture.nodes[at].link.as_deref(),
                End::Region(at) => picture.regions[at].link.as_deref(),
            };
            let (to, name) = (anchor(link.unwrap_or_default()), xml(picture.path(other)));
            let told = if edge.told.is_empty() { String::new() } else { format!(": {}", xml(&edge.told)) };
            let _ = writeln!(page, "<li><a href=\"#{to}\">{name}</a>{told}</li>");
        }
        page.push_str("</ul>\n");
    }
}
