//! The kept output of a command as text, without what must not leave: also where its middle was dropped, and a secret
//! may have been cut in two.

use crate::redact::{Cut, Redaction};
use crate::sandbox::Kept;

/// The text, a line in the place of what was dropped, and how much was taken out.
pub(super) fn kept_text(kept: &Kept, redaction: &Redaction) -> (String, usize) {
    let (head, tail) = kept.parts();
    let Some(tail) = tail else { return redaction.text(&head, Cut::default()) };
    let (head, removed) = redaction.text(&head, Cut { before: false, behind: true });
    let (tail, more) = redaction.text(&tail, Cut { before: true, behind: false });
    (format!("{head}\n[… {} bytes left out …]\n{tail}", kept.dropped()), removed + more)
}

#[cfg(test)]
mod tests {
    use crate::redact::Values;

    use super::*;

    const SECRET: &str = "correct-horse-battery";

    #[test]
    fn no_part_of_a_secret_is_kept_wherever_the_output_is_cut_and_however_it_arrives() {
        let values = Values::new(&[("KEY".to_owned(), SECRET.as_bytes().to_vec())]).unwrap();
        let redaction = Redaction::new(values, Vec::new());
        let all = format!("{}{SECRET}{}{SECRET}{}", "a ".repeat(20), "b ".repeat(20), "c ".repeat(20));
        for limit in 0..=all.len() {
            for size in [1, 3, 7, all.len()] {
                let mut kept = Kept::new(limit as u64);
                all.as_bytes().chunks(size).for_each(|part| kept.push(part));
                let (text, _) = kept_text(&kept, &redaction);
                for piece in SECRET.as_bytes().windows(4) {
                    let piece = std::str::from_utf8(piece).unwrap();
                    assert!(!text.contains(piece), "{limit} bytes, parts of {size}: `{piece}` is in {text}");
                }
            }
        }
    }

    #[test]
    fn without_anything_to_remove_it_is_the_text_as_it_was_kept() {
        for limit in [4, 100] {
            let mut kept = Kept::new(limit);
            kept.push(b"some words, and more");
            assert_eq!(kept_text(&kept, &Redaction::default()), (kept.text(), 0));
        }
    }
}
