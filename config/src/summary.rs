//! One readable page about what was resolved and why, for `--check-config`.

use std::fmt;

use crate::origin::Origin;
use crate::place::Entry;

/// Each value with its origin, in the order of the settings; secrets are never in here.
#[derive(Clone, Debug)]
pub struct Summary {
    title: String,
    entries: Vec<Entry>,
}

impl Summary {
    pub(crate) fn new(daemon: &str, entries: Vec<Entry>) -> Self {
        Self { title: format!("outpost-{daemon} settings"), entries }
    }
}

impl fmt::Display for Summary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}", self.title)?;
        let width = |length: fn(&Entry) -> usize| self.entries.iter().map(length).max().unwrap_or(0).min(48);
        let keys = width(|entry| entry.key.len());
        let values = width(|entry| value(entry).chars().count());
        for entry in &self.entries {
            let origin = match &entry.origin {
                Origin::Default => "default".to_string(),
                Origin::File { name, line } => format!("file {name}:{line}"),
                Origin::Environment { name } => format!("env {name}"),
            };
            writeln!(f, "  {:<keys$}  {:<values$}  {origin}", entry.key, value(entry))?;
        }
        Ok(())
    }
}

fn value(entry: &Entry) -> &str {
    entry.text.as_deref().unwrap_or("(hidden)")
}
