//! Playing a tape up to any moment, and the disk that a power cut leaves there.

use std::collections::BTreeMap;

use rand::RngExt;
use rand::rngs::StdRng;

use crate::survive::{Loss, apply, survive};
use crate::tape::{FileId, Op, Tape};

/// The files of a disk at one moment.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Image {
    /// Contents by name.
    pub files: BTreeMap<String, Vec<u8>>,
}

/// Whether the disk does what it says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Honesty {
    /// What was synced is durable.
    Honest,
    /// A sync returns at once and nothing is durable that the disk did not happen to write: the planted defect of a
    /// device that answers a flush without doing it.
    Lies,
}

#[derive(Debug, Default)]
struct Replayed {
    durable: Vec<u8>,
    pending: Vec<usize>,
}

/// Plays a tape.
#[derive(Debug)]
pub struct Player<'t> {
    tape: &'t Tape,
    honesty: Honesty,
    at: usize,
    files: BTreeMap<FileId, Replayed>,
    /// Names as they are durable, and what was done to them since.
    names: BTreeMap<String, FileId>,
    renamed: Vec<usize>,
    marked: u64,
    beside: Option<&'t [u8]>,
}

impl Tape {
    /// A player at the beginning.
    pub fn player(&self, honesty: Honesty) -> Player<'_> {
        Player {
            tape: self,
            honesty,
            at: 0,
            files: BTreeMap::new(),
            names: BTreeMap::new(),
            renamed: Vec::new(),
            marked: 0,
            beside: None,
        }
    }
}

impl<'t> Player<'t> {
    /// How far it has played.
    pub fn at(&self) -> usize {
        self.at
    }

    /// The last mark that was passed: what the program had answered by then.
    pub fn marked(&self) -> u64 {
        self.marked
    }

    /// What the watched file beside the disk held at this moment; nothing while there was none.
    pub fn beside(&self) -> Option<&'t [u8]> {
        self.beside
    }

    /// Plays up to this many operations; never back.
    pub fn play_to(&mut self, end: usize, rng: &mut StdRng) {
        while self.at < end.min(self.tape.ops.len()) {
            self.step(rng);
            self.at += 1;
        }
    }

    fn step(&mut self, rng: &mut StdRng) {
        match &self.tape.ops[self.at] {
            Op::Marked(number) => self.marked = *number,
            Op::Beside(bytes) => self.beside = Some(bytes),
            Op::Created { file, .. } => {
                self.files.entry(*file).or_default();
                self.renamed.push(self.at);
            }
            Op::Deleted { .. } => self.renamed.push(self.at),
            Op::Written { file, .. } | Op::Truncated { file, .. } => {
                self.files.entry(*file).or_default().pending.push(self.at);
            }
            Op::Synced { file } if self.honesty == Honesty::Honest => {
                let Some(replayed) = self.files.get_mut(file) else { return };
                for index in std::mem::take(&mut replayed.pending) {
                    apply(&mut replayed.durable, &self.tape.ops[index]);
                }
            }
            Op::SyncFailed { file } => {
                // The system has forgotten that these were to be written. What is on the disk now stays there, and the
                // rest is lost, while every reader still sees it in memory: the reason never to try a sync again.
                let Some(replayed) = self.files.get_mut(file) else { return };
                let pending = std::mem::take(&mut replayed.pending);
                let ops: Vec<&Op> = pending.iter().map(|index| &self.tape.ops[*index]).collect();
                replayed.durable = survive(&replayed.durable, &ops, Loss::any(rng), rng);
            }
            Op::FolderSynced if self.honesty == Honesty::Honest => {
                for index in std::mem::take(&mut self.renamed) {
                    rename(&mut self.names, &self.tape.ops[index]);
                }
            }
            Op::Synced { .. } | Op::FolderSynced => {}
        }
    }

    /// The disk after a power cut at this moment.
    pub fn crash(&self, loss: Loss, rng: &mut StdRng) -> Image {
        let mut names = self.names.clone();
        let kept = match loss {
            Loss::Everything => 0,
            Loss::Nothing => self.renamed.len(),
            _ => rng.random_range(0..=self.renamed.len()),
        };
        // A folder's changes mostly arrive in their order, but nothing promises it.
        let in_order = rng.random_bool(0.75);
        for (position, index) in self.renamed.iter().enumerate() {
            let there = match loss {
                Loss::Everything | Loss::Nothing => position < kept,
                _ if in_order => position < kept,
                _ => rng.random_bool(0.5),
            };
            if there {
                rename(&mut names, &self.tape.ops[*index]);
            }
        }
        let files = names.into_iter().map(|(name, file)| {
            let bytes = self.files.get(&file).map(|replayed| {
                let ops: Vec<&Op> = replayed.pending.iter().map(|index| &self.tape.ops[*index]).collect();
                survive(&replayed.durable, &ops, loss, rng)
            });
            (short(&name).to_owned(), bytes.unwrap_or_default())
        });
        Image { files: files.collect() }
    }
}

fn rename(names: &mut BTreeMap<String, FileId>, op: &Op) {
    match op {
        Op::Created { file, name } => {
            names.insert(name.clone(), *file);
        }
        Op::Deleted { name } => {
            names.remove(name);
        }
        _ => {}
    }
}

/// A file's name without the number of its disk.
fn short(name: &str) -> &str {
    name.trim_start_matches('/').split_once('/').map_or(name, |(_, short)| short)
}

#[cfg(test)]
mod tests {
    use rand::SeedableRng;

    use super::*;

    fn tape() -> Tape {
        let write = |byte: u8| Op::Written { file: 0, offset: 0, bytes: vec![byte; 512] };
        let ops = vec![
            Op::Created { file: 0, name: "/1/a".to_owned() },
            write(1),
            Op::Synced { file: 0 },
            Op::FolderSynced,
            Op::Marked(1),
            write(2),
            Op::SyncFailed { file: 0 },
            Op::Synced { file: 0 },
            Op::Deleted { name: "/1/a".to_owned() },
        ];
        Tape { ops, given: 0 }
    }

    fn first_bytes(honesty: Honesty, end: usize) -> std::collections::BTreeSet<Option<u8>> {
        (0..100)
            .map(|seed| {
                let (tape, mut rng) = (tape(), StdRng::seed_from_u64(seed));
                let mut player = tape.player(honesty);
                player.play_to(end, &mut rng);
                let image = player.crash(Loss::any(&mut rng), &mut rng);
                image.files.get("a").map(|bytes| bytes.first().copied().unwrap_or(0))
            })
            .collect()
    }

    #[test]
    fn what_was_synced_is_there_in_every_image() {
        assert_eq!(first_bytes(Honesty::Honest, 5), [Some(1)].into());
        assert_eq!(first_bytes(Honesty::Honest, 6), [Some(1), Some(2)].into());
    }

    #[test]
    fn a_name_is_not_there_before_its_folder_was_synced() {
        assert!(first_bytes(Honesty::Honest, 3).contains(&None));
        assert!(first_bytes(Honesty::Honest, 9).contains(&None), "a deleted name may be gone");
        assert!(first_bytes(Honesty::Honest, 9).contains(&Some(1)), "or still be there");
    }

    #[test]
    fn a_sync_after_a_failed_one_does_not_bring_back_what_was_in_doubt() {
        assert_eq!(first_bytes(Honesty::Honest, 8), [Some(1), Some(2)].into());
    }

    #[test]
    fn a_disk_that_lies_loses_what_was_synced() {
        assert!(first_bytes(Honesty::Lies, 5).contains(&None));
    }
}
