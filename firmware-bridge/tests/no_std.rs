//! The crate must run where there is neither an operating system nor a heap.
#![allow(clippy::unwrap_used)]

use std::path::Path;
use std::process::Command;

fn sources(folder: &Path, found: &mut Vec<(String, String)>) {
    for entry in std::fs::read_dir(folder).unwrap().map(Result::unwrap) {
        let path = entry.path();
        if path.is_dir() {
            sources(&path, found);
        } else {
            found.push((path.display().to_string(), std::fs::read_to_string(&path).unwrap()));
        }
    }
}

#[test]
fn no_source_outside_of_tests_names_std_or_alloc() {
    let mut found = Vec::new();
    sources(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src"), &mut found);
    assert!(found.len() > 10);
    for (path, text) in &found {
        let product = text.split("#[cfg(test)]\nmod tests").next().unwrap();
        let product = product.replace("#[cfg(test)]\nextern crate std;", "");
        for word in ["std::", "alloc::", "extern crate"] {
            assert!(!product.contains(word), "{path} uses {word}");
        }
    }
    assert!(found.iter().any(|(path, text)| path.ends_with("lib.rs") && text.contains("\n#![no_std]\n")));
}

#[test]
fn no_dependency_is_built_with_std_or_alloc() {
    let output = Command::new(env!("CARGO"))
        .args(["tree", "--offline", "--package", "outpost-firmware-bridge"])
        .args(["--edges", "features,no-dev,no-build", "--prefix", "none"])
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let tree = String::from_utf8(output.stdout).unwrap();
    assert!(tree.contains("embedded-io"), "{tree}");
    for line in tree.lines() {
        let feature = line.split("feature \"").nth(1).unwrap_or_default();
        assert!(!feature.starts_with("std") && !feature.starts_with("alloc"), "{line}");
    }
}
