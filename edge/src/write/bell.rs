//! Wakes the writer before its job is there. Ringing costs next to nothing where it is awake.

use std::sync::atomic::{AtomicBool, Ordering};

use tokio::sync::Notify;

/// A bell beside a sleeper.
#[derive(Debug, Default)]
pub(super) struct Bell {
    sleeping: AtomicBool,
    rung: Notify,
}

impl Bell {
    /// The sleeper lies down.
    pub fn sleeps(&self) {
        self.sleeping.store(true, Ordering::Release);
    }

    /// Wakes a sleeper once; one that is awake is left alone.
    pub fn ring(&self) {
        if self.sleeping.swap(false, Ordering::AcqRel) {
            self.rung.notify_one();
        }
    }

    /// Completes when it was rung.
    pub async fn rung(&self) {
        self.rung.notified().await;
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::Bell;

    async fn is_rung(bell: &Bell) -> bool {
        tokio::time::timeout(Duration::from_millis(20), bell.rung()).await.is_ok()
    }

    #[tokio::test]
    async fn who_sleeps_is_woken_once() {
        let bell = Bell::default();
        bell.ring();
        assert!(!is_rung(&bell).await, "who is awake is left alone");
        bell.sleeps();
        bell.ring();
        bell.ring();
        assert!(is_rung(&bell).await);
        assert!(!is_rung(&bell).await, "and has to lie down again first");
    }
}
