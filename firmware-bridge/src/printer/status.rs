//! What the three frames of `~HS` say.

use super::AnswerError;

/// Fields of the three frames.
pub(super) const FRAME_FIELDS: [usize; 3] = [12, 11, 2];

/// The state of a printer as `~HS` tells it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct HostStatus {
    /// No paper.
    pub paper_out: bool,
    /// Somebody pressed pause, or the printer paused itself.
    pub paused: bool,
    /// Length of the label in dots.
    pub label_length_dots: u32,
    /// Labels received and not begun.
    pub formats_in_buffer: u32,
    /// The receive buffer is full: the printer takes no more bytes.
    pub buffer_full: bool,
    /// A label has arrived in part.
    pub partial_format: bool,
    /// The configuration memory was lost.
    pub corrupt_memory: bool,
    /// The head is too cold.
    pub under_temperature: bool,
    /// The head is too hot.
    pub over_temperature: bool,
    /// The head is open.
    pub head_up: bool,
    /// No ribbon.
    pub ribbon_out: bool,
    /// It prints with a ribbon.
    pub thermal_transfer: bool,
    /// A printed label waits to be taken (peel-off mode).
    pub label_waiting: bool,
    /// Labels of the present batch that are still to be printed.
    pub labels_remaining: u32,
}

/// What keeps a printer from printing, as a person would have to be told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Attention {
    /// Put paper in.
    PaperOut,
    /// Put a ribbon in.
    RibbonOut,
    /// Close the head.
    HeadOpen,
    /// Press pause again.
    Paused,
    /// Take the label that is in the way.
    LabelWaiting,
    /// Let it cool or warm up.
    Temperature,
    /// Its memory is damaged: restart it, then have it repaired.
    Memory,
}

impl HostStatus {
    /// The first thing that somebody must do before it prints, if any.
    pub fn attention(&self) -> Option<Attention> {
        let causes = [
            (self.head_up, Attention::HeadOpen),
            (self.paper_out, Attention::PaperOut),
            (self.ribbon_out && self.thermal_transfer, Attention::RibbonOut),
            (self.paused, Attention::Paused),
            (self.corrupt_memory, Attention::Memory),
            (self.over_temperature || self.under_temperature, Attention::Temperature),
            (self.label_waiting, Attention::LabelWaiting),
        ];
        causes.into_iter().find_map(|(present, cause)| present.then_some(cause))
    }

    /// Whether everything it was sent has left it as paper.
    pub fn is_idle(&self) -> bool {
        self.formats_in_buffer == 0 && self.labels_remaining == 0 && !self.partial_format
    }

    /// Reads frame 1, 2 or 3 into the status.
    pub(super) fn read_frame(&mut self, frame: u8, content: &str) -> Result<(), AnswerError> {
        let fields = Fields { frame, content };
        match frame {
            1 => {
                self.paper_out = fields.flag(2)?;
                self.paused = fields.flag(3)?;
                self.label_length_dots = fields.number(4)?;
                self.formats_in_buffer = fields.number(5)?;
                self.buffer_full = fields.flag(6)?;
                self.partial_format = fields.flag(8)?;
                self.corrupt_memory = fields.flag(10)?;
                self.under_temperature = fields.flag(11)?;
                self.over_temperature = fields.flag(12)?;
            }
            2 => {
                self.head_up = fields.flag(3)?;
                self.ribbon_out = fields.flag(4)?;
                self.thermal_transfer = fields.flag(5)?;
                self.label_waiting = fields.flag(8)?;
                self.labels_remaining = fields.number(9)?;
            }
            // The password and the presence of static RAM, which nobody needs.
            _ => {}
        }
        Ok(())
    }
}

struct Fields<'a> {
    frame: u8,
    content: &'a str,
}

impl Fields<'_> {
    fn text(&self, field: u8) -> &str {
        self.content.split(',').nth(usize::from(field) - 1).unwrap_or_default().trim()
    }

    fn number(&self, field: u8) -> Result<u32, AnswerError> {
        self.text(field).parse().map_err(|_| AnswerError::Field { frame: self.frame, field })
    }

    fn flag(&self, field: u8) -> Result<bool, AnswerError> {
        match self.text(field) {
            "0" => Ok(false),
            "1" => Ok(true),
            _ => Err(AnswerError::Field { frame: self.frame, field }),
        }
    }
}
