//! An image opened by the code that opens the hub's database when the daemon starts.

use std::rc::Rc;

use outpost_disk::{Disk, Image};
use outpost_hub::Hub;
use outpost_hub::app::capture;
use outpost_model::id::OrderId;
use rusqlite::Connection;

use super::super::{Harm, Report};
use super::facts::Facts;
use super::open::{Open, capture_order, lease_block, open};
use super::work::{Oath, Office};
use super::{DATABASE, Known};
use crate::crash::edge::digest;

/// What is wrong, and how bad it is.
pub type Wrong = (Harm, String);

/// Where the power was cut.
#[derive(Debug, Clone, Copy)]
pub struct Cut<'a> {
    /// What was answered by then.
    pub marked: u64,
    /// What stood in the witness beside the database.
    pub told: Option<&'a [u8]>,
    /// Whether the hub goes on working on what is left.
    pub goes_on: bool,
}

/// Opens an image as the daemon does, and looks for everything that must be there.
pub async fn look(
    image: &Image,
    office: &Office,
    cut: Cut<'_>,
    known: &mut Known,
    report: &mut Report,
) -> Vec<Wrong> {
    let Cut { marked, told, goes_on } = cut;
    let disk = Disk::of(image.clone());
    let folder = match office.folder(told) {
        Ok(folder) => folder,
        Err(error) => return vec![(Harm::Broken, format!("no folder for the image: {error:#}"))],
    };
    let opened = match open(&disk, folder.path(), marked ^ 0x0ff1ce).await {
        Ok(opened) => opened,
        Err(error) => return vec![(Harm::Damaged, format!("it does not open: {error:#}"))],
    };
    let mut wrong = Vec::new();
    // The first start of all may have written down an epoch that it could not commit; it is skipped.
    if marked > 0 && opened.hub.life != *office.life() {
        wrong.push((Harm::Broken, "a power cut is taken for a restored copy".to_owned()));
    }
    match state(&disk, &opened.hub, known, report).await {
        Err(what) => wrong.push((Harm::Damaged, what)),
        Ok(facts) => {
            wrong.extend(facts.broken.iter().map(|what| (Harm::Broken, what.clone())));
            answered(&facts, office, marked, report, &mut wrong);
            if wrong.is_empty() && goes_on {
                report.continued += 1;
                if let Err(what) = go_on(&opened, office, marked).await {
                    wrong.push(what);
                }
            }
        }
    }
    opened.close().await;
    wrong
}

pub(super) async fn state(
    disk: &Disk,
    hub: &Hub,
    known: &mut Known,
    report: &mut Report,
) -> Result<Rc<Facts>, String> {
    let conn = Connection::open(disk.path(DATABASE)).map_err(|error| error.to_string())?;
    let said: Result<String, _> = conn.query_row("PRAGMA quick_check", [], |row| row.get(0));
    if said.as_deref() != Ok("ok") {
        return Err("SQLite finds it damaged".to_owned());
    }
    let digest = digest(&conn).map_err(|error| error.to_string())?;
    if let Some(facts) = known.get(&digest) {
        return Ok(facts.clone());
    }
    report.states += 1;
    let facts = Rc::new(Facts::read(&conn, hub).await?);
    known.insert(digest, facts.clone());
    Ok(facts)
}

/// Everything that was answered is in the state.
fn answered(facts: &Facts, office: &Office, marked: u64, report: &mut Report, wrong: &mut Vec<Wrong>) {
    for oath in office.through(marked) {
        report.answers += 1;
        let lost = match oath {
            Oath::Captured { reference, id } => {
                (facts.orders.get(reference) != Some(&id.to_string())).then(|| format!("order {reference}"))
            }
            Oath::Imported { products } => {
                (facts.products < *products).then(|| "an import of products".to_owned())
            }
            Oath::Cancelled(id) => {
                (!facts.called_off.contains(&id.to_string())).then(|| format!("the cancellation of {id}"))
            }
            Oath::Taken(position) => {
                let taken = facts.taken.get(&position.incarnation).copied().unwrap_or(0);
                (taken < position.n).then(|| format!("the site's item {}", position.n))
            }
            Oath::Published(site, mark) => {
                let here = facts.streams.get(&(site.clone(), mark.position()));
                let kept = here.is_some_and(|running| *running == mark.running);
                let gone = here.is_none() && office.acknowledged() >= mark.n;
                if here.is_some() && !kept {
                    wrong.push((Harm::Reused, format!("position {} of {site} holds something else", mark.n)));
                }
                (!kept && !gone).then(|| format!("position {} published to {site}", mark.n))
            }
            Oath::Leased { next } => {
                (facts.leased < *next).then(|| format!("the lease of serials below {next}"))
            }
        };
        wrong.extend(lost.map(|what| (Harm::Lost, what)));
    }
}

/// A channel that resends hears of the same order, and a new one is captured.
async fn go_on(opened: &Open, office: &Office, marked: u64) -> Result<(), Wrong> {
    let broken = |error: anyhow::Error| (Harm::Broken, format!("{error:#}"));
    let mut last = None;
    for oath in office.through(marked) {
        if let Oath::Captured { reference, id } = oath {
            last = Some((reference, *id));
        }
    }
    if let Some((reference, id)) = last {
        let again: OrderId = match capture_order(&opened.hub, reference, 1).await.map_err(broken)? {
            capture::Answer::Repeated(again) | capture::Answer::New(again) => again,
        };
        if again != id {
            return Err((
                Harm::Lost,
                format!("order {reference} is captured once more when it is sent again"),
            ));
        }
    }
    works(&opened.hub, office, marked).await
}

/// New work is done: an order is new, and serials are ones that no site was ever given.
pub(super) async fn works(hub: &Hub, office: &Office, marked: u64) -> Result<(), Wrong> {
    let broken = |error: anyhow::Error| (Harm::Broken, format!("{error:#}"));
    if let capture::Answer::Repeated(_) = capture_order(hub, "after-the-cut", 1).await.map_err(broken)? {
        return Err((Harm::Broken, "a new order is said to be an old one".to_owned()));
    }
    if marked == 0 {
        // The site was not enrolled yet.
        return Ok(());
    }
    let leased = office.through(marked).iter().filter_map(|oath| match oath {
        Oath::Leased { next } => Some(*next),
        _ => None,
    });
    let given = leased.max().unwrap_or(0);
    let count = u64::from(hub.settings.sscc.block_size);
    let first = lease_block(hub, &office.site()).await.map_err(broken)?.saturating_sub(count);
    if first < given {
        return Err((
            Harm::Reused,
            format!("serials from {first} are leased again, up to {given} were given"),
        ));
    }
    Ok(())
}
