//! How the line to the hub is, for screens.

use std::sync::Arc;

use outpost_model::time::UtcMillis;
use outpost_sync::Position;
use serde::Serialize;
use tokio::sync::watch;

/// The trouble of a line that carries nothing from the hub, though it is not broken.
pub const SILENT: &str = "the hub does not answer";

/// How the line is now.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct LineState {
    /// Whether frames can be sent and the hub answers.
    pub up: bool,
    /// Since when it is as it is.
    pub since: Option<UtcMillis>,
    /// When the hub was last heard.
    pub last_contact: Option<UtcMillis>,
    /// What is wrong with it, if it is down.
    pub trouble: Option<String>,
    /// Whether another appliance with this one's identity took over the line: a clone is alive.
    pub taken_over: bool,
    /// Through where the hub has stored this site's lives, as it said since the line came up.
    #[serde(skip)]
    pub stored: Vec<Position>,
}

/// A shared view of the line.
#[derive(Debug, Clone)]
pub struct LineStatus(Arc<watch::Sender<LineState>>);

impl Default for LineStatus {
    fn default() -> Self {
        Self(Arc::new(watch::Sender::new(LineState::default())))
    }
}

impl LineStatus {
    /// How it is.
    pub fn get(&self) -> LineState {
        self.0.borrow().clone()
    }

    /// Notes that the line came up or went down. True when that is news.
    pub fn note(&self, up: bool, now: UtcMillis, trouble: Option<String>, taken_over: bool) -> bool {
        self.0.send_if_modified(|state| {
            let changed = state.since.is_none() || state.up != up;
            if changed {
                state.since = Some(now);
            }
            state.up = up;
            state.trouble = trouble;
            state.taken_over = taken_over;
            changed
        })
    }

    /// Notes what the hub has stored.
    pub fn stored(&self, stored: Vec<Position>) {
        self.0.send_if_modified(|state| {
            let changed = state.stored != stored;
            state.stored = stored;
            changed
        });
    }

    /// Notes that the hub was heard. True when that ends a silence: the line had never broken, so nobody will greet
    /// anew.
    pub fn heard(&self, now: UtcMillis) -> bool {
        let mut answers = false;
        self.0.send_modify(|state| {
            state.last_contact = Some(now);
            if state.trouble.as_deref() == Some(SILENT) {
                (state.up, state.since, state.trouble) = (true, Some(now), None);
                answers = true;
            }
        });
        answers
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_silence_ends_with_the_first_word_and_other_trouble_does_not() {
        let line = LineStatus::default();
        assert!(line.note(true, UtcMillis(1), None, false));
        assert!(!line.heard(UtcMillis(2)));
        assert!(line.note(false, UtcMillis(3), Some(SILENT.to_owned()), false));
        assert!(line.heard(UtcMillis(4)));
        let now = line.get();
        assert_eq!((now.up, now.since, now.trouble), (true, Some(UtcMillis(4)), None));

        line.note(false, UtcMillis(5), Some("the broker is gone".to_owned()), false);
        assert!(!line.heard(UtcMillis(6)), "a late frame mends no line");
        assert!(!line.get().up);
    }
}
