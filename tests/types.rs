//! Types of JSON Schemas, held against the validator: a value that satisfies a schema is of its type. And the laws of
//! types among themselves.

#![allow(clippy::unwrap_used, reason = "a test stops where it is wrong")]

use lgflow::schema::validate_value;
use lgflow::types::{Chance, Field, Misfit, Step, Type, misfit};
use proptest::prelude::*;
use serde_json::{Value, json};

fn leaf() -> impl Strategy<Value = Value> {
    prop_oneof![
        Just(json!({})),
        Just(json!(true)),
        Just(json!({"type": "string"})),
        Just(json!({"type": "integer"})),
        Just(json!({"type": "number", "minimum": 0})),
        Just(json!({"type": "boolean"})),
        Just(json!({"type": "null"})),
        Just(json!({"type": ["string", "null"]})),
        Just(json!({"enum": ["a", "b", 1, null]})),
        Just(json!({"const": "a"})),
        Just(json!({"type": "string", "enum": ["a", "c"]})),
        Just(json!({"not": {"type": "null"}})),
    ]
}

fn schema() -> impl Strategy<Value = Value> {
    leaf().prop_recursive(4, 24, 4, |inner| {
        let object = (inner.clone(), inner.clone(), any::<[bool; 4]>()).prop_map(
            |(x, y, [closed, needed, typed, both])| {
                let mut schema = json!({"properties": {"x": x, "y": y}});
                if closed {
                    schema["additionalProperties"] = json!(false);
                }
                if needed {
                    schema["required"] = if both { json!(["x", "y"]) } else { json!(["x"]) };
                }
                if typed {
                    schema["type"] = json!("object");
                }
                schema
            },
        );
        prop_oneof![
            object,
            inner.clone().prop_map(|items| json!({"type": "array", "items": items})),
            inner.clone().prop_map(|items| json!({"items": items})),
            inner.clone().prop_map(|rest| json!({"type": "object", "additionalProperties": rest})),
            (inner.clone(), inner.clone()).prop_map(|(a, b)| json!({"anyOf": [a, b]})),
            (inner.clone(), inner.clone()).prop_map(|(a, b)| json!({"oneOf": [a, b]})),
            (inner.clone(), inner.clone()).prop_map(|(a, b)| json!({"allOf": [a, b]})),
            (inner.clone(), inner.clone(), inner.clone())
                .prop_map(|(a, b, c)| json!({"if": a, "then": b, "else": c})),
            inner.clone().prop_map(|a| json!({"$defs": {"a": a}, "$ref": "#/$defs/a"})),
        ]
    })
}

fn value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(json!(null)),
        Just(json!(true)),
        Just(json!(1)),
        Just(json!(-2)),
        Just(json!(1.0)),
        Just(json!(0.5)),
        Just(json!("a")),
        Just(json!("b")),
        Just(json!("other")),
    ];
    leaf.prop_recursive(3, 12, 3, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..3).prop_map(Value::Array),
            prop::collection::btree_map("[xyz]", inner, 0..3)
                .prop_map(|fields| Value::Object(fields.into_iter().collect())),
        ]
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1000, ..ProptestConfig::default() })]

    #[test]
    fn a_value_that_satisfies_a_schema_is_of_its_type(schema in schema(), value in value()) {
        if validate_value(&schema, &value).is_empty() {
            let ty = Type::of_schema(&schema);
            prop_assert!(ty.admits(&value), "{schema} accepts {value}, and {ty:?} does not");
        }
    }

    #[test]
    fn joining_and_meeting_lose_no_value(a in schema(), b in schema(), value in value()) {
        let (x, y) = (Type::of_schema(&a), Type::of_schema(&b));
        if x.admits(&value) || y.admits(&value) {
            prop_assert!(x.or(&y).admits(&value), "{a} | {b}: {value}");
        }
        if x.admits(&value) && y.admits(&value) {
            prop_assert!(x.and(&y).admits(&value), "{a} & {b}: {value}");
        }
    }

    #[test]
    fn a_value_is_of_its_own_type_and_fits_it(value in value()) {
        let ty = Type::of_value(&value);
        prop_assert!(ty.admits(&value), "{value}: {ty:?}");
        prop_assert_eq!(misfit(&ty, &ty), None);
    }

    #[test]
    fn a_stranger_has_no_value_that_fits(a in schema(), b in schema(), value in value()) {
        let (x, y) = (Type::of_schema(&a), Type::of_schema(&b));
        if let Some(Misfit::Stranger(path, ..)) = misfit(&x, &y)
            && path.is_empty()
            && !(value.is_null() || value.as_array().is_some_and(Vec::is_empty))
        {
            prop_assert!(!(x.admits(&value) && y.admits(&value)), "{a} and {b}: {value}");
        }
    }
}

