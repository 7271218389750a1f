//! Commands about the site itself: its day, and sales over the counter.

use super::guard::{refuse, some};
use crate::command::SiteCommand;
use crate::header::Service;
use crate::id::{LocationId, Sku};
use crate::page::{LedgerFact, SiteDayFact};
use crate::quantity::Quantity;
use crate::rejection::Rejection;
use crate::site_day::SiteDayState;
use crate::stock::{Movement, MovementReason, Place, StockKey, StockStatus};
use crate::time::UtcMillis;

/// Where units are booked that the book knows no place for.
pub const UNPLACED: &str = "unplaced";

/// The facts a command about the site's day means; none when it is so already. A sale is not one: see [`sale`].
pub fn decide_day(
    day: &SiteDayState,
    command: &SiteCommand,
    now: UtcMillis,
) -> Result<Vec<SiteDayFact>, Rejection> {
    match command {
        SiteCommand::Open if day.open == Some(true) => Ok(Vec::new()),
        SiteCommand::Open => Ok(vec![SiteDayFact::Opened]),
        SiteCommand::Close { .. } if day.open == Some(false) => Ok(Vec::new()),
        SiteCommand::Close { early } => Ok(vec![SiteDayFact::Closed { early: *early }]),
        SiteCommand::Pause { until: Some(until), .. } if *until <= now => {
            refuse("bad_time", "That time has passed already.")
        }
        SiteCommand::Pause { services, until, reason } => Ok(vec![SiteDayFact::Paused {
            services: all_if_empty(services),
            until: *until,
            reason: reason.clone(),
        }]),
        SiteCommand::Resume { services } => {
            let services = all_if_empty(services);
            match services.iter().any(|service| day.pause(*service, now).is_some()) {
                true => Ok(vec![SiteDayFact::Resumed { services }]),
                false => Ok(Vec::new()),
            }
        }
        SiteCommand::Sell { .. } => Ok(Vec::new()),
    }
}

fn all_if_empty(services: &[Service]) -> Vec<Service> {
    if services.is_empty() { Service::ALL.to_vec() } else { services.to_vec() }
}

/// What a sale over the counter books. It has happened: it is booked from `location`, or from [`UNPLACED`] when the
/// book knows none, and may take a balance below zero.
pub fn sale(
    sku: &Sku,
    qty: Quantity,
    location: Option<&LocationId>,
    receipt: Option<&str>,
    occurred_at: UtcMillis,
    booked_at: UtcMillis,
) -> Result<LedgerFact, Rejection> {
    some(qty)?;
    let unplaced = || LocationId::new(UNPLACED).expect("a literal of letters is a location");
    let key = StockKey {
        sku: sku.clone(),
        place: Place::Location(location.cloned().unwrap_or_else(unplaced)),
        status: StockStatus::Sellable,
        lot: None,
        serial: None,
        owner: None,
    };
    let movement = Movement {
        key,
        delta: -qty.delta(),
        reason: MovementReason::Sale,
        occurred_at,
        booked_at,
        case: None,
    };
    Ok(LedgerFact::Booked { movements: vec![movement], source: receipt.map(str::to_owned) })
}
