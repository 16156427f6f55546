//! Hostile graph, policy and template files through the program: a finding or a failed run, never a crash, within 200 MiB.
//! The times are printed and not asserted (`docs/performance.md` records them); `LGFLOW_PROGRAM` names another build to
//! measure.

#![allow(
    clippy::disallowed_methods,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::format_collect,
    unreachable_pub,
    reason = "a test makes its own files and processes, and stops where it is wrong"
)]
#![allow(clippy::print_stdout, reason = "the times are for who runs the test")]

mod program;

use std::fmt::Write as _;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::Stdio;

use program::Workspace;
use serde_json::{Value, json};

/// The most memory that a process may have had, in KiB.
const MOST: u64 = 200 << 10;
/// Far beyond anything that counts as working: whoever needs so many seconds hangs.
const HANGS: &str = "120";

/// What became of a command.
struct Measured {
    code: Option<i64>,
    peak: u64,
    milliseconds: u64,
    said: String,
}

fn measure(workspace: &Workspace, arguments: &[&str]) -> Measured {
    let (said, result) = (workspace.outside().join("said"), workspace.outside().join("result.json"));
    let out = File::create(&said).unwrap();
    let status = workspace
        .program("python3", &[])
        .arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/program/measure.py"))
        .arg(&result)
        .arg(HANGS)
        .arg(
            std::env::var_os("LGFLOW_PROGRAM")
                .map_or_else(|| env!("CARGO_BIN_EXE_lgflow").into(), PathBuf::from),
        )
        .args(arguments)
        .stdout(out.try_clone().unwrap())
        .stderr(out)
        .stdin(Stdio::null())
        .status();
    assert!(status.expect("this test needs `python3` in the PATH").success());
    let result: Value = serde_json::from_slice(&fs::read(result).unwrap()).unwrap();
    Measured {
        code: result["code"].as_i64(),
        peak: result["peak_kib"].as_u64().unwrap(),
        milliseconds: result["milliseconds"].as_u64().unwrap(),
        said: String::from_utf8_lossy(&fs::read(said).unwrap()).into_owned(),
    }
}

/// Holds one command to the bounds, and prints what it took.
fn hold(workspace: &Workspace, name: &str, arguments: &[&str], codes: &[i64]) -> String {
    let Measured { code, peak, milliseconds, said } = measure(workspace, arguments);
    println!("{name:<46} exit {code:?} {milliseconds:>5} ms {:>4} MiB", peak >> 10);
    let beginning: String = said.chars().take(2000).collect();
    assert!(code.is_some_and(|code| codes.contains(&code)), "{name}: exit {code:?}:\n{beginning}");
    assert!(peak < MOST, "{name}: {} MiB", peak >> 10);
    assert!(!said.contains("panicked"), "{name}:\n{beginning}");
    said
}

fn nested(open: &str, close: &str, depth: usize) -> String {
    open.repeat(depth) + &close.repeat(depth)
}

fn utf16(text: &str, little: bool) -> Vec<u8> {
    let bytes = |unit: u16| if little { unit.to_le_bytes() } else { unit.to_be_bytes() };
    std::iter::once(0xfeff).chain(text.encode_utf16()).flat_map(bytes).collect()
}

/// Text up to the limit of a file of ours.
fn filled(part: &str) -> String {
    part.repeat((4 << 20) / part.len() - 1)
}

const DEEP: usize = 100_000;
const GRAPH: &str = "schema: lgflow.graph/v1\nname: g\nnodes:\n  a: { uses: values, with: { x: 1 } }\n";

