//! Deflated bytes, as git deflates them. What is inflated is never more than was announced.

use zlib_rs::{Deflate, DeflateFlush, Inflate, InflateFlush, Status};

/// Git's own.
const LEVEL: i32 = 6;
const WINDOW: u8 = 15;

/// The `size` bytes that were deflated; nothing where they are not just that many, or something stands behind them.
pub(super) fn inflated(data: &[u8], size: usize) -> Option<Vec<u8>> {
    // one more, to see that there is no more
    let mut bytes = vec![0; size.checked_add(1)?];
    let mut inflate = Inflate::new(true, WINDOW);
    let status = inflate.decompress(data, &mut bytes, InflateFlush::Finish).ok()?;
    let whole = status == Status::StreamEnd
        && inflate.total_out() == size as u64
        && inflate.total_in() == data.len() as u64;
    bytes.truncate(size);
    whole.then_some(bytes)
}

/// The bytes deflated; nothing where that can't be done, which it always can.
pub(super) fn deflated(bytes: &[u8]) -> Option<Vec<u8>> {
    // stored as they are they need five bytes for each 16 KiB, and a few around them
    let mut room = vec![0; bytes.len() + bytes.len() / 1024 + 64];
    let mut deflate = Deflate::new(LEVEL, true, WINDOW);
    let status = deflate.compress(bytes, &mut room, DeflateFlush::Finish).ok()?;
    room.truncate(usize::try_from(deflate.total_out()).ok()?);
    (status == Status::StreamEnd).then_some(room)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_are_the_same_again_and_never_more_than_announced() {
        let mut noise = 1_u32;
        let mut random = || {
            noise = noise.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (noise >> 24) as u8
        };
        let noisy: Vec<u8> = (0..1 << 20).map(|_| random()).collect();
        for bytes in [Vec::new(), b"x".to_vec(), vec![0; 1 << 20], noisy] {
            let data = deflated(&bytes).unwrap();
            assert_eq!(inflated(&data, bytes.len()).as_ref(), Some(&bytes));
            assert_eq!(inflated(&data, bytes.len() + 1), None);
            if !bytes.is_empty() {
                assert_eq!(inflated(&data, bytes.len() - 1), None);
            }
            assert_eq!(inflated(&[&data[..], b"x"].concat(), bytes.len()), None);
            assert_eq!(inflated(&data[..data.len() - 1], bytes.len()), None);
        }
        assert_eq!(inflated(b"no such stream", 1), None);
    }
}
