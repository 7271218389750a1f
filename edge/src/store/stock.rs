//! Balances: what the movements add up to, one row per key that is not zero.

use outpost_model::id::{ContainerId, LocationId, Sku};
use outpost_model::stock::{Movement, Place, StockKey, StockStatus};
use rusqlite::{Connection, OptionalExtension, Params, Row};

use super::{StoreError, StoreResult};

/// A balance.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Balance {
    /// Of what, where and in what state.
    pub key: StockKey,
    /// Units; negative where the book knows less than people took.
    pub units: i64,
}

/// Sums over all places of a SKU.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, serde::Serialize)]
pub struct Sums {
    /// All units in the site's book.
    pub on_hand: i64,
    /// Of them on shelves and in sellable status.
    pub sellable: i64,
}

/// Books one movement.
pub fn apply(conn: &Connection, movement: &Movement) -> StoreResult<()> {
    let key = Columns::of(&movement.key);
    let delta = movement.delta;
    // Most often there are units before and after: they are counted without being asked for first.
    let counted = "UPDATE balance SET units = units + ?8 WHERE sku = ?1 AND place_kind = ?2 AND place = ?3 \
                   AND status = ?4 AND lot = ?5 AND serial = ?6 AND owner = ?7 AND units + ?8 <> 0";
    if conn.prepare_cached(counted)?.execute(key.with(delta))? > 0 {
        return Ok(());
    }
    let emptied = "DELETE FROM balance WHERE sku = ?1 AND place_kind = ?2 AND place = ?3 AND status = ?4 \
                   AND lot = ?5 AND serial = ?6 AND owner = ?7";
    if conn.prepare_cached(emptied)?.execute(key.params())? > 0 || delta == 0 {
        return Ok(());
    }
    let begun = "INSERT INTO balance (sku, place_kind, place, status, lot, serial, owner, units) \
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)";
    conn.prepare_cached(begun)?.execute(key.with(delta))?;
    Ok(())
}

/// All balances of a SKU, fullest first.
pub fn of_sku(conn: &Connection, sku: &Sku) -> StoreResult<Vec<Balance>> {
    let mut statement = conn.prepare_cached(
        "SELECT sku, place_kind, place, status, lot, serial, owner, units FROM balance WHERE sku = ?1 \
         ORDER BY units DESC, place, status, lot, serial, owner",
    )?;
    let mut rows = statement.query([sku.as_str()])?;
    let mut balances = Vec::new();
    while let Some(row) = rows.next()? {
        balances.push(read(row)?);
    }
    Ok(balances)
}

/// Calls `each` for every balance of the site.
pub fn for_each(conn: &Connection, mut each: impl FnMut(Balance)) -> StoreResult<()> {
    let mut statement = conn.prepare_cached(
        "SELECT sku, place_kind, place, status, lot, serial, owner, units FROM balance ORDER BY sku",
    )?;
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        each(read(row)?);
    }
    Ok(())
}

/// Sums over all places of a SKU.
pub fn sums(conn: &Connection, sku: &Sku) -> StoreResult<Sums> {
    let sums = conn
        .prepare_cached(
            "SELECT coalesce(sum(units), 0), \
                    coalesce(sum(CASE WHEN status = 'sellable' AND place_kind = 'location' THEN units END), 0) \
             FROM balance WHERE sku = ?1",
        )?
        .query_row([sku.as_str()], |row| Ok(Sums { on_hand: row.get(0)?, sellable: row.get(1)? }))?;
    Ok(sums)
}

/// The shelf with most sellable units of a SKU; with none, the first shelf that ever had a row.
pub fn fullest_shelf(conn: &Connection, sku: &Sku) -> StoreResult<Option<LocationId>> {
    let found: Option<String> = conn
        .prepare_cached(
            "SELECT place FROM balance WHERE sku = ?1 AND place_kind = 'location' AND status = 'sellable' \
             GROUP BY place ORDER BY sum(units) DESC, place LIMIT 1",
        )?
        .query_row([sku.as_str()], |row| row.get(0))
        .optional()?;
    found
        .map(|place| LocationId::new(place).map_err(|error| StoreError::corrupt("balance", sku, error)))
        .transpose()
}

struct Columns<'a> {
    sku: &'a str,
    place_kind: &'static str,
    place: &'a str,
    status: &'static str,
    lot: &'a str,
    serial: &'a str,
    owner: &'a str,
}

