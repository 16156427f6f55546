//! What expressions and templates give, and what they refuse: tables of text in, text out.

use std::sync::Arc;

use serde_json::{Value, json};

use super::{Expression, Root, Template};

/// The values that the tables are evaluated against.
fn world(root: &Root) -> Option<Arc<Value>> {
    let value = match root {
        Root::Input(name) if name == "n" => json!(3),
        Root::Input(name) if name == "text" => json!("a b\nc"),
        Root::Node(id) if id == "a" => json!({
            "status": "succeeded",
            "output": {
                "n": 7, "list": [3, 1, 2], "empty": [], "nothing": null, "flag": true, "big": u64::MAX, "half": 2.5,
                "files": [{"path": "b.rs", "size": 2, "ok": true}, {"path": "a.rs", "size": 9, "ok": false}],
                "map": {"y": 2, "x": 1}, "word": "Ünïcode",
            },
        }),
        Root::Node(id) if id == "failed" => {
            json!({"status": "failed", "error": {"kind": "exit", "message": "no"}})
        }
        Root::Channel(name) if name == "tries" => json!(2),
        Root::Loop(name) if name == "plan" => json!({"iteration": 2}),
        Root::Run => json!({"revision": "abc"}),
        Root::Local(name) if name == "item" => json!({"k": "v"}),
        _ => return None,
    };
    Some(Arc::new(value))
}

fn value(source: &str) -> Result<Value, String> {
    let expression = Expression::from_source(source).map_err(|found| format!("{:?}", found.codes()))?;
    expression.evaluate(&mut world).map_err(|error| error.message)
}

fn text(source: &str) -> Result<String, String> {
    let template = Template::from_source(source).map_err(|found| format!("{:?}", found.codes()))?;
    template.render(&mut world).map_err(|error| error.message)
}

#[test]
fn expressions_have_values() {
    let cases: &[(&str, Value)] = &[
        ("1 + 2 * 3", json!(7)),
        ("7 / 2", json!(3.5)),
        ("7 // 2", json!(3)),
        ("-7 % 3", json!(2)),
        ("-inputs.n", json!(-3)),
        ("'a' + 'b'", json!("ab")),
        ("[1] + [2]", json!([1, 2])),
        ("1 ~ 'x' ~ true", json!("1xtrue")),
        ("nodes.a.output.n == 7 and not false", json!(true)),
        ("1 < 2 < 3", json!(true)),
        ("1 < 3 < 2", json!(false)),
        ("3 == 3.0", json!(true)),
        ("nodes.a.output.big", json!(u64::MAX)),
        ("nodes.a.output.nothing == none", json!(true)),
        ("nodes.a.output.n != null", json!(true)),
        ("nodes.a.output.list[-1]", json!(2)),
        ("nodes.a.output.list[1:]", json!([1, 2])),
        ("'Ünïcode'[1:3]", json!("nï")),
        ("nodes['a'].output['n']", json!(7)),
        ("nodes.a.output.files.0.path", json!("b.rs")),
        ("2 in nodes.a.output.list", json!(true)),
        ("9 not in nodes.a.output.list", json!(true)),
        ("'x' in nodes.a.output.map", json!(true)),
        ("'co' in nodes.a.output.word", json!(true)),
        ("'yes' if inputs.n > 2 else 'no'", json!("yes")),
        ("{'a': 1, 'b': [inputs.n]}", json!({"a": 1, "b": [3]})),
        ("nodes.skipped.output.x.y | default('D')", json!("D")),
        ("nodes.a.output.nothing.x | default('D')", json!("D")),
        ("nodes.a.output.list[9] | default(0)", json!(0)),
        ("(nodes.skipped.output.x | trim) | default('D')", json!("D")),
        ("nodes.skipped.output.x is defined", json!(false)),
        ("nodes.a.output.n is defined", json!(true)),
        ("nodes.skipped is undefined", json!(true)),
        ("nodes.failed.output is not defined", json!(true)),
        ("first_of(nodes.skipped.output, nodes.a.output).n", json!(7)),
        ("first_of(nodes.skipped.output, nodes.other.output) | default(1)", json!(1)),
        ("range(3)", json!([0, 1, 2])),
        ("range(1, 6, 2)", json!([1, 3, 5])),
        ("state.tries + loops.plan.iteration", json!(4)),
        ("run.revision", json!("abc")),
        ("item.k", json!("v")),
        ("nodes.failed.error.kind", json!("exit")),
        ("nodes.a.output.files | selectattr('ok') | map(attribute='path')", json!(["b.rs"])),
        ("nodes.a.output.files | rejectattr('size', 'gt', 5) | map(attribute='path')", json!(["b.rs"])),
        ("nodes.a.output.list | select('odd')", json!([3, 1])),
        ("nodes.a.output.files | sort('path') | first", json!({"path": "a.rs", "size": 9, "ok": false})),
        ("nodes.a.output.files | sum('size')", json!(11)),
        ("['a ', ' b'] | map('trim')", json!(["a", "b"])),
        ("[{'a': 1}, {}] | map(attribute='a', default=0)", json!([1, 0])),
        ("[{'a': 1}, {}] | selectattr('a', 'defined') | length", json!(1)),
    ];
    for (source, expected) in cases {
        assert_eq!(value(source).as_ref(), Ok(expected), "{source}");
    }
}

