//! Timers and limits of a conversation.

/// Timers and limits of a [`Session`](crate::Session). Durations in milliseconds, sizes in bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Settings {
    /// How often a site says hello, so that both sides know of silence and the clock bound stays fresh.
    pub hello_every_ms: u64,
    /// How soon a site says hello again when no welcome came; doubled up to `hello_every_ms`.
    pub hello_retry_ms: u64,
    /// After how long without a frame the peer counts as silent.
    pub silent_after_ms: u64,
    /// How long items wait for others to share a frame while frames are on their way.
    pub flush_after_ms: u64,
    /// How long after a frame the next item waits for others although nothing is on its way; after a longer pause it goes
    /// at once.
    pub gather_ms: u64,
    /// So many items are worth a frame, even while others are on their way.
    pub flush_items: usize,
    /// The most items in one frame: a backlog travels in longer frames than live events do.
    pub frame_items_max: usize,
    /// The longest frame. Halved when the line says that a packet was too large.
    pub frame_bytes_max: usize,
    /// Halving stops here.
    pub frame_bytes_min: usize,
    /// The longest body that a frame or a part of one's own unpacks to; a peer's may always be as long as
    /// [`Settings::INFLATED_BYTES_LIMIT`].
    pub inflated_bytes_max: usize,
    /// How many frames may be unacknowledged.
    pub window_frames: usize,
    /// When an unacknowledged frame is sent again the first time; doubled every time after.
    pub resend_after_ms: u64,
    /// The longest time between two sendings of a frame.
    pub resend_every_ms_max: u64,
    /// The share by which timers are lengthened at random, in percent.
    pub jitter_percent: u8,
    /// The most spans in an acknowledgement.
    pub acknowledged_spans_max: usize,
    /// The most items handed to the application in one `Store`.
    pub store_items_max: usize,
    /// The most bytes handed to the application in one `Store`, unless a single item is longer.
    pub store_bytes_max: usize,
    /// The most items that wait in memory for their turn; frames beyond are dropped and come again.
    pub waiting_items_max: usize,
    /// The most bytes that wait in memory for their turn.
    pub waiting_bytes_max: usize,
    /// The most incarnations named in a greeting.
    pub links_max: usize,
    /// How hard frames are compressed: 1 to 19. From 4 to 17 a backlog gets 2 % shorter and takes twice the processor time.
    pub compression_level: i32,
    /// How often documents are compared while both streams are quiet.
    pub repair_every_ms: u64,
    /// How soon a question of repair is asked again; doubled every time after.
    pub repair_retry_ms: u64,
    /// How long changes may wait for others they build on before repair looks for those.
    pub parked_after_ms: u64,
    /// The most documents in one list.
    pub repair_page_documents: usize,
    /// The most documents whose changes are asked for at once.
    pub repair_group_documents: usize,
    /// Changes are gathered into one part until they weigh this.
    pub repair_part_bytes_max: usize,
    /// A site says its first hello at a random moment of so long after its line came up.
    pub start_spread_ms: u64,
    /// A site with more items to send than this is kept waiting while too many others drain.
    pub backlog_items_long: u64,
    /// How long it is told to wait, plus up to as much again at random.
    pub come_back_ms: u64,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            hello_every_ms: 15_000,
            hello_retry_ms: 1_000,
            silent_after_ms: 45_000,
            flush_after_ms: 1_000,
            gather_ms: 500,
            flush_items: 100,
            frame_items_max: 400,
            frame_bytes_max: 128 << 10,
            frame_bytes_min: 4 << 10,
            inflated_bytes_max: 1 << 20,
            window_frames: 8,
            resend_after_ms: 5_000,
            resend_every_ms_max: 60_000,
            jitter_percent: 20,
            acknowledged_spans_max: 32,
            store_items_max: 1_000,
            store_bytes_max: 2 << 20,
            waiting_items_max: 4_000,
            waiting_bytes_max: 4 << 20,
            links_max: 64,
            compression_level: 6,
            repair_every_ms: 300_000,
            repair_retry_ms: 5_000,
            parked_after_ms: 30_000,
            repair_page_documents: 256,
            repair_group_documents: 32,
            repair_part_bytes_max: 128 << 10,
            start_spread_ms: 500,
            backlog_items_long: 2_000,
            come_back_ms: 10_000,
        }
    }
}

/// A setting that cannot work.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{setting} is {found}: allowed are {min} to {max}")]
pub struct SettingsError {
    /// Which.
    pub setting: &'static str,
    /// What it was.
    pub found: u64,
    /// The least allowed.
    pub min: u64,
    /// The most allowed.
    pub max: u64,
}

impl Settings {
    /// The longest frame any setting may allow: what brokers are told to accept.
    pub const FRAME_BYTES_LIMIT: usize = 240 << 10;
    /// The longest body a frame or part may unpack to, whoever wrote it. Less at a reader would stop an honest writer.
    pub const INFLATED_BYTES_LIMIT: usize = 1 << 20;
    /// The most documents that any setting may ask for at once.
    pub(crate) const REPAIR_GROUP_DOCUMENTS_LIMIT: usize = 256;

    /// The same where frames and parts unpack to at most so much. A part is full only with the change that fills it, and must
    /// still unpack.
    pub fn with_inflated_bytes_max(self, max: usize) -> Self {
        let repair_part_bytes_max = self.repair_part_bytes_max.min(max / 8);
        Self { inflated_bytes_max: max, repair_part_bytes_max, ..self }
    }