fn yaml() -> Vec<(&'static str, Vec<u8>)> {
    let bomb: String = (1..12)
        .map(|n| format!("x-{n}: &a{n} [{}]\n", vec![format!("*a{}", n - 1); 10].join(", ")))
        .collect();
    let merged: String =
        (1..2000).map(|n| format!("x-{n}: &m{n} {{ <<: *m{}, k{n}: 1 }}\n", n - 1)).collect();
    let keys: String = (0..200_000).map(|n| format!("k{n}: 1\n")).collect();
    [
        ("an alias bomb", format!("{GRAPH}x-0: &a0 [lol]\n{bomb}")),
        ("an alias of itself", format!("{GRAPH}x-0: &a [*a, *a]\n")),
        (
            "one long text, many aliases",
            format!("{GRAPH}x-0: &a {}\nx-1: [{}]\n", "y".repeat(1 << 20), "*a, ".repeat(200_000)),
        ),
        ("lists, 100,000 deep", nested("[", "]", DEEP)),
        ("objects, 100,000 deep", nested("{a: ", "}", DEEP)),
        ("block lists, 100,000 deep", "- ".repeat(DEEP) + "x"),
        ("block objects, 2,000 deep", (0..2000).map(|n| " ".repeat(n) + "a:\n").collect()),
        ("explicit keys, 100,000 deep", "? ".repeat(DEEP) + "x"),
        ("duplicate keys", GRAPH.to_owned() + &"name: g\n".repeat(100_000)),
        ("many keys", GRAPH.to_owned() + &keys),
        ("merge keys", format!("{GRAPH}x-0: &m0 {{ k0: 1 }}\n{merged}")),
        ("tags", GRAPH.to_owned() + &"x-t: !!python/object/apply:os.system [reboot]\n".repeat(10_000)),
        ("a tag that includes", format!("{GRAPH}x-t: !include /etc/passwd\n")),
        ("a number of 100,000 digits", format!("{GRAPH}concurrency: {{ max: {} }}\n", "9".repeat(100_000))),
        ("a number with a huge exponent", format!("{GRAPH}concurrency: {{ max: 1e999999999 }}\n")),
        ("several documents", (GRAPH.to_owned() + "---\n").repeat(20_000)),
        ("full of `[`", filled("[")),
        ("full of `- `", filled("- ")),
        ("full of `{`", filled("{")),
        ("full of anchors", filled("&a ")),
        ("full of quotes", filled("\"")),
        ("full of `? `", filled("? ")),
        ("full of `|`", filled("a: |\n")),
        ("full of syntax errors", filled("a: ]\n")),
        ("full of tabs", filled("\ta: b\n")),
        ("full of comments", filled("#\n")),
        ("full of line breaks", filled("\n")),
        ("full of document ends", filled("...\n")),
    ]
    .into_iter()
    .map(|(name, text)| (name, text.into_bytes()))
    .chain(encodings(GRAPH))
    .collect()
}

fn encodings(graph: &str) -> Vec<(&'static str, Vec<u8>)> {
    let mut nul = graph.as_bytes().to_vec();
    nul.extend([0; 1000]);
    vec![
        ("UTF-16, little end first", utf16(graph, true)),
        ("UTF-16, big end first", utf16(graph, false)),
        ("no UTF-8", [graph.as_bytes(), b"\xff\xfe\x80"].concat()),
        ("NUL bytes", nul),
        ("full of NUL bytes", vec![0; (4 << 20) - 1]),
    ]
}

fn toml() -> Vec<(&'static str, Vec<u8>)> {
    const GRAPH: &str =
        "schema = \"lgflow.graph/v1\"\nname = \"g\"\n[nodes.a]\nuses = \"values\"\nwith = { x = 1 }\n";
    let tables: String = (0..100_000).map(|n| format!("[t{n}]\n")).collect();
    [
        ("lists, 100,000 deep", format!("x-a = {}", nested("[", "]", DEEP))),
        ("objects, 100,000 deep", format!("x-a = {}", nested("{a=", "}", DEEP))),
        ("a key of 100,000 parts", format!("x-a{} = 1", ".a".repeat(DEEP))),
        ("a table of 100,000 parts", format!("[x-a{}]", ".a".repeat(DEEP))),
        ("duplicate keys", "name = \"g\"\n".repeat(100_000)),
        ("duplicate tables", "[a]\n".repeat(100_000)),
        ("many tables", tables),
        ("many tables of one list", GRAPH.to_owned() + &"[[x-a]]\n".repeat(300_000)),
        ("a number of 100,000 digits", format!("{GRAPH}[concurrency]\nmax = {}\n", "9".repeat(100_000))),
        ("a number with a huge exponent", format!("{GRAPH}[concurrency]\nmax = 1e999999999\n")),
        ("full of `[`", filled("[")),
        ("full of an open list", "a = ".to_owned() + &filled("[")),
        ("full of `{`", "a = ".to_owned() + &filled("{")),
        ("full of quotes", filled("\"")),
        ("full of syntax errors", filled("a = ]\n")),
        ("full of dots", filled("a.")),
        ("full of line breaks", filled("\n")),
    ]
    .into_iter()
    .map(|(name, text)| (name, text.into_bytes()))
    .chain(encodings(GRAPH))
    .collect()
}

