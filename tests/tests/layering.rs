//! The table "may know / must never know" of docs/architecture.md, held against `cargo metadata` and the sources.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use cargo_metadata::{DependencyKind, MetadataCommand};

/// What no crate of a floor may depend on, and what its sources may not mention.
struct Room {
    package: &'static str,
    /// Our own crates it may use.
    may_use: &'static [&'static str],
    /// Libraries it must never use.
    never: &'static [&'static str],
    /// Words its sources must not hold, outside comments.
    never_says: &'static [&'static str],
}

const ROOMS: &[Room] = &[
    Room {
        package: "outpost-model",
        may_use: &[],
        never: &["tokio", "automerge", "rusqlite", "sqlx", "axum", "reqwest", "rumqttc", "rand", "chrono"],
        never_says: &[
            "SystemTime",
            "Instant::now",
            "Timestamp::now",
            "now_v7",
            "HashMap",
            "HashSet",
            "thread::",
        ],
    },
    Room {
        package: "outpost-sync",
        may_use: &["outpost-model"],
        never: &["tokio", "rumqttc", "rumqttd", "rusqlite", "sqlx", "axum", "reqwest"],
        never_says: &[
            "SystemTime",
            "Instant::now",
            "Timestamp::now",
            "now_v7",
            "outpost/v1",
            "outpost_model::order",
            "outpost_model::fact",
            "outpost_model::intent",
            "outpost_model::header",
            "outpost_model::fulfillment",
        ],
    },
    Room {
        package: "outpost-journal",
        may_use: &["outpost-model", "outpost-sync"],
        never: &["tokio", "rumqttc", "sqlx", "axum", "reqwest"],
        never_says: &["Timestamp::now", "SystemTime", "Connection::open("],
    },
    Room {
        package: "outpost-mqtt",
        may_use: &["outpost-model", "outpost-sync"],
        never: &["rusqlite", "sqlx", "axum", "reqwest", "automerge"],
        never_says: &["outpost_model::order", "outpost_model::fact", "outpost_model::fulfillment"],
    },
    Room {
        package: "outpost-firmware-bridge",
        may_use: &[],
        never: &["tokio", "serde_json", "rusqlite", "outpost-model", "axum"],
        never_says: &["std::net", "std::fs", "serde_json"],
    },
    Room {
        package: "outpost-config",
        may_use: &["outpost-model"],
        never: &["tokio", "axum", "rusqlite", "sqlx", "reqwest", "rumqttc"],
        never_says: &["TcpStream", "TcpListener"],
    },
    Room {
        package: "outpost-daemon",
        may_use: &["outpost-config"],
        never: &["rusqlite", "sqlx", "automerge", "rumqttc", "outpost-model"],
        never_says: &["SELECT ", "INSERT INTO"],
    },
    Room {
        package: "outpost-disk",
        may_use: &[],
        never: &["tokio", "sqlx", "axum", "reqwest", "rumqttc", "automerge"],
        never_says: &[],
    },
    Room {
        package: "outpost-edge",
        may_use: &[
            "outpost-config",
            "outpost-daemon",
            "outpost-model",
            "outpost-sync",
            "outpost-journal",
            "outpost-mqtt",
            "outpost-firmware-bridge",
        ],
        never: &["sqlx", "rumqttd", "outpost-hub", "rumqttc"],
        never_says: &["outpost_hub"],
    },
    Room {
        package: "outpost-hub",
        may_use: &["outpost-config", "outpost-daemon", "outpost-model", "outpost-sync", "outpost-mqtt"],
        never: &["rusqlite", "outpost-edge", "rumqttc"],
        never_says: &["outpost_edge"],
    },
];

/// Inside the daemons: folders and what their files must not mention.
const FLOORS: &[(&str, &[&str])] = &[
    ("edge/src/app", NO_CLOCK_NO_ID),
    ("edge/src/write", NO_CLOCK_NO_ID),
    ("edge/src/store", NO_CLOCK_NO_ID),
    ("edge/src/replicate/apply.rs", NO_CLOCK_NO_ID),
    ("hub/src/app", NO_CLOCK_NO_ID),
    ("hub/src/store", NO_CLOCK_NO_ID),
    ("hub/src/replicate/apply.rs", NO_CLOCK_NO_ID),
    ("edge/src/store", &["axum", "crate::http", "crate::app"]),
    ("hub/src/store", &["axum", "crate::http", "crate::app"]),
    ("edge/src/app", &["axum", "crate::http"]),
    ("hub/src/app", &["axum", "crate::http"]),
    ("edge/src/http", &["Transaction", "INSERT ", "UPDATE ", "DELETE FROM"]),
    ("hub/src/http", &["Transaction", "INSERT ", "UPDATE ", "DELETE FROM"]),
];

const NO_CLOCK_NO_ID: &[&str] = &[
    "Timestamp::now",
    "Instant::now",
    "SystemTime",
    "now_v7",
    "Uuid::new_v4",
    "tokio::spawn",
    "thread::spawn",
    "rand::rng",
];

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the workspace is above its member").to_owned()
}

fn sources(at: &Path, into: &mut Vec<PathBuf>) {
    if at.is_file() {
        into.push(at.to_owned());
        return;
    }
    for entry in fs::read_dir(at).unwrap_or_else(|error| panic!("{}: {error}", at.display())) {
        let path = entry.expect("a readable folder").path();
        if path.is_dir() {
            sources(&path, into);
        } else if path.extension().is_some_and(|extension| extension == "rs") && !is_unit_test(&path) {
            into.push(path);
        }
    }
}

