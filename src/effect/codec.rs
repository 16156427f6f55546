//! The wire form of frames: a 4-byte big-endian length, then one JSON document. Reads and writes nothing itself.

use std::io;

use serde::Serialize;
use serde::de::DeserializeOwned;

/// The largest frame, in bytes of JSON.
pub const MAX_FRAME: usize = 64 << 20;

/// The largest answer of a runner, in bytes of JSON: other frames go around it.
pub const MAX_ANSWER: usize = MAX_FRAME - (1 << 20);

const LENGTH: usize = 4;

/// The other side sent what is not a frame; the connection is of no more use.
#[derive(Debug, thiserror::Error)]
pub enum FrameError {
    /// Larger than [`MAX_FRAME`].
    #[error("a frame of {0} bytes is larger than the {MAX_FRAME} that the protocol allows")]
    TooLarge(usize),
    /// Not JSON, or not the JSON of a frame.
    #[error("a frame was not understood: {0}")]
    Malformed(#[from] serde_json::Error),
}

/// The bytes of a frame.
pub fn encode_frame<T: Serialize>(frame: &T) -> Result<Vec<u8>, FrameError> {
    let mut bytes = vec![0; LENGTH];
    serde_json::to_writer(&mut bytes, frame)?;
    let length = bytes.len() - LENGTH;
    if length > MAX_FRAME {
        return Err(FrameError::TooLarge(length));
    }
    bytes[..LENGTH].copy_from_slice(&(length as u32).to_be_bytes());
    Ok(bytes)
}

/// How many bytes a value has as JSON, which is not kept for it.
pub fn json_bytes(value: &impl Serialize) -> usize {
    struct Count(usize);
    impl io::Write for Count {
        fn write(&mut self, part: &[u8]) -> io::Result<usize> {
            self.0 += part.len();
            Ok(part.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }
    let mut count = Count(0);
    // counting fails for nothing
    let _ = serde_json::to_writer(&mut count, value);
    count.0
}

/// Bytes that have arrived; frames come out as they are complete.
#[derive(Debug, Default)]
pub struct FrameBuffer {
    bytes: Vec<u8>,
    taken: usize,
}

impl FrameBuffer {
    /// Adds bytes as they arrive.
    pub fn push(&mut self, bytes: &[u8]) {
        self.bytes.extend_from_slice(bytes);
    }

    /// The next complete frame, or `None` while it is not whole yet.
    pub fn take<T: DeserializeOwned>(&mut self) -> Result<Option<T>, FrameError> {
        let waiting = &self.bytes[self.taken..];
        let Some((head, rest)) = waiting.split_first_chunk::<LENGTH>() else {
            return Ok(None);
        };
        let length = u32::from_be_bytes(*head) as usize;
        if length > MAX_FRAME {
            return Err(FrameError::TooLarge(length));
        }
        let Some(body) = rest.get(..length) else { return Ok(None) };
        let frame = serde_json::from_slice(body)?;
        self.taken += LENGTH + length;
        if self.taken == self.bytes.len() {
            self.bytes.clear();
            self.taken = 0;
        } else if self.taken > MAX_FRAME {
            self.bytes.drain(..self.taken);
            self.taken = 0;
        }
        Ok(Some(frame))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    #[test]
    fn frames_survive_any_split() {
        let frames = [json!({"id": 1, "text": "ä"}), json!([]), json!({"id": 2})];
        let bytes: Vec<u8> = frames.iter().flat_map(|frame| encode_frame(frame).unwrap()).collect();
        for size in 1..=bytes.len() {
            let mut buffer = FrameBuffer::default();
            let mut seen = Vec::new();
            for part in bytes.chunks(size) {
                buffer.push(part);
                while let Some(frame) = buffer.take::<Value>().unwrap() {
                    seen.push(frame);
                }
            }
            assert_eq!(seen, frames, "split into {size}");
        }
    }

    #[test]
    fn the_bytes_of_a_value_are_those_of_its_text() {
        for value in [json!(null), json!({ "a": ["\u{1}ü\"", 1.5, true] }), json!("x".repeat(1000))] {
            assert_eq!(json_bytes(&value), value.to_string().len());
        }
    }

    #[test]
    fn a_lying_length_is_refused_before_anything_is_kept() {
        let mut buffer = FrameBuffer::default();
        buffer.push(&u32::MAX.to_be_bytes());
        assert!(matches!(buffer.take::<Value>(), Err(FrameError::TooLarge(_))));
    }

    #[test]
    fn what_is_not_json_is_an_error() {
        let mut buffer = FrameBuffer::default();
        buffer.push(&[0, 0, 0, 1, b'{']);
        assert!(matches!(buffer.take::<Value>(), Err(FrameError::Malformed(_))));
    }
}
