//! The hub's own stream to each site, as it is read, acknowledged, and carried over from one life to the next.

use std::collections::{BTreeMap, BTreeSet};

use outpost_model::id::SiteId;
use outpost_sync::{Incarnation, Link, Mark, Outgoing, Position, Query, Running};
use sqlx::AnyConnection;

use super::{column, cursor, item, signed, stream, unsigned};
use crate::error::HubError;

const TABLE: &str = "stream";

/// Begins a site's stream, or continues it in a new life of the hub. An incarnation is used once.
pub async fn mint(db: &mut AnyConnection, site: &SiteId, incarnation: Incarnation) -> Result<Link, HubError> {
    let Some(head) = stream::lock(db, site).await? else {
        stream::found(db, site, incarnation).await?;
        return Ok(Link { incarnation, parent: None, last: 0 });
    };
    let parent = head.mark.position();
    turn(db, site, head, incarnation).await?;
    Ok(Link { incarnation, parent: Some(parent), last: 0 })
}

/// Begins a site's stream anew, without a past: for an appliance that has lost what it was sent, and cannot be sent it
/// again since records are forgotten once they have arrived.
pub async fn begin_anew(
    db: &mut AnyConnection,
    site: &SiteId,
    incarnation: Incarnation,
) -> Result<(), HubError> {
    match stream::lock(db, site).await? {
        Some(head) => {
            turn(db, site, stream::Head { page: head.page + 1, page_n: 0, ..head }, incarnation).await?
        }
        None => stream::found(db, site, incarnation).await?,
    }
    sqlx::query("UPDATE stream_life SET closed = 1 WHERE site = $1").bind(site.as_str()).execute(db).await?;
    Ok(())
}

/// Names a life of the hub again that it has lost with its database, and that is no part of the stream any more.
pub async fn remember(
    db: &mut AnyConnection,
    site: &SiteId,
    incarnation: Incarnation,
) -> Result<(), HubError> {
    sqlx::query(
        "INSERT INTO stream_life (site, ordinal, incarnation, last, closed)
         SELECT $1, (SELECT COUNT(*) FROM stream_life WHERE site = $1), $2, 0, 1
         WHERE NOT EXISTS (SELECT 1 FROM stream_life WHERE site = $1 AND incarnation = $2)
           AND NOT EXISTS (SELECT 1 FROM stream WHERE site = $1 AND incarnation = $2)",
    )
    .bind(site.as_str())
    .bind(&incarnation.0[..])
    .execute(db)
    .await?;
    Ok(())
}

/// Ends the present life of a stream and begins another one.
async fn turn(
    db: &mut AnyConnection,
    site: &SiteId,
    head: stream::Head,
    incarnation: Incarnation,
) -> Result<(), HubError> {
    let over = head.mark.position();
    let used = sqlx::query("SELECT 1 AS one FROM stream_life WHERE site = $1 AND incarnation = $2")
        .bind(site.as_str())
        .bind(&incarnation.0[..])
        .fetch_optional(&mut *db)
        .await?;
    if used.is_some() || over.incarnation == incarnation {
        return Err(HubError::Invariant(format!("incarnation {incarnation} was used before for {site}")));
    }
    sqlx::query(
        "INSERT INTO stream_life (site, ordinal, incarnation, last)
         VALUES ($1, (SELECT COUNT(*) FROM stream_life WHERE site = $1), $2, $3)",
    )
    .bind(site.as_str())
    .bind(&over.incarnation.0[..])
    .bind(signed(over.n))
    .execute(&mut *db)
    .await?;
    sqlx::query("UPDATE stream SET incarnation = $2 WHERE site = $1")
        .bind(site.as_str())
        .bind(&incarnation.0[..])
        .execute(&mut *db)
        .await?;
    stream::save(db, site, &stream::Head { mark: Mark::start(incarnation), ..head }).await
}

/// The lives of a site's stream since it was begun anew, oldest first, each with its last number; the present one is the
/// last.
async fn lives(db: &mut AnyConnection, site: &SiteId) -> Result<Vec<(Incarnation, u64)>, HubError> {
    let rows = sqlx::query(
        "SELECT ordinal, incarnation, last FROM stream_life WHERE site = $1 AND closed = 0
         UNION ALL SELECT 9223372036854775807, incarnation, n FROM stream WHERE site = $1 ORDER BY 1",
    )
    .bind(site.as_str())
    .fetch_all(db)
    .await?;
    rows.iter()
        .map(|row| {
            let bytes: Vec<u8> = column(row, TABLE, "incarnation")?;
            let incarnation = Incarnation::from_slice(&bytes)
                .ok_or_else(|| HubError::corrupt(TABLE, "incarnation", "not its number of bytes"))?;
            Ok((incarnation, unsigned(row, TABLE, "last")?))
        })
        .collect()
}

/// The names under which the hub wrote for a site before the present one. Lives of a stream that was begun anew are among
/// them: what was written then is the site's to give back as much as anything else.
pub async fn past_lives(
    db: &mut AnyConnection,
    site: &SiteId,
    present: Incarnation,
) -> Result<BTreeSet<Incarnation>, HubError> {
    let rows = sqlx::query("SELECT incarnation FROM stream_life WHERE site = $1")
        .bind(site.as_str())
        .fetch_all(db)
        .await?;
    let mut lives = BTreeSet::new();
    for row in &rows {
        let bytes: Vec<u8> = column(row, TABLE, "incarnation")?;
        let life = Incarnation::from_slice(&bytes)
            .ok_or_else(|| HubError::corrupt(TABLE, "incarnation", "not its number of bytes"))?;
        lives.insert(life);
    }
    lives.remove(&present);
    Ok(lives)
}

