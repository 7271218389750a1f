//! The handheld's scripts without a browser: runs their tests under node, and fails where node is missing.

use std::path::Path;
use std::process::Command;

#[test]
fn the_scripts_of_the_handheld_pass_their_tests() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/js");
    let mut files: Vec<_> = std::fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.retain(|file| file.to_string_lossy().ends_with(".test.mjs"));
    files.sort();
    assert!(files.len() >= 4, "the scripts' tests are missing from {}", folder.display());
    let output = Command::new("node")
        .arg("--test")
        .args(&files)
        .output()
        .expect("node 20 or later must be on the PATH: the handheld's scripts are tested with it");
    let report = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{report}\n{}", String::from_utf8_lossy(&output.stderr));
    assert!(report.contains("# fail 0"), "{report}");
}
