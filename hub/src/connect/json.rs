//! JSON as channels send it: every number keeps the digits it came with, every value knows where it stood.
//!
//! serde_json turns numbers beyond 64 bits and all decimals into floating point unless a feature is switched on that
//! changes tagged enums in the whole program. Reading raw values level by level keeps the digits and that feature off.

use std::borrow::Cow;
use std::collections::BTreeMap;

use rust_decimal::Decimal;
use serde_json::value::RawValue;

use super::{PAYLOAD_BYTES_MAX, Unreadable};

/// Levels of nesting that are read.
pub const DEPTH_MAX: usize = 24;

/// A JSON value whose numbers are still text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Json {
    /// `null`
    Null,
    /// `true` or `false`
    Bool(bool),
    /// A number, digit by digit.
    Number(String),
    /// A string.
    Text(String),
    /// An array.
    List(Vec<Json>),
    /// An object; of a repeated key the last value counts.
    Object(BTreeMap<String, Json>),
}

impl Json {
    /// Reads a whole payload.
    pub fn read(body: &[u8]) -> Result<Self, Unreadable> {
        if body.len() > PAYLOAD_BYTES_MAX {
            return Err(Unreadable::new(
                "payload_too_large",
                "$",
                format!("The payload has {} bytes; allowed are {PAYLOAD_BYTES_MAX}.", body.len()),
            ));
        }
        // Some senders put a byte order mark in front.
        let body = body.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(body);
        let text = std::str::from_utf8(body).map_err(|error| {
            let at = error.valid_up_to();
            Unreadable::new("not_utf8", "$", format!("The payload is not UTF-8 from byte {at} on."))
        })?;
        // The reader's own message may quote the payload, so only its position is passed on.
        let raw: &RawValue = serde_json::from_str(text).map_err(|error| {
            let (line, column) = (error.line(), error.column());
            let sentence = format!("The payload is not JSON: line {line}, column {column} cannot be read.");
            Unreadable::new("not_json", "$", sentence)
        })?;
        Self::level(raw, DEPTH_MAX)
    }

    fn level(raw: &RawValue, left: usize) -> Result<Self, Unreadable> {
        let text = raw.get();
        let not_json =
            |_| Unreadable::new("not_json", "$", "The payload is not JSON: a value cannot be read.");
        Ok(match text.as_bytes().first() {
            Some(b'{' | b'[') if left == 0 => {
                let sentence = format!("The payload is nested more than {DEPTH_MAX} levels deep.");
                return Err(Unreadable::new("too_deep", "$", sentence));
            }
            Some(b'{') => {
                let entries: BTreeMap<String, &RawValue> = serde_json::from_str(text).map_err(not_json)?;
                let read = |(key, raw)| Ok((key, Self::level(raw, left - 1)?));
                Self::Object(entries.into_iter().map(read).collect::<Result<_, Unreadable>>()?)
            }
            Some(b'[') => {
                let items: Vec<&RawValue> = serde_json::from_str(text).map_err(not_json)?;
                Self::List(items.into_iter().map(|raw| Self::level(raw, left - 1)).collect::<Result<_, _>>()?)
            }
            Some(b'"') => Self::Text(serde_json::from_str(text).map_err(not_json)?),
            Some(b't') => Self::Bool(true),
            Some(b'f') => Self::Bool(false),
            Some(b'n') => Self::Null,
            _ => Self::Number(text.to_owned()),
        })
    }
}

/// A value, or the lack of one, at a place of a payload.
#[derive(Debug, Clone)]
pub struct Node<'a> {
    json: &'a Json,
    path: String,
}

impl<'a> Node<'a> {
    /// The whole payload.
    pub fn root(json: &'a Json) -> Self {
        Self { json, path: "$".to_owned() }
    }

    /// Where it stands, such as `$.line_items[0].price`.
    pub fn path(&self) -> &str {
        &self.path
    }

