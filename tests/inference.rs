//! The types of expressions, held against their evaluation on random expressions over random values: an expression without
//! a finding gives a value of its type, or fails in a way that was left to the run; one with a finding that leaves no doubt
//! fails.

#![allow(clippy::unwrap_used, unreachable_pub, reason = "a test stops where it is wrong")]

mod dice;

use std::collections::BTreeSet;
use std::sync::Arc;

use lgflow::expr::{Expression, Root, names};
use lgflow::types::{Field, Type};
use serde_json::{Value, json};

use dice::Dice;

/// What the expressions look at: the schema of each, and values that satisfy it.
fn inputs() -> Vec<(&'static str, Value, Vec<Value>)> {
    let object = json!({
        "type": "object", "additionalProperties": false, "required": ["x", "y", "w"],
        "properties": {
            "x": { "type": "string" }, "y": { "type": "integer" }, "z": { "type": "string" },
            "w": { "type": ["string", "null"] },
        },
    });
    let (full, bare) = (json!({"x": "a", "y": 1, "z": "b", "w": "c"}), json!({"x": "", "y": -2, "w": null}));
    vec![
        ("s", json!({"type": "string"}), vec![json!(""), json!("a b"), json!("12"), json!("x\ny")]),
        ("n", json!({"type": "integer"}), vec![json!(0), json!(-3), json!(7), json!(2.0)]),
        ("f", json!({"type": "number"}), vec![json!(0.5), json!(-2), json!(1e300)]),
        ("b", json!({"type": "boolean"}), vec![json!(true), json!(false)]),
        ("e", json!({"enum": ["one", "two"]}), vec![json!("one"), json!("two")]),
        (
            "ls",
            json!({"type": "array", "items": {"type": "string"}}),
            vec![json!([]), json!(["b", "a", "b"])],
        ),
        ("ln", json!({"type": "array", "items": {"type": "integer"}}), vec![json!([]), json!([3, 1, 2])]),
        (
            "ll",
            json!({"type": "array", "items": {"type": "array", "items": {"type": "integer"}}}),
            vec![json!([[1], []])],
        ),
        ("o", object.clone(), vec![bare.clone(), full.clone()]),
        ("lo", json!({"type": "array", "items": object}), vec![json!([]), json!([bare, full])]),
        (
            "m",
            json!({"type": "object", "additionalProperties": {"type": "integer"}}),
            vec![json!({}), json!({"k": 1})],
        ),
        ("u", json!({"type": ["string", "integer"]}), vec![json!("u"), json!(3)]),
        ("q", json!({"type": ["string", "null"]}), vec![json!(null), json!("q")]),
        ("any", json!({}), vec![json!(null), json!(1), json!([1]), json!({"x": 1}), json!("any")]),
    ]
}

/// The kinds of values that an expression is wanted of.
#[derive(Clone, Copy, PartialEq)]
enum Want {
    Text,
    Number,
    Bool,
    Texts,
    Numbers,
    Objects,
    Object,
}

const WANTS: [&Want; 7] =
    [&Want::Text, &Want::Number, &Want::Bool, &Want::Texts, &Want::Numbers, &Want::Objects, &Want::Object];

fn text(dice: &mut Dice, depth: usize) -> String {
    let leaves = [
        "inputs.s",
        "inputs.e",
        "inputs.o.x",
        "'a'",
        "'12'",
        "inputs.q",
        "inputs.o.w",
        "inputs.o.z",
        "inputs.u",
    ];
    if depth == 0 {
        return dice.one(&leaves[..]).to_owned();
    }
    let d = depth - 1;
    match dice.roll(20) {
        0 => format!(
            "({} | {})",
            text(dice, d),
            dice.one(&["upper", "lower", "trim", "markdown", "code", "string"][..])
        ),
        1 => format!("({} ~ {})", text(dice, d), any(dice, d)),
        2 => format!("({} + {})", text(dice, d), text(dice, d)),
        3 => format!("({} | join('-'))", list(dice, d)),
        4 => format!("({} | {})", texts(dice, d), dice.one(&["first", "last", "max", "min"][..])),
        5 => format!("({} | tojson)", any(dice, d)),
        6 => format!("({} | replace('a', {}))", text(dice, d), text(dice, d)),
        7 => format!(
            "({} | {}({}))",
            text(dice, d),
            dice.one(&["head", "tail", "indent"][..]),
            number(dice, d)
        ),
        8 => format!("({} if {} else {})", text(dice, d), bool(dice, d), text(dice, d)),
        9 => format!("({} | default({}))", text(dice, d), text(dice, d)),
        10 => format!("first_of(inputs.o.z, {})", text(dice, d)),
        11 => format!("{}.x", object(dice, d)),
        12 => format!("({} | default('none'))", object_field(dice, d)),
        13 => format!("{}[{}]", texts(dice, d), number(dice, 0)),
        14 => format!("({} | string)", any(dice, d)),
        15 => format!("{}[0:{}]", text(dice, d), number(dice, 0)),
        16 => "(inputs.q if inputs.q is not none else 'nothing')".to_owned(),
        17 => "(inputs.u if inputs.u is string else 'a number')".to_owned(),
        18 => "(inputs.o.z if inputs.o.z is defined else 'nothing')".to_owned(),
        _ => text(dice, 0),
    }
}

