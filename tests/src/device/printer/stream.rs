//! What a host sends: labels, questions, and whatever stands between them.

/// A label larger than this is no label.
pub(super) const FORMAT_MAX: usize = 1024 * 1024;

/// Length of `^XA` and its like.
const COMMAND: usize = 3;
/// Longest name of a variable with its quotes and line end.
const VARIABLE_MAX: usize = 256;
const GET_VARIABLE: &[u8] = b"! U1 getvar ";

/// One thing a host sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Received {
    /// A label, from `^XA` to `^XZ`.
    Format(Vec<u8>),
    /// `~HS`, which acts at once even in the middle of a label.
    HostStatus,
    /// `~JA`: forget everything in the buffer.
    CancelAll,
    /// The name of a variable.
    GetVariable(String),
    /// More than any label has; the connection is of no use any more.
    Overrun,
}

/// Bytes as they come, in whatever pieces.
#[derive(Default)]
pub(super) struct Stream {
    bytes: Vec<u8>,
    /// No command begins before this place that was not dealt with.
    scanned: usize,
    in_format: bool,
}

/// What stands at a place of the stream.
enum Here {
    Begin,
    End,
    Immediate(Received),
    /// A question for a variable, and the length of its line.
    Variable(String, usize),
    Data,
    /// More bytes are needed to tell.
    Unclear,
}

fn look(bytes: &[u8], in_format: bool) -> Here {
    match bytes {
        [b'^' | b'~'] | [b'^' | b'~', _] => Here::Unclear,
        [b'^', b'X', b'A', ..] if !in_format => Here::Begin,
        [b'^', b'X', b'Z', ..] if in_format => Here::End,
        [b'~', b'H', b'S', ..] => Here::Immediate(Received::HostStatus),
        [b'~', b'J', b'A', ..] => Here::Immediate(Received::CancelAll),
        [b'!', ..] if !in_format => look_for_variable(bytes),
        _ => Here::Data,
    }
}

fn look_for_variable(bytes: &[u8]) -> Here {
    let Some(rest) = bytes.strip_prefix(GET_VARIABLE) else {
        return if GET_VARIABLE.starts_with(bytes) { Here::Unclear } else { Here::Data };
    };
    match rest.iter().take(VARIABLE_MAX).position(|byte| *byte == b'\n') {
        Some(length) => {
            let name = String::from_utf8_lossy(&rest[..length]).trim().trim_matches('"').to_owned();
            Here::Variable(name, GET_VARIABLE.len() + length + 1)
        }
        None if rest.len() < VARIABLE_MAX => Here::Unclear,
        None => Here::Data,
    }
}

impl Stream {
    pub fn push(&mut self, bytes: &[u8]) {
        self.bytes.extend_from_slice(bytes);
    }

    /// Whether a label has begun and not ended.
    pub fn is_partial(&self) -> bool {
        self.in_format
    }

    /// The next complete thing.
    pub fn next(&mut self) -> Option<Received> {
        while self.scanned < self.bytes.len() {
            match look(&self.bytes[self.scanned..], self.in_format) {
                Here::Data => self.scanned += 1,
                Here::Begin => {
                    self.bytes.drain(..self.scanned);
                    (self.in_format, self.scanned) = (true, COMMAND);
                }
                Here::End => {
                    let format = self.bytes.drain(..self.scanned + COMMAND).collect();
                    (self.in_format, self.scanned) = (false, 0);
                    return Some(Received::Format(format));
                }
                Here::Immediate(meaning) => {
                    self.bytes.drain(self.scanned..self.scanned + COMMAND);
                    return Some(meaning);
                }
                Here::Variable(name, length) => {
                    self.bytes.drain(..self.scanned + length);
                    self.scanned = 0;
                    return Some(Received::GetVariable(name));
                }
                Here::Unclear => break,
            }
        }
        if !self.in_format {
            self.bytes.drain(..self.scanned);
            self.scanned = 0;
        }
        (self.bytes.len() > FORMAT_MAX).then_some(Received::Overrun)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read_in_pieces(bytes: &[u8], piece: usize) -> Vec<Received> {
        let mut stream = Stream::default();
        let mut received = Vec::new();
        for piece in bytes.chunks(piece) {
            stream.push(piece);
            received.extend(std::iter::from_fn(|| stream.next()));
        }
        received
    }

    #[test]
    fn labels_and_questions_are_told_apart_in_pieces_of_any_size() {
        let bytes = b"noise\r\n^XA^FDone^FS^XZ\r\n~HS\r\n! U1 getvar \"odometer.total_label_count\"\r\n^XA^FDtwo^FS^XZ~JA";
        for piece in 1..=bytes.len() {
            assert_eq!(
                read_in_pieces(bytes, piece),
                [
                    Received::Format(b"^XA^FDone^FS^XZ".to_vec()),
                    Received::HostStatus,
                    Received::GetVariable("odometer.total_label_count".to_owned()),
                    Received::Format(b"^XA^FDtwo^FS^XZ".to_vec()),
                    Received::CancelAll,
                ]
            );
        }
    }

    #[test]
    fn a_question_in_the_middle_of_a_label_is_answered_at_once() {
        let mut stream = Stream::default();
        stream.push(b"^XA^FDon");
        assert_eq!(stream.next(), None);
        assert!(stream.is_partial());
        stream.push(b"~HS");
        assert_eq!(stream.next(), Some(Received::HostStatus));
        stream.push(b"e^FS^XZ");
        assert_eq!(stream.next(), Some(Received::Format(b"^XA^FDone^FS^XZ".to_vec())));
        assert!(!stream.is_partial());
    }

    #[test]
    fn a_label_without_end_is_given_up_at_the_limit() {
        let mut stream = Stream::default();
        stream.push(b"^XA");
        stream.push(&vec![b'x'; FORMAT_MAX - COMMAND]);
        assert_eq!(stream.next(), None);
        stream.push(b"x");
        assert_eq!(stream.next(), Some(Received::Overrun));
    }
}
