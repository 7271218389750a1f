//! The shape of a text: all of it but its numbers and its hexadecimal words. Texts that say the same of different
//! things have one shape, and differ in a few values.

/// The longest run of digits that is one number.
const DIGITS_MAX: usize = 18;
/// The fewest hexadecimal digits that are a word.
const WORD_DIGITS_MIN: usize = 32;
/// Where a UUID has its hyphens.
const HYPHENS: [usize; 4] = [8, 13, 18, 23];
const UUID_LENGTH: usize = 36;

/// What stands in a gap of a shape.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Slot {
    /// Up to 18 decimal digits.
    Number,
    /// So many bytes as lower-case hexadecimal digits, two each.
    Word(usize),
    /// 16 bytes, written as a UUID with hyphens.
    Uuid,
}

/// What a text has in a slot.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Value {
    Number(u64),
    Word(Vec<u8>),
}

/// What is between the slots of a text, and the slots: always one literal more.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct Shape {
    literals: Vec<String>,
    slots: Vec<Slot>,
}

impl Shape {
    /// Takes a text apart, from left to right: at each place first a UUID is looked for, then a word of as many digits as
    /// there are, then a number.
    pub(crate) fn of(text: &str) -> (Self, Vec<Value>) {
        let mut shape = Self { literals: Vec::new(), slots: Vec::new() };
        let mut values = Vec::new();
        let (mut literal_from, mut at) = (0, 0);
        while at < text.len() {
            let Some((slot, length)) = slot_at(&text.as_bytes()[at..]) else {
                at += 1;
                continue;
            };
            shape.literals.push(text[literal_from..at].to_owned());
            shape.slots.push(slot);
            values.push(value(slot, &text[at..at + length]));
            at += length;
            literal_from = at;
        }
        shape.literals.push(text[literal_from..].to_owned());
        (shape, values)
    }

    pub(crate) fn slots(&self) -> &[Slot] {
        &self.slots
    }

    /// The text with these values; nothing when one does not fit its slot.
    pub(crate) fn filled(&self, values: &[Value]) -> Option<String> {
        if values.len() != self.slots.len() {
            return None;
        }
        let mut text = self.literals.first()?.clone();
        for ((slot, value), literal) in self.slots.iter().zip(values).zip(&self.literals[1..]) {
            match (slot, value) {
                (Slot::Number, Value::Number(number)) => text.push_str(&digits(*number)?),
                (Slot::Word(length), Value::Word(bytes)) if bytes.len() == *length => {
                    text.push_str(&hex::encode(bytes));
                }
                (Slot::Uuid, Value::Word(bytes)) => text.push_str(&hyphenated(bytes)?),
                _ => return None,
            }
            text.push_str(literal);
        }
        Some(text)
    }
}

impl Slot {
    /// How many bytes a word in it has.
    pub(crate) fn word_bytes(self) -> Option<usize> {
        match self {
            Self::Number => None,
            Self::Word(length) => Some(length),
            Self::Uuid => Some(16),
        }
    }
}

fn is_hex(byte: u8) -> bool {
    matches!(byte, b'0'..=b'9' | b'a'..=b'f')
}

/// The slot that begins here, and its length in the text.
fn slot_at(text: &[u8]) -> Option<(Slot, usize)> {
    if !text.first().copied().is_some_and(is_hex) {
        return None;
    }
    if text.get(..UUID_LENGTH).is_some_and(is_uuid) {
        return Some((Slot::Uuid, UUID_LENGTH));
    }
    let word = text.iter().take_while(|byte| is_hex(**byte)).count();
    if word >= WORD_DIGITS_MIN {
        return Some((Slot::Word(word / 2), word / 2 * 2));
    }
    match text.iter().take(DIGITS_MAX).take_while(|byte| byte.is_ascii_digit()).count() {
        0 => None,
        number => Some((Slot::Number, number)),
    }
}

fn is_uuid(text: &[u8]) -> bool {
    text.iter().enumerate().all(|(at, byte)| match HYPHENS.contains(&at) {
        true => *byte == b'-',
        false => is_hex(*byte),
    })
}

fn value(slot: Slot, text: &str) -> Value {
    let word = |text: &str| hex::decode(text).map(Value::Word).unwrap_or(Value::Word(Vec::new()));
    match slot {
        Slot::Number => Value::Number(number(text)),
        Slot::Word(_) => word(text),
        Slot::Uuid => word(&text.replace('-', "")),
    }
}

/// Runs of digits in their order: shorter ones before longer ones, so that `0` is 0, `9` is 9, `00` is 10, `99` is 109
/// and `000` is 110. No two runs share a number.
fn number(digits: &str) -> u64 {
    let mut power = 1;
    let mut shorter = 0;
    for _ in 1..digits.len() {
        power *= 10;
        shorter += power;
    }
    let number = digits.bytes().fold(0, |number, digit| number * 10 + u64::from(digit - b'0'));
    shorter + number
}

fn digits(number: u64) -> Option<String> {
    let (mut rest, mut length, mut power) = (number, 1, 10);
    while rest >= power {
        rest -= power;
        length += 1;
        if length > DIGITS_MAX {
            return None;
        }
        power *= 10;
    }
    Some(format!("{rest:0length$}"))
}

fn hyphenated(bytes: &[u8]) -> Option<String> {
    let bytes: [u8; 16] = bytes.try_into().ok()?;
    let mut text = hex::encode(bytes);
    HYPHENS.into_iter().for_each(|at| text.insert(at, '-'));
    Some(text)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn runs_of_digits_have_numbers_of_their_own() {
        for (run, expected) in [("0", 0), ("9", 9), ("00", 10), ("99", 109), ("000", 110), ("010", 120)] {
            assert_eq!(number(run), expected);
            assert_eq!(digits(expected).as_deref(), Some(run));
        }
        let most = "9".repeat(DIGITS_MAX);
        assert_eq!(digits(number(&most)), Some(most.clone()));
        assert_eq!(digits(number(&most) + 1), None);
        assert_eq!(digits(u64::MAX), None);
    }

    #[test]
    fn a_text_is_taken_apart_where_the_page_says() {
        let slots = |text: &str| Shape::of(text).0.slots;
        assert_eq!(slots("a-12.030"), [Slot::Number; 2]);
        assert_eq!(slots(&"7".repeat(19)), [Slot::Number; 2], "a run of 18 digits, and the rest");
        assert_eq!(slots(&"f".repeat(31)), []);
        assert_eq!(slots(&format!("{}0", "f".repeat(32))), [Slot::Word(16), Slot::Number]);
        assert_eq!(slots(&"f".repeat(64)), [Slot::Word(32)]);
        assert_eq!(slots(&"F".repeat(64)), [], "only lower case");
        assert_eq!(slots("0190b3a4-c5d6-7e8f-9a0b-1c2d3e4f5061"), [Slot::Uuid]);
        assert_eq!(slots("0190b3a4-c5d6-7e8f-9a0b-1c2d3e4f506"), [Slot::Number; 14]);
    }

    proptest! {
        #[test]
        fn any_text_is_its_shape_and_its_values(text in "([0-9a-f]{0,70}|[0-9]{0,40}|-|\\PC{0,9}|[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}){0,9}") {
            let (shape, values) = Shape::of(&text);
            prop_assert_eq!(shape.filled(&values), Some(text));
        }
    }
}