/// Whether a module holds unit tests alone: those may look behind the floors they test.
fn is_unit_test(path: &Path) -> bool {
    path.file_stem()
        .and_then(|stem| stem.to_str())
        .is_some_and(|stem| stem == "tests" || stem.ends_with("_tests"))
}

/// The lines of code of a file that are not comments and stand before its unit tests.
fn code(path: &Path) -> Vec<(usize, String)> {
    let text = fs::read_to_string(path).expect("a readable source");
    text.lines()
        .enumerate()
        .take_while(|(_, line)| line.trim() != "#[cfg(test)]")
        .filter(|(_, line)| !line.trim_start().starts_with("//"))
        .map(|(number, line)| (number + 1, line.to_owned()))
        .collect()
}

fn mentions(at: &Path, words: &[&str], broken: &mut Vec<String>) {
    let mut files = Vec::new();
    sources(at, &mut files);
    assert!(!files.is_empty(), "{} has no sources: the table names a place that is gone", at.display());
    for file in files {
        for (number, line) in code(&file) {
            for word in words.iter().filter(|word| line.contains(**word)) {
                broken.push(format!("{}:{number} says `{word}`", file.display()));
            }
        }
    }
}

#[test]
fn crates_know_only_what_they_may() {
    let metadata = MetadataCommand::new().current_dir(root()).other_options(["--locked".into()]).exec();
    let metadata = metadata.expect("cargo metadata");
    let packages: BTreeMap<_, _> = metadata
        .workspace_packages()
        .into_iter()
        .map(|package| (package.name.to_string(), package))
        .collect();
    let mut broken = Vec::new();
    for room in ROOMS {
        let package = packages[room.package];
        let uses: BTreeSet<&str> = package
            .dependencies
            .iter()
            .filter(|dependency| dependency.kind == DependencyKind::Normal)
            .map(|dependency| dependency.name.as_str())
            .collect();
        for name in &uses {
            if room.never.contains(name) || (name.starts_with("outpost-") && !room.may_use.contains(name)) {
                broken.push(format!("{} depends on {name}", room.package));
            }
        }
        let folder = package.manifest_path.parent().expect("a manifest lies in a folder").join("src");
        mentions(folder.as_std_path(), room.never_says, &mut broken);
    }
    let known: BTreeSet<&str> = ROOMS.iter().map(|room| room.package).chain(["outpost-lab"]).collect();
    for name in packages.keys() {
        assert!(known.contains(name.as_str()), "{name} is not in the table: say what it may know");
    }
    assert!(broken.is_empty(), "layering is broken:\n{}", broken.join("\n"));
}

#[test]
fn a_line_of_code_lives_on_one_floor() {
    let mut broken = Vec::new();
    for (place, words) in FLOORS {
        mentions(&root().join(place), words, &mut broken);
    }
    assert!(broken.is_empty(), "floors are mixed:\n{}", broken.join("\n"));
}

/// Crates with unsafe code, each of which repeats the workspace's lints but for that one.
const UNSAFE: &[&str] = &["tests/disk"];

#[test]
fn only_named_crates_may_be_unsafe() {
    let mut files = Vec::new();
    for folder in ["config", "sync", "edge", "hub", "firmware-bridge", "tests"] {
        sources(&root().join(folder), &mut files);
    }
    let folders: BTreeSet<&Path> =
        files.iter().filter_map(|file| file.ancestors().find(|at| at.join("Cargo.toml").exists())).collect();
    let manifest = |folder: &Path| fs::read_to_string(folder.join("Cargo.toml")).expect("a manifest");
    let workspace = manifest(&root());
    let lints = workspace.split_once("[workspace.lints.rust]").expect("lints of the workspace").1;
    let lints = lints.split("\n[profile").next().expect("something before the profiles");
    let wanted: Vec<&str> =
        lints.lines().filter(|line| line.contains('=') && !line.starts_with("unsafe_code")).collect();
    assert!(wanted.len() > 4, "the workspace's lints were not found");
    for folder in folders {
        let text = manifest(folder);
        if UNSAFE.iter().any(|named| folder == root().join(named)) {
            for line in wanted.iter().chain([&"undocumented_unsafe_blocks = \"deny\""]) {
                assert!(text.contains(line), "{} leaves out {line}", folder.display());
            }
        } else {
            assert!(
                text.contains("[lints]\nworkspace = true"),
                "{} leaves the workspace's lints",
                folder.display()
            );
        }
    }
}

/// Planted mistakes must not get into a daemon: only the lab may ask for them, and only behind a feature of its own.
#[test]
fn no_daemon_is_built_with_planted_mistakes() {
    let metadata = MetadataCommand::new().current_dir(root()).no_deps().exec().expect("cargo metadata");
    for package in &metadata.packages {
        let on: Vec<_> = package.features.get("default").into_iter().flatten().collect();
        assert!(on.is_empty(), "{} switches features on by default: {on:?}", package.name);
        for dependency in package.dependencies.iter().filter(|found| found.name == "outpost-model") {
            assert!(
                !dependency.features.iter().any(|feature| feature == "defects"),
                "{} is built with planted mistakes",
                package.name
            );
        }
        let passes_on = package.features.values().flatten().any(|what| what == "outpost-model/defects");
        assert!(!passes_on || package.name.as_str() == "outpost-lab", "{} passes mistakes on", package.name);
    }
}