    /// Checks every setting against what can work.
    pub fn check(&self) -> Result<(), SettingsError> {
        let day = 86_400_000;
        let frame = Self::FRAME_BYTES_LIMIT as u64;
        let inflated = Self::INFLATED_BYTES_LIMIT as u64;
        let store = self.store_bytes_max as u64;
        let group = Self::REPAIR_GROUP_DOCUMENTS_LIMIT as u64;
        // A part is full only with the change that fills it, and must still unpack.
        let part = self.inflated_bytes_max as u64 / 8;
        let rows: [(&'static str, u64, u64, u64); 30] = [
            ("hello_every_ms", self.hello_every_ms, 100, day),
            ("hello_retry_ms", self.hello_retry_ms, 10, self.hello_every_ms),
            ("silent_after_ms", self.silent_after_ms, self.hello_every_ms, day),
            ("flush_after_ms", self.flush_after_ms, 0, 60_000),
            ("gather_ms", self.gather_ms, 0, 60_000),
            ("flush_items", self.flush_items as u64, 1, self.frame_items_max as u64),
            ("frame_items_max", self.frame_items_max as u64, 1, 1_000),
            ("frame_bytes_max", self.frame_bytes_max as u64, 1 << 10, frame),
            ("frame_bytes_min", self.frame_bytes_min as u64, 1 << 10, self.frame_bytes_max as u64),
            ("inflated_bytes_max", self.inflated_bytes_max as u64, 128 << 10, inflated),
            ("window_frames", self.window_frames as u64, 1, 256),
            ("resend_after_ms", self.resend_after_ms, 100, self.resend_every_ms_max),
            ("resend_every_ms_max", self.resend_every_ms_max, 100, day),
            ("jitter_percent", u64::from(self.jitter_percent), 0, 100),
            ("acknowledged_spans_max", self.acknowledged_spans_max as u64, 0, 32),
            ("store_items_max", self.store_items_max as u64, 1, 100_000),
            ("store_bytes_max", store, 1, 256 << 20),
            ("waiting_items_max", self.waiting_items_max as u64, self.frame_items_max as u64, 100_000),
            ("waiting_bytes_max", self.waiting_bytes_max as u64, inflated, 256 << 20),
            ("links_max", self.links_max as u64, 2, 64),
            ("compression_level", u64::try_from(self.compression_level).unwrap_or(0), 1, 19),
            ("repair_every_ms", self.repair_every_ms, 1_000, day),
            ("repair_retry_ms", self.repair_retry_ms, 100, self.repair_every_ms),
            ("parked_after_ms", self.parked_after_ms, 100, day),
            ("repair_page_documents", self.repair_page_documents as u64, 1, 1_000),
            ("repair_group_documents", self.repair_group_documents as u64, 1, group),
            ("repair_part_bytes_max", self.repair_part_bytes_max as u64, 1 << 10, part),
            ("start_spread_ms", self.start_spread_ms, 0, 60_000),
            ("backlog_items_long", self.backlog_items_long, 1, 10_000_000),
            ("come_back_ms", self.come_back_ms, 100, 600_000),
        ];
        for (setting, found, min, max) in rows {
            if found < min || found > max {
                return Err(SettingsError { setting, found, min, max });
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_defaults_work() {
        assert_eq!(Settings::default().check(), Ok(()));
    }

    #[test]
    fn a_setting_is_refused_just_beyond_its_edge() {
        let with = |change: fn(&mut Settings)| {
            let mut settings = Settings::default();
            change(&mut settings);
            settings.check().map_err(|error| error.setting)
        };
        assert_eq!(with(|s| s.flush_items = 0), Err("flush_items"));
        assert_eq!(with(|s| s.flush_items = s.frame_items_max + 1), Err("flush_items"));
        assert_eq!(with(|s| s.frame_items_max = 1_000), Ok(()));
        assert_eq!(with(|s| s.frame_items_max = 1_001), Err("frame_items_max"));
        assert_eq!(with(|s| s.acknowledged_spans_max = 33), Err("acknowledged_spans_max"));
        assert_eq!(with(|s| s.frame_bytes_max = Settings::FRAME_BYTES_LIMIT), Ok(()));
        assert_eq!(with(|s| s.frame_bytes_max = Settings::FRAME_BYTES_LIMIT + 1), Err("frame_bytes_max"));
        assert_eq!(with(|s| s.inflated_bytes_max = Settings::INFLATED_BYTES_LIMIT), Ok(()));
        assert_eq!(
            with(|s| s.inflated_bytes_max = Settings::INFLATED_BYTES_LIMIT + 1),
            Err("inflated_bytes_max")
        );
        assert_eq!(with(|s| s.silent_after_ms = s.hello_every_ms - 1), Err("silent_after_ms"));
        assert_eq!(with(|s| s.compression_level = -1), Err("compression_level"));
        assert_eq!(with(|s| s.repair_part_bytes_max = s.inflated_bytes_max / 8), Ok(()));
        assert_eq!(
            with(|s| s.repair_part_bytes_max = s.inflated_bytes_max / 8 + 1),
            Err("repair_part_bytes_max")
        );
        assert_eq!(with(|s| s.repair_retry_ms = s.repair_every_ms + 1), Err("repair_retry_ms"));
        assert_eq!(with(|s| s.repair_page_documents = 0), Err("repair_page_documents"));
        assert_eq!(with(|s| s.repair_group_documents = 257), Err("repair_group_documents"));
    }
}
