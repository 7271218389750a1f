//! The events of the peers that are not ours: the same picks in the same form, as plain JSON.

use serde_json::{Value, json};

use super::measure::EVENTS_OF_AN_ORDER;

/// Orders that are worked on side by side: an event follows one of another order.
pub const SIDE_BY_SIDE: usize = 64;

/// The order in which the events of `orders` orders happen: index of the order, and of the event within it.
pub fn sequence(orders: usize) -> impl Iterator<Item = (usize, usize)> {
    (0..orders).step_by(SIDE_BY_SIDE).flat_map(move |first| {
        let together = first..orders.min(first + SIDE_BY_SIDE);
        (0..EVENTS_OF_AN_ORDER as usize)
            .flat_map(move |event| together.clone().map(move |order| (order, event)))
    })
}

/// A case's id, as a hub mints it.
fn case_id(random: &mut impl rand::RngExt, order: usize) -> String {
    let (tail, time) = (random.random::<u64>(), 0x0190_b3a4_c5d6_u64 + order as u64 * 40);
    format!(
        "{:08x}-{:04x}-7{:03x}-{:04x}-{:012x}",
        time >> 16,
        time & 0xffff,
        tail >> 52,
        0x8000 | (tail >> 50) & 0x3fff,
        tail & 0xffff_ffff_ffff
    )
}

/// Events as a site without documents would send them: with their id and their case in each.
pub fn events(orders: usize) -> impl Iterator<Item = Value> {
    use rand::SeedableRng;
    let mut random = rand::rngs::StdRng::seed_from_u64(7);
    let cases: Vec<String> = (0..orders).map(|order| case_id(&mut random, order)).collect();
    sequence(orders).enumerate().map(move |(k, (order, event))| {
        use rand::RngExt;
        let command: u128 = (u128::from(0x0190_b3a4_c5d6_7000_u64 + k as u64) << 64) | u128::from(random.random::<u64>());
        let (line, product) = (event / 4 + 1, (order * 7 + event / 4 * 3) % 40);
        json!({
            "_id": format!("{command:032x}.0"), "case": cases[order],
            "n": event + 2, "seen": 1, "at": 1_763_874_000_000_u64 + k as u64 * 13, "by": "load@load-1", "kind": "picked",
            "data": {
                "line": line, "sku": format!("APP-{product:05}-CHA"), "qty": 1,
                "barcode": format!("2{:012}", product * 97_331), "location": format!("A-{:02}-{}", product / 4 + 1, product % 4 + 1),
                "container": format!("T-{}", &cases[order][24..]),
            },
        })
    })
}
