//! Printer variables (SGD) that are counts.

use heapless::Vec;

use super::AnswerError;

/// The request for the number of labels a Link-OS printer has printed in its life.
pub const ODOMETER_REQUEST: &[u8] = b"! U1 getvar \"odometer.total_label_count\"\r\n";
/// Bytes between the quotes of an answer.
pub const VALUE_MAX: usize = 32;

/// Reads a count in quotes, such as `"2145"`, from whatever pieces it arrives in. A printer that does not know the
/// variable answers `"?"`.
#[derive(Debug, Default)]
pub struct ValueReader {
    /// `None` outside of quotes.
    value: Option<Vec<u8, VALUE_MAX>>,
}

impl ValueReader {
    /// A reader that has seen nothing.
    pub fn new() -> Self {
        Self::default()
    }

    /// Takes one byte; answers when it completed a value or ended the hope of one.
    pub fn push(&mut self, byte: u8) -> Option<Result<u64, AnswerError>> {
        let Some(value) = self.value.as_mut() else {
            if byte == b'"' {
                self.value = Some(Vec::new());
            }
            return None;
        };
        if byte != b'"' {
            if value.push(byte).is_ok() {
                return None;
            }
            self.value = None;
            return Some(Err(AnswerError::TooLong));
        }
        let value = self.value.take()?;
        let digits = core::str::from_utf8(&value).unwrap_or_default().trim();
        // `parse` would take a plus sign.
        let count = digits.bytes().all(|digit| digit.is_ascii_digit()).then(|| digits.parse().ok()).flatten();
        Some(count.ok_or(AnswerError::NotANumber))
    }
}

#[cfg(test)]
mod tests {
    use std::vec::Vec;

    use super::*;

    fn read(bytes: &[u8]) -> Vec<Result<u64, AnswerError>> {
        let mut reader = ValueReader::new();
        bytes.iter().filter_map(|byte| reader.push(*byte)).collect()
    }

    #[test]
    fn counts_are_read_between_quotes() {
        assert_eq!(read(b"\"2145\""), [Ok(2145)]);
        assert_eq!(read(b"\r\n\"0\"\r\n\" 18446744073709551615 \""), [Ok(0), Ok(u64::MAX)]);
        assert_eq!(read(b"2145"), []);
    }

    #[test]
    fn what_is_no_count_is_told() {
        for answer in [&b"\"?\""[..], b"\"\"", b"\"+5\"", b"\"-5\"", b"\"18446744073709551616\"", b"\"\xFF\""]
        {
            assert_eq!(read(answer), [Err(AnswerError::NotANumber)], "{answer:?}");
        }
    }

    #[test]
    fn a_value_without_end_is_given_up() {
        let mut bytes = b"\"".to_vec();
        bytes.extend([b'1'; VALUE_MAX]);
        assert_eq!(read(&bytes), []);
        bytes.push(b'1');
        assert_eq!(read(&bytes), [Err(AnswerError::TooLong)]);
    }
}
