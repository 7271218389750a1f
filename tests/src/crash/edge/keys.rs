//! Keys of sealed records, in a database of their own beside the main one: an image holds both as of one moment.

use outpost_disk::Disk;
use outpost_edge::store::record::CONTACT;
use outpost_edge::store::vault::Vault;
use outpost_model::order::Contact;
use outpost_sync::seal::Name;
use rusqlite::Connection;

use super::super::Harm;
use super::DATABASE;
use super::check::Wrong;
use super::diary::{Diary, Oath};

/// A person of whom nothing is true.
pub fn somebody() -> Contact {
    Contact {
        name: "Ada Example".to_owned(),
        company: None,
        address: vec!["Teststr. 1".to_owned()],
        city: "Berlin".to_owned(),
        region: None,
        postal_code: "10115".to_owned(),
        country: "DE".to_owned(),
        phone: None,
        email: None,
    }
}

/// Every record that is in the main database opens, until its time is over; and what was deleted does not come back.
pub fn check(disk: &Disk, main: &Connection, diary: &Diary, marked: u64) -> Vec<Wrong> {
    let vault = Vault::beside(&disk.path(DATABASE));
    match looked(&vault, main, diary, marked) {
        Ok(wrong) => wrong,
        Err(error) => vec![(Harm::Damaged, format!("the keys: {error}"))],
    }
}

fn looked(
    vault: &Vault,
    main: &Connection,
    diary: &Diary,
    marked: u64,
) -> Result<Vec<Wrong>, Box<dyn std::error::Error>> {
    let mut wrong = Vec::new();
    let gone_through = diary.deleted_through(marked).0;
    let mut sealed =
        main.prepare("SELECT key, bytes, retain_until FROM sealed WHERE kind = ?1 AND length(bytes) > 0")?;
    let mut rows = sealed.query([CONTACT])?;
    while let Some(row) = rows.next()? {
        let (record, bytes, until): (String, Vec<u8>, i64) = (row.get(0)?, row.get(1)?, row.get(2)?);
        match vault.get(CONTACT, &record)? {
            None if until >= gone_through => wrong.push((Harm::Lost, format!("the key of record {record}"))),
            Some(key) if key.open(Name { kind: CONTACT, key: &record }, &bytes).is_err() => {
                wrong.push((Harm::Broken, format!("record {record} has the key of another")));
            }
            _ => {}
        }
    }
    for oath in diary.through(marked) {
        let Oath::Closed(record) = oath else { continue };
        if vault.get(CONTACT, record)?.is_some() {
            wrong.push((Harm::Reused, format!("the key of record {record}, which was deleted, is back")));
        }
    }
    Ok(wrong)
}
