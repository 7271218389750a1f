//! Limits of texts from outside, and the list of what a reader has to say about a payload.

use super::Finding;

/// Characters of a name, title or address line that are kept.
pub const TEXT_CHARS_MAX: usize = 200;

/// Remarks that are kept of one payload; a last one then tells how many more there were.
pub const REMARKS_MAX: usize = 40;

/// A text as it may be stored: no control characters, runs of white space joined, at most `chars_max` characters.
pub fn clean(text: &str, chars_max: usize) -> String {
    let mut kept = String::with_capacity(text.len().min(chars_max * 4));
    let mut chars = 0;
    for word in text.split(|c: char| c.is_whitespace() || c.is_control()).filter(|word| !word.is_empty()) {
        let gap = usize::from(chars > 0);
        if chars + gap >= chars_max {
            break;
        }
        if gap == 1 {
            kept.push(' ');
            chars += 1;
        }
        for c in word.chars().take(chars_max - chars) {
            kept.push(c);
            chars += 1;
        }
    }
    kept
}

/// What was found, short enough for a sentence and safe to show.
pub fn found(text: &str) -> String {
    format!("{:?}", clean(text, 40))
}

/// What a reader has to say besides the order itself.
#[derive(Debug, Default)]
pub struct Notes {
    remarks: Vec<String>,
    unsaid: usize,
    /// What a person must settle.
    pub findings: Vec<Finding>,
}

impl Notes {
    /// Adds a remark, once.
    pub fn remark(&mut self, remark: impl Into<String>) {
        let remark = remark.into();
        if self.remarks.contains(&remark) {
            return;
        }
        if self.remarks.len() + 1 < REMARKS_MAX {
            self.remarks.push(remark);
        } else {
            self.unsaid += 1;
        }
    }

    /// Adds something a person must settle; one finding of a kind is enough to hold an order.
    pub fn find(&mut self, code: &'static str, at: impl Into<String>, sentence: impl Into<String>) {
        let sentence = sentence.into();
        self.remark(sentence.clone());
        if !self.findings.iter().any(|finding| finding.code == code) {
            self.findings.push(Finding { code, sentence, at: at.into() });
        }
    }

    /// The remarks, with a last one for those that were too many.
    pub fn take_remarks(&mut self) -> Vec<String> {
        let mut remarks = std::mem::take(&mut self.remarks);
        if self.unsaid > 0 {
            remarks.push(format!("{} more remarks are not shown", self.unsaid));
        }
        remarks
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_are_cleaned_and_cut_at_their_limit() {
        assert_eq!(clean("  Anna\u{0000}\n Maria  ", 200), "Anna Maria");
        assert_eq!(clean(&"é".repeat(300), TEXT_CHARS_MAX).chars().count(), TEXT_CHARS_MAX);
        assert_eq!(clean("ab cd", 3), "ab", "no dangling space");
        assert_eq!(clean("ab cd", 4), "ab c");
    }

    #[test]
    fn remarks_end_with_the_number_of_those_left_out() {
        let mut notes = Notes::default();
        for n in 0..REMARKS_MAX + 5 {
            notes.remark(format!("remark {n}"));
        }
        let remarks = notes.take_remarks();
        assert_eq!(remarks.len(), REMARKS_MAX);
        assert_eq!(remarks.last().map(String::as_str), Some("6 more remarks are not shown"));
    }
}
