//! Scanners that send lines: keyboard wedges, CDC serial scanners, and handhelds that post what they read.

mod aim;
mod line;

use heapless::Vec;

pub use aim::{Symbology, classify};
pub use line::{LineError, LineReader};

/// Bytes a scan may have, its AIM identifier not counted. A GS1-128 has at most 48 characters, a GS1 Digital Link
/// some 200.
pub const SCAN_MAX: usize = 512;

/// One scan.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ScanFrame {
    /// What kind of code it was, as far as the scanner told.
    pub symbology: Symbology,
    /// What was in it, without the AIM identifier; separators (GS, 0x1D) are kept.
    pub data: Vec<u8, SCAN_MAX>,
}

impl ScanFrame {
    /// Takes one scan as a scanner sent it, without its line end.
    pub fn parse(line: &[u8]) -> Result<Self, LineError> {
        let (symbology, data) = classify(line);
        if data.is_empty() {
            return Err(LineError::Empty);
        }
        let data = Vec::from_slice(data).map_err(|_| LineError::TooLong { max: SCAN_MAX })?;
        Ok(Self { symbology, data })
    }

    /// The data as text, if it is any.
    pub fn text(&self) -> Option<&str> {
        core::str::from_utf8(&self.data).ok()
    }
}
