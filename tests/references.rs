//! What the expressions of a graph read, against what is there: each finding at the wrong word, and nothing else.

#![allow(
    clippy::disallowed_methods,
    clippy::unwrap_used,
    reason = "a test makes its own files and processes, and stops where it is wrong"
)]

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use lgflow::compile::{FileRef, LoadProblem, Loaded, Root, check_files};
use lgflow::diag::Diagnostics;
use lgflow::files::RelPath;
use lgflow::source::Sources;

/// `code part-of-the-text help` of each finding in `files[0]` and what it names.
fn findings(files: &[(&str, &str)]) -> Vec<String> {
    let texts: BTreeMap<&str, &str> = files.iter().copied().collect();
    let (mut sources, mut diagnostics) = (Sources::default(), Diagnostics::default());
    let name = files[0].0;
    let root = Root {
        path: RelPath::parse(name).unwrap(),
        name: name.to_owned(),
        bytes: texts[name].as_bytes().to_vec(),
    };
    let mut load = |file: &FileRef| {
        let text = texts.get(file.path.as_str()).ok_or_else(|| LoadProblem::new("it does not exist"))?;
        Ok(Loaded { name: file.path.to_string(), bytes: text.as_bytes().to_vec() })
    };
    check_files(vec![root], &mut load, &mut sources, &mut diagnostics);
    let shown = |found: &lgflow::diag::Diagnostic| {
        let help = found.help.clone().unwrap_or_default();
        format!("{} `{}` {help}", found.code, sources.text(found.span()))
    };
    diagnostics.iter().map(shown).collect()
}

/// A graph in which every kind of name is there.
const GRAPH: &str = r#"
schema: lgflow.graph/v1
name: g
inputs:
  request: { type: string }
  config: { type: object, properties: { deep: { type: integer } }, additionalProperties: false }
state:
  tries: { type: integer, reduce: sum }
prompts:
  ask: { text: "{{ request }} {{ count }}" }
nodes:
  list:
    uses: list_files
    with: { path: "." }
  each:
    uses: read_file
    for_each: { in: nodes.list.output.files, as: file }
    with: { path: "{{ file }}" }
  plan:
    uses: values
    with: { x: WITH }
  test:
    uses: exec
    with: { argv: [cargo, test], ok_exit: any }
    update: { tries: UPDATE }
  say:
    uses: render
    with: { prompt: ask, vars: { request: "{{ inputs.request }}", count: "{{ state.tries }}" } }
edges:
  - list -> each -> plan -> test
  - { from: test, to: plan, when: "WHEN", loop: { max: 3 } }
  - { from: test, to: say, otherwise: true }
outputs:
  said: OUTPUT
"#;

fn graph(with: &str, update: &str, when: &str, output: &str) -> Vec<String> {
    let quoted = |text: &str| format!("'{}'", text.replace('\'', "''"));
    let text = GRAPH
        .replace("WITH", &quoted(with))
        .replace("UPDATE", &quoted(update))
        .replace("WHEN", when)
        .replace("OUTPUT", &quoted(output));
    findings(&[("g.yaml", &text)])
}

#[test]
fn names_and_fields_are_looked_up() {
    let cases: &[(&str, &[&str])] = &[
        ("{{ inputs.request }}{{ state.tries }}{{ loops.plan.iteration }}{{ run.graph_digest }}", &[]),
        ("{{ nodes.list.output.files }}", &[]),
        ("{{ nodes.each.output[0].content }}", &[]),
        ("{{ nodes.list.error.output.anything | default(1) }}", &[]),
        ("{{ inputs.requst }}", &["unknown-input `requst` write `request`"]),
        ("{{ nodes.tets.output }}", &["unknown-node `tets` write `test`"]),
        ("{{ nodes['tets'].output }}", &["unknown-node `tets` write `test`"]),
        ("{{ state.tris }}", &["unknown-channel `tris` write `tries`"]),
        ("{{ loops.plna.iteration }}", &["unknown-loop `plna` write `plan`"]),
        ("{{ loops.plan.iteratoin }}", &["unknown-field `iteratoin` write `iteration`"]),
        ("{{ nodes.test.outptu }}", &["unknown-field `outptu` write `output`"]),
        ("{{ nodes.test.output.exit_cod }}", &["unknown-field `exit_cod` write `exit_code`"]),
        ("{{ nodes.test.output.exit_cod | default(1) }}", &["unknown-field `exit_cod` write `exit_code`"]),
        ("{{ nodes.test.error.knd }}", &["unknown-field `knd` write `kind`"]),
        ("{{ nodes.test.status.x }}", &["unknown-field `x` "]),
        (
            "{{ nodes.each.output.text }}",
            &["unknown-field `text` write `[0].text` or `| map(attribute='text')`"],
        ),
        ("{{ inputs.config.dep }}", &["unknown-field `dep` write `deep`"]),
        ("{{ run.revison }}", &["unknown-field `revison` write `revision`"]),
        ("{{ request }}", &["unknown-variable `request` write `inputs.request`"]),
        ("{{ tries }}", &["unknown-variable `tries` write `state.tries`"]),
        ("{{ node.test.output }}", &["unknown-variable `node` write `nodes`"]),
        ("{{ file.path }}", &["unknown-variable `file` "]),
        (
            "{{ output.exit_code }}",
            &["out-of-scope `output` write `nodes.ID.output` with the node that is meant"],
        ),
        ("{{ error.kind }}", &["out-of-scope `error` write `nodes.ID.error` with the node that is meant"]),
        (
            "{{ nodes.tets.output | lengt }} {{ inputs.requst }}",
            &[
                "unknown-node `tets` write `test`",
                "unknown-filter `lengt` write `length`",
                "unknown-input `requst` write `request`",
            ],
        ),
        ("{% for n in nodes.list.output.files %}{{ n }}{{ m }}{% endfor %}", &["unknown-variable `m` "]),
        (
            "{% for n in nodes.list.output.files %}{{ n.path }}{{ m }}{% endfor %}",
            &["unknown-field `path` ", "unknown-variable `m` "],
        ),
    ];
    for (source, expected) in cases {
        let found =
            graph(source, "{{ 1 }}", "nodes.test.output.exit_code != 0", "{{ nodes.say.output.text }}");
        let trimmed: Vec<&str> = found.iter().map(String::as_str).collect();
        assert_eq!(trimmed.len(), expected.len(), "{source}: {found:?}");
        for (found, expected) in trimmed.iter().zip(*expected) {
            assert!(found.starts_with(expected), "{source}: {found} is not {expected}");
        }
    }
}

