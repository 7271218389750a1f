//! The hub's database.

mod check;
mod facts;
mod line;
mod open;
mod restored;
mod work;

use std::collections::BTreeMap;
use std::rc::Rc;

use anyhow::Result;
use outpost_disk::{Disk, Loss, Player, Tape};
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};

use super::{Plan, Report, cuts, story};
use check::Cut;
pub use facts::Facts;
pub use open::{capture_order, open};
use restored::{Copy, Now};
pub use work::Office;

/// The database's name on its disk.
pub const DATABASE: &str = "hub.db";
/// Things that happen in one life.
const STEPS: u32 = 50;
/// Times a hub is started anew on what a power cut left, in one workload.
const LIVES: u32 = 2;
/// One in so many images is worked on.
const CONTINUES_EVERY: u32 = 8;
/// A copy is made at one in so many cuts, and put back at one in so many later ones.
const COPIES_EVERY: u32 = 8;

/// States that were checked, by the hash of all they hold.
pub type Known = BTreeMap<[u8; 32], Rc<Facts>>;

/// One hub through several lives, each ended by a power cut, with images of every life.
pub fn workload(plan: Plan, report: &mut Report) -> Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(lives(plan, report))
}

async fn lives(plan: Plan, report: &mut Report) -> Result<()> {
    let mut rng = StdRng::seed_from_u64(plan.seed ^ 0x000b);
    let mut office = Office::open(Disk::recorded(), plan).await?;
    let mut known = Known::new();
    for life in 1..=LIVES {
        let worked = work(&mut office, &mut rng).await;
        match worked {
            // A planted defect may have left a hub that cannot work; the images have told.
            Err(_) if plan.defect.is_some() && life > 1 => break,
            worked => worked?,
        }
        let answered = office.disk.operations();
        office.unanswered(&mut rng).await?;
        let tape = office.disk.tape();
        report.operations += tape.len() as u64;
        let share = plan.images / LIVES + u32::from(life <= plan.images % LIVES);
        let mut player = tape.player(plan.honesty());
        let mut copy: Option<Copy> = None;
        for cut in cuts(&tape, share, &mut rng) {
            player.play_to(cut, &mut rng);
            let image = player.crash(Loss::any(&mut rng), &mut rng);
            let story = story(plan, life, cut, tape.len());
            let goes_on = rng.random_range(0..CONTINUES_EVERY) == 0;
            let (marked, told) = (player.marked(), player.beside());
            let cut = Cut { marked, told, goes_on };
            let wrong = check::look(&image, &office, cut, &mut known, report).await;
            let findings = wrong.into_iter().map(|(harm, what)| super::finding(harm, what, &story, &image));
            report.image(findings.collect());
            if let Some(copy) = copy.as_ref().filter(|_| rng.random_range(0..COPIES_EVERY) == 0) {
                let now = Now { marked, told, said: rng.random_bool(0.5) };
                if let Some(wrong) = restored::look(copy, &office, now, &mut known, report).await {
                    let story = format!("{story}, and an earlier copy put in its place");
                    let findings =
                        wrong.into_iter().map(|(harm, what)| super::finding(harm, what, &story, &image));
                    report.image(findings.collect());
                }
            }
            if rng.random_range(0..COPIES_EVERY) == 0 && marked > 0 {
                copy = Some(Copy::new(player.crash(Loss::Nothing, &mut rng), told));
            }
        }
        let player = last_cut(&tape, plan, answered, &mut rng);
        let (image, marked) = (player.crash(Loss::any(&mut rng), &mut rng), player.marked());
        let told = player.beside();
        if life == LIVES {
            office.close().await;
            break;
        }
        match office.after_the_cut(Disk::recorded_of(image), told, marked).await {
            Ok(opened) => office = opened,
            // With a planted defect there may be nothing to go on with; the images have told.
            Err(_) if plan.defect.is_some() => break,
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

async fn work(office: &mut Office, rng: &mut StdRng) -> Result<()> {
    for _ in 0..STEPS {
        office.step(rng).await?;
    }
    Ok(())
}

/// The cut that ends a life falls into what nobody was answered: channels and sites know nothing of it.
fn last_cut<'t>(tape: &'t Tape, plan: Plan, answered: usize, rng: &mut StdRng) -> Player<'t> {
    let mut player = tape.player(plan.honesty());
    player.play_to(rng.random_range(answered..=tape.len()), rng);
    player
}
