//! An image opened by the code that opens the hub's database when the daemon starts.

use std::rc::Rc;

use outpost_disk::{Disk, Image};
use outpost_hub::Hub;
use outpost_hub::app::capture;
use outpost_model::id::OrderId;
use rusqlite::Connection;

use super::super::{Harm, Report};
use super::facts::Facts;
use super::open::{Open, capture_order, open};
use super::work::{Oath, Office};
use super::{DATABASE, Known};
use crate::crash::edge::digest;

/// What is wrong, and how bad it is.
pub type Wrong = (Harm, String);

/// Opens an image as the daemon does, and looks for everything that must be there.
pub async fn look(
    image: &Image,
    office: &Office,
    marked: u64,
    goes_on: bool,
    known: &mut Known,
    report: &mut Report,
) -> Vec<Wrong> {
    let disk = Disk::of(image.clone());
    let folder = match office.folder_at(marked) {
        Ok(folder) => folder,
        Err(error) => return vec![(Harm::Broken, format!("no folder for the image: {error:#}"))],
    };
    let opened = match open(&disk, folder.path(), marked ^ 0x0ff1ce).await {
        Ok(opened) => opened,
        Err(error) => return vec![(Harm::Damaged, format!("it does not open: {error:#}"))],
    };
    let mut wrong = Vec::new();
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

async fn state(disk: &Disk, hub: &Hub, known: &mut Known, report: &mut Report) -> Result<Rc<Facts>, String> {
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
    match capture_order(&opened.hub, "after-the-cut", 1).await.map_err(broken)? {
        capture::Answer::New(_) => Ok(()),
        capture::Answer::Repeated(_) => {
            Err((Harm::Broken, "a new order is said to be an old one".to_owned()))
        }
    }
}
