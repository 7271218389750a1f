//! The acts of a plan, carried out on the world as it is when their time comes.

use anyhow::Result;
use outpost_model::command::Subject;
use outpost_model::id::OrderId;
use outpost_sync::{Document, DocumentId, Input, Item};
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};

use super::plan::{Act, Way};
use super::world::{Happening, World};
use super::{channel, disk, staff};

impl World {
    /// Carries out an act of the plan.
    pub fn act(&mut self, index: usize) -> Result<()> {
        let act = self.plan.acts[index].act.clone();
        self.story.count(self.now, 3, &(index as u64).to_le_bytes());
        // Of its own, so that an act stays what it is when others are taken out of the plan.
        let mut rng = StdRng::seed_from_u64(self.plan.seed ^ self.plan.acts[index].at.rotate_left(17));
        let id = u128::from(rng.next_u64()) << 64 | u128::from(rng.next_u64());
        match act {
            Act::Order { .. } | Act::OrderAgain { .. } => self.deliver(&act, id),
            Act::Cancel { pick } | Act::Hold { pick } | Act::Approve { pick } | Act::Ask { pick } => {
                self.at_the_hub(&act, pick)
            }
            Act::Staff { site, pick, late, again } => {
                let Some(database) = self.edges[site].database() else { return Ok(()) };
                match staff::next(database, pick)? {
                    Some(subject) => self.say(site, id, subject, late, again),
                    None => Ok(()),
                }
            }
            Act::Sell { site, sku, qty, again } => {
                let subject = staff::sale(&channel::sku(sku), qty)?;
                self.say(site, id, subject, None, again)
            }
            Act::Pause { site, resume } => self.say(site, id, staff::pause(resume)?, None, None),
            fault => self.fail(fault),
        }
    }

    /// A handheld tells a command: now, late, perhaps once more.
    fn say(
        &mut self,
        site: usize,
        id: u128,
        subject: Subject,
        late: Option<u64>,
        again: Option<u64>,
    ) -> Result<()> {
        let at = late.map(|_| self.edges[site].moment(self.now).wall);
        let command = staff::command(id, subject, at)?;
        if let Some(again) = again {
            let when = self.now + late.unwrap_or(0) + again;
            self.queue.plan(when, Happening::Told(site, Box::new(command.clone())));
        }
        match late {
            None => self.tell(site, command),
            Some(late) => {
                self.queue.plan(self.now + late, Happening::Told(site, Box::new(command)));
                Ok(())
            }
        }
    }

    fn deliver(&mut self, act: &Act, id: u128) -> Result<()> {
        if self.hub.running.is_none() || self.hub.refuses_work() {
            return Ok(());
        }
        let payload = match act {
            Act::Order { number, site, lines } => {
                let site = site.map(|site| self.edges[site].id.clone());
                self.story.tell(self.now, &"channel", || format!("order {number} for {site:?}: {lines:?}"));
                let placed_at = self.hub.clocks.moment(self.now).wall;
                let payload = channel::payload(*number, site.as_ref(), lines, placed_at);
                self.delivered.push(payload.clone());
                payload
            }
            Act::OrderAgain { pick } if !self.delivered.is_empty() => {
                self.delivered[*pick as usize % self.delivered.len()].clone()
            }
            _ => return Ok(()),
        };
        let delivered = channel::deliver(&mut self.hub, self.now, &mut self.truth, &payload, id);
        self.after_hub(self.now, delivered.map(drop))
    }

    /// An order that somebody has in front of them.
    fn order(&self, pick: u64) -> Option<OrderId> {
        let orders = &self.truth.captured;
        (!orders.is_empty()).then(|| orders.values().nth(pick as usize % orders.len()).copied()).flatten()
    }

    fn at_the_hub(&mut self, act: &Act, pick: u64) -> Result<()> {
        let Some(order) = self.order(pick) else { return Ok(()) };
        if self.hub.running.is_none() || self.now < self.hub.paused_until || self.hub.refuses_work() {
            return Ok(());
        }
        let asked = self.ask_the_hub(act, pick, order);
        self.after_hub(self.now, asked)
    }

    fn ask_the_hub(&mut self, act: &Act, pick: u64, order: OrderId) -> Result<()> {
        let short = order.to_string()[..8].to_owned();
        match act {
            Act::Cancel { .. } => {
                let done = channel::cancel(&mut self.hub, self.now, order)?;
                self.story.tell(self.now, &"agent", || format!("cancels order {short}: {done}"));
            }
            Act::Hold { .. } => {
                channel::hold(&mut self.hub, self.now, order)?;
                self.story.tell(self.now, &"agent", || format!("holds order {short}"));
            }
            Act::Approve { .. } => {
                channel::approve(&mut self.hub, self.now, order)?;
                self.story.tell(self.now, &"agent", || format!("approves order {short}"));
            }
            _ => {
                let asked = channel::ask(&mut self.hub, self.now, order, pick >> 32)?;
                self.story.tell(self.now, &"agent", || format!("asks about order {short}: {asked:?}"));
            }
        }
        Ok(())
    }

