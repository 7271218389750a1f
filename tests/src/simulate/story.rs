//! What happened, for people: told only when a run is told again, since most runs are of no interest.

use super::clock::MORNING;

/// The story of a run.
#[derive(Debug, Default)]
pub struct Story {
    told: bool,
    lines: Vec<String>,
    digest: blake3::Hasher,
}

impl Story {
    /// A story that is told, or one that is only counted.
    pub fn new(told: bool) -> Self {
        Self { told, lines: Vec::new(), digest: blake3::Hasher::new() }
    }

    /// Tells something.
    pub fn tell(&mut self, now: u64, who: &dyn std::fmt::Display, what: impl FnOnce() -> String) {
        if self.told {
            self.lines.push(format!("{}  {who:<10} {}", time(now), what()));
        }
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
