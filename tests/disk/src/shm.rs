//! The memory that the connections to one database share: SQLite's index of its log. It is not part of the disk and is
//! gone with its last user, as after a crash.

use std::alloc::{Layout, alloc_zeroed, dealloc, handle_alloc_error};
use std::ptr::NonNull;
use std::sync::{Mutex, PoisonError};

/// Regions stay where they are until all of them go: SQLite keeps pointers into them.
#[derive(Debug, Default)]
pub(crate) struct SharedMemory {
    regions: Mutex<Vec<Region>>,
}

#[derive(Debug)]
struct Region {
    start: NonNull<u8>,
    layout: Layout,
}

// SAFETY: a region is plain memory without an owner thread. This crate reads and writes none of it after it was zeroed;
// SQLite orders its own accesses by the slots in `lock` and by its barriers.
unsafe impl Send for Region {}

impl Region {
    fn zeroed(bytes: usize) -> Option<Self> {
        // SQLite reads words of eight bytes in it.
        let layout = Layout::from_size_align(bytes.max(1), 8).ok()?;
        // SAFETY: the layout has a size above zero.
        let start = unsafe { alloc_zeroed(layout) };
        match NonNull::new(start) {
            Some(start) => Some(Self { start, layout }),
            None => handle_alloc_error(layout),
        }
    }
}

impl Drop for Region {
    fn drop(&mut self) {
        // SAFETY: `start` came from `alloc_zeroed` with this layout and is given back once, here.
        unsafe { dealloc(self.start.as_ptr(), self.layout) };
    }
}

impl SharedMemory {
    /// The start of a region; nothing when it is not there and is not to be made, or cannot be.
    pub fn region(&self, index: usize, bytes: usize, make: bool) -> Option<NonNull<u8>> {
        let mut regions = self.regions.lock().unwrap_or_else(PoisonError::into_inner);
        while make && regions.len() <= index {
            regions.push(Region::zeroed(bytes)?);
        }
        regions.get(index).filter(|region| region.layout.size() >= bytes).map(|region| region.start)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_region_is_made_once_and_stays_where_it_is() {
        let memory = SharedMemory::default();
        assert_eq!(memory.region(1, 32_768, false), None);
        let second = memory.region(1, 32_768, true).unwrap();
        for more in 2..100 {
            assert!(memory.region(more, 32_768, true).is_some());
        }
        assert_eq!(memory.region(1, 32_768, false), Some(second));
        assert_eq!(memory.region(1, 65_536, false), None, "a region is never handed out for more than it is");
    }
}
