//! Records of the hub: people's data, labels, reference data, opening stock.

use outpost_model::id::RecordId;
use outpost_model::order::Contact;
use outpost_model::time::UtcMillis;
use outpost_sync::Record;
use outpost_sync::reference::KIND;
use outpost_sync::seal::{self, Name, RecordKey};

use super::admit::Refused;
use super::reference;
use crate::app::opening::{self, OpeningLine};
use crate::app::waiting;
use crate::store::{case, identity, record};
use crate::write::{News, Stop, Unit};

/// The setting that holds the rules the hub sent last.
pub const RULES: &str = "hub_rules";

/// A record of the hub, understood.
pub enum Received {
    /// Something that concerns a person: a name and address, or a label.
    Sealed(Sealed),
    /// A part of an edition of reference data.
    Reference,
    /// A batch of opening stock.
    Opening(Vec<OpeningLine>),
    /// Something of a later version: kept.
    Other,
}

/// A sealed record, opened once to see that it can be.
pub struct Sealed {
    id: RecordId,
    retain_until: UtcMillis,
    /// Nothing when its time was over before it came.
    key: Option<RecordKey>,
}

/// Reads a record, or says that it cannot be read.
pub fn read(unit: &Unit<'_>, record: &Record) -> Result<Result<Received, Refused>, Stop> {
    if !matches!(record.kind.as_str(), record::CONTACT | record::LABEL) {
        return Ok(read_plain(record));
    }
    let enrollment = identity::enrollment(unit.tx())?;
    let secret = enrollment.and_then(|enrollment| enrollment.secret()).unwrap_or_default();
    Ok(read_sealed(record, unit.site().id.as_str(), &secret).map(Received::Sealed))
}

/// Opens a sealed record with the key that came along. One without a key is taken as it is: nobody will ever read it.
fn read_sealed(record: &Record, site: &str, secret: &[u8]) -> Result<Sealed, Refused> {
    let id = record.key.parse::<RecordId>().map_err(|_| Refused::BadRecord)?;
    let retain_until = seal::retain_until_ms(&record.bytes).map_err(|_| Refused::BadRecord)?;
    let mut sealed = Sealed { id, retain_until: UtcMillis(retain_until), key: None };
    if record.attached.is_empty() {
        return Ok(sealed);
    }
    let name = Name { kind: &record.kind, key: &record.key };
    let key = RecordKey::unwrap(secret, site, name, &record.bytes, &record.attached);
    let key = key.map_err(|_| Refused::Closed)?;
    let content = key.open(name, &record.bytes).map_err(|_| Refused::Closed)?;
    let sound = match record.kind.as_str() {
        record::CONTACT => serde_json::from_slice::<Contact>(&content).is_ok(),
        _ => !content.is_empty(),
    };
    sealed.key = Some(key);
    if sound { Ok(sealed) } else { Err(Refused::BadRecord) }
}

fn read_plain(record: &Record) -> Result<Received, Refused> {
    let json = || std::str::from_utf8(&record.bytes).map_err(|_| Refused::BadRecord);
    fn parse<T: serde::de::DeserializeOwned>(text: &str) -> Result<T, Refused> {
        serde_json::from_str(text).map_err(|_| Refused::BadRecord)
    }
    Ok(match record.kind.as_str() {
        KIND => Received::Reference,
        "opening" if !record.key.is_empty() => Received::Opening(parse(json()?)?),
        "opening" => return Err(Refused::BadRecord),
        _ => Received::Other,
    })
}

/// Takes a record in.
pub fn receive(unit: &mut Unit<'_>, raw: &Record, received: Received) -> Result<(), Stop> {
    match received {
        Received::Sealed(sealed) => keep(unit, raw, sealed)?,
        Received::Reference => reference::take(unit, raw)?,
        Received::Opening(lines) => {
            unit.act_by_rule();
            opening::book(unit, &raw.key, &lines)?;
        }
        Received::Other => {
            record::save(unit.tx(), &raw.kind, &raw.key, &raw.bytes, unit.now())?;
        }
    }
    Ok(())
}

/// Keeps what was sealed as it came, and its key apart. Cases that waited for it can be worked on.
fn keep(unit: &mut Unit<'_>, raw: &Record, sealed: Sealed) -> Result<(), Stop> {
    let name = Name { kind: &raw.kind, key: &raw.key };
    record::save_sealed(unit.tx(), name, &raw.bytes, sealed.retain_until, unit.now())?;
    if let Some(key) = sealed.key {
        unit.keep_key(name, key, sealed.retain_until);
    }
    if raw.kind == record::CONTACT {
        for case in case::record_came(unit.tx(), sealed.id, unit.now())? {
            waiting::came(unit, case)?;
            unit.tell(News::Case(case));
        }
    }
    Ok(())
}
