//! The hub's epochs: whether the database continues its own past, and what a new epoch begins with when it does not.

use outpost_config::SsccSettings;
use outpost_model::defects::{Planted, is_planted};
use outpost_model::id::SiteId;
use outpost_model::time::UtcMillis;
use outpost_sync::{Incarnation, Position};
use sqlx::AnyConnection;

use crate::error::HubError;
use crate::ids::Ids;
use crate::store::authority::{self, Life, Past};
use crate::store::{case, enrollment, exception, outbox, recovery, serial, stream};
use crate::witness::{Testimony, Witness};
use crate::write::Unit;

/// Pages of the hub's own in one epoch: the numbers of a later one never meet those of an earlier one, whatever was
/// lost of it.
const PAGES_OF_EPOCH: u32 = 1 << 16;

/// How it is known that the database was restored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Restored {
    /// It has come less far than the witness says.
    Behind,
    /// The witness remembers another hub, or another past of this one.
    OtherPast,
    /// The witness remembers a database and this one is empty.
    Emptied,
    /// The witness is gone: that nothing was lost cannot be known.
    NoWitness,
    /// Somebody has restored it and said so.
    Told,
    /// A site has proved that something is missing.
    Claimed,
}

impl Restored {
    /// In a sentence.
    fn sentence(self) -> &'static str {
        match self {
            Self::Behind => "The database is older than what was written down beside it.",
            Self::OtherPast => "The database has another past than what was written down beside it.",
            Self::Emptied => "The database is empty, and there was one before it.",
            Self::NoWitness => "What was written down beside the database is gone.",
            Self::Told => "The database was restored from a copy.",
            Self::Claimed => "A site has received more from this hub than the hub knows of.",
        }
    }
}

/// Whether the database continues its past; nothing is wrong when this says nothing. Pure.
pub fn judge(found: Option<&Past>, told: Option<&Testimony>) -> Option<Restored> {
    match (found, told) {
        (None, None) => None,
        (None, Some(_)) => Some(Restored::Emptied),
        (Some(found), _) if found.suspected => Some(Restored::Claimed),
        // A database of a version that had no witness yet.
        (Some(found), None) => (found.tide > 0).then_some(Restored::NoWitness),
        (Some(_), Some(told)) if told.restored => Some(Restored::Told),
        (Some(found), Some(told)) => {
            let same = told.incarnation == found.life.incarnation.to_string();
            match told.epoch.cmp(&found.life.epoch) {
                std::cmp::Ordering::Greater => Some(Restored::Behind),
                std::cmp::Ordering::Equal if !same => Some(Restored::OtherPast),
                // Another process on the same database has begun an epoch meanwhile.
                std::cmp::Ordering::Less => None,
                std::cmp::Ordering::Equal => (told.tide > found.tide).then_some(Restored::Behind),
            }
        }
    }
}

/// What a start needs.
pub struct Opening<'a> {
    /// What is written down outside.
    pub witness: &'a Witness,
    /// Where ids come from.
    pub ids: &'a mut Ids,
    /// How serials are leased.
    pub sscc: &'a SsccSettings,
    /// Whether the serials that were leased may be known to another process only.
    pub shared: bool,
}

