//! Reference data as it comes in: parts are gathered, and an edition is applied whole or not at all. Whatever is wrong
//! with one changes nothing: the site works on the last good version, tells a person, and tells the hub what it holds.

use std::collections::{BTreeMap, BTreeSet};

use outpost_model::barcode::Barcode;
use outpost_model::id::Sku;
use outpost_model::reference::{PRODUCTS, RULES};
use outpost_sync::reference::{Holding, KIND, Manifest, Part, Place, ReferenceError, Sum, Version};
use outpost_sync::{PublicIdentity, Record};

use super::apply::HUB;
use crate::store::product::{self, Product};
use crate::store::reference::{self, Held};
use crate::store::{exception, identity, setting};
use crate::write::{Stop, Unit};

/// The most items that a set may have.
pub const ITEMS_MAX: usize = 300_000;
/// The most bytes that an edition may have when it is unpacked.
pub const BYTES_MAX: usize = 64 << 20;

const REFUSED: &str = "reference_refused";

/// Why an edition is not applied: a stable code.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Wrong {
    /// It starts from a version that is not here.
    Base,
    /// Not signed by the hub for this site, or changed.
    Edition(ReferenceError),
    /// An item cannot be understood.
    Content,
    /// It does not lead to the set that it promises.
    Sum,
    /// It is too large.
    TooLarge,
}

impl Wrong {
    fn code(self) -> &'static str {
        match self {
            Self::Base => "other_base",
            Self::Edition(ReferenceError::Signature) => "bad_signature",
            Self::Edition(ReferenceError::Site) => "other_site",
            Self::Edition(_) => "malformed_edition",
            Self::Content => "unreadable_content",
            Self::Sum => "wrong_sum",
            Self::TooLarge => "too_large",
        }
    }
}

/// What an edition changes, understood.
#[derive(Default)]
struct Plan {
    put: Vec<(String, String, [u8; 32])>,
    gone: Vec<String>,
    products: Vec<Product>,
    held: Held,
}

/// Takes a record of an edition. Never an error of the stream: what cannot be used is told, not set aside.
pub fn take(unit: &mut Unit<'_>, record: &Record) -> Result<(), Stop> {
    let Ok(place) = record.key.parse::<Place>() else {
        return refuse(unit, "unknown", Version::default(), Wrong::Edition(ReferenceError::Malformed));
    };
    let held = reference::held(unit.tx(), &place.set)?;
    if place.version <= held.version {
        return Ok(());
    }
    let manifest = if place.part == 0 {
        open(unit, &place, &record.bytes)?.map(|(manifest, _)| Some(manifest))
    } else {
        announced(unit, &place)?
    };
    let manifest = match manifest {
        Ok(manifest) => manifest,
        Err(wrong) => return refuse(unit, &place.set, place.version, wrong),
    };
    // Its first part was not accepted, or not yet here: the hub is told what is needed when it is.
    let Some(manifest) = manifest else { return Ok(()) };
    if manifest.base.is_some_and(|base| base != held.version) {
        return refuse(unit, &place.set, place.version, Wrong::Base);
    }
    if place.part > 0 && manifest.part(place.part, &record.bytes).is_err() {
        return refuse(unit, &place.set, place.version, Wrong::Edition(ReferenceError::Part));
    }
    reference::gather(unit.tx(), &place, &record.bytes)?;
    if reference::parts(unit.tx(), &place.set, place.version)? < manifest.parts.len() {
        return Ok(());
    }
    match plan(unit, &place, &manifest, held)? {
        Ok(plan) => apply(unit, &manifest, plan),
        Err(wrong) => refuse(unit, &place.set, place.version, wrong),
    }
}

type Announced = Result<Option<Manifest>, Wrong>;

fn open(unit: &Unit<'_>, place: &Place, bytes: &[u8]) -> Result<Result<(Manifest, Vec<u8>), Wrong>, Stop> {
    let hub = identity::enrollment(unit.tx())?
        .and_then(|enrollment| PublicIdentity::from_hex(&enrollment.hub_public_key).ok());
    let Some(hub) = hub else { return Ok(Err(Wrong::Edition(ReferenceError::Signature))) };
    let opened = Manifest::open(bytes, place, unit.site().id.as_str(), &hub);
    Ok(opened.map_err(Wrong::Edition))
}

