//! A copy of the database put in its place: older than what was written down beside it, and than what sites have heard.

use anyhow::{Context, Result};
use outpost_disk::{Disk, Image};
use outpost_hub::witness::{Testimony, Witness};

use super::super::{Defect, Harm, Report};
use super::Known;
use super::check::{Wrong, state, works};
use super::open::open;
use super::work::{Oath, Office};

/// A copy of the database.
pub struct Copy {
    image: Image,
    told: Option<Vec<u8>>,
}

impl Copy {
    /// A copy of what the database held when this stood in the witness.
    pub fn new(image: Image, told: Option<&[u8]>) -> Self {
        Self { image, told: told.map(<[u8]>::to_vec) }
    }

    /// Whether the hub has written down since then that it has come further. The file is written after the commit, so
    /// the copy may be one step ahead of its own.
    fn is_outdated(&self, told: &Testimony) -> Result<bool> {
        let then = testimony(self.told.as_deref())?.map_or(0, |told| told.tide);
        Ok(told.tide > then + 1)
    }
}

fn testimony(told: Option<&[u8]>) -> Result<Option<Testimony>> {
    told.map(serde_json::from_slice).transpose().context("what is written down beside the database")
}

/// What is known when a copy is put back.
#[derive(Debug, Clone, Copy)]
pub struct Now<'a> {
    /// What was answered by then.
    pub marked: u64,
    /// What stands in the witness.
    pub told: Option<&'a [u8]>,
    /// Whether somebody says that it is a copy, as `outpost-hub restore` does.
    pub said: bool,
}

/// Opens a copy. Answers that came after it are lost, which nobody can help; but the hub must know that, go on as
/// somebody else, and use nothing again that a site may have. Of a copy that nobody can know as one yet, only that it leases
/// no serial twice. `None` when there is no witness yet.
pub async fn look(
    copy: &Copy,
    office: &Office,
    now: Now<'_>,
    known: &mut Known,
    report: &mut Report,
) -> Option<Vec<Wrong>> {
    match try_to_look(copy, office, now, known, report).await {
        Ok(wrong) => wrong,
        Err(error) => Some(vec![(Harm::Damaged, format!("a restored copy does not open: {error:#}"))]),
    }
}

async fn try_to_look(
    copy: &Copy,
    office: &Office,
    now: Now<'_>,
    known: &mut Known,
    report: &mut Report,
) -> Result<Option<Vec<Wrong>>> {
    let Some(told) = testimony(now.told)? else { return Ok(None) };
    let must_know = now.said || copy.is_outdated(&told)?;
    let in_copy = office.defect() == Some(Defect::WitnessInTheCopy);
    let folder = office.folder(if in_copy { copy.told.as_deref() } else { now.told })?;
    if now.said && !in_copy {
        Witness::open(folder.path())?.testify(|told| told.restored = true)?;
    }
    let disk = Disk::of(copy.image.clone());
    let opened = open(&disk, folder.path(), now.marked ^ 0x00c0_ffee).await?;
    report.restored += 1;
    let mut wrong = Vec::new();
    let life = &opened.hub.life;
    if !must_know && life.epoch <= told.epoch {
        let wrong = works(&opened.hub, office, now.marked).await.err();
        opened.close().await;
        return Ok(Some(wrong.into_iter().collect()));
    }
    if life.epoch <= told.epoch || life.incarnation == office.life().incarnation {
        wrong.push((Harm::Reused, format!("the hub goes on in epoch {} after a restore", life.epoch)));
    }
    match state(&disk, &opened.hub, known, report).await {
        Err(what) => wrong.push((Harm::Damaged, what)),
        Ok(facts) => {
            wrong.extend(facts.broken.iter().map(|what| (Harm::Broken, what.clone())));
            for oath in office.through(now.marked) {
                if let Oath::Published(site, mark) = oath
                    && let Some(running) = facts.streams.get(&(site.clone(), mark.position()))
                    && *running != mark.running
                {
                    wrong.push((Harm::Reused, format!("position {} of {site} holds something else", mark.n)));
                }
            }
            wrong.extend(works(&opened.hub, office, now.marked).await.err());
        }
    }
    opened.close().await;
    Ok(Some(wrong))
}
