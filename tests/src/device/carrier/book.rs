//! What the carrier has sold and seen.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::label::{tracking_number, write_label};

/// Heaviest parcel it takes, in grams.
const WEIGHT_MAX_G: u32 = 31_500;
/// Longest side it takes, in millimeters.
const SIDE_MAX_MM: u32 = 2_000;

/// Where a parcel goes.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Address {
    /// Who.
    pub name: String,
    /// Company.
    #[serde(default)]
    pub company: Option<String>,
    /// Street and house, line by line.
    #[serde(default)]
    pub address: Vec<String>,
    /// Town.
    #[serde(default)]
    pub city: String,
    /// State or province.
    #[serde(default)]
    pub region: Option<String>,
    /// Postal code.
    #[serde(default)]
    pub postal_code: String,
    /// ISO 3166-1 alpha-2.
    pub country: String,
    /// Telephone.
    #[serde(default)]
    pub phone: Option<String>,
}

/// The body of a purchase.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PurchaseRequest {
    /// The shipper's own reference, printed on the label.
    pub reference: String,
    /// `economy`, `standard` or `express`.
    pub service: String,
    /// Weight in grams.
    pub weight_g: u32,
    /// Length in millimeters.
    #[serde(default)]
    pub length_mm: u32,
    /// Width in millimeters.
    #[serde(default)]
    pub width_mm: u32,
    /// Height in millimeters.
    #[serde(default)]
    pub height_mm: u32,
    /// Where to.
    pub to: Address,
}

/// What the carrier saw of a parcel.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Fact {
    /// Taken over from the shipper.
    Accepted,
    /// On its way.
    InTransit,
    /// Handed to the addressee.
    Delivered,
    /// On its way back.
    ReturnedToSender,
}

/// A parcel, from its label on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Parcel {
    /// Its number.
    pub tracking: String,
    /// The key it was bought with.
    pub key: String,
    /// What was asked for.
    pub request: PurchaseRequest,
    /// The label, as ZPL.
    pub label: String,
    /// What it cost, in minor units of euros.
    pub price_minor: u64,
    /// Whether it was taken back.
    pub voided: bool,
    /// What was seen, in order: fact and time.
    pub facts: Vec<(Fact, i64)>,
}

/// What happened so far.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counts {
    /// Labels sold.
    pub bought: u64,
    /// Labels taken back.
    pub voided: u64,
    /// Purchases answered with a label that had been sold before.
    pub replayed: u64,
    /// Purchases refused.
    pub refused: u64,
}

/// Why the carrier says no; the code is stable.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct No {
    pub status: u16,
    pub code: &'static str,
    pub sentence: &'static str,
}

const fn no(status: u16, code: &'static str, sentence: &'static str) -> No {
    No { status, code, sentence }
}

pub(super) const UNKNOWN: No = no(404, "unknown_label", "No label has this tracking number.");
const OTHER_REQUEST: No = no(409, "key_reused", "This idempotency key was used for another request.");
const NO_ADDRESS: No = no(422, "address_incomplete", "Name, country, town and one address line are needed.");
const NO_SERVICE: No = no(422, "service_unknown", "The services are economy, standard and express.");
const TOO_HEAVY: No = no(422, "parcel_too_heavy", "A parcel weighs between 1 g and 31.5 kg.");
const TOO_LARGE: No = no(422, "parcel_too_large", "No side of a parcel is longer than 2 m.");
const IN_NETWORK: No =
    no(409, "already_in_network", "The parcel was scanned; its label cannot be taken back.");
const WAS_VOIDED: No = no(409, "label_voided", "The label was taken back; a parcel with it is not carried.");

/// The carrier's books.
#[derive(Default)]
pub(super) struct Book {
    parcels: BTreeMap<String, Parcel>,
    by_key: BTreeMap<String, String>,
    counts: Counts,
}

fn check(request: &PurchaseRequest) -> Result<(), No> {
    let to = &request.to;
    if to.name.trim().is_empty()
        || to.city.trim().is_empty()
        || to.address.is_empty()
        || to.country.len() != 2
    {
        return Err(NO_ADDRESS);
    }
    if !matches!(request.service.as_str(), "economy" | "standard" | "express") {
        return Err(NO_SERVICE);
    }
    if request.weight_g == 0 || request.weight_g > WEIGHT_MAX_G {
        return Err(TOO_HEAVY);
    }
    if [request.length_mm, request.width_mm, request.height_mm].iter().any(|side| *side > SIDE_MAX_MM) {
        return Err(TOO_LARGE);
    }
    Ok(())
}

/// A base price by service, and so much a started kilogram of what counts more, weight or volume (5,000 cm³ a kg).
fn price_minor(request: &PurchaseRequest) -> u64 {
    let sides = [request.length_mm, request.width_mm, request.height_mm].map(u64::from);
    let volume_g = sides.iter().product::<u64>() / 5_000;
    let kilograms = volume_g.max(u64::from(request.weight_g)).div_ceil(1_000);
    let (base, per_kilogram) = match request.service.as_str() {
        "express" => (1_290, 180),
        "standard" => (590, 60),
        _ => (390, 50),
    };
    base + per_kilogram * kilograms
}

impl Book {
    /// Sells a label, or finds the one that was sold with this key.
    pub fn buy(&mut self, key: &str, request: PurchaseRequest) -> Result<Parcel, No> {
        if let Some(parcel) = self.by_key.get(key).and_then(|tracking| self.parcels.get(tracking)) {
            if parcel.request != request {
                self.counts.refused += 1;
                return Err(OTHER_REQUEST);
            }
            self.counts.replayed += 1;
            return Ok(parcel.clone());
        }
        if let Err(no) = check(&request) {
            self.counts.refused += 1;
            return Err(no);
        }
        self.counts.bought += 1;
        let tracking = tracking_number(self.counts.bought);
        let parcel = Parcel {
            label: write_label(&tracking, &request),
            price_minor: price_minor(&request),
            tracking: tracking.clone(),
            key: key.to_owned(),
            request,
            voided: false,
            facts: Vec::new(),
        };
        self.by_key.insert(key.to_owned(), tracking.clone());
        self.parcels.insert(tracking, parcel.clone());
        Ok(parcel)
    }

    /// Takes a label back. To do so twice is no mistake.
    pub fn void(&mut self, tracking: &str) -> Result<(), No> {
        let parcel = self.parcels.get_mut(tracking).ok_or(UNKNOWN)?;
        if !parcel.facts.is_empty() {
            return Err(IN_NETWORK);
        }
        if !parcel.voided {
            parcel.voided = true;
            self.counts.voided += 1;
        }
        Ok(())
    }

    /// Scans a parcel.
    pub fn observe(&mut self, tracking: &str, fact: Fact, at: i64) -> Result<(), No> {
        let parcel = self.parcels.get_mut(tracking).ok_or(UNKNOWN)?;
        if parcel.voided {
            return Err(WAS_VOIDED);
        }
        parcel.facts.push((fact, at));
        Ok(())
    }

    pub fn parcel(&self, tracking: &str) -> Option<&Parcel> {
        self.parcels.get(tracking)
    }

    pub fn parcels(&self) -> impl Iterator<Item = &Parcel> {
        self.parcels.values()
    }

    pub fn counts(&self) -> Counts {
        self.counts
    }
}