fn json() -> Vec<(&'static str, Vec<u8>)> {
    const GRAPH: &str = "{\"schema\": \"lgflow.graph/v1\", \"name\": \"g\", \"nodes\": {\"a\": {\"uses\": \"values\", \"with\": {\"x\": 1}}}";
    [
        ("lists, 100,000 deep", nested("[", "]", DEEP)),
        ("objects, 100,000 deep", nested("{\"a\":", "}", DEEP)),
        ("duplicate keys", format!("{GRAPH}{}}}", ", \"name\": \"g\"".repeat(100_000))),
        (
            "a number of 100,000 digits",
            format!("{GRAPH}, \"concurrency\": {{\"max\": {}}}}}", "9".repeat(100_000)),
        ),
        ("a number with a huge exponent", format!("{GRAPH}, \"concurrency\": {{\"max\": 1e999999999}}}}")),
        ("several documents", format!("{GRAPH}}}\n").repeat(20_000)),
        ("lone surrogates", format!("{GRAPH}, \"x-a\": \"{}\"}}", "\\ud800".repeat(10_000))),
        ("full of `[`", filled("[")),
        ("full of `{\"\":`", filled("{\"\":")),
        ("full of quotes", filled("\"")),
        ("full of commas", filled(",")),
        ("full of `[]`", filled("[],")),
        ("full of small objects", format!("[{}{{}}]", filled("{},"))),
    ]
    .into_iter()
    .map(|(name, text)| (name, text.into_bytes()))
    .chain(encodings(GRAPH))
    .collect()
}

#[test]
fn files_of_ours_in_every_syntax() {
    for (syntax, cases) in [("yaml", yaml()), ("toml", toml()), ("json", json())] {
        for (name, bytes) in cases {
            let workspace = Workspace::new();
            let file = format!("graph.{syntax}");
            workspace.write(&file, bytes);
            hold(&workspace, &format!("{syntax}: {name}"), &["validate", &file], &[3]);
        }
        let workspace = Workspace::new();
        for (name, part) in [("spaces", " "), ("lists", "["), ("keys", "a: 1\n"), ("NUL bytes", "\0")] {
            let file = format!("large.{syntax}");
            workspace.write(&file, part.repeat((100 << 20) / part.len()));
            let said = hold(&workspace, &format!("{syntax}: 100 MiB of {name}"), &["validate", &file], &[3]);
            assert!(said.contains("large") || said.contains("more than"), "{said}");
        }
        sparse(&workspace.path().join(format!("sparse.{syntax}")));
        hold(
            &workspace,
            &format!("{syntax}: 10 GiB with a hole"),
            &["validate", &format!("sparse.{syntax}")],
            &[3],
        );
    }
}

fn sparse(path: &Path) {
    File::create(path).unwrap().set_len(10 << 30).unwrap();
}

#[test]
fn a_hostile_file_that_a_graph_names() {
    let workspace = Workspace::new();
    let graph = |more: &str| format!("{GRAPH}{more}");
    workspace.write("deep.json", nested("[", "]", DEEP));
    workspace
        .write("policy.yaml", "schema: lgflow.policy/v1\nname: p\n".to_owned() + &nested("{a: ", "}", DEEP));
    workspace.write("long.md", vec![b'x'; 100 << 20]);
    for (name, more) in [
        ("a policy, 100,000 deep", "policy: policy.yaml\n"),
        ("a prompt of 100 MiB", "prompts: { p: { file: long.md } }\n"),
        ("a schema, 100,000 deep", "inputs: { i: { type: object, $ref: deep.json } }\n"),
    ] {
        workspace.write("graph.yaml", graph(more));
        hold(&workspace, name, &["validate", "graph.yaml"], &[3]);
    }
    hold(&workspace, "a policy of the user's", &["run", "-g", "graph.yaml", "--policy", "policy.yaml"], &[3]);
    workspace.write("graph.yaml", GRAPH);
    hold(&workspace, "inputs, 100,000 deep", &["run", "-g", "graph.yaml", "--inputs", "deep.json"], &[2, 3]);
}

/// A file of graphs, each written within the other, so many of them.
fn within_each_other(depth: usize) -> String {
    let mut text = "schema: lgflow.graph/v1\nname: g\n".to_owned();
    let indent = |level: usize| " ".repeat(2 * level);
    for level in 0..depth - 1 {
        writeln!(text, "{0}graphs:\n{0} g:", indent(level)).unwrap();
    }
    for level in (0..depth).rev() {
        let runs = if level == depth - 1 { "uses: values" } else { "uses: graph, with: { graph: g }" };
        writeln!(text, "{}nodes: {{ n: {{ {runs} }} }}", indent(level)).unwrap();
    }
    text
}

