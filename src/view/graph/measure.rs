//! How much room a text takes, in cells of a terminal, and where it is broken. Knows no font: a writer of pictures says
//! how wide a cell is.

use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

/// The width of a text in cells.
pub(super) fn cells(text: &str) -> usize {
    text.width()
}

/// The text in lines of at most `width` cells and `most` in number; where that is not all of it, the last ends in `cut`.
pub(super) fn wrapped(text: &str, width: usize, most: usize, cut: &str) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    let mut line = String::new();
    for word in text.split_whitespace() {
        for (nth, piece) in pieces(word, width).into_iter().enumerate() {
            let joint = usize::from(nth == 0 && !line.is_empty());
            if !line.is_empty() && cells(&line) + joint + cells(&piece) > width {
                lines.push(std::mem::take(&mut line));
            } else if joint == 1 {
                line.push(' ');
            }
            line.push_str(&piece);
        }
    }
    if !line.is_empty() {
        lines.push(line);
    }
    if lines.len() > most {
        lines.truncate(most);
        if let Some(last) = lines.last_mut() {
            while !last.is_empty() && cells(last) + cells(cut) > width {
                last.pop();
            }
            last.push_str(cut);
        }
    }
    lines
}

/// A word in pieces that fit, broken behind a mark where there is one.
fn pieces(word: &str, width: usize) -> Vec<String> {
    if cells(word) <= width {
        return vec![word.to_owned()];
    }
    let (mut pieces, mut piece) = (Vec::new(), String::new());
    for part in word.split_inclusive(['.', '/', '_', '-', ',', '(', '[']) {
        if !piece.is_empty() && cells(&piece) + cells(part) > width {
            pieces.push(std::mem::take(&mut piece));
        }
        for c in part.chars() {
            if !piece.is_empty() && cells(&piece) + c.width().unwrap_or(0) > width {
                pieces.push(std::mem::take(&mut piece));
            }
            piece.push(c);
        }
    }
    pieces.push(piece);
    pieces
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_fit_and_lose_nothing_until_they_are_too_many() {
        assert_eq!(wrapped("when output.n == 2 and more", 12, 9, "…"), ["when", "output.n ==", "2 and more"]);
        assert_eq!(wrapped("abcdefgh", 3, 9, "…"), ["abc", "def", "gh"]);
        assert_eq!(
            wrapped("not nodes.check.output.passed", 16, 9, "…"),
            ["not nodes.check.", "output.passed"]
        );
        assert_eq!(wrapped("日本語", 4, 9, "…"), ["日本", "語"]);
        assert_eq!(wrapped("one two three four", 5, 2, "…"), ["one", "two…"]);
        assert_eq!(wrapped("", 5, 2, "…"), Vec::<String>::new());
        for text in ["ab cd ef gh ij kl", "日本語日本語日本語日本語", "a\u{301}b c"] {
            assert!(wrapped(text, 4, 3, "...").iter().all(|line| cells(line) <= 4), "{text}");
        }
    }
}