    /// The value itself.
    pub fn json(&self) -> &'a Json {
        self.json
    }

    /// The value under a key; null where there is no such key or no object.
    pub fn get(&self, key: &str) -> Self {
        let json = match self.json {
            Json::Object(entries) => entries.get(key).unwrap_or(&Json::Null),
            _ => &Json::Null,
        };
        Self { json, path: format!("{}.{key}", self.path) }
    }

    /// The first of some keys under which there is a value.
    pub fn first(&self, keys: &[&str]) -> Self {
        let mut nodes = keys.iter().map(|key| self.get(key));
        nodes.find(|node| !node.is_empty()).unwrap_or_else(|| self.get(keys.first().copied().unwrap_or("")))
    }

    /// The items of an array, or the one value that stands where an array should; none for null.
    pub fn items(&self) -> Vec<Self> {
        match self.json {
            Json::Null => Vec::new(),
            Json::List(items) => items
                .iter()
                .enumerate()
                .map(|(index, json)| Self { json, path: format!("{}[{index}]", self.path) })
                .collect(),
            _ => vec![self.clone()],
        }
    }

    /// Key and value of everything in an object.
    pub fn entries(&self) -> Vec<(&'a str, Self)> {
        match self.json {
            Json::Object(entries) => entries.keys().map(|key| (key.as_str(), self.get(key))).collect(),
            _ => Vec::new(),
        }
    }

    /// Whether there is nothing: null, or a text without a visible character.
    pub fn is_empty(&self) -> bool {
        match self.json {
            Json::Null => true,
            Json::Text(text) => text.trim().is_empty(),
            _ => false,
        }
    }

    /// A text, or a number as it was written; nothing for anything else and for blank texts.
    pub fn text(&self) -> Option<&'a str> {
        match self.json {
            Json::Text(text) => Some(text.trim()).filter(|text| !text.is_empty()),
            Json::Number(digits) => Some(digits),
            _ => None,
        }
    }

    /// Yes or no, also as a text or a number.
    pub fn flag(&self) -> Option<bool> {
        match self.json {
            Json::Bool(flag) => Some(*flag),
            _ => match self.text()?.to_ascii_lowercase().as_str() {
                "true" | "1" | "yes" => Some(true),
                "false" | "0" | "no" => Some(false),
                _ => None,
            },
        }
    }

    /// A decimal number, also as a text; nothing where there is none.
    pub fn decimal(&self) -> Option<Decimal> {
        let text = self.text()?;
        text.parse().or_else(|_| Decimal::from_scientific(text)).ok()
    }

    /// An identifier: digits of any length, as a number or a text, also at the end of a `gid://…`.
    pub fn id(&self) -> Option<Cow<'a, str>> {
        let text = self.text()?;
        let text = match text.strip_prefix("gid://") {
            Some(gid) => gid.rsplit('/').next()?.split('?').next()?,
            None => text,
        };
        let digits =
            |text: &str| !text.is_empty() && text.len() <= 40 && text.bytes().all(|b| b.is_ascii_digit());
        if digits(text) {
            return Some(Cow::Borrowed(text));
        }
        // A spreadsheet or script on the way has written 1.073459976E9 or 1073459976.0.
        let number = self.decimal().filter(|number| number.is_integer() && !number.is_sign_negative())?;
        Some(Cow::Owned(number.normalize().to_string()))
    }

    /// A whole number, also as a text or with zeros after the point; an error says what stands there instead.
    pub fn whole(&self) -> Result<Option<u64>, Unreadable> {
        if self.is_empty() {
            return Ok(None);
        }
        let whole = self.decimal().filter(Decimal::is_integer).and_then(|number| u64::try_from(number).ok());
        whole.map(Some).ok_or_else(|| {
            let sentence =
                format!("{} is not a quantity: allowed are whole numbers from 0.", self.describe());
            Unreadable::new("quantity_unreadable", self.path.clone(), sentence)
        })
    }

    /// What stands here, short and without content of objects, for a sentence.
    pub fn describe(&self) -> String {
        match self.json {
            Json::Null => "null".to_owned(),
            Json::Bool(flag) => flag.to_string(),
            Json::Number(digits) => super::text::clean(digits, 40),
            Json::Text(text) => super::text::found(text),
            Json::List(_) => "a list".to_owned(),
            Json::Object(_) => "an object".to_owned(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_keep_their_digits() {
        let json =
            Json::read(br#"{"id":123456789012345678901234567890,"price":0.10,"big":820982911946154508}"#);
        let json = json.unwrap();
        let root = Node::root(&json);
        assert_eq!(root.get("id").id().as_deref(), Some("123456789012345678901234567890"));
        assert_eq!(root.get("big").id().as_deref(), Some("820982911946154508"));
        assert_eq!(root.get("price").text(), Some("0.10"));
    }

    #[test]
    fn an_id_has_many_spellings() {
        for (written, read) in [
            ("7", Some("7")),
            ("\"820982911946154508\"", Some("820982911946154508")),
            ("\"gid://shopify/Order/820982911946154508?x=1\"", Some("820982911946154508")),
            ("1.073459976E9", Some("1073459976")),
            ("1073459976.0", Some("1073459976")),
            ("-7", None),
            ("1.5", None),
            ("\"\"", None),
            ("null", None),
            ("[]", None),
        ] {
            let json = Json::read(written.as_bytes()).unwrap();
            assert_eq!(Node::root(&json).id().as_deref(), read, "{written}");
        }
    }

    #[test]
    fn nesting_is_read_to_its_limit_and_not_beyond() {
        let nested = |levels: usize| format!("{}{}", "[".repeat(levels), "]".repeat(levels));
        assert!(Json::read(nested(DEPTH_MAX).as_bytes()).is_ok());
        assert_eq!(Json::read(nested(DEPTH_MAX + 1).as_bytes()).unwrap_err().code, "too_deep");
        assert_eq!(Json::read(nested(400_000).as_bytes()).unwrap_err().code, "too_deep");
    }

    #[test]
    fn what_is_no_json_is_told_by_its_place_and_not_quoted() {
        assert_eq!(Json::read(b"").unwrap_err().code, "not_json");
        assert_eq!(Json::read(b"{\"a\":1}x").unwrap_err().code, "not_json");
        assert_eq!(Json::read(b"\"\xff\"").unwrap_err().code, "not_utf8");
        assert!(Json::read(b"\xEF\xBB\xBF{}").is_ok());
        let error = Json::read(b"{\"name\": \"Anna Secret\", oops}").unwrap_err();
        assert!(!error.sentence.contains("Anna"), "{}", error.sentence);
        let large = vec![b' '; PAYLOAD_BYTES_MAX + 1];
        assert_eq!(Json::read(&large).unwrap_err().code, "payload_too_large");
    }

    #[test]
    fn whole_numbers_at_their_edges() {
        for (written, read) in [("3", Some(3)), ("\"3\"", Some(3)), ("3.0", Some(3)), ("null", None)] {
            let json = Json::read(written.as_bytes()).unwrap();
            assert_eq!(Node::root(&json).whole().unwrap(), read, "{written}");
        }
        for written in ["-1", "1.5", "\"many\"", "[]", "1e400"] {
            let json = Json::read(written.as_bytes()).unwrap();
            assert_eq!(Node::root(&json).whole().unwrap_err().code, "quantity_unreadable", "{written}");
        }
    }
}
