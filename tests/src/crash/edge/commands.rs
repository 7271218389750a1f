//! Commands at random, sensible and not.

use outpost_edge::testing::CASE_SKU;
use outpost_model::command::{CaseCommand, SiteCommand};
use outpost_model::fact::{LabelKind, ProofMethod, Recipient};
use outpost_model::id::{CaseId, ContainerId, LineNo, LocationId, ReasonCode, Sku};
use outpost_model::quantity::Quantity;
use outpost_model::time::UtcMillis;
use rand::RngExt;
use rand::rngs::StdRng;

/// The simplest.
pub fn accept() -> CaseCommand {
    CaseCommand::Accept
}

/// Something a person does with a case. Most of it makes sense in one of its states, and is refused in the others.
pub fn of_case(rng: &mut StdRng, case: CaseId, now: UtcMillis) -> CaseCommand {
    let short = &case.0.simple().to_string()[24..];
    let (Some(tote), Some(bag)) = (container("T", short), container("B", short)) else { return accept() };
    let (Ok(shelf), Ok(staging)) = ("R1".parse::<LocationId>(), "S1".parse::<LocationId>()) else {
        return accept();
    };
    let Ok(reason) = ReasonCode::new("not_found") else { return accept() };
    let line = LineNo(1);
    match rng.random_range(0..20) {
        0..=5 => CaseCommand::Pick {
            line,
            qty: Quantity::ONE,
            barcode: (rng.random_range(0..8) > 0).then(|| "4006381333931".to_owned()),
            lot: None,
            serial: None,
            net_weight_g: None,
            location: shelf,
            container: tote,
        },
        6 | 7 => CaseCommand::Pack {
            container: bag,
            contents: Vec::new(),
            weight_g: Some(rng.random_range(100..5_000)),
            dimensions: None,
        },
        8 | 9 => CaseCommand::Label { container: bag, label: LabelKind::Handling, override_reason: None },
        10 | 11 => CaseCommand::Stage { container: bag, location: staging },
        12 => CaseCommand::MarkReady,
        13 | 14 => CaseCommand::HandOver {
            lines: Vec::new(),
            containers: Vec::new(),
            to: Recipient::Customer,
            proof: ProofMethod::Identification,
            code: None,
            proof_ref: None,
            manifest: None,
            override_reason: None,
            already_done: rng.random_range(0..4) == 0,
        },
        15 => CaseCommand::Unpick { line, qty: Quantity::ONE, container: tote, location: shelf },
        16 => CaseCommand::Short { line, qty: Quantity::ONE, reason, location: Some(shelf) },
        17 => CaseCommand::Unpack { container: bag },
        18 => CaseCommand::KeepLonger { until: now + 86_400_000 },
        _ => CaseCommand::Accept,
    }
}

/// Something that concerns the site.
pub fn of_site(rng: &mut StdRng) -> SiteCommand {
    match (rng.random_range(0..6), Sku::new(CASE_SKU), ReasonCode::new("no_capacity")) {
        (0, _, Ok(reason)) => SiteCommand::Pause { services: Vec::new(), until: None, reason },
        (1, ..) => SiteCommand::Resume { services: Vec::new() },
        (_, Ok(sku), _) => SiteCommand::Sell { sku, qty: Quantity::ONE, location: None, receipt: None },
        _ => SiteCommand::Open,
    }
}

fn container(kind: &str, short: &str) -> Option<ContainerId> {
    format!("{kind}{short}").parse().ok()
}