/// The life the hub goes on in: its present one, or the first of a new epoch. Runs in one transaction, before anything
/// else writes.
pub async fn begin(db: &mut AnyConnection, now: UtcMillis, opening: Opening<'_>) -> Result<Life, HubError> {
    let Opening { witness, ids, sscc, shared } = opening;
    let told = witness.told();
    let found = authority::past(db).await?;
    let restored = judge(found.as_ref(), told.as_ref());
    let mint = Incarnation::mint(ids.rng());
    let life = match (restored, found) {
        (None, Some(found)) => {
            // One block more than were leased, after a power cut; after a copy was put back unseen, those it lacks.
            keep_pledges(db, told.as_ref()).await?;
            found.life
        }
        (None, None) => {
            let life = Life { epoch: 1, incarnation: mint, begun_at: now };
            authority::put_life(db, &life, 1).await?;
            life
        }
        (Some(why), found) => {
            let known = found.as_ref().map_or(0, |found| found.life.epoch);
            let epoch = known.max(told.as_ref().map_or(0, |told| told.epoch)) + 1;
            let life = Life { epoch, incarnation: mint, begun_at: now };
            let tide = found.map_or(0, |found| found.tide).max(told.as_ref().map_or(0, |told| told.tide));
            authority::put_life(db, &life, tide + 1).await?;
            let complete = !shared && told.is_some();
            never_again(db, told.as_ref(), sscc, complete).await?;
            continue_streams(db, &life, told.as_ref()).await?;
            wait_for_sites(db, &life, ids, why).await?;
            tracing::error!(epoch, why = why.sentence(), "the hub begins a new epoch");
            life
        }
    };
    // Before the commit: an epoch that was begun and not committed is skipped, and never begun twice.
    testify(witness, &life)?;
    Ok(life)
}

fn testify(witness: &Witness, life: &Life) -> Result<(), HubError> {
    let written = witness.testify(|told| {
        let present = life.incarnation.to_string();
        let before = std::mem::replace(&mut told.incarnation, present.clone());
        told.lives.extend([before, present].into_iter().filter(|name| !name.is_empty()));
        told.epoch = life.epoch;
        told.restored = false;
    });
    written.map_err(|error| HubError::Keys(format!("what is written down beside the database: {error}")))
}

/// What was issued once is not issued again: serials go on after those that were pledged, or far beyond where that is
/// not known for certain. Versions of reference data name their epoch, and go on by that.
async fn never_again(
    db: &mut AnyConnection,
    told: Option<&Testimony>,
    sscc: &SsccSettings,
    complete: bool,
) -> Result<(), HubError> {
    keep_pledges(db, told).await?;
    if !complete {
        let block = u64::from(sscc.block_size);
        let most = sscc.serials() / 10;
        serial::skip(db, (sscc.serials() / 100).max(20 * block).min(most)).await?;
    }
    Ok(())
}

/// No serial is leased again that was pledged, whether its lease is in the database or not.
async fn keep_pledges(db: &mut AnyConnection, told: Option<&Testimony>) -> Result<(), HubError> {
    let told = told.filter(|_| !is_planted(Planted::ReissueASerialAfterRestore));
    for (series, next) in told.into_iter().flat_map(|told| &told.serials) {
        let Some((prefix, extension)) = series.split_once('/') else { continue };
        let Ok(extension) = extension.parse() else { continue };
        serial::raise(db, (prefix, extension), *next).await?;
    }
    Ok(())
}

/// Every stream goes on in the new life, with its earlier one as parent, and on a page whose number was never used. Lives
/// that began after the copy was made are named again: what was written in them comes back from the sites.
async fn continue_streams(
    db: &mut AnyConnection,
    life: &Life,
    told: Option<&Testimony>,
) -> Result<(), HubError> {
    let first = life.epoch.saturating_sub(1).saturating_mul(PAGES_OF_EPOCH);
    let told = told.into_iter().flat_map(|told| told.lives.iter().chain([&told.incarnation]));
    let lost = told.filter_map(|name| u128::from_str_radix(name, 16).ok());
    let lost: Vec<Incarnation> = lost.map(|name| Incarnation(name.to_be_bytes())).collect();
    for site in stream::sites(db).await? {
        for lost in &lost {
            outbox::remember(db, &site, *lost).await?;
        }
        outbox::mint(db, &site, life.incarnation).await?;
        stream::turn_page(db, &site, first).await?;
        case::forget_revoked(db, &site).await?;
    }
    Ok(())
}