#[test]
fn graphs_within_graphs() {
    let workspace = Workspace::new();
    for (depth, codes) in [(16, &[0][..]), (17, &[3]), (25, &[3])] {
        workspace.write("graph.yaml", within_each_other(depth));
        for command in ["validate", "plan"] {
            let name = format!("{command}: {depth} graphs within each other");
            let arguments = if command == "validate" {
                vec!["validate", "graph.yaml"]
            } else {
                vec!["plan", "-g", "graph.yaml"]
            };
            let said = hold(&workspace, &name, &arguments, codes);
            assert!(codes == [0] || said.contains("nested more than 16 deep"), "{said}");
        }
    }
    // each runs the next one six times
    let nodes: String =
        (0..6).map(|n| format!("  n{n}: {{ uses: graph, with: {{ graph: g }} }}\n")).collect();
    for at in 0..16 {
        let text = format!(
            "schema: lgflow.graph/v1\nname: g{at}\ngraphs: {{ g: {{ file: g{}.yaml }} }}\nnodes:\n{nodes}",
            at + 1
        );
        workspace.write(&format!("g{at}.yaml"), text);
    }
    workspace.write("g16.yaml", "schema: lgflow.graph/v1\nname: g16\nnodes: { n: { uses: values } }\n");
    hold(&workspace, "validate: six times six times … six", &["validate", "g11.yaml"], &[0]);
    let said = hold(&workspace, "validate: more than there is room for", &["validate", "g8.yaml"], &[3]);
    assert!(said.contains("more than 250000 nodes"), "{said}");
}

/// So many loops that one node turns, around channels that are copied in a ring, of which each is null now and then.
fn channels_around_loops(loops: usize, channels: usize, nodes: usize) -> Value {
    let channel = |n: usize| format!("c{}", n % channels);
    let (mut all, mut edges) = (serde_json::Map::new(), Vec::new());
    let mut before: Option<String> = None;
    for at in 0..loops {
        let ring = (0..channels).map(|n| (channel(n), json!(format!("{{{{ state.{} }}}}", channel(n + 1)))));
        let update: serde_json::Map<String, Value> = ring.filter(|_| at % 2 == 0).collect();
        let head = format!("h{at}");
        edges.extend(before.map(|from| json!({ "from": from, "to": head })));
        all.insert(head.clone(), json!({ "uses": "values", "update": update }));
        before = Some(head);
    }
    for at in 0..nodes {
        let with = json!({ "t": format!("{{{{ state.{} }}}}!", channel(at)) });
        let written = [("{{ inputs.z }}", 0), ("good", 2)].into_iter().find(|(_, rest)| at % 5 == *rest);
        let update: serde_json::Map<String, Value> =
            written.map(|(text, _)| (channel(at), json!(text))).into_iter().collect();
        let node = format!("m{at}");
        edges.extend(before.map(|from| json!({ "from": from, "to": node })));
        all.insert(node.clone(), json!({ "uses": "values", "with": with, "update": update }));
        before = Some(node);
    }
    edges.extend(before.map(|from| json!({ "from": from, "to": "t" })));
    all.insert("t".into(), json!({ "uses": "exec", "with": { "argv": ["c"], "ok_exit": "any" } }));
    all.insert("e".into(), json!({ "uses": "values" }));
    edges.push(json!({ "from": "t", "to": "e", "otherwise": true }));
    edges.extend((0..loops).map(|at| {
        let when = format!("output.exit_code == {}", at + 1);
        json!({ "from": "t", "to": format!("h{at}"), "when": when, "loop": { "max": 3 } })
    }));
    let text = json!({ "type": ["string", "null"], "default": "x", "reduce": "replace" });
    let state: serde_json::Map<String, Value> = (0..channels).map(|n| (channel(n), text.clone())).collect();
    json!({
        "schema": "lgflow.graph/v1", "name": "g", "inputs": { "z": { "type": ["string", "null"], "default": null } },
        "state": state, "nodes": all, "edges": edges,
    })
}

#[test]
fn channels_that_many_loops_carry() {
    let workspace = Workspace::new();
    for (loops, channels, nodes) in [(5, 8, 50), (31, 32, 100), (31, 32, 400)] {
        workspace.write("graph.json", channels_around_loops(loops, channels, nodes).to_string());
        let name = format!("validate: {loops} loops, {channels} channels, {nodes} nodes");
        let said = hold(&workspace, &name, &["validate", "graph.json"], &[3]);
        assert!(said.contains("may-be-null"), "{said}");
    }
}

