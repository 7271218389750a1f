//! A site that runs on an old copy of its database, or whose life the hub knows differently, or refuses.

use outpost_sync::{Incarnation, Position};

use crate::app;
use crate::store::{authority, case, past, right, serial};
use crate::write::{News, Stop, Unit};

/// This replica was rolled back, or is a new one: what it has of its own past is not all there is. Until the hub has
/// given it back, it grants nothing and answers nothing by rule; serials it may have issued are not issued again.
pub fn lose(unit: &mut Unit<'_>, lost: &[Position]) -> Result<(), Stop> {
    if !past::note(unit.tx(), lost)? {
        return Ok(());
    }
    serial::void_all(unit.tx())?;
    for Position { incarnation, n } in lost {
        tracing::error!(%incarnation, n, "this database is behind what the site has answered for");
        let event = format!("{incarnation}/{n}");
        unit.raise("rolled_back", "site/journal", &event, app::sentence("rolled_back"))?;
    }
    unit.tell(News::Sync);
    Ok(())
}

/// All documents were compared with the hub's, and are the same: nothing is missing any more. Rights are settled at the
/// end of the group, and what waits for an answer gets it.
pub fn restored(unit: &mut Unit<'_>) -> Result<(), Stop> {
    if !past::restored(unit.tx())? {
        return Ok(());
    }
    // Nothing of a life whose end was lost is ever acknowledged by number. What it wrote into documents is there.
    for lost in past::load(unit.tx())?.map(|loss| loss.lost).unwrap_or_default() {
        outpost_journal::acknowledge_rest(unit.tx(), lost.incarnation)?;
    }
    tracing::info!("the hub has given back what this site had lost");
    for sku in right::skus(unit.tx())? {
        unit.touch_stock(&sku);
    }
    for id in case::at_work(unit.tx())? {
        if let Some(mut row) = case::load(unit.tx(), id)? {
            app::answer_by_rule(unit, &mut row)?;
        }
    }
    unit.tell(News::Sync);
    Ok(())
}

/// What is stored here of a life is not what the hub has of it: after the present one the next begins at once, since nothing
/// more of it can arrive. Where the hub has more of it, its end was lost.
pub fn leave(unit: &mut Unit<'_>, position: Position) -> Result<(), Stop> {
    let Position { incarnation, n } = position;
    if !outpost_journal::holds(unit.tx(), &position)? && past::note(unit.tx(), &[position])? {
        // Numbers that were leased since are good: a loss that they may have been part of is told by itself.
        unit.tell(News::Sync);
    }
    let event = format!("{incarnation}/{n}");
    unit.raise("stream_diverged", "site/journal", &event, app::sentence("stream_diverged"))?;
    if outpost_journal::current(unit.tx())?.is_some_and(|mark| mark.incarnation == incarnation) {
        unit.begin_anew();
    }
    Ok(())
}

/// The hub does not talk with this life: another computer took over. What may be irrevocable needs a supervisor now.
pub fn retire(unit: &mut Unit<'_>, life: Incarnation) -> Result<(), Stop> {
    authority::withdraw(unit.tx())?;
    unit.raise("clone_alive", "site/line", &life.to_string(), app::sentence("clone_alive"))?;
    unit.tell(News::Sync);
    Ok(())
}
