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
        ("4 / 2", json!(2)),
        ("[2.0, 2.50, 1e3]", json!([2, 2.5, 1000])),
        ("nodes.a.output.list[4 / 2]", json!(2)),
        ("2.0 is integer", json!(true)),
        ("{'n': 2.0} | tojson", json!("{\"n\":2}")),
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
        ("a {{ inputs.n }} {{ true }} {{ 2.5 }} {{ 4 / 2 }}\n", "a 3 true 2.5 2\n"),
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

/// Where the faults of a text lie, as the parts of the text.
fn faults(source: &str, bare: bool) -> Vec<(String, String, Option<String>)> {
    let mut diagnostics = crate::diag::Diagnostics::default();
    let file = crate::source::Sources::default().add("test", source);
    let span = crate::source::Span::new(file, 0, source.len());
    let written = crate::document::Text::new(source, span, vec![(0, 0)]);
    if bare {
        Expression::parse(&written, &mut diagnostics);
    } else {
        Template::parse(&written, &mut diagnostics);
    }
    diagnostics
        .iter()
        .map(|found| {
            let span = found.span();
            let part = source[span.start as usize..span.end as usize].to_owned();
            (found.code.to_string(), part, found.help.clone())
        })
        .collect()
}

#[test]
fn what_the_language_does_not_have_is_refused_at_its_place() {
    let cases: &[(&str, &str, &str, &str)] = &[
        ("nodes.a.output | lengt > 1", "unknown-filter", "lengt", "write `length`"),
        ("nodes.a.output | count", "unknown-filter", "count", "write `length`"),
        ("inputs.n is strin", "unknown-test", "strin", "write `string`"),
        ("inputs.n is mapping", "unknown-test", "mapping", "write `object`"),
        ("frist_of(inputs.n)", "unknown-function", "frist_of", "write `first_of`"),
        ("length(inputs.n)", "unknown-function", "length", "write it as a filter: `… | length`"),
        ("2 ** 70", "power-operator", "**", "multiply: `x * x`"),
        ("range(*inputs.n)", "splat-argument", "inputs.n", "write each argument"),
        ("range(**inputs.n)", "splat-argument", "**", "write each argument"),
        ("inputs.text.upper()", "method-call", "upper", "write `… | upper`"),
        ("nodes[inputs.n].output", "dynamic-key", "inputs.n", "write `nodes.NAME`"),
        ("nodes == 1", "bare-root", "nodes", "write `nodes.NAME`"),
        ("inputs | length", "bare-root", "inputs", "write `inputs.NAME`"),
        (
            "'a' if inputs.n",
            "if-without-else",
            "'a' if inputs.n",
            "write what it is otherwise: `… if … else …`",
        ),
        ("{{ inputs.n }}", "braces-in-expression", "{{ inputs.n }}", "write `inputs.n`"),
        ("inputs.n && true", "expression-syntax", "&", "write `and`"),
        ("inputs.n || true", "expression-syntax", "|", "write `or`"),
        ("inputs.n = 3", "expression-syntax", "=", "write `==`"),
        ("!inputs.n", "expression-syntax", "!", "write `not`"),
        ("inputs.n | default", "filter-argument", "default", "write `default(value)`"),
        ("inputs.n | default(1, true)", "filter-argument", "true", "remove this one"),
        ("inputs.n | join(seperator=',')", "filter-argument", "seperator", "write `separator`"),
        (
            "inputs.n | map(inputs.text)",
            "filter-argument",
            "inputs.text",
            "write the name of a filter in quotes",
        ),
        ("inputs.n | map('uper')", "unknown-filter", "uper", "write `upper`"),
        ("inputs.n | selectattr('a', 'eqq', 1)", "unknown-test", "eqq", "write `eq`"),
        ("loop.index", "unknown-variable", "loop", "write `loops.TARGET.iteration` for a loop of the graph"),
        ("inputs.n[::2]", "expression-syntax", "2", "use `reverse`, or remove the step"),
    ];
    for (source, code, part, help) in cases {
        let expected = vec![((*code).to_owned(), (*part).to_owned(), Some((*help).to_owned()))];
        assert_eq!(faults(source, true), expected, "{source}");
    }
    let cases: &[(&str, &str, &str, &str)] = &[
        ("a {% include 'x' %}", "template-statement", "include", "give the text as a variable"),
        (
            "{% macro x() %}{% endmacro %}",
            "template-statement",
            "macro",
            "write the text where it is needed, or give it a prompt of its own",
        ),
        ("{% esle %}", "template-statement", "esle", "write `else`"),
        ("{% if inputs.n %}a", "expression-syntax", "if", "write `{% endif %}` where it ends"),
        ("{% for x in inputs.n %}{% endif %}{% endfor %}", "expression-syntax", "endif", "write `endfor`"),
        ("{% endif %}", "expression-syntax", "endif", "remove it"),
        ("{% set nodes = 1 %}", "reserved-name", "nodes", "choose another name"),
        (
            "{% if inputs.n == 1 %}{% set x = 1 %}{% endif %}",
            "set-scope",
            "x",
            "write `{% set x = … %}` before the statement around",
        ),
        (
            "{% set x = 1 %}{% for y in inputs.n %}{% set x = y %}{% endfor %}",
            "set-scope",
            "x",
            "give it another name, or compute it with filters",
        ),
        ("a {{ [1] }}", "not-text", "[1]", "write `… | join(', ')` or `… | tojson`"),
        ("a {{ 'x' | split }}", "not-text", "'x' | split", "write `… | join(', ')` or `… | tojson`"),
        ("a {{ inputs.n", "expression-syntax", "{{", "write `}}` where it ends"),
        ("{% for x in inputs.n %}{{ loop.indx }}{% endfor %}", "unknown-field", "indx", "write `index`"),
    ];
    for (source, code, part, help) in cases {
        let found = faults(source, false);
        let expected = ((*code).to_owned(), (*part).to_owned(), Some((*help).to_owned()));
        assert_eq!(found.first(), Some(&expected), "{source}: {found:?}");
    }
    assert_eq!(faults("inputs.n | upr + (inputs.n | lowr)", true).len(), 2, "all faults of one text");
}

#[test]
fn references_have_exact_spans() {
    let source = "first_of(nodes.a.output.list[0], nodes['b'].output) == item.k and (state.tries > loops.plan.iteration)";
    let expression = Expression::from_source(source).unwrap();
    let part = |span: crate::source::Span| &source[span.start as usize..span.end as usize];
    let found: Vec<_> = expression
        .references()
        .iter()
        .map(|r| (part(r.root_span), part(r.name_span), part(r.span), r.guarded))
        .collect();
    assert_eq!(
        found,
        [
            ("nodes", "a", "nodes.a.output.list[0]", true),
            ("nodes", "b", "nodes['b'].output", true),
            ("item", "item", "item.k", false),
            ("state", "tries", "state.tries", false),
            ("loops", "plan", "loops.plan.iteration", false),
        ]
    );
    let path: Vec<_> = expression.references()[0]
        .path
        .iter()
        .map(|segment| match segment {
            super::Segment::Field(name, span) => (name.clone(), part(*span)),
            super::Segment::Index(index, span) => (index.to_string(), part(*span)),
            super::Segment::Computed(span) => ("?".to_owned(), part(*span)),
        })
        .collect();
    assert_eq!(path, [("output".into(), "output"), ("list".into(), "list"), ("0".into(), "0")]);
    assert_eq!(expression.roots().len(), 5);
}
