//! What a store says of an order that is collected there: eight facts, each a change of its own, as staff scan.

use anyhow::Result;
use outpost_model::container;
use outpost_model::fact::{Content, Dimensions, LabelKind, Permission, ProofMethod, Recipient, SiteFact};
use outpost_model::header::Header;
use outpost_model::id::{ContainerId, LocationId};
use outpost_model::quantity::Quantity;
use rand::Rng;
use rand::rngs::StdRng;

/// How many facts a case has from offer to handover.
pub const EVENTS_A_CASE: usize = 8;

/// The facts of a case with two lines, in their order. Labels take their serials from the site's block, one by one.
pub fn of(header: &Header, serial: u64, rng: &mut StdRng) -> Result<Vec<SiteFact>> {
    let mut pick = |below: u64| rng.next_u64() % below;
    let tote = ContainerId::new(format!("TOTE-{:03}", pick(400)))?;
    let bag = container::bag(header.case, 1);
    let mut facts = vec![SiteFact::Accepted];
    let mut contents = Vec::new();
    for line in header.lines.iter().take(2) {
        let shelf = ["A", "B", "C", "D"][pick(4) as usize];
        facts.push(SiteFact::Picked {
            line: line.line,
            sku: line.sku.clone(),
            qty: line.qty,
            barcode: Some(format!("{:014}", 4_006_381_000_000 + pick(2_000) * 17)),
            lot: None,
            serial: None,
            net_weight_g: None,
            location: LocationId::new(format!("{shelf}-{:02}-{}", pick(24), 1 + pick(5)))?,
            container: tote.clone(),
        });
        contents.push(content(line.line, line.sku.clone(), line.qty, tote.clone()));
    }
    facts.push(SiteFact::Packed {
        container: bag.clone(),
        contents: contents.clone(),
        weight_g: Some(200 + pick(4_000) as u32),
        dimensions: Some(Dimensions { length_mm: 300, width_mm: 200, height_mm: 100 }),
    });
    facts.push(SiteFact::Labeled {
        container: bag.clone(),
        label: LabelKind::Handling,
        number: format!("{:018}", 340_434_000_000_000_000 + serial * 10 + pick(10)),
        carrier: None,
        label_hash: (0..4).map(|_| format!("{:016x}", pick(u64::MAX))).collect(),
        permission: Permission::Granted,
    });
    facts.push(SiteFact::Staged {
        container: bag.clone(),
        location: LocationId::new(format!("PICKUP-{:02}", pick(30)))?,
    });
    facts.push(SiteFact::Ready);
    let items = contents.into_iter().map(|content| Content { from: bag.clone(), ..content }).collect();
    facts.push(SiteFact::HandedOver {
        items,
        to: Recipient::Customer,
        proof: ProofMethod::Code,
        proof_ref: None,
        manifest: None,
        permission: Permission::Granted,
    });
    Ok(facts)
}

fn content(
    line: outpost_model::id::LineNo,
    sku: outpost_model::id::Sku,
    qty: Quantity,
    from: ContainerId,
) -> Content {
    Content { line, sku, qty, from, lot: None, serial: None }
}
