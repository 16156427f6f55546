//! What is written of a case that comes to something else: differences by part, reports for machines, and files that are
//! blessed as far as they can be.

use super::program::Workspace;

const GRAPH: &str = "\
schema: lgflow.graph/v1
name: g
nodes:
  a: { uses: read_file, with: { path: a.txt } }
  v: { uses: values, with: { deep: { text: '{{ nodes.a.output.content }}', list: [{ n: 1 }, { n: 2 }], fine: true } } }
edges: [a -> v]
outputs: { text: '{{ nodes.a.output.content }}', deep: '{{ nodes.v.output.deep }}', holds: \"{{ {'k': none} }}\" }
";

fn given(name: &str, tests: &str) -> Workspace {
    let workspace = Workspace::git();
    workspace.write(".lg/graph.yaml", GRAPH).write(name, tests);
    workspace
}

fn yaml(cases: &str) -> Workspace {
    given(".lg/tests/g.yaml", &format!("schema: lgflow.test/v1\ngraph: ../graph.yaml\ncases:\n{cases}"))
}

/// Nothing that XML 1.0 does not take, as a character or as a reference.
fn is_of_xml(text: &str) -> bool {
    text.chars()
        .all(|c| matches!(c, '\t' | '\n' | '\r' | ' '..='\u{d7ff}' | '\u{e000}'..='\u{fffd}' | '\u{10000}'..))
}

#[test]
fn what_is_no_character_is_written_so_that_it_is_read_back() {
    let case = "  - name: odd\n    results: [{ tool: read_file, output: { content: \"a\\uFFFE\\uFFFF\\u0007\\x7f\\u2028b\\U0001FFFE\" } }]\n    expect: { outputs: { text: b } }\n";
    let workspace = yaml(case);
    let ran = workspace.lgflow(&["test", "--junit", "out.xml"]).ended(1);
    assert!(ran.stdout.contains("\\u{fffe}\\u{ffff}") && is_of_xml(&ran.stdout), "{}", ran.stdout);
    let xml = workspace.read("out.xml");
    assert!(is_of_xml(&xml) && xml.contains("fffe"), "{xml}");
    workspace.lgflow(&["test", "--bless"]).ended(0);
    let blessed = workspace.read(".lg/tests/g.yaml");
    assert!(blessed.contains("text: \"a\\ufffe\\uffff\\u0007\\u007f\\u2028b\\U0001fffe\""), "{blessed}");
    workspace.lgflow(&["test"]).ended(0);
}

#[test]
fn a_value_that_cannot_be_written_keeps_no_other_out() {
    let toml = "schema = \"lgflow.test/v1\"\ngraph = \"../graph.yaml\"\n[[cases]]\nname = \"one\"\nresults = [{tool = \"read_file\", output = {content = \"q\"}}]\nexpect = {status = \"failed\", outputs = {holds = 1, text = \"w\"}}\n[[cases]]\nname = \"two\"\nresults = [{tool = \"read_file\", output = {content = \"q\"}}]\nexpect = {path = []}\n";
    let workspace = given(".lg/tests/g.toml", toml);
    let ran = workspace.lgflow(&["test", "--bless"]).ended(1);
    // TOML has no null
    assert!(ran.stdout.contains("g.toml:6:") && ran.stdout.contains("edit it by hand"), "{}", ran.stdout);
    assert!(ran.stdout.contains("1 as expected, 1 otherwise"), "{}", ran.stdout);
    let blessed = workspace.read(".lg/tests/g.toml");
    assert!(blessed.contains("status = \"succeeded\", outputs = {holds = 1, text = \"q\"}"), "{blessed}");
    assert!(blessed.contains("path = [\"a\", \"v\"]"), "{blessed}");
}

#[test]
fn a_number_that_no_file_holds_is_told_to_be_one() {
    let sum = "schema: lgflow.graph/v1\nname: sum\nstate: { n: { type: integer, reduce: sum } }\nnodes:\n  a: { uses: values, update: { n: 9223372036854775807 } }\n  \
               b: { uses: values, update: { n: 1 } }\nedges: [a -> b]\noutputs: { n: '{{ state.n }}', text: '{{ state.n | string }}' }\n";
    let workspace = yaml("  - name: c\n    expect: { outputs: { n: 1, text: a } }\n");
    workspace.write(".lg/graph.yaml", sum);
    let ran = workspace.lgflow(&["test", "--bless"]).ended(1);
    let said = "what was found holds `9223372036854775808`, and a file holds whole numbers up to 9223372036854775807";
    assert!(ran.stdout.contains(said) && ran.stdout.contains("`| string`"), "{}", ran.stdout);
    let blessed = workspace.read(".lg/tests/g.yaml");
    assert!(blessed.contains("n: 1, text: \"9223372036854775808\""), "{blessed}");
}

#[test]
fn of_what_is_long_the_parts_that_differ_are_shown() {
    let case = "  - name: n\n    results: [{ tool: read_file, output: { content: \"one\\ntwo\\nthree\\n\" } }]\n    \
                expect: { outputs: { deep: { text: \"one\\ntwx\\nthree\\n\", list: [{ n: 1.0 }, { n: 3 }], fine: true, more: 4 } } }\n";
    let ran = yaml(case).lgflow(&["test"]).ended(1);
    for lines in [
        "    outputs.deep.text\n      one\n    - twx\n    + two\n      three\n",
        // a short value stands whole
        "    - outputs.deep.list: [{\"n\":1.0},{\"n\":3}]\n    + outputs.deep.list: [{\"n\":1},{\"n\":2}]\n",
        "    - outputs.deep.more: 4\n    + outputs.deep.more: nothing\n",
    ] {
        assert!(ran.stdout.contains(lines), "{lines}\n{}", ran.stdout);
    }
    assert!(!ran.stdout.contains("fine"), "{}", ran.stdout);
    // an item that is missing does not make all behind it differ
    let many: Vec<String> = (0..40).map(|number| format!("item {number}")).collect();
    let graph = format!(
        "schema: lgflow.graph/v1\nname: g\nnodes:\n  v: {{ uses: values, with: {{ list: {many:?} }} }}\noutputs: {{ list: '{{{{ nodes.v.output.list }}}}' }}\n"
    );
    let fewer: Vec<&String> = many.iter().filter(|item| *item != "item 7").collect();
    let workspace = yaml(&format!("  - name: n\n    expect: {{ outputs: {{ list: {fewer:?} }} }}\n"));
    workspace.write(".lg/graph.yaml", graph);
    let ran = workspace.lgflow(&["test"]).ended(1);
    assert!(ran.stdout.contains("    + \"item 7\"\n") && !ran.stdout.contains("item 20"), "{}", ran.stdout);
}
