//! Conditions that are tried with a few values, held against their evaluation over many: whatever the values are, the
//! conditions come to the same for one of those that are tried. So what never holds there never holds.

#![allow(clippy::unwrap_used, unreachable_pub, reason = "a test stops where it is wrong")]

mod dice;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use lgflow::expr::{Domain, Expression, Root, Subjects};
use lgflow::types::{Field, Step, Type};
use serde_json::{Value, json};

use dice::Dice;

/// By name of an input: its schema.
fn schemas() -> Vec<(&'static str, Value)> {
    vec![
        ("b", json!({"type": "boolean"})),
        ("nb", json!({"type": ["boolean", "null"]})),
        ("i", json!({"type": "integer"})),
        ("ni", json!({"type": ["integer", "null"]})),
        ("n", json!({"type": "number"})),
        ("nn", json!({"anyOf": [{"type": "number"}, {"type": "null"}]})),
        ("few", json!({"enum": [1, 2, 9_007_199_254_740_993_u64]})),
        ("s", json!({"type": "string"})),
        ("ns", json!({"type": ["string", "null"]})),
        ("e", json!({"enum": ["a", "abc", null]})),
        ("si", json!({"type": ["string", "integer"]})),
        ("ni2", json!({"type": ["number", "boolean", "null"], "minimum": 1})),
        ("l", json!({"type": ["array", "object", "string"]})),
        ("any", json!({})),
        ("o", json!({"type": "object", "properties": {"x": {"type": ["integer", "null"]}, "y": {}}})),
    ]
}

/// Values of all kinds: what conditions name, what lies around it, and what they name only in part.
fn pool() -> Vec<Value> {
    let mut values =
        vec![json!(null), json!(true), json!(false), json!([]), json!([1]), json!({}), json!({"a": 1})];
    values.extend([json!([1, 2]), json!([1, null, 3]), json!([[], [], [], []]), json!({"a": 1, "b": 2})]);
    values.extend(
        [
            "", "a", "b", "abc", "bc", "xyza", "~", "~~", "3", "zzzzzz", "ü", "üü", "üßé", "1234567",
            "12345678",
        ]
        .map(Value::from),
    );
    values.extend((-3..6).map(Value::from));
    values.extend(
        [0.3, 0.5, 1.5, 2.5, -0.5, 2.000_000_1, 1e300, -1e300, 1e16, 5e-324, f64::MAX].map(Value::from),
    );
    for big in [9_007_199_254_740_992_u64, 1 << 63, u64::MAX - 2] {
        values.extend((0..3).map(|more| Value::from(big + more)));
    }
    values.extend([
        json!(i64::MIN),
        json!(i64::MIN + 1),
        json!(18_446_744_073_709_551_616.0),
        json!(i64::MAX),
    ]);
    values
}

const SUBJECTS: [&str; 16] =
    ["b", "nb", "i", "ni", "n", "nn", "few", "s", "ns", "e", "si", "ni2", "l", "any", "o.x", "o.y"];
const CONSTANTS: [&str; 21] = [
    "none",
    "true",
    "'a'",
    "'abc'",
    "'~'",
    "''",
    "0",
    "1",
    "2",
    "-1",
    "1.5",
    "2.0",
    "0.3",
    "1e300",
    "1e16",
    "9007199254740992",
    "9007199254740993",
    "9223372036854775807",
    "18446744073709551615",
    "18446744073709551616.0",
    "-9223372036854775808.0",
];

const LENGTHS: [&str; 8] = ["0", "1", "2", "3", "1.5", "-1", "7.0", "'a'"];

/// Conditions are drawn over one or two inputs, so that they have something in common.
fn condition(dice: &mut Dice, over: &[&str], depth: usize) -> String {
    if depth > 0 && dice.roll(2) == 0 {
        let one = condition(dice, over, depth - 1);
        let other = condition(dice, over, depth - 1);
        return match dice.roll(4) {
            0 => format!("({one} and {other})"),
            1 => format!("({one} or {other})"),
            2 => format!("(not {one})"),
            _ => format!("({one} if {other} else not {one})"),
        };
    }
    let subject = format!("inputs.{}", dice.one(over));
    let one = dice.one(&CONSTANTS);
    match dice.roll(16) {
        12 | 13 => {
            let signs = ["==", "!=", "<", "<=", ">", ">="];
            format!("(({subject} | length) {} {})", dice.one(&signs), dice.one(&LENGTHS))
        }
        14 => format!("({subject} is {}{})", dice.one(&["", "not "]), dice.one(&["empty", "defined"])),
        15 => format!(
            "(({subject} | default({one})) {} {})",
            dice.one(&["==", "<", "in"]),
            dice.one(&CONSTANTS)
        ),
        0 => format!("({subject} {} {one})", dice.one(&["==", "!="])),
        1 => format!("({one} {} {subject})", dice.one(&["==", "<", ">="])),
        2 | 3 => format!("({subject} {} {one})", dice.one(&["<", "<=", ">", ">="])),
        4 => format!("({one} < {subject} <= {})", dice.one(&CONSTANTS)),
        5 => format!("({subject} {} [{one}, {}])", dice.one(&["in", "not in"]), dice.one(&CONSTANTS)),
        6 => format!(
            "({subject} {} {})",
            dice.one(&["in", "not in"]),
            dice.one(&["'abc'", "'xyza'", "['a', 'b']"])
        ),
        7 => format!("('a' in {subject})"),
        8 | 9 => {
            let kinds = ["none", "boolean", "number", "integer", "string", "list", "object"];
            format!("({subject} is {}{})", dice.one(&["", "not "]), dice.one(&kinds))
        }
        10 => format!("({subject} is {}({one}))", dice.one(&["eq", "ne", "lt", "ge"])),
        _ => subject,
    }
}

