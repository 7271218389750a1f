//! Where a value came from, and what is wrong with one.

use std::fmt;
use std::sync::Arc;

/// The layer that set a value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Origin {
    /// The defaults shipped with the program.
    Default,
    /// A line of a settings file.
    File {
        /// The file's name as it was given.
        name: Arc<str>,
        /// The line, counted from 1.
        line: usize,
    },
    /// An environment variable.
    Environment {
        /// The variable's full name.
        name: Arc<str>,
    },
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Default => f.write_str("default"),
            Self::File { name, line } => write!(f, "{name}:{line}"),
            Self::Environment { name } => f.write_str(name),
        }
    }
}

/// One thing that is wrong: where, which key, what was found and what is allowed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// The place to mend.
    pub origin: Origin,
    /// The key, with dots between its parts; empty for a file as a whole.
    pub key: String,
    /// What stands there, secrets hidden.
    pub found: String,
    /// What may stand there.
    pub allowed: String,
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: ", self.origin)?;
        if !self.key.is_empty() {
            write!(f, "{}: ", self.key)?;
        }
        write!(f, "found {}, allowed: {}", self.found, self.allowed)
    }
}

/// Everything that is wrong, in the order of the keys; never empty.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConfigErrors(pub Vec<Finding>);

impl ConfigErrors {
    pub(crate) fn one(origin: Origin, found: impl Into<String>, allowed: impl Into<String>) -> Self {
        Self(vec![Finding { origin, key: String::new(), found: found.into(), allowed: allowed.into() }])
    }
}

impl fmt::Display for ConfigErrors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, finding) in self.0.iter().enumerate() {
            if index > 0 {
                f.write_str("\n")?;
            }
            finding.fmt(f)?;
        }
        Ok(())
    }
}

impl std::error::Error for ConfigErrors {}
