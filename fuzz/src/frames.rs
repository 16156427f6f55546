//! The frames between the processes: what arrives, whole or in parts, as every kind of message. What is understood is
//! understood again when it is sent on.

use std::fmt::Debug;

use lgflow::effect::{
    CallFrame, ControlFrame, FrameBuffer, FrontFrame, InterpreterFrame, ReplyFrame, encode_frame,
};
use serde::Serialize;
use serde::de::DeserializeOwned;

/// Bytes → frames.
pub fn frames(bytes: &[u8]) {
    received::<CallFrame>(bytes);
    received::<ReplyFrame>(bytes);
    received::<ControlFrame>(bytes);
    received::<FrontFrame>(bytes);
    received::<InterpreterFrame>(bytes);
}

/// The bytes as they may arrive, and as what is inside of one frame.
fn received<T: Serialize + DeserializeOwned + PartialEq + Debug>(bytes: &[u8]) {
    let whole = taken::<T>(bytes, bytes.len().max(1));
    assert_eq!(whole, taken::<T>(bytes, 3), "what arrives in parts");
    let Ok(frame) = serde_json::from_slice::<T>(bytes) else { return };
    let sent = encode_frame(&frame).expect("it is small");
    assert_eq!(taken::<T>(&sent, 5), [frame], "what was sent on");
}

/// The frames of bytes that arrive so many at a time, up to the first that is none.
fn taken<T: DeserializeOwned>(bytes: &[u8], at_a_time: usize) -> Vec<T> {
    let (mut buffer, mut frames) = (FrameBuffer::default(), Vec::new());
    for part in bytes.chunks(at_a_time) {
        buffer.push(part);
        loop {
            match buffer.take() {
                Ok(Some(frame)) => frames.push(frame),
                Ok(None) => break,
                Err(_) => return frames,
            }
        }
    }
    frames
}