impl<'a> Columns<'a> {
    fn of(key: &'a StockKey) -> Self {
        let (place_kind, place) = match &key.place {
            Place::Location(location) => ("location", location.as_str()),
            Place::Container(container) => ("container", container.as_str()),
        };
        Self {
            sku: key.sku.as_str(),
            place_kind,
            place,
            status: status_name(key.status),
            lot: key.lot.as_deref().unwrap_or_default(),
            serial: key.serial.as_deref().unwrap_or_default(),
            owner: key.owner.as_deref().unwrap_or_default(),
        }
    }

    fn params(&self) -> [&str; 7] {
        [self.sku, self.place_kind, self.place, self.status, self.lot, self.serial, self.owner]
    }

    fn with(&self, units: i64) -> impl Params + '_ {
        let Self { sku, place_kind, place, status, lot, serial, owner } = *self;
        (sku, place_kind, place, status, lot, serial, owner, units)
    }
}

fn read(row: &Row<'_>) -> StoreResult<Balance> {
    let sku: String = row.get(0)?;
    let corrupt = |why: String| StoreError::corrupt("balance", &sku, why);
    let place: String = row.get(2)?;
    let place = match row.get_ref(1)?.as_str().map_err(|error| corrupt(error.to_string()))? {
        "location" => Place::Location(LocationId::new(place).map_err(|error| corrupt(error.to_string()))?),
        _ => Place::Container(ContainerId::new(place).map_err(|error| corrupt(error.to_string()))?),
    };
    let status: String = row.get(3)?;
    let status = STATUSES
        .into_iter()
        .find(|known| status_name(*known) == status)
        .ok_or_else(|| corrupt(format!("unknown status {status:?}")))?;
    let some = |text: String| (!text.is_empty()).then_some(text);
    Ok(Balance {
        key: StockKey {
            sku: Sku::new(sku.clone()).map_err(|error| corrupt(error.to_string()))?,
            place,
            status,
            lot: some(row.get(4)?),
            serial: some(row.get(5)?),
            owner: some(row.get(6)?),
        },
        units: row.get(7)?,
    })
}

const STATUSES: [StockStatus; 7] = [
    StockStatus::Sellable,
    StockStatus::Display,
    StockStatus::Staged,
    StockStatus::Quarantine,
    StockStatus::Damaged,
    StockStatus::Suspect,
    StockStatus::InTransit,
];

/// A status as columns name it: its serde form.
pub fn status_name(status: StockStatus) -> &'static str {
    match status {
        StockStatus::Sellable => "sellable",
        StockStatus::Display => "display",
        StockStatus::Staged => "staged",
        StockStatus::Quarantine => "quarantine",
        StockStatus::Damaged => "damaged",
        StockStatus::Suspect => "suspect",
        StockStatus::InTransit => "in_transit",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use outpost_model::stock::MovementReason;
    use outpost_model::time::UtcMillis;

    fn book(conn: &Connection, place: Place, status: StockStatus, delta: i64) {
        let sku = Sku::new("A").unwrap();
        let key = StockKey { sku, place, status, lot: None, serial: None, owner: None };
        let at = UtcMillis(1);
        let reason = MovementReason::Manual;
        apply(conn, &Movement { key, delta, reason, occurred_at: at, booked_at: at, case: None }).unwrap();
    }

    #[test]
    fn balances_add_up_and_leave_no_zero_behind() {
        let mut conn = Connection::open_in_memory().unwrap();
        crate::store::migrate::migrate(&mut conn, UtcMillis(1)).unwrap();
        let sku = Sku::new("A").unwrap();
        let shelf = LocationId::new("R1").unwrap();
        let tote = ContainerId::new("T1").unwrap();
        book(&conn, Place::Location(shelf.clone()), StockStatus::Sellable, 5);
        book(&conn, Place::Location(shelf.clone()), StockStatus::Sellable, -2);
        book(&conn, Place::Container(tote.clone()), StockStatus::Staged, 2);
        assert_eq!(sums(&conn, &sku).unwrap(), Sums { on_hand: 5, sellable: 3 });
        book(&conn, Place::Container(tote), StockStatus::Staged, -2);
        assert_eq!(of_sku(&conn, &sku).unwrap().len(), 1);
        book(&conn, Place::Location(shelf.clone()), StockStatus::Sellable, -4);
        assert_eq!(sums(&conn, &sku).unwrap(), Sums { on_hand: -1, sellable: -1 });
        let standing = crate::store::standing::of(&conn, &sku, Some(&shelf)).unwrap();
        assert_eq!((standing.sellable, standing.sellable_there), (-1, -1));
    }
}
