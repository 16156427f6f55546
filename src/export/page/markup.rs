//! Text that is not ours as HTML takes it: nothing of it ends an attribute or begins an element, and what would deceive a
//! reader is written as an escape.

use std::time::Duration;

use crate::source::escaped;

/// For the content of an element, and for an attribute in double quotes; on one line.
pub(super) fn text(text: &str) -> String {
    let mut written = String::with_capacity(text.len());
    for c in escaped(text).chars() {
        match c {
            '&' => written.push_str("&amp;"),
            '<' => written.push_str("&lt;"),
            '>' => written.push_str("&gt;"),
            '"' => written.push_str("&quot;"),
            '\'' => written.push_str("&#39;"),
            c => written.push(c),
        }
    }
    written
}

/// The same, line by line; tabs stay.
pub(super) fn lines(block: &str) -> String {
    let line = |line: &str| line.split('\t').map(text).collect::<Vec<_>>().join("\t");
    block.split('\n').map(line).collect::<Vec<_>>().join("\n")
}

/// At most so many bytes of a text, and how many more there are.
pub(super) fn cut(text: &str, most: usize) -> (&str, usize) {
    let end = if text.len() <= most { text.len() } else { text.floor_char_boundary(most) };
    (&text[..end], text.len() - end)
}

/// A time as a person says it.
pub(super) fn time(time: Duration) -> String {
    let seconds = time.as_secs();
    match seconds {
        0 => format!("{} ms", time.as_millis()),
        1..=59 => format!("{:.1} s", time.as_secs_f64()),
        60..=3599 => format!("{} min {} s", seconds / 60, seconds % 60),
        3600..=86_399 => format!("{} h {} min", seconds / 3600, seconds % 3600 / 60),
        _ => format!("{} d {} h", seconds / 86_400, seconds % 86_400 / 3600),
    }
}

/// A moment without what nobody reads.
pub(super) fn moment(moment: super::Moment) -> String {
    let text = moment.text();
    let seconds = text.split(['.', 'Z']).next().unwrap_or_default();
    format!("{} UTC", seconds.replace('T', " "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_leaves_its_place() {
        assert_eq!(
            text("</pre><script>'\"&\u{202e}\n"),
            "&lt;/pre&gt;&lt;script&gt;&#39;&quot;&amp;\\u{202e}\\n"
        );
        assert_eq!(lines("a\t<b>\n\u{1b}c"), "a\t&lt;b&gt;\n\\u{1b}c");
        assert_eq!(cut("aüb", 2), ("a", 3));
    }

    #[test]
    fn times_are_said_as_people_say_them() {
        let said = |millis| time(Duration::from_millis(millis));
        assert_eq!([said(0), said(999), said(1500)], ["0 ms", "999 ms", "1.5 s"]);
        assert_eq!([said(61_000), said(7_260_000), said(90_000_000)], ["1 min 1 s", "2 h 1 min", "1 d 1 h"]);
    }
}
