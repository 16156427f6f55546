//! What `--bless` writes keeps the form that the file has, and every comment beside what stays; where that does not go,
//! nothing is written.

use serde_json::{Value, json};

use super::program::Workspace;

/// A workspace whose graph gives out this value as `o`.
fn gives(found: &Value) -> Workspace {
    let workspace = Workspace::git();
    let graph = format!(
        "schema: lgflow.graph/v1\nname: g\nnodes: {{ v: {{ uses: values, with: {{ o: {found} }} }} }}\noutputs: {{ o: '{{{{ nodes.v.output.o }}}}' }}\n"
    );
    workspace.write(".lg/graph.yaml", graph);
    workspace
}

/// Blesses a file and holds it against what is to stand there; nothing is where it is to stay as it was.
fn becomes(name: &str, before: &str, found: &Value, after: Option<&str>) {
    let workspace = gives(found);
    workspace.write(name, before);
    let ran = workspace.lgflow(&["test", "--bless"]).ended(i32::from(after.is_none()));
    assert_eq!(workspace.read(name), after.unwrap_or(before), "{before}\n{}", ran.stdout);
    match after {
        Some(_) => drop(workspace.lgflow(&["test"]).ended(0)),
        None => assert!(ran.stdout.contains("cannot be written here"), "{before}\n{}", ran.stdout),
    }
}

fn yaml(before: &str, found: &Value, after: impl Into<Option<&'static str>>) {
    let file = |outputs: &str| {
        format!(
            "schema: lgflow.test/v1\ngraph: ../graph.yaml\ncases:\n- name: n\n  expect:\n    outputs:\n{outputs}    status: succeeded # all went well\n"
        )
    };
    becomes(".lg/tests/g.yaml", &file(before), found, after.into().map(file).as_deref());
}

fn toml(before: &str, found: &Value, after: impl Into<Option<&'static str>>) {
    let file = |outputs: &str| {
        format!(
            "schema = \"lgflow.test/v1\"\ngraph = \"../graph.yaml\"\n[[cases]]\nname = \"n\"\n[cases.expect]\nstatus = \"succeeded\" # all went well\n[cases.expect.outputs]\n{outputs}"
        )
    };
    becomes(".lg/tests/g.toml", &file(before), found, after.into().map(file).as_deref());
}

fn json_file(before: &str, found: &Value, after: &str) {
    let file = |outputs: &str| {
        format!(
            "{{\n  \"schema\": \"lgflow.test/v1\", \"graph\": \"../graph.yaml\",\n  \"cases\": [{{ \"name\": \"n\", \"expect\": {{ \"outputs\": {{\n    \"o\": {outputs}\n  }} }} }}]\n}}\n"
        )
    };
    becomes(".lg/tests/g.json", &file(before), found, Some(&file(after)));
}

#[test]
fn a_list_whose_dashes_stand_under_its_key_is_blessed_line_by_line() {
    let list = "      o:\n      - a # first\n      # then\n      - b\n";
    yaml(list, &json!(["a", "b", "c"]), "      o:\n      - a # first\n      # then\n      - b\n      - c\n");
    yaml(list, &json!(["x", "a", "b"]), "      o:\n      - x\n      - a # first\n      # then\n      - b\n");
    yaml(list, &json!(["a"]), "      o:\n      - a # first\n      # then\n");
    yaml(list, &json!(["a", "c"]), "      o:\n      - a # first\n      # then\n      - c\n");
    yaml("      o:\n      - a\n      - a\n", &json!(["a"]), "      o:\n      - a\n");
    yaml("      o:\n      - a\n", &json!(["a", "b"]), "      o:\n      - a\n      - b\n");
    yaml("      o:\n      - a\n", &json!(["b"]), "      o:\n      - b\n");
    yaml("      o:\n      - a\n      - b\n", &json!([]), "      o: []\n");
    yaml("      o: # in order\n      - a\n", &json!([]), "      o: # in order\n        []\n");
    yaml(
        "      o:\n      - # alone\n        a\n      - b\n",
        &json!(["a"]),
        "      o:\n      - # alone\n        a\n",
    );
    // another kind of value, where no comment is lost
    yaml("      o:\n      - a\n      - b\n", &json!({ "x": 1 }), "      o: {\"x\":1}\n");
    yaml(list, &json!({ "x": 1 }), None);
}