fn object_field(dice: &mut Dice, depth: usize) -> String {
    format!("{}.{}", object(dice, depth), dice.one(&["x", "y", "z", "w"][..]))
}

fn number(dice: &mut Dice, depth: usize) -> String {
    let leaves = ["inputs.n", "inputs.f", "inputs.o.y", "2", "0.5", "-1", "inputs.u"];
    if depth == 0 {
        return dice.one(&leaves[..]).to_owned();
    }
    let d = depth - 1;
    match dice.roll(12) {
        0 | 1 => format!(
            "({} {} {})",
            number(dice, d),
            dice.one(&["+", "-", "*", "/", "//", "%"][..]),
            number(dice, d)
        ),
        2 => format!("({} | length)", dice_list_or_text(dice, d)),
        3 => format!("({} | {})", number(dice, d), dice.one(&["abs", "round", "int", "float"][..])),
        4 => format!("({} | {})", numbers(dice, d), dice.one(&["sum", "max", "min", "first", "last"][..])),
        5 => format!("({} | sum('y'))", objects(dice, d)),
        6 => format!("({} | int)", text(dice, d)),
        7 => format!("({} if {} else {})", number(dice, d), bool(dice, d), number(dice, d)),
        8 => format!("(-{})", number(dice, d)),
        9 => format!("({} | round({}))", number(dice, d), dice.roll(3)),
        10 => "inputs.m['k']".to_owned(),
        _ => number(dice, 0),
    }
}

fn dice_list_or_text(dice: &mut Dice, depth: usize) -> String {
    match dice.roll(4) {
        0 => text(dice, depth),
        1 => object(dice, depth),
        _ => list(dice, depth),
    }
}

fn bool(dice: &mut Dice, depth: usize) -> String {
    if depth == 0 {
        return dice.one(&["inputs.b", "true", "false", "(inputs.e == 'one')"][..]).to_owned();
    }
    let d = depth - 1;
    match dice.roll(14) {
        0 => format!(
            "({} {} {})",
            number(dice, d),
            dice.one(&["<", "<=", ">", ">=", "==", "!="][..]),
            number(dice, d)
        ),
        1 => format!(
            "({} {} {})",
            text(dice, d),
            dice.one(&["<", "<=", ">", ">=", "==", "!="][..]),
            text(dice, d)
        ),
        2 => format!("({} and {})", bool(dice, d), bool(dice, d)),
        3 => format!("({} or {})", bool(dice, d), bool(dice, d)),
        4 => format!("(not {})", bool(dice, d)),
        5 => format!("({} in {})", text(dice, d), texts(dice, d)),
        6 => format!("({} in {})", number(dice, d), numbers(dice, d)),
        7 => format!("({} in {})", text(dice, d), text(dice, d)),
        8 => format!(
            "({} is {})",
            any(dice, d),
            dice.one(
                &["none", "boolean", "number", "integer", "string", "list", "object", "defined", "undefined"]
                    [..]
            )
        ),
        9 => format!("({} is empty)", dice_list_or_text(dice, d)),
        10 => format!(
            "({} is {})",
            number(dice, d),
            dice.one(&["odd", "even", "divisibleby(2)", "gt(1)", "le(2)", "ge(0)", "lt(5)"][..])
        ),
        11 => format!(
            "({} is {}('a'))",
            text(dice, d),
            dice.one(&["startingwith", "endingwith", "eq", "ne"][..])
        ),
        12 => format!("({} is in({}))", text(dice, d), texts(dice, d)),
        _ => bool(dice, 0),
    }
}