fn announced(unit: &Unit<'_>, place: &Place) -> Result<Announced, Stop> {
    let first = Place { part: 0, ..place.clone() };
    match reference::gathered(unit.tx(), &first)? {
        Some(bytes) => Ok(open(unit, &first, &bytes)?.map(|(manifest, _)| Some(manifest))),
        None => Ok(Ok(None)),
    }
}

/// Reads all parts and works out what they change, before anything is written.
fn plan(
    unit: &Unit<'_>,
    place: &Place,
    manifest: &Manifest,
    held: Held,
) -> Result<Result<Plan, Wrong>, Stop> {
    let (set, conn) = (place.set.as_str(), unit.tx());
    let mut puts: BTreeMap<String, String> = BTreeMap::new();
    let mut gone: BTreeSet<String> = BTreeSet::new();
    let mut bytes = 0;
    for index in 0..u32::try_from(manifest.parts.len()).unwrap_or(u32::MAX) {
        let at = Place { part: index, ..place.clone() };
        let Some(mut raw) = reference::gathered(conn, &at)? else { return Ok(Err(Wrong::Sum)) };
        if index == 0 {
            raw = match open(unit, &at, &raw)? {
                Ok((_, part)) => part,
                Err(wrong) => return Ok(Err(wrong)),
            };
        }
        let part: Part = match manifest.part(index, &raw) {
            Ok(part) => part,
            Err(error) => return Ok(Err(Wrong::Edition(error))),
        };
        bytes += part.put.iter().map(|(key, text)| key.len() + text.len()).sum::<usize>();
        puts.extend(part.put);
        gone.extend(part.gone);
        if bytes > BYTES_MAX || puts.len() > ITEMS_MAX {
            return Ok(Err(Wrong::TooLarge));
        }
    }
    if manifest.base.is_none() {
        gone.extend(reference::keys(conn, set)?.into_iter().filter(|key| !puts.contains_key(key)));
    }
    let mut plan = Plan { held: Held { version: manifest.version, ..held }, ..Plan::default() };
    for key in gone {
        if let Some(before) = reference::digest(conn, set, &key)? {
            plan.held.sum.toggle_digest(&before);
            plan.held.count = plan.held.count.saturating_sub(1);
            plan.gone.push(key);
        }
    }
    for (key, text) in puts {
        let digest = Sum::digest(&key, &text);
        match reference::digest(conn, set, &key)? {
            Some(before) if before == digest => continue,
            Some(before) => plan.held.sum.toggle_digest(&before),
            None => plan.held.count += 1,
        }
        plan.held.sum.toggle_digest(&digest);
        if set == PRODUCTS {
            let Some(product) = product_of(&key, &text) else { return Ok(Err(Wrong::Content)) };
            plan.products.push(product);
        }
        plan.put.push((key, text, digest));
    }
    if plan.held.sum != manifest.sum || plan.held.count != manifest.count {
        return Ok(Err(Wrong::Sum));
    }
    if set == RULES && !rules_are_sound(unit, &plan) {
        return Ok(Err(Wrong::Content));
    }
    Ok(Ok(plan))
}

/// A product as the tables take it.
fn product_of(key: &str, text: &str) -> Option<Product> {
    let mut product: Product = serde_json::from_str(text).ok()?;
    for barcode in &mut product.barcodes {
        // Looked up in the one form that every width of a number has.
        if let Ok(code) = Barcode::parse(&barcode.code) {
            barcode.code = code.to_string();
        }
    }
    let sound = product.sku.as_str() == key && product.barcodes.iter().all(|barcode| !barcode.qty.is_zero());
    sound.then_some(product)
}

