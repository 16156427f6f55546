//! How long an answer of `http` may be taken again: for as long as its server said, and not at all where it said nothing.

use serde_json::Value;

/// The longest that any server is believed, in seconds: a day.
const LONGEST: u64 = 24 * 60 * 60;

/// For how many seconds from its arrival, where it may be at all.
pub(super) fn lifetime(output: &Value) -> Option<u64> {
    let header = |name: &str| output.get("headers")?.get(name)?.as_str().map(str::to_ascii_lowercase);
    if output.get("status")?.as_u64()? != 200 || header("vary").is_some_and(|vary| vary.contains('*')) {
        return None;
    }
    let control = header("cache-control")?;
    let said: Vec<&str> = control.split(',').map(str::trim).collect();
    let forbids = |word: &str| {
        let name = word.split('=').next().unwrap_or_default().trim();
        name == "no-store" || name == "no-cache"
    };
    if said.iter().any(|word| forbids(word)) {
        return None;
    }
    let most = said.iter().find_map(|word| word.strip_prefix("max-age="))?.trim_matches('"');
    let most = most.parse::<u64>().ok()?.min(LONGEST);
    let age = header("age").map_or(Some(0), |age| age.trim().parse::<u64>().ok())?;
    most.checked_sub(age).filter(|left| *left > 0)
}

/// Is it still to be taken? `at` is when it came, `now` is now, in milliseconds.
pub(super) fn is_fresh(output: &Value, at: u64, now: u64) -> bool {
    // a clock that went back says nothing about how much time has passed
    let passed = now.checked_sub(at).map(|millis| millis / 1000);
    lifetime(output).zip(passed).is_some_and(|(lifetime, passed)| passed < lifetime)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn of(headers: &Value) -> Value {
        json!({ "status": 200, "headers": headers, "body": "" })
    }

    #[test]
    fn a_server_says_how_long_and_else_it_is_not_kept() {
        for (headers, expected) in [
            (json!({ "cache-control": "max-age=60" }), Some(60)),
            (json!({ "cache-control": "private, Max-Age=\"60\"", "age": "20" }), Some(40)),
            (json!({ "cache-control": "max-age=99999999999" }), Some(LONGEST)),
            (json!({ "cache-control": "max-age=60", "age": "60" }), None),
            (json!({ "cache-control": "max-age=60", "age": "old" }), None),
            (json!({ "cache-control": "max-age=0" }), None),
            (json!({ "cache-control": "max-age=-1" }), None),
            (json!({ "cache-control": "max-age=60, no-store" }), None),
            (json!({ "cache-control": "no-cache, max-age=60" }), None),
            (json!({ "cache-control": "no-cache=\"x\", max-age=60" }), None),
            (json!({ "cache-control": "max-age=60", "vary": "accept, *" }), None),
            (json!({ "cache-control": "public" }), None),
            (json!({ "expires": "Wed, 21 Oct 2099 07:28:00 GMT" }), None),
            (json!({}), None),
        ] {
            assert_eq!(lifetime(&of(&headers)), expected, "{headers}");
        }
        let other = json!({ "status": 404, "headers": { "cache-control": "max-age=60" } });
        assert_eq!(lifetime(&other), None);
    }

    #[test]
    fn it_is_taken_until_then_and_not_by_a_clock_that_went_back() {
        let output = of(&json!({ "cache-control": "max-age=60" }));
        let fresh = |now| is_fresh(&output, 1_000_000, now);
        assert_eq!(
            [fresh(1_000_000), fresh(1_059_999), fresh(1_060_000), fresh(999_999)],
            [true, true, false, false]
        );
    }
}
