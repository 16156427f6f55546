//! The JSON Canonicalization Scheme (RFC 8785), but for whole numbers beyond 2^53, which keep all their digits: rounded, two
//! of them would share a digest, and a run that is gone on with would see another one than before (`docs/decisions/0157`).
//! Each event and each plan passes through here, so the common cases are written straight away; all other numbers are `serde_jcs`'s.

use serde_json::{Map, Number, Value};

/// The canonical text of `value`: sorted keys, no white space, whole numbers by their digits, others as in ECMAScript.
///
/// A JSON value always has one, so there is no error to return.
pub fn canonical_json(value: &Value) -> String {
    let mut text = String::new();
    write_value(value, &mut text);
    text
}

/// Appends the canonical form of an object that is at hand as its members alone.
pub fn push_canonical_object(members: &Map<String, Value>, text: &mut String) {
    write_object(members, text);
}

/// Appends the canonical form of a string.
pub fn push_canonical_string(string: &str, text: &mut String) {
    write_string(string, text);
}

fn write_value(value: &Value, text: &mut String) {
    match value {
        Value::Null => text.push_str("null"),
        Value::Bool(true) => text.push_str("true"),
        Value::Bool(false) => text.push_str("false"),
        Value::Number(number) => write_number(number, text),
        Value::String(string) => write_string(string, text),
        Value::Array(items) => {
            text.push('[');
            for (at, item) in items.iter().enumerate() {
                if at > 0 {
                    text.push(',');
                }
                write_value(item, text);
            }
            text.push(']');
        }
        Value::Object(object) => write_object(object, text),
    }
}

fn write_number(number: &Number, text: &mut String) {
    if number.is_i64() || number.is_u64() {
        text.push_str(&number.to_string());
    } else {
        text.push_str(&serde_jcs::to_string(number).unwrap_or_else(|_| number.to_string()));
    }
}

/// Quotes, and escapes of the shortest form for `"`, `\` and control characters; all else as it is.
fn write_string(string: &str, text: &mut String) {
    const HEX: &[u8; 16] = b"0123456789abcdef";
    text.push('"');
    let mut plain = 0;
    for (at, byte) in
        string.bytes().enumerate().filter(|(_, byte)| *byte < b' ' || matches!(byte, b'"' | b'\\'))
    {
        text.push_str(&string[plain..at]);
        plain = at + 1;
        match byte {
            b'"' => text.push_str("\\\""),
            b'\\' => text.push_str("\\\\"),
            b'\n' => text.push_str("\\n"),
            b'\r' => text.push_str("\\r"),
            b'\t' => text.push_str("\\t"),
            0x08 => text.push_str("\\b"),
            0x0c => text.push_str("\\f"),
            _ => {
                text.push_str("\\u00");
                text.push(char::from(HEX[usize::from(byte >> 4)]));
                text.push(char::from(HEX[usize::from(byte & 15)]));
            }
        }
    }
    text.push_str(&string[plain..]);
    text.push('"');
}

/// Members by the UTF-16 code units of their keys: for ASCII that is the order of the bytes, which the map has.
fn write_object(object: &Map<String, Value>, text: &mut String) {
    let in_order = object.keys().all(|key| key.is_ascii()) && object.keys().is_sorted();
    let mut members: Vec<(&String, &Value)> = Vec::new();
    if !in_order {
        members.extend(object);
        members.sort_by(|(a, _), (b, _)| a.encode_utf16().cmp(b.encode_utf16()));
    }
    text.push('{');
    let mut first = true;
    let mut member = |(key, value): (&String, &Value)| {
        if !std::mem::take(&mut first) {
            text.push(',');
        }
        write_string(key, text);
        text.push(':');
        write_value(value, text);
    };
    if in_order {
        object.iter().for_each(&mut member);
    } else {
        members.into_iter().for_each(&mut member);
    }
    text.push('}');
}

#[cfg(test)]
mod tests {
    use proptest::arbitrary::any;
    use proptest::collection::{btree_map, vec};
    use proptest::strategy::{Just, Strategy};
    use proptest::{prop_assert_eq, prop_oneof, proptest};

    use super::*;

    /// Whole numbers up to here are the same as a double and as digits.
    const EXACT: i64 = 1 << 53;

    #[test]
    fn a_large_whole_number_keeps_every_digit_and_its_own_text() {
        for whole in [EXACT, EXACT + 1, i64::MAX, i64::MIN, -EXACT - 1] {
            assert_eq!(canonical_json(&Value::from(whole)), whole.to_string());
        }
        for whole in [u64::MAX, u64::MAX - 1] {
            let text = canonical_json(&Value::from(whole));
            assert_eq!(serde_json::from_str::<Value>(&text).unwrap(), Value::from(whole));
        }
    }

    #[test]
    fn orders_keys_and_writes_numbers_as_rfc_8785_does() {
        let value: Value = serde_json::from_str(
            r#"{"b":1.0,"a":[1e30,4.50,2e-3,0.000000000000000000000000001],"\u20ac":"\u000f"}"#,
        )
        .unwrap();
        assert_eq!(
            canonical_json(&value),
            "{\"a\":[1e+30,4.5,0.002,1e-27],\"b\":1,\"\u{20ac}\":\"\\u000f\"}"
        );
    }

    /// Any JSON value, with the keys, strings and numbers that are hard.
    fn values() -> impl Strategy<Value = Value> {
        let number = prop_oneof![
            (-EXACT..=EXACT).prop_map(Value::from),
            (-20i64..20).prop_map(Value::from),
            any::<f64>().prop_map(Value::from),
            Just(Value::from(EXACT)),
            Just(Value::from(-0.0)),
        ];
        let string = || {
            prop_oneof!["[ -~]{0,6}", any::<String>(), "[\u{0}-\u{1f}\"\\\\/\u{7f}\u{fffd}\u{1f600}]{0,4}"]
        };
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::from),
            number,
            string().prop_map(Value::from),
        ];
        leaf.prop_recursive(4, 40, 6, move |inner| {
            prop_oneof![
                vec(inner.clone(), 0..6).prop_map(Value::from),
                btree_map(string(), inner, 0..6).prop_map(|map| map.into_iter().collect::<Value>()),
            ]
        })
    }

    proptest! {
        #[test]
        fn is_what_another_implementation_writes(value in values()) {
            prop_assert_eq!(canonical_json(&value), serde_jcs::to_string(&value).unwrap());
        }
    }
}
