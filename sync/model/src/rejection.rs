//! A refusal: a person's mistake or a lost race, not an error of the program.

use std::borrow::Cow;
use std::fmt;

use serde::{Deserialize, Serialize};

/// Why a command changes nothing: a stable code for programs and a sentence for staff.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
pub struct Rejection {
    /// Stable, snake case, such as `over_pick`.
    pub code: Cow<'static, str>,
    /// What to tell the person, in a sentence. Holds no personal data.
    pub sentence: String,
}

impl Rejection {
    /// A refusal with its code and sentence.
    pub fn new(code: &'static str, sentence: impl Into<String>) -> Self {
        Self { code: Cow::Borrowed(code), sentence: sentence.into() }
    }
}

impl fmt::Display for Rejection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({})", self.sentence, self.code)
    }
}
