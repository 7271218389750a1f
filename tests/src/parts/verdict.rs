//! What came of a scenario, in one line.

use std::fmt;
use std::time::Duration;

use serde_json::{Map, Value, json};

/// Broken promises that are shown one by one.
const SHOWN: usize = 12;

/// What a scenario tells when it was played to its end.
#[derive(Debug, Default)]
pub struct Told {
    /// What was done and seen, in words.
    pub sentence: String,
    /// The same as numbers.
    pub figures: Map<String, Value>,
    /// Promises that did not hold, a sentence each.
    pub broken: Vec<String>,
}

impl Told {
    /// Adds a number.
    pub fn figure(&mut self, name: &str, value: impl Into<Value>) {
        self.figures.insert(name.to_owned(), value.into());
    }

    /// Notes a promise that does not hold.
    pub fn require(&mut self, holds: bool, sentence: impl FnOnce() -> String) {
        if !holds {
            self.broken.push(sentence());
        }
    }
}

/// A scenario's verdict.
#[derive(Debug)]
pub struct Verdict {
    scenario: String,
    taken: Duration,
    told: Told,
}

impl Verdict {
    /// From what was told, or from the reason why it could not be played to its end.
    pub fn new(scenario: String, taken: Duration, told: Result<Told, String>) -> Self {
        let told = told.unwrap_or_else(|error| Told {
            sentence: "could not be played to its end".to_owned(),
            broken: vec![error],
            ..Told::default()
        });
        Self { scenario, taken, told }
    }

    /// Whether all promises held.
    pub fn passed(&self) -> bool {
        self.told.broken.is_empty()
    }

    /// As JSON.
    pub fn json(&self) -> Value {
        let mut figures = self.told.figures.clone();
        figures.insert("scenario".to_owned(), json!(self.scenario));
        figures.insert("passed".to_owned(), json!(self.passed()));
        figures.insert("seconds".to_owned(), json!(tenths(self.taken)));
        figures.insert("verdict".to_owned(), json!(self.told.sentence));
        figures.insert("broken".to_owned(), json!(self.told.broken));
        Value::Object(figures)
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let word = if self.passed() { "holds " } else { "BROKEN" };
        write!(f, "{:<13} {word} {} ({:.1} s)", self.scenario, self.told.sentence, self.taken.as_secs_f64())?;
        for line in self.told.broken.iter().take(SHOWN) {
            write!(f, "\n    {line}")?;
        }
        if self.told.broken.len() > SHOWN {
            write!(f, "\n    … and {} more", self.told.broken.len() - SHOWN)?;
        }
        Ok(())
    }
}

/// Seconds with one digit after the point.
pub fn tenths(time: Duration) -> f64 {
    (time.as_secs_f64() * 10.0).round() / 10.0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_verdict_is_one_line_when_all_holds_and_names_what_does_not() {
        let mut told = Told { sentence: "3 orders".to_owned(), ..Told::default() };
        told.figure("orders", 3);
        let good = Verdict::new("kill".to_owned(), Duration::from_millis(1_240), Ok(told));
        assert!(good.passed());
        assert_eq!(good.to_string(), "kill          holds  3 orders (1.2 s)");
        assert_eq!((&good.json()["orders"], &good.json()["seconds"]), (&json!(3), &json!(1.2)));

        let bad = Verdict::new("kill".to_owned(), Duration::ZERO, Err("the hub is gone".to_owned()));
        assert!(!bad.passed() && bad.to_string().ends_with("\n    the hub is gone"));
        assert_eq!(bad.json()["passed"], false);
    }
}
