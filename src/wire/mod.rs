//! Frames between our own processes, over inherited sockets: the first one with the descriptors that travel beside it.
//! Blocking. Knows no message: what is in a frame is `effect`'s.

mod handover;
mod stream;

pub use handover::{FirstFrame, hand_over, receive_first};
pub use stream::{WireError, next_frame, send_frame};
