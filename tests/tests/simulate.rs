//! The simulator itself: the same plan gives the same run, honest seeds are quiet, and planted mistakes are found. The
//! long runs, and the mistakes in the product's own code, are steps of `tests/run`.

#![allow(clippy::unwrap_used)]

use outpost_lab::simulate::{Defect, Morning, Plan, find, run_plan};

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
