//! The locks of one file among the connections of this process.

use std::collections::BTreeMap;

use rusqlite::ffi;

/// Who holds locks: one open file of one connection.
pub(crate) type Holder = u64;

/// SQLite's five levels on the database file, of which no lock is the absence of an entry; and the eight slots of the
/// memory that connections share.
#[derive(Debug, Default)]
pub(crate) struct Locks {
    levels: BTreeMap<Holder, i32>,
    shared: BTreeMap<Holder, u16>,
    exclusive: BTreeMap<Holder, u16>,
}

impl Locks {
    /// Raises a holder's level; `SQLITE_BUSY` when others are in the way.
    pub fn lock(&mut self, holder: Holder, level: i32) -> Result<(), i32> {
        let own = self.level(holder);
        if own >= level {
            return Ok(());
        }
        let others = self.levels.iter().filter(|(other, _)| **other != holder).map(|(_, level)| *level);
        let highest = others.max().unwrap_or(ffi::SQLITE_LOCK_NONE);
        let free = match level {
            ffi::SQLITE_LOCK_SHARED => highest < ffi::SQLITE_LOCK_PENDING,
            ffi::SQLITE_LOCK_RESERVED => highest < ffi::SQLITE_LOCK_RESERVED,
            _ => {
                if highest >= ffi::SQLITE_LOCK_RESERVED {
                    return Err(ffi::SQLITE_BUSY);
                }
                // Readers finish, new ones do not come in.
                self.levels.insert(holder, ffi::SQLITE_LOCK_PENDING);
                highest < ffi::SQLITE_LOCK_SHARED
            }
        };
        if !free {
            return Err(ffi::SQLITE_BUSY);
        }
        self.levels.insert(holder, level);
        Ok(())
    }

    /// Lowers a holder's level.
    pub fn unlock(&mut self, holder: Holder, level: i32) {
        if level == ffi::SQLITE_LOCK_NONE {
            self.levels.remove(&holder);
        } else if self.level(holder) > level {
            self.levels.insert(holder, level);
        }
    }

    /// Whether anybody is about to write.
    pub fn is_reserved(&self) -> bool {
        self.levels.values().any(|level| *level >= ffi::SQLITE_LOCK_RESERVED)
    }

    /// Takes or gives back slots of the shared memory.
    pub fn slots(&mut self, holder: Holder, first: u32, count: u32, flags: i32) -> Result<(), i32> {
        let mask = (first..first + count).fold(0_u16, |mask, slot| mask | 1 << slot);
        if flags & ffi::SQLITE_SHM_UNLOCK != 0 {
            *self.shared.entry(holder).or_default() &= !mask;
            *self.exclusive.entry(holder).or_default() &= !mask;
            return Ok(());
        }
        let held = |by: &BTreeMap<Holder, u16>| {
            by.iter().filter(|(other, _)| **other != holder).fold(0, |all, (_, mask)| all | mask)
        };
        let alone = flags & ffi::SQLITE_SHM_EXCLUSIVE != 0;
        let in_the_way = held(&self.exclusive) | if alone { held(&self.shared) } else { 0 };
        if in_the_way & mask != 0 {
            return Err(ffi::SQLITE_BUSY);
        }
        let by = if alone { &mut self.exclusive } else { &mut self.shared };
        *by.entry(holder).or_default() |= mask;
        Ok(())
    }

    /// Gives back the slots of a holder.
    pub fn leave_slots(&mut self, holder: Holder) {
        self.shared.remove(&holder);
        self.exclusive.remove(&holder);
    }

    /// Gives back everything of a holder.
    pub fn leave(&mut self, holder: Holder) {
        self.levels.remove(&holder);
        self.leave_slots(holder);
    }

    fn level(&self, holder: Holder) -> i32 {
        self.levels.get(&holder).copied().unwrap_or(ffi::SQLITE_LOCK_NONE)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_writer_waits_for_readers_and_keeps_new_ones_out() {
        let mut locks = Locks::default();
        locks.lock(1, ffi::SQLITE_LOCK_SHARED).unwrap();
        locks.lock(2, ffi::SQLITE_LOCK_SHARED).unwrap();
        locks.lock(1, ffi::SQLITE_LOCK_RESERVED).unwrap();
        assert!(locks.is_reserved());
        assert_eq!(locks.lock(2, ffi::SQLITE_LOCK_RESERVED), Err(ffi::SQLITE_BUSY));
        assert_eq!(locks.lock(1, ffi::SQLITE_LOCK_EXCLUSIVE), Err(ffi::SQLITE_BUSY));
        assert_eq!(locks.lock(3, ffi::SQLITE_LOCK_SHARED), Err(ffi::SQLITE_BUSY));
        locks.unlock(2, ffi::SQLITE_LOCK_NONE);
        locks.lock(1, ffi::SQLITE_LOCK_EXCLUSIVE).unwrap();
        locks.leave(1);
        locks.lock(3, ffi::SQLITE_LOCK_SHARED).unwrap();
    }

    #[test]
    fn slots_are_shared_by_readers_and_not_with_a_writer() {
        let (lock, unlock) = (ffi::SQLITE_SHM_LOCK, ffi::SQLITE_SHM_UNLOCK);
        let mut locks = Locks::default();
        locks.slots(1, 3, 1, lock | ffi::SQLITE_SHM_SHARED).unwrap();
        locks.slots(2, 3, 1, lock | ffi::SQLITE_SHM_SHARED).unwrap();
        assert_eq!(locks.slots(3, 0, 8, lock | ffi::SQLITE_SHM_EXCLUSIVE), Err(ffi::SQLITE_BUSY));
        locks.slots(1, 3, 1, unlock | ffi::SQLITE_SHM_SHARED).unwrap();
        locks.leave(2);
        locks.slots(3, 0, 8, lock | ffi::SQLITE_SHM_EXCLUSIVE).unwrap();
        assert_eq!(locks.slots(1, 3, 1, lock | ffi::SQLITE_SHM_SHARED), Err(ffi::SQLITE_BUSY));
    }
}
