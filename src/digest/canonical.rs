//! The JSON Canonicalization Scheme (RFC 8785), by `serde_jcs`.

use serde_json::Value;

/// The canonical text of `value`: sorted keys, no white space, ECMAScript numbers.
///
/// A JSON value always has one, so there is no error to return.
pub fn canonical_json(value: &Value) -> String {
    serde_jcs::to_string(value).unwrap_or_else(|_| value.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

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
}
