//! Scans from a stream of bytes: everything up to Enter.

use core::fmt;

use heapless::Vec;

use super::{SCAN_MAX, ScanFrame};

/// Bytes of a line: a scan and its AIM identifier.
const LINE_MAX: usize = SCAN_MAX + 3;

/// Why a line is no scan.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LineError {
    /// An identifier and nothing behind it.
    Empty,
    /// More bytes than a scan may have; the whole line was dropped.
    TooLong {
        /// Bytes it may have.
        max: usize,
    },
}

impl fmt::Display for LineError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Empty => f.write_str("the scan is empty"),
            Self::TooLong { max } => write!(f, "a scan has at most {max} bytes"),
        }
    }
}

impl core::error::Error for LineError {}

/// Puts scans together from bytes. Carriage return, line feed, or both end a scan; every other byte is data.
#[derive(Debug, Default)]
pub struct LineReader {
    line: Vec<u8, LINE_MAX>,
    overrun: bool,
}

impl LineReader {
    /// A reader that has seen nothing.
    pub fn new() -> Self {
        Self::default()
    }

    /// Takes one byte; answers at the end of a line. Empty lines, such as the line feed after a carriage return,
    /// are skipped.
    pub fn push(&mut self, byte: u8) -> Option<Result<ScanFrame, LineError>> {
        if !matches!(byte, b'\r' | b'\n') {
            self.overrun |= self.line.push(byte).is_err();
            return None;
        }
        let line = core::mem::take(&mut self.line);
        if core::mem::take(&mut self.overrun) {
            return Some(Err(LineError::TooLong { max: SCAN_MAX }));
        }
        (!line.is_empty()).then(|| ScanFrame::parse(&line))
    }

    /// Forgets a line that was begun: after a pause too long for a scanner, what came before was not one.
    pub fn reset(&mut self) {
        *self = Self::default();
    }
}

#[cfg(test)]
mod tests {
    use std::vec::Vec;

    use proptest::prelude::*;

    use super::*;
    use crate::scanner::Symbology;

    fn read(bytes: &[u8]) -> Vec<Result<ScanFrame, LineError>> {
        let mut reader = LineReader::new();
        bytes.iter().filter_map(|byte| reader.push(*byte)).collect()
    }

    #[test]
    fn a_scan_ends_with_enter_of_any_kind() {
        for bytes in
            [&b"]C0A1\r]C0B2\r"[..], b"]C0A1\n]C0B2\n", b"]C0A1\r\n]C0B2\r\n", b"\r\n]C0A1\r\n\r\n]C0B2\r"]
        {
            let scans: Vec<_> = read(bytes).into_iter().map(Result::unwrap).collect();
            assert_eq!(scans.len(), 2);
            assert_eq!((scans[0].symbology, scans[0].text()), (Symbology::Code128, Some("A1")));
            assert_eq!(scans[1].text(), Some("B2"));
        }
    }

    #[test]
    fn separators_inside_a_scan_are_kept() {
        let scan = read(b"]d210AB\x1d21X\r").remove(0).unwrap();
        assert_eq!(&scan.data[..], b"10AB\x1d21X");
    }

    #[test]
    fn the_longest_scan_is_taken_whole_and_a_longer_one_not_at_all() {
        let mut bytes = b"]Q1".to_vec();
        bytes.extend([b'x'; SCAN_MAX]);
        let longest = ScanFrame::parse(&bytes).unwrap();
        assert_eq!(longest.data.len(), SCAN_MAX);
        bytes.extend(b"\r");
        assert_eq!(read(&bytes), [Ok(longest)]);

        bytes.insert(3, b'x');
        bytes.extend(b"next\r");
        let scans = read(&bytes);
        assert_eq!(scans[0], Err(LineError::TooLong { max: SCAN_MAX }));
        assert_eq!(scans[1].as_ref().unwrap().text(), Some("next"));
        assert_eq!(ScanFrame::parse(&[b'x'; SCAN_MAX + 1]), Err(LineError::TooLong { max: SCAN_MAX }));
    }

    #[test]
    fn an_identifier_alone_is_no_scan() {
        assert_eq!(read(b"]C1\r"), [Err(LineError::Empty)]);
    }

    #[test]
    fn a_line_that_was_begun_can_be_forgotten() {
        let mut reader = LineReader::new();
        b"typed".iter().for_each(|byte| assert_eq!(reader.push(*byte), None));
        reader.reset();
        let scans: Vec<_> = b"96385074\r".iter().filter_map(|byte| reader.push(*byte)).collect();
        assert_eq!(scans[0].as_ref().unwrap().text(), Some("96385074"));
    }

    proptest! {
        #[test]
        fn every_line_within_the_limit_comes_out_as_it_went_in(lines in prop::collection::vec("[ -~\u{1D}]{1,60}", 1..8)) {
            let bytes: Vec<u8> = lines.iter().flat_map(|line| [line.as_bytes(), b"\r\n"].concat()).collect();
            let scans = read(&bytes);
            prop_assert_eq!(scans.len(), lines.len());
            for (scan, line) in scans.iter().zip(&lines) {
                prop_assert_eq!(scan, &ScanFrame::parse(line.as_bytes()));
            }
        }
    }
}
