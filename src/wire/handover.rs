//! The first frame of a socket, with the descriptors that the other side works on beside its first byte.

use std::io::{self, IoSlice, IoSliceMut, Write as _};
use std::mem::MaybeUninit;
use std::os::fd::{BorrowedFd, OwnedFd};
use std::os::unix::net::UnixStream;

use rustix::io::Errno;
use rustix::net::{
    RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, SendAncillaryBuffer, SendAncillaryMessage,
    SendFlags, recvmsg, sendmsg,
};
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::effect::{FrameBuffer, encode_frame};

use super::WireError;

/// The most descriptors that travel with a frame.
const MOST: usize = 4;

/// What the first frame brings.
#[derive(Debug)]
pub struct FirstFrame<T> {
    /// The message.
    pub frame: T,
    /// What travelled with it.
    pub descriptors: Vec<OwnedFd>,
    /// What has arrived behind it already.
    pub arrived: FrameBuffer,
}

impl<T> FirstFrame<T> {
    /// The descriptors, if there are `N` of them.
    pub fn take<const N: usize>(&mut self) -> Result<[OwnedFd; N], WireError> {
        std::mem::take(&mut self.descriptors).try_into().map_err(|_| WireError::Descriptors)
    }
}

/// Sends the first frame with `descriptors`, at most four.
pub fn hand_over<T: Serialize>(
    mut socket: &UnixStream,
    frame: &T,
    descriptors: &[BorrowedFd<'_>],
) -> Result<(), WireError> {
    let bytes = encode_frame(frame)?;
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(MOST))];
    let mut ancillary = SendAncillaryBuffer::new(&mut space);
    if !descriptors.is_empty() && !ancillary.push(SendAncillaryMessage::ScmRights(descriptors)) {
        return Err(WireError::Descriptors);
    }
    let sent = sendmsg(socket, &[IoSlice::new(&bytes)], &mut ancillary, SendFlags::NOSIGNAL)
        .map_err(io::Error::from)?;
    Ok(socket.write_all(&bytes[sent..])?)
}

/// Waits for the first frame and what travels with it.
pub fn receive_first<T: DeserializeOwned>(socket: &UnixStream) -> Result<FirstFrame<T>, WireError> {
    let mut arrived = FrameBuffer::default();
    let mut descriptors = Vec::new();
    loop {
        if let Some(frame) = arrived.take()? {
            return Ok(FirstFrame { frame, descriptors, arrived });
        }
        let mut part = [0; 16 << 10];
        match receive_part(socket, &mut part, &mut descriptors)? {
            0 => return Err(WireError::Closed),
            count => arrived.push(&part[..count]),
        }
    }
}

fn receive_part(socket: &UnixStream, part: &mut [u8], received: &mut Vec<OwnedFd>) -> io::Result<usize> {
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(MOST))];
    let mut ancillary = RecvAncillaryBuffer::new(&mut space);
    let got = recvmsg(socket, &mut [IoSliceMut::new(part)], &mut ancillary, RecvFlags::CMSG_CLOEXEC);
    let got = match got {
        // a person has started us: what should be a socket is something else
        Err(Errno::NOTSOCK) => return Ok(0),
        got => got?,
    };
    for message in ancillary.drain() {
        if let RecvAncillaryMessage::ScmRights(rights) = message {
            received.extend(rights);
        }
    }
    Ok(got.bytes)
}

#[cfg(test)]
mod tests {
    use std::io::{Read as _, Seek as _};
    use std::os::fd::AsFd as _;

    use super::*;
    use crate::wire::{next_frame, send_frame};

    #[test]
    fn a_large_first_frame_brings_its_descriptors_and_what_follows_is_kept() {
        let (ours, theirs) = UnixStream::pair().unwrap();
        let mut file = tempfile::tempfile().unwrap();
        file.write_all(b"held").unwrap();
        let large = "x".repeat(300_000);
        let sender = std::thread::spawn({
            let (file, large) = (file.try_clone().unwrap(), large.clone());
            move || {
                hand_over(&ours, &large, &[file.as_fd()]).unwrap();
                send_frame(&ours, &"second").unwrap();
            }
        });
        let mut first: FirstFrame<String> = receive_first(&theirs).unwrap();
        sender.join().unwrap();
        assert_eq!(first.frame, large);
        let [held] = first.take().unwrap();
        let mut held = std::fs::File::from(held);
        let mut text = String::new();
        held.rewind().unwrap();
        held.read_to_string(&mut text).unwrap();
        assert_eq!(text, "held");
        let next: Option<String> = next_frame(&theirs, &mut first.arrived).unwrap();
        assert_eq!(next.as_deref(), Some("second"));
        assert_eq!(next_frame::<String>(&theirs, &mut first.arrived).unwrap(), None);
    }

    #[test]
    fn descriptors_that_do_not_belong_are_refused() {
        let (ours, theirs) = UnixStream::pair().unwrap();
        hand_over(&ours, &1, &[ours.as_fd()]).unwrap();
        let mut first: FirstFrame<u32> = receive_first(&theirs).unwrap();
        assert!(matches!(first.take::<2>(), Err(WireError::Descriptors)));
    }
}