/// What conditions come to together: nothing, where one of them has no value.
fn outcome(conditions: &[Expression], inputs: &BTreeMap<String, Value>) -> Option<Vec<bool>> {
    let mut known = |root: &Root| match root {
        Root::Input(name) => inputs.get(name).cloned().map(Arc::new),
        _ => None,
    };
    conditions.iter().map(|when| when.evaluate_bool(&mut known).ok()).collect()
}

/// All combinations, one choice of each.
fn combinations<T: Clone>(choices: &[Vec<T>]) -> Vec<Vec<T>> {
    choices.iter().fold(vec![Vec::new()], |all, next| {
        let longer = |found: &Vec<T>| {
            let found = found.clone();
            next.iter().map(move |one| found.iter().cloned().chain([one.clone()]).collect())
        };
        all.iter().flat_map(longer).collect()
    })
}

fn tried(domains: &[Domain], conditions: &[Expression]) -> BTreeSet<Vec<bool>> {
    let choices: Vec<Vec<Option<Value>>> = domains.iter().map(|domain| domain.values.clone()).collect();
    let rows = combinations(&choices).into_iter().filter_map(|row| {
        let mut inputs: BTreeMap<String, Value> = BTreeMap::from([("o".to_owned(), json!({}))]);
        for (domain, value) in domains.iter().zip(row) {
            let Root::Input(name) = &domain.subject.root else { panic!("{domain:?}") };
            match (&domain.subject.path[..], value) {
                ([], Some(value)) => {
                    inputs.insert(name.clone(), value);
                }
                ([Step::Field(field)], Some(value)) => inputs.get_mut(name).unwrap()[field.as_str()] = value,
                (_, None) => {}
                other => panic!("{other:?}"),
            }
        }
        outcome(conditions, &inputs)
    });
    rows.collect()
}

/// The values of an input: of an object, with the field and without it.
fn values_of(name: &str, ty: &Type) -> Vec<Value> {
    let all = pool();
    let of_fields = |field: &str| -> Vec<Value> {
        all.iter().map(|value| json!({ field: value })).chain([json!({})]).collect()
    };
    let all = match name {
        "o.x" => of_fields("x"),
        "o.y" => of_fields("y"),
        _ => all,
    };
    all.into_iter().filter(|value| ty.admits(value)).collect()
}

#[test]
fn whatever_the_values_are_one_that_is_tried_stands_for_them() {
    let types: BTreeMap<&str, Type> =
        schemas().into_iter().map(|(name, schema)| (name, Type::of_schema(&schema))).collect();
    let input = |subject: &str| subject.split('.').next().unwrap().to_owned();
    let (mut understood, mut compared) = (0, 0);
    for seed in 1..=1_500_u64 {
        let mut dice = Dice(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1);
        let first = dice.one(&SUBJECTS);
        let second = dice.one(&SUBJECTS);
        // an input once: the fields of one object would have to be drawn together
        let over = if input(first) == input(second) { vec![first] } else { vec![first, second] };
        let sources = [condition(&mut dice, &over, 2), condition(&mut dice, &over, 1)];
        let conditions = sources.each_ref().map(|source| Expression::from_source(source).unwrap());
        let mut known = |root: &Root| match root {
            Root::Input(name) => Field::sure(types[name.as_str()].clone()),
            _ => Field::ANY,
        };
        let mut subjects = Subjects::default();
        if !conditions.iter().all(|when| when.tells_apart(&mut subjects, None, &mut known)) {
            continue;
        }
        understood += 1;
        let tried = tried(&subjects.domains(), &conditions);
        let choices: Vec<Vec<Value>> =
            over.iter().map(|subject| values_of(subject, &types[input(subject).as_str()])).collect();
        for row in combinations(&choices) {
            let inputs = over.iter().map(|subject| input(subject)).zip(row).collect();
            if let Some(outcome) = outcome(&conditions, &inputs) {
                compared += 1;
                assert!(
                    tried.contains(&outcome),
                    "seed {seed}: {sources:#?}\ncome to {outcome:?} for {inputs:?}\nand no more than {tried:?} was tried: {:#?}",
                    subjects.domains()
                );
            }
        }
    }
    // neither is everything left alone, nor does everything fail
    assert!(understood > 700 && compared > 100_000, "{understood} understood, {compared} compared");
}

#[test]
fn what_is_tried_is_of_its_type() {
    let types: BTreeMap<&str, Type> =
        schemas().into_iter().map(|(name, schema)| (name, Type::of_schema(&schema))).collect();
    for (name, ty) in &types {
        let source = if *name == "o" {
            "inputs.o is none".to_owned()
        } else {
            format!("inputs.{name} in [1, 1.5, 'a', 18446744073709551615] or inputs.{name} is integer")
        };
        let when = Expression::from_source(&source).unwrap();
        let mut subjects = Subjects::default();
        assert!(when.tells_apart(&mut subjects, None, &mut |_| Field::sure(ty.clone())), "{source}");
        let domains = subjects.domains();
        assert_eq!(domains.len(), 1);
        for value in &domains[0].values {
            assert!(ty.admits(value.as_ref().unwrap()), "{name}: {value:?} is not of {ty:?}");
        }
        // each kind that there is a value of is tried
        let kinds = |values: Vec<Value>| values.iter().map(kind).collect::<BTreeSet<&str>>();
        let of_type: Vec<Value> = pool().into_iter().filter(|value| ty.admits(value)).collect();
        assert_eq!(kinds(domains[0].values.iter().flatten().cloned().collect()), kinds(of_type), "{name}");
    }
}

fn kind(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "boolean",
        Value::Number(_) => "number",
        Value::String(_) => "string",
        Value::Array(_) => "list",
        Value::Object(_) => "object",
    }
}
