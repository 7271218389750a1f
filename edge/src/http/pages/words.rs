//! What the pages say, by language: one catalog file each, embedded in the program.

use std::collections::BTreeMap;
use std::fmt::Display;
use std::sync::LazyLock;

/// Languages the pages speak, by code and by their own name. The first one fills gaps of the others.
pub const LANGUAGES: [(&str, &str); 3] = [("en", "English"), ("de", "Deutsch"), ("es", "Español")];

const SOURCES: [&str; 3] = [
    include_str!("../../../catalog/en.json"),
    include_str!("../../../catalog/de.json"),
    include_str!("../../../catalog/es.json"),
];

static CATALOGS: LazyLock<Vec<Words>> = LazyLock::new(|| {
    let read = |text: &str| serde_json::from_str(text).expect("catalogs are part of the program and tested");
    let catalogs = LANGUAGES.iter().zip(SOURCES);
    catalogs.map(|((language, _), text)| Words { language, texts: read(text) }).collect()
});

/// The words of one language.
#[derive(Debug)]
pub struct Words {
    language: &'static str,
    texts: BTreeMap<String, String>,
}

impl Words {
    /// The catalog of a language, or of the first one when there is none.
    pub fn of(language: &str) -> &'static Self {
        let wanted = language.split(['-', '_']).next().unwrap_or_default();
        CATALOGS.iter().find(|words| words.language == wanted).unwrap_or(&CATALOGS[0])
    }

    /// The language's code.
    pub fn language(&self) -> &'static str {
        self.language
    }

    /// The text under a key; a key nobody has translated is shown in English, and as itself where that is missing too.
    pub fn s<'a>(&'a self, key: &'a str) -> &'a str {
        self.texts.get(key).or_else(|| CATALOGS[0].texts.get(key)).map_or(key, String::as_str)
    }

    /// The text under a key with one value.
    pub fn f(&self, key: &str, value: impl Display) -> String {
        self.s(key).replace("{0}", &value.to_string())
    }

    /// The text under a key with two values.
    pub fn f2(&self, key: &str, first: impl Display, second: impl Display) -> String {
        self.s(key).replace("{1}", &second.to_string()).replace("{0}", &first.to_string())
    }

    /// The words that scripts need, as JSON that can stand inside a script element.
    pub fn for_scripts(&self) -> String {
        let keys = CATALOGS[0].texts.keys().filter(|key| key.starts_with("js."));
        let words: BTreeMap<&str, &str> = keys.map(|key| (key.as_str(), self.s(key))).collect();
        in_script(&words)
    }
}

/// JSON that cannot end the script element it stands in.
pub fn in_script(value: &impl serde::Serialize) -> String {
    let json = serde_json::to_string(value).unwrap_or_else(|_| "null".to_owned());
    json.replace('<', "\\u003c").replace('>', "\\u003e").replace('&', "\\u0026")
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    fn keys(words: &Words) -> BTreeSet<&str> {
        words.texts.keys().map(String::as_str).collect()
    }

    fn holes(text: &str) -> BTreeSet<&str> {
        ["{0}", "{1}"].into_iter().filter(|hole| text.contains(hole)).collect()
    }

    #[test]
    fn every_language_says_everything() {
        for words in CATALOGS.iter() {
            assert_eq!(keys(words), keys(&CATALOGS[0]), "{}", words.language);
            for (key, text) in &words.texts {
                assert!(!text.trim().is_empty(), "{} {key}", words.language);
                assert_eq!(holes(text), holes(CATALOGS[0].s(key)), "{} {key}", words.language);
            }
        }
    }

    #[test]
    fn every_key_in_templates_and_scripts_is_in_the_catalog() {
        let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR"));
        let mut checked = 0;
        for (folder, openings) in [
            ("templates", &["t.s(\"", "t.f(\"", "t.f2(\""][..]),
            ("templates/parts", &["t.s(\"", "t.f(\"", "t.f2(\""]),
            ("static", &["say(\""]),
        ] {
            for file in std::fs::read_dir(root.join(folder)).unwrap().map(Result::unwrap) {
                if file.file_type().unwrap().is_dir() {
                    continue;
                }
                let text = std::fs::read_to_string(file.path()).unwrap();
                for opening in openings {
                    for found in text.split(opening).skip(1) {
                        let key = found.split('"').next().unwrap();
                        assert!(CATALOGS[0].texts.contains_key(key), "{:?}: {key}", file.path());
                        checked += 1;
                    }
                }
            }
        }
        assert!(checked > 150, "only {checked} keys were found");
    }

    #[test]
    fn a_language_nobody_speaks_is_english() {
        assert_eq!(Words::of("de-AT").language(), "de");
        assert_eq!(Words::of("xx").language(), "en");
        assert_eq!(Words::of("en").s("no.such.key"), "no.such.key");
    }

    #[test]
    fn json_in_a_page_cannot_end_its_element() {
        assert_eq!(in_script(&"</script><!--"), "\"\\u003c/script\\u003e\\u003c!--\"");
    }
}
