//! Bytes as the store keeps them: deflated where that makes them smaller, and the same again when they are read.

use zlib_rs::{Deflate, DeflateFlush, Inflate, InflateFlush, Status};

/// Kept as they are.
pub(super) const PLAIN: i64 = 0;
/// Deflated.
const DEFLATED: i64 = 1;
/// The most that is read of one piece: a store that says it holds more is not believed.
const LIMIT: usize = 512 << 20;
/// Shorter than that, nothing is gained.
const SHORT: usize = 128;
/// Where most of the gain is had for little time.
const LEVEL: i32 = 4;
const WINDOW: u8 = 15;

/// Bytes in the form in which they are kept.
#[derive(Debug)]
pub(super) struct Packed {
    pub(super) codec: i64,
    /// Of the bytes themselves.
    pub(super) size: i64,
    pub(super) data: Vec<u8>,
}

impl Packed {
    pub(super) fn plain(bytes: &[u8]) -> Self {
        Self { codec: PLAIN, size: bytes.len().cast_signed() as i64, data: bytes.to_vec() }
    }

    /// The smaller of both forms.
    pub(super) fn of(bytes: &[u8]) -> Self {
        match deflated(bytes) {
            Some(data) => Self { codec: DEFLATED, size: bytes.len().cast_signed() as i64, data },
            None => Self::plain(bytes),
        }
    }
}

fn deflated(bytes: &[u8]) -> Option<Vec<u8>> {
    if bytes.len() < SHORT {
        return None;
    }
    let mut room = vec![0; bytes.len() - bytes.len() / 16];
    let mut deflate = Deflate::new(LEVEL, false, WINDOW);
    let status = deflate.compress(bytes, &mut room, DeflateFlush::Finish).ok()?;
    if status != Status::StreamEnd {
        return None;
    }
    room.truncate(usize::try_from(deflate.total_out()).ok()?);
    Some(room)
}

/// The bytes again; nothing where what is kept is not what was put there.
pub(super) fn unpacked(codec: i64, size: i64, data: Vec<u8>) -> Option<Vec<u8>> {
    let size = usize::try_from(size).ok().filter(|size| *size <= LIMIT)?;
    match codec {
        PLAIN => (data.len() == size).then_some(data),
        DEFLATED => {
            let mut bytes = vec![0; size];
            let mut inflate = Inflate::new(false, WINDOW);
            let status = inflate.decompress(&data, &mut bytes, InflateFlush::Finish).ok()?;
            let whole = status == Status::StreamEnd && inflate.total_out() == size as u64;
            whole.then_some(bytes)
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_are_the_same_again_and_a_lie_about_them_is_found() {
        for bytes in [Vec::new(), b"short".to_vec(), b"again and ".repeat(1000), (0..=255).collect()] {
            let packed = Packed::of(&bytes);
            assert_eq!(unpacked(packed.codec, packed.size, packed.data.clone()).as_ref(), Some(&bytes));
            assert_eq!(unpacked(packed.codec, packed.size + 1, packed.data.clone()), None);
            assert_eq!(unpacked(7, packed.size, packed.data), None);
        }
        let packed = Packed::of(&b"again and ".repeat(1000));
        assert!(packed.data.len() < 200);
        assert_eq!(unpacked(packed.codec, packed.size, packed.data[1..].to_vec()), None);
        assert_eq!(unpacked(packed.codec, i64::MAX, packed.data), None);
    }
}
