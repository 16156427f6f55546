//! The forms under which a secret may turn up: as it is, escaped in JSON, encoded for a URL, in base64 wherever it
//! begins, in hex. Other encodings, and pieces, are not looked for.

use std::collections::BTreeSet;

const STANDARD: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
const URL_SAFE: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

/// Every form of a value, each once, the longest first.
pub(super) fn forms(value: &[u8]) -> Vec<Vec<u8>> {
    let mut forms = BTreeSet::from([value.to_vec()]);
    if let Ok(text) = std::str::from_utf8(value) {
        forms.extend(json(text));
    }
    for upper in [true, false] {
        forms.insert(hex(value, upper));
        forms.insert(url(value, upper, "%20"));
        forms.insert(url(value, upper, "+"));
    }
    for alphabet in [STANDARD, URL_SAFE] {
        forms.extend((0..3).map(|phase| base64(value, alphabet, phase)));
    }
    let mut forms: Vec<Vec<u8>> = forms.into_iter().collect();
    forms.sort_by_key(|form| std::cmp::Reverse(form.len()));
    forms
}

/// As a JSON string holds it: with all else as it is, with `/` escaped too, and with nothing but ASCII.
fn json(text: &str) -> Vec<Vec<u8>> {
    let quoted = serde_json::Value::from(text).to_string();
    let plain = quoted[1..quoted.len() - 1].to_owned();
    let escape = |upper: bool| {
        let unit = |unit: u16| if upper { format!("\\u{unit:04X}") } else { format!("\\u{unit:04x}") };
        let one = |c: char| {
            if c.is_ascii() {
                return c.to_string();
            }
            c.encode_utf16(&mut [0; 2]).iter().map(|part| unit(*part)).collect()
        };
        plain.chars().map(one).collect::<String>()
    };
    let all = [plain.clone(), plain.replace('/', "\\/"), escape(true), escape(false)];
    all.into_iter().map(String::into_bytes).collect()
}

fn hex(value: &[u8], upper: bool) -> Vec<u8> {
    let digit = |byte: &u8| if upper { format!("{byte:02X}") } else { format!("{byte:02x}") };
    value.iter().map(digit).collect::<String>().into_bytes()
}

fn url(value: &[u8], upper: bool, space: &str) -> Vec<u8> {
    let one = |&byte: &u8| match byte {
        b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => char::from(byte).to_string(),
        b' ' => space.to_owned(),
        byte if upper => format!("%{byte:02X}"),
        byte => format!("%{byte:02x}"),
    };
    value.iter().map(one).collect::<String>().into_bytes()
}

/// The letters that depend on the value alone, where `phase` bytes of something else stand before it in its group of
/// three.
fn base64(value: &[u8], alphabet: &[u8; 64], phase: usize) -> Vec<u8> {
    let bits = |at: usize| {
        let sextet = (0..6).fold(0_usize, |sextet, bit| {
            let at = at * 6 + bit;
            let byte = (at / 8).checked_sub(phase).and_then(|byte| value.get(byte)).copied().unwrap_or(0);
            sextet << 1 | usize::from(byte >> (7 - at % 8) & 1)
        });
        alphabet[sextet]
    };
    let first = (phase * 8).div_ceil(6);
    let end = (phase + value.len()) * 8 / 6;
    (first..end).map(bits).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_form_is_the_one_that_others_write() {
        let forms: Vec<String> = forms("a/b \"ü\"?>".as_bytes())
            .into_iter()
            .map(|form| String::from_utf8(form).unwrap())
            .collect();
        for form in [
            "a/b \"ü\"?>",
            "a/b \\\"ü\\\"?>",
            "a\\/b \\\"ü\\\"?>",
            "a/b \\\"\\u00fc\\\"?>",
            "a/b \\\"\\u00FC\\\"?>",
            "612f622022c3bc223f3e",
            "612F622022C3BC223F3E",
            "a%2Fb%20%22%C3%BC%22%3F%3E",
            "a%2fb+%22%c3%bc%22%3f%3e",
            // `printf '%s' 'a/b "ü"?>' | base64`, without the last letter, which depends on what follows
            "YS9iICLDvCI/P",
        ] {
            assert!(forms.iter().any(|found| found == form), "{form} is not in {forms:#?}");
        }
    }

    #[test]
    fn base64_is_found_wherever_the_value_begins() {
        let secret = b"correct-horse";
        for before in 0..7 {
            for after in 0..5 {
                let all = [&b"xyzxyzx"[..before], secret, &b"qqqqq"[..after]].concat();
                let whole = base64(&all, STANDARD, 0);
                let found = (0..3).any(|phase| {
                    let form = base64(secret, STANDARD, phase);
                    whole.windows(form.len()).any(|window| window == form)
                });
                assert!(found, "{before} bytes before, {after} behind");
            }
        }
    }
}
