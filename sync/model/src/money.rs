//! Money: whole minor units and an ISO 4217 currency. No floating point anywhere.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// An ISO 4217 currency code.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Currency([u8; 3]);

/// Why a text is no amount of money.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum MoneyError {
    /// Not three upper-case letters.
    #[error("{0:?} is not a currency: allowed are three capital letters of ISO 4217")]
    Currency(String),
    /// Not a decimal number.
    #[error("{0:?} is not an amount: allowed are digits with an optional sign and decimal point")]
    Amount(String),
    /// More decimals than the currency has, other than zeros.
    #[error("{amount:?} has more decimals than {currency} allows ({allowed})")]
    Decimals {
        /// What stood there.
        amount: String,
        /// Its currency.
        currency: Currency,
        /// Decimals that the currency has.
        allowed: u32,
    },
    /// Beyond what fits.
    #[error("{0:?} is too large an amount")]
    TooLarge(String),
}

impl Currency {
    /// Digits after the decimal point (ISO 4217 "minor unit"); two unless the standard says otherwise.
    pub fn decimals(self) -> u32 {
        match &self.0 {
            b"BIF" | b"CLP" | b"DJF" | b"GNF" | b"ISK" | b"JPY" | b"KMF" | b"KRW" | b"PYG" | b"RWF"
            | b"UGX" | b"UYI" | b"VND" | b"VUV" | b"XAF" | b"XOF" | b"XPF" => 0,
            b"BHD" | b"IQD" | b"JOD" | b"KWD" | b"LYD" | b"OMR" | b"TND" => 3,
            _ => 2,
        }
    }

    /// The three letters.
    pub fn as_str(&self) -> &str {
        std::str::from_utf8(&self.0).unwrap_or("XXX")
    }
}

impl FromStr for Currency {
    type Err = MoneyError;
    fn from_str(text: &str) -> Result<Self, MoneyError> {
        match <[u8; 3]>::try_from(text.as_bytes()) {
            Ok(code) if code.iter().all(u8::is_ascii_uppercase) => Ok(Self(code)),
            _ => Err(MoneyError::Currency(text.chars().take(20).collect())),
        }
    }
}

impl TryFrom<String> for Currency {
    type Error = MoneyError;
    fn try_from(text: String) -> Result<Self, MoneyError> {
        text.parse()
    }
}

impl From<Currency> for String {
    fn from(currency: Currency) -> String {
        currency.as_str().to_owned()
    }
}

impl fmt::Display for Currency {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// An amount in minor units (cents of a dollar, yen of a yen).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Money {
    /// Minor units; negative for what is paid back.
    pub minor: i64,
    /// The currency.
    pub currency: Currency,
}

impl Money {
    /// Reads a decimal text such as `224.97`; trailing zeros beyond the currency's decimals are allowed.
    pub fn parse(amount: &str, currency: Currency) -> Result<Self, MoneyError> {
        let wrong = || MoneyError::Amount(amount.chars().take(40).collect());
        let (negative, digits) = match amount.strip_prefix('-') {
            Some(rest) => (true, rest),
            None => (false, amount),
        };
        let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
        let number = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
        if whole.is_empty() || !number(whole) || !number(fraction) || digits.ends_with('.') {
            return Err(wrong());
        }
        let decimals = currency.decimals() as usize;
        let (kept, rest) = fraction.split_at(fraction.len().min(decimals));
        if rest.bytes().any(|byte| byte != b'0') {
            return Err(MoneyError::Decimals {
                amount: amount.chars().take(40).collect(),
                currency,
                allowed: currency.decimals(),
            });
        }
        let minor: i64 = format!("{whole}{kept:0<decimals$}")
            .parse()
            .map_err(|_| MoneyError::TooLarge(amount.chars().take(40).collect()))?;
        Ok(Self { minor: if negative { -minor } else { minor }, currency })
    }

    /// This amount times a number of units; nothing when it does not fit.
    pub fn times(self, units: u32) -> Option<Self> {
        self.minor.checked_mul(i64::from(units)).map(|minor| Self { minor, ..self })
    }
}

impl fmt::Display for Money {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let decimals = self.currency.decimals();
        let scale = 10_u64.pow(decimals);
        let sign = if self.minor < 0 { "-" } else { "" };
        let minor = self.minor.unsigned_abs();
        match decimals {
            0 => write!(f, "{sign}{minor} {}", self.currency),
            _ => write!(
                f,
                "{sign}{}.{:0width$} {}",
                minor / scale,
                minor % scale,
                self.currency,
                width = decimals as usize
            ),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(amount: &str, currency: &str) -> Result<Money, MoneyError> {
        Money::parse(amount, currency.parse().unwrap())
    }

    #[test]
    fn decimals_follow_the_currency() {
        assert_eq!(parse("224.97", "EUR").unwrap().minor, 22_497);
        assert_eq!(parse("224.9", "EUR").unwrap().minor, 22_490);
        assert_eq!(parse("1500", "JPY").unwrap().minor, 1_500);
        assert_eq!(parse("1500.00", "JPY").unwrap().minor, 1_500);
        assert_eq!(parse("1.234", "KWD").unwrap().minor, 1_234);
        assert_eq!(parse("-0.05", "USD").unwrap().minor, -5);
        assert_eq!(parse("-0.05", "USD").unwrap().to_string(), "-0.05 USD");
    }

    #[test]
    fn what_is_no_amount_is_refused() {
        for amount in ["", ".", "1.", "1,5", "1e5", "--1", "+1", " 1", "1.005"] {
            assert!(parse(amount, "EUR").is_err(), "{amount}");
        }
        assert!(parse("99999999999999999999", "EUR").is_err());
        assert!("eur".parse::<Currency>().is_err());
    }
}