/// Lives with items the site has not acknowledged, oldest first, and the present one.
pub async fn links(db: &mut AnyConnection, site: &SiteId) -> Result<Vec<Link>, HubError> {
    let lives = lives(db, site).await?;
    let acknowledged = acknowledged(db, site).await?;
    let mut links = Vec::with_capacity(lives.len());
    let mut parent = None;
    for (index, (incarnation, last)) in lives.iter().enumerate() {
        let through = acknowledged.get(incarnation).map_or(0, |mark| mark.n);
        if through < *last || index + 1 == lives.len() {
            links.push(Link { incarnation: *incarnation, parent, last: *last });
        }
        parent = Some(Position { incarnation: *incarnation, n: *last });
    }
    Ok(links)
}

/// What the site has acknowledged, by life of the hub.
pub async fn acknowledged(
    db: &mut AnyConnection,
    site: &SiteId,
) -> Result<BTreeMap<Incarnation, Mark>, HubError> {
    let rows = cursor::all(db, site, cursor::DOWN).await?;
    rows.iter().map(|row| cursor::mark(row).map(|mark| (mark.incarnation, mark))).collect()
}

/// The number through which the site has acknowledged the stream of this life.
pub async fn through(
    db: &mut AnyConnection,
    site: &SiteId,
    incarnation: Incarnation,
) -> Result<u64, HubError> {
    Ok(acknowledged(db, site).await?.get(&incarnation).map_or(0, |mark| mark.n))
}

/// How many items the site has not acknowledged.
pub async fn unacknowledged(db: &mut AnyConnection, site: &SiteId) -> Result<u64, HubError> {
    let acknowledged = acknowledged(db, site).await?;
    let lives = lives(db, site).await?;
    let through = |life: &Incarnation| acknowledged.get(life).map_or(0, |mark| mark.n);
    Ok(lives.iter().map(|(life, last)| last.saturating_sub(through(life))).sum())
}

/// Notes an acknowledgement. Records the site has are forgotten here: personal data and labels do not stay longer
/// under way than they must. Changes stay, since documents are opened from them; labels stay as long as their case is open,
/// since a carrier sells each once.
pub async fn acknowledge(db: &mut AnyConnection, site: &SiteId, mark: Mark) -> Result<(), HubError> {
    cursor::save_all(db, cursor::DOWN, vec![(site, mark, Vec::new())]).await?;
    sqlx::query(
        "DELETE FROM item WHERE site = $1 AND origin = 0 AND incarnation = $2 AND n <= $3
             AND kind IS NOT NULL AND kind <> 'label'",
    )
    .bind(site.as_str())
    .bind(&mark.incarnation.0[..])
    .bind(signed(mark.n))
    .execute(db)
    .await?;
    Ok(())
}

/// Notes that the site has all that is here of an earlier life of the stream.
pub async fn acknowledge_rest(
    db: &mut AnyConnection,
    site: &SiteId,
    incarnation: Incarnation,
) -> Result<(), HubError> {
    let lives = lives(db, site).await?;
    let Some((_, earlier)) = lives.split_last() else { return Ok(()) };
    let Some((_, last)) = earlier.iter().find(|(life, _)| *life == incarnation) else { return Ok(()) };
    // Nothing is compared with this mark any more: the stream went on in another life.
    acknowledge(db, site, Mark { n: *last, ..Mark::start(incarnation) }).await
}

/// Items of the stream in its order: at most `limit`, up to the first with which they weigh more than `bytes_max`.
pub async fn read(
    db: &mut AnyConnection,
    site: &SiteId,
    query: &Query,
    limit: usize,
    bytes_max: usize,
) -> Result<Vec<Outgoing>, HubError> {
    let (after, doc) = match query {
        Query::After { after } => (after, None),
        Query::Document { doc, after } => (after, Some(doc)),
    };
    let lives = lives(db, site).await?;
    // A position of a life that is not known here says nothing: everything is read again.
    let known = after.and_then(|after| {
        let index = lives.iter().position(|(life, _)| *life == after.incarnation)?;
        Some((index, after.n))
    });
    let (first, mut after) = known.unwrap_or((0, 0));
    let mut found: Vec<Outgoing> = Vec::new();
    let mut bytes = 0_usize;
    for (incarnation, _) in &lives[first.min(lives.len())..] {
        // SQLite plans a statement anew for every limit that it can see.
        let rows = sqlx::query(
            "SELECT n, running, doc, kind, key, bytes FROM item
             WHERE site = $1 AND origin = 0 AND incarnation = $2 AND n > $3 AND ($4 = '' OR doc = $4)
             ORDER BY n LIMIT CAST($5 AS BIGINT)",
        )
        .bind(site.as_str())
        .bind(&incarnation.0[..])
        .bind(signed(after))
        .bind(doc.map(outpost_sync::DocumentId::as_str).unwrap_or_default())
        .bind(signed(limit.saturating_sub(found.len()) as u64))
        .fetch_all(&mut *db)
        .await?;
        after = 0;
        for row in &rows {
            let running: Vec<u8> = column(row, "item", "running")?;
            if running.is_empty() {
                // It was taken out of the archive: the site has had it.
                continue;
            }
            let running = Running::from_slice(&running)
                .ok_or_else(|| HubError::corrupt("item", "running", "not its number of bytes"))?;
            let mark = Mark { incarnation: *incarnation, n: unsigned(row, "item", "n")?, running };
            let outgoing = Outgoing { mark, item: item::item(row)? };
            bytes = bytes.saturating_add(outgoing.item.weight());
            found.push(outgoing);
            if bytes > bytes_max {
                return Ok(found);
            }
        }
        if found.len() >= limit {
            break;
        }
    }
    Ok(found)
}
