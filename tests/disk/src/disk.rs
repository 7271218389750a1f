//! Disks by name: what the rest of the workspace uses.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Weak};
use std::{collections::BTreeMap, sync::Mutex, sync::PoisonError};

use crate::content::Content;
use crate::fault::Fault;
use crate::image::Image;
use crate::state::{Beside, Shared};
use crate::tape::{Op, Tape};
use crate::vfs;

static NEXT: AtomicU64 = AtomicU64::new(1);
/// The disks in memory, by the first part of their files' names.
static MOUNTED: Mutex<BTreeMap<u64, Weak<Shared>>> = Mutex::new(BTreeMap::new());

/// A disk in memory. Its files are gone with it, once nobody has them open any more.
#[derive(Debug)]
pub struct Disk {
    number: u64,
    shared: Arc<Shared>,
}

impl Disk {
    /// An empty disk.
    pub fn new() -> Self {
        vfs::register();
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let shared = Arc::new(Shared::default());
        mounted().insert(number, Arc::downgrade(&shared));
        Self { number, shared }
    }

    /// A disk that writes down everything from now on.
    pub fn recorded() -> Self {
        let disk = Self::new();
        disk.shared.lock().tape = Some(Tape::default());
        disk
    }

    /// The disk that an image shows.
    pub fn of(image: Image) -> Self {
        let disk = Self::new();
        let mut state = disk.shared.lock();
        for (name, bytes) in image.files {
            state.put(disk.name(&name), bytes);
        }
        drop(state);
        disk
    }

    /// The disk that an image shows, all of it durable, writing down everything from now on.
    pub fn recorded_of(image: Image) -> Self {
        let disk = Self::recorded();
        let mut state = disk.shared.lock();
        for (name, bytes) in image.files {
            state.put(disk.name(&name), bytes);
        }
        state.record_all();
        drop(state);
        disk
    }

    /// A database of this name, as rusqlite opens it.
    pub fn path(&self, name: &str) -> PathBuf {
        PathBuf::from(format!("file:{}?vfs={}", self.name(name), vfs::NAME))
    }

    /// A database of this name, as sqlx opens it.
    pub fn url(&self, name: &str) -> String {
        format!("sqlite://{}?mode=rwc&vfs={}", self.name(name), vfs::NAME)
    }

    fn name(&self, name: &str) -> String {
        format!("/{}/{name}", self.number)
    }

    /// Says where the program is: from here on it has answered all it counts by this number.
    pub fn mark(&self, number: u64) {
        let mut state = self.shared.lock();
        state.look_beside();
        if let Some(tape) = &mut state.tape {
            tape.ops.push(Op::Marked(number));
        }
    }

    /// Watches a file outside of the disk, so that an image can be put beside what that file held at the same moment. It
    /// must be replaced whole and synced whenever it changes.
    pub fn watch_beside(&self, path: &Path) {
        let mut state = self.shared.lock();
        state.beside = Some(Beside { path: path.to_owned(), seen: None });
        let nothing_yet = state.tape.as_ref().is_some_and(|tape| tape.len() == tape.given);
        state.look_beside();
        if let Some(tape) = state.tape.as_mut().filter(|_| nothing_yet) {
            tape.given = tape.len();
        }
    }

    /// How many things were written down so far.
    pub fn operations(&self) -> usize {
        self.shared.lock().tape.as_ref().map_or(0, Tape::len)
    }

    /// The same as [`mark`](Self::mark) at an earlier moment: what is said before it is done.
    pub fn mark_at(&self, operation: usize, number: u64) {
        if let Some(tape) = &mut self.shared.lock().tape {
            tape.ops.insert(operation.min(tape.ops.len()), Op::Marked(number));
        }
    }

    /// What happened so far.
    pub fn tape(&self) -> Tape {
        self.shared.lock().tape.clone().unwrap_or_default()
    }

    /// Lets calls fail by this plan.
    pub fn fail(&self, fault: Fault) {
        self.shared.lock().faults.set(Some(fault));
    }

    /// Lets all calls succeed again, with room for everything.
    pub fn heal(&self) {
        let mut state = self.shared.lock();
        state.faults.set(None);
        state.capacity = None;
    }

    /// The process that had files open is killed: its locks and the memory it shared are gone, and nothing is closed.
    /// What it had open must not be used any more.
    pub fn kill_users(&self) {
        self.shared.lock().kill_users();
    }

    /// Writes a database's log once more and syncs it, as a daemon does to the file before it opens it: what a failed
    /// sync left in memory alone is on its way to the disk again.
    pub fn write_again(&self, database: &str) {
        let mut state = self.shared.lock();
        let log = self.name(&format!("{database}-wal"));
        state.write_again(&log);
    }

    /// Calls that failed since [`fail`](Self::fail).
    pub fn failed_calls(&self) -> u64 {
        self.shared.lock().faults.struck()
    }

    /// Bytes in all files.
    pub fn used(&self) -> u64 {
        self.image().files.values().map(|bytes| bytes.len() as u64).sum()
    }

    /// Lets the disk be full beyond this many bytes in all files.
    pub fn limit(&self, bytes: u64) {
        self.shared.lock().capacity = Some(bytes);
    }

    /// Everything as the programs see it now: what is left when a process is killed and the power stays.
    pub fn image(&self) -> Image {
        let state = self.shared.lock();
        let prefix = self.name("");
        let files = state.names.iter().filter_map(|(name, file)| match &state.files.get(*file)?.content {
            Content::Memory(bytes) => Some((name.strip_prefix(&prefix)?.to_owned(), bytes.clone())),
            Content::File(_) => None,
        });
        Image { files: files.collect() }
    }
}

impl Default for Disk {
    fn default() -> Self {
        Self::new()
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        mounted().remove(&self.number);
    }
}

fn mounted() -> std::sync::MutexGuard<'static, BTreeMap<u64, Weak<Shared>>> {
    MOUNTED.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The disk that a file's name says it is on.
pub(crate) fn find(name: &str) -> Option<Arc<Shared>> {
    let number: u64 = name.strip_prefix('/')?.split('/').next()?.parse().ok()?;
    mounted().get(&number)?.upgrade()
}

/// Real files behind the same calls, so that a daemon's process can be given a disk that fills up or breaks.
#[derive(Debug)]
pub struct Folder;

impl Folder {
    /// Makes this the way all of this process opens its databases from now on. What stands in the file `control`, asked
    /// before each call, says what fails: `full` (no write finds room), `sync_fails` (no sync succeeds), or nothing.
    ///
    /// Locks count in this process only: no other may have the same database open.
    pub fn install(control: &Path) {
        let shared = Shared::default();
        {
            let mut state = shared.lock();
            state.on_files = true;
            state.control = Some(control.to_owned());
        }
        vfs::install(Arc::new(shared));
    }
}
