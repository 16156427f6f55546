//! Server-sent events: from bytes as they come to the data of each event. Knows nothing of what the data say.

/// The most bytes of one event.
const MOST: usize = 4 << 20;
/// What a stream may begin with: a byte order mark.
const MARK: &[u8] = b"\xef\xbb\xbf";

/// Bytes that have come and are no whole event.
#[derive(Debug, Default)]
pub(super) struct Events {
    line: Vec<u8>,
    data: Vec<u8>,
    /// Has a line ended? Before, a byte order mark may stand, which is no part of one.
    begun: bool,
}

/// Bytes that are no events.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct NoEvents;

impl Events {
    /// The data of the events that `bytes` complete.
    pub(super) fn take(&mut self, bytes: &[u8]) -> Result<Vec<String>, NoEvents> {
        let mut whole = Vec::new();
        for &byte in bytes {
            if byte == b'\n' {
                whole.extend(self.end_line()?);
            } else {
                self.line.push(byte);
            }
            if self.line.len() + self.data.len() > MOST {
                return Err(NoEvents);
            }
        }
        Ok(whole)
    }

    /// The data of an event that nothing but the end has completed.
    pub(super) fn end(&mut self) -> Result<Vec<String>, NoEvents> {
        let mut whole: Vec<String> = self.end_line()?.into_iter().collect();
        whole.extend(self.end_event()?);
        Ok(whole)
    }

    fn end_line(&mut self) -> Result<Option<String>, NoEvents> {
        let line = std::mem::take(&mut self.line);
        let line = line.strip_suffix(b"\r").unwrap_or(&line);
        let first = !std::mem::replace(&mut self.begun, true);
        let line = line.strip_prefix(MARK).filter(|_| first).unwrap_or(line);
        if line.is_empty() {
            return self.end_event();
        }
        if let Some(data) = line.strip_prefix(b"data:") {
            if !self.data.is_empty() {
                self.data.push(b'\n');
            }
            self.data.extend_from_slice(data.strip_prefix(b" ").unwrap_or(data));
        }
        Ok(None)
    }

    fn end_event(&mut self) -> Result<Option<String>, NoEvents> {
        let data = std::mem::take(&mut self.data);
        if data.is_empty() {
            return Ok(None);
        }
        String::from_utf8(data).map(Some).map_err(|_| NoEvents)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn events_are_the_same_wherever_they_are_cut() {
        let text = ": ping\r\n\r\nevent: x\ndata: {\"a\":\r\ndata:1}\n\ndata: zwölf\n\n\n\ndata: [DONE]";
        let expected = ["{\"a\":\n1}", "zwölf", "[DONE]"];
        for at in 0..=text.len() {
            let mut events = Events::default();
            let (head, tail) = text.as_bytes().split_at(at);
            let mut found = events.take(head).unwrap();
            found.extend(events.take(tail).unwrap());
            found.extend(events.end().unwrap());
            assert_eq!(found, expected, "cut at {at}");
        }
    }

    #[test]
    fn a_mark_before_the_first_line_is_none_of_it_and_a_later_one_is() {
        for text in ["\u{feff}data: no\n\ndata: yes\n\n", "\u{feff}\ndata: no\n\n\ndata: yes\n\n"] {
            let found: Vec<String> = text
                .bytes()
                .scan(Events::default(), |events, byte| events.take(&[byte]).ok())
                .flatten()
                .collect();
            assert_eq!(found, ["no", "yes"], "{text:?}");
        }
        assert_eq!(Events::default().take("data: a\n\n\u{feff}data: b\n\n".as_bytes()).unwrap(), ["a"]);
    }

    #[test]
    fn what_never_ends_or_is_no_text_is_none() {
        assert_eq!(Events::default().take(&vec![b'x'; MOST + 1]), Err(NoEvents));
        assert_eq!(Events::default().take(b"data: \xff\n\n"), Err(NoEvents));
    }
}
