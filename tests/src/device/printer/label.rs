//! A printed label, and what a person or a scanner would find on it.

use std::time::Duration;

use sha2::{Digest, Sha256};

/// A kind of barcode on a label.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BarcodeKind {
    /// Code 128.
    Code128,
    /// Code 128 with GS1 data.
    Gs1128,
    /// QR code.
    Qr,
    /// DataMatrix.
    DataMatrix,
    /// Any other.
    Other,
}

/// A field of a label: text, or what is in a barcode.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Field {
    /// What kind of barcode; `None` for text.
    pub barcode: Option<BarcodeKind>,
    /// Its data, decoded.
    pub data: String,
}

/// A label that came out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PrintedLabel {
    /// What the odometer showed before it.
    pub number: u64,
    /// The connection it came over, counted from 1.
    pub connection: u64,
    /// When it came out, since the printer was switched on.
    pub after: Duration,
    /// How many copies of it came out in a row (`^PQ`).
    pub quantity: u32,
    /// The bytes, from `^XA` to `^XZ`.
    pub bytes: Vec<u8>,
    /// SHA-256 of the bytes, in hexadecimal.
    pub sha256: String,
    /// What stands on it, in order.
    pub fields: Vec<Field>,
}

impl PrintedLabel {
    pub(super) fn of(bytes: Vec<u8>, number: u64, connection: u64, after: Duration) -> Self {
        let (fields, quantity) = read_fields(&String::from_utf8_lossy(&bytes));
        let sha256 = hex::encode(Sha256::digest(&bytes));
        Self { number, connection, after, quantity, bytes, sha256, fields }
    }

    /// The SSCC on it, 18 digits.
    pub fn sscc(&self) -> Option<&str> {
        self.fields
            .iter()
            .filter(|field| field.barcode == Some(BarcodeKind::Gs1128))
            .find_map(|field| field.data.strip_prefix("(00)").or_else(|| field.data.strip_prefix("00")))
    }

    /// The carrier's number on it: the first plain Code 128.
    pub fn tracking(&self) -> Option<&str> {
        let field = self.fields.iter().find(|field| field.barcode == Some(BarcodeKind::Code128))?;
        Some(&field.data)
    }

    /// The texts on it, in order.
    pub fn texts(&self) -> impl Iterator<Item = &str> {
        self.fields.iter().filter(|field| field.barcode.is_none()).map(|field| field.data.as_str())
    }

    /// Which copy it says that it is; 1 for an original.
    pub fn copy(&self) -> u32 {
        self.texts().find_map(|text| text.strip_prefix("COPY ")?.parse().ok()).unwrap_or(1)
    }

    /// What must come out once only: its number and which copy it is, or its bytes when it has no number.
    pub fn identity(&self) -> String {
        match self.sscc().or(self.tracking()) {
            Some(number) => format!("{number} copy {}", self.copy()),
            None => self.sha256.clone(),
        }
    }
}

/// The fields of a label, and how many copies it wants.
fn read_fields(zpl: &str) -> (Vec<Field>, u32) {
    let mut fields = Vec::new();
    let mut quantity = 1;
    let mut barcode = None;
    let mut indicator = None;
    let mut data: Option<String> = None;
    for command in zpl.split('^').skip(1) {
        let Some((name, rest)) = command.split_at_checked(2) else { continue };
        match name {
            "FH" => indicator = Some(rest.trim_end().bytes().next().unwrap_or(b'_')),
            "FD" | "FV" => data = Some(decode(rest, indicator)),
            "PQ" => quantity = first_number(rest).unwrap_or(1),
            "BY" => {}
            "FS" => {
                if let Some(data) = data.take() {
                    fields.push(Field { barcode, data: bare(barcode, &data) });
                }
                (barcode, indicator) = (None, None);
            }
            _ if name.starts_with('B') => barcode = Some(kind(name, rest)),
            _ => {}
        }
    }
    (fields, quantity)
}

fn first_number(parameters: &str) -> Option<u32> {
    parameters.split(',').next()?.trim().parse().ok()
}

fn kind(name: &str, parameters: &str) -> BarcodeKind {
    let mode = parameters.split(',').nth(5).unwrap_or_default().trim();
    match name {
        "BC" if mode == "D" || mode == "U" => BarcodeKind::Gs1128,
        "BC" => BarcodeKind::Code128,
        "BQ" => BarcodeKind::Qr,
        "BX" => BarcodeKind::DataMatrix,
        _ => BarcodeKind::Other,
    }
}

/// Field data with its hexadecimal bytes in their place.
fn decode(data: &str, indicator: Option<u8>) -> String {
    let Some(indicator) = indicator else { return data.to_owned() };
    let mut bytes = Vec::with_capacity(data.len());
    let mut rest = data.as_bytes();
    while let [first, tail @ ..] = rest {
        let hexadecimal = tail.get(..2).filter(|_| *first == indicator);
        let byte = hexadecimal
            .and_then(|digits| std::str::from_utf8(digits).ok())
            .and_then(|digits| u8::from_str_radix(digits, 16).ok());
        bytes.push(byte.unwrap_or(*first));
        rest = if byte.is_some() { &tail[2..] } else { tail };
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

/// Barcode data without the printer's own switches.
fn bare(barcode: Option<BarcodeKind>, data: &str) -> String {
    match barcode {
        Some(BarcodeKind::Code128) => {
            let data = [">:", ">;", ">9"].iter().find_map(|start| data.strip_prefix(start)).unwrap_or(data);
            data.replace(">0", ">")
        }
        // Correction level, input mode, comma.
        Some(BarcodeKind::Qr) => data.get(3..).unwrap_or(data).to_owned(),
        _ => data.to_owned(),
    }
}