    pub(super) fn fail(&mut self, fault: Act) -> Result<()> {
        let now = self.now;
        self.story.tell(now, &"world", || format!("{fault:?}"));
        match fault {
            Act::Cut { site, way, for_ms } => {
                self.line.cut(site, way, now + for_ms);
                if way == Way::Both && self.edges[site].line_up {
                    self.queue.plan(now + 2_000, Happening::SiteLine(site));
                    self.give(site, Input::LineDown)?;
                }
            }
            Act::BrokerAmnesia => {
                self.queue.forget(|planned| matches!(planned, Happening::Up(..) | Happening::Down(..)));
                let outcome = self.hub.line(now, false);
                self.after_hub(now, outcome)?;
                self.queue.plan(now + 700, Happening::HubLine);
                for site in 0..self.edges.len() {
                    if self.edges[site].line_up {
                        self.give(site, Input::LineDown)?;
                        self.queue.plan(now + 1_000 + 300 * site as u64, Happening::SiteLine(site));
                    }
                }
            }
            Act::Crash { site, for_ms } if self.edges[site].running.is_some() => {
                self.crash_site(site, for_ms)?;
            }
            Act::CommitFails { site, durable } => self.edges[site].commit_fails = Some(durable),
            Act::DiskFull { site, for_ms } if self.edges[site].running.is_some() => {
                if let Some(database) = self.edges[site].database() {
                    disk::set_full(database, true)?;
                }
                self.queue.plan(now + for_ms, Happening::Room(site));
            }
            Act::Reboot { site, dead_clock, for_ms } if self.edges[site].running.is_some() => {
                self.crash_site(site, for_ms)?;
                self.edges[site].switched_off = Some(dead_clock);
            }
            Act::Suspend { site, for_ms } => self.edges[site].asleep_until = now + for_ms,
            Act::Stall { site, for_ms } => self.edges[site].stalls_ms = for_ms,
            Act::ClockJump { site, by_ms } => self.edges[site].clocks.ahead_ms += by_ms,
            Act::HubCrash { for_ms } if self.hub.running.is_some() => {
                self.hub.crash();
                self.queue.plan(now + for_ms, Happening::HubBoot);
            }
            Act::HubPause { for_ms } => self.hub.paused_until = now + for_ms,
            Act::HubDiskFull { for_ms } if self.hub.running.is_some() => {
                self.hub.set_full(true)?;
                self.queue.plan(now + for_ms, Happening::HubRoom);
            }
            Act::HubClockJump { by_ms } => self.hub.clocks.ahead_ms += by_ms,
            Act::RestoreHub { pick, for_ms } => self.restore_hub(pick, for_ms)?,
            Act::RestoreSite { site, pick, for_ms } => self.restore_site(site, pick, for_ms)?,
            Act::Replay { site, pick } => {
                if let Some((up, frame)) = self.line.old_frame(site, pick) {
                    self.queue.plan(
                        now + 1,
                        if up { Happening::Up(site, frame) } else { Happening::Down(site, frame) },
                    );
                }
            }
            Act::Forge { site, pick } => {
                let (up, frame) = self.line.forged(site, pick);
                self.queue.plan(
                    now + 1,
                    if up { Happening::Up(site, frame) } else { Happening::Down(site, frame) },
                );
            }
            Act::Betray { site, pick } if pick % 8 == 7 => self.write_nonsense(site, pick)?,
            Act::Betray { site, pick } => self.let_rogue_in(site, pick)?,
            _ => {}
        }
        Ok(())
    }

    /// A site's own daemon writes something that the hub cannot take, as a later or broken version might.
    fn write_nonsense(&mut self, site: usize, pick: u64) -> Result<()> {
        let Some(running) = &self.edges[site].running else { return Ok(()) };
        let name = format!("ledger/store-other/{}", 7_000 + pick % 1_000);
        let id = DocumentId::new(name.clone())?;
        let (_, change) = Document::create(id, running.incarnation(), "{}")?;
        let written = self.edges[site].moment(self.now).wall.0;
        // A disk may be full just then: nothing of it is written, and nobody is betrayed.
        let tx = running.core.connection().unchecked_transaction()?;
        if outpost_journal::append(&tx, written, &Item::Change(change)).is_err() || tx.commit().is_err() {
            return Ok(());
        }
        self.truth.sites[site].betrayed.insert(name);
        self.give(site, Input::Woken)
    }
}
