//! Images of the disk after a power cut: nothing that was answered is lost, and defects that lose it are found.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on ends here")]

use outpost_lab::crash::{CrashArgs, Defect, Harm, Report, Side, edge, hub, many};

/// Images on the scale of this run: `OUTPOST_SIM_SCALE` multiplies them.
fn scaled(images: u32) -> u32 {
    let scale = std::env::var("OUTPOST_SIM_SCALE").ok().and_then(|text| text.parse::<f64>().ok());
    (f64::from(images) * scale.unwrap_or(1.0)).max(1.0) as u32
}

fn images(side: Side, images: u32, defect: Option<Defect>) -> Report {
    let args = CrashArgs { images, seed: 1, side, defect, keep: None, json: false };
    let report = match side {
        Side::Hub => many("hub", hub::workload, &args),
        Side::Edge | Side::Both => many("edge", edge::workload, &args),
    };
    let report = report.unwrap();
    eprintln!("{report}");
    report
}

#[test]
fn no_image_of_the_edge_lost_an_answer() {
    let report = images(Side::Edge, scaled(4_000), None);
    assert_eq!(report.bad, 0, "{report}");
    let alike =
        report.states < u64::from(report.images / 20) || report.continued < u64::from(report.images / 20);
    assert!(!alike, "the images are too much alike: {report}");
}

#[test]
fn no_image_of_the_hub_lost_an_answer() {
    let report = images(Side::Hub, scaled(2_000), None);
    assert_eq!(report.bad, 0, "{report}");
    let alike =
        report.states < u64::from(report.images / 20) || report.continued < u64::from(report.images / 20);
    assert!(!alike, "the images are too much alike: {report}");
    assert!(report.restored >= u64::from(report.images / 50), "too few copies were restored: {report}");
}

/// Planted defects: each must be found, and found as what it is.
fn found(side: Side, defect: Defect, harms: &[Harm]) {
    let report = images(side, 400, Some(defect));
    assert!(report.bad > 0, "{defect:?} was not found: {report}");
    let told = harms.iter().any(|harm| report.harmed(*harm) > 0);
    assert!(told, "{defect:?} was found as something else: {report}");
}

#[test]
fn commits_of_the_edge_that_are_not_synced_are_found() {
    found(Side::Edge, Defect::SynchronousNormal, &[Harm::Lost]);
}

#[test]
fn commits_of_the_hub_that_are_not_synced_are_found() {
    found(Side::Hub, Defect::SynchronousNormal, &[Harm::Lost]);
}

#[test]
fn a_database_that_is_never_synced_is_found() {
    found(Side::Edge, Defect::SynchronousOff, &[Harm::Lost, Harm::Damaged]);
    found(Side::Hub, Defect::SynchronousOff, &[Harm::Lost, Harm::Damaged]);
}

#[test]
fn a_disk_that_lies_is_found_at_the_edge() {
    found(Side::Edge, Defect::SyncLies, &[Harm::Lost, Harm::Damaged]);
}

#[test]
fn a_disk_that_lies_is_found_at_the_hub() {
    found(Side::Hub, Defect::SyncLies, &[Harm::Lost, Harm::Damaged]);
}

#[test]
fn answers_before_the_commit_are_found() {
    found(Side::Edge, Defect::AnswerBeforeCommit, &[Harm::Lost]);
    found(Side::Hub, Defect::AnswerBeforeCommit, &[Harm::Lost]);
}

#[test]
fn a_restored_hub_that_does_not_know_it_is_found() {
    found(Side::Hub, Defect::WitnessInTheCopy, &[Harm::Reused]);
}

#[test]
fn an_incarnation_that_is_used_again_is_found() {
    found(Side::Edge, Defect::ReuseIncarnation, &[Harm::Reused]);
}

#[test]
fn keys_that_are_durable_later_than_their_records_are_found() {
    found(Side::Edge, Defect::KeysAfterTheCommit, &[Harm::Lost]);
}
