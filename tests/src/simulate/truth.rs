//! What is true in the world whatever the daemons believe: what was answered, sold and handed over, and what must
//! therefore hold after every step.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::Result;
use outpost_edge::store::{case, outcome, past};
use outpost_edge::write::News;
use outpost_model::command::Outcome;
use outpost_model::fact::LabelKind;
use outpost_model::fulfillment::Fulfillment;
use outpost_model::id::{CaseId, CommandId, LineNo, OrderId, SiteId};
use outpost_model::time::UtcMillis;
use outpost_sync::{Incarnation, Mark, Running};
use rusqlite::Connection;

use super::edge::EdgeNode;
use super::exclusive::{Claims, Seen};
use super::granted::Granted;

/// Something that must never be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Violation {
    /// Which invariant: its short name.
    pub invariant: &'static str,
    /// What was seen.
    pub what: String,
}

/// Ends a step with a violation.
macro_rules! violated {
    ($invariant:literal, $($what:tt)*) => {
        return Err($crate::simulate::Violation { invariant: $invariant, what: format!($($what)*) }.into())
    };
}
pub(super) use violated;

impl std::fmt::Display for Violation {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}: {}", self.invariant, self.what)
    }
}

impl std::error::Error for Violation {}

/// What is true of one site.
#[derive(Debug, Default)]
pub struct SiteTruth {
    /// Commands that were answered for good, and with what.
    pub answered: BTreeMap<CommandId, Outcome>,
    /// Sales that people told, by command: SKU and units; booked once their command is done.
    pub sales: BTreeMap<CommandId, (String, i64, bool)>,
    /// Units on hand by SKU before anything was sold or handed over.
    pub opening: BTreeMap<String, i64>,
    /// Of each case: units that left, by line and SKU.
    pub left: BTreeMap<CaseId, BTreeMap<(LineNo, String), i64>>,
    /// Cases with something that left without permission, as the site itself says.
    pub without_permission: BTreeSet<CaseId>,
    /// What it ever granted.
    pub granted: Granted,
    /// Names it started with.
    names: BTreeSet<Incarnation>,
    /// Whether its disk was replaced by an older one: then the hub may know more than the site does.
    pub restored: bool,
    /// Documents it wrote into while it lacked some of its past: what it wrote there twice is held for a person.
    pub blind: BTreeSet<String>,
    /// At the end: those of them that are held.
    pub held: BTreeSet<String>,
    /// Documents that somebody wrote under its name and that nobody may take.
    pub betrayed: BTreeSet<String>,
    /// Positions it wrote, with the running hash there.
    written: BTreeMap<(Incarnation, u64), Running>,
    /// How far the hub ever said to have each incarnation.
    pub acknowledged: BTreeMap<Incarnation, u64>,
    /// How far each incarnation is in a copy of the hub's database.
    pub copied: BTreeMap<Incarnation, u64>,
}

/// What is true.
#[derive(Debug, Default)]
pub struct Truth {
    /// Of each site.
    pub sites: Vec<SiteTruth>,
    /// Orders whose capture was answered, by the channel's reference.
    pub captured: BTreeMap<String, OrderId>,
    /// What sites claim of orders.
    pub claims: Claims,
    /// Whether the hub's database was replaced by an older one.
    pub hub_restored: bool,
    /// The highest serial that the hub would have leased next, ever.
    next_serials: BTreeMap<(String, u8), i64>,
    /// Serials that were put on a container: which one.
    serials: BTreeMap<String, (SiteId, CaseId)>,
}

impl Truth {
    /// Before anything happened.
    pub fn new(sites: usize) -> Self {
        Self { sites: (0..sites).map(|_| SiteTruth::default()).collect(), ..Self::default() }
    }

    /// I14: what the hub has leased once it never leases again, whatever it was put back to.
    pub fn look_at_serials(&mut self, next: BTreeMap<(String, u8), i64>) -> Result<()> {
        for (series, next) in next {
            let most = self.next_serials.entry(series.clone()).or_insert(next);
            if next < *most {
                violated!(
                    "I14",
                    "the hub would lease serial {next} of {series:?}, and has leased all below {most}"
                );
            }
            *most = next;
        }
        Ok(())
    }

