//! The Serial Shipping Container Code as labels carry it: 18 digits that name one logistic unit, world-wide.
//! Who issues them is none of a device's business.
//!
//! Form and check digit: GS1 General Specifications, sections 2.2.1 and 7.9.

use core::fmt;

/// Digits of an SSCC, check digit included.
pub const SSCC_DIGITS: usize = 18;

/// Why digits are not an SSCC.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SsccError {
    /// Not 18 digits.
    Form,
    /// The last digit does not match the others.
    CheckDigit {
        /// The digit that would.
        expected: u8,
    },
}

impl fmt::Display for SsccError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Form => f.write_str("an SSCC has 18 digits"),
            Self::CheckDigit { expected } => write!(f, "the check digit should be {expected}"),
        }
    }
}

impl core::error::Error for SsccError {}

/// The GS1 check digit of a number without its check digit: weights 3 and 1 in turn, from the right.
///
/// Bytes that are no ASCII digits count by their low four bits; check the form first.
pub fn check_digit(digits: &[u8]) -> u8 {
    let sum: u32 = digits
        .iter()
        .rev()
        .enumerate()
        .map(|(place, digit)| u32::from(digit & 0x0F) * if place % 2 == 0 { 3 } else { 1 })
        .sum();
    ((10 - sum % 10) % 10) as u8
}

/// A valid SSCC.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Sscc([u8; SSCC_DIGITS]);

impl Sscc {
    /// Takes 18 digits, with or without the application identifier `00` or `(00)` before them.
    pub fn parse(text: &str) -> Result<Self, SsccError> {
        let bare = text.strip_prefix("(00)").unwrap_or(text);
        let bare = if bare.len() == SSCC_DIGITS + 2 { bare.strip_prefix("00").unwrap_or(bare) } else { bare };
        let digits: [u8; SSCC_DIGITS] = bare.as_bytes().try_into().map_err(|_| SsccError::Form)?;
        if !digits.iter().all(u8::is_ascii_digit) {
            return Err(SsccError::Form);
        }
        let expected = check_digit(&digits[..SSCC_DIGITS - 1]);
        if digits[SSCC_DIGITS - 1] != b'0' + expected {
            return Err(SsccError::CheckDigit { expected });
        }
        Ok(Self(digits))
    }

    /// The 18 digits.
    pub fn as_str(&self) -> &str {
        // Only ASCII digits are ever stored.
        core::str::from_utf8(&self.0).unwrap_or_default()
    }
}

impl fmt::Display for Sscc {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl fmt::Debug for Sscc {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Sscc({})", self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn published_numbers_have_the_published_check_digits() {
        // An SSCC, GTIN-13, GTIN-8, GTIN-12 and GTIN-14 that are printed in many a guide.
        assert_eq!(check_digit(b"10614141123456789"), 7);
        assert_eq!(check_digit(b"629104150021"), 3);
        assert_eq!(check_digit(b"9638507"), 4);
        assert_eq!(check_digit(b"03600029145"), 2);
        assert_eq!(check_digit(b"1061414100041"), 5);
    }

    #[test]
    fn digits_of_a_wrong_form_are_refused() {
        assert_eq!(Sscc::parse("10614141123456789"), Err(SsccError::Form));
        assert_eq!(Sscc::parse("1061414112345678970"), Err(SsccError::Form));
        assert_eq!(Sscc::parse("106141411234567890"), Err(SsccError::CheckDigit { expected: 7 }));
        assert_eq!(Sscc::parse("10614141123456789x"), Err(SsccError::Form));
    }

    #[test]
    fn the_application_identifier_may_stand_before_it() {
        let plain = Sscc::parse("106141411234567897").unwrap();
        assert_eq!(Sscc::parse("(00)106141411234567897"), Ok(plain));
        assert_eq!(Sscc::parse("00106141411234567897"), Ok(plain));
    }

    proptest! {
        #[test]
        fn one_wrong_digit_is_noticed(body in "[0-9]{17}", place in 0_usize..18, by in 1_u8..=9) {
            let mut digits = body.into_bytes();
            digits.push(b'0' + check_digit(&digits));
            prop_assert!(Sscc::parse(core::str::from_utf8(&digits).unwrap()).is_ok());
            digits[place] = b'0' + (digits[place] - b'0' + by) % 10;
            prop_assert!(Sscc::parse(core::str::from_utf8(&digits).unwrap()).is_err());
        }
    }
}