fn texts(dice: &mut Dice, depth: usize) -> String {
    if depth == 0 {
        return dice.one(&["inputs.ls", "['a', 'b']"][..]).to_owned();
    }
    let d = depth - 1;
    match dice.roll(12) {
        0 => format!("({} | {})", text(dice, d), dice.one(&["lines", "split", "split(',')"][..])),
        1 => format!(
            "({} | {})",
            texts(dice, d),
            dice.one(&["sort", "unique", "reverse", "head(1)", "tail(2)", "sort(reverse=true)"][..])
        ),
        2 => format!("({} | map(attribute='{}'))", objects(dice, d), dice.one(&["x", "w", "z"][..])),
        3 => format!("({} | map(attribute='z', default='d'))", objects(dice, d)),
        4 => format!("({} | map('{}'))", texts(dice, d), dice.one(&["upper", "trim", "string"][..])),
        5 => format!(
            "({} | {}('{}', 'a'))",
            texts(dice, d),
            dice.one(&["select", "reject"][..]),
            dice.one(&["eq", "ne", "startingwith"][..])
        ),
        6 => format!("({} + {})", texts(dice, d), texts(dice, d)),
        7 => format!("[{}, {}]", text(dice, d), text(dice, d)),
        8 => format!("({} | keys)", object(dice, d)),
        9 => "(inputs.lo | map(attribute='w') | reject('none'))".to_owned(),
        10 => format!("({} | groupby('x') | map(attribute='key'))", objects(dice, d)),
        _ => texts(dice, 0),
    }
}

fn numbers(dice: &mut Dice, depth: usize) -> String {
    if depth == 0 {
        return dice.one(&["inputs.ln", "[1, 2]", "range(3)"][..]).to_owned();
    }
    let d = depth - 1;
    match dice.roll(9) {
        0 => format!("range({})", number(dice, d)),
        1 => format!("({} | map(attribute='y'))", objects(dice, d)),
        2 => format!("({} | map('{}'))", texts(dice, d), dice.one(&["length", "int", "float"][..])),
        3 => format!(
            "({} | {}('{}'))",
            numbers(dice, d),
            dice.one(&["select", "reject"][..]),
            dice.one(&["odd", "number", "integer"][..])
        ),
        4 => "(inputs.m | values)".to_owned(),
        5 => "(inputs.ll | flatten)".to_owned(),
        6 => format!("[{}, {}]", number(dice, d), number(dice, d)),
        7 => format!("({} | select('gt', 1))", numbers(dice, d)),
        _ => numbers(dice, 0),
    }
}

fn objects(dice: &mut Dice, depth: usize) -> String {
    if depth == 0 {
        return "inputs.lo".to_owned();
    }
    let d = depth - 1;
    match dice.roll(8) {
        0 => format!("({} | sort('{}'))", objects(dice, d), dice.one(&["x", "y", "w", "z"][..])),
        1 => format!(
            "({} | {}('x', 'eq', 'a'))",
            objects(dice, d),
            dice.one(&["selectattr", "rejectattr"][..])
        ),
        2 => format!("({} | selectattr('z', 'defined'))", objects(dice, d)),
        3 => format!("({} | unique('y'))", objects(dice, d)),
        4 => format!("[{}, {}]", object(dice, d), object(dice, d)),
        5 => format!("({} | groupby('y') | map(attribute='items') | flatten)", objects(dice, d)),
        6 => format!("({} | zip({}))", objects(dice, d), list(dice, d)),
        _ => objects(dice, 0),
    }
}

fn object(dice: &mut Dice, depth: usize) -> String {
    if depth == 0 {
        return dice.one(&["inputs.o", "inputs.m", "inputs.any"][..]).to_owned();
    }
    let d = depth - 1;
    match dice.roll(6) {
        0 => format!("{{'x': {}, 'y': {}, 'w': {}}}", text(dice, d), number(dice, d), any(dice, d)),
        1 => format!("({} | first)", objects(dice, d)),
        2 => format!("({} | last)", objects(dice, d)),
        3 => format!("({} | max('y'))", objects(dice, d)),
        4 => format!("('{{\"x\": 1}}' | fromjson if {} else {})", bool(dice, d), object(dice, d)),
        _ => object(dice, 0),
    }
}

fn list(dice: &mut Dice, depth: usize) -> String {
    match dice.roll(5) {
        0 => texts(dice, depth),
        1 => numbers(dice, depth),
        2 => objects(dice, depth),
        3 => format!(
            "({} | product({}))",
            texts(dice, depth.saturating_sub(1)),
            numbers(dice, depth.saturating_sub(1))
        ),
        _ => format!("({} | items)", object(dice, depth.saturating_sub(1))),
    }
}

