//! What a power cut leaves of one file: all that was synced, and of each sector written since then, what it held at
//! some moment.

use rand::rngs::StdRng;
use rand::{Rng, RngExt};

use crate::tape::Op;

/// What a disk writes whole or not at all, bytes.
pub(crate) const SECTOR: u64 = 512;

/// How much of what was not synced is lost.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Loss {
    /// All of it.
    Everything,
    /// None: the process died, the power stayed.
    Nothing,
    /// All after a write, of which a part of its sectors is there.
    Tail {
        /// The part of the writes that is there, of 1.
        kept: f64,
    },
    /// All before a write: the disk wrote the last ones first.
    Head {
        /// The part of the writes that is lost, of 1.
        lost: f64,
    },
    /// Any sectors, each with this chance to be older than it was.
    Sectors {
        /// Of 1.
        lost: f64,
    },
}

impl Loss {
    /// One of them by chance.
    pub fn any(rng: &mut StdRng) -> Self {
        match rng.random_range(0..10) {
            0 => Self::Everything,
            1 => Self::Nothing,
            2..=4 => Self::Tail { kept: rng.random_range(0.0..1.0) },
            5 => Self::Head { lost: rng.random_range(0.0..1.0) },
            _ => Self::Sectors { lost: [0.02, 0.1, 0.3, 0.5, 0.8][rng.random_range(0..5)] },
        }
    }
}

/// A file's bytes after the cut, from what was durable and what was done since.
pub(crate) fn survive(durable: &[u8], pending: &[&Op], loss: Loss, rng: &mut StdRng) -> Vec<u8> {
    match loss {
        Loss::Everything => return durable.to_vec(),
        Loss::Nothing => {
            let mut bytes = durable.to_vec();
            pending.iter().for_each(|op| apply(&mut bytes, op));
            return bytes;
        }
        Loss::Tail { .. } | Loss::Head { .. } | Loss::Sectors { .. } => {}
    }
    // A file system cuts a file in one step of its log: what lay behind the cut is all there or all gone, and what was
    // written afterwards is not there without it.
    let shortened = shortenings(durable.len() as u64, pending);
    let done = match loss {
        _ if shortened.is_empty() => 0,
        Loss::Tail { kept } => {
            let there = (pending.len() as f64 * kept) as usize;
            shortened.iter().filter(|at| **at < there).count()
        }
        _ => rng.random_range(0..=shortened.len()),
    };
    let (mut bytes, mut from) = (durable.to_vec(), 0);
    for at in &shortened[..done] {
        bytes = survive_in_sectors(&bytes, &pending[from..*at], loss, rng);
        apply(&mut bytes, pending[*at]);
        from = at + 1;
    }
    let to = shortened.get(done).copied().unwrap_or(pending.len());
    survive_in_sectors(&bytes, &pending[from..to], loss, rng)
}

/// The operations that make the file shorter than it was.
fn shortenings(durable: u64, pending: &[&Op]) -> Vec<usize> {
    let sizes = sizes(durable, pending);
    let shorter = |at: &usize| matches!(pending[*at], Op::Truncated { size, .. } if *size < sizes[*at]);
    (0..pending.len()).filter(shorter).collect()
}

