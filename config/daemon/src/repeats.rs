//! Lines of a log that others can bring about as often as they like: the first is written, the others are counted.

use std::collections::BTreeMap;

/// A kind of line is written at most so often, in milliseconds.
const EVERY_MS: u64 = 60_000;

/// Which kinds of lines were written when, and how many were not.
#[derive(Debug, Default)]
pub struct Repeats(BTreeMap<&'static str, Repeated>);

#[derive(Debug)]
struct Repeated {
    written_at: u64,
    since: u64,
}

impl Repeats {
    /// Something of this kind happened. When a line is to be written for it: how often it has happened since the last one,
    /// this time included. There must be few kinds, and none that others choose.
    pub fn note(&mut self, now_ms: u64, kind: &'static str) -> Option<u64> {
        let Some(repeated) = self.0.get_mut(kind) else {
            self.0.insert(kind, Repeated { written_at: now_ms, since: 0 });
            return Some(1);
        };
        repeated.since += 1;
        if now_ms.saturating_sub(repeated.written_at) < EVERY_MS {
            return None;
        }
        repeated.written_at = now_ms;
        Some(std::mem::take(&mut repeated.since))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_flood_is_told_once_a_minute_and_none_of_it_goes_uncounted() {
        let mut repeats = Repeats::default();
        let mut lines = Vec::new();
        for ms in 0..180_001 {
            lines.extend(repeats.note(1_000 + ms, "forged").map(|count| (ms, count)));
        }
        assert_eq!(lines, [(0, 1), (60_000, 60_000), (120_000, 60_000), (180_000, 60_000)]);
        assert_eq!(repeats.note(181_002, "unknown"), Some(1), "another kind is told at once");
        assert_eq!(repeats.note(181_003, "unknown"), None);
        assert_eq!(repeats.note(900_000, "unknown"), Some(2));
    }
}
