//! What is known of each printer: the last word of its worker, for screens and for refusing what cannot be.

use std::collections::BTreeMap;
use std::sync::{Arc, PoisonError, RwLock};

use outpost_firmware_bridge::printer::Attention;
use outpost_model::time::UtcMillis;
use serde::Serialize;

/// How a printer is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(tag = "state", content = "cause", rename_all = "snake_case")]
pub enum PrinterState {
    /// Not asked yet.
    NotSeen,
    /// It answers and has nothing to complain of.
    Ready,
    /// It is there and somebody must go to it.
    NeedsAttention(Cause),
    /// No connection.
    Offline,
}

/// What somebody must see to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Cause {
    /// It takes the connection and says nothing: paper or ribbon is out, or the head is open or hot.
    Silent,
    /// Paper.
    PaperOut,
    /// Ribbon.
    RibbonOut,
    /// The head is open.
    HeadOpen,
    /// Pause was pressed.
    Paused,
    /// A label waits to be taken.
    LabelWaiting,
    /// Too hot or too cold.
    Temperature,
    /// Its memory is damaged.
    Memory,
    /// It takes no more bytes.
    Full,
    /// Its answers cannot be read: perhaps it does not speak ZPL.
    NotUnderstood,
}

impl Cause {
    /// The name in interfaces and catalogs.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Silent => "silent",
            Self::PaperOut => "paper_out",
            Self::RibbonOut => "ribbon_out",
            Self::HeadOpen => "head_open",
            Self::Paused => "paused",
            Self::LabelWaiting => "label_waiting",
            Self::Temperature => "temperature",
            Self::Memory => "memory",
            Self::Full => "full",
            Self::NotUnderstood => "not_understood",
        }
    }
}

impl From<Attention> for Cause {
    fn from(attention: Attention) -> Self {
        match attention {
            Attention::PaperOut => Self::PaperOut,
            Attention::RibbonOut => Self::RibbonOut,
            Attention::HeadOpen => Self::HeadOpen,
            Attention::Paused => Self::Paused,
            Attention::LabelWaiting => Self::LabelWaiting,
            Attention::Temperature => Self::Temperature,
            Attention::Memory => Self::Memory,
        }
    }
}

impl PrinterState {
    /// The name in interfaces and catalogs.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::NotSeen => "not_seen",
            Self::Ready => "ready",
            Self::NeedsAttention(_) => "needs_attention",
            Self::Offline => "offline",
        }
    }
}

/// A printer and how it is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct PrinterStatus {
    /// Its name in the settings.
    pub name: String,
    /// Where it listens.
    pub address: String,
    /// How it is.
    #[serde(flatten)]
    pub state: PrinterState,
    /// Since when it is so.
    pub since: UtcMillis,
    /// When it last answered.
    pub last_answer: Option<UtcMillis>,
    /// Whether it counts its labels; unknown until it was asked.
    pub counts_labels: Option<bool>,
}

/// The printers of the site. Clones share one board.
#[derive(Debug, Clone, Default)]
pub struct PrinterBoard {
    printers: Arc<RwLock<BTreeMap<String, PrinterStatus>>>,
}

impl PrinterBoard {
    /// Puts up a printer that was not asked yet.
    pub fn put_up(&self, name: &str, address: String, now: UtcMillis) {
        let status = PrinterStatus {
            name: name.to_owned(),
            address,
            state: PrinterState::NotSeen,
            since: now,
            last_answer: None,
            counts_labels: None,
        };
        self.write(|printers| printers.insert(name.to_owned(), status));
    }

    /// Notes how a printer is; says whether that is news.
    pub fn note(&self, name: &str, state: PrinterState, now: UtcMillis) -> bool {
        self.write(|printers| {
            let Some(status) = printers.get_mut(name) else { return false };
            if state == PrinterState::Ready {
                status.last_answer = Some(now);
            }
            let news = status.state != state;
            if news {
                status.state = state;
                status.since = now;
            }
            news
        })
    }

    /// Notes whether a printer counts its labels.
    pub fn note_counting(&self, name: &str, counts: bool) {
        self.write(|printers| {
            if let Some(status) = printers.get_mut(name) {
                status.counts_labels = Some(counts);
            }
        });
    }

    /// All printers, by name.
    pub fn all(&self) -> Vec<PrinterStatus> {
        self.printers.read().unwrap_or_else(PoisonError::into_inner).values().cloned().collect()
    }

    /// One printer.
    pub fn get(&self, name: &str) -> Option<PrinterStatus> {
        self.printers.read().unwrap_or_else(PoisonError::into_inner).get(name).cloned()
    }

    /// Whether a printer may still hold what it was sent: it stands with a complaint and goes on once that is seen to.
    pub fn holds_its_work(&self, name: &str) -> bool {
        self.get(name).is_some_and(|status| matches!(status.state, PrinterState::NeedsAttention(_)))
    }

    fn write<T>(&self, change: impl FnOnce(&mut BTreeMap<String, PrinterStatus>) -> T) -> T {
        change(&mut self.printers.write().unwrap_or_else(PoisonError::into_inner))
    }
}