fn survive_in_sectors(durable: &[u8], pending: &[&Op], loss: Loss, rng: &mut StdRng) -> Vec<u8> {
    let sizes = sizes(durable.len() as u64, pending);
    let extent = sizes.iter().copied().max().unwrap_or(0);
    let cut = match loss {
        Loss::Tail { kept: part } | Loss::Head { lost: part } => (pending.len() as f64 * part) as usize,
        _ => 0,
    };
    // Inside the write where the cut falls, sectors before this one are there.
    let torn_at = rng.random_range(0..16);
    let mut touched = touches(pending, extent);
    touched.sort_unstable();
    let mut kept: Vec<(u64, [u8; SECTOR as usize])> = Vec::new();
    for of_sector in touched.chunk_by(|one, other| one.0 == other.0) {
        let sector = of_sector[0].0;
        let versions = match loss {
            Loss::Tail { .. } => of_sector
                .iter()
                .filter(|(_, op)| *op < cut || (*op == cut && sector - first_sector(pending[*op]) < torn_at))
                .count(),
            Loss::Head { .. } => {
                let last = of_sector.last().is_some_and(|(_, op)| *op >= cut);
                if last { of_sector.len() } else { 0 }
            }
            Loss::Sectors { lost } if rng.random_bool(lost) => rng.random_range(0..of_sector.len()),
            _ => of_sector.len(),
        };
        if versions > 0 {
            let ops = of_sector[..versions].iter().map(|(_, op)| pending[*op]);
            kept.push((sector, content(durable, sector, ops)));
        }
    }
    let needed = kept.last().map_or(0, |(sector, _)| ((sector + 1) * SECTOR).min(extent));
    let size = match rng.random_range(0..6) {
        0 => durable.len() as u64,
        1 => sizes[rng.random_range(0..sizes.len())],
        2 => sizes[sizes.len() - 1],
        _ if matches!(loss, Loss::Tail { .. }) => sizes[cut.min(pending.len())].max(needed),
        _ => needed.max(durable.len() as u64),
    };
    assemble(durable, &kept, size, rng)
}

fn assemble(durable: &[u8], kept: &[(u64, [u8; SECTOR as usize])], size: u64, rng: &mut StdRng) -> Vec<u8> {
    let mut bytes = durable.to_vec();
    bytes.resize(size as usize, 0);
    // Blocks that were given to the file but never written hold zeros, or what somebody else left there.
    if size > durable.len() as u64 && rng.random_bool(0.125) {
        rng.fill_bytes(&mut bytes[durable.len()..]);
    }
    for (sector, content) in kept {
        let from = (sector * SECTOR).min(size) as usize;
        let to = ((sector + 1) * SECTOR).min(size) as usize;
        bytes[from..to].copy_from_slice(&content[..to - from]);
    }
    bytes
}

/// The file's size at first and after each operation.
fn sizes(durable: u64, pending: &[&Op]) -> Vec<u64> {
    let mut sizes = Vec::with_capacity(pending.len() + 1);
    sizes.push(durable);
    let mut size = durable;
    for op in pending {
        match op {
            Op::Written { offset, bytes, .. } => size = size.max(offset + bytes.len() as u64),
            Op::Truncated { size: cut, .. } => size = *cut,
            _ => {}
        }
        sizes.push(size);
    }
    sizes
}

/// Which sectors each operation touched.
fn touches(pending: &[&Op], extent: u64) -> Vec<(u64, usize)> {
    let mut touched = Vec::new();
    for (index, op) in pending.iter().enumerate() {
        let (from, to) = match op {
            Op::Written { offset, bytes, .. } => (*offset, offset + bytes.len() as u64),
            Op::Truncated { size, .. } => (*size, extent),
            _ => continue,
        };
        if to > from {
            touched.extend((from / SECTOR..=(to - 1) / SECTOR).map(|sector| (sector, index)));
        }
    }
    touched
}

fn first_sector(op: &Op) -> u64 {
    match op {
        Op::Written { offset, .. } => offset / SECTOR,
        Op::Truncated { size, .. } => size / SECTOR,
        _ => 0,
    }
}

/// What a sector held after these operations.
fn content<'o>(durable: &[u8], sector: u64, ops: impl Iterator<Item = &'o Op>) -> [u8; SECTOR as usize] {
    let begin = sector * SECTOR;
    let mut content = [0; SECTOR as usize];
    let from = (begin as usize).min(durable.len());
    let to = ((begin + SECTOR) as usize).min(durable.len());
    content[..to - from].copy_from_slice(&durable[from..to]);
    for op in ops {
        match op {
            Op::Written { offset, bytes, .. } => {
                let (from, to) = ((*offset).max(begin), (offset + bytes.len() as u64).min(begin + SECTOR));
                let part = &bytes[(from - offset) as usize..(to - offset) as usize];
                content[(from - begin) as usize..(to - begin) as usize].copy_from_slice(part);
            }
            Op::Truncated { size, .. } => content[size.saturating_sub(begin).min(SECTOR) as usize..].fill(0),
            _ => {}
        }
    }
    content
}

