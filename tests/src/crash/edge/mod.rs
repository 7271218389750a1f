//! The edge's database.

mod check;
pub mod commands;
mod diary;
mod facts;
mod keys;
mod work;

use std::collections::BTreeMap;
use std::rc::Rc;

use anyhow::Result;
use outpost_disk::{Disk, Image, Loss};
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};

use super::{Finding, Plan, Report, cuts, story};
use check::Reopened;
pub use diary::{Diary, Oath};
pub use facts::{Facts, digest};
pub use work::{CHECKPOINT_PAGES, Shop};

/// The database's name on its disk.
pub const DATABASE: &str = "outpost.db";
/// Times a shop is started anew on what a power cut left, in one workload.
const LIVES: u32 = 3;
/// Groups of commands in one life.
const GROUPS: u32 = 40;
/// One in so many images is worked on.
const CONTINUES_EVERY: u32 = 8;

/// States that were checked, by the hash of all they hold: most images are one of a few.
pub type Known = BTreeMap<[u8; 32], Rc<Facts>>;

/// One shop through several lives, each ended by a power cut, with images of every life.
pub fn workload(plan: Plan, report: &mut Report) -> Result<()> {
    let mut rng = StdRng::seed_from_u64(plan.seed);
    let mut shop = Shop::open(Disk::recorded(), plan)?;
    let mut known = Known::new();
    for life in 1..=LIVES {
        let worked = (0..GROUPS).try_for_each(|_| shop.step(&mut rng));
        match worked {
            // A planted defect may have left a shop that cannot work; the images have told.
            Err(_) if plan.defect.is_some() && life > 1 => break,
            worked => worked?,
        }
        let answered = shop.disk.operations();
        shop.unanswered(&mut rng)?;
        let tape = shop.disk.tape();
        report.operations += tape.len() as u64;
        let share = plan.images / LIVES + u32::from(life <= plan.images % LIVES);
        let mut player = tape.player(plan.honesty());
        for cut in cuts(&tape, share, &mut rng) {
            player.play_to(cut, &mut rng);
            let image = player.crash(Loss::any(&mut rng), &mut rng);
            let story = story(plan, life, cut, tape.len());
            let goes_on = rng.random_range(0..CONTINUES_EVERY) == 0;
            let findings = look(&image, &shop, player.marked(), goes_on, &story, &mut known, report);
            report.image(findings);
        }
        if life == LIVES {
            break;
        }
        // The cut that ends a life falls into what nobody was answered: the hub knows nothing of it.
        let mut player = tape.player(plan.honesty());
        player.play_to(rng.random_range(answered..=tape.len()), &mut rng);
        let (image, marked) = (player.crash(Loss::any(&mut rng), &mut rng), player.marked());
        match shop.after_the_cut(Disk::recorded_of(image), marked) {
            Ok(opened) => shop = opened,
            // With a planted defect there may be nothing to go on with; the images have told.
            Err(_) if plan.defect.is_some() => break,
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

/// Opens an image the way the daemon does, and looks for everything that must be there.
fn look(
    image: &Image,
    shop: &Shop,
    marked: u64,
    goes_on: bool,
    story: &str,
    known: &mut Known,
    report: &mut Report,
) -> Vec<Finding> {
    let wrong = match Reopened::open(image, shop) {
        Ok(reopened) => reopened.check(shop, marked, goes_on, known, report),
        Err(wrong) => vec![wrong],
    };
    wrong.into_iter().map(|(harm, what)| super::finding(harm, what, story, image)).collect()
}
