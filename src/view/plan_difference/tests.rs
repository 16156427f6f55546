//! Plans made by hand, and what is said of their differences.

use serde_json::{Value, json};

use super::*;

fn call(node: &str, decision: &str, input: &Value, depends_on: &[&str]) -> Value {
    json!({
        "node": node, "tool": "exec", "input": input, "decision": decision, "depends_on": depends_on, "writes": [],
        "rule": { "layer": "policy.yaml", "rule": "tools", "file": "policy.yaml", "line": 3, "column": 2 }, "reason": "because",
    })
}

fn plan(nodes: &Value, edges: &Value, verdicts: &Value) -> Value {
    json!({
        "graph": "g", "digest": "d", "policy_digest": "p", "nodes": nodes, "edges": edges, "verdicts": verdicts,
        "inputs": {}, "channels": {}, "outputs": {}, "budgets": { "grace_ms": 1 }, "concurrency": {}, "policy": [],
        "loops": {}, "layers": [{ "name": "policy.yaml", "role": "grant", "digest": "1" }], "steps": [["a"]],
    })
}

fn said(before: &Value, after: &Value) -> String {
    plan_difference_text(&compare(before, after), "old", "new")
}

#[test]
fn what_is_the_same_is_said_to_be_even_where_rules_moved() {
    let one = plan(&json!({}), &json!([]), &json!([call("a", "allow", &json!("any"), &[])]));
    let mut other = one.clone();
    other["verdicts"][0]["rule"]["line"] = 9.into();
    other["verdicts"][0]["reason"] = "in other words".into();
    assert!(compare(&one, &other).is_none());
    assert_eq!(said(&one, &other), "--- old\n+++ new\nthe plans mean the same\n");
}

#[test]
fn what_a_model_is_sent_is_told_of_its_call() {
    let node = |text: &str| json!({ "l": { "uses": "llm", "with": { "messages": [{ "role": "user", "text": text }] } } });
    let mut own = call("l", "allow", &json!({ "exact": 1 }), &[]);
    own["tool"] = "llm".into();
    let verdicts = json!([own, call("l", "allow", &json!("any"), &["the model's answer"])]);
    let (before, after) = (plan(&node("a"), &json!([]), &verdicts), plan(&node("b"), &json!([]), &verdicts));
    let found = compare(&before, &after);
    let sends: Vec<(&str, bool)> =
        found.calls.iter().map(|call| (call.tool.as_str(), call.sends_other)).collect();
    assert!(sends.contains(&("llm", true)) && !sends.contains(&("exec", true)), "{sends:?}");
    let said = said(&before, &after);
    assert!(said.contains("1 call sending something else"), "{said}");
    assert!(said.contains("  ~ l llm: allowed\n      what is sent differs\n"), "{said}");
    assert!(compare(&before, &before).is_none());
}

#[test]
fn a_plan_without_trust_is_said_to_be_one_and_asks_for_no_other_layer() {
    let after = plan(&json!({}), &json!([]), &json!([]));
    let mut before = after.clone();
    before["trusted"] = false.into();
    let held = json!({ "name": "builtin:contained", "role": "ceiling", "digest": "2" });
    before["layers"].as_array_mut().unwrap().push(held.clone());
    let found = compare(&before, &after);
    assert!(found.is_none() && found.trusted == (false, true), "{found:?}");
    let text = said(&before, &after);
    assert!(
        text.contains("old was written without trust") && text.contains("the plans mean the same"),
        "{text}"
    );
    // one that the graph itself names is one
    let mut asks = after.clone();
    asks["layers"].as_array_mut().unwrap().push(held);
    assert_eq!(compare(&asks, &after).layers.len(), 1);
}

