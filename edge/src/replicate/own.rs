//! What this site wrote in an earlier life and has lost since: an appliance that was restored or replaced gets its own
//! facts back by repair. They are folded as they were when they were written, and are not sent again: the hub has them.

use outpost_model::command::Outcome;
use outpost_model::event::{Event, Kind, Side, may_write_in};
use outpost_model::fact::SiteFact;
use outpost_model::id::{CaseId, CommandId, DocumentKey, EventId};
use outpost_model::page::{LedgerFact, PageHeader, SiteDayFact};
use outpost_sync::{Content, Entry, Inspection};

use super::admit::{Refused, kind_of};
use super::take::{Arrival, Taken, found, join};
use crate::store::page::PageKind;
use crate::store::{case, outcome, page};
use crate::write::{Stop, Unit};

/// Takes an own change back.
pub(super) fn take(unit: &mut Unit<'_>, arrival: Arrival<'_>, inspection: Inspection) -> Result<Taken, Stop> {
    let Ok(key) = arrival.change.doc.as_str().parse::<DocumentKey>() else {
        return Ok(Refused::UnknownDocument.into());
    };
    let (kind, name) = match &key {
        DocumentKey::Case(id) => {
            return match inspection.content {
                Content::Header(_) => Ok(Refused::ForbiddenKind.into()),
                Content::Entries { entries, .. } => facts(unit, arrival, *id, &key, &entries),
            };
        }
        DocumentKey::Ledger(site, number) if *site == unit.site().id => {
            (PageKind::Ledger, number.to_string())
        }
        DocumentKey::SiteDay(site, date) if *site == unit.site().id => (PageKind::Day, date.to_string()),
        DocumentKey::Ledger(..) | DocumentKey::SiteDay(..) => return Ok(Refused::OtherSite.into()),
        DocumentKey::HubPage(..) => return Ok(Refused::ForbiddenKind.into()),
    };
    match (inspection.content, kind) {
        (Content::Header(text), _) => {
            let header: Option<PageHeader> = serde_json::from_str(&text).ok();
            if header.is_none_or(|header| header.site != unit.site().id) {
                return Ok(Refused::BadHeader.into());
            }
            let taken = found(unit, arrival)?;
            if taken == Taken::Applied {
                page::save(unit.tx(), kind, &name, 0)?;
            }
            Ok(taken)
        }
        (Content::Entries { entries, .. }, PageKind::Ledger) => {
            let events = match read::<LedgerFact>(&key, &entries) {
                Ok(events) => events,
                Err(refused) => return Ok(refused.into()),
            };
            let taken = on_page(unit, arrival, (kind, &name), &events)?;
            if taken == Taken::Applied {
                for event in &events {
                    unit.ledger_taken_back(event)?;
                }
            }
            Ok(taken)
        }
        (Content::Entries { entries, .. }, PageKind::Day) => {
            let events = match read::<SiteDayFact>(&key, &entries) {
                Ok(events) => events,
                Err(refused) => return Ok(refused.into()),
            };
            let taken = on_page(unit, arrival, (kind, &name), &events)?;
            if let (Taken::Applied, DocumentKey::SiteDay(_, date)) = (taken, &key) {
                unit.day_taken_back(*date, &events)?;
            }
            Ok(taken)
        }
    }
}

/// Entries of a change as events of this site, in the order in which they were written.
fn read<K: Kind>(key: &DocumentKey, entries: &[Entry]) -> Result<Vec<Event<K>>, Refused> {
    let mut events = Vec::with_capacity(entries.len());
    for entry in entries {
        let id: EventId = entry.id.parse().map_err(|_| Refused::BadEvent)?;
        let kind = kind_of(&entry.text).ok_or(Refused::BadEvent)?;
        if !may_write_in(key, Side::Site, &kind) {
            return Err(Refused::ForbiddenKind);
        }
        events.push(Event::parse(id, &entry.text).map_err(|_| Refused::BadEvent)?);
    }
    events.sort_by_key(|event: &Event<K>| event.n);
    Ok(events)
}

fn on_page<K: Kind>(
    unit: &mut Unit<'_>,
    arrival: Arrival<'_>,
    (kind, name): (PageKind, &str),
    events: &[Event<K>],
) -> Result<Taken, Stop> {
    let Some(entries) = page::entries(unit.tx(), kind, name)? else { return Ok(Taken::Waits) };
    let taken = join(unit, arrival, entries, events)?;
    if taken == Taken::Applied {
        page::save(unit.tx(), kind, name, entries + events.len() as u64)?;
        remember(unit, events)?;
    }
    Ok(taken)
}

fn facts(
    unit: &mut Unit<'_>,
    arrival: Arrival<'_>,
    id: CaseId,
    key: &DocumentKey,
    entries: &[Entry],
) -> Result<Taken, Stop> {
    let events = match read::<SiteFact>(key, entries) {
        Ok(events) => events,
        Err(refused) => return Ok(refused.into()),
    };
    let Some(row) = case::load(unit.tx(), id)? else { return Ok(Taken::Waits) };
    let taken = join(unit, arrival, row.state.site_n, &events)?;
    if taken == Taken::Applied {
        unit.facts_taken_back(row, &events)?;
        remember(unit, &events)?;
    }
    Ok(taken)
}

/// A handheld that still asks for the answer to its command must not have it done a second time.
fn remember<K>(unit: &Unit<'_>, events: &[Event<K>]) -> Result<(), Stop> {
    let mut commands: Vec<CommandId> = events.iter().map(|event| event.id.command).collect();
    commands.dedup();
    for command in commands {
        let own = events.iter().map(|event| event.id).filter(|event| event.command == command);
        let mut written: Vec<EventId> = own.collect();
        match outcome::load(unit.tx(), command)? {
            None => {
                outcome::insert(unit.tx(), command, &Outcome::Applied { events: written }, unit.now())?;
            }
            Some(Outcome::Applied { mut events }) => {
                written.retain(|event| !events.contains(event));
                events.extend(written);
                outcome::replace(unit.tx(), command, &Outcome::Applied { events })?;
            }
            // The command was given again meanwhile and refused: what it did the first time stands.
            Some(Outcome::Rejected { .. }) => {
                outcome::replace(unit.tx(), command, &Outcome::Applied { events: written })?;
            }
        }
    }
    Ok(())
}