async fn wait_for_sites(
    db: &mut AnyConnection,
    life: &Life,
    ids: &mut Ids,
    why: Restored,
) -> Result<(), HubError> {
    let sites = enrollment::sites(db).await?;
    for site in &sites {
        recovery::open(db, site, life).await?;
    }
    let raised = exception::New {
        code: "hub_restored",
        sentence: format!(
            "{} Nothing is promised from the {} sites before each has shown what it has, and nothing is taken away \
             from them for as long as they may act without asking.",
            why.sentence(),
            sites.len()
        ),
        once: format!("hub_restored {}", life.epoch),
        ..Default::default()
    };
    exception::raise(db, ids.uuid(), life.begun_at, raised).await?;
    Ok(())
}

/// Notes how far the database has come. Nothing when it has come less far than the witness says: it was replaced under
/// the running hub, which must end and begin anew.
pub async fn rise(unit: &mut Unit, told: u64) -> Result<Option<u64>, HubError> {
    let tide = authority::rise(unit.db()).await?;
    Ok((tide > told).then_some(tide))
}

/// A site has proved that this hub had written more in its present epoch than the database holds. The next start begins
/// a new epoch; nothing is to be written in this one any more. Says nothing of what the hub has come to know since.
pub async fn proved(unit: &mut Unit, site: &SiteId, written: Position) -> Result<(), HubError> {
    let Some(past) = authority::past(unit.db()).await? else { return Ok(()) };
    let Some(head) = stream::lock(unit.db(), site).await? else { return Ok(()) };
    let missing = head.mark.incarnation == written.incarnation && head.mark.n < written.n;
    if !missing || past.suspected {
        return Ok(());
    }
    authority::suspect(unit.db()).await?;
    tracing::error!(%site, "a site has proved that it has received more from this hub than the hub knows of");
    unit.wakes.end = true;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn past(epoch: u32, byte: u8, tide: u64) -> Past {
        let life = Life { epoch, incarnation: Incarnation([byte; 16]), begun_at: UtcMillis(0) };
        Past { life, tide, suspected: false }
    }

    fn told(epoch: u32, byte: u8, tide: u64) -> Testimony {
        let incarnation = Incarnation([byte; 16]).to_string();
        Testimony { epoch, incarnation, tide, ..Testimony::default() }
    }

    #[test]
    fn a_database_is_compared_with_what_is_written_down_beside_it() {
        let judge =
            |found: Option<Past>, told: Option<Testimony>| super::judge(found.as_ref(), told.as_ref());
        assert_eq!(judge(None, None), None, "the first start of all");
        assert_eq!(judge(Some(past(1, 1, 0)), None), None, "the first start of a version with a witness");
        assert_eq!(judge(Some(past(1, 1, 9)), Some(told(1, 1, 9))), None);
        assert_eq!(
            judge(Some(past(1, 1, 10)), Some(told(1, 1, 9))),
            None,
            "the file is written after the commit"
        );
        assert_eq!(judge(Some(past(1, 1, 8)), Some(told(1, 1, 9))), Some(Restored::Behind));
        assert_eq!(judge(Some(past(1, 1, 99)), Some(told(2, 2, 9))), Some(Restored::Behind));
        assert_eq!(judge(Some(past(1, 7, 99)), Some(told(1, 1, 9))), Some(Restored::OtherPast));
        assert_eq!(judge(Some(past(2, 2, 99)), Some(told(1, 1, 9))), None, "another process has begun it");
        assert_eq!(judge(Some(past(1, 1, 9)), None), Some(Restored::NoWitness));
        assert_eq!(judge(None, Some(told(1, 1, 9))), Some(Restored::Emptied));
        let said = Testimony { restored: true, ..told(1, 1, 9) };
        assert_eq!(judge(Some(past(1, 1, 9)), Some(said)), Some(Restored::Told));
        let proved = Past { suspected: true, ..past(1, 1, 9) };
        assert_eq!(judge(Some(proved), Some(told(1, 1, 9))), Some(Restored::Claimed));
    }
}
