//! The simulator itself: the same plan gives the same run, honest seeds are quiet, and planted mistakes are found. The
//! long runs, and the mistakes in the product's own code, are steps of `tests/run`.

#![allow(clippy::unwrap_used)]

use std::process::Command;

use outpost_lab::simulate::{Defect, Morning, Plan, find, run_plan};
use serde_json::Value;

const SITES: usize = 3;
const ACTIONS: usize = 60;

#[test]
fn the_same_seed_gives_the_same_run_to_the_bit() {
    let morning = Morning::make(SITES).unwrap();
    let fingerprint = |seed| {
        let plan = Plan::of(seed, SITES, ACTIONS, None);
        run_plan(&morning, &plan, false).unwrap().fingerprint
    };
    let first: Vec<String> = (1..4).map(fingerprint).collect();
    let again: Vec<String> = (1..4).map(fingerprint).collect();
    assert_eq!(first, again);
    assert_ne!(first[0], first[1], "seeds differ");
    // Nor does it matter which process made the morning.
    let morning = Morning::make(SITES).unwrap();
    let plan = Plan::of(2, SITES, ACTIONS, None);
    assert_eq!(run_plan(&morning, &plan, true).unwrap().fingerprint, first[1], "telling changes nothing");
}

#[test]
fn honest_seeds_are_quiet() {
    let morning = Morning::make(SITES).unwrap();
    for seed in 100..106 {
        let plan = Plan::of(seed, SITES, ACTIONS, None);
        let ran = run_plan(&morning, &plan, false).unwrap();
        assert_eq!(
            ran.violation, None,
            "seed {seed}: `cargo lab simulate --seed {seed} --seeds 1` tells its story"
        );
    }
}

#[test]
fn a_lost_tail_and_a_cursor_that_skips_are_found() {
    let morning = Morning::make(SITES).unwrap();
    for defect in [Defect::LoseTheTail, Defect::CursorOverUncommitted] {
        let found = find(&morning, SITES, ACTIONS, defect).unwrap();
        assert!(found.is_some(), "{}", defect.sentence());
    }
}

#[test]
fn a_plan_survives_being_kept() {
    let plan = Plan::of(7, SITES, 200, Some(Defect::LoseTheTail));
    let text = serde_json::to_string(&plan).unwrap();
    assert_eq!(serde_json::from_str::<Plan>(&text).unwrap(), plan);
}

/// Runs the program; whether it ended well, and what it printed.
fn lab(arguments: &[&str]) -> (bool, String) {
    let output = Command::new(env!("CARGO_BIN_EXE_outpost-lab")).args(arguments).output().unwrap();
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(!errors.contains("outpost-lab: "), "{errors}");
    (output.status.success(), String::from_utf8(output.stdout).unwrap())
}

#[test]
fn a_seed_that_fails_is_kept_cut_down_and_told_again() {
    let folder = tempfile::tempdir().unwrap();
    let keep = folder.path().to_str().unwrap();
    let (sites, actions) = (SITES.to_string(), ACTIONS.to_string());
    let arguments = [
        "simulate",
        "--seeds",
        "100",
        "--sites",
        &sites,
        "--actions",
        &actions,
        "--defect",
        "lose-the-tail",
        "--keep",
        keep,
        "--json",
    ];
    let (well, printed) = lab(&arguments);
    assert!(!well, "a seed that fails ends the program with 1");
    let result: Value = serde_json::from_str(&printed).unwrap();
    let (failure, file) = (&result["failures"][0], result["traces"][0].as_str().unwrap());
    let kept: Value = serde_json::from_slice(&std::fs::read(file).unwrap()).unwrap();
    assert_eq!(kept["invariant"], failure["invariant"]);
    let small: Plan = serde_json::from_value(kept["plan"].clone()).unwrap();
    let whole = Plan::of(failure["seed"].as_u64().unwrap(), SITES, ACTIONS, Some(Defect::LoseTheTail));
    assert!(small.acts.len() * 2 < whole.acts.len(), "{} of {} acts", small.acts.len(), whole.acts.len());
    let left_out = small.acts.iter().filter(|act| !whole.acts.contains(act)).count();
    assert_eq!(left_out, 0, "acts are only left out");

    let (well, story) = lab(&["simulate", "--trace", file]);
    assert!(!well, "the trace fails again");
    let lines: Vec<&str> = story.lines().collect();
    assert!(lines[0].starts_with(&format!("seed {}, {SITES} sites, cut down to", small.seed)), "{story}");
    let wrong = format!("WRONG: {}", failure["invariant"].as_str().unwrap());
    assert!(lines.last().unwrap().starts_with(&wrong), "{story}");
    assert!(story.contains("starts again"), "the crash that lost the tail is told: {story}");
    assert_eq!(lab(&["simulate", "--trace", file]).1, story, "the same trace tells the same story");

    // Without the mistake the same acts do no harm.
    let mut honest = kept;
    honest["plan"].as_object_mut().unwrap().remove("defect");
    let file = folder.path().join("honest.json");
    std::fs::write(&file, honest.to_string()).unwrap();
    let (well, story) = lab(&["simulate", "--trace", file.to_str().unwrap()]);
    assert!(well && story.ends_with("nothing is wrong\n"), "{story}");
}
