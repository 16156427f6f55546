//! `lgflow trace site` and `trace export --to html`: pages as a person meets them, opened in a browser.

#![allow(
    clippy::disallowed_methods,
    clippy::unwrap_used,
    clippy::expect_used,
    unreachable_pub,
    reason = "a test makes its own files and processes, and stops where it is wrong"
)]

mod program;

use std::fs;
use std::path::{Path, PathBuf};

use lgflow::digest::{Digest, canonical_json};
use program::Workspace;
use program::browser::Browser;
use serde_json::{Value, json};

const CHILD: &str = "\
schema: lgflow.graph/v1
name: child
nodes:
  see: { uses: read_file, with: { path: a.txt } }
  say: { uses: values, with: { text: '{{ nodes.see.output.content }}' } }
edges: [see -> say]
outputs: { text: '{{ nodes.say.output.text }}' }
";

const GRAPH: &str = "\
schema: lgflow.graph/v1
name: rich
graphs: { child: { file: child.yaml } }
nodes:
  look: { uses: list_files, with: {} }
  each: { uses: read_file, for_each: { in: \"['a.txt', 'c.txt']\", as: name, on_error: collect, max: 5, parallel: 3 }, with: { path: '{{ name }}' } }
  inner: { uses: graph, with: { graph: child, inputs: {} } }
  patch:
    uses: apply_patch
    with: { patch: \"--- a/a.txt\\n+++ b/a.txt\\n@@ -1 +1 @@\\n-a\\n+hello <b>you</b>\\n\" }
  turn: { uses: values, with: { n: '{{ loops.turn.iteration }}' } }
  test: { uses: exec, with: { argv: [ls, -l] } }
  ask: { uses: approval, with: { show: 'Go on with <b>this</b>?' } }
  never: { uses: values, with: { x: 1 } }
  fin: { uses: values, with: { x: 1 } }
edges:
  - look -> each
  - look -> inner
  - each -> patch
  - inner -> patch
  - patch -> turn
  - turn -> test
  - { from: test, to: turn, when: loops.turn.iteration < 2, loop: { max: 3 } }
  - { from: test, to: ask, otherwise: true }
  - ask -> fin
  - { from: fin, to: never, when: output.x == 2 }
outputs: { x: 1 }
";

const FAILS: &str = "\
schema: lgflow.graph/v1
name: fails
nodes:
  absent: { uses: read_file, with: { path: absent.txt } }
  after: { uses: values, with: { x: 1 } }
edges: [absent -> after]
outputs: { x: '{{ nodes.after.output.x }}' }
";

const POLICY: &str = "\
schema: lgflow.policy/v1
name: rich
tools: { exec: allow, read_file: allow, list_files: allow, apply_patch: allow }
paths: { read: { allow: ['**'] }, write: { allow: ['**'] } }
commands: [{ name: ls, program: ls, args: [['-l']] }]
";

/// Two runs, one that succeeded after a person had answered and one that failed, and their site.
struct Site {
    workspace: Workspace,
    rich: String,
    failed: String,
}

impl Site {
    fn new() -> Self {
        let workspace = Workspace::git();
        workspace.write("graph.yaml", GRAPH).write("child.yaml", CHILD).write("policy.yaml", POLICY);
        workspace.write("fails.yaml", FAILS).write("a.txt", "a\n");
        let run = |graph: &str, code: i32| {
            let arguments = ["run", "-g", graph, "--policy", "policy.yaml", "--trace", "--format", "json"];
            workspace.lgflow(&arguments).ended(code).json()["run"].as_str().unwrap().to_owned()
        };
        let (failed, rich) = (run("fails.yaml", 1), run("graph.yaml", 5));
        workspace.lgflow(&["approve", &rich, "ask", "--comment", "go on"]).ended(0);
        workspace.lgflow(&["runs", "resume", &rich]).ended(0);
        Self { workspace, rich, failed }
    }

    fn traces(&self) -> PathBuf {
        self.workspace.path().join("artifacts/runs")
    }

    fn write(&self, code: i32) -> PathBuf {
        self.workspace.lgflow(&["trace", "site", "artifacts/runs"]).ended(code);
        self.traces().join("site")
    }
}

/// Nothing was loaded but the page itself, nothing was refused, nothing complained.
fn is_quiet(browser: &Browser, page: &Path) {
    assert_eq!(browser.complaints(), Vec::<String>::new(), "{}", page.display());
    let requests = browser.requests();
    assert!(
        requests.iter().all(|url| url.ends_with(page.file_name().unwrap().to_str().unwrap())),
        "{requests:?}"
    );
}

/// Everything that is there is within the width of the window.
fn fits(browser: &mut Browser, width: u32) {
    let scroll = browser.value("document.documentElement.scrollWidth").as_u64().unwrap();
    assert!(scroll <= u64::from(width), "{scroll} pixels in a window of {width}");
}

#[test]
fn the_list_and_the_pages_show_what_happened() {
    let site = Site::new();
    let folder = site.write(0);
    let mut browser = Browser::start();
    let index = folder.join("index.html");
    for width in [1200, 360] {
        browser.open(&index, width);
        is_quiet(&browser, &index);
        fits(&mut browser, width);
    }
    assert_eq!(browser.value("document.querySelectorAll('tbody tr').length"), 2);
    // chosen by status and by graph, by the keyboard, without a script
    let shown = "[...document.querySelectorAll('tbody tr')].filter(row => row.offsetParent !== null).length";
    browser.value("document.getElementById('status-0').focus()");
    browser.press(" ");
    assert_eq!(browser.value(shown), 1);
    browser.value("document.getElementById('status-all').click()");
    browser.value("document.getElementById('took-3').click()");
    assert_eq!(browser.value(shown), 0);
    assert_eq!(browser.value("document.scripts.length"), 0);

    let page = folder.join(format!("run-{}.html", site.rich));
    for width in [1200, 360] {
        browser.open(&page, width);
        is_quiet(&browser, &page);
        fits(&mut browser, width);
    }
    let text = browser.value("document.body.innerText");
    let text = text.as_str().unwrap();
    for word in [
        "rich ✓ succeeded",
        "The trace holds",
        "consistent",
        "hello <b>you</b>",
        "Go on with <b>this</b>?",
        "go on",
        "not reached",
    ] {
        assert!(text.contains(word), "`{word}` is not on the page:\n{text}");
    }
    // a row for each node and call, each with a bar
    let document =
        site.workspace.lgflow(&["trace", "export", &site.rich, "--format", "json"]).ended(0).json();
    let pieces = document["pieces"].as_array().unwrap();
    let rows = browser.value("document.querySelectorAll('ol.time li').length").as_u64().unwrap() as usize;
    let attempts = pieces.iter().filter(|piece| piece["what"] == "attempt").count();
    assert_eq!(rows, pieces.len() - attempts, "an only attempt has no row of its own");
    assert_eq!(
        browser.value("document.querySelectorAll('ol.time svg.bar').length").as_u64().unwrap() as usize,
        rows
    );
    // every node of the graph is drawn with what became of it, those of the subgraph as well
    let drawn = browser.value("document.querySelector('.drawing svg').textContent");
    let drawn = drawn.as_str().unwrap();
    for id in ["look", "each", "inner", "see", "say", "patch", "turn", "test", "ask", "never", "fin"] {
        assert!(drawn.contains(id), "{id} is not drawn: {drawn}");
    }
    assert!(
        drawn.contains("succeeded") && drawn.contains("not reached") && drawn.contains("2 times"),
        "{drawn}"
    );
    // a call in the rows leads to what it came to, though that is folded
    let call = browser.value("document.querySelector('ol.time li a').getAttribute('href')");
    let call = call.as_str().unwrap().to_owned();
    browser.value(&format!("document.querySelector('a[href=\"{call}\"]').click()"));
    assert_eq!(browser.value(&format!("document.querySelector('{call}').closest('details').open")), true);
    // every place that a link of the page names is there
    let dead = "[...document.querySelectorAll('a[href^=\"#\"]')].filter(a => !document.getElementById(a.getAttribute('href').slice(1))).length";
    assert_eq!(browser.value(dead), 0);
    // the whole page can be walked through by the keyboard
    browser.open(&page, 800);
    browser.press("Tab");
    assert_eq!(browser.value("document.activeElement.className"), "skip");

    let page = folder.join(format!("run-{}.html", site.failed));
    browser.open(&page, 800);
    is_quiet(&browser, &page);
    let text = browser.value("document.body.innerText");
    assert!(text.as_str().unwrap().contains("not_found: `absent.txt` does not exist"), "{text}");
}

#[test]
fn it_is_read_in_the_dark_and_on_paper() {
    let site = Site::new();
    let page = site.write(0).join(format!("run-{}.html", site.rich));
    let mut browser = Browser::start();
    let mut paper = Vec::new();
    for scheme in ["light", "dark"] {
        let features = json!({ "features": [{ "name": "prefers-color-scheme", "value": scheme }] });
        browser.ask("Emulation.setEmulatedMedia", features);
        browser.open(&page, 1000);
        paper.push(browser.value("getComputedStyle(document.body).backgroundColor"));
        // a text can be told from what it stands on: the ratio of WCAG 2
        let lowest = "(() => { const lum = c => { const [r, g, b] = c.match(/[0-9.]+/g).map(v => { v /= 255; return v <= .04045 ? v / 12.92 : ((v + .055) / 1.055) ** 2.4 }); return .2126 * r + .7152 * g + .0722 * b }; \
             const under = e => { while (e) { const c = getComputedStyle(e).backgroundColor; if (c !== 'rgba(0, 0, 0, 0)') return c; e = e.parentElement } return 'rgb(255,255,255)' }; \
             let low = 99; for (const e of document.querySelectorAll('h1,h2,h3,p,dt,dd,li,code,summary,pre,pre span,.state,.what,.took,.why,footer,a,td,th')) { \
             if (!e.textContent.trim() || e.closest('.drawing')) continue; const a = lum(getComputedStyle(e).color), b = lum(under(e)); low = Math.min(low, (Math.max(a, b) + .05) / (Math.min(a, b) + .05)) } return low })()";
        let lowest = browser.value(lowest).as_f64().unwrap();
        assert!(lowest >= 4.5, "{scheme}: contrast {lowest}");
    }
    assert_ne!(paper[0], paper[1]);
    // on paper nothing is folded or cut
    browser.ask("Emulation.setEmulatedMedia", json!({ "media": "print" }));
    browser.open(&page, 700);
    let folded = "[...document.querySelectorAll('details > div, details > pre')].filter(e => !e.checkVisibility({ contentVisibilityAuto: true })).length";
    assert_eq!(browser.value(folded), 0, "what is folded on a screen is printed");
    let cut = "[...document.querySelectorAll('pre')].filter(e => e.scrollHeight > e.clientHeight + 2).length";
    assert_eq!(browser.value(cut), 0, "nothing is cut on paper");
    let printed = browser.ask("Page.printToPDF", json!({ "printBackground": true }));
    assert!(printed["data"].as_str().unwrap().len() > 10_000);
}

/// What a hostile trace would say, in every place where it says something.
const HOSTILE: &str = "\"'></title></style></pre></svg><script>document.title='owned'</script><img src=http://127.0.0.1:9/x onerror=\"document.title='owned'\"><svg onload=\"document.title='owned'\">&lt;\u{202e}\u{1b}]0;x\u{7}`{{7*7}}";

/// Puts it into every text of a value; names, digests and words that the trace is read by stay.
fn spoil(value: &mut Value) {
    match value {
        Value::String(text) => text.push_str(HOSTILE),
        Value::Array(items) => items.iter_mut().for_each(spoil),
        Value::Object(members) => {
            for (name, member) in members.iter_mut() {
                let read_by = ["status", "kind", "op", "ok", "$blob", "for"];
                if !read_by.contains(&name.as_str()) {
                    spoil(member);
                }
            }
        }
        _ => {}
    }
}

/// The trace with every text of its data spoilt, every node renamed, and every hash computed again.
fn spoilt(log: &str, blob: impl Fn(&str) -> Value) -> String {
    let (mut last, mut lines) = (Value::Null, String::new());
    for line in log.lines() {
        let mut event: Value = serde_json::from_str(line).unwrap();
        for member in event["data"].as_object_mut().unwrap().values_mut() {
            if let Some(digest) = member.get("$blob").and_then(Value::as_str) {
                *member = blob(digest);
            }
        }
        spoil(&mut event["data"]);
        for name in ["node", "path"] {
            if let Some(text) = event[name].as_str().map(str::to_owned) {
                event[name] = json!(text + HOSTILE);
            }
        }
        // the graph has these names as well
        if let Some(plan) = event["data"].pointer_mut("/facts/plan") {
            let nodes = plan["nodes"].as_object().unwrap().clone();
            plan["nodes"] = nodes.into_iter().map(|(id, node)| (id + HOSTILE, node)).collect();
        }
        event["prev"] = last;
        event.as_object_mut().unwrap().remove("hash");
        last = json!(Digest::of_json(&event).to_string());
        event["hash"] = last.clone();
        lines += &(canonical_json(&event) + "\n");
    }
    lines
}

fn pages_in(folder: &Path) -> Vec<String> {
    let names = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let mut pages: Vec<String> = names.filter(|name| !name.starts_with('.')).collect();
    pages.sort();
    pages
}

#[test]
fn hostile_texts_stay_texts() {
    let site = Site::new();
    let traces = site.traces();
    let log = fs::read_to_string(traces.join(format!("run-{}.jsonl", site.rich))).unwrap();
    let blob = |digest: &str| {
        let hex = digest.trim_start_matches("sha256:");
        serde_json::from_slice(&fs::read(traces.join("blobs").join(&hex[..2]).join(hex)).unwrap()).unwrap()
    };
    let folder = site.workspace.outside().join("hostile");
    fs::create_dir(&folder).unwrap();
    fs::write(folder.join("run-hostile.jsonl"), spoilt(&log, blob)).unwrap();
    // one that is no trace, and one that is a link out of the folder, which is not followed
    fs::write(folder.join("run-broken.jsonl"), format!("{{\"a\": 1}}\n{HOSTILE}\n")).unwrap();
    std::os::unix::fs::symlink("/etc/passwd", folder.join("run-link.jsonl")).unwrap();
    let out = site.workspace.outside().join("out/of/it");
    let arguments = ["trace", "site", folder.to_str().unwrap(), "-o", out.to_str().unwrap()];
    site.workspace.lgflow(&arguments).ended(7).says("line 1 is no event");
    let pages = pages_in(&out);
    assert_eq!(pages.len(), 2, "{pages:?}");
    let mut browser = Browser::start();
    for page in &pages {
        let page = out.join(page);
        browser.open(&page, 900);
        is_quiet(&browser, &page);
        assert_ne!(browser.value("document.title"), "owned");
        assert_eq!(
            browser.value(
                "document.querySelectorAll('script, img, iframe, object, [onload], [onerror]').length"
            ),
            0
        );
        assert!(!fs::read_to_string(&page).unwrap().contains('\u{202e}'));
        let text = browser.value("document.body.innerText");
        assert!(text.as_str().unwrap().contains("<script>"), "it is shown as what it is");
        // the page of the run has its timeline, whatever its texts are
        let times = browser.value("document.querySelectorAll('ol.time li').length").as_u64().unwrap();
        assert_eq!(times > 10, !page.ends_with("index.html"), "{}: {times}", page.display());
    }
}

#[test]
fn one_run_is_one_file() {
    let site = Site::new();
    let page = site.workspace.outside().join("run.html");
    let place = page.to_str().unwrap();
    site.workspace.lgflow(&["trace", "export", &site.rich, "--to", "html", "-o", place]).ended(0);
    let again = site.workspace.lgflow(&["trace", "export", &site.rich, "--to", "html"]).ended(0).stdout;
    assert_eq!(fs::read_to_string(&page).unwrap(), again, "the same run, the same bytes");
    let mut browser = Browser::start();
    browser.open(&page, 800);
    is_quiet(&browser, &page);
    assert!(!again.contains("index.html"), "there is no list beside it");
    // an altered trace says so on its page
    let copy = site.traces().join(format!("run-{}.jsonl", site.failed));
    fs::write(&copy, fs::read_to_string(&copy).unwrap().replacen("absent.txt", "absent.tyt", 1)).unwrap();
    let folder = site.write(0);
    browser.open(&folder.join(format!("run-{}.html", site.failed)), 800);
    assert!(browser.value("document.body.innerText").as_str().unwrap().contains("The trace does not hold"));
    site.workspace.lgflow(&["trace", "site", "nowhere"]).ended(1);
    site.workspace.write("empty/x", "");
    site.workspace.lgflow(&["trace", "site", "empty"]).ended(2).says("there is no trace in");
}

#[test]
fn pages_go_with_their_traces_and_nothing_else_does() {
    let site = Site::new();
    let folder = site.write(0);
    fs::write(folder.join("run-notes.html"), "mine").unwrap();
    let page = |run: &str| format!("run-{run}.html");
    let mut all =
        vec!["index.html".to_owned(), page(&site.failed), page(&site.rich), "run-notes.html".to_owned()];
    all.sort();
    assert_eq!(pages_in(&folder), all);
    fs::remove_file(site.traces().join(format!("run-{}.jsonl", site.failed))).unwrap();
    let told =
        site.workspace.lgflow(&["trace", "site", "artifacts/runs", "--format", "json"]).ended(0).json();
    assert_eq!((&told["runs"], &told["removed"]), (&json!(1), &json!(1)));
    all.retain(|name| *name != page(&site.failed));
    assert_eq!(pages_in(&folder), all);
    assert!(!fs::read_to_string(folder.join("index.html")).unwrap().contains(&site.failed));
    // what a repository puts into the folder leads nowhere
    let theirs = site.workspace.outside().join("theirs");
    fs::write(&theirs, "theirs").unwrap();
    fs::remove_file(folder.join("index.html")).unwrap();
    std::os::unix::fs::symlink(&theirs, folder.join("index.html")).unwrap();
    site.write(0);
    assert_eq!(fs::read_to_string(&theirs).unwrap(), "theirs");
    assert!(fs::read_to_string(folder.join("index.html")).unwrap().contains(&site.rich));
    fs::rename(&folder, site.workspace.outside().join("elsewhere")).unwrap();
    std::os::unix::fs::symlink(site.workspace.outside().join("elsewhere"), &folder).unwrap();
    site.workspace.lgflow(&["trace", "site", "artifacts/runs"]).ended(1).says("it is a link");
    fs::remove_file(&folder).unwrap();
    fs::rename(site.workspace.outside().join("elsewhere"), &folder).unwrap();
    // the last of them
    fs::remove_file(site.traces().join(format!("run-{}.jsonl", site.rich))).unwrap();
    site.write(0);
    assert_eq!(pages_in(&folder), ["index.html", "run-notes.html"]);
}

#[test]
fn what_was_taken_back_is_said_on_its_page_and_in_the_list() {
    let site = Site::new();
    let workspace = &site.workspace;
    let undo = workspace.lgflow(&["runs", "undo", &site.rich, "--trace", "--format", "json"]).ended(0).json();
    let undo = undo["run"].as_str().unwrap().to_owned();
    let said = format!("<dt>taken back</dt><dd>by the run <code>{undo}</code></dd>");
    let (page, index) = (format!("run-{}.html", site.rich), "index.html");
    let there = |folder: &Path| {
        let read = |name: &str| fs::read_to_string(folder.join(name)).unwrap();
        assert!(!read(&format!("run-{undo}.html")).contains("<dt>taken back</dt>"));
        assert_eq!(read(index).matches("taken back").count(), usize::from(read(&page).contains(&said)));
        read(&page).contains(&said)
    };
    assert!(there(&site.write(0)));
    let html = |run: &str| workspace.lgflow(&["trace", "export", run, "--to", "html"]).ended(0).stdout;
    assert!(html(&site.rich).contains(&said) && !html(&site.failed).contains("taken back"));
    let listed = workspace.lgflow(&["runs", "list", "--format", "json"]).ended(0).json();
    let of =
        |run: &str| listed["runs"].as_array().unwrap().iter().find(|one| one["run"] == run).unwrap().clone();
    assert_eq!((&of(&site.rich)["taken_back_by"], &of(&undo)["taken_back_by"]), (&json!(undo), &Value::Null));
    assert!(workspace.lgflow(&["runs", "list"]).ended(0).stdout.contains(&format!("taken back by {undo}")));
    let shown = workspace.lgflow(&["runs", "show", &site.rich, "--format", "json"]).ended(0).json();
    assert_eq!(shown["taken_back_by"], json!(undo));
    // elsewhere the traces alone tell it
    let copies = workspace.outside().join("copies");
    let elsewhere = |arguments: &[&str]| {
        let mut command = workspace.command(arguments);
        command.env("LGFLOW_STATE_DIR", workspace.outside().join("none"));
        program::Ran::from(command.output().unwrap())
    };
    let copied = std::process::Command::new("cp").arg("-r").args([&site.traces(), &copies]).status();
    assert!(copied.unwrap().success());
    fs::remove_dir_all(copies.join("site")).unwrap();
    elsewhere(&["trace", "site", copies.to_str().unwrap()]).ended(0);
    assert!(there(&copies.join("site")));
    // once the undo was taken back itself, nothing is
    workspace.lgflow(&["runs", "undo", &undo, "--trace"]).ended(0);
    assert!(!fs::read_to_string(site.write(0).join(&page)).unwrap().contains("<dt>taken back</dt>"));
    assert!(!workspace.lgflow(&["runs", "list"]).ended(0).stdout.contains(&format!("taken back by {undo}")));
}

#[test]
fn what_no_site_has_written_stays_and_what_is_no_plain_file_is_named() {
    let site = Site::new();
    let own = site.workspace.outside().join("own");
    fs::create_dir(&own).unwrap();
    fs::write(own.join("index.html"), "mine").unwrap();
    let arguments = ["trace", "site", "artifacts/runs", "-o", own.to_str().unwrap()];
    site.workspace.lgflow(&arguments).ended(1).says("that no site has written");
    assert_eq!(fs::read_to_string(own.join("index.html")).unwrap(), "mine");
    assert_eq!(fs::read_dir(&own).unwrap().count(), 1);
    fs::remove_file(own.join("index.html")).unwrap();
    for _ in 0..2 {
        site.workspace.lgflow(&arguments).ended(0);
    }
    let trace = site.traces().join(format!("run-{}.jsonl", site.failed));
    std::os::unix::fs::symlink(&trace, site.traces().join("run-link.jsonl")).unwrap();
    let told = site.workspace.lgflow(&["trace", "site", "artifacts/runs", "--format", "json"]).ended(7);
    assert!(told.stderr.contains("run-link.jsonl"), "{}", told.stderr);
    let told = told.json();
    assert_eq!((&told["runs"], told["unreadable"].as_array().unwrap().len()), (&json!(2), 1), "{told}");
}
