//! Graphs as pictures and in the terminal: sound documents, everything in them, nothing that a name or a condition could
//! break out of, the same bytes each time, and a plain word where a graph is too large.

#![allow(
    clippy::disallowed_methods,
    clippy::unwrap_used,
    clippy::expect_used,
    unreachable_pub,
    reason = "a test makes its own files and processes, and stops where it is wrong"
)]

mod program;

use std::fmt::Write as _;

use lgflow::view::is_unsafe_to_show;
use program::Workspace;

/// Every kind of edge, a loop in a loop, a loop in a subgraph in a `for_each`, and texts that try to be markup.
const GRAPH: &str = r#"
schema: lgflow.graph/v1
name: all-kinds
inputs: { items: { type: array, items: { type: string }, default: [a, b] } }
graphs:
  review:
    inputs: { what: { type: string } }
    nodes:
      read: { uses: exec, with: { argv: [read, "{{ inputs.what }}"] } }
      judge: { uses: exec, with: { argv: [judge, "</script><script>alert(1)</script>"] } }
    edges:
      - read -> judge
      - { from: judge, to: judge, when: "output.stdout == '<b>&\"\u202e'", loop: { max: 4, exhausted: leave } }
nodes:
  begin: { uses: exec, with: { argv: [begin] } }
  reviews: { uses: graph, with: { graph: review, inputs: { what: "{{ item }}" } }, for_each: { in: inputs.items, as: item } }
  edit: { uses: exec, with: { argv: [edit] }, retry: { attempts: 3 } }
  test: { uses: exec, with: { argv: [test] } }
  deeper: { uses: exec, with: { argv: [deep], ok_exit: any } }
  rescue: { uses: exec, with: { argv: [rescue] } }
  done: { uses: exec, with: { argv: [done] }, join: all }
  tidy: { uses: exec, with: { argv: [tidy] } }
edges:
  - { from: begin, to: [reviews, edit] }
  - edit -> test
  - test -> deeper
  - { from: deeper, to: test, when: "output.exit_code == 3", loop: { max: 3, exhausted: leave } }
  - { from: deeper, to: edit, when: "output.exit_code == 4", loop: { max: 5, exhausted: leave } }
  - { from: deeper, to: done, when: "output.exit_code == 0 and output.stdout != 'a long text that no label has the room for' and output.stderr == ''" }
  - { from: deeper, to: rescue, otherwise: true }
  - { from: test, to: rescue, catch: [exit, timeout] }
  - reviews -> done
  - { from: done, to: tidy, always: true }
  - { from: rescue, to: tidy, always: true }
"#;

fn workspace() -> Workspace {
    let workspace = Workspace::new();
    workspace.write("graph.yaml", GRAPH);
    workspace
}

fn exported(workspace: &Workspace, to: &str) -> String {
    workspace.lgflow(&["export", "graph.yaml", "--to", to]).ended(0).stdout
}

fn chain(count: usize) -> String {
    let mut text = "schema: lgflow.graph/v1\nname: chain\nnodes:\n".to_owned();
    for at in 0..count {
        writeln!(text, "  n{at}: {{ uses: exec, with: {{ argv: [a], ok_exit: any }} }}").unwrap();
    }
    text.push_str("edges:\n");
    for at in 1..count {
        writeln!(
            text,
            "  - n{} -> n{at}\n  - {{ from: n0, to: n{at}, when: \"output.exit_code == {at}\" }}",
            at - 1
        )
        .unwrap();
    }
    // the first node would lead to the second twice
    text.replacen("  - n0 -> n1\n", "", 1)
}

#[test]
fn a_picture_is_sound_xml_that_refers_to_nothing_outside_and_has_everything() {
    let svg = exported(&workspace(), "svg");
    let document = roxmltree::Document::parse(&svg).unwrap();
    let root = document.root_element();
    assert_eq!((root.tag_name().name(), root.attribute("role")), ("svg", Some("img")));
    let labelled = root.attribute("aria-labelledby").unwrap();
    for id in labelled.split(' ') {
        assert!(document.descendants().any(|node| node.attribute("id") == Some(id)), "{id}");
    }
    let nodes: Vec<&str> = document.descendants().filter_map(|node| node.attribute("data-node")).collect();
    let all = ["begin", "reviews/read", "reviews/judge", "edit", "test", "deeper", "rescue", "done", "tidy"];
    assert_eq!(nodes, all);
    let classes = |class: &str| {
        let has = |node: &roxmltree::Node<'_, '_>| {
            node.attribute("class").is_some_and(|all| all.split(' ').any(|one| one == class))
        };
        document.descendants().filter(has).count()
    };
    let counts = ["loop", "subgraph", "success", "otherwise", "catch", "always", "back"].map(classes);
    assert_eq!(counts, [3, 1, 7, 1, 1, 2, 3]);
    let addresses =
        document.descendants().flat_map(|node| node.attributes().map(|one| one.value().to_owned()));
    assert!(addresses.into_iter().all(|value| !value.contains("://")));
    assert!(
        document
            .descendants()
            .all(|node| node.tag_name().name() != "script" && node.tag_name().name() != "b")
    );
}