fn field(schema: &Value, path: &[&str]) -> Option<(String, Chance)> {
    let steps: Vec<Step> = path.iter().map(|name| Step::Field((*name).to_owned())).collect();
    Field::sure(Type::of_schema(schema)).at(&steps).map(|field| (field.ty.to_string(), field.missing))
}

#[test]
fn what_a_schema_says_of_a_field() {
    let schema = json!({
        "type": "object", "required": ["a"], "additionalProperties": false,
        "properties": {"a": {"type": "object", "properties": {"b": {"type": ["string", "null"]}}}, "c": {"type": "integer"}},
    });
    assert_eq!(field(&schema, &["a", "b"]), Some(("null or a string".into(), Chance::Known)));
    assert_eq!(field(&schema, &["a", "open"]), Some(("any value".into(), Chance::Perhaps)));
    assert_eq!(field(&schema, &["c"]), Some(("a whole number".into(), Chance::Known)));
    assert_eq!(field(&schema, &["d"]), None);
    // what depends on more than a type says is possible, and not known
    let conditional = json!({"type": "object", "properties": {"c": {"type": ["integer", "null"]}}, "dependentRequired": {"a": ["c"]}});
    assert_eq!(field(&conditional, &["c"]).unwrap().1, Chance::Perhaps);
}

#[test]
fn what_is_of_both_is_no_more_than_each() {
    let few = Type::of_value(&json!(3));
    for (a, b, both) in [
        (Type::WHOLE, Type::NUMBER, Type::WHOLE),
        (few.clone(), Type::WHOLE, few.clone()),
        (few.clone(), Type::NUMBER, few),
        (Type::words(["a", "b"]), Type::TEXT, Type::words(["a", "b"])),
        (Type::TEXT, Type::WHOLE, Type::NEVER),
    ] {
        assert_eq!(a.and(&b), both);
        assert_eq!(b.and(&a), both);
    }
}

#[test]
fn a_schema_that_refers_to_itself_ends() {
    let tree = json!({"$defs": {"node": {"type": "object", "properties": {"next": {"$ref": "#/$defs/node"}, "name": {"type": "string"}}, "required": ["next", "name"]}}, "$ref": "#/$defs/node"});
    assert_eq!(field(&tree, &["name"]).unwrap().0, "a string");
    assert_eq!(field(&tree, &["next"]).unwrap().0, "any value");
    // each definition twice the one before: read once each
    let mut defs = serde_json::Map::new();
    for at in 0..40 {
        let next = json!({"$ref": format!("#/$defs/d{}", at + 1)});
        defs.insert(format!("d{at}"), json!({"type": "object", "properties": {"a": next, "b": next}}));
    }
    defs.insert("d40".into(), json!({"type": "string"}));
    let ty = Type::of_schema(&json!({"$defs": defs, "$ref": "#/$defs/d0"}));
    assert!(!ty.is_any());
}

#[test]
fn shapes_are_told_apart_by_what_is_known_of_a_field() {
    let ty = Type::of_schema(&json!({"oneOf": [
        {"type": "object", "properties": {"kind": {"const": "a"}, "x": {"type": "integer"}}, "required": ["kind", "x"], "additionalProperties": false},
        {"type": "object", "properties": {"kind": {"const": "b"}, "y": {"type": "string"}}, "required": ["kind", "y"], "additionalProperties": false},
    ]}));
    let x = [Step::Field("x".into())];
    assert_eq!(Field::sure(ty.clone()).at(&x).unwrap().missing, Chance::Known);
    let only_a = Field::sure(ty)
        .narrowed(&[Step::Field("kind".into())], &|kind| kind.and(&Type::words(["a"])))
        .unwrap();
    assert_eq!(only_a.at(&x).unwrap().missing, Chance::Never);
    assert_eq!(only_a.at(&[Step::Field("y".into())]), None);
}