#[test]
fn lists_in_lists_and_mappings_in_lists_are_blessed_where_they_differ() {
    let nested = "      o:\n      - - 1 # one\n        - 2\n      - - -3\n      -\n        - 4\n";
    yaml(
        nested,
        &json!([[1, 2, 5], [-3], [4, 6]]),
        "      o:\n      - - 1 # one\n        - 2\n        - 5\n      - - -3\n      -\n        - 4\n        - 6\n",
    );
    yaml(
        nested,
        &json!([[1], [-3], [4]]),
        "      o:\n      - - 1 # one\n      - - -3\n      -\n        - 4\n",
    );
    let mappings = "      o:\n      - n: 1 # one\n        m:\n        - x\n        - y # why\n      # next\n      - n: 2\n        m: []\n";
    yaml(
        mappings,
        &json!([{ "n": 1, "m": ["x", "z", "y"] }, { "n": 3, "m": [], "k": true }]),
        "      o:\n      - n: 1 # one\n        m:\n        - x\n        - z\n        - y # why\n      # next\n      - n: 3\n        m: []\n        k: true\n",
    );
    yaml(
        mappings,
        &json!([{ "n": 1, "m": ["x", "y"] }, { "m": [] }, { "n": 4 }]),
        "      o:\n      - n: 1 # one\n        m:\n        - x\n        - y # why\n      # next\n      - m: []\n      - {\"n\":4}\n",
    );
    yaml(mappings, &json!([{ "n": 2, "m": [] }]), "      o:\n      # next\n      - n: 2\n        m: []\n");
    // the last key goes, and another comes
    yaml(
        "      o:\n        a: 1 # one\n        b: 2\n",
        &json!({ "a": 1, "c": 3 }),
        "      o:\n        a: 1 # one\n        c: 3\n",
    );
}

#[test]
fn lists_and_mappings_between_brackets_keep_their_form() {
    let list = "      o: [a, # one\n          b, # two\n          ] # end\n";
    yaml(list, &json!(["a"]), "      o: [a, # one\n          ] # end\n");
    yaml(list, &json!(["b"]), "      o: [\n          b, # two\n          ] # end\n");
    yaml(
        list,
        &json!(["a", "b", "c"]),
        "      o: [a, # one\n          b, # two\n          c,\n          ] # end\n",
    );
    yaml(
        list,
        &json!(["a", "x", "z"]),
        "      o: [a, # one\n          x, # two\n          z,\n          ] # end\n",
    );
    let open = "      o: [ # the nodes\n        a, # one\n        # then\n        b # two\n      ]\n";
    yaml(open, &json!(["a"]), "      o: [ # the nodes\n        a # one\n        # then\n      ]\n");
    yaml(
        open,
        &json!(["a", "b", "c"]),
        "      o: [ # the nodes\n        a, # one\n        # then\n        b, # two\n        c\n      ]\n",
    );
    yaml(
        open,
        &json!(["c", "a", "b"]),
        "      o: [ # the nodes\n        c,\n        a, # one\n        # then\n        b # two\n      ]\n",
    );
    yaml(open, &json!([]), "      o: [ # the nodes\n        # then\n      ]\n");
    yaml("      o: [ # none\n      ]\n", &json!(["a"]), None);
    yaml("      o: [a, b]\n", &json!(["a", "c", "b"]), "      o: [a, c, b]\n");
    yaml("      o: [ a, b, c ] # all\n", &json!(["a"]), "      o: [ a ] # all\n");
    yaml("      o: [a, b, c]\n", &json!(["c"]), "      o: [c]\n");
    yaml("      o: [a, b, c]\n", &json!(["a", "c"]), "      o: [a, c]\n");
    yaml("      o: [ a, b,\n           c, d ]\n", &json!(["b", "d"]), "      o: [ b,\n           d ]\n");
    yaml("      o: [\"a\",'b']\n", &json!(["a", "x", "z"]), "      o: [\"a\",\"x\",z]\n");
    let map = "      o: { x: 5, # five\n           y: [1, 2], # more\n           'z': { k: v } }\n";
    yaml(
        map,
        &json!({ "x": 2, "y": [1, 2, 3], "z": { "k": "w" } }),
        "      o: { x: 2, # five\n           y: [1, 2, 3], # more\n           'z': { k: w } }\n",
    );
    yaml(
        map,
        &json!({ "x": 5, "z": { "k": "v", "l": 1 }, "m": 0 }),
        "      o: { x: 5, # five\n           'z': { k: v, l: 1 }, m: 0 }\n",
    );
    yaml(map, &json!(3), None);
    // what stands between brackets without any of its own
    yaml(
        "      o: [a: 1, # one\n          b]\n",
        &json!([{ "a": 2 }, "b"]),
        "      o: [a: 2, # one\n          b]\n",
    );
    yaml("      o: [a: 1, # one\n          b]\n", &json!([{ "a": 1, "c": 2 }, "b"]), None);
    json_file(
        "[\n      \"a\",\n      { \"k\": 1 }\n    ]",
        &json!(["a", { "k": 2, "l": 3 }, "b"]),
        "[\n      \"a\",\n      { \"k\": 2, \"l\": 3 },\n      \"b\"\n    ]",
    );
    json_file("[\n      \"a\",\n      \"b\"\n    ]", &json!(["a"]), "[\n      \"a\"\n    ]");
}