#[test]
fn templates() {
    let words = "{% set x = 'xxxxxxxxxxxxxxxx' %}";
    let doubling = words.to_owned() + &"{% set x = x ~ x %}".repeat(60) + "{{ x }}";
    for (name, template, codes) in [
        ("doubling strings", doubling.as_str(), &[1][..]),
        (
            "long texts in a loop",
            &format!(
                "{words}{}{{% for i in range(99999999) %}}{{{{ x }}}}{{% endfor %}}",
                "{% set x = x ~ x %}".repeat(16)
            ),
            &[3],
        ),
        (
            "long texts in a loop of an input",
            &format!(
                "{words}{}{{% for i in range(n) %}}{{{{ x }}}}{{% endfor %}}",
                "{% set x = x ~ x %}".repeat(16)
            ),
            &[1],
        ),
        ("an endless loop", "{% for i in range(99999999999) %}x{% endfor %}", &[3]),
        ("an endless loop of an input", "{% for i in range(n) %}x{% endfor %}", &[1]),
        ("loops in loops", &("{% for a in range(1000) %}".repeat(5) + "x" + &"{% endfor %}".repeat(5)), &[1]),
        ("a long list", "{{ range(9223372036854775807) | length }}", &[3]),
        ("a long list of an input", "{{ range(n) | length }}", &[1]),
        ("products", "{{ range(2000) | product(range(2000)) | product(range(2000)) | length }}", &[3]),
        (
            "products of an input",
            "{{ range(n // 49999) | product(range(n // 49999)) | product(range(2000)) | length }}",
            &[1],
        ),
        (
            "replacements",
            &format!("{words}{}{{{{ x }}}}", "{% set x = x | replace('x', x) %}".repeat(12)),
            &[1],
        ),
        (
            "lists in lists",
            &("{% set x = [] %}".to_owned() + &"{% set x = [x, x] %}".repeat(5000) + "{{ x | tojson }}"),
            &[1],
        ),
        (
            "escapes of escapes",
            &(words.to_owned() + &"{% set x = [x, x] | tojson | tojson %}".repeat(40) + "{{ x }}"),
            &[1],
        ),
        (
            "indents",
            &(words.to_owned() + &"{% set x = x ~ '\n' ~ x | indent(200, true) %}".repeat(60) + "{{ x }}"),
            &[1],
        ),
        (
            "code of code",
            &("{% set x = '`' %}".to_owned() + &"{% set x = (x ~ x) | code %}".repeat(60) + "{{ x }}"),
            &[1],
        ),
        ("a macro that calls itself", "{% macro a() %}{{ a() }}{% endmacro %}{{ a() }}", &[3]),
        ("a template that includes itself", "{% include 'p.md' %}", &[3]),
        ("blocks, 18,000 deep", &("{% if true %}".repeat(18_000) + &"{% endif %}".repeat(2_000)), &[3]),
        ("brackets, 100,000 deep", &format!("{{{{ {} }}}}", nested("(", ")", DEEP)), &[3]),
        ("lists, 100,000 deep", &format!("{{{{ {} }}}}", nested("[", "]", DEEP)), &[3]),
        ("nots, 60,000 deep", &format!("{{{{ {}true }}}}", "not ".repeat(60_000)), &[3]),
        ("full of braces", &"{{".repeat(120_000), &[3]),
        ("too long", &"x".repeat(1 << 20), &[3]),
    ] {
        // what is given to a template is used by it
        let vars = if template.contains("(n") { ", vars: { n: \"{{ inputs.n }}\" }" } else { "" };
        let graph = format!(
            "schema: lgflow.graph/v1\nname: t\ninputs: {{ n: {{ type: integer, default: 99999999 }} }}\nprompts: {{ p: {{ file: p.md }} }}\n\
             nodes:\n  n: {{ uses: render, with: {{ prompt: p{vars} }} }}\noutputs: {{ text: \"{{{{ nodes.n.output.text }}}}\" }}\n"
        );
        let workspace = Workspace::new();
        workspace.write("p.md", template).write("graph.yaml", graph);
        let said = hold(&workspace, &format!("template: {name}"), &["run", "-g", "graph.yaml"], codes);
        assert!(said.contains("p.md") || said.contains("n: expression"), "{name}: {said}");
    }
}
