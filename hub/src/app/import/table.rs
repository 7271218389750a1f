//! A CSV file as rows of named fields.

use std::collections::BTreeMap;
use std::fmt::Display;
use std::str::FromStr;

use outpost_model::rejection::Rejection;

use super::{Report, columns_wrong};

/// A row with its line in the file.
#[derive(Debug, Clone)]
pub(super) struct Row {
    /// Its line; the header is line 1.
    pub line: u64,
    fields: BTreeMap<&'static str, String>,
}

/// Why a field is refused.
#[derive(Debug)]
pub(super) struct Wrong(pub &'static str, pub String);

/// Reads all rows. Fields are trimmed; a byte order mark is skipped; comma and semicolon are understood.
pub(super) fn read(
    file: &[u8],
    columns: &'static [&'static str],
    rows_max: usize,
    report: &mut Report,
) -> Result<Vec<Row>, Rejection> {
    let file = file.strip_prefix(b"\xef\xbb\xbf").unwrap_or(file);
    let header = file.split(|byte| *byte == b'\n').next().unwrap_or_default();
    let delimiter = if header.contains(&b';') && !header.contains(&b',') { b';' } else { b',' };
    let mut reader =
        csv::ReaderBuilder::new().delimiter(delimiter).trim(csv::Trim::All).flexible(true).from_reader(file);
    let found: Vec<String> = match reader.headers() {
        Ok(found) => found.iter().map(str::to_ascii_lowercase).collect(),
        Err(error) => return Err(columns_wrong(format!("The first line cannot be read: {error}."))),
    };
    let mut places = Vec::with_capacity(columns.len());
    for column in columns {
        match found.iter().position(|name| name == column) {
            Some(place) => places.push((*column, place)),
            None => {
                let expected = columns.join(",");
                let sentence = format!("The column {column} is missing. The first line must be {expected}.");
                return Err(columns_wrong(sentence));
            }
        }
    }
    let mut rows = Vec::new();
    for record in reader.records() {
        match record {
            Ok(record) => {
                let line = record.position().map_or(0, csv::Position::line);
                if rows.len() == rows_max {
                    report.refuse(
                        line,
                        "too_many_rows",
                        format!("A file has at most {rows_max} rows; split it."),
                    );
                    break;
                }
                if record.len() != found.len() {
                    let sentence =
                        format!("The row has {} fields, the first line {}.", record.len(), found.len());
                    report.refuse(line, "field_count", sentence);
                    continue;
                }
                let field = |(name, place): &(&'static str, usize)| {
                    (*name, record.get(*place).unwrap_or_default().to_owned())
                };
                rows.push(Row { line, fields: places.iter().map(field).collect() });
            }
            Err(error) => {
                let line = error.position().map_or(0, csv::Position::line);
                report.refuse(line, "unreadable", format!("The row cannot be read: {error}."));
            }
        }
    }
    Ok(rows)
}

impl Row {
    /// A field as it stands.
    pub fn text(&self, name: &str) -> &str {
        self.fields.get(name).map(String::as_str).unwrap_or_default()
    }

    /// A field that must not be empty nor longer than `chars_max`.
    pub fn named(&self, name: &'static str, chars_max: usize) -> Result<String, Wrong> {
        let text = self.text(name);
        let length = text.chars().count();
        if length == 0 || length > chars_max || text.chars().any(char::is_control) {
            let sentence = format!("{name} has {length} characters: allowed are 1 to {chars_max}.");
            return Err(Wrong("text", sentence));
        }
        Ok(text.to_owned())
    }

    /// A field as a value with its own form.
    pub fn parse<T>(&self, name: &'static str, code: &'static str) -> Result<T, Wrong>
    where
        T: FromStr,
        T::Err: Display,
    {
        self.text(name).parse().map_err(|error| Wrong(code, format!("{name}: {error}.")))
    }

    /// A whole number within limits; empty means the first of them.
    pub fn number(&self, name: &'static str, min: u32, max: u32) -> Result<u32, Wrong> {
        let text = self.text(name);
        if text.is_empty() {
            return Ok(min);
        }
        match text.parse() {
            Ok(number) if (min..=max).contains(&number) => Ok(number),
            _ => {
                let found: String = text.chars().take(40).collect();
                Err(Wrong(
                    "number",
                    format!("{name} is {found:?}: allowed are whole numbers from {min} to {max}."),
                ))
            }
        }
    }
}
