//! From layers to settings: the pure part, which is handed texts and variables.

use std::sync::Arc;

use crate::origin::{ConfigErrors, Origin};
use crate::place::{Ledger, Place};
use crate::summary::Summary;
use crate::tree::{Node, Value};

/// Settings of one kind of daemon: implemented by `EdgeSettings` and `HubSettings`.
pub trait Settings: Sized {
    /// The daemon's short name.
    const DAEMON: &'static str;
    /// The shipped defaults, as the file people read.
    const DEFAULTS: &'static str;
    /// What its environment variables begin with.
    const ENV_PREFIX: &'static str;

    /// Reads the layered tree. Only this crate can name a place, so only this crate implements the trait.
    #[doc(hidden)]
    fn read(place: &Place<'_>) -> Option<Self>;

    /// The file with business rules, where one is set.
    fn rules_file(&self) -> Option<&std::path::Path>;
}

/// A text with the name to use for it in messages.
#[derive(Clone, Copy, Debug)]
pub struct SourceText<'a> {
    /// Usually the path as it was given.
    pub name: &'a str,
    /// What it contains.
    pub text: &'a str,
}

/// Settings with the account of where each came from.
#[derive(Clone, Debug)]
pub struct Resolved<S> {
    /// The settings.
    pub settings: S,
    /// Each value and its origin, secrets hidden.
    pub summary: Summary,
}

/// Lays the file over the defaults and the variables over both, and reads the result. Variables that do not
/// begin with the daemon's prefix are ignored; every other one must name a key.
pub fn resolve<S: Settings>(
    file: Option<SourceText<'_>>,
    variables: impl IntoIterator<Item = (String, String)>,
) -> Result<Resolved<S>, ConfigErrors> {
    let mut tree = Node::parse(None, S::DEFAULTS)?;
    if let Some(file) = file {
        tree.overlay(Node::parse(Some(file.name), file.text)?);
    }
    // Sorted, so that the outcome does not depend on the order a system lists its variables in.
    let mut variables: Vec<_> =
        variables.into_iter().filter(|(name, _)| name.starts_with(S::ENV_PREFIX)).collect();
    variables.sort();
    for (name, text) in variables {
        let path: Vec<String> =
            name[S::ENV_PREFIX.len()..].split("__").map(str::to_ascii_lowercase).collect();
        let origin = Origin::Environment { name: Arc::from(name.as_str()) };
        tree.set(&path, Node { value: Value::Words(text), origin });
    }
    let ledger = Ledger::new(Some(S::ENV_PREFIX));
    let settings = S::read(&Place::root(&ledger, &tree));
    let (findings, entries) = ledger.into_parts();
    match settings {
        Some(settings) if findings.is_empty() => {
            Ok(Resolved { settings, summary: Summary::new(S::DAEMON, entries) })
        }
        _ => Err(ConfigErrors(findings)),
    }
}
