//! The rules in force: a version, and a reload that either succeeds as a whole or changes nothing.

use std::fmt;
use std::sync::{Arc, PoisonError, RwLock};

use crate::origin::{ConfigErrors, Origin};
use crate::place::{Entry, Ledger, Place};
use crate::rules::{DEFAULT_CARRIER, DEFAULT_CLASS, Rules, STANDARD_CALENDAR};
use crate::tree::Node;

/// The rules as shipped, as the file people read.
pub const SHIPPED: &str = include_str!("../../defaults/rules.toml");

/// Twelve hexadecimal digits of a hash over the resolved rules: equal rules have equal versions, however
/// their files are written.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RulesVersion(String);

impl RulesVersion {
    /// The version as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for RulesVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Rules with their version.
#[derive(Clone, Debug)]
pub struct RuleBook {
    /// Their version.
    pub version: RulesVersion,
    /// The rules.
    pub rules: Rules,
    entries: Vec<Entry>,
}

impl RuleBook {
    /// Reads rules: the shipped ones, with a file's text laid over them.
    pub fn read(file: Option<(&str, &str)>) -> Result<Self, ConfigErrors> {
        let mut tree = Node::parse(None, SHIPPED)?;
        if let Some((name, text)) = file {
            tree.overlay(Node::parse(Some(name), text)?);
        }
        tree.inherit("calendars", STANDARD_CALENDAR);
        tree.inherit_within("calendars", "collections", DEFAULT_CARRIER);
        tree.inherit("grants", DEFAULT_CLASS);
        let ledger = Ledger::new(None);
        let place = Place::root(&ledger, &tree);
        let rules = Rules::read(&place).filter(|rules| rules.check_together(&place).is_some());
        let (findings, mut entries) = ledger.into_parts();
        entries.sort_by(|a, b| a.key.cmp(&b.key));
        match rules {
            Some(rules) if findings.is_empty() => Ok(Self { version: version(&entries), rules, entries }),
            _ => Err(ConfigErrors(findings)),
        }
    }

    /// The values that differ from the shipped ones by their origin, a line each.
    pub fn changes(&self) -> String {
        let own = self.entries.iter().filter(|entry| entry.origin != Origin::Default);
        own.map(|entry| {
            format!("  {} = {}  {}\n", entry.key, entry.text.as_deref().unwrap_or(""), entry.origin)
        })
        .collect()
    }
}

fn version(entries: &[Entry]) -> RulesVersion {
    let mut hasher = blake3::Hasher::new();
    for entry in entries {
        let text = entry.text.as_deref().unwrap_or_default();
        // Lengths first: no two different lists of entries write the same bytes.
        hasher.update(&(entry.key.len() as u64).to_le_bytes()).update(entry.key.as_bytes());
        hasher.update(&(text.len() as u64).to_le_bytes()).update(text.as_bytes());
    }
    RulesVersion(hasher.finalize().to_hex()[..12].to_string())
}

/// A shared handle to the rules in force.
#[derive(Clone, Debug)]
pub struct RulesHandle {
    state: Arc<RwLock<State>>,
}

#[derive(Debug)]
struct State {
    book: Arc<RuleBook>,
    refused: Option<ConfigErrors>,
}

impl RulesHandle {
    /// The rules as shipped.
    pub fn shipped() -> Result<Self, ConfigErrors> {
        RuleBook::read(None).map(Self::holding)
    }

    /// The shipped rules with a file's text laid over them; `name` is used in messages.
    pub fn new(name: &str, text: &str) -> Result<Self, ConfigErrors> {
        RuleBook::read(Some((name, text))).map(Self::holding)
    }

    fn holding(book: RuleBook) -> Self {
        Self { state: Arc::new(RwLock::new(State { book: Arc::new(book), refused: None })) }
    }

    /// The rules in force. Hold the result for one decision, so that all of it follows one version.
    pub fn current(&self) -> Arc<RuleBook> {
        self.state.read().unwrap_or_else(PoisonError::into_inner).book.clone()
    }

    /// What was wrong with the last reload, if it was refused.
    pub fn refused(&self) -> Option<ConfigErrors> {
        self.state.read().unwrap_or_else(PoisonError::into_inner).refused.clone()
    }

    /// Puts new rules in force, or keeps the old ones and says why.
    pub fn try_reload(&self, name: &str, text: &str) -> Result<RulesVersion, ConfigErrors> {
        let read = RuleBook::read(Some((name, text)));
        let mut state = self.state.write().unwrap_or_else(PoisonError::into_inner);
        match read {
            Ok(book) => {
                let version = book.version.clone();
                *state = State { book: Arc::new(book), refused: None };
                Ok(version)
            }
            Err(errors) => {
                state.refused = Some(errors.clone());
                Err(errors)
            }
        }
    }
}
