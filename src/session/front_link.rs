//! The interpreter's side of its channel to the front: lines and payloads go there to be stored, and what a run has
//! recorded before comes from there. The interpreter itself has no file.

use std::os::unix::net::UnixStream;
use std::sync::mpsc;

use crate::digest::Digest;
use crate::effect::{FrameBuffer, FrontFrame, InterpreterFrame};
use crate::trace::Appended;
use crate::wire::{next_frame, send_frame};

use super::{Interrupter, Journal, JournalError};

/// Payloads travel in parts of so many bytes: a frame has a bound, and a payload has none of its own.
const PART: usize = 1 << 20;

/// Speaks to the front.
#[derive(Debug)]
pub struct FrontLink {
    socket: UnixStream,
    lines: Vec<String>,
    replies: mpsc::Receiver<Reply>,
}

/// Hears the front, on a thread of its own.
#[derive(Debug)]
pub struct FrontEar {
    socket: UnixStream,
    arrived: FrameBuffer,
    interrupter: Interrupter,
    replies: mpsc::Sender<Reply>,
}

/// What the front says when it was asked.
#[derive(Debug)]
enum Reply {
    Recorded { text: String, last: bool },
    Payload { part: Option<String>, last: bool },
    Stored,
}

impl FrontLink {
    /// Both sides of a channel to the front; `arrived` came before.
    ///
    /// # Errors
    /// The socket cannot be shared.
    pub fn new(
        socket: UnixStream,
        arrived: FrameBuffer,
        interrupter: Interrupter,
    ) -> std::io::Result<(Self, FrontEar)> {
        let (tell, replies) = mpsc::channel();
        let ear = FrontEar { socket: socket.try_clone()?, arrived, interrupter, replies: tell };
        Ok((Self { socket, lines: Vec::new(), replies }, ear))
    }

    /// What the run has recorded before it is gone on with: the front sends it behind the task.
    ///
    /// # Errors
    /// The front is gone.
    pub fn recorded(&self) -> Result<String, JournalError> {
        let mut whole = String::new();
        loop {
            match self.replies.recv() {
                Ok(Reply::Recorded { text, last }) => {
                    whole.push_str(&text);
                    if last {
                        return Ok(whole);
                    }
                }
                Ok(_) => {}
                Err(_) => return Err(JournalError::Front),
            }
        }
    }

    /// A payload that the run has named; nothing where it is not there, or another one is.
    pub fn payload(&self, digest: &Digest) -> Option<Vec<u8>> {
        send_frame(&self.socket, &InterpreterFrame::Fetch { digest: *digest }).ok()?;
        let mut whole = Vec::new();
        loop {
            match self.replies.recv().ok()? {
                Reply::Payload { part, last } => {
                    whole.extend_from_slice(part?.as_bytes());
                    if last {
                        return (Digest::of(&whole) == *digest).then_some(whole);
                    }
                }
                Reply::Recorded { .. } | Reply::Stored => {}
            }
        }
    }

    fn send(&self, frame: &InterpreterFrame) -> Result<(), JournalError> {
        send_frame(&self.socket, frame).map_err(|_| JournalError::Front)
    }

    fn stored(&self) -> Result<(), JournalError> {
        loop {
            match self.replies.recv() {
                Ok(Reply::Stored) => return Ok(()),
                Ok(_) => {}
                Err(_) => return Err(JournalError::Front),
            }
        }
    }

    fn hand_on(&mut self, awaited: bool) -> Result<(), JournalError> {
        if self.lines.is_empty() && !awaited {
            return Ok(());
        }
        let lines = std::mem::take(&mut self.lines);
        self.send(&InterpreterFrame::Append { lines, awaited })?;
        if awaited { self.stored() } else { Ok(()) }
    }
}

impl Journal for FrontLink {
    fn append(&mut self, line: Appended) {
        for blob in line.blobs {
            // a payload is canonical JSON, and so is text
            let text = String::from_utf8_lossy(&blob.bytes);
            let mut parts = parts(&text).peekable();
            while let Some(part) = parts.next() {
                let frame = InterpreterFrame::Payload { part: part.to_owned(), last: parts.peek().is_none() };
                // a front that is gone is noticed when the line is handed on
                let _ = self.send(&frame);
            }
        }
        self.lines.push(line.line);
    }

    fn commit(&mut self, awaited: bool) -> Result<(), JournalError> {
        self.hand_on(awaited)
    }

    fn finish(mut self: Box<Self>) -> Result<(), JournalError> {
        self.hand_on(true)
    }
}

impl FrontEar {
    /// Hears the front until it is gone.
    pub fn listen(mut self) {
        while let Ok(Some(frame)) = next_frame(&self.socket, &mut self.arrived) {
            let reply = match frame {
                FrontFrame::Interrupt => {
                    self.interrupter.interrupt();
                    continue;
                }
                FrontFrame::Answer(answer) => {
                    self.interrupter.answer(answer);
                    continue;
                }
                FrontFrame::Leave => {
                    self.interrupter.leave();
                    continue;
                }
                FrontFrame::Recorded { text, last } => Reply::Recorded { text, last },
                FrontFrame::Payload { part, last } => Reply::Payload { part, last },
                FrontFrame::Stored => Reply::Stored,
                FrontFrame::Start(_) | FrontFrame::Probe => continue,
            };
            // a session that is over needs no reply
            let _ = self.replies.send(reply);
        }
        self.interrupter.front_gone();
    }
}

/// A text in parts that fit into frames; one part where it is empty.
pub(crate) fn parts(text: &str) -> impl Iterator<Item = &str> {
    let mut rest = Some(text);
    std::iter::from_fn(move || {
        let whole = rest?;
        if whole.len() <= PART {
            rest = None;
            return Some(whole);
        }
        let (part, after) = whole.split_at(whole.floor_char_boundary(PART));
        rest = Some(after);
        Some(part)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_are_bounded_and_make_up_the_whole() {
        for text in [String::new(), "a".repeat(PART), "ä".repeat(PART), "€".repeat(PART)] {
            let parts: Vec<&str> = parts(&text).collect();
            assert!(parts.iter().all(|part| part.len() <= PART) && !parts.is_empty());
            assert_eq!(parts.concat(), text);
        }
    }
}
