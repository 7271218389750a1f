//! Documents: whose each is, and its frontier, which lets a change be checked without opening the document.

use std::collections::BTreeMap;

use outpost_model::id::SiteId;
use outpost_sync::{ChangeHash, Content, Document, DocumentId, Entry, Incarnation, Inspection, ObjectRef};
use serde::{Deserialize, Serialize};
use sqlx::AnyConnection;

use super::many::{self, Cell};
use super::{column, json, parsed, signed, to_json, unsigned};
use crate::error::HubError;

const TABLE: &str = "document";

/// Tips that a frontier remembers. A change that builds on an older one is checked by opening the document.
const TIPS_MAX: usize = 16;

/// A document's row.
#[derive(Debug, Clone)]
pub struct Row {
    /// Its id.
    pub doc: DocumentId,
    /// The site it is shared with.
    pub site: SiteId,
    /// The site's last event number.
    pub site_n: u64,
    /// The hub's last event number.
    pub hub_n: u64,
    /// What the next change may build on.
    pub frontier: Frontier,
    /// Why changes of it are set aside, if they are.
    pub quarantined: Option<String>,
}

/// The edge of a document: the map of entries, each author's last number, and the latest changes.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Frontier {
    founder: String,
    authors: BTreeMap<String, u64>,
    tips: Vec<(String, u64)>,
}

/// Why a change does not follow on a document.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Break {
    /// It is not its author's next one, or counts its operations wrongly, or writes elsewhere.
    Malformed,
    /// It builds on a change the frontier does not remember: only the whole document can tell.
    Unknown,
}

impl Frontier {
    /// The frontier of a document right after it was founded.
    pub fn founded(founding: &Inspection, hash: ChangeHash) -> Self {
        let author = founding.author.to_string();
        Self {
            founder: author.clone(),
            authors: BTreeMap::from([(author, founding.seq)]),
            tips: vec![(hash.to_string(), founding.next_op())],
        }
    }

    /// Whether a change of entries follows.
    pub fn check(&self, change: &Inspection) -> Result<(), Break> {
        let Content::Entries { ev, .. } = &change.content else { return Err(Break::Malformed) };
        let expected = entries_counter().ok_or(Break::Unknown)?;
        let next = self.authors.get(&change.author.to_string()).copied().unwrap_or(0) + 1;
        if ev.actor.to_string() != self.founder || ev.counter != expected || change.seq != next {
            return Err(Break::Malformed);
        }
        let mut start_op = 0;
        for dep in &change.deps {
            let dep = dep.to_string();
            let (_, after) = self.tips.iter().find(|(hash, _)| *hash == dep).ok_or(Break::Unknown)?;
            start_op = start_op.max(*after);
        }
        if start_op == change.start_op && !change.deps.is_empty() { Ok(()) } else { Err(Break::Malformed) }
    }

    /// Takes a checked change in.
    pub fn advance(&mut self, change: &Inspection, hash: ChangeHash) {
        self.authors.insert(change.author.to_string(), change.seq);
        if self.tips.len() == TIPS_MAX {
            self.tips.remove(0);
        }
        self.tips.push((hash.to_string(), change.next_op()));
    }
}

/// The counter of the operation that makes the map of entries: the same in every document, found out by making one.
fn entries_counter() -> Option<u64> {
    static COUNTER: std::sync::OnceLock<Option<u64>> = std::sync::OnceLock::new();
    *COUNTER.get_or_init(|| {
        let id = DocumentId::new("probe").ok()?;
        let (mut document, _) = Document::create(id, Incarnation([1; 16]), "{}").ok()?;
        let change = document.append(&[Entry { id: "e".to_owned(), text: "t".to_owned() }]).ok()??;
        let inspection = Inspection::of(&change, &outpost_sync::Limits::PROTOCOL).ok()?;
        match inspection.content {
            Content::Entries { ev: ObjectRef { counter, .. }, .. } => Some(counter),
            Content::Header(_) => None,
        }
    })
}

/// Several documents; those that do not exist are missing from the answer.
pub async fn some(
    db: &mut AnyConnection,
    docs: &[DocumentId],
) -> Result<BTreeMap<DocumentId, Row>, HubError> {
    let keys: Vec<String> = docs.iter().map(ToString::to_string).collect();
    let rows = many::select(db, "SELECT * FROM document WHERE doc IN", "", None, &keys).await?;
    rows.iter().map(|row| read(row).map(|row| (row.doc.clone(), row))).collect()
}

/// All documents of a site, by id.
pub async fn of_site(db: &mut AnyConnection, site: &SiteId) -> Result<Vec<Row>, HubError> {
    let rows = sqlx::query("SELECT * FROM document WHERE site = $1 ORDER BY doc")
        .bind(site.as_str())
        .fetch_all(db)
        .await?;
    rows.iter().map(read).collect()
}

/// Writes documents, new or changed.
pub async fn put(db: &mut AnyConnection, documents: &[&Row]) -> Result<(), HubError> {
    let mut rows = Vec::with_capacity(documents.len());
    for row in documents {
        rows.push([
            Cell::from(row.doc.as_str()),
            row.site.as_str().into(),
            signed(row.site_n).into(),
            signed(row.hub_n).into(),
            to_json(&row.frontier)?.into(),
            row.quarantined.clone().into(),
        ]);
    }
    many::insert(
        db,
        "INSERT INTO document (doc, site, site_n, hub_n, frontier, quarantined)",
        "ON CONFLICT (doc) DO UPDATE SET site_n = excluded.site_n, hub_n = excluded.hub_n,
             frontier = excluded.frontier, quarantined = excluded.quarantined",
        rows,
    )
    .await?;
    Ok(())
}

/// Sets a site's document aside, for the first reason that was found.
pub async fn quarantine(
    db: &mut AnyConnection,
    site: &SiteId,
    doc: &DocumentId,
    reason: &str,
) -> Result<(), HubError> {
    sqlx::query("UPDATE document SET quarantined = COALESCE(quarantined, $3) WHERE doc = $1 AND site = $2")
        .bind(doc.as_str())
        .bind(site.as_str())
        .bind(reason)
        .execute(db)
        .await?;
    Ok(())
}

fn read(row: &sqlx::any::AnyRow) -> Result<Row, HubError> {
    Ok(Row {
        doc: parsed(row, TABLE, "doc")?,
        site: parsed(row, TABLE, "site")?,
        site_n: unsigned(row, TABLE, "site_n")?,
        hub_n: unsigned(row, TABLE, "hub_n")?,
        frontier: json(row, TABLE, "frontier")?,
        quarantined: column(row, TABLE, "quarantined")?,
    })
}
