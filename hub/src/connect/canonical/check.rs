//! Checks of single fields: each error says where, what was found and what is allowed.

use std::str::FromStr;

use outpost_model::id::IdError;
use outpost_model::money::{Currency, Money};

use super::super::Unreadable;
use super::super::shopify::MINOR_MAX;
use super::super::text::{clean, found};
use super::form::MoneyForm;

/// An id in its form.
pub fn parsed<T: FromStr<Err = IdError>>(text: &str, at: &str) -> Result<T, Unreadable> {
    text.parse().map_err(|error: IdError| {
        let sentence = format!("{} was found; allowed are {}.", found(&error.found), error.allowed);
        Unreadable::new("id_malformed", at, sentence)
    })
}

/// A currency.
pub fn currency(text: &str, at: &str) -> Result<Currency, Unreadable> {
    text.parse().map_err(|_| {
        let sentence = format!("{} was found; allowed are three capital letters of ISO 4217.", found(text));
        Unreadable::new("currency_unreadable", at, sentence)
    })
}

/// An amount from zero, in the currency that is expected where one is.
pub fn money(form: &MoneyForm, expected: Option<Currency>, at: &str) -> Result<Money, Unreadable> {
    let stated = currency(&form.currency, &format!("{at}.currency"))?;
    if let Some(expected) = expected.filter(|expected| *expected != stated) {
        let sentence = format!("{stated} was found; allowed is the order's currency, {expected}.");
        return Err(Unreadable::new("currency_mixed", format!("{at}.currency"), sentence));
    }
    if !(0..=MINOR_MAX).contains(&form.minor) {
        let sentence = format!("{} was found; allowed are 0 to {MINOR_MAX} minor units.", form.minor);
        return Err(Unreadable::new("money_out_of_range", format!("{at}.minor"), sentence));
    }
    Ok(Money { minor: form.minor, currency: stated })
}

/// A text that is needed, within its limit. What was found is not repeated: it may be personal.
pub fn kept(text: &str, at: &str, chars_max: usize) -> Result<String, Unreadable> {
    let kept = clean(text, usize::MAX / 8);
    let chars = kept.chars().count();
    if chars == 0 || chars > chars_max {
        let sentence = format!("A text of {chars} characters was found; allowed are 1 to {chars_max}.");
        return Err(Unreadable::new("text", at, sentence));
    }
    Ok(kept)
}

/// A text that may be missing or blank, within its limit and of its form.
pub fn optional(
    text: Option<&str>,
    at: &str,
    chars_max: usize,
    form: impl Fn(&str) -> bool,
) -> Result<Option<String>, Unreadable> {
    let Some(text) = text.filter(|text| !text.trim().is_empty()) else { return Ok(None) };
    let kept = kept(text, at, chars_max)?;
    if !form(&kept) {
        let sentence = "The text is not of the form that this field has.";
        return Err(Unreadable::new("text", at, sentence));
    }
    Ok(Some(kept))
}

/// A country's code.
pub fn country(code: &str, at: &str) -> Result<String, Unreadable> {
    super::super::shopify::country_code(code).filter(|known| known == code).ok_or_else(|| {
        let sentence = "A country was found that is none; allowed are two capital letters of ISO 3166-1.";
        Unreadable::new("country", at, sentence)
    })
}

/// A postal code; empty where the country has none.
pub fn postal_code(code: &str, at: &str) -> Result<String, Unreadable> {
    let code = clean(code, 100);
    let fits = |c: char| c.is_ascii_alphanumeric() || c == ' ' || c == '-';
    if code.len() > 20 || !code.chars().all(fits) {
        let sentence = "A postal code of another form was found; allowed are up to 20 letters, digits, blanks and hyphens.";
        return Err(Unreadable::new("postal_code", at, sentence));
    }
    Ok(code)
}

/// Whether it could be a mail address.
pub fn email(text: &str) -> bool {
    text.split_once('@').is_some_and(|(name, host)| !name.is_empty() && host.len() > 2 && !host.contains('@'))
        && !text.contains(' ')
}

/// Whether it is a language tag.
pub fn language(text: &str) -> bool {
    let fits = |part: &str| (1..=8).contains(&part.len()) && part.bytes().all(|b| b.is_ascii_alphanumeric());
    text.split('-').all(fits)
        && text.split('-').next().is_some_and(|p| p.len() >= 2 && p.bytes().all(|b| b.is_ascii_alphabetic()))
}

/// Characters of the longest language tag.
pub const LANGUAGE_CHARS_MAX: usize = 35;
