//! `~HS` byte by byte.

use heapless::Vec;

use super::AnswerError;
use super::status::{FRAME_FIELDS, HostStatus};

/// The request for the host status.
pub const STATUS_REQUEST: &[u8] = b"~HS\r\n";
/// Bytes between STX and ETX; the longest known frame has 36.
pub const FRAME_MAX: usize = 96;

const STX: u8 = 0x02;
const ETX: u8 = 0x03;
const NAK: u8 = 0x15;

/// Puts the three frames of an answer together from whatever pieces they arrive in.
///
/// Bytes outside of frames are skipped, so an echo or a late end of an earlier answer does no harm. A first frame
/// always begins a new answer. After an error it is ready for the next answer.
#[derive(Debug, Default)]
pub struct StatusReader {
    /// `None` between frames.
    frame: Option<Vec<u8, FRAME_MAX>>,
    frames_seen: u8,
    status: HostStatus,
}

impl StatusReader {
    /// A reader that has seen nothing.
    pub fn new() -> Self {
        Self::default()
    }

    /// Takes one byte; answers when it completed a status or ended the hope of one.
    pub fn push(&mut self, byte: u8) -> Option<Result<HostStatus, AnswerError>> {
        match (byte, self.frame.as_mut()) {
            (STX, _) => self.frame = Some(Vec::new()),
            (ETX, Some(_)) => {
                let content = self.frame.take()?;
                return self.complete(&content);
            }
            (_, Some(content)) => {
                if content.push(byte).is_err() {
                    return Some(self.fail(AnswerError::TooLong));
                }
            }
            (NAK, None) => return Some(self.fail(AnswerError::Refused)),
            (_, None) => {}
        }
        None
    }

    fn complete(&mut self, content: &[u8]) -> Option<Result<HostStatus, AnswerError>> {
        let fields = content.split(|byte| *byte == b',').count();
        if fields == FRAME_FIELDS[0] {
            self.frames_seen = 0;
            self.status = HostStatus::default();
        }
        if FRAME_FIELDS.get(usize::from(self.frames_seen)) != Some(&fields) {
            return Some(self.fail(AnswerError::Unexpected { fields }));
        }
        let frame = self.frames_seen + 1;
        let text = core::str::from_utf8(content).unwrap_or_default();
        if let Err(error) = self.status.read_frame(frame, text) {
            return Some(self.fail(error));
        }
        if usize::from(frame) < FRAME_FIELDS.len() {
            self.frames_seen = frame;
            return None;
        }
        self.frames_seen = 0;
        Some(Ok(self.status))
    }

    fn fail(&mut self, error: AnswerError) -> Result<HostStatus, AnswerError> {
        *self = Self::default();
        Err(error)
    }
}

#[cfg(test)]
mod tests {
    use std::vec::Vec;

    use proptest::prelude::*;

    use super::*;
    use crate::printer::Attention;

    const READY: &[u8] = b"\x02030,0,0,1245,000,0,0,0,000,0,0,0\x03\r\n\
        \x02000,0,0,0,0,2,4,0,00000000,1,000\x03\r\n\x021234,0\x03\r\n";
    const BUSY: &[u8] = b"\x02030,1,1,1218,003,1,0,1,000,0,0,1\x03\r\n\
        \x02001,0,1,1,1,2,6,1,00000017,1,000\x03\r\n\x020000,1\x03\r\n";

    fn read(bytes: &[u8]) -> Vec<Result<HostStatus, AnswerError>> {
        let mut reader = StatusReader::new();
        bytes.iter().filter_map(|byte| reader.push(*byte)).collect()
    }

    #[test]
    fn a_ready_printer_needs_nobody() {
        let expected = HostStatus { label_length_dots: 1245, ..HostStatus::default() };
        assert_eq!(read(READY), [Ok(expected)]);
        assert_eq!(expected.attention(), None);
        assert!(expected.is_idle());
    }

    #[test]
    fn every_flag_is_read_from_its_own_field() {
        let status = HostStatus {
            paper_out: true,
            paused: true,
            label_length_dots: 1218,
            formats_in_buffer: 3,
            buffer_full: true,
            partial_format: true,
            over_temperature: true,
            head_up: true,
            ribbon_out: true,
            thermal_transfer: true,
            label_waiting: true,
            labels_remaining: 17,
            ..HostStatus::default()
        };
        assert_eq!(read(BUSY), [Ok(status)]);
        assert_eq!(status.attention(), Some(Attention::HeadOpen));
        assert!(!status.is_idle());
    }

    #[test]
    fn a_direct_thermal_printer_lacks_no_ribbon() {
        let status = HostStatus { ribbon_out: true, ..HostStatus::default() };
        assert_eq!(status.attention(), None);
    }

    #[test]
    fn line_ends_are_a_matter_of_taste() {
        let bare: Vec<u8> = READY.iter().copied().filter(|byte| !b"\r\n".contains(byte)).collect();
        assert_eq!(read(&bare), read(READY));
        let padded: Vec<u8> = READY
            .iter()
            .flat_map(|byte| if *byte == 2 { b"\r\n\x02".to_vec() } else { std::vec![*byte] })
            .collect();
        assert_eq!(read(&padded), read(READY));
    }

    #[test]
    fn noise_between_answers_is_skipped_and_a_cut_answer_begins_anew() {
        let mut bytes = b"HS\x03,,, ~HS ".to_vec();
        bytes.extend_from_slice(&READY[..50]);
        bytes.extend_from_slice(BUSY);
        let answers = read(&bytes);
        assert_eq!(answers.len(), 1);
        assert!(answers[0].unwrap().paper_out);
    }

    #[test]
    fn a_refusal_is_told() {
        assert_eq!(read(b"\x15"), [Err(AnswerError::Refused)]);
        let mut after = b"\x15".to_vec();
        after.extend_from_slice(READY);
        assert!(read(&after)[1].is_ok());
    }

    #[test]
    fn frames_out_of_turn_or_with_other_fields_are_told() {
        assert_eq!(read(b"\x021234,0\x03"), [Err(AnswerError::Unexpected { fields: 2 })]);
        assert_eq!(read(b"\x0212\x03"), [Err(AnswerError::Unexpected { fields: 1 })]);
        let flag = b"\x02030,7,0,1245,000,0,0,0,000,0,0,0\x03";
        assert_eq!(read(flag), [Err(AnswerError::Field { frame: 1, field: 2 })]);
    }

    #[test]
    fn the_longest_frame_is_read_and_one_byte_more_is_not() {
        let mut reader = StatusReader::new();
        assert_eq!(reader.push(STX), None);
        for _ in 0..FRAME_MAX {
            assert_eq!(reader.push(b'0'), None);
        }
        assert_eq!(reader.push(b'0'), Some(Err(AnswerError::TooLong)));
    }

    proptest! {
        #[test]
        fn no_bytes_break_it_and_an_answer_after_them_is_read(noise in any::<Vec<u8>>()) {
            let mut bytes = noise;
            bytes.extend_from_slice(READY);
            prop_assert!(matches!(read(&bytes).last(), Some(Ok(status)) if status.label_length_dots == 1245));
        }
    }
}
