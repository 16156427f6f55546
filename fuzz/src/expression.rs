//! The expression checker: every text as an expression, a template and a prompt. What has no finding gives a value of the type
//! that was inferred, or an error; the same text gives the same.

use std::sync::Arc;
use std::sync::LazyLock;

use lgflow::diag::Diagnostics;
use lgflow::document::Text;
use lgflow::expr::{Expression, Root, Template};
use lgflow::source::{Sources, Span};
use lgflow::types::{Field, Type};
use serde_json::{Value, json};

use super::document::shown;

/// Its name, its type, and values of it.
type Input = (&'static str, Type, Vec<Arc<Value>>);

/// What an expression may look at.
static INPUTS: LazyLock<Vec<Input>> = LazyLock::new(|| {
    let object = json!({
        "type": "object", "additionalProperties": false, "required": ["x", "w"],
        "properties": { "x": { "type": "string" }, "y": { "type": "integer" }, "w": { "type": ["string", "null"] } },
    });
    let (full, bare) = (json!({ "x": "a", "y": 1, "w": "c" }), json!({ "x": "", "w": null }));
    let input = |name, schema: &Value, values: Vec<Value>| {
        (name, Type::of_schema(schema), values.into_iter().map(Arc::new).collect())
    };
    vec![
        input("s", &json!({ "type": "string" }), vec![json!("a b\nc"), json!("12")]),
        input("n", &json!({ "type": "integer" }), vec![json!(-3), json!(9_007_199_254_740_993_i64)]),
        input("f", &json!({ "type": "number" }), vec![json!(0.5), json!(1e300)]),
        input("b", &json!({ "type": "boolean" }), vec![json!(true), json!(false)]),
        input("e", &json!({ "enum": ["one", "two"] }), vec![json!("one"), json!("two")]),
        input(
            "l",
            &json!({ "type": "array", "items": { "type": "integer" } }),
            vec![json!([3, 1, 2]), json!([])],
        ),
        input("o", &object, vec![full.clone(), bare.clone()]),
        input("m", &json!({ "type": "array", "items": object }), vec![json!([full, bare]), json!([])]),
        input("any", &json!({}), vec![json!(null), json!({ "x": [1, "ä", { "x": 2 }] })]),
    ]
});

/// Text → an expression and templates, their types, their values.
pub fn expression(bytes: &[u8]) {
    let Ok(source) = std::str::from_utf8(bytes) else { return };
    let (mut sources, mut found) = (Sources::default(), Diagnostics::default());
    let file = sources.add("a-file", source);
    let text = Text::new(source, Span::new(file, 0, source.len()), vec![(0, 0)]);
    let expression = Expression::parse(&text, &mut found);
    let template = Template::parse(&text, &mut found);
    let prompt = Template::parse_prompt(&text, &mut found);
    shown(&sources, &found);
    if let Some(expression) = expression {
        evaluated(&expression);
    }
    for template in template.into_iter().chain(prompt) {
        rendered(&template);
    }
}

fn evaluated(expression: &Expression) {
    let inferred = expression.infer(&mut known);
    expression.infer_condition(&mut known);
    for truth in [false, true] {
        expression.assume(truth, &mut known);
    }
    for turn in 0..2 {
        let value = expression.evaluate(&mut |root| given(root, turn));
        let again = expression.evaluate(&mut |root| given(root, turn));
        assert_eq!(value, again, "the value of the same expression");
        if let (true, Ok(value)) = (inferred.findings.is_empty(), &value) {
            assert!(inferred.ty.admits(value), "{value} is no {}: {}", inferred.ty, expression.source());
        }
        let truth = expression.evaluate_bool(&mut |root| given(root, turn));
        if let (Ok(truth), Ok(value)) = (truth, value) {
            assert_eq!(json!(truth), value, "as a condition");
        }
    }
}

fn rendered(template: &Template) {
    template.infer(&mut known);
    for turn in 0..2 {
        let text = template.render(&mut |root| given(root, turn));
        assert_eq!(text, template.render(&mut |root| given(root, turn)), "the text of the same template");
    }
}

fn known(root: &Root) -> Field {
    let name = name_of(root);
    let input = INPUTS.iter().find(|(known, ..)| Some(*known) == name);
    input.map_or(Field::ANY, |(_, ty, _)| Field::sure(ty.clone()))
}

fn given(root: &Root, turn: usize) -> Option<Arc<Value>> {
    let name = name_of(root);
    let input = INPUTS.iter().find(|(known, ..)| Some(*known) == name);
    input.map(|(_, _, values)| Arc::clone(&values[turn]))
}

/// An input, or the variable of a prompt with the same name.
fn name_of(root: &Root) -> Option<&str> {
    match root {
        Root::Input(name) | Root::Local(name) => Some(name),
        _ => None,
    }
}
