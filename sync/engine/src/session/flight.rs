//! Frames on their way, and how many items go into one.

use std::collections::{BTreeMap, VecDeque};

use super::receiving::check;
use super::wire::Wire;
use crate::bytes::Digest;
use crate::frame::body::{Batch, Body, Head, Lane};
use crate::frame::columns;
use crate::frame::memory::{Learned, Memory};
use crate::frame::packing::{self, CODEC_PLAIN, CODEC_ZSTD};
use crate::item::{Gap, Item, Outgoing, Position};
use crate::progress::spans;
use crate::settings::Settings;

/// A frame that is not wholly acknowledged: the items of it that are not.
pub(super) struct Flight {
    pub items: Vec<Outgoing>,
    lanes: Vec<Option<Lane>>,
    pub due: u64,
    pub tries: u32,
}

impl Flight {
    pub(super) fn new(items: Vec<(Outgoing, Option<Lane>)>, due: u64, tries: u32) -> Self {
        let (items, lanes) = items.into_iter().unzip();
        Self { items, lanes, due, tries }
    }

    pub(super) fn contains(&self, position: &Position) -> bool {
        self.items.iter().any(|item| item.mark.position() == *position)
    }

    pub(super) fn acknowledged(&mut self, acknowledged: impl Fn(&Position) -> bool) {
        let lanes = std::mem::take(&mut self.lanes);
        let items = std::mem::take(&mut self.items);
        let left = items.into_iter().zip(lanes).filter(|(item, _)| !acknowledged(&item.mark.position()));
        (self.items, self.lanes) = left.unzip();
    }

    pub(super) fn into_items(self) -> Vec<(Outgoing, Option<Lane>)> {
        self.items.into_iter().zip(self.lanes).collect()
    }
}

/// How items are packed into frames. Frames that were halved grow back after some that arrived; where the line still
/// takes no more, after ever more.
pub(super) struct Pack {
    flush_items: usize,
    items_max: usize,
    bytes_max: usize,
    /// What the settings allow.
    most: (usize, usize),
    /// Frames that have arrived since the size last changed, and how many it takes to double it.
    arrived: u32,
    doubled_after: u32,
    bytes_min: usize,
    inflated_max: usize,
    level: i32,
}

/// Frames that must arrive before the first attempt to double their size again, and before any.
const DOUBLED_AFTER: u32 = 32;
const DOUBLED_AFTER_MAX: u32 = 8_192;
/// What a frame's columns need besides the weight of their items, at most, per item.
const COLUMN_BYTES: usize = 128;

impl Pack {
    pub(super) fn new(settings: &Settings) -> Self {
        Self {
            flush_items: settings.flush_items,
            items_max: settings.frame_items_max,
            bytes_max: settings.frame_bytes_max,
            most: (settings.frame_items_max, settings.frame_bytes_max),
            arrived: 0,
            doubled_after: DOUBLED_AFTER,
            bytes_min: settings.frame_bytes_min,
            inflated_max: settings.inflated_bytes_max,
            level: settings.compression_level,
        }
    }

    /// Halves the frames; `false` when they cannot get smaller.
    pub(super) fn halve(&mut self) -> bool {
        let before = (self.items_max, self.bytes_max);
        self.items_max = (self.items_max / 2).max(1);
        self.bytes_max = (self.bytes_max / 2).max(self.bytes_min);
        self.doubled_after = (self.doubled_after * 2).min(DOUBLED_AFTER_MAX);
        self.arrived = 0;
        before != (self.items_max, self.bytes_max)
    }

    /// Frames have arrived: they may be worth doubling, up to what the settings allow.
    pub(super) fn arrived(&mut self, frames: usize) {
        if (self.items_max, self.bytes_max) == self.most {
            return;
        }
        self.arrived = self.arrived.saturating_add(u32::try_from(frames).unwrap_or(u32::MAX));
        if self.arrived >= self.doubled_after {
            self.arrived = 0;
            self.items_max = (self.items_max * 2).min(self.most.0);
            self.bytes_max = (self.bytes_max * 2).min(self.most.1);
        }
    }

    /// How long a frame may be now.
    pub(super) fn bytes_max(&self) -> usize {
        self.bytes_max
    }

