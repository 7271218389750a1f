//! Reason codes: what staff and customers may give as a reason, what it is called, and what it does to stock.

use std::collections::BTreeMap;

use outpost_model::id::ReasonCode;

use crate::kinds::{flag, keyed, list, one_of, otherwise, text};
use crate::place::{Place, Rule, section};
use crate::rules::routing::without_repeats;

section! {
    /// One reason.
    pub struct Reason {
        /// What it may be given for.
        used_for: Vec<ReasonUse> = without_repeats(list(one_of(USES), "a list of uses")),
        /// Whether screens offer it; a code that is no longer offered keeps its labels for what happened.
        offered: bool = otherwise(flag(), "true"),
        /// What happens to the missing or returned units.
        stock: StockEffect = otherwise(one_of(EFFECTS), "none"),
        /// The label in each language.
        label: Labels = Labels::read,
    }
}

section! {
    /// A label in each language Outpost speaks.
    pub struct Labels {
        /// English.
        en: String = text(60),
        /// German.
        de: String = text(60),
        /// Spanish.
        es: String = text(60),
    }
}

/// What a reason may be given for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ReasonUse {
    /// A site rejects a case.
    Reject,
    /// A picker finds less than was ordered.
    Short,
    /// An order or line is cancelled.
    Cancel,
    /// A customer brings goods back.
    Return,
}

const USES: &[(&str, ReasonUse)] = &[
    ("reject", ReasonUse::Reject),
    ("short", ReasonUse::Short),
    ("cancel", ReasonUse::Cancel),
    ("return", ReasonUse::Return),
];

/// What happens to the units a reason is about; stamped into the event when it is decided.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StockEffect {
    /// They stay what they are.
    None,
    /// They become suspect and a count is proposed.
    Suspect,
    /// They become damaged.
    Damaged,
    /// They are held back until somebody decides.
    Quarantine,
    /// They are on display.
    Display,
}

const EFFECTS: &[(&str, StockEffect)] = &[
    ("none", StockEffect::None),
    ("suspect", StockEffect::Suspect),
    ("damaged", StockEffect::Damaged),
    ("quarantine", StockEffect::Quarantine),
    ("display", StockEffect::Display),
];

impl Reason {
    /// The label in a language; English where the language is not known.
    pub fn label(&self, language: &str) -> &str {
        match language.split(['-', '_']).next() {
            Some("de") => &self.label.de,
            Some("es") => &self.label.es,
            _ => &self.label.en,
        }
    }
}

pub(super) fn read() -> impl Fn(&Place<'_>) -> Option<BTreeMap<ReasonCode, Reason>> {
    let fits = |code: &str| ReasonCode::new(code).is_ok() && code == code.to_ascii_lowercase();
    let entries = keyed("1 to 40 of a-z, 0-9 and _", fits, Reason::read);
    move |place| {
        let reasons = entries.read(place)?;
        Some(
            reasons
                .into_iter()
                .filter_map(|(code, reason)| Some((ReasonCode::new(code).ok()?, reason)))
                .collect(),
        )
    }
}