#[test]
fn a_call_that_may_do_more_comes_first_and_is_counted() {
    let any = json!("any");
    let before = plan(
        &json!({}),
        &json!([]),
        &json!([
            call("a", "ask", &any, &[]),
            call("b", "deny", &any, &[]),
            call("c", "allow", &json!({ "exact": ["cargo", "test"] }), &[]),
            call("d", "allow", &any, &[]),
            call("e", "allow", &any, &[]),
            call("f", "allow", &any, &[]),
        ]),
    );
    let after = plan(
        &json!({}),
        &json!([]),
        &json!([
            call("a", "allow", &any, &[]),
            call("b", "ask", &any, &[]),
            call("c", "allow", &json!({ "exact": ["rm", "-r"] }), &[]),
            call("d", "deny", &any, &[]),
            call("f", "allow", &any, &["inputs.x"]),
            call("n", "allow", &any, &[]),
        ]),
    );
    let difference = compare(&before, &after);
    assert!(difference.widens());
    let text = plan_difference_text(&difference, "old", "new");
    let head = "calls: 2 calls newly allowed, 1 call newly asked about, 1 call with other parameters, 1 call depending on \
                something else, 1 call newly denied or asked about, 1 call gone\n";
    assert!(text.contains(head), "{text}");
    let lines: Vec<&str> = text.lines().filter(|line| line.contains(" exec: ")).collect();
    assert_eq!(
        lines,
        [
            "  ! a exec: asks → allowed",
            "  ! b exec: denied → asks",
            "  ! n exec: new, allowed",
            "  ~ c exec: allowed",
            "  ~ f exec: allowed → allowed, or less: depends on `inputs.x`",
            "  ~ d exec: allowed → denied",
            "  - e exec: gone, was allowed",
        ]
    );
    assert!(!compare(&after, &after).widens() && compare(&after, &before).widens());
}

#[test]
fn a_folder_that_is_really_written_is_more() {
    let before = plan(&json!({}), &json!([]), &json!([call("a", "allow", &json!("any"), &[])]));
    let mut after = before.clone();
    after["verdicts"][0]["writes"] = json!(["."]);
    assert!(compare(&before, &after).widens() && !compare(&after, &before).widens());
    assert!(said(&before, &after).contains("  ! a exec: allowed\n      really writes . of the workspace\n"));
}

#[test]
fn nodes_edges_and_sections_are_told_by_their_parts_and_subgraphs_from_inside() {
    let inner = |text: &str, max: u32| {
        let mut inner =
            plan(&json!({ "x": { "uses": "render", "with": { "text": text } } }), &json!([]), &json!([]));
        inner["budgets"]["tool_calls"] = max.into();
        json!({ "uses": "graph", "with": { "graph": inner, "inputs": {} }, "loops": [] })
    };
    let values = |n: u32| json!({ "uses": "values", "with": { "n": n, "same": [1, 2] }, "loops": ["a"] });
    let edge = |from: &str, to: &str, when: Value| json!({ "from": from, "to": to, "on": "success", "leaves": [from], "when": when });
    let before = plan(
        &json!({ "a": values(1), "gone": values(1), "sub": inner("old", 1) }),
        &json!([edge("a", "gone", Value::Null), edge("a", "sub", json!("output.n == 1"))]),
        &json!([]),
    );
    let mut after = plan(
        &json!({ "a": values(2), "new": values(1), "sub": inner("new\u{1b}", 2) }),
        &json!([edge("a", "new", json!("output.n > 7")), edge("a", "sub", json!("output.n == 2"))]),
        &json!([]),
    );
    after["layers"] = json!([
        { "name": "policy.yaml", "role": "grant", "digest": "2" }, { "name": "more", "role": "ceiling", "digest": "3" }
    ]);
    after["steps"] = json!([["a"], ["sub"]]);
    let expected = "\
--- old
+++ new

calls: what the policy says of them is the same

nodes
  ~ sub/x (render)
      ~ with.text: \"old\" → \"new\\u{1b}\"
  ~ a (values)
      ~ with.n: 1 → 2
  - gone (values)
  + new (values)

edges
  + a → new when output.n > 7
  ~ a → sub
      ~ when: \"output.n == 1\" → \"output.n == 2\"
  - a → gone

graph
  ~ sub/budgets.tool_calls: 1 → 2

policy layers
  ~ grant policy.yaml: says something else
  + ceiling more

schedule: 1 steps → 2 steps
";
    let text = said(&before, &after);
    let sorted = |text: &str| {
        let mut lines: Vec<String> = text.lines().map(str::to_owned).collect();
        lines.sort();
        lines
    };
    assert_eq!(sorted(&text), sorted(expected), "{text}");
}