#[test]
fn what_a_label_cuts_stands_in_its_title() {
    let svg = exported(&workspace(), "svg");
    assert!(svg.contains("<title>deeper → done: when output.exit_code == 0 and output.stdout != &#39;a long text that no label has the room for&#39;"), "{svg}");
    assert!(svg.contains("&#39;&lt;b&gt;&amp;&quot;\\u{202e}&#39;"), "{svg}");
}

#[test]
fn no_form_has_a_character_that_deceives_and_each_has_the_same_bytes_every_time() {
    let workspace = workspace();
    for form in ["svg", "text", "mermaid", "dot"] {
        let drawn = exported(&workspace, form);
        let bad: Vec<char> = drawn.chars().filter(|&c| c != '\n' && is_unsafe_to_show(c)).collect();
        assert!(bad.is_empty(), "{form}: {bad:?}");
        assert_eq!(drawn, exported(&workspace, form), "{form}");
    }
}

fn text(workspace: &Workspace, locale: &str, columns: &str) -> String {
    let mut command = workspace.command(&["export", "graph.yaml", "--to", "text"]);
    let output =
        command.env_remove("LC_ALL").env("LC_CTYPE", locale).env("COLUMNS", columns).output().unwrap();
    assert!(output.status.success(), "{output:?}");
    String::from_utf8(output.stdout).unwrap()
}

#[test]
fn in_a_terminal_it_fits_the_width_and_the_letters() {
    let workspace = workspace();
    let names = ["begin", "reviews", "read", "judge", "edit", "test", "deeper", "rescue", "done", "tidy"];
    for (locale, columns, drawn) in
        [("C.UTF-8", "100", true), ("C", "100", true), ("POSIX", "30", false), ("en_US.utf8", "24", false)]
    {
        let text = text(&workspace, locale, columns);
        let widest = text.lines().map(|line| line.chars().count()).max().unwrap();
        assert!(widest <= columns.parse().unwrap(), "{widest} of {columns}:\n{text}");
        assert!(names.iter().all(|name| text.contains(name)), "{text}");
        assert_eq!(text.is_ascii(), !locale.to_lowercase().contains("utf"), "{text}");
        let (boxes, leads) =
            (text.contains('┌') || text.contains("+--"), text.contains("→ ") || text.contains("-> "));
        assert_eq!((boxes, leads), (drawn, !drawn), "{text}");
    }
}

#[test]
fn what_is_too_large_for_a_picture_is_said_and_the_outline_has_it() {
    let workspace = Workspace::new();
    workspace.write("graph.yaml", chain(700));
    workspace
        .lgflow(&["export", "graph.yaml", "--to", "svg"])
        .ended(1)
        .says("too large for a drawing")
        .says("60000 are the most")
        .says("`--to text`");
    let text = exported(&workspace, "text");
    assert!(text.contains("n699, exec") && text.lines().count() > 2000, "{}", text.len());
}

#[test]
fn a_warning_is_told_beside_the_drawing() {
    let workspace = Workspace::new();
    let idle = "schema: lgflow.graph/v1\nname: g\nnodes: { a: { uses: values }, b: { uses: values } }\nedges: [{ from: a, to: b, catch: [any] }, a -> b]\n";
    workspace.write("graph.yaml", idle);
    for form in ["mermaid", "svg", "json"] {
        let ran = workspace.lgflow(&["export", "graph.yaml", "--to", form]).ended(0).says("idle-kind");
        assert!(!ran.stdout.contains("idle-kind"), "{}", ran.stdout);
    }
    workspace.write("graph.yaml", GRAPH);
    let ran = workspace.lgflow(&["export", "graph.yaml"]).ended(0);
    assert_eq!(ran.stderr, "");
}