/// Rules are put in force in the same breath, so that what cannot be understood is known before it is kept.
fn rules_are_sound(unit: &Unit<'_>, plan: &Plan) -> bool {
    let Some((_, text, _)) = plan.put.iter().find(|(key, ..)| key == RULES) else { return true };
    if unit.site().own_rules {
        return true;
    }
    let name = format!("hub rules {}", plan.held.version);
    let read = unit.site().rules.try_reload(&name, text);
    read.inspect_err(
        |errors| tracing::warn!(%errors, "the hub's rules are not understood; the old ones stay"),
    )
    .is_ok()
}

fn apply(unit: &mut Unit<'_>, manifest: &Manifest, plan: Plan) -> Result<(), Stop> {
    let (set, conn) = (manifest.set.as_str(), unit.tx());
    for key in &plan.gone {
        reference::remove(conn, set, key)?;
        if set == PRODUCTS {
            let sku = Sku::new(key.as_str()).map_err(|error| Stop::Broken(error.to_string()))?;
            product::remove(conn, &sku)?;
        }
    }
    for product in &plan.products {
        product::save(conn, product, manifest.version.n)?;
    }
    for (key, text, digest) in &plan.put {
        let own_table = set == PRODUCTS;
        reference::put(conn, set, key, digest, (!own_table).then_some(text.as_str()))?;
        if set == RULES && key == RULES {
            setting::save(conn, super::RULES, text)?;
        }
    }
    reference::put_in_force(conn, set, &plan.held)?;
    reference::drop_parts(conn, set, manifest.version)?;
    let (items, gone) = (plan.put.len(), plan.gone.len());
    tracing::info!(set, version = %manifest.version, items, gone, "reference data was brought up to date");
    exception::resolve(conn, unit.now(), REFUSED, &subject(set))?;
    report(unit, set, Said::InForce)
}

/// Why the hub is told.
#[derive(Clone, Copy)]
enum Said {
    /// A new version is in force.
    InForce,
    /// A life of the site begins.
    Start,
    /// This edition starts from another version than the one here.
    Need(Version),
    /// This edition was refused.
    Refused(Version, &'static str),
}

fn subject(set: &str) -> String {
    format!("site/{set}")
}

/// Nothing has changed; a person and the hub hear why. A delta from another base is no trouble: a snapshot follows.
fn refuse(unit: &mut Unit<'_>, set: &str, version: Version, wrong: Wrong) -> Result<(), Stop> {
    reference::drop_parts(unit.tx(), set, version)?;
    let code = wrong.code();
    tracing::warn!(set, %version, code, "reference data was refused; the version before stays in force");
    if wrong != Wrong::Base {
        let event = format!("{version} {code}");
        unit.raise(REFUSED, &subject(set), &event, crate::app::sentence(REFUSED))?;
    }
    report(unit, set, if wrong == Wrong::Base { Said::Need(version) } else { Said::Refused(version, code) })
}

/// Tells the hub what the site holds of a set.
fn report(unit: &mut Unit<'_>, set: &str, said: Said) -> Result<(), Stop> {
    let progress = outpost_journal::progress(unit.tx(), HUB)?;
    let holding = Holding {
        version: reference::held(unit.tx(), set)?.version,
        need: matches!(said, Said::Need(_)),
        of: match said {
            Said::Need(version) | Said::Refused(version, _) => Some(version),
            Said::InForce | Said::Start => None,
        },
        start: matches!(said, Said::Start),
        through: progress.last().map(|progress| progress.mark().position()),
        refused: if let Said::Refused(_, code) = said { Some(code.to_owned()) } else { None },
    };
    let json = serde_json::to_vec(&holding).map_err(|error| Stop::Broken(error.to_string()))?;
    unit.send(Record::new(KIND, set, json))
}

/// Tells the hub of all sets once in each life of the site: after a restore they are older than the hub thinks.
pub fn report_once(unit: &mut Unit<'_>) -> Result<(), Stop> {
    const REPORTED: &str = "reference_reported_in";
    let life = unit.documents().actor().to_string();
    if setting::load::<String>(unit.tx(), REPORTED)?.as_deref() == Some(life.as_str()) {
        return Ok(());
    }
    setting::save(unit.tx(), REPORTED, &life)?;
    for set in reference::names(unit.tx())? {
        report(unit, &set, Said::Start)?;
    }
    Ok(())
}
