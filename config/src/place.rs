//! Reading a tree: a place is one key of it, and a rule turns what stands there into a typed value. Every rule
//! reports to the same ledger and goes on, so one run finds everything that is wrong.

use std::cell::RefCell;
use std::collections::BTreeMap;

use crate::origin::{Finding, Origin};
use crate::tree::{Node, Value};

/// A value that was read, for the summary and for the version of the rules.
#[derive(Clone, Debug)]
pub(crate) struct Entry {
    pub key: String,
    /// Canonical text, or `None` for a secret.
    pub text: Option<String>,
    pub origin: Origin,
}

/// What reading a tree produces besides the typed value.
#[derive(Debug, Default)]
pub(crate) struct Ledger {
    findings: RefCell<Vec<Finding>>,
    entries: RefCell<Vec<Entry>>,
    /// `OUTPOST_EDGE__`, to name the variable that would set a missing key.
    pub env_prefix: Option<&'static str>,
}

impl Ledger {
    pub fn new(env_prefix: Option<&'static str>) -> Self {
        Self { env_prefix, ..Self::default() }
    }

    pub fn into_parts(self) -> (Vec<Finding>, Vec<Entry>) {
        (self.findings.into_inner(), self.entries.into_inner())
    }

    pub fn report(&self, finding: Finding) {
        self.findings.borrow_mut().push(finding);
    }
}

/// One key of the tree, present or not.
#[derive(Clone)]
pub struct Place<'a> {
    pub(crate) ledger: &'a Ledger,
    pub(crate) key: String,
    pub(crate) node: Option<&'a Node>,
    /// Where the section around it was written: the place to mend when nothing stands here.
    pub(crate) around: Origin,
}

/// Turns what stands at a place into a value; `None` when it has reported why not.
pub(crate) trait Rule<T> {
    fn read(&self, place: &Place<'_>) -> Option<T>;
}

impl<T, F: Fn(&Place<'_>) -> Option<T>> Rule<T> for F {
    fn read(&self, place: &Place<'_>) -> Option<T> {
        self(place)
    }
}

impl<'a> Place<'a> {
    pub(crate) fn root(ledger: &'a Ledger, node: &'a Node) -> Self {
        Self { ledger, key: String::new(), node: Some(node), around: Origin::Default }
    }

    fn below(&self, name: &str, node: Option<&'a Node>) -> Self {
        let key = if self.key.is_empty() { name.into() } else { format!("{}.{name}", self.key) };
        Self { ledger: self.ledger, key, node, around: self.origin() }
    }

    /// The origin of what stands here, or of the section that lacks it.
    pub(crate) fn origin(&self) -> Origin {
        self.node.map_or(&self.around, |node| &node.origin).clone()
    }

    /// Reports that what stands here is not allowed, or that nothing does.
    pub(crate) fn wrong<T>(&self, allowed: &str) -> Option<T> {
        match self.node {
            Some(node) => self.wrong_as(node.shown(), allowed),
            None => {
                let hint = self.ledger.env_prefix.map(|prefix| {
                    let variable = self.key.replace('.', "__").replace('-', "_").to_uppercase();
                    format!(" (in the file, or as {prefix}{variable})")
                });
                self.wrong_as("nothing".into(), &format!("{allowed}{}", hint.unwrap_or_default()))
            }
        }
    }

    /// Reports with own words for what was found.
    pub(crate) fn wrong_as<T>(&self, found: String, allowed: &str) -> Option<T> {
        let allowed = allowed.to_string();
        self.ledger.report(Finding { origin: self.origin(), key: self.key.clone(), found, allowed });
        None
    }

    /// Notes the canonical text of a value that was read here.
    pub(crate) fn note(&self, text: impl Into<String>) {
        self.enter(Some(text.into()), self.origin());
    }

    /// Notes that a secret was read here.
    pub(crate) fn note_secret(&self) {
        self.enter(None, self.origin());
    }

    /// Notes that an optional key was left out, so that the page of settings shows that it could be set.
    pub(crate) fn note_unset(&self) {
        self.enter(Some("(not set)".into()), self.node.map_or(Origin::Default, |node| node.origin.clone()));
    }

