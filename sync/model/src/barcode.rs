//! Barcodes, parsed once.

use std::fmt;

use serde::{Deserialize, Serialize};

/// A GS1 trade item number in its 14-digit form: equal whatever the width it was printed in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Gtin(u64);

/// A GS1 serial shipping container code.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Sscc(u64);

/// What a scan says.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum Barcode {
    /// A product by its GTIN.
    Gtin(Gtin),
    /// A logistic unit.
    Sscc(Sscc),
    /// Anything else, such as a tote or a shelf.
    Text(String),
}

/// Why a text is not a barcode of the kind it was taken for.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BarcodeError {
    /// Not digits of an allowed width.
    #[error("{found:?} is not a {kind}: allowed are {allowed} digits")]
    Form {
        /// The kind of code.
        kind: &'static str,
        /// What stood there.
        found: String,
        /// Allowed widths.
        allowed: &'static str,
    },
    /// The check digit is wrong: a misread or a typing error.
    #[error("the check digit of {found:?} should be {expected}")]
    CheckDigit {
        /// What stood there.
        found: String,
        /// What its last digit should be.
        expected: u8,
    },
    /// A part of an SSCC that does not fit.
    #[error(
        "an SSCC has one extension digit, a company prefix of 7 to 10 digits and a serial that fills up to 16"
    )]
    Parts,
    /// Nothing, too much, or control characters.
    #[error("a barcode has 1 to {max} printable characters", max = Barcode::MAX_CHARS)]
    Text,
}

/// The check digit that belongs behind these digits: weights 3 and 1 from the right (GS1 General Specifications,
/// section 7.9).
pub fn check_digit(digits: &[u8]) -> u8 {
    let sum: u32 = digits
        .iter()
        .rev()
        .enumerate()
        .map(|(place, digit)| u32::from(*digit) * if place % 2 == 0 { 3 } else { 1 })
        .sum();
    ((10 - sum % 10) % 10) as u8
}

fn checked(
    kind: &'static str,
    allowed: &'static str,
    text: &str,
    widths: &[usize],
) -> Result<u64, BarcodeError> {
    let found = || text.chars().take(40).collect::<String>();
    if !widths.contains(&text.len()) || !text.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(BarcodeError::Form { kind, found: found(), allowed });
    }
    let digits: Vec<u8> = text.bytes().map(|byte| byte - b'0').collect();
    let (last, rest) = digits.split_last().ok_or(BarcodeError::Text)?;
    let expected = check_digit(rest);
    if *last != expected {
        return Err(BarcodeError::CheckDigit { found: found(), expected });
    }
    text.parse().map_err(|_| BarcodeError::Text)
}

impl Gtin {
    /// Reads a GTIN-8, -12, -13 or -14, or 16 digits with the application identifier `01` in front.
    pub fn parse(text: &str) -> Result<Self, BarcodeError> {
        let digits = text.strip_prefix("01").filter(|rest| rest.len() == 14).unwrap_or(text);
        checked("GTIN", "8, 12, 13 or 14", digits, &[8, 12, 13, 14]).map(Self)
    }
}

impl Sscc {
    /// Builds one: extension digit, GS1 company prefix and serial fill 17 digits, the check digit is the 18th.
    pub fn new(extension: u8, company_prefix: &str, serial: u64) -> Result<Self, BarcodeError> {
        let width = 16_usize.checked_sub(company_prefix.len()).ok_or(BarcodeError::Parts)?;
        let serial = format!("{serial:0width$}");
        let fits = extension <= 9
            && (7..=10).contains(&company_prefix.len())
            && company_prefix.bytes().all(|byte| byte.is_ascii_digit())
            && serial.len() == width;
        if !fits {
            return Err(BarcodeError::Parts);
        }
        let body = format!("{extension}{company_prefix}{serial}");
        let digits: Vec<u8> = body.bytes().map(|byte| byte - b'0').collect();
        format!("{body}{}", check_digit(&digits)).parse().map(Self).map_err(|_| BarcodeError::Parts)
    }

    /// Reads 18 digits, or 20 with the application identifier `00` in front.
    pub fn parse(text: &str) -> Result<Self, BarcodeError> {
        let digits = text.strip_prefix("00").filter(|rest| rest.len() == 18).unwrap_or(text);
        checked("SSCC", "18", digits, &[18]).map(Self)
    }
}

impl Barcode {
    /// The longest text of a barcode, in characters.
    pub const MAX_CHARS: usize = 80;

