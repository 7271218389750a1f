//! Countries: a two-letter code, or a name that some senders give instead.

/// ISO 3166-1 alpha-2 codes with the English names that senders use, one a line; a code may have several.
const NAMES: &str = include_str!("country_names.txt");

/// The code of a country, from its code or its name.
pub fn code(code: Option<&str>, name: Option<&str>) -> Option<String> {
    code.and_then(known_code).or_else(|| name.and_then(|name| known_code(name).or_else(|| by_name(name))))
}

fn known_code(text: &str) -> Option<String> {
    let code = text.to_ascii_uppercase();
    let is_code = code.len() == 2 && code.bytes().all(|b| b.is_ascii_uppercase());
    (is_code && NAMES.lines().any(|line| line.starts_with(&code))).then_some(code)
}

fn by_name(name: &str) -> Option<String> {
    let wanted = letters(name);
    let entry = NAMES.lines().find(|line| line.get(3..).is_some_and(|known| letters(known) == wanted))?;
    entry.get(..2).map(str::to_owned)
}

fn letters(name: &str) -> String {
    name.chars().filter(|c| c.is_alphabetic()).flat_map(char::to_lowercase).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_country_is_found_by_code_or_name() {
        assert_eq!(code(Some("de"), None).as_deref(), Some("DE"));
        assert_eq!(code(None, Some("United States")).as_deref(), Some("US"));
        assert_eq!(code(Some(""), Some("canada")).as_deref(), Some("CA"));
        assert_eq!(code(None, Some("DE")).as_deref(), Some("DE"));
        assert_eq!(code(Some("Germany"), Some("Germany")).as_deref(), Some("DE"));
        assert_eq!(code(Some("QQ"), None), None, "no such country");
        assert_eq!(code(None, Some("Atlantis")), None);
        assert_eq!(code(None, None), None);
    }

    #[test]
    fn every_line_is_a_code_and_a_name() {
        for line in NAMES.lines() {
            let (code, name) = line.split_once(' ').unwrap();
            assert!(
                code.len() == 2 && code.bytes().all(|b| b.is_ascii_uppercase()) && !name.is_empty(),
                "{line}"
            );
        }
        let codes: std::collections::BTreeSet<&str> = NAMES.lines().map(|line| &line[..2]).collect();
        assert_eq!(codes.len(), 250, "249 of the standard and XK for Kosovo");
    }
}
