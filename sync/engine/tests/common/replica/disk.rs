//! What happens to a side's disk: copies, losses, backups.

use super::*;

/// What is on a replica's disk.
#[derive(Clone)]
pub struct Disk {
    links: Vec<Link>,
    log: Vec<Outgoing>,
    acknowledged: BTreeMap<Incarnation, u64>,
    progress: BTreeMap<Incarnation, Progress>,
    applied: Vec<Incoming>,
    changes: Vec<Change>,
}

impl Replica {
    /// Puts an older copy of the disk in place, as a restored backup would: the last `items` own items are gone.
    pub fn lose_tail(&mut self, items: usize) {
        let lost = self.log.split_off(self.log.len() - items);
        for link in &mut self.links {
            let rows = self.log.iter().filter(|row| row.mark.incarnation == link.incarnation);
            link.last = rows.map(|row| row.mark.n).max().unwrap_or(0);
        }
        for acknowledged in self.acknowledged.values_mut() {
            *acknowledged = (*acknowledged).min(self.links[0].last);
        }
        let lost = |change: &Change| {
            let of = |row: &Outgoing| matches!(&row.item, Item::Change(other) if other == change);
            lost.iter().any(of)
        };
        self.changes.retain(|change| !lost(change));
    }

    /// Empties the disk.
    pub fn wipe(&mut self) {
        self.links.clear();
        self.log.clear();
        self.changes.clear();
        self.acknowledged.clear();
        self.lose_received();
    }

    /// A copy of what is on the disk.
    pub fn disk(&self) -> Disk {
        Disk {
            links: self.links.clone(),
            log: self.log.clone(),
            acknowledged: self.acknowledged.clone(),
            progress: self.progress.clone(),
            applied: self.applied.clone(),
            changes: self.changes.clone(),
        }
    }

    /// Puts a copy of the disk in place; restart afterwards.
    pub fn restore(&mut self, disk: Disk) {
        let Disk { links, log, acknowledged, progress, applied, changes } = disk;
        self.docs.clear();
        (self.links, self.log, self.acknowledged) = (links, log, acknowledged);
        (self.progress, self.applied, self.changes) = (progress, applied, changes);
    }

    /// Loses everything that was stored of the peer.
    pub fn lose_received(&mut self) {
        self.progress.clear();
        self.applied.clear();
        self.changes.clear();
        self.docs.clear();
    }

    /// Makes a backup: what it holds is told to the session.
    pub fn back_up(&self) -> Input {
        Input::BackedUp(self.progress.values().map(Progress::mark).collect())
    }
}
