//! What the stories about a site have in common.
#![allow(dead_code, reason = "each test program uses its own part")]

use outpost_edge::testing::{Bench, CASE_SKU};
use outpost_edge::write::Answer;
use outpost_model::command::CaseCommand;
use outpost_model::fact::{ProofMethod, Recipient};
use outpost_model::id::{CaseId, ReasonCode, Sku};
use outpost_model::intent::HubEvent;

pub fn sku() -> Sku {
    Sku::new(CASE_SKU).unwrap()
}

pub fn reason(code: &str) -> ReasonCode {
    ReasonCode::new(code).unwrap()
}

pub fn hand_over(proof: ProofMethod, code: Option<&str>) -> CaseCommand {
    CaseCommand::HandOver {
        lines: Vec::new(),
        containers: Vec::new(),
        to: if proof == ProofMethod::Scan { Recipient::Carrier } else { Recipient::Customer },
        proof,
        code: code.map(str::to_owned),
        proof_ref: None,
        manifest: None,
        override_reason: None,
        already_done: false,
    }
}

pub fn rejected(answer: Answer) -> String {
    match answer {
        Answer::Rejected(rejection) => rejection.code.into_owned(),
        other => panic!("not refused: {other:?}"),
    }
}

pub fn cancel(bench: &mut Bench, case: CaseId) -> outpost_model::id::EventId {
    bench.tell_hub();
    let said = HubEvent::CancelRequested { lines: Vec::new(), reason: reason("customer_changed_mind") };
    let (intent, item) = bench.hub.say(case, said);
    bench.merge(vec![item]);
    intent
}
