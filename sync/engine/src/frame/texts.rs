//! The texts of a frame: said in full, or like one that was.

use std::collections::HashMap;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::columns::Unreadable;
use super::examples::{Example, Examples};
use super::ids::terminated;
use super::shape::{Shape, Slot, Value};
use crate::bytes::DocumentId;
use crate::leb::{Reader, write_signed, write_unsigned};

/// How a word is said: as in the text before, as the document's name has it, or byte by byte.
mod word {
    pub const SAME: u64 = 0;
    pub const OF_DOCUMENT: u64 = 1;
    pub const SAID: u64 = 2;
}

/// A text can be like one of the first so many examples.
const LIKE_MAX: usize = u8::MAX as usize;

#[derive(Debug, Default, Serialize, Deserialize)]
pub(super) struct TextColumns {
    /// Texts in full, each closed by a zero byte.
    #[serde(rename = "f", default, skip_serializing_if = "Vec::is_empty", with = "serde_bytes")]
    full: Vec<u8>,
    /// For every entry 0 when its text is in full, else which example it is like, from 1. Absent when all are in full.
    #[serde(rename = "y", default, skip_serializing_if = "Vec::is_empty", with = "serde_bytes")]
    like: Vec<u8>,
    /// The numbers of examples of earlier frames. The examples are these and then the texts in full.
    #[serde(rename = "t", default, skip_serializing_if = "Vec::is_empty")]
    earlier: Vec<u64>,
    /// The number that the first text in full is to be remembered by; the others follow.
    #[serde(rename = "m", default, skip_serializing_if = "Option::is_none")]
    first: Option<u64>,
    /// The values of texts like others: example by example, slot by slot, text by text.
    #[serde(rename = "v", default, skip_serializing_if = "Vec::is_empty", with = "serde_bytes")]
    values: Vec<u8>,
}

/// A text on its way into columns.
struct Telling {
    shape: Shape,
    values: Vec<Value>,
}

impl TextColumns {
    pub(super) fn is_empty(&self) -> bool {
        self.full.is_empty() && self.like.is_empty()
    }

    /// Whether it is told by examples of earlier frames.
    pub(super) fn leans(&self) -> bool {
        !self.earlier.is_empty()
    }

    /// Writes texts, each of a document. Words that must be said go to `words`; the examples to remember come back.
    pub(super) fn of(
        texts: &[(&DocumentId, &str)],
        known: &Examples,
        words: &mut Vec<u8>,
    ) -> (Self, Numbered) {
        let mut columns = Self::default();
        let told: Vec<Telling> = texts.iter().map(|(_, text)| Telling::of(text)).collect();
        let mut examples: Vec<(Arc<Example>, Vec<usize>)> = Vec::new();
        let mut places: HashMap<&Shape, usize> = HashMap::new();
        for telling in &told {
            if !places.contains_key(&telling.shape)
                && let Some((number, example)) = known.like(&telling.shape)
            {
                places.insert(&telling.shape, examples.len());
                columns.earlier.push(number);
                examples.push((example, Vec::new()));
            }
        }
        let first = known.next_number();
        let mut learned = Vec::new();
        for (k, (telling, (_, text))) in told.iter().zip(texts).enumerate() {
            if let Some(place) = places.get(&telling.shape) {
                columns.like.push(*place as u8 + 1);
                examples[*place].1.push(k);
                continue;
            }
            columns.like.push(0);
            columns.full.extend_from_slice(text.as_bytes());
            columns.full.push(0);
            if examples.len() < LIKE_MAX {
                let example = Arc::new(Example::of(text));
                learned.push((first + learned.len() as u64, example.clone()));
                places.insert(&telling.shape, examples.len());
                examples.push((example, Vec::new()));
            }
        }
        columns.first = (!learned.is_empty()).then_some(first);
        if columns.like.iter().all(|like| *like == 0) {
            columns.like.clear();
        }
        for (example, alike) in &examples {
            for at in 0..example.shape.slots().len() {
                let mut before = &example.values[at];
                for k in alike {
                    let value = &told[*k].values[at];
                    columns.say(value, before, texts[*k].0, words);
                    before = value;
                }
            }
        }
        (columns, learned)
    }

    fn say(&mut self, value: &Value, before: &Value, doc: &DocumentId, words: &mut Vec<u8>) {
        match (value, before) {
            (Value::Number(number), Value::Number(before)) => {
                write_signed(&mut self.values, *number as i64 - *before as i64);
            }
            (value, before) if value == before => write_unsigned(&mut self.values, word::SAME),
            (Value::Word(bytes), _) if own_word(doc).as_ref() == Some(bytes) => {
                write_unsigned(&mut self.values, word::OF_DOCUMENT);
            }
            (Value::Word(bytes), _) => {
                write_unsigned(&mut self.values, word::SAID);
                words.extend_from_slice(bytes);
            }
            (Value::Number(_), Value::Word(_)) => unreachable!("texts of one shape have like values"),
        }
    }

