//! A graph's page in a browser: nothing is asked of any network, nothing of the graph is script or markup, every node is
//! seen, found and chosen, by mouse and by keyboard, in a wide window and in a narrow one, with scripts and without.

#![allow(
    clippy::disallowed_methods,
    clippy::unwrap_used,
    clippy::expect_used,
    unreachable_pub,
    reason = "a test makes its own files and processes, and stops where it is wrong"
)]

mod program;

use std::fmt::Write as _;
use std::path::PathBuf;

use program::Workspace;
use program::browser::Browser;
use serde_json::{Value, json};

const GRAPH: &str = r#"
schema: lgflow.graph/v1
name: page
inputs: { items: { type: array, items: { type: string }, default: [a, b] } }
graphs:
  review:
    inputs: { what: { type: string } }
    nodes:
      read: { uses: exec, with: { argv: [read, "{{ inputs.what }}"] } }
      judge: { uses: exec, with: { argv: [judge, "</pre></article></script><script>alert(1)</script><img src=x onerror=alert(1)>"] } }
    edges:
      - read -> judge
      - { from: judge, to: judge, when: "output.stdout == '\" onload=alert(1) x=\"'", loop: { max: 4, exhausted: leave } }
nodes:
  begin: { uses: exec, with: { argv: [begin] } }
  reviews: { uses: graph, with: { graph: review, inputs: { what: "{{ item }}" } }, for_each: { in: inputs.items, as: item } }
  rescue: { uses: exec, with: { argv: ["javascript:alert(1)"] } }
  done: { uses: exec, with: { argv: [done] } }
edges:
  - begin -> reviews -> done
  - { from: begin, to: rescue, catch: [exit, timeout] }
"#;

const PATHS: [&str; 5] = ["begin", "reviews/read", "reviews/judge", "rescue", "done"];

fn page(workspace: &Workspace, graph: &str) -> PathBuf {
    workspace.write("graph.yaml", graph);
    let page = workspace.lgflow(&["export", "graph.yaml", "--to", "html"]).ended(0).stdout;
    workspace.write("graph.html", page);
    workspace.path().join("graph.html")
}

/// The nodes that have a place in the window's picture.
fn seen(browser: &mut Browser) -> Value {
    browser.value(
        "[...document.querySelectorAll('[data-node]')].filter(node => { const place = node.getBoundingClientRect(); \
         return place.width > 20 && place.height > 10 && getComputedStyle(node).visibility === 'visible'; }).map(node => node.dataset.node)",
    )
}

#[test]
fn a_page_shows_every_node_and_asks_for_nothing_and_runs_nothing_of_the_graph() {
    let workspace = Workspace::new();
    let page = page(&workspace, GRAPH);
    let mut browser = Browser::start();
    for width in [1200, 360] {
        browser.open(&page, width);
        assert_eq!(seen(&mut browser), json!(PATHS), "{width}");
        assert_eq!(browser.value("document.scripts.length"), 1);
        assert_eq!(browser.value("document.querySelectorAll('img,iframe,object,embed,link,base').length"), 0);
        let on = "[...document.querySelectorAll('*')].filter(one => [...one.attributes].some(a => a.name.startsWith('on'))).length";
        assert_eq!(browser.value(on), 0);
        let shown = browser.value("document.querySelector('#node-reviews\\\\.2f\\\\.judge pre + *, #node-reviews\\\\.2f\\\\.judge dl').textContent");
        assert!(shown.as_str().unwrap().contains("<img src=x onerror=alert(1)>"), "{shown}");
        // nothing but the picture's own pane is wider than the window
        assert_eq!(browser.value("document.documentElement.scrollWidth <= innerWidth"), true, "{width}");
        assert_eq!(browser.complaints(), [""; 0]);
        let address = format!("file://{}", page.display());
        assert_eq!(browser.requests(), [address]);
    }
}