    /// Serials that a site has put on containers, and of which case.
    pub fn serials_of(&self, site: &SiteId) -> impl Iterator<Item = (&str, CaseId)> {
        let of_site = self.serials.iter().filter(move |(_, (of, _))| of == site);
        of_site.map(|(serial, (_, case))| (serial.as_str(), *case))
    }

    /// Nobody knows any more that these serials were used.
    pub fn forget_serials(&mut self, lost: impl Fn(&str, &SiteId) -> bool) {
        self.serials.retain(|serial, (site, _)| !lost(serial, site));
    }

    /// A command was answered. The same command may be answered again, in the same way.
    pub fn answered(&mut self, site: usize, command: CommandId, outcome: Outcome, again: bool) -> Result<()> {
        let known = self.sites[site].answered.get(&command);
        match known {
            Some(known) if again && *known == outcome => {}
            Some(known) => {
                violated!("I3", "command {command} was answered with {known:?} and then with {outcome:?}")
            }
            None => {
                self.sites[site].answered.insert(command, outcome);
            }
        }
        Ok(())
    }

    /// A site started again: whatever it answered must be there.
    pub fn look_after_start(&self, edge: &EdgeNode) -> Result<()> {
        let Some(database) = edge.database() else { return Ok(()) };
        for (command, answered) in &self.sites[edge.number].answered {
            match outcome::load(database, *command)? {
                Some(stored) if stored == *answered => {}
                Some(stored) => violated!(
                    "I1",
                    "{} answered command {command} with {answered:?} and after a crash it says {stored:?}",
                    edge.id
                ),
                None => violated!(
                    "I1",
                    "{} answered command {command} and does not know it after a crash",
                    edge.id
                ),
            }
        }
        Ok(())
    }

    /// A site that starts goes by a name that it never had before.
    pub fn look_at_name(&mut self, edge: &EdgeNode) -> Result<()> {
        let Some(running) = &edge.running else { return Ok(()) };
        if !self.sites[edge.number].names.insert(running.incarnation()) {
            violated!("identity", "{} starts again as {}, as it did before", edge.id, running.incarnation());
        }
        Ok(())
    }

    /// Something was committed at a site. `now`: what time it is at the hub.
    pub fn look_at_site(&mut self, edge: &EdgeNode, news: &[News], now: UtcMillis) -> Result<()> {
        let Some(database) = edge.database() else { return Ok(()) };
        self.sites[edge.number].blind.extend(edge.written_blindly()?);
        let (mut stock, mut cases) = (false, Vec::new());
        for piece in news {
            match piece {
                News::Case(case) => {
                    stock = true;
                    if let Some(row) = case::load(database, *case)? {
                        self.look_at_case(edge, &row.state)?;
                        if edge.unaware {
                            self.sites[edge.number].without_permission.insert(*case);
                        }
                        let permitted = !self.sites[edge.number].without_permission.contains(case);
                        cases.push(Seen { row, permitted });
                    }
                }
                News::Stock(_) => stock = true,
                _ => {}
            }
        }
        self.claims.look(edge, &cases, now)?;
        if stock {
            if !self.sites[edge.number].restored {
                self.look_at_stock(edge, database)?;
            }
            self.look_at_rights(edge, database)?;
        }
        self.look_at_journal(edge, database)
    }

