//! What the hub's database holds, read beside the hub and on this thread, so that looking after every frame costs little.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::{Context, Result};
use outpost_model::id::{CaseId, SiteId};
use outpost_sync::{Incarnation, Position};

use super::hub::HubNode;

/// Units by site and SKU: granted, promised, returned.
pub type Rights = BTreeMap<String, BTreeMap<String, [i64; 3]>>;

impl HubNode {
    /// How far a site says to have stored the hub's stream, as the hub has written it down.
    pub fn acknowledged_by(&self, site: &SiteId) -> Result<BTreeMap<Incarnation, u64>> {
        self.marks(site, 0)
    }

    /// How far it has stored a site's stream, by incarnation.
    pub fn has_of_site(&self, site: &SiteId) -> Result<BTreeMap<Incarnation, u64>> {
        self.marks(site, 1)
    }

    fn marks(&self, site: &SiteId, way: i64) -> Result<BTreeMap<Incarnation, u64>> {
        let Some(running) = &self.running else { return Ok(BTreeMap::new()) };
        let mut statement =
            running.looks.prepare_cached("SELECT incarnation, n FROM cursor WHERE site = ?1 AND way = ?2")?;
        let rows =
            statement.query_map((site.as_str(), way), |row| Ok((row.get::<_, Vec<u8>>(0)?, row.get(1)?)))?;
        let mut marks = BTreeMap::new();
        for row in rows {
            let (incarnation, n): (_, i64) = row?;
            let incarnation = Incarnation::from_slice(&incarnation).context("an incarnation")?;
            marks.insert(incarnation, u64::try_from(n)?);
        }
        Ok(marks)
    }

    /// How much of its stream a site has not acknowledged.
    pub fn unacknowledged(&self, site: &SiteId) -> Result<i64> {
        let Some(running) = &self.running else { return Ok(0) };
        let mut statement = running.looks.prepare_cached(
            "SELECT COALESCE(SUM(MAX(0, life.last - COALESCE(mark.n, 0))), 0)
             FROM (SELECT incarnation, last FROM stream_life WHERE site = ?1 AND closed = 0
                   UNION ALL SELECT incarnation, n FROM stream WHERE site = ?1) life
             LEFT JOIN cursor mark
               ON mark.site = ?1 AND mark.way = 0 AND mark.incarnation = life.incarnation",
        )?;
        Ok(statement.query_row([site.as_str()], |row| row.get(0))?)
    }

    /// Cases that it has taken away from sites that may not have heard of it.
    pub fn taken(&self) -> Result<Vec<(String, CaseId)>> {
        let Some(running) = &self.running else { return Ok(Vec::new()) };
        let mut statement =
            running.looks.prepare_cached("SELECT site, id FROM cases WHERE revoked_n IS NOT NULL")?;
        let rows = statement.query_map([], |row| Ok((row.get(0)?, row.get::<_, String>(1)?)))?;
        rows.map(|row| row.map_err(Into::into).and_then(|(site, case)| Ok((site, case.parse()?)))).collect()
    }

    /// Documents of a site that it has set aside.
    pub fn set_aside(&self, site: &SiteId) -> Result<BTreeSet<String>> {
        let Some(running) = &self.running else { return Ok(BTreeSet::new()) };
        let mut statement = running
            .looks
            .prepare_cached("SELECT doc FROM document WHERE site = ?1 AND quarantined IS NOT NULL")?;
        let rows = statement.query_map([site.as_str()], |row| row.get(0))?;
        Ok(rows.collect::<Result<_, _>>()?)
    }

    /// Sites that have not shown what they have since it was restored.
    pub fn waits_for(&self) -> Result<BTreeSet<String>> {
        let Some(running) = &self.running else { return Ok(BTreeSet::new()) };
        let mut statement =
            running.looks.prepare_cached("SELECT site FROM recovery WHERE settled_at IS NULL")?;
        let rows = statement.query_map([], |row| row.get(0))?;
        Ok(rows.collect::<Result<_, _>>()?)
    }

    /// The serial that it would lease next, by company prefix and extension.
    pub fn next_serials(&self) -> Result<BTreeMap<(String, u8), i64>> {
        let Some(running) = &self.running else { return Ok(BTreeMap::new()) };
        let mut statement =
            running.looks.prepare_cached("SELECT company_prefix, extension, next FROM serial")?;
        let rows = statement.query_map([], |row| Ok(((row.get(0)?, row.get(1)?), row.get(2)?)))?;
        Ok(rows.collect::<Result<_, _>>()?)
    }

    /// Sites about which a person must decide, and whether one was told.
    pub fn held_sites(&self) -> Result<Vec<(String, bool)>> {
        let Some(running) = &self.running else { return Ok(Vec::new()) };
        let mut statement = running.looks.prepare_cached(
            "SELECT site, EXISTS(SELECT 1 FROM exception e
                 WHERE e.site = r.site AND e.code = 'clone_alive' AND e.resolved_at IS NULL)
             FROM recovery r WHERE settled_at IS NULL AND held = 1",
        )?;
        let rows = statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?;
        Ok(rows.collect::<Result<_, _>>()?)
    }

    /// What it waits for of a site: the end of its stream, and that its documents are found to be the hub's.
    pub fn recovery(&self, site: &str) -> Result<String> {
        let Some(running) = &self.running else { return Ok(String::new()) };
        let mut statement = running
            .looks
            .prepare_cached("SELECT tail, compared_at IS NOT NULL FROM recovery WHERE site = ?1")?;
        let (tail, compared): (Option<String>, bool) =
            statement.query_row([site], |row| Ok((row.get(0)?, row.get(1)?)))?;
        let tail: Vec<Position> =
            tail.map(|tail| serde_json::from_str(&tail)).transpose()?.unwrap_or_default();
        Ok(format!("{tail:?}{}", if compared { "" } else { " and a comparison" }))
    }

    /// What it believes of the rights of all sites.
    pub fn rights(&self) -> Result<Rights> {
        let mut rights = Rights::new();
        let Some(running) = &self.running else { return Ok(rights) };
        let mut statement =
            running.looks.prepare_cached("SELECT site, sku, granted, promised, returned FROM rights")?;
        let mut rows = statement.query([])?;
        while let Some(row) = rows.next()? {
            let units = [row.get(2)?, row.get(3)?, row.get(4)?];
            rights.entry(row.get(0)?).or_default().insert(row.get(1)?, units);
        }
        Ok(rights)
    }
}
