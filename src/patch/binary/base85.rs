//! Git's base 85: lines of up to 52 bytes, four of them as five digits, behind a letter that counts them.

/// The digits, the least first.
const DIGITS: &[u8; 85] =
    b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz!#$%&()*+-;<=>?@^_`{|}~";
/// No digit.
const NONE: u8 = u8::MAX;
/// What each byte is worth as a digit.
const VALUES: [u8; 256] = values();
/// The most bytes of a line.
const LINE: usize = 52;

const fn values() -> [u8; 256] {
    let mut values = [NONE; 256];
    let mut at = 0;
    while at < DIGITS.len() {
        values[DIGITS[at] as usize] = at as u8;
        at += 1;
    }
    values
}

/// The lines of some bytes, each with its line end.
pub(super) fn encode(bytes: &[u8], out: &mut String) {
    for line in bytes.chunks(LINE) {
        let count = line.len() as u8;
        out.push(char::from(if count <= 26 { b'A' + count - 1 } else { b'a' + count - 27 }));
        for group in line.chunks(4) {
            let mut word =
                (0..4).fold(0_u32, |word, at| word << 8 | u32::from(group.get(at).copied().unwrap_or(0)));
            let mut digits = [0; 5];
            for digit in digits.iter_mut().rev() {
                *digit = DIGITS[(word % 85) as usize];
                word /= 85;
            }
            out.extend(digits.map(char::from));
        }
        out.push('\n');
    }
}

/// The bytes of a line without its line end; the error says what is wrong with it.
pub(super) fn decode(line: &str, bytes: &mut Vec<u8>) -> Result<(), &'static str> {
    let (count, digits) = line.as_bytes().split_first().ok_or("there is no line")?;
    let count = match count {
        b'A'..=b'Z' => usize::from(count - b'A') + 1,
        b'a'..=b'z' => usize::from(count - b'a') + 27,
        _ => return Err("a line of it begins with a letter, which counts its bytes"),
    };
    if digits.len() != count.div_ceil(4) * 5 {
        return Err("the line has not as many digits as its first letter counts");
    }
    let end = bytes.len() + count;
    for group in digits.chunks_exact(5) {
        let word = group.iter().try_fold(0_u64, |word, digit| match VALUES[usize::from(*digit)] {
            NONE => Err("the line holds something that is no digit of base 85"),
            value => Ok(word * 85 + u64::from(value)),
        })?;
        let word =
            u32::try_from(word).map_err(|_| "five digits of the line are worth more than four bytes")?;
        bytes.extend_from_slice(&word.to_be_bytes());
    }
    if bytes[end..].iter().any(|&filler| filler != 0) {
        return Err("the line holds more than the bytes that its first letter counts");
    }
    bytes.truncate(end);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn decoded(text: &str) -> Result<Vec<u8>, &'static str> {
        let mut bytes = Vec::new();
        text.lines().try_for_each(|line| decode(line, &mut bytes)).map(|()| bytes)
    }

    proptest::proptest! {
        #[test]
        fn bytes_are_the_same_again(bytes in proptest::collection::vec(proptest::arbitrary::any::<u8>(), 0..300)) {
            let mut text = String::new();
            encode(&bytes, &mut text);
            proptest::prop_assert!(text.lines().all(|line| line.len() <= 66));
            proptest::prop_assert_eq!(decoded(&text), Ok(bytes));
        }
    }

    #[test]
    fn a_line_that_git_never_writes_is_refused() {
        assert_eq!(decoded("B00000"), Ok(vec![0, 0]));
        // four bytes of all ones, and one more
        assert_eq!(decoded("D|NsC0"), Ok(vec![0xff; 4]));
        for line in [
            "D|NsC1",
            "D~~~~~",
            "B0000",
            "B000000",
            "B0000000000",
            "100000",
            "B0000\"",
            "A00001",
            "B00001",
            "é00000",
        ] {
            assert!(decoded(line).is_err(), "{line}");
        }
        assert!(decode("", &mut Vec::new()).is_err());
    }
}
