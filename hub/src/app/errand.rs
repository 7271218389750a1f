//! Errands: what a use case wants to say to a site that another worker works for. Only that one appends to the site's
//! stream, so it is left for him, in the same transaction as all else, and done in one of his.

use futures_util::future::BoxFuture;
use outpost_model::id::{CaseId, DocumentKey, SiteId};
use outpost_model::intent::HubEvent;
use outpost_model::page::HubPageEvent;
use outpost_sync::{Item, Record};
use serde::{Deserialize, Serialize};

use super::{documents, settle, stand};
use crate::error::HubError;
use crate::store::{case, errand, exception};
use crate::wake::News;
use crate::write::Unit;

/// What is to be appended.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "do", rename_all = "snake_case")]
pub enum Errand {
    /// Found a document, after the records it needs.
    Found {
        /// Its name.
        document: String,
        /// Its header.
        header: String,
        /// The records.
        records: Vec<Carried>,
    },
    /// Say something of a case.
    Say {
        /// The case.
        case: CaseId,
        /// Records that go before.
        records: Vec<Carried>,
        /// What.
        kinds: Vec<HubEvent>,
        /// Whether an answer is waited for.
        ask: bool,
    },
    /// Say something of the site as a whole.
    Page {
        /// What.
        kinds: Vec<HubPageEvent>,
    },
    /// Send records.
    Records {
        /// Which.
        records: Vec<Carried>,
    },
}

/// A record on its way over the table.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Carried {
    kind: String,
    key: String,
    bytes: String,
}

impl From<Record> for Carried {
    fn from(record: Record) -> Self {
        Self { kind: record.kind, key: record.key, bytes: hex::encode(record.bytes) }
    }
}

impl Carried {
    fn record(self) -> Result<Record, HubError> {
        let bytes =
            hex::decode(&self.bytes).map_err(|error| HubError::corrupt("errand", &self.key, error))?;
        Ok(Record::new(self.kind, self.key, bytes))
    }
}

impl Errand {
    /// Foundings come before what is said in the documents, whoever left it and by whatever clock.
    pub fn ordinal(&self) -> i64 {
        match self {
            Self::Found { .. } => 0,
            Self::Say { .. } | Self::Page { .. } | Self::Records { .. } => 1,
        }
    }
}

/// Whether this worker may append to the site's stream in this transaction. If so, errands that were left for it have
/// been done, so that what is said now comes after them.
pub async fn ours(unit: &mut Unit, site: &SiteId) -> Result<bool, HubError> {
    if !unit.holds(site).await? {
        return Ok(false);
    }
    if unit.is_shared() && unit.first_look(site) {
        run(unit, site).await?;
    }
    Ok(true)
}

/// Leaves an errand for whoever works for the site.
pub async fn leave(unit: &mut Unit, site: &SiteId, errand: &Errand) -> Result<(), HubError> {
    let id = unit.ids().uuid();
    errand::put(unit.db(), id, site, (errand.ordinal(), errand)).await
}

/// Does what was left for a site of this worker.
pub fn run<'u>(unit: &'u mut Unit, site: &'u SiteId) -> BoxFuture<'u, Result<(), HubError>> {
    Box::pin(async move {
        if !unit.holds(site).await? {
            return Ok(());
        }
        // What is left to do must not be looked for again by what is done.
        unit.first_look(site);
        for errand in errand::take::<Errand>(unit.db(), site).await? {
            one(unit, site, errand).await?;
        }
        Ok(())
    })
}

async fn one(unit: &mut Unit, site: &SiteId, errand: Errand) -> Result<(), HubError> {
    match errand {
        Errand::Found { document, header, records } => {
            let key: DocumentKey =
                document.parse().map_err(|error| HubError::corrupt("errand", &document, error))?;
            let position = documents::found(unit, site, &key, &header, read(records)?).await?;
            if let DocumentKey::Case(case) = key {
                case::place(unit.db(), case, position).await?;
                unit.wakes.news.insert(News::Case(case));
            }
        }
        Errand::Say { case, records, kinds, ask } => {
            let Some(mut row) = case::get(unit.db(), case).await? else {
                return without_case(unit, site, case).await;
            };
            let before = row.state.exceptions.clone();
            if ask {
                for kind in kinds {
                    stand::ask(unit, &mut row, kind).await?;
                }
            } else {
                documents::say(unit, &mut row, read(records)?, kinds).await?;
            }
            settle::raise_new(unit, &row, &before).await?;
            unit.wakes.news.insert(News::Case(case));
        }
        Errand::Page { kinds } => drop(documents::say_on_page(unit, site, kinds).await?),
        Errand::Records { records } => {
            let items: Vec<Item> = read(records)?.into_iter().map(Item::Record).collect();
            unit.append(site, &items).await?;
        }
    }
    Ok(())
}

fn read(records: Vec<Carried>) -> Result<Vec<Record>, HubError> {
    records.into_iter().map(Carried::record).collect()
}

/// Nothing of it can be done, and it must not hold up what was left after it.
async fn without_case(unit: &mut Unit, site: &SiteId, case: CaseId) -> Result<(), HubError> {
    unit.raise(exception::New {
        code: "errand_without_case",
        sentence: format!("Something was to be said to {site} of a case that is not here."),
        once: format!("errand_without_case {case}"),
        site: Some(site.clone()),
        ..Default::default()
    })
    .await?;
    Ok(())
}
