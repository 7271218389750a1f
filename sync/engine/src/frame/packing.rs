//! Zstd. What it works in is a megabyte or two, which takes longer to ask for and to clear than a short frame takes to
//! pack: each thread keeps its own.

use std::cell::RefCell;
use std::io;

use zstd::bulk::{Compressor, Decompressor};

/// Not packed.
pub(crate) const CODEC_PLAIN: u8 = 0;
/// Packed with zstd.
pub(crate) const CODEC_ZSTD: u8 = 1;

thread_local! {
    static COMPRESSOR: RefCell<Compressor<'static>> = RefCell::default();
    static DECOMPRESSOR: RefCell<Decompressor<'static>> = RefCell::default();
}

/// Packs bytes.
pub(crate) fn compress(bytes: &[u8], level: i32) -> io::Result<Vec<u8>> {
    COMPRESSOR.with_borrow_mut(|compressor| {
        compressor.set_compression_level(level)?;
        compressor.compress(bytes)
    })
}

/// Unpacks bytes to at most so many.
pub(crate) fn decompress(bytes: &[u8], size_max: usize) -> io::Result<Vec<u8>> {
    DECOMPRESSOR.with_borrow_mut(|decompressor| decompressor.decompress(bytes, size_max))
}

/// Unpacks columns. The size they claim is compared with the limit before anything is allocated for it.
pub(crate) fn unpack(codec: u8, columns: &[u8], max: usize) -> Result<Vec<u8>, &'static str> {
    match codec {
        CODEC_PLAIN if columns.len() <= max => Ok(columns.to_vec()),
        CODEC_ZSTD => {
            let size = zstd::zstd_safe::get_frame_content_size(columns).ok().flatten();
            let size = size.and_then(|size| usize::try_from(size).ok()).filter(|size| *size <= max);
            let size = size.ok_or("it unpacks to more than is allowed, or does not say to how much")?;
            decompress(columns, size).map_err(|_| "it cannot be unpacked")
        }
        _ => Err("it is packed in an unknown way"),
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use super::*;

    #[test]
    fn a_frame_unpacks_to_its_limit_and_not_a_byte_further() {
        let bomb = |size: usize| zstd::bulk::compress(&vec![0; size], 19).unwrap();
        let unpacked = |bytes: &[u8], codec, max| unpack(codec, bytes, max).map(|bytes| bytes.len());
        assert_eq!(unpacked(&bomb(1 << 20), CODEC_ZSTD, 1 << 20), Ok(1 << 20));
        assert!(unpacked(&bomb((1 << 20) + 1), CODEC_ZSTD, 1 << 20).is_err());
        assert!(bomb(64 << 20).len() < 16 << 10, "64 MiB would fit into a small frame");
        assert!(unpacked(&bomb(64 << 20), CODEC_ZSTD, 1 << 20).is_err());
        let mut encoder = zstd::stream::Encoder::new(Vec::new(), 1).unwrap();
        encoder.include_contentsize(false).unwrap();
        std::io::Write::write_all(&mut encoder, &[0; 100]).unwrap();
        let silent = encoder.finish().unwrap();
        assert!(unpacked(&silent, CODEC_ZSTD, 1 << 20).is_err(), "it does not say how long it gets");
        assert!(unpacked(&[0; 10], CODEC_PLAIN, 10).is_ok());
        assert!(unpacked(&[0; 11], CODEC_PLAIN, 10).is_err());
        assert!(unpacked(&[0; 10], 7, 10).is_err(), "packed in an unknown way");
    }

    #[test]
    fn what_was_packed_before_leaves_no_trace_not_even_what_failed() {
        let texts: Vec<Vec<u8>> =
            (0..4_u8).map(|k| (0..5_000).map(|i| (i % 251) as u8 ^ k).collect()).collect();
        for level in [6, 17, 1] {
            for text in &texts {
                let packed = compress(text, level).unwrap();
                assert_eq!(packed, zstd::bulk::compress(text, level).unwrap());
                assert!(decompress(&packed[..packed.len() / 2], text.len()).is_err());
                assert!(decompress(&packed, text.len() - 1).is_err());
                assert_eq!(decompress(&packed, text.len()).unwrap(), *text);
            }
        }
    }
}
