//! Short codes that two parties who share a secret can both compute, so that nobody has to store or send them.

use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

/// Digits of a code that a person can keep in mind.
pub const DIGITS: usize = 6;

/// The code for `subject` under `secret`: [`DIGITS`] decimal digits from HMAC-SHA256 over purpose and subject.
///
/// `purpose` keeps codes for different ends apart. The caller limits how often a person may guess: a code of six
/// digits is found by a million tries. The truncation is that of RFC 4226, section 5.3.
pub fn short_code(secret: &[u8], purpose: &str, subject: &str) -> String {
    let mut mac = Hmac::<Sha256>::new_from_slice(secret).expect("HMAC takes a key of any length");
    mac.update(purpose.as_bytes());
    mac.update(&[0]);
    mac.update(subject.as_bytes());
    let tag = mac.finalize().into_bytes();
    let offset = usize::from(tag[tag.len() - 1] & 0x0f);
    let word = u32::from_be_bytes([tag[offset] & 0x7f, tag[offset + 1], tag[offset + 2], tag[offset + 3]]);
    format!("{:0DIGITS$}", word % 10_u32.pow(DIGITS as u32))
}

/// Whether what a person said is the code, spaces and dashes aside. Takes the same time wherever they differ.
pub fn is_code(secret: &[u8], purpose: &str, subject: &str, said: &str) -> bool {
    let said: String = said.chars().filter(|letter| !matches!(letter, ' ' | '-')).collect();
    let code = short_code(secret, purpose, subject);
    said.len() == code.len() && said.bytes().zip(code.bytes()).fold(0, |all, (a, b)| all | (a ^ b)) == 0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_code_depends_on_all_it_is_made_of() {
        let code = short_code(b"secret", "pickup", "case-1");
        assert_eq!(code.len(), DIGITS);
        assert!(code.bytes().all(|digit| digit.is_ascii_digit()));
        assert_eq!(code, short_code(b"secret", "pickup", "case-1"));
        assert_ne!(code, short_code(b"secret", "pickup", "case-2"));
        assert_ne!(code, short_code(b"secret", "release", "case-1"));
        assert_ne!(code, short_code(b"other", "pickup", "case-1"));
    }

    #[test]
    fn a_person_may_group_the_digits() {
        let code = short_code(b"secret", "pickup", "case-1");
        assert!(is_code(b"secret", "pickup", "case-1", &format!("{} {}", &code[..3], &code[3..])));
        assert!(is_code(b"secret", "pickup", "case-1", &code));
        assert!(!is_code(b"secret", "pickup", "case-1", &code[..5]));
        assert!(!is_code(b"secret", "pickup", "case-2", &code));
    }
}
