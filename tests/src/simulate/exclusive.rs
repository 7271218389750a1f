//! Permission is exclusive: what sites may let go together with what has left is never more than was ordered, at any
//! moment, whether anybody makes use of it or not.
//!
//! What a site let go while it might, and could not tell before its authority had ended, is its own: the hub may take such
//! a case away, since a site that is cut off for long must not hold up an order for ever.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::Result;
use outpost_edge::store::{authority, case, past};
use outpost_model::authority::{Authority, TrustedTime};
use outpost_model::fulfillment::Fulfillment;
use outpost_model::header::Service;
use outpost_model::id::{CaseId, LineNo, OrderId};
use outpost_model::quantity::Quantity;
use outpost_model::time::UtcMillis;
use rusqlite::Connection;

use super::edge::EdgeNode;
use super::truth::violated;

/// A case as it is committed at a site.
pub struct Seen {
    /// What is stored of it.
    pub row: case::CaseRow,
    /// Whether what has left of it left with permission.
    pub permitted: bool,
}

/// What sites claim of orders.
#[derive(Debug, Default)]
pub struct Claims {
    ordered: BTreeMap<(OrderId, LineNo), i64>,
    orders: BTreeMap<OrderId, BTreeMap<(usize, CaseId), Claim>>,
    authority: BTreeMap<usize, Authority>,
    /// Cases of which something is held at a site: it permits nothing there.
    held: BTreeMap<usize, BTreeSet<CaseId>>,
    /// Cases that the hub has taken away, with the units that had left by then without its hearing of it.
    taken: BTreeMap<CaseId, Taken>,
    /// Orders of cases that a restored hub has forgotten to have taken away.
    doubled: BTreeSet<OrderId>,
}

#[derive(Debug)]
struct Taken {
    order: OrderId,
    unheard: BTreeMap<LineNo, i64>,
}

/// A case of an order at one site.
#[derive(Debug)]
struct Claim {
    /// Where its header stands in the hub's stream.
    place: case::Place,
    service: Service,
    lines: BTreeMap<LineNo, Units>,
}

#[derive(Debug, Clone, Copy, Default)]
struct Units {
    /// Not gone yet, and the case has not ended.
    here: i64,
    /// Gone with permission.
    left: i64,
    /// Ordered on top, as the case says.
    added: i64,
}

impl Claims {
    /// A channel has ordered units of a line.
    pub fn order(&mut self, order: OrderId, line: LineNo, units: i64) {
        self.ordered.insert((order, line), units);
    }

    /// A site's disk was replaced: what it claims now is read anew.
    pub fn forget(&mut self, site: usize) {
        self.authority.remove(&site);
        for claims in self.orders.values_mut() {
            for (_, claim) in claims.iter_mut().filter(|((of, _), _)| *of == site) {
                claim.lines.values_mut().for_each(|units| units.here = 0);
            }
        }
    }

    /// Whether it is known that the hub has taken a case away.
    pub fn is_taken(&self, case: CaseId) -> bool {
        self.taken.contains_key(&case)
    }

    /// Cases that the hub has taken away.
    pub fn taken(&self) -> Vec<CaseId> {
        self.taken.keys().copied().collect()
    }

    /// The hub was restored and does not know any more that it took these cases away: it believes again that their sites
    /// have them, and so does whoever got them instead.
    pub fn forget_taken(&mut self, forgotten: &[CaseId]) {
        let orders = forgotten.iter().filter_map(|case| self.taken.remove(case)).map(|taken| taken.order);
        self.doubled.extend(orders);
    }

    /// The hub has taken a case away, of which it believes this. `now`: what time it is there.
    pub fn take(&mut self, site: usize, believed: &Fulfillment, now: UtcMillis) {
        let (order, case) = (believed.header.order, believed.header.case);
        let claim = self.orders.get(&order).and_then(|claims| claims.get(&(site, case)));
        let ended = claim.is_some_and(|claim| !self.permitted((site, case), claim, now));
        let mut unheard = BTreeMap::new();
        for (line, units) in claim.filter(|_| ended).into_iter().flat_map(|claim| &claim.lines) {
            let heard = believed.lines.get(line).map_or(0, |units| units.handed_over.delta());
            unheard.insert(*line, (units.left - heard).max(0));
        }
        self.taken.insert(case, Taken { order, unheard });
    }