#[test]
fn some_names_are_known_in_some_places_only() {
    let when = "nodes.test.output.exit_code != 0";
    let good =
        graph("1", "{{ output.exit_code }}", "output.exit_code != 0 and loops.plan.iteration < 3", "{{ 1 }}");
    assert!(good.is_empty(), "{good:?}");
    let update = graph("1", "{{ output.exit_cod }}{{ error.kind }}", when, "{{ 1 }}");
    assert_eq!(
        update,
        [
            "unknown-field `exit_cod` write `exit_code`",
            "out-of-scope `error` write `nodes.ID.error` with the node that is meant"
        ]
    );
    let outside = graph("1", "{{ 1 }}", when, "{{ loops.plan.iteration }}");
    assert_eq!(outside, ["out-of-scope `plan` count in a channel: `{ type: integer, reduce: sum }`"]);
    let elsewhere = graph("{{ loops.test.iteration }}", "{{ 1 }}", when, "{{ 1 }}");
    assert_eq!(elsewhere.len(), 1, "{elsewhere:?}");
    assert!(elsewhere[0].starts_with("unknown-loop `test`"), "{elsewhere:?}");
}

/// A node that renders the prompt `ask`.
fn prompt(text: &str, vars: &str) -> Vec<String> {
    let graph = format!(
        "schema: lgflow.graph/v1\nname: g\ninputs:\n  request: {{ type: string }}\nprompts:\n  ask: {{ file: ask.md }}\nnodes:\n  \
         say:\n    uses: render\n    with:\n      prompt: ask\n      vars: {vars}\n"
    );
    findings(&[("g.yaml", &graph), ("ask.md", text)])
}

#[test]
fn prompts_and_their_variables_agree() {
    let cases: &[(&str, &str, &[&str])] = &[
        ("{{ request }}\n", "{ request: \"{{ inputs.request }}\" }", &[]),
        (
            "{{ requst }}\n",
            "{ request: \"{{ inputs.request }}\" }",
            &["unknown-variable `requst` write `request`"],
        ),
        ("{{ request }}\n", "{ requst: 1 }", &["unknown-variable `requst` write `request`"]),
        ("{{ request }}{{ other }}\n", "{ request: 1 }", &["unknown-variable `other` add `other` to `vars`"]),
        (
            "{{ request }}\n",
            "{ request: 1, other: 2 }",
            &["unused-variable `other` remove `other`, or use it in the prompt"],
        ),
        ("{{ inputs.request }}\n", "{}", &["unknown-variable `inputs` add `inputs` to `vars`"]),
        ("{% for x in list %}{{ x }}{% endfor %}\n", "{ list: [1] }", &[]),
        ("{{ request | uper }}\n", "{ request: 1 }", &["unknown-filter `uper` write `upper`"]),
    ];
    for (text, vars, expected) in cases {
        assert_eq!(prompt(text, vars), *expected, "{text} {vars}");
    }
}

#[test]
fn every_valid_graph_is_silent() {
    let mut seen = 0;
    for entry in fs::read_dir("tests/ok").unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            continue;
        }
        let name = path.file_name().unwrap().to_str().unwrap().to_owned();
        let mut files: Vec<(String, String)> = vec![(name, fs::read_to_string(&path).unwrap())];
        collect(Path::new("tests/ok"), "", &mut files);
        let files: Vec<(&str, &str)> =
            files.iter().map(|(name, text)| (name.as_str(), text.as_str())).collect();
        let mut found = findings(&files);
        // what is not built yet is right all the same
        found.retain(|found| !found.starts_with("not-built "));
        assert!(found.is_empty(), "{}: {found:#?}", path.display());
        seen += 1;
    }
    assert!(seen > 10, "only {seen} valid graphs were found");
}

fn collect(folder: &Path, prefix: &str, files: &mut Vec<(String, String)>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let name = format!("{prefix}{}", path.file_name().unwrap().to_str().unwrap());
        if path.is_dir() {
            collect(&path, &format!("{name}/"), files);
        } else if let Ok(text) = fs::read_to_string(&path) {
            files.push((name, text));
        }
    }
}