    fn enter(&self, text: Option<String>, origin: Origin) {
        let entry = Entry { key: self.key.clone(), text, origin };
        self.ledger.entries.borrow_mut().push(entry);
    }

    /// The entries of a section; an absent one is empty, so that each missing key is named by itself.
    pub(crate) fn entries(&self) -> Option<Entries<'a>> {
        match self.node {
            None => Some(Entries { place: self.clone(), table: None }),
            Some(Node { value: Value::Table(table), .. }) => {
                Some(Entries { place: self.clone(), table: Some(table) })
            }
            Some(_) => self.wrong("a section"),
        }
    }

    /// The items of a list. From the environment: words between commas, or a list as TOML writes it.
    pub(crate) fn items<T>(&self, rule: &dyn Rule<T>, allowed: &str) -> Option<Vec<T>> {
        let written;
        let items = match self.node.map(|node| &node.value) {
            Some(Value::List(items)) => items,
            Some(Value::Words(words)) => {
                written = self.list_of(words)?;
                &written
            }
            _ => return self.wrong(allowed),
        };
        let place = |(index, item)| Place {
            ledger: self.ledger,
            key: format!("{}[{index}]", self.key),
            node: Some(item),
            around: self.origin(),
        };
        let read: Vec<_> = items.iter().enumerate().map(|item| rule.read(&place(item))).collect();
        read.into_iter().collect()
    }

    fn list_of(&self, words: &str) -> Option<Vec<Node>> {
        let origin = self.origin();
        let text = |word: &str| Node { value: Value::Words(word.trim().into()), origin: origin.clone() };
        if !words.trim_start().starts_with('[') {
            return Some(words.split(',').filter(|word| !word.trim().is_empty()).map(text).collect());
        }
        let parsed = Node::parse(None, &format!("list = {words}"));
        let Ok(Node { value: Value::Table(mut table), .. }) = parsed else {
            return self.wrong("words between commas, or a list as TOML writes it");
        };
        match table.remove("list").map(|node| node.value) {
            Some(Value::List(items)) => Some(
                items.into_iter().map(|item| Node { value: item.value, origin: origin.clone() }).collect(),
            ),
            _ => self.wrong("words between commas, or a list as TOML writes it"),
        }
    }
}

/// The entries of one section.
pub(crate) struct Entries<'a> {
    place: Place<'a>,
    table: Option<&'a BTreeMap<String, Node>>,
}

impl<'a> Entries<'a> {
    pub fn at(&self, name: &str) -> Place<'a> {
        self.place.below(name, self.table.and_then(|table| table.get(name)))
    }

    pub fn all(&self) -> Vec<(String, Place<'a>)> {
        let entries = self.table.into_iter().flatten();
        entries.map(|(name, node)| (name.clone(), self.place.below(name, Some(node)))).collect()
    }

    /// Reports every key that is none of `known`.
    pub fn only(&self, known: &[&str]) {
        for (name, place) in self.all() {
            if !known.contains(&name.as_str()) {
                let mut sorted = known.to_vec();
                sorted.sort_unstable();
                let allowed = format!("the keys {}", sorted.join(", "));
                place.wrong_as::<()>("an unknown key".into(), &allowed);
            }
        }
    }
}

/// Declares a section: each field with what it means, its type, and the rule that reads it. The struct and its
/// reader come from one line, so neither can forget a key of the other.
macro_rules! section {
    ($(#[$meta:meta])* pub struct $name:ident {
        $($(#[$field_meta:meta])* $field:ident: $type:ty = $rule:expr,)*
    }) => {
        $(#[$meta])*
        #[derive(Clone, Debug, PartialEq)]
        pub struct $name { $($(#[$field_meta])* pub $field: $type,)* }

        impl $name {
            pub(crate) fn read(place: &$crate::place::Place<'_>) -> Option<Self> {
                use $crate::place::Rule as _;
                let entries = place.entries()?;
                entries.only(&[$(stringify!($field)),*]);
                $(let $field: Option<$type> = ($rule).read(&entries.at(stringify!($field)));)*
                Some(Self { $($field: $field?,)* })
            }
        }
    };
}
pub(crate) use section;