    /// Whether items are enough for a frame.
    pub(super) fn is_full(&self, items: &VecDeque<Outgoing>) -> bool {
        items.len() >= self.flush_items.min(self.items_max)
            || items.iter().map(|outgoing| outgoing.item.weight()).sum::<usize>() >= self.bytes_max
    }

    /// Writes a frame of the first items: as many as fit, of one incarnation, all in a lane or none. A single item
    /// makes a frame however long it is.
    pub(super) fn frame(
        &self,
        items: &[(Outgoing, Option<Lane>)],
        (memory, gaps): (&Memory, &BTreeMap<Position, Gap>),
        wire: &mut Wire,
    ) -> (Vec<u8>, usize, Learned) {
        let mut count = self.first_guess(items);
        loop {
            let chosen = &items[..count];
            let (batch, learned) = self.batch(chosen, memory, gaps);
            let incarnation = chosen[0].0.mark.incarnation;
            let bytes =
                wire.write(|head| Body::Batch(Head { incarnation: Some(incarnation), ..head }, batch));
            if bytes.len() <= self.bytes_max || count == 1 {
                return (bytes, count, learned);
            }
            count = count.div_ceil(2).min(count - 1);
        }
    }

    fn first_guess(&self, items: &[(Outgoing, Option<Lane>)]) -> usize {
        let (first, lane) = &items[0];
        let mut weight = 0;
        let mut last = 0;
        let fitting = items.iter().take(self.items_max).take_while(|(outgoing, other)| {
            weight += outgoing.item.weight() + COLUMN_BYTES;
            let ascending = outgoing.mark.n > last;
            last = outgoing.mark.n;
            outgoing.mark.incarnation == first.mark.incarnation
                && other.is_some() == lane.is_some()
                && ascending
                && weight <= self.inflated_max
        });
        fitting.count().max(1)
    }

    fn batch(
        &self,
        items: &[(Outgoing, Option<Lane>)],
        memory: &Memory,
        gaps: &BTreeMap<Position, Gap>,
    ) -> (Batch, Learned) {
        let gaps = items.iter().filter_map(|(outgoing, _)| {
            gaps.get(&outgoing.mark.position()).map(|gap| (outgoing.mark.n, *gap))
        });
        let numbered: Vec<(u64, &Item)> =
            items.iter().map(|(outgoing, _)| (outgoing.mark.n, &outgoing.item)).collect();
        let (columns, learned) = columns::encode(&numbered, items[0].0.mark.incarnation, memory);
        let digests: Vec<Digest> = items.iter().map(|(outgoing, _)| outgoing.item.digest()).collect();
        let packed = packing::compress(&columns, self.level).ok();
        let (codec, columns) = match packed.filter(|packed| packed.len() < columns.len()) {
            Some(packed) => (CODEC_ZSTD, packed),
            None => (CODEC_PLAIN, columns),
        };
        let batch = Batch {
            runs: spans(numbered.iter().map(|(n, _)| *n)),
            lane: items.iter().filter_map(|(_, lane)| *lane).collect(),
            check: serde_bytes::ByteArray::new(check(&digests)),
            codec,
            columns,
            gaps: gaps.collect(),
        };
        (batch, learned)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn halved_frames_grow_back_to_what_the_settings_allow_and_more_slowly_when_that_fails() {
        let settings = Settings::default();
        let mut pack = Pack::new(&settings);
        let whole = (settings.frame_items_max, settings.frame_bytes_max);
        let arrivals_until_doubled = |pack: &mut Pack| {
            let before = pack.bytes_max;
            let frames = (1..).find(|_| {
                pack.arrived(1);
                pack.bytes_max > before
            });
            frames.unwrap_or(0)
        };
        assert!(pack.halve());
        assert_eq!((pack.items_max, pack.bytes_max), (whole.0 / 2, whole.1 / 2));
        let first = arrivals_until_doubled(&mut pack);
        assert_eq!((pack.items_max, pack.bytes_max), whole);
        pack.arrived(1_000_000);
        assert_eq!((pack.items_max, pack.bytes_max), whole, "never beyond the settings");
        assert!(pack.halve(), "the line still takes no more");
        assert_eq!(arrivals_until_doubled(&mut pack), first * 2);
        for _ in 0..64 {
            pack.halve();
        }
        assert!(!pack.halve(), "they cannot get smaller");
        assert_eq!(arrivals_until_doubled(&mut pack), DOUBLED_AFTER_MAX);
    }
}