/// Does an operation wholly.
pub(crate) fn apply(file: &mut Vec<u8>, op: &Op) {
    match op {
        Op::Written { offset, bytes, .. } => {
            let (from, to) = (*offset as usize, *offset as usize + bytes.len());
            if file.len() < to {
                file.resize(to, 0);
            }
            file[from..to].copy_from_slice(bytes);
        }
        Op::Truncated { size, .. } => file.resize(*size as usize, 0),
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use rand::SeedableRng;

    use super::*;

    fn write(offset: u64, byte: u8, count: usize) -> Op {
        Op::Written { file: 0, offset, bytes: vec![byte; count] }
    }

    fn after(loss: Loss, ops: &[Op], seed: u64) -> Vec<u8> {
        let pending: Vec<&Op> = ops.iter().collect();
        survive(&[1; 1024], &pending, loss, &mut StdRng::seed_from_u64(seed))
    }

    #[test]
    fn a_sector_is_as_it_was_at_some_moment_and_never_a_mixture() {
        let ops = [write(0, 2, 100), write(50, 3, 100), write(512, 4, 512), write(1024, 5, 600)];
        let whole = |loss| after(loss, &ops, 1);
        assert_eq!(whole(Loss::Everything), [1; 1024]);
        assert_eq!(whole(Loss::Nothing).len(), 1624);
        let mut seen = std::collections::BTreeSet::new();
        for seed in 0..500 {
            let bytes = after(Loss::any(&mut StdRng::seed_from_u64(seed)), &ops, seed);
            let first = (bytes[0], bytes[60], bytes[149], bytes[200]);
            assert!(
                [(1, 1, 1, 1), (2, 2, 1, 1), (2, 3, 3, 1)].contains(&first),
                "the second write without the first: {first:?}"
            );
            assert!(matches!(bytes[512], 1 | 4) && bytes[512..1024].iter().all(|byte| *byte == bytes[512]));
            seen.insert((first, bytes[512], bytes.len()));
        }
        assert!(seen.len() > 12, "only {} different images", seen.len());
    }

    #[test]
    fn a_cut_file_may_have_its_old_end_again() {
        let ops = [Op::Truncated { file: 0, size: 100 }, write(100, 7, 10)];
        let sizes: std::collections::BTreeSet<usize> =
            (0..200).map(|seed| after(Loss::Sectors { lost: 0.5 }, &ops, seed).len()).collect();
        assert!(sizes.contains(&1024) && sizes.contains(&110), "{sizes:?}");
        for seed in 0..200 {
            let bytes = after(Loss::Sectors { lost: 0.5 }, &ops, seed);
            assert_eq!(bytes[..100], [1; 100], "what was synced and not touched stays");
        }
    }

    #[test]
    fn a_file_is_cut_as_a_whole_or_not_at_all() {
        let ops = [write(0, 2, 1024), Op::Truncated { file: 0, size: 0 }, write(0, 7, 32)];
        let (mut gone, mut there) = (0, 0);
        for seed in 0..500 {
            let bytes = after(Loss::any(&mut StdRng::seed_from_u64(seed)), &ops, seed);
            if bytes.len() == 1024 {
                there += 1;
                assert!(
                    bytes.chunks(512).all(|sector| matches!(sector[0], 1 | 2)),
                    "nothing from after the cut"
                );
            } else {
                gone += 1;
                assert!(bytes.len() <= 32, "{} bytes", bytes.len());
            }
        }
        assert!(gone > 100 && there > 100, "{gone} cut, {there} not");
    }

    #[test]
    fn a_cut_in_the_middle_of_a_write_leaves_its_first_sectors() {
        let ops = [write(0, 9, 1024), write(1024, 9, 8192)];
        let torn = (0..200).filter(|seed| {
            let bytes = after(Loss::Tail { kept: 0.5 }, &ops, *seed);
            let nines = bytes.iter().filter(|byte| **byte == 9).count();
            nines > 1024 && nines < 9216
        });
        assert!(torn.count() > 100);
    }
}