fn any(dice: &mut Dice, depth: usize) -> String {
    let want = *dice.one(&WANTS[..]);
    of(want, dice, depth)
}

fn of(want: Want, dice: &mut Dice, depth: usize) -> String {
    match want {
        Want::Text => text(dice, depth),
        Want::Number => number(dice, depth),
        Want::Bool => bool(dice, depth),
        Want::Texts => texts(dice, depth),
        Want::Numbers => numbers(dice, depth),
        Want::Objects => objects(dice, depth),
        Want::Object => object(dice, depth),
    }
}

/// Does an error come from the values of numbers and strings, or from a limit?
fn by_value(message: &str) -> bool {
    [
        "divides by zero",
        "too large",
        "does not spell",
        "is not JSON",
        "a count is at least 0",
        "an empty string",
        "at most",
        "whole number",
        "step of `range`",
        "more than",
        "longer than",
        "steps",
    ]
    .iter()
    .any(|part| message.contains(part))
}

#[test]
fn what_has_a_type_gives_a_value_of_it_or_fails_as_was_left_open() {
    let inputs = inputs();
    let types: Vec<(&str, Type)> =
        inputs.iter().map(|(name, schema, _)| (*name, Type::of_schema(schema))).collect();
    let known = |root: &Root| match root {
        Root::Input(name) => types
            .iter()
            .find(|(known, _)| known == name)
            .map_or(Field::ANY, |(_, ty)| Field::sure(ty.clone())),
        _ => Field::ANY,
    };
    let (mut sound, mut refused, mut failed) = (0, 0, 0);
    let mut used: BTreeSet<String> = BTreeSet::new();
    for seed in 1..=60_000_u64 {
        let mut dice = Dice(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15));
        for _ in 0..4 {
            dice.roll(2);
        }
        let depth = 1 + dice.roll(3);
        let source = any(&mut dice, depth);
        let Ok(expression) = Expression::from_source(&source) else {
            panic!("{seed}: {source} can't be read")
        };
        let inferred = expression.infer(&mut |root| known(root));
        if inferred.findings.is_empty() {
            sound += 1;
            let words = source.split(|c: char| !c.is_ascii_lowercase()).map(str::to_owned);
            used.extend(words);
        } else {
            refused += 1;
        }
        for turn in 0..4 {
            let values: Vec<(&str, Arc<Value>)> = inputs
                .iter()
                .map(|(name, _, values)| {
                    (*name, Arc::new(values[(dice.roll(97) + turn) % values.len()].clone()))
                })
                .collect();
            let value = expression.evaluate(&mut |root| match root {
                Root::Input(name) => {
                    values.iter().find(|(known, _)| known == name).map(|(_, value)| value.clone())
                }
                _ => None,
            });
            if !inferred.findings.is_empty() {
                failed += usize::from(value.is_err());
                continue;
            }
            match value {
                Ok(value) => assert!(
                    inferred.ty.admits(&value),
                    "{seed}: `{source}` gives {value}, and was said to give {}: {:?}",
                    inferred.ty,
                    inferred.ty
                ),
                Err(error) => assert!(
                    by_value(&error.message) || inferred.open.missing || inferred.open.kind,
                    "{seed}: `{source}` fails, and nothing was left open: {error} with {values:?}"
                ),
            }
        }
    }
    assert!(sound > 20_000 && refused > 5_000 && failed > 10_000, "{sound} {refused} {failed}");
    for name in names::filters().iter().chain(names::tests().iter()) {
        assert!(used.contains(*name), "no sound expression has used `{name}`");
    }
}