#[test]
fn a_policy_of_the_page_runs_no_script_but_its_own() {
    let workspace = Workspace::new();
    let page = page(&workspace, GRAPH);
    let text = workspace
        .read("graph.html")
        .replace("</body>", "<script>document.title = 'broken into'</script></body>");
    std::fs::write(&page, text).unwrap();
    let mut browser = Browser::start();
    browser.open(&page, 800);
    assert_ne!(browser.value("document.title"), "broken into");
    assert!(
        browser.complaints().iter().any(|said| said.contains("Content Security Policy")),
        "the test can see a refusal"
    );
}

#[test]
fn a_node_is_chosen_by_mouse_and_keyboard_and_found_by_its_words() {
    let workspace = Workspace::new();
    let page = page(&workspace, GRAPH);
    let mut browser = Browser::start();
    browser.open(&page, 1200);
    let chosen = "[...document.querySelectorAll('article')].filter(one => getComputedStyle(one).display !== 'none').map(one => one.querySelector('h2').textContent)";
    assert_eq!(browser.value(chosen), json!([]));

    let place = "(() => { const place = document.querySelector('[data-node=done] rect').getBoundingClientRect(); \
         return [place.x + place.width / 2, place.y + place.height / 2]; })()";
    let place = browser.value(place);
    browser.click(place[0].as_f64().unwrap(), place[1].as_f64().unwrap());
    assert_eq!(browser.value(chosen), json!(["done"]));

    browser.value("document.querySelector('[data-node=begin]').parentNode.focus()");
    browser.press("Enter");
    assert_eq!(browser.value(chosen), json!(["begin"]));
    let leads = "[...document.querySelectorAll('article.chosen li')].map(one => one.textContent)";
    assert_eq!(browser.value(leads), json!(["reviews", "rescue: catch exit, timeout"]));

    browser.value("document.getElementById('search').focus()");
    for key in ["j", "u", "d", "g", "e"] {
        browser.press(key);
    }
    assert_eq!(
        browser.value("document.getElementById('hits').textContent"),
        "2 found",
        "the node and its loop"
    );
    browser.press("Enter");
    browser.press("Enter");
    assert_eq!(browser.value(chosen), json!(["reviews/judge"]));
    assert_eq!(browser.complaints(), [""; 0]);
}

#[test]
fn without_scripts_and_on_paper_the_picture_and_all_details_are_there() {
    let workspace = Workspace::new();
    let page = page(&workspace, GRAPH);
    let mut browser = Browser::start();
    let details = "[...document.querySelectorAll('article')].filter(one => one.getBoundingClientRect().height > 20).length";
    browser.ask("Emulation.setEmulatedMedia", json!({ "media": "print" }));
    browser.open(&page, 800);
    assert_eq!((seen(&mut browser), browser.value(details)), (json!(PATHS), json!(PATHS.len() + 2)));
    browser.ask("Emulation.setEmulatedMedia", json!({ "media": "" }));
    browser.ask("Emulation.setScriptExecutionDisabled", json!({ "value": true }));
    browser.open(&page, 800);
    assert_eq!((seen(&mut browser), browser.value(details)), (json!(PATHS), json!(PATHS.len() + 2)));
}

#[test]
fn a_graph_that_is_too_large_for_a_picture_has_a_page_that_says_so() {
    let workspace = Workspace::new();
    let (mut nodes, mut edges) = (String::new(), String::new());
    for at in 0..500 {
        writeln!(nodes, "  n{at}: {{ uses: exec, with: {{ argv: [a], ok_exit: any }} }}").unwrap();
    }
    for at in 1..500 {
        if at > 1 {
            writeln!(edges, "  - n{} -> n{at}", at - 1).unwrap();
        }
        writeln!(edges, "  - {{ from: n0, to: n{at}, when: \"output.exit_code == {at}\" }}").unwrap();
    }
    let graph = format!("schema: lgflow.graph/v1\nname: large\nnodes:\n{nodes}edges:\n{edges}");
    let page = page(&workspace, &graph);
    let mut browser = Browser::start();
    browser.open(&page, 800);
    let said = browser.value("document.querySelector('.too-large').textContent");
    assert!(said.as_str().unwrap().contains("60000 are the most"), "{said}");
    assert_eq!(browser.value("document.querySelectorAll('article').length"), 500);
    assert_eq!(browser.complaints(), [""; 0]);
}