    /// Whether a site may let go what is left of a case.
    fn permitted(&self, (site, case): (usize, CaseId), claim: &Claim, now: UtcMillis) -> bool {
        if self.held.get(&site).is_some_and(|held| held.contains(&case)) {
            return false;
        }
        let life = claim.place.stream.map(|stream| stream.to_string());
        self.authority.get(&site).is_some_and(|given| {
            given.covers((life.as_deref(), claim.place.n), claim.service, TrustedTime::AtMost(now)).is_ok()
        })
    }

    /// A site committed something about these cases. `now`: what time it is at the hub.
    pub fn look(&mut self, edge: &EdgeNode, cases: &[Seen], now: UtcMillis) -> Result<()> {
        let Some(database) = edge.database() else { return Ok(()) };
        let past_lost = past::open(database)?.is_some();
        let mut touched: BTreeSet<OrderId> = BTreeSet::new();
        for Seen { row, permitted } in cases {
            let case = &row.state;
            touched.insert(case.header.order);
            let claim =
                Claim { place: row.place, service: case.header.service, lines: units(case, *permitted) };
            let key = (edge.number, case.header.case);
            self.orders.entry(case.header.order).or_default().insert(key, claim);
        }
        // Whoever knows that it has lost some of its past lets nothing go. Who does not know it yet cannot: what it gave
        // away in that past it believes to have, until the file beside its database or the hub says so.
        let given = authority::load(database)?.filter(|_| !past_lost && !edge.unaware);
        let held = held(database)?;
        if given.as_ref() != self.authority.get(&edge.number) || self.held.get(&edge.number) != Some(&held) {
            self.held.insert(edge.number, held);
            match given {
                Some(given) => self.authority.insert(edge.number, given),
                None => self.authority.remove(&edge.number),
            };
            let of_site = |claims: &BTreeMap<(usize, CaseId), Claim>| {
                claims.keys().any(|(site, _)| *site == edge.number)
            };
            touched.extend(self.orders.iter().filter(|(_, claims)| of_site(claims)).map(|(order, _)| *order));
        }
        touched.into_iter().try_for_each(|order| self.look_at(order, now))
    }

    fn look_at(&self, order: OrderId, now: UtcMillis) -> Result<()> {
        let Some(claims) = self.orders.get(&order).filter(|_| !self.doubled.contains(&order)) else {
            return Ok(());
        };
        let mut sums: BTreeMap<LineNo, (i64, i64, i64)> = BTreeMap::new();
        for ((site, case), claim) in claims {
            let permitted = self.permitted((*site, *case), claim, now);
            let unheard = self.taken.get(case);
            for (line, units) in &claim.lines {
                let unheard = unheard.and_then(|taken| taken.unheard.get(line)).copied().unwrap_or(0);
                let (left, may_leave, added) = sums.entry(*line).or_default();
                *left += (units.left - unheard).max(0);
                *may_leave += if permitted { units.here } else { 0 };
                *added = units.added.max(*added);
            }
        }
        for (line, (left, may_leave, added)) in sums {
            let Some(ordered) = self.ordered.get(&(order, line)) else { continue };
            if left > ordered + added {
                violated!(
                    "I6",
                    "{left} units of line {line} of order {order} left with permission, {ordered} were ordered"
                );
            }
            if may_leave > 0 && left + may_leave > ordered + added {
                let who: Vec<_> = claims.iter().map(|((site, case), claim)| (site, case, claim)).collect();
                violated!(
                    "exclusive",
                    "{may_leave} units of line {line} of order {order} may leave after {left} have, and {ordered} \
                     were ordered: {who:?}"
                );
            }
        }
        Ok(())
    }
}

/// Cases of which something is held, at the site or at the hub.
fn held(database: &Connection) -> Result<BTreeSet<CaseId>> {
    let mut statement = database.prepare_cached(
        "SELECT substr(doc, 6) FROM sync_heads WHERE (standing = 1 OR there = 1) AND doc LIKE 'case/%'",
    )?;
    let names = statement.query_map([], |row| row.get::<_, String>(0))?;
    names.map(|name| Ok(name?.parse()?)).collect()
}

fn units(case: &Fulfillment, permitted: bool) -> BTreeMap<LineNo, Units> {
    let live = case.ended().is_none();
    let added = |line: &LineNo| case.added.get(line).copied().unwrap_or(Quantity::ZERO).delta();
    let of = |line: &LineNo| {
        let units = &case.lines[line];
        let here = (units.open + units.picked + units.staged).delta();
        let left = units.handed_over.delta();
        Units {
            here: if live { here } else { 0 },
            left: if permitted { left } else { 0 },
            added: added(line),
        }
    };
    case.lines.keys().map(|line| (*line, of(line))).collect()
}