    /// Reads what a scanner or a person gave. Digits with a wrong check digit are a text: merchants number things
    /// of their own with as many digits.
    pub fn parse(text: &str) -> Result<Self, BarcodeError> {
        let text = text.trim();
        if text.is_empty() || text.chars().count() > Self::MAX_CHARS || text.chars().any(char::is_control) {
            return Err(BarcodeError::Text);
        }
        Ok(Gtin::parse(text)
            .map(Self::Gtin)
            .or_else(|_| Sscc::parse(text).map(Self::Sscc))
            .unwrap_or_else(|_| Self::Text(text.to_owned())))
    }
}

impl fmt::Display for Gtin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:014}", self.0)
    }
}

impl fmt::Display for Sscc {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:018}", self.0)
    }
}

/// The form under which barcodes are looked up: the same for every width of a GTIN.
impl fmt::Display for Barcode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Gtin(gtin) => gtin.fmt(f),
            Self::Sscc(sscc) => sscc.fmt(f),
            Self::Text(text) => f.write_str(text),
        }
    }
}

macro_rules! text_form {
    ($($name:ident),*) => {$(
        impl std::str::FromStr for $name {
            type Err = BarcodeError;
            fn from_str(text: &str) -> Result<Self, BarcodeError> {
                Self::parse(text)
            }
        }
        impl TryFrom<String> for $name {
            type Error = BarcodeError;
            fn try_from(text: String) -> Result<Self, BarcodeError> {
                Self::parse(&text)
            }
        }
        impl From<$name> for String {
            fn from(code: $name) -> String {
                code.to_string()
            }
        }
    )*};
}
text_form!(Gtin, Sscc, Barcode);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_product_in_every_width_is_one_gtin() {
        // The same item number with leading zeros for the wider forms.
        let narrow = Gtin::parse("96385074").unwrap();
        for wide in ["000096385074", "0000096385074", "00000096385074"] {
            assert_eq!(Gtin::parse(wide).unwrap(), narrow);
        }
        assert_eq!(narrow.to_string(), "00000096385074");
        assert_eq!(Gtin::parse("0100000096385074").unwrap(), narrow, "as a GS1 symbol says it");
        assert_eq!(Barcode::parse(" 4006381333931 ").unwrap().to_string(), "04006381333931");
    }

    #[test]
    fn widths_and_check_digits_are_held() {
        assert_eq!(
            Gtin::parse("4006381333932"),
            Err(BarcodeError::CheckDigit { found: "4006381333932".to_owned(), expected: 1 })
        );
        for text in ["9638507", "963850740", "40063813339", "400638133393123", "", "４００６３８１３"]
        {
            assert!(matches!(Gtin::parse(text), Err(BarcodeError::Form { .. })), "{text}");
        }
        assert_eq!(Barcode::parse("4006381333932").unwrap(), Barcode::Text("4006381333932".to_owned()));
    }

    #[test]
    fn an_sscc_is_built_and_read_back() {
        let sscc = Sscc::new(3, "4012345", 1).unwrap();
        assert_eq!(sscc.to_string().len(), 18);
        assert_eq!(Sscc::parse(&sscc.to_string()), Ok(sscc));
        assert_eq!(Sscc::parse(&format!("00{sscc}")), Ok(sscc));
        assert_eq!(Barcode::parse(&sscc.to_string()), Ok(Barcode::Sscc(sscc)));
        assert!(Sscc::new(9, "4012345", 999_999_999).is_ok());
        assert_eq!(Sscc::new(9, "4012345", 1_000_000_000), Err(BarcodeError::Parts));
        assert_eq!(Sscc::new(10, "4012345", 1), Err(BarcodeError::Parts));
        assert_eq!(Sscc::new(0, "401234", 1), Err(BarcodeError::Parts));
        assert_eq!(Sscc::new(0, "40123456789", 1), Err(BarcodeError::Parts));
        assert!(Sscc::new(0, "4012345678", 999_999).is_ok());
        assert_eq!(Sscc::new(0, "4012345678", 1_000_000), Err(BarcodeError::Parts));
    }

    #[test]
    fn a_text_has_limits() {
        assert!(Barcode::parse(&"x".repeat(80)).is_ok());
        assert!(Barcode::parse(&"x".repeat(81)).is_err());
        assert!(Barcode::parse("  ").is_err());
        assert!(Barcode::parse("a\u{1d}b").is_err());
    }
}
