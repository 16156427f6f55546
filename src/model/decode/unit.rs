//! Durations and sizes as people write them. The schemas' patterns say the same.

use std::time::Duration;

/// `90s`, `10m`, `1h30m`, `500ms`: units in falling order (`d h m s ms`), each at most once, at most six digits
/// each.
pub(crate) fn parse_duration(text: &str) -> Option<Duration> {
    const UNITS: [(&str, u64); 5] =
        [("d", 86_400_000), ("h", 3_600_000), ("m", 60_000), ("s", 1_000), ("ms", 1)];
    let mut rest = text;
    let mut units = UNITS.iter();
    let mut millis = 0;
    while !rest.is_empty() {
        let (count, after) = leading_number(rest, 6)?;
        let end = after.find(|c: char| !c.is_ascii_lowercase()).unwrap_or(after.len());
        let (unit, next) = after.split_at(end);
        let (_, factor) = units.find(|(name, _)| *name == unit)?;
        millis += count * factor;
        rest = next;
    }
    (!text.is_empty()).then(|| Duration::from_millis(millis))
}

/// `200B`, `64KiB`, `10MiB`, `4GiB`, `1TiB`: at most six digits, of bytes at most fifteen.
pub(crate) fn parse_size(text: &str) -> Option<u64> {
    let (count, unit) = leading_number(text, 15)?;
    let shift = match unit {
        "B" => return Some(count),
        "KiB" => 10,
        "MiB" => 20,
        "GiB" => 30,
        "TiB" => 40,
        _ => return None,
    };
    (text.len() - unit.len() <= 6).then_some(count << shift)
}

fn leading_number(text: &str, most: usize) -> Option<(u64, &str)> {
    let end = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let (digits, rest) = text.split_at(end);
    if digits.len() > most {
        return None;
    }
    Some((digits.parse().ok()?, rest))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations() {
        let good =
            [("90s", 90_000), ("10m", 600_000), ("1h30m", 5_400_000), ("500ms", 500), ("1d1ms", 86_400_001)];
        for (text, millis) in good {
            assert_eq!(parse_duration(text), Some(Duration::from_millis(millis)), "{text}");
        }
        for text in ["", "90", "s", "1m1h", "1s1s", "-1s", "1.5s", "1 s", "1234567s", "1S"] {
            assert_eq!(parse_duration(text), None, "{text}");
        }
    }

    #[test]
    fn sizes() {
        let good = [("0B", 0), ("64KiB", 65_536), ("10MiB", 10 << 20), ("999999TiB", 999_999 << 40)];
        for (text, bytes) in good {
            assert_eq!(parse_size(text), Some(bytes), "{text}");
        }
        for text in ["", "10", "10MB", "10 MiB", "1234567KiB", "MiB", "-1B", "1.5MiB"] {
            assert_eq!(parse_size(text), None, "{text}");
        }
    }
}
