//! Which candidates may be asked at all, and in what order.

use std::cmp::Reverse;

use super::{Candidate, Coordinates, Demand, Sort};
use crate::header::Service;
use crate::order::Delivery;

/// Mean radius of the earth, meters (IUGG).
const EARTH_RADIUS_M: f64 = 6_371_008.8;

/// Why a candidate cannot be asked; empty when it can.
pub(super) fn against(demand: &Demand, candidate: &Candidate) -> Vec<String> {
    let service = demand.delivery.service();
    let mut against = Vec::new();
    let mut when = |is: bool, code: &str| {
        if is {
            against.push(code.to_owned());
        }
    };
    if let Delivery::Pickup { site } = &demand.delivery {
        when(*site != candidate.site, "not_the_chosen_site");
    }
    if let Delivery::Ship { country, postal_code, .. } = &demand.delivery {
        let everywhere = candidate.countries.is_empty();
        when(!everywhere && !candidate.countries.contains(country), "country");
        let mut zones = candidate.postal_prefixes.iter();
        let anywhere = candidate.postal_prefixes.is_empty();
        when(!anywhere && !zones.any(|zone| postal_code.starts_with(zone.as_str())), "postal_zone");
    }
    when(!candidate.services.contains(&service), "service");
    when(!candidate.open && service != Service::Pickup, "closed");
    when(candidate.paused, "paused");
    when(candidate.silent, "silent");
    when(candidate.capacity_left == Some(0), "capacity");
    when(unused(demand, candidate) == 0, "stock");
    if let Some(reason) = demand.excluded.get(&candidate.site) {
        against.push(format!("excluded={reason}"));
    }
    against
}

/// What is known of a candidate that the merchant may weigh.
pub(super) fn in_favor(demand: &Demand, candidate: &Candidate) -> Vec<String> {
    let mut reasons = Vec::new();
    if let Some(meters) = distance_m(demand, candidate) {
        reasons.push(format!("distance_km={}", meters.div_ceil(1_000)));
    }
    reasons.push(format!("unused={}", unused(demand, candidate)));
    reasons.push(format!("load={}", candidate.load));
    reasons.push(format!("priority={}", candidate.priority));
    reasons
}

/// Best first; the id decides between equals, so that the order of the input never does.
pub(super) fn rank(demand: &Demand, candidates: &mut [&Candidate], sort: &[Sort]) {
    candidates.sort_by_cached_key(|candidate| {
        let keys: Vec<Key> = sort
            .iter()
            .map(|sort| match sort {
                Sort::Distance => Key::Up(distance_m(demand, candidate).map_or(i128::MAX, i128::from)),
                Sort::Rights => Key::Down(Reverse(i128::from(unused(demand, candidate)))),
                Sort::Load => Key::Up(i128::from(candidate.load)),
                Sort::Priority => Key::Up(i128::from(candidate.priority)),
            })
            .collect();
        (keys, candidate.site.clone())
    });
}

/// A criterion's value: the smaller or the larger goes first.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
enum Key {
    Up(i128),
    Down(Reverse<i128>),
}

/// Unused rights for the SKUs that are asked for, each SKU counted once.
fn unused(demand: &Demand, candidate: &Candidate) -> u64 {
    let skus: std::collections::BTreeSet<_> = demand.lines.iter().map(|line| &line.sku).collect();
    skus.into_iter().map(|sku| candidate.unused.get(sku).copied().unwrap_or(0)).fold(0, u64::saturating_add)
}

/// Meters between the demand's destination and a site, where both places are known.
fn distance_m(demand: &Demand, candidate: &Candidate) -> Option<u64> {
    Some(haversine_m(demand.near?, candidate.at?))
}

/// Great-circle distance, meters.
pub(super) fn haversine_m(one: Coordinates, other: Coordinates) -> u64 {
    let (lat1, lat2) = (one.latitude.to_radians(), other.latitude.to_radians());
    let (dlat, dlon) = (lat2 - lat1, (other.longitude - one.longitude).to_radians());
    let chord = (dlat / 2.0).sin().powi(2) + lat1.cos() * lat2.cos() * (dlon / 2.0).sin().powi(2);
    (2.0 * EARTH_RADIUS_M * chord.clamp(0.0, 1.0).sqrt().asin()).round() as u64
}
