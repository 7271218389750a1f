//! What repair compares with a site: the heads of its documents and the 256 hashes over them, renewed whenever a
//! document's row is written, in the same transaction. A comparison reads 256 rows however many documents there are.

use std::collections::{BTreeMap, BTreeSet};

use outpost_model::id::SiteId;
use outpost_sync::repair::{
    BucketSet, Buckets, Digest, Document as Given, Fingerprint, Known, Look, Seen, Standing, Wanted,
};
use outpost_sync::{Document, DocumentId, Incarnation, Position};
use sqlx::AnyConnection;

use super::document::{self, Row};
use super::many::{self, Cell};
use super::place::Place;
use super::{column, enrollment, inbox, item, quarantine, stream};
use crate::error::HubError;

/// Documents are opened to be read only: nothing is ever written as this author.
const READER: Incarnation = Incarnation([0; Incarnation::BYTES]);
/// How often positions and hashes are read until they belong together.
const SNAPSHOTS_MAX: usize = 3;

/// Answers a session's question about a site's documents.
pub async fn look(db: &mut AnyConnection, site: &SiteId, look: &Look) -> Result<Seen, HubError> {
    Ok(match look {
        Look::Digest => Seen::Digest(Box::new(digest(db, site).await?)),
        Look::List { buckets, after, limit } => {
            Seen::List(list(db, site, buckets, after.as_ref(), *limit).await?)
        }
        Look::Documents { of, bytes_max } => Seen::Documents(documents(db, site, of, *bytes_max).await?),
    })
}

/// Changes the hashes of a site's documents: what each bucket gains is what it loses.
pub(super) async fn toggle(
    db: &mut AnyConnection,
    deltas: BTreeMap<(String, u8), (i64, i64)>,
) -> Result<(), HubError> {
    let rows = deltas
        .into_iter()
        .filter(|(_, halves)| *halves != (0, 0))
        .map(|((site, bucket), (x, y))| [Cell::from(site), i64::from(bucket).into(), x.into(), y.into()])
        .collect();
    // Written so that both databases understand it: exclusive or is what only one of the two has.
    many::insert(
        db,
        "INSERT INTO sync_bucket (site, bucket, x, y)",
        "ON CONFLICT (site, bucket) DO UPDATE SET
             x = (sync_bucket.x | excluded.x) - (sync_bucket.x & excluded.x),
             y = (sync_bucket.y | excluded.y) - (sync_bucket.y & excluded.y)",
        rows,
    )
    .await?;
    Ok(())
}

async fn positions(db: &mut AnyConnection, site: &SiteId) -> Result<(Position, Vec<Position>), HubError> {
    let head = stream::peek(db, site).await?;
    let head = head.ok_or_else(|| HubError::Invariant(format!("site {site} has no stream")))?;
    let whole = inbox::progress(db, site).await?.into_iter().filter(|progress| progress.beyond().len() == 0);
    Ok((head.mark.position(), whole.map(|progress| progress.mark().position()).collect()))
}

/// Positions and hashes of one moment: they are read until nothing moved meanwhile. A busy site is compared later.
async fn digest(db: &mut AnyConnection, site: &SiteId) -> Result<Digest, HubError> {
    let mut before = positions(db, site).await?;
    for _ in 0..SNAPSHOTS_MAX {
        let buckets = buckets(db, site).await?;
        let after = positions(db, site).await?;
        if before == after {
            let (own, applied) = after;
            return Ok(Digest { own, applied, buckets });
        }
        before = after;
    }
    // Without positions nothing is compared but what is forced.
    Ok(Digest { own: before.0, applied: Vec::new(), buckets: buckets(db, site).await? })
}

async fn buckets(db: &mut AnyConnection, site: &SiteId) -> Result<Buckets, HubError> {
    let rows = sqlx::query("SELECT bucket, x, y FROM sync_bucket WHERE site = $1")
        .bind(site.as_str())
        .fetch_all(db)
        .await?;
    let mut buckets = Buckets::default();
    for row in &rows {
        let number: i64 = column(row, "sync_bucket", "bucket")?;
        let number = u8::try_from(number).map_err(|error| HubError::corrupt("sync_bucket", site, error))?;
        buckets.restore(number, (column(row, "sync_bucket", "x")?, column(row, "sync_bucket", "y")?));
    }
    Ok(buckets)
}

