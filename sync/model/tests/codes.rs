//! Codes are an interface: every one that the code can give stands in the table that people read, and no other.

use std::collections::BTreeSet;
use std::path::Path;

fn sources(folder: &str) -> Vec<String> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("src").join(folder);
    let entries = std::fs::read_dir(&folder).expect("the crate's sources lie beside its tests");
    entries
        .map(|entry| {
            std::fs::read_to_string(entry.expect("a readable folder").path()).expect("a source is text")
        })
        .collect()
}

/// String literals that stand right behind one of these calls, white space aside.
fn behind(sources: &[String], calls: &[&str]) -> BTreeSet<String> {
    let literal = |rest: &str| Some(rest.trim_start().strip_prefix('"')?.split('"').next()?.to_owned());
    let in_source = |source: &str| -> Vec<String> {
        calls.iter().flat_map(|call| source.split(call).skip(1).filter_map(literal)).collect()
    };
    sources.iter().flat_map(|source| in_source(source)).collect()
}

/// Codes in the first column of the tables in module documentation.
fn documented(sources: &[String]) -> BTreeSet<String> {
    let rows =
        sources.iter().flat_map(|source| source.lines()).filter_map(|line| line.strip_prefix("//! | `"));
    rows.flat_map(|row| {
        let cell = row.split(" | ").next().unwrap_or(row);
        cell.split(", ").map(|code| code.trim_matches('`').to_owned()).collect::<Vec<_>>()
    })
    .collect()
}

#[test]
fn every_rejection_is_documented() {
    let sources = sources("decide");
    let given = behind(&sources, &["refuse(", "refuse::<()>("]);
    assert!(given.len() > 40, "the reader of sources finds codes: {given:?}");
    assert_eq!(documented(&sources), given);
}

#[test]
fn every_exception_is_documented() {
    let sources = sources("fold");
    let given = behind(
        &sources,
        &[
            "raise(",
            "const CONTRADICTION: &str =",
            "const SEEN_NOT_GIVEN: &str =",
            "const GIVEN_AFTER_REVOKED: &str =",
        ],
    );
    assert_eq!(documented(&sources), given);
}

#[test]
fn codes_are_snake_case() {
    let all: Vec<_> =
        behind(&sources("decide"), &["refuse("]).into_iter().chain(documented(&sources("fold"))).collect();
    for code in all {
        assert!(code.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_'), "{code}");
    }
}