    fn look_at_case(&mut self, edge: &EdgeNode, case: &Fulfillment) -> Result<()> {
        let id = case.header.case;
        for (line, units) in &case.lines {
            if units.sum() != case.ordered(*line) {
                violated!(
                    "I8",
                    "line {line} of case {id} at {}: {} units were ordered and {} are accounted for",
                    edge.id,
                    case.ordered(*line),
                    units.sum()
                );
            }
        }
        for (container, at) in &case.containers {
            for label in at.labels.iter().filter(|label| label.kind == LabelKind::Handling) {
                let here = (edge.id.clone(), id);
                let other = self.serials.entry(label.number.clone()).or_insert_with(|| here.clone());
                if *other != here {
                    violated!(
                        "I14",
                        "serial {} is on container {container} of case {id} at {} and was given to case {} at {}",
                        label.number,
                        edge.id,
                        other.1,
                        other.0
                    );
                }
            }
        }
        let truth = &mut self.sites[edge.number];
        let mut left = BTreeMap::new();
        for (line, units) in case.lines.iter().filter(|(_, units)| !units.handed_over.is_zero()) {
            let sku = case.header.line(*line).map(|line| line.sku.to_string()).unwrap_or_default();
            left.insert((*line, sku), units.handed_over.delta());
        }
        truth.left.insert(id, left);
        if case.exceptions.iter().any(|exception| exception.code != "observed_not_handed_over") {
            truth.without_permission.insert(id);
        }
        Ok(())
    }

    /// I4: what the book has is what was there, less what was sold and what left.
    fn look_at_stock(&mut self, edge: &EdgeNode, database: &Connection) -> Result<()> {
        let truth = &mut self.sites[edge.number];
        let mut expected = truth.opening.clone();
        for (command, (sku, qty, booked)) in &mut truth.sales {
            if !*booked {
                *booked = matches!(outcome::load(database, *command)?, Some(Outcome::Applied { .. }));
            }
            if *booked {
                *expected.entry(sku.clone()).or_insert(0) -= *qty;
            }
        }
        for ((_, sku), units) in truth.left.values().flatten() {
            *expected.entry(sku.clone()).or_insert(0) -= units;
        }
        expected.retain(|_, units| *units != 0);
        let mut booked = on_hand(database)?;
        booked.retain(|_, units| *units != 0);
        if booked != expected {
            violated!("I4", "{} has {booked:?} in its book, and {expected:?} in truth", edge.id);
        }
        Ok(())
    }

    fn look_at_rights(&mut self, edge: &EdgeNode, database: &Connection) -> Result<()> {
        self.sites[edge.number].granted.look(database)?;
        // While it is given back what it has lost, its sums are not the real ones, and nothing is decided by them.
        // Nor are they where a page of its ledger is held.
        let held = self.sites[edge.number].blind.iter().any(|doc| doc.starts_with("ledger/"));
        let whole = past::open(database)?.is_none() && !held;
        for (sku, [granted, promised, returned]) in rights(database)? {
            if whole && granted - promised - returned < 0 {
                violated!(
                    "U",
                    "{} granted {granted} of {sku}, and {promised} promised and {returned} returned are more",
                    edge.id
                );
            }
        }
        Ok(())
    }

    /// No position that was acknowledged is ever used again.
    fn look_at_journal(&mut self, edge: &EdgeNode, database: &Connection) -> Result<()> {
        let Some(Mark { incarnation, n, running }) = outpost_journal::current(database)? else {
            return Ok(());
        };
        let truth = &mut self.sites[edge.number];
        let known = truth.written.insert((incarnation, n), running);
        let acknowledged = truth.acknowledged.get(&incarnation).copied().unwrap_or(0);
        if known.is_some_and(|known| known != running) && n <= acknowledged {
            violated!(
                "positions",
                "{} wrote position {incarnation}/{n} again, which the hub has acknowledged",
                edge.id
            );
        }
        Ok(())
    }
}

/// Units on hand by SKU, wherever they lie.
pub fn on_hand(database: &Connection) -> Result<BTreeMap<String, i64>> {
    let mut statement = database.prepare_cached("SELECT sku, SUM(units) FROM balance GROUP BY sku")?;
    let rows = statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?;
    Ok(rows.collect::<Result<_, _>>()?)
}

/// Granted, promised, returned by SKU.
pub fn rights(database: &Connection) -> Result<BTreeMap<String, [i64; 3]>> {
    let mut statement = database.prepare_cached("SELECT sku, granted, promised, returned FROM rights")?;
    let rows = statement.query_map([], |row| Ok((row.get(0)?, [row.get(1)?, row.get(2)?, row.get(3)?])))?;
    Ok(rows.collect::<Result<_, _>>()?)
}