async fn list(
    db: &mut AnyConnection,
    site: &SiteId,
    buckets: &BucketSet,
    after: Option<&(u8, DocumentId)>,
    limit: usize,
) -> Result<Vec<Known>, HubError> {
    let mut page = Vec::new();
    let first = after.map_or(0, |(bucket, _)| *bucket);
    for bucket in buckets.iter().filter(|bucket| *bucket >= first) {
        let past = after.filter(|(last, _)| *last == bucket).map(|(_, doc)| doc);
        // Ordered here: databases sort text each in their own way.
        let rows = document::of_bucket(db, site, bucket).await?;
        for row in rows.into_values().filter(|row| past.is_none_or(|past| row.doc > *past)) {
            page.push(known(row));
        }
        if page.len() >= limit {
            page.truncate(limit);
            break;
        }
    }
    Ok(page)
}

fn known(row: Row) -> Known {
    let standing = row.standing();
    Known { standing, there: row.place.there, heads: row.place.heads, doc: row.doc }
}

async fn documents(
    db: &mut AnyConnection,
    site: &SiteId,
    of: &[Wanted],
    bytes_max: usize,
) -> Result<Vec<Given>, HubError> {
    let names: Vec<DocumentId> = of.iter().map(|wanted| wanted.doc.clone()).collect();
    let mut rows = document::named(db, &names).await?;
    rows.retain(|_, row| row.site == *site);
    let theirs: BTreeSet<Incarnation> = enrollment::incarnations(db, site).await?.into_keys().collect();
    let mut weight = 0;
    let mut given = Vec::with_capacity(of.len());
    for Wanted { doc, has } in of {
        let row = rows.get(doc);
        let standing = match row {
            Some(row) => row.standing(),
            // Its founding was refused: there is no row, and nothing more of it is wanted.
            None if quarantine::holds(db, site, doc).await? => Standing::Held,
            None => Standing::Live,
        };
        let (authors, past, changes) = Default::default();
        let mut one = Given { doc: doc.clone(), standing, authors, past, changes };
        if row.is_some() {
            let changes = item::changes(db, doc).await?;
            // One that cannot be opened any more counts as not here.
            if let Ok(mut document) = Document::open(doc.clone(), READER, None, &changes) {
                one.authors = document.authors();
                one.past = one.authors.iter().map(|(author, _)| *author).collect();
                one.past.retain(|author| theirs.contains(author));
                if let (Some(has), true) = (has, weight <= bytes_max) {
                    let lacking = document.lacking(has);
                    one.changes = lacking.map_err(|error| HubError::corrupt("item", doc, error))?;
                    one.changes.retain(|change| {
                        let fits = weight <= bytes_max;
                        weight += if fits { change.bytes.len() } else { 0 };
                        fits
                    });
                }
            }
        }
        given.push(one);
    }
    Ok(given)
}

/// What a document adds to its bucket; nothing while it is left out by either side.
pub(super) fn share(row: &Row) -> Option<Fingerprint> {
    let Place { heads, there, .. } = &row.place;
    let counts = row.standing() == Standing::Live && *there == Standing::Live && !heads.is_empty();
    counts.then(|| Fingerprint::of(&row.doc, heads))
}

/// Enters documents that were kept before there were hashes; says how many, at most `limit`.
pub async fn enter(db: &mut AnyConnection, limit: usize) -> Result<usize, HubError> {
    let rows = document::without_bucket(db, limit).await?;
    for mut row in rows.iter().cloned() {
        let changes = item::changes(db, &row.doc).await?;
        if let Ok(document) = Document::open(row.doc.clone(), READER, None, &changes) {
            row.place.heads = document.heads();
        }
        document::put(db, &[&row]).await?;
    }
    Ok(rows.len())
}