#[test]
fn expressions_fail_rather_than_guess() {
    let cases: &[(&str, &str)] = &[
        ("3 < '4'", "in `3 < '4'`: a number and a string have no order; two numbers or two strings have one"),
        ("'3' == 3", "in `'3' == 3`: it compares a string with a number, which are never equal"),
        ("inputs.n + 'x'", "in `inputs.n + 'x'`: `+` does not go with a number and a string"),
        ("null > 0", "in `null > 0`: null and a number have no order; two numbers or two strings have one"),
        ("nodes.a.output.nothing.x", "in `nodes.a.output.nothing.x`: null has no `x`"),
        ("nodes.a.output.typo != 3", "in `nodes.a.output.typo`: there is no `typo`"),
        ("nodes.skipped.output", "in `nodes.skipped`: it has no value here"),
        ("nodes.a.output.list[9]", "in `nodes.a.output.list[9]`: the list has no item 9, its length is 3"),
        ("[] | first", "in `[] | first`: the list is empty"),
        ("1 // 0", "in `1 // 0`: it divides by zero"),
        ("9223372036854775807 * 3", "in `9223372036854775807 * 3`: the number is too large"),
        ("not 1", "in `1`: it gives a number where true or false is needed; compare it with something"),
        ("1 and true", "in `1`: it gives a number where true or false is needed; compare it with something"),
        ("'a' * 3", "in `'a' * 3`: `*` does not go with a string and a number"),
        ("[1] ~ 'x'", "in `[1] ~ 'x'`: a list can't become a part of a text; use `tojson` or `join(', ')`"),
        ("3 in ['3']", "in `3 in ['3']`: a number can't be in a list without any, and this one has none"),
        ("[{'a': 1}] | selectattr('typo')", "in `[{'a': 1}] | selectattr('typo')`: there is no `typo`"),
        ("inputs.n.x | default(1)", "in `inputs.n.x`: a number has no fields, and so no `x`"),
        (
            "[1, 'a'] | sort",
            "in `[1, 'a'] | sort`: a number and a string have no order; two numbers or two strings have one",
        ),
    ];
    for (source, expected) in cases {
        assert_eq!(value(source), Err((*expected).to_owned()), "{source}");
    }
    let condition = Expression::from_source("inputs.n").unwrap();
    assert!(
        condition.evaluate_bool(&mut world).unwrap_err().message.contains("a number where true or false")
    );
}

#[test]
fn templates_give_text() {
    let cases: &[(&str, &str)] = &[
        ("a {{ inputs.n }} {{ true }} {{ 2.5 }} {{ 4 / 2 }}\n", "a 3 true 2.5 2.0\n"),
        (
            "{% for x in nodes.a.output.list %}{{ loop.index }}:{{ x }}{% if not loop.last %}, {% endif %}{% endfor %}",
            "1:3, 2:1, 3:2",
        ),
        ("{% for x in nodes.a.output.empty %}x{% else %}none{% endfor %}", "none"),
        ("{% for k, v in nodes.a.output.map | items %}{{ k }}={{ v }};{% endfor %}", "x=1;y=2;"),
        ("{% for f in nodes.a.output.files if f.ok %}{{ f.path }} {{ loop.length }}{% endfor %}", "b.rs 1"),
        ("{% if inputs.n > 5 %}big{% elif inputs.n > 2 %}mid{% else %}small{% endif %}", "mid"),
        ("{% set x = inputs.n + 1 %}{{ x }}{% if true %}{% set x = x + 1 %}{% endif %}{{ x }}", "45"),
        ("{# a comment #}a{% raw %}{{ b }}{% endraw %}", "a{{ b }}"),
        ("a\n  {%- if true %} b {%- endif %}\n\n", "a b\n\n"),
        ("{{ nodes.a.output.map | tojson }}", r#"{"x":1,"y":2}"#),
        ("{% for x in [1, 2] %}{% set y = x * 2 %}{{ y }}{% endfor %}", "24"),
        (
            "{% for x in [[1, 2], [3]] %}{% for y in x %}{{ loop.index }}{% endfor %}{{ loop.index }};{% endfor %}",
            "121;12;",
        ),
    ];
    for (source, expected) in cases {
        assert_eq!(text(source).as_deref(), Ok(*expected), "{source}");
    }
    let refused = [
        "{{ inputs.list }}",
        "{{ nodes.a.output.list }}",
        "{{ nodes.a.output.nothing }}",
        "{% if 1 %}{% endif %}",
        "{% for x in nodes.a.output.map %}{% endfor %}",
    ];
    for source in refused {
        assert!(text(source).is_err(), "{source}");
    }
}
