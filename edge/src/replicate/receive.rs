//! Records of the hub: people's data, labels, products, opening stock, rules.

use outpost_model::barcode::Barcode;
use outpost_model::id::RecordId;
use outpost_sync::Record;

use super::admit::Refused;
use crate::app::opening::{self, OpeningLine};
use crate::store::product::Product;
use crate::store::record::ContactRecord;
use crate::store::{product, record, setting};
use crate::write::{Stop, Unit};

/// The setting that holds the rules the hub sent last.
pub const RULES: &str = "hub_rules";

/// A record of the hub, understood.
pub enum Received {
    /// A person's name and address.
    Contact(RecordId, Box<ContactRecord>),
    /// A carrier label's bytes.
    Label,
    /// A part of a version of the product list.
    Products(u64, Vec<Product>),
    /// A batch of opening stock.
    Opening(Vec<OpeningLine>),
    /// Rules for the site.
    Rules(String),
    /// Something of a later version: kept.
    Other,
}

/// Reads a record, or says that it cannot be read.
pub fn read(record: &Record) -> Result<Received, Refused> {
    let json = || std::str::from_utf8(&record.bytes).map_err(|_| Refused::BadRecord);
    fn parse<T: serde::de::DeserializeOwned>(text: &str) -> Result<T, Refused> {
        serde_json::from_str(text).map_err(|_| Refused::BadRecord)
    }
    let id = || record.key.parse::<RecordId>().map_err(|_| Refused::BadRecord);
    Ok(match record.kind.as_str() {
        "contact" => Received::Contact(id()?, Box::new(parse(json()?)?)),
        "label" if !record.bytes.is_empty() => id().map(|_| Received::Label)?,
        "label" => return Err(Refused::BadRecord),
        "products" => Received::Products(version(&record.key)?, parse(json()?)?),
        "opening" if !record.key.is_empty() => Received::Opening(parse(json()?)?),
        "opening" => return Err(Refused::BadRecord),
        "rules" => Received::Rules(json()?.to_owned()),
        _ => Received::Other,
    })
}

/// `<version>/<part>/<parts>`: parts of one version may come in any order, each is taken by itself.
fn version(key: &str) -> Result<u64, Refused> {
    let mut parts = key.split('/');
    let (version, part, of) = (parts.next(), parts.next(), parts.next());
    let number = |text: Option<&str>| text.and_then(|text| text.parse::<u64>().ok());
    match (number(version), number(part), number(of), parts.next()) {
        (Some(version), Some(_), Some(_), None) => Ok(version),
        _ => Err(Refused::BadRecord),
    }
}

/// Takes a record in.
pub fn receive(unit: &mut Unit<'_>, raw: &Record, received: Received) -> Result<(), Stop> {
    match received {
        Received::Contact(id, contact) => record::save_contact(unit.tx(), id, &contact)?,
        Received::Products(version, products) => {
            for mut product in products {
                for barcode in &mut product.barcodes {
                    // Looked up in the one form that every width of a number has.
                    if let Ok(code) = Barcode::parse(&barcode.code) {
                        barcode.code = code.to_string();
                    }
                }
                product::save(unit.tx(), &product, version)?;
            }
        }
        Received::Opening(lines) => {
            unit.act_by_rule();
            opening::book(unit, &raw.key, &lines)?;
        }
        Received::Rules(text) => apply_rules(unit, &raw.key, &text)?,
        Received::Label | Received::Other => {
            record::save(unit.tx(), &raw.kind, &raw.key, &raw.bytes, unit.now())?;
        }
    }
    Ok(())
}

/// Rules that do not parse leave the old ones in force and say so.
fn apply_rules(unit: &mut Unit<'_>, version: &str, text: &str) -> Result<(), Stop> {
    setting::save(unit.tx(), RULES, &text)?;
    if unit.site().own_rules {
        return Ok(());
    }
    if let Err(errors) = unit.site().rules.try_reload(&format!("hub rules {version}"), text) {
        tracing::warn!(version, %errors, "the hub's rules are not understood; the old ones stay");
        unit.raise("rules_refused", "site/rules", version, crate::app::sentence("rules_refused"))?;
    }
    Ok(())
}