#[test]
fn toml_keeps_its_form_as_well() {
    let list = "o = [ # the nodes\n  \"a\", # one\n  'b' # two\n]\n";
    toml(list, &json!(["a", "b", "c"]), "o = [ # the nodes\n  \"a\", # one\n  'b', # two\n  \"c\"\n]\n");
    toml(list, &json!(["b"]), "o = [ # the nodes\n  'b' # two\n]\n");
    toml(list, &json!([]), "o = [ # the nodes\n]\n");
    toml(list, &json!("a"), None);
    toml("o = [\n  \"a\",\n]\n", &json!(["a", "b"]), "o = [\n  \"a\",\n  \"b\",\n]\n");
    toml(
        "o = { x = 7 } # x\n",
        &json!({ "x": 4, "a b": [1], "y": { "z": true } }),
        "o = { x = 4, \"a b\" = [1], y = { z = true } } # x\n",
    );
    toml("o = { x = 7, y = 8 }\n", &json!({ "x": 7 }), "o = { x = 7 }\n");
    toml("o = { x = 7 }\n", &json!([{ "x": 7, "a-b": 1 }]), "o = [{ a-b = 1, x = 7 }]\n");
    toml(
        "o = { x = 7, # seven\n  y.z = 8, # eight\n}\n",
        &json!({ "x": 1, "y": { "z": 2 } }),
        "o = { x = 1, # seven\n  y.z = 2, # eight\n}\n",
    );
    // a table, and tables in a row
    toml(
        "[cases.expect.outputs.o]\nx = 7 # seven\ny = 8\n",
        &json!({ "x": 1, "z": 3 }),
        "[cases.expect.outputs.o]\nx = 1 # seven\nz = 3\n",
    );
    toml(
        "[[cases.expect.outputs.o]]\nx = 7 # seven\n[[cases.expect.outputs.o]]\nx = 8\n",
        &json!([{ "x": 7 }, { "x": 9 }]),
        "[[cases.expect.outputs.o]]\nx = 7 # seven\n[[cases.expect.outputs.o]]\nx = 9\n",
    );
    toml("[[cases.expect.outputs.o]]\nx = 7\n", &json!([{ "x": 7 }, { "x": 9 }]), None);
    // texts of several lines
    toml("o = '''\none\n''' # t\n", &json!("a\\b\nc\n"), "o = '''\na\\b\nc\n''' # t\n");
    toml(
        "o = \"\"\"\none\n\"\"\"\n",
        &json!("a\\b\n\"\"\"c\""),
        "o = \"\"\"\na\\\\b\n\\\"\\\"\\\"c\\\"\"\"\"\n",
    );
    toml("o = '''\none\n'''\n", &json!("'''\n"), "o = \"\"\"\n'''\n\"\"\"\n");
    toml("o = \"\"\"one\ntwo\"\"\"\n", &json!("one"), "o = \"one\"\n");
}

#[test]
fn one_value_that_cannot_be_written_changes_the_form_of_no_other() {
    let file = |path: &str| {
        format!(
            "schema: lgflow.test/v1\ngraph: ../graph.yaml\ncases:\n- name: n\n  expect:\n    path:\n{path}    outputs:\n      o:\n      - a # one\n      - b\n"
        )
    };
    let workspace = gives(&json!({ "x": 1 }));
    workspace.write(".lg/tests/g.yaml", file("    - v # what is done\n    - v\n"));
    workspace.lgflow(&["test", "--bless"]).ended(1);
    assert_eq!(workspace.read(".lg/tests/g.yaml"), file("    - v # what is done\n"));
}

#[test]
fn what_differs_in_a_list_is_shown_where_it_begins() {
    let workspace = gives(&json!(["a"]));
    let before = "schema: lgflow.test/v1\ngraph: ../graph.yaml\ncases:\n- name: n\n  expect:\n    outputs:\n      o:\n      - b\n";
    workspace.write(".lg/tests/g.yaml", before);
    let ran = workspace.lgflow(&["test"]).ended(1);
    assert!(ran.stdout.contains("g.yaml:8:7"), "{}", ran.stdout);
}
