//! Settings as written: a tree of values that remember where they were written, and the layering of trees.

use std::collections::BTreeMap;
use std::sync::Arc;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use crate::origin::{ConfigErrors, Finding, Origin};

/// A value and the layer that set it.
#[derive(Clone, Debug)]
pub(crate) struct Node {
    pub value: Value,
    pub origin: Origin,
}

/// What is written. `Words` come from the environment: text whose type is decided by the key that reads it.
#[derive(Clone, Debug)]
pub(crate) enum Value {
    Bool(bool),
    Integer(i128),
    Float(f64),
    Text(String),
    Words(String),
    List(Vec<Node>),
    Table(BTreeMap<String, Node>),
}

impl Node {
    pub fn empty_table(origin: Origin) -> Self {
        Self { value: Value::Table(BTreeMap::new()), origin }
    }

    /// Parses TOML; `name` is `None` for the shipped defaults.
    pub fn parse(name: Option<&str>, text: &str) -> Result<Self, ConfigErrors> {
        let source = Source { name: name.map(Arc::from), text };
        let (table, errors) = DeTable::parse_recoverable(text);
        if errors.is_empty() {
            return Ok(source.table(table.get_ref(), source.origin(0)));
        }
        let findings = errors.iter().map(|error| Finding {
            origin: source.origin(error.span().map_or(0, |span| span.start)),
            key: String::new(),
            // Only the parser's message: its full form quotes the line, which may hold a secret.
            found: format!("a line that is not TOML ({})", one_line(error.message())),
            allowed: "`key = value` lines and `[section]` headers".into(),
        });
        Err(ConfigErrors(findings.collect()))
    }

    /// Lays `upper` over `self`: tables join key by key, everything else is replaced whole.
    pub fn overlay(&mut self, upper: Node) {
        if let (Value::Table(under), Value::Table(over)) = (&mut self.value, &upper.value) {
            for (key, node) in over {
                match under.get_mut(key) {
                    Some(below) => below.overlay(node.clone()),
                    None => {
                        under.insert(key.clone(), node.clone());
                    }
                }
            }
            if matches!(self.origin, Origin::Default) {
                self.origin = upper.origin;
            }
        } else {
            *self = upper;
        }
    }

    /// Sets the value at a path, making the tables on the way.
    pub fn set(&mut self, path: &[String], leaf: Node) {
        let Some((first, rest)) = path.split_first() else {
            *self = leaf;
            return;
        };
        if !matches!(self.value, Value::Table(_)) {
            *self = Self::empty_table(leaf.origin.clone());
        }
        if let Value::Table(entries) = &mut self.value {
            // A shell cannot write a hyphen in a name: an underscore finds the key that is there.
            let key = entries.keys().find(|key| key.replace('-', "_") == *first).unwrap_or(first).clone();
            entries.entry(key).or_insert_with(|| Self::empty_table(leaf.origin.clone())).set(rest, leaf);
        }
    }

    /// Lets every table under `section` start as a copy of the entry called `base`.
    pub fn inherit(&mut self, section: &str, base: &str) {
        let Some(entries) = self.section_mut(section) else { return };
        let Some(first) = entries.get(base).cloned() else { return };
        for (name, node) in entries.iter_mut() {
            if name != base && matches!(node.value, Value::Table(_)) {
                let own = std::mem::replace(node, first.clone());
                node.origin = own.origin.clone();
                node.overlay(own);
            }
        }
    }

    /// Lets the tables under `inner` of every entry of `section` start as a copy of their `base`.
    pub fn inherit_within(&mut self, section: &str, inner: &str, base: &str) {
        for entry in self.section_mut(section).into_iter().flat_map(BTreeMap::values_mut) {
            entry.inherit(inner, base);
        }
    }

    fn section_mut(&mut self, name: &str) -> Option<&mut BTreeMap<String, Node>> {
        let Value::Table(entries) = &mut self.value else { return None };
        match &mut entries.get_mut(name)?.value {
            Value::Table(section) => Some(section),
            _ => None,
        }
    }

    /// How the value is shown in a message.
    pub fn shown(&self) -> String {
        match &self.value {
            Value::Bool(value) => value.to_string(),
            Value::Integer(value) => value.to_string(),
            Value::Float(value) => value.to_string(),
            Value::Text(value) | Value::Words(value) => quoted(value),
            Value::List(_) => "a list".into(),
            Value::Table(_) => "a section".into(),
        }
    }
}

struct Source<'a> {
    name: Option<Arc<str>>,
    text: &'a str,
}

impl Source<'_> {
    fn origin(&self, offset: usize) -> Origin {
        match &self.name {
            None => Origin::Default,
            Some(name) => {
                let before = &self.text.as_bytes()[..offset.min(self.text.len())];
                let line = before.iter().filter(|byte| **byte == b'\n').count() + 1;
                Origin::File { name: name.clone(), line }
            }
        }
    }

    fn table(&self, table: &DeTable<'_>, origin: Origin) -> Node {
        let entries = table.iter().map(|(key, value)| {
            // The line of the key, not of the value: a list may begin further down.
            (key.get_ref().to_string(), self.node(value, self.origin(key.span().start)))
        });
        Node { value: Value::Table(entries.collect()), origin }
    }

    fn node(&self, value: &Spanned<DeValue<'_>>, origin: Origin) -> Node {
        let value = match value.get_ref() {
            DeValue::Table(table) => return self.table(table, origin),
            DeValue::Boolean(value) => Value::Bool(*value),
            DeValue::Integer(value) => match i128::from_str_radix(value.as_str(), value.radix()) {
                Ok(value) => Value::Integer(value),
                Err(_) => Value::Text(value.to_string()),
            },
            DeValue::Float(value) => Value::Float(value.as_str().parse().unwrap_or(f64::NAN)),
            DeValue::String(value) => Value::Text(value.to_string()),
            DeValue::Datetime(value) => Value::Text(value.to_string()),
            DeValue::Array(items) => Value::List(
                items.iter().map(|item| self.node(item, self.origin(item.span().start))).collect(),
            ),
        };
        Node { value, origin }
    }
}

pub(crate) fn quoted(text: &str) -> String {
    const SHOWN_CHARS_MAX: usize = 60;
    if text.chars().count() <= SHOWN_CHARS_MAX {
        return format!("{text:?}");
    }
    let head: String = text.chars().take(SHOWN_CHARS_MAX).collect();
    format!("{head:?}…")
}

fn one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}