    /// Reads the texts of entries of these documents; together they have at most `max` bytes. Examples to remember come
    /// back with them.
    pub(super) fn read(
        &self,
        docs: &[&DocumentId],
        words: &[u8],
        known: &Examples,
        max: usize,
    ) -> Result<(Vec<String>, Numbered), Unreadable> {
        let count = docs.len();
        let like = if self.like.is_empty() { vec![0; count] } else { self.like.clone() };
        let full = like.iter().filter(|like| **like == 0).count();
        let full = (like.len() == count).then(|| terminated(&self.full, full)).flatten();
        let full = full.ok_or(Unreadable::Malformed("its texts are not as many as its entries"))?;
        let (examples, learned) = self.examples(&full, known)?;
        let mut texts: Vec<Option<String>> = vec![None; count];
        let mut alike = vec![Vec::new(); examples.len()];
        let mut room = max;
        let mut in_full = full.iter();
        for (k, like) in like.iter().enumerate() {
            match usize::from(*like).checked_sub(1) {
                None => {
                    texts[k] = in_full.next().map(|full| (*full).to_owned());
                    room = left(room, texts[k].as_deref())?;
                }
                Some(place) => {
                    let malformed = Unreadable::Malformed("a text is like an example that is not there");
                    alike.get_mut(place).ok_or(malformed)?.push(k);
                }
            }
        }
        let mut values = Values { deltas: Reader::new(&self.values), words };
        for (example, alike) in examples.iter().zip(&alike) {
            for (k, row) in alike.iter().zip(values.rows(example, alike, docs)?) {
                texts[*k] = example.shape.filled(&row);
                room = left(room, texts[*k].as_deref())?;
            }
        }
        let texts: Option<Vec<String>> = texts.into_iter().collect();
        let texts = texts.ok_or(Unreadable::Malformed("its texts are not as many as its entries"))?;
        if !values.deltas.is_empty() || !values.words.is_empty() {
            return Err(Unreadable::Malformed("it has more values than its texts need"));
        }
        Ok((texts, learned))
    }

    /// The texts that others can be like, and those of them that are to be remembered.
    fn examples(&self, full: &[&str], known: &Examples) -> Result<(Vec<Arc<Example>>, Numbered), Unreadable> {
        if self.earlier.len() > LIKE_MAX {
            return Err(Unreadable::Malformed("it refers to more examples than texts can be like"));
        }
        let earlier = self.earlier.iter().map(|number| known.get(*number).ok_or(Unreadable::Reference));
        let mut examples = earlier.collect::<Result<Vec<_>, _>>()?;
        let mut learned = Vec::new();
        for (k, text) in full.iter().take(LIKE_MAX - examples.len()).enumerate() {
            let example = Arc::new(Example::of(text));
            if let Some(first) = self.first {
                let number = first.checked_add(k as u64);
                learned.push((
                    number.ok_or(Unreadable::Malformed("an example has no number"))?,
                    example.clone(),
                ));
            }
            examples.push(example);
        }
        Ok((examples, learned))
    }
}

/// Examples, each with the number it is remembered by.
pub(super) type Numbered = Vec<(u64, Arc<Example>)>;

impl Telling {
    fn of(text: &str) -> Self {
        let (shape, values) = Shape::of(text);
        Self { shape, values }
    }
}

/// A few bytes can stand for long texts: what they unpack to is counted.
fn left(room: usize, text: Option<&str>) -> Result<usize, Unreadable> {
    let text = text.ok_or(Unreadable::Malformed("a value of a text does not fit"))?;
    room.checked_sub(text.len()).ok_or(Unreadable::Malformed("its texts are longer than is allowed"))
}

/// The first 16 bytes of hexadecimal digits in a document's name.
fn own_word(doc: &DocumentId) -> Option<Vec<u8>> {
    let (_, values) = Shape::of(doc.as_str());
    values.into_iter().find_map(|value| match value {
        Value::Word(bytes) if bytes.len() == 16 => Some(bytes),
        _ => None,
    })
}

struct Values<'a> {
    deltas: Reader<'a>,
    words: &'a [u8],
}

impl Values<'_> {
    /// The values of texts that are like an example, text by text.
    fn rows(
        &mut self,
        example: &Example,
        alike: &[usize],
        docs: &[&DocumentId],
    ) -> Result<Vec<Vec<Value>>, Unreadable> {
        let mut rows = vec![Vec::new(); alike.len()];
        for (slot, before) in example.shape.slots().iter().zip(&example.values) {
            let mut before = before.clone();
            for (row, k) in rows.iter_mut().zip(alike) {
                let value = self.next(*slot, &before, docs[*k]);
                before = value.ok_or(Unreadable::Malformed("a value of a text does not fit"))?;
                row.push(before.clone());
            }
        }
        Ok(rows)
    }

    fn next(&mut self, slot: Slot, before: &Value, doc: &DocumentId) -> Option<Value> {
        let Some(length) = slot.word_bytes() else {
            let Value::Number(before) = before else { return None };
            let number = i64::try_from(*before).ok()?.checked_add(self.deltas.signed()?)?;
            return u64::try_from(number).ok().map(Value::Number);
        };
        match self.deltas.unsigned()? {
            word::SAME => Some(before.clone()),
            word::OF_DOCUMENT => own_word(doc).filter(|bytes| bytes.len() == length).map(Value::Word),
            word::SAID => {
                let (said, rest) = self.words.split_at_checked(length)?;
                self.words = rest;
                Some(Value::Word(said.to_vec()))
            }
            _ => None,
        }
    }
}
