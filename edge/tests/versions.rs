//! Words of a later version: kept and not folded; critical ones stop what cannot be taken back.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod support;

use outpost_edge::testing::Bench;
use outpost_edge::write::Answer;
use outpost_model::fact::ProofMethod;
use outpost_model::header::Service;
use outpost_model::id::DocumentKey;
use support::{hand_over, rejected};

#[test]
fn a_word_of_a_later_version_is_kept_and_a_critical_one_stops_the_handover() {
    let folder = tempfile::tempdir().unwrap();
    let mut bench = Bench::stocked(folder.path(), 10);
    let case = bench.offer(Service::Pickup, 1)[0];
    let key = DocumentKey::Case(case);
    let said = |n: u64, critical: bool| {
        format!(
            "{{\"n\":{n},\"seen\":0,\"at\":1,\"by\":\"hub\",\"critical\":{critical},\
             \"kind\":\"gift_wrapped\",\"data\":{{\"paper\":\"red\"}}}}"
        )
    };
    let before = bench.case(case);
    let word = bench.hub.append_text(&key, "0190b3a4c5d67e8f9a0b1c2d3e4f5061.0", &said(1, false));
    bench.merge(vec![word]);
    let after = bench.case(case);
    assert_eq!((after.hub_n, after.update_needed), (1, false));
    assert_eq!((&after.lines, &after.end), (&before.lines, &before.end), "nothing of it is folded");
    assert!(matches!(bench.pick(case, "T1"), Answer::Applied(_)), "work goes on");
    bench.tell_hub();
    let word = bench.hub.append_text(&key, "0190b3a4c5d67e8f9a0b1c2d3e4f5061.1", &said(2, true));
    bench.merge(vec![word]);
    assert!(bench.case(case).update_needed);
    assert_eq!(rejected(bench.act(case, hand_over(ProofMethod::Identification, None))), "update_needed");
    let bench = bench.restart();
    assert!(bench.case(case).update_needed, "a restart does not make it understood");
    // Both words are there for whoever understands them.
    let ours =
        outpost_journal::load(bench.core.connection(), &key.to_string().parse().unwrap()).unwrap().unwrap();
    let text =
        ours.later.iter().filter(|change| String::from_utf8_lossy(&change.bytes).contains("gift_wrapped"));
    assert_eq!(text.count(), 2);
}
