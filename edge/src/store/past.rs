//! What this replica has lost of its own past, and whether the hub has restored it.

use outpost_sync::Position;
use rusqlite::Connection;
use serde::{Deserialize, Serialize};

use super::{StoreResult, page, setting};

const LOSS: &str = "lost_past";

/// Pages that are left out when the past was lost: the lost one has begun fewer. At a thousand entries a page that is
/// ten million entries since the copy was made.
const PAGES_LEFT_OUT: u32 = 10_000;

/// A loss that was noticed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Loss {
    /// Lives of this replica, each with a number that somebody has seen of it and that is not here.
    pub lost: Vec<Position>,
    /// The first page of the ledger that the lost past cannot have begun.
    pub pages_from: u32,
    /// Whether the hub has sent everything back that it had.
    pub restored: bool,
}

/// The loss that was noticed last.
pub fn load(conn: &Connection) -> StoreResult<Option<Loss>> {
    setting::load(conn, LOSS)
}

/// The loss that the hub has not restored yet.
pub fn open(conn: &Connection) -> StoreResult<Option<Loss>> {
    Ok(load(conn)?.filter(|loss| !loss.restored))
}

/// Notes a loss. `false` when it is known already, restored or not: it may be told again and again.
pub fn note(conn: &Connection, lost: &[Position]) -> StoreResult<bool> {
    let known = load(conn)?;
    let covers =
        |known: &Position, lost: &Position| known.incarnation == lost.incarnation && known.n >= lost.n;
    let mut all = known.as_ref().map(|loss| loss.lost.clone()).unwrap_or_default();
    if lost.iter().all(|lost| all.iter().any(|known| covers(known, lost))) {
        // Hello names the last: the hub waits for a word about what it has told.
        if let Some(mut loss) = known.filter(|loss| !loss.restored) {
            loss.lost.sort_by_key(|known| lost.iter().any(|lost| lost.incarnation == known.incarnation));
            setting::save(conn, LOSS, &loss)?;
        }
        return Ok(false);
    }
    all.retain(|known| !lost.iter().any(|lost| covers(lost, known)));
    all.extend_from_slice(lost);
    let last = page::last_ledger(conn)?.map_or(0, |(page, _)| page);
    let pages_from = match &known {
        Some(loss) if !loss.restored => loss.pages_from,
        _ => last.saturating_add(PAGES_LEFT_OUT),
    };
    setting::save(conn, LOSS, &Loss { lost: all, pages_from, restored: false })?;
    Ok(true)
}

/// Nothing is missing any more. `true` when that ends a loss.
pub fn restored(conn: &Connection) -> StoreResult<bool> {
    let Some(loss) = open(conn)? else { return Ok(false) };
    setting::save(conn, LOSS, &Loss { restored: true, ..loss })?;
    Ok(true)
}

/// The first page of the ledger that may be begun.
pub fn pages_from(conn: &Connection) -> StoreResult<u32> {
    Ok(load(conn)?.map_or(0, |loss| loss.pages_from))
}

#[cfg(test)]
mod tests {
    use super::*;
    use outpost_model::time::UtcMillis;
    use outpost_sync::Incarnation;

    fn at(byte: u8, n: u64) -> Position {
        Position { incarnation: Incarnation([byte; 16]), n }
    }

    #[test]
    fn a_loss_is_noted_once_however_often_it_is_told() {
        let mut conn = Connection::open_in_memory().unwrap();
        crate::store::migrate::migrate(&mut conn, UtcMillis(1)).unwrap();
        assert!(!restored(&conn).unwrap());
        assert!(note(&conn, &[at(1, 80)]).unwrap());
        assert!(!note(&conn, &[at(1, 80)]).unwrap());
        assert!(!note(&conn, &[at(1, 60)]).unwrap());
        assert!(note(&conn, &[at(2, 5)]).unwrap());
        assert!(!note(&conn, &[at(1, 80)]).unwrap());
        let last = open(&conn).unwrap().and_then(|loss| loss.lost.last().copied());
        assert_eq!(last, Some(at(1, 80)), "what was told last is what is named");
        assert!(restored(&conn).unwrap());
        assert!(!restored(&conn).unwrap(), "once");
        assert_eq!(open(&conn).unwrap(), None);
        assert!(!note(&conn, &[at(1, 80)]).unwrap(), "the hub may still say it for a while");
        assert!(note(&conn, &[at(1, 81)]).unwrap());
        assert_eq!(open(&conn).unwrap().map(|loss| loss.lost), Some(vec![at(2, 5), at(1, 81)]));
    }
}
