//! Changes made to break whoever reads them.

use outpost_sync::Limits;
use rand::RngExt;
use rand::rngs::StdRng;

use super::forge::{Forged, leb, literal, prefixed, same, signed};

/// The same with a few bytes changed, added or taken away, and numbers put in that are as large as can be said.
pub fn mutated(mut content: Vec<u8>, rng: &mut StdRng) -> Vec<u8> {
    for _ in 0..rng.random_range(1..4) {
        let at = rng.random_range(0..content.len().max(1)).min(content.len().saturating_sub(1));
        match rng.random_range(0..6) {
            0..3 => content[at] ^= 1 << rng.random_range(0..8),
            3 => {
                let huge = [leb(u64::MAX), signed(i64::MIN), signed(i64::MAX), leb(1 << 40)];
                content.splice(at..at, huge[rng.random_range(0..4)].iter().copied());
            }
            4 => drop(content.drain(at..content.len().min(at + rng.random_range(1..9)))),
            _ => {
                let part = content[at..content.len().min(at + 8)].repeat(rng.random_range(1..200));
                content.splice(at..at, part);
            }
        }
    }
    content.truncate(Limits::PROTOCOL.change_bytes_max - 20);
    content
}

/// Changes made to cost as much as can be.
pub fn dear(next: &Forged) -> Vec<Forged> {
    let huge = |run: i64| [signed(run), leb(1)].concat();
    let key = prefixed("k".repeat(128).as_bytes());
    let (bomb, small) = (deflated(64 << 20), deflated(8 << 20));
    let more = |columns: Vec<(u64, Vec<u8>)>| Forged { columns, ..next.clone() };
    vec![
        // Runs and lengths that say they go on for ever.
        next.clone().with(0x42, huge(i64::MAX)),
        next.clone().with(0x15, [signed(i64::MAX), key.clone()].concat()),
        next.clone().with(0x15, signed(i64::MIN)),
        next.clone().with(0x56, leb(u64::MAX).repeat(9_000)),
        next.clone().with(0x57, vec![b'x'; 90 << 10]),
        // As many dependencies, authors and columns as there is room for, and counts that lie.
        Forged {
            deps: (0..2_900_u32).map(|n| *blake3::hash(&n.to_le_bytes()).as_bytes()).collect(),
            ..next.clone()
        },
        Forged { deps: (0..64).map(|n| [n; 32]).collect(), ..next.clone() },
        Forged { actors: (0..5_000_u32).map(|n| vec![n as u8; 16]).collect(), ..next.clone() },
        more((0..20_000).map(|n| (n, Vec::new())).collect()),
        more((0..8).map(|n| (n, vec![0x7f; 11 << 10])).collect()),
        // Compressed columns: 64 MiB in a few bytes, marked as the format marks them.
        more(next.columns.iter().map(|(column, _)| (column | 8, small.clone())).collect()),
        next.clone().with(0x57, bomb),
        // Operations and numbers at the ends of their range.
        Forged { start_op: u64::MAX, ..next.clone() },
        Forged { start_op: u64::from(u32::MAX) - 1, ..next.clone() },
        Forged { start_op: u64::MAX - 255, seq: u64::MAX, ..next.clone() },
        Forged { seq: u64::from(u32::MAX), ..next.clone() },
        // A whole change of the dearest allowed kind, twice over.
        next.clone().with(0x15, literal(256, &key.repeat(256))).with(0x42, same(256, 1)),
        Forged { message: vec![b'm'; 90 << 10], ..next.clone() },
        Forged { time: i64::MIN, ..next.clone() },
        Forged { tail: vec![0xff; 90 << 10], ..next.clone() },
    ]
}

/// A raw deflate stream of the same byte over and over, as compressed columns hold it.
fn deflated(bytes: usize) -> Vec<u8> {
    use std::io::Write;
    let mut writer = flate2::write::DeflateEncoder::new(Vec::new(), flate2::Compression::best());
    let block = vec![0x7f; 1 << 20];
    (0..bytes >> 20).for_each(|_| writer.write_all(&block).unwrap());
    let packed = writer.finish().unwrap();
    assert!(packed.len() < 80 << 10, "{}", packed.len());
    packed
}