/// Expressions with one fault that leaves no doubt, and what they are said to be.
#[test]
fn what_is_refused_without_doubt_fails() {
    let inputs = inputs();
    let types: Vec<(&str, Type)> =
        inputs.iter().map(|(name, schema, _)| (*name, Type::of_schema(schema))).collect();
    let mut refused = 0;
    for seed in 1..=40_000_u64 {
        let mut dice = Dice(seed.wrapping_mul(0x2545_f491_4f6c_dd1d));
        for _ in 0..4 {
            dice.roll(2);
        }
        // one operation over names, so that nothing around decides whether it is done at all
        let source = match dice.roll(6) {
            0 => format!(
                "({} {} {})",
                any(&mut dice, 0),
                dice.one(&["+", "-", "*", "<", ">", "==", "!=", "~", "in"][..]),
                any(&mut dice, 0)
            ),
            1 => format!(
                "({} | {})",
                any(&mut dice, 0),
                dice.one(
                    &names::filters()
                        .iter()
                        .copied()
                        .filter(|name| ![
                            "default",
                            "map",
                            "select",
                            "reject",
                            "selectattr",
                            "rejectattr",
                            "groupby",
                            "head",
                            "tail",
                            "indent",
                            "product",
                            "zip",
                            "replace"
                        ]
                        .contains(name))
                        .collect::<Vec<_>>()[..]
                )
            ),
            2 => format!("{}.{}", any(&mut dice, 0), dice.one(&["x", "nothing", "y"][..])),
            3 => format!("{}[{}]", any(&mut dice, 0), any(&mut dice, 0)),
            4 => format!("(not {})", any(&mut dice, 0)),
            _ => format!(
                "({} is {})",
                any(&mut dice, 0),
                dice.one(&["odd", "empty", "startingwith('a')", "gt(1)", "eq('a')"][..])
            ),
        };
        let Ok(expression) = Expression::from_source(&source) else { continue };
        let inferred = expression.infer(&mut |root| match root {
            Root::Input(name) => types
                .iter()
                .find(|(known, _)| known == name)
                .map_or(Field::ANY, |(_, ty)| Field::sure(ty.clone())),
            _ => Field::ANY,
        });
        let doubtful = ["may-be-missing", "may-be-null", "unknown-value"];
        let sure = inferred.findings.iter().filter(|finding| !doubtful.contains(&finding.code.as_str()));
        let Some(finding) = sure.into_iter().next() else { continue };
        refused += 1;
        // the last value of each is neither empty nor null
        let value = expression.evaluate(&mut |root| match root {
            Root::Input(name) => {
                let input = inputs.iter().find(|(known, ..)| known == name);
                input.and_then(|(_, _, values)| values.last()).cloned().map(Arc::new)
            }
            _ => None,
        });
        assert!(value.is_err(), "`{source}` gives {value:?}, and was refused: {}", finding.message);
    }
    assert!(refused > 5_000, "{refused}");
}

/// An operation on one input, in a place that is come to only where a test of its kind says so: what is refused there fails
/// for a value that passes the test, and where no value does, nothing is.
#[test]
fn what_is_refused_behind_a_test_fails_for_a_value_that_passes_it() {
    let inputs = inputs();
    let with_arguments = [
        "default",
        "map",
        "select",
        "reject",
        "selectattr",
        "rejectattr",
        "groupby",
        "head",
        "tail",
        "indent",
        "product",
        "zip",
        "replace",
    ];
    let filters: Vec<&str> =
        names::filters().iter().copied().filter(|name| !with_arguments.contains(name)).collect();
    let (mut refused, mut silent) = (0, 0);
    for seed in 1..=30_000_u64 {
        let mut dice = Dice(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15));
        for _ in 0..4 {
            dice.roll(2);
        }
        let (name, schema, values) = &inputs[dice.roll(inputs.len())];
        // of a value of any kind there are not all kinds among these
        if *name == "any" {
            continue;
        }
        let done = match dice.roll(3) {
            0 => format!("(inputs.{name} | {})", dice.one(&filters[..])),
            1 => format!(
                "(inputs.{name} {})",
                dice.one(&["+ 1", "< 1", "== 1", "== 'a'", "~ 'a'", "+ []"][..])
            ),
            _ => format!("inputs.{name}.{}", dice.one(&["x", "nothing"][..])),
        };
        let kind = dice.one(&["none", "boolean", "number", "string", "list", "object"][..]);
        let source = match dice.roll(4) {
            0 => format!("({done} if inputs.{name} is {kind} else 0)"),
            1 => format!("(0 if inputs.{name} is {kind} else {done})"),
            2 => format!("(inputs.{name} is {kind} and [{done}] != [])"),
            _ => format!("(inputs.{name} is {kind} or [{done}] != [])"),
        };
        let expression = Expression::from_source(&source).unwrap();
        let inferred = expression.infer(&mut |_| Field::sure(Type::of_schema(schema)));
        let doubtful = ["may-be-missing", "may-be-null", "unknown-value"];
        let Some(finding) = inferred.findings.iter().find(|found| !doubtful.contains(&found.code.as_str()))
        else {
            silent += 1;
            continue;
        };
        refused += 1;
        let fails = |value: &Value| expression.evaluate(&mut |_| Some(Arc::new(value.clone()))).is_err();
        assert!(
            values.iter().any(fails),
            "`{source}` always has a value, and was refused: {}",
            finding.message
        );
    }
    assert!(refused > 3_000 && silent > 3_000, "{refused} {silent}");
}
