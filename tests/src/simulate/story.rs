//! What happened, for people: told only when a run is told again, since most runs are of no interest.

use std::collections::BTreeMap;

use super::clock::MORNING;

/// The story of a run.
#[derive(Debug, Default)]
pub struct Story {
    told: bool,
    lines: Vec<String>,
    /// What each said last, and how often since: somebody who tries again and again is told once.
    last: BTreeMap<String, (String, u32)>,
    digest: blake3::Hasher,
}

impl Story {
    /// A story that is told, or one that is only counted.
    pub fn new(told: bool) -> Self {
        Self { told, ..Self::default() }
    }

    /// Tells something.
    pub fn tell(&mut self, now: u64, who: &dyn std::fmt::Display, what: impl FnOnce() -> String) {
        if !self.told {
            return;
        }
        let (who, what) = (who.to_string(), what());
        let (last, again) = self.last.entry(who.clone()).or_default();
        if *last == what {
            *again += 1;
            return;
        }
        if *again > 0 {
            self.lines.push(format!("{}  {who:<10} (the same {again} times more)", time(now)));
        }
        (*last, *again) = (what.clone(), 0);
        self.lines.push(format!("{}  {who:<10} {what}", time(now)));
    }

    /// Counts something into the fingerprint of the run.
    pub fn count(&mut self, now: u64, kind: u8, bytes: &[u8]) {
        self.digest.update(&now.to_le_bytes());
        self.digest.update(&[kind]);
        self.digest.update(bytes);
    }

    /// The fingerprint: the same plan gives the same.
    pub fn fingerprint(&self) -> String {
        self.digest.finalize().to_hex()[..16].to_owned()
    }

    /// The lines.
    pub fn lines(&self) -> &[String] {
        &self.lines
    }
}

/// True time, as a clock on the wall would show it.
fn time(now: u64) -> String {
    let at = outpost_model::time::UtcMillis(MORNING + now as i64).timestamp();
    at.strftime("%d %H:%M:%S%.3f").to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_tries_again_and_again_is_told_once() {
        let mut story = Story::new(true);
        for (now, who, what) in
            [(0, "a", "x"), (1, "a", "x"), (2, "b", "x"), (3, "a", "x"), (4, "a", "y"), (5, "a", "x")]
        {
            story.tell(now, &who, || what.to_owned());
        }
        let told: Vec<&str> = story.lines().iter().map(|line| &line[17..]).collect();
        assert_eq!(
            told,
            [
                "a          x",
                "b          x",
                "a          (the same 2 times more)",
                "a          y",
                "a          x"
            ]
        );
        let mut silent = Story::new(false);
        silent.tell(0, &"a", || unreachable!("nobody listens"));
        assert!(silent.lines().is_empty());
    }
}