#[test]
fn a_long_text_is_shown_where_it_differs() {
    let long = |word: &str| {
        let text = format!("{}{word}{}", "a ".repeat(500), "b ".repeat(500));
        plan(&json!({ "a": { "uses": "render", "with": { "text": text } } }), &json!([]), &json!([]))
    };
    let text = said(&long("before"), &long("after"));
    assert!(text.contains("before") && text.contains("after") && text.len() < 600, "{text}");
    let document = plan_difference_document(
        &compare(&long("before"), &long("after")),
        ("old", &long("before")),
        ("new", &long("after")),
    );
    assert!(
        document["nodes"][0]["parts"][0]["before"].as_str().unwrap().len() > 2000,
        "the document has it whole"
    );
}

/// A call of `a`, whose path comes from an input through a node.
fn open_plan() -> Value {
    let nodes = json!({
        "v": { "uses": "values", "with": { "at": "src/{{ inputs.f }}" } },
        "a": { "uses": "exec", "with": { "argv": ["{{ nodes.v.output.at }}"] }, "retry": 1 },
        "apart": { "uses": "values", "with": { "n": 1 } },
    });
    let mut one = plan(
        &nodes,
        &json!([]),
        &json!([call("a", "allow", &json!({ "object": { "argv": "any" } }), &["nodes.v"])]),
    );
    one["inputs"] = json!({ "f": { "type": "string" }, "g": { "type": "string" } });
    one
}

#[test]
fn a_call_whose_verdict_depends_on_values_may_do_more_unless_it_is_the_same_in_all_that_decides() {
    let before = open_plan();
    let changed = |at: &str, value: Value| {
        let mut after = open_plan();
        *after.pointer_mut(at).unwrap() = value;
        after
    };
    let wider = [
        ("/layers/0/digest", json!("2"), "its policy is another"),
        ("/verdicts/0/input", json!({ "object": { "argv": "text" } }), "its parameters are others"),
        ("/verdicts/0/depends_on", json!(["nodes.v", "inputs.g"]), "its parameters are others"),
        ("/nodes/a/with/argv/0", json!("{{ nodes.v.output.at | upper }}"), "its parameters are others"),
        ("/nodes/v/with/at", json!("{{ inputs.f }}"), "its values are made from something else"),
        ("/inputs/f", json!({}), "its values are made from something else"),
    ];
    for (at, value, why) in wider {
        let after = changed(at, value);
        assert!(compare(&before, &after).widens(), "{at}");
        let text = said(&before, &after);
        assert!(text.contains("\ncalls: 1 call that may do more with some values\n  ! a exec: "), "{text}");
        assert!(text.contains(&format!("      may do more with some values: {why}\n")), "{at}: {text}");
    }
    let same = [("/nodes/apart/with/n", json!(2)), ("/inputs/g", json!({})), ("/nodes/a/retry", json!(2))];
    for (at, value) in same {
        assert!(!compare(&before, &changed(at, value)).widens(), "{at}");
    }
    // a person is asked about what nobody was asked about
    let mut after = changed("/layers/0/digest", json!("2"));
    after["verdicts"][0]["decision"] = "ask".into();
    assert!(!compare(&before, &after).widens());
}

#[test]
fn what_a_model_may_call_is_any_call_before_and_after() {
    let model = |prompt: &str| {
        plan(
            &json!({ "m": { "uses": "llm", "with": { "prompt": prompt } } }),
            &json!([]),
            &json!([call("m", "allow", &json!("any"), &["the model's answer"])]),
        )
    };
    assert!(!compare(&model("one"), &model("two")).widens());
    let mut after = model("one");
    after["layers"][0]["digest"] = "2".into();
    assert!(compare(&model("one"), &after).widens());
}
