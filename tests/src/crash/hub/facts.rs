//! What one state of the hub's database says, read once for all images that hold it.

use std::collections::{BTreeMap, BTreeSet};

use outpost_hub::Hub;
use outpost_hub::replicate::verify;
use outpost_hub::store::{enrollment, inbox, outbox, site, stream};
use outpost_model::id::SiteId;
use outpost_sync::{Incarnation, Mark, Outgoing, Position, Query, Running};
use rusqlite::Connection;

/// What one state says.
#[derive(Debug, Default)]
pub struct Facts {
    /// Orders by the channel's own id, each with ours; an order captured twice is in `broken`.
    pub orders: BTreeMap<String, String>,
    /// Orders of which something was called off, by our id.
    pub called_off: BTreeSet<String>,
    /// Products that were imported.
    pub products: u64,
    /// What stands in the hub's streams and is not forgotten.
    pub streams: BTreeMap<(SiteId, Position), Running>,
    /// How far each site's stream was taken.
    pub taken: BTreeMap<Incarnation, u64>,
    /// The first serial that was never leased.
    pub leased: u64,
    /// What contradicts itself.
    pub broken: Vec<String>,
}

impl Facts {
    /// Reads a state and checks it against itself. An error says that it cannot even be read.
    pub async fn read(conn: &Connection, hub: &Hub) -> Result<Self, String> {
        let mut facts = Self::default();
        facts.rows(conn).map_err(said)?;
        let mut db = hub.store.read().acquire().await.map_err(said)?;
        for site in site::all(&mut db).await.map_err(said)? {
            let site = site.site;
            let items = outbox::read(&mut db, &site, &Query::After { after: None }, 100_000, usize::MAX)
                .await
                .map_err(said)?;
            facts.stream(&site, &items);
            let head = stream::peek(&mut db, &site).await.map_err(said)?;
            let last = items.last().map(|outgoing| outgoing.mark);
            // Records that were acknowledged are forgotten, at the end as well.
            if let (Some(head), Some(last)) = (head, last)
                && head.mark.incarnation == last.incarnation
                && (last.n > head.mark.n || (last.n == head.mark.n && last != head.mark))
            {
                facts.broken.push(format!("the stream to {site} does not end where its row says"));
            }
            for progress in inbox::progress(&mut db, &site).await.map_err(said)? {
                facts.taken.insert(progress.incarnation(), progress.through());
            }
            let views = verify::all(&mut db, &site, hub.life.incarnation, true).await.map_err(said)?;
            for view in views.iter().filter(|view| !view.projection_ok) {
                facts.broken.push(format!("{} is not what a fold gives", view.document));
            }
        }
        enrollment::sites(&mut db).await.map_err(said)?;
        Ok(facts)
    }

    fn rows(&mut self, conn: &Connection) -> rusqlite::Result<()> {
        let mut statement = conn.prepare("SELECT id, channel_ref, progress FROM orders")?;
        let mut rows = statement.query([])?;
        while let Some(row) = rows.next()? {
            let (id, reference, progress): (String, String, String) = (row.get(0)?, row.get(1)?, row.get(2)?);
            let progress: serde_json::Value = serde_json::from_str(&progress).unwrap_or_default();
            let withdrawn = progress["withdrawn"].as_array().is_some_and(|lines| !lines.is_empty());
            if withdrawn || progress["standing"] == "cancelled" {
                self.called_off.insert(id.clone());
            }
            if self.orders.insert(reference.clone(), id).is_some() {
                self.broken.push(format!("order {reference} was captured twice"));
            }
        }
        let products: i64 = conn.query_row("SELECT count(*) FROM product", [], |row| row.get(0))?;
        self.products = products.unsigned_abs();
        let below: i64 = conn.query_row(
            "SELECT count(*) FROM rights WHERE granted - promised - returned < 0",
            [],
            |row| row.get(0),
        )?;
        let orphans: i64 = conn.query_row(
            "SELECT count(*) FROM cases WHERE order_id NOT IN (SELECT id FROM orders)",
            [],
            |row| row.get(0),
        )?;
        let leased: i64 =
            conn.query_row("SELECT coalesce(max(next), 0) FROM serial", [], |row| row.get(0))?;
        self.leased = leased.unsigned_abs();
        let twice: i64 = conn.query_row(
            "SELECT count(*) FROM serial_lease AS one JOIN serial_lease AS other USING (company_prefix, extension)
             WHERE one.first < other.first AND one.first + one.count > other.first",
            [],
            |row| row.get(0),
        )?;
        for (found, what) in [
            (below, "rights below zero"),
            (orphans, "cases without their order"),
            (twice, "serials that were leased twice"),
        ] {
            if found > 0 {
                self.broken.push(format!("{found} {what}"));
            }
        }
        Ok(())
    }

    /// The stream's running hash is right. Records may be forgotten, and leave a gap, once they are acknowledged.
    fn stream(&mut self, site: &SiteId, items: &[Outgoing]) {
        let mut before: Option<Mark> = None;
        for Outgoing { mark, item } in items {
            let last = before
                .filter(|before| before.incarnation == mark.incarnation && before.n + 1 == mark.n)
                .or((mark.n == 1).then(|| Mark::start(mark.incarnation)));
            if last.is_some_and(|last| last.next(&item.digest()) != *mark) {
                self.broken.push(format!("the running hash of the stream to {site} at {}", mark.n));
            }
            self.streams.insert((site.clone(), mark.position()), mark.running);
            before = Some(*mark);
        }
    }
}

fn said(error: impl std::fmt::Display) -> String {
    error.to_string()
}
