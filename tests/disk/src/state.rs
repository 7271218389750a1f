//! The disk itself, without C: names, contents, locks, faults and the tape.

use std::collections::BTreeMap;
use std::fs::OpenOptions;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use rusqlite::ffi;

use crate::content::Content;
use crate::fault::{Call, Faults, Kind, Trouble, code};
use crate::lock::{Holder, Locks};
use crate::shm::SharedMemory;
use crate::tape::{FileId, Op, Tape};

/// What a call answers: nothing, or SQLite's code of what went wrong.
pub(crate) type Answer<T> = Result<T, i32>;

/// A disk that several open files share.
#[derive(Debug, Default)]
pub(crate) struct Shared {
    state: Mutex<State>,
}

#[derive(Debug, Default)]
pub(crate) struct State {
    /// Where the contents lie: in memory, or in files of these names.
    pub on_files: bool,
    /// A file whose words say what fails; asked before each call that could fail.
    pub control: Option<PathBuf>,
    pub names: BTreeMap<String, FileId>,
    pub files: Vec<Stored>,
    pub tape: Option<Tape>,
    /// A file outside that is watched.
    pub beside: Option<Beside>,
    pub faults: Faults,
    /// Bytes that fit on the disk.
    pub capacity: Option<u64>,
    holders: Holder,
}

/// A file that does not lie on the disk and is always replaced whole: which it is, and which version was seen last.
#[derive(Debug)]
pub(crate) struct Beside {
    pub path: PathBuf,
    pub seen: Option<(u64, i64, i64)>,
}

#[derive(Debug)]
pub(crate) struct Stored {
    pub content: Content,
    pub kind: Kind,
    /// Whether the first sync has to sync the folder as well.
    folder_due: bool,
    locks: Locks,
    memory: Option<(Arc<SharedMemory>, u32)>,
}

/// A file as one connection has it open.
#[derive(Debug)]
pub(crate) struct Open {
    pub disk: Arc<Shared>,
    pub file: FileId,
    pub holder: Holder,
    memory: Mutex<Option<Arc<SharedMemory>>>,
    delete_at_close: Option<String>,
}

impl Shared {
    pub fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Opens a file; without a name, one that nobody else sees and that goes with its user.
    pub fn open(self: &Arc<Self>, name: Option<&str>, flags: i32) -> Answer<Open> {
        let mut state = self.lock();
        let kind = name.map_or(Kind::Journal, Kind::of);
        state.strike(Call::Open, kind)?;
        let known = name.and_then(|name| state.names.get(name).copied());
        let file = match (known, name) {
            (Some(file), _) => file,
            (None, Some(name)) => state.find_or_make(name, kind, flags)?,
            (None, None) => state.add(Content::Memory(Vec::new()), kind, false),
        };
        state.holders += 1;
        let delete = flags & ffi::SQLITE_OPEN_DELETEONCLOSE != 0;
        Ok(Open {
            disk: self.clone(),
            file,
            holder: state.holders,
            memory: Mutex::default(),
            delete_at_close: name.filter(|_| delete).map(str::to_owned),
        })
    }

    pub fn delete(&self, name: &str, sync_folder: bool) -> Answer<()> {
        let mut state = self.lock();
        state.strike(Call::Delete, Kind::of(name))?;
        state.delete(name, sync_folder)
    }

    pub fn exists(&self, name: &str) -> bool {
        let state = self.lock();
        state.names.contains_key(name) || (state.on_files && std::path::Path::new(name).exists())
    }
}

impl State {
    fn strike(&mut self, call: Call, kind: Kind) -> Answer<()> {
        match self.trouble(call, kind) {
            Some(trouble) => Err(code(trouble, call)),
            None => Ok(()),
        }
    }

    fn trouble(&mut self, call: Call, kind: Kind) -> Option<Trouble> {
        let words = self.control.as_ref().and_then(|path| std::fs::read_to_string(path).ok());
        match words.as_deref().map(str::trim) {
            Some("full") if matches!(call, Call::Write | Call::Share) => return Some(Trouble::Full),
            Some("sync_fails") if call == Call::Sync => return Some(Trouble::Io),
            _ => {}
        }
        self.faults.strike(call, kind)
    }

    fn record(&mut self, op: impl FnOnce() -> Op) {
        self.look_beside();
        if let Some(tape) = &mut self.tape {
            tape.ops.push(op());
        }
    }

    fn add(&mut self, content: Content, kind: Kind, folder_due: bool) -> FileId {
        self.files.push(Stored { content, kind, folder_due, locks: Locks::default(), memory: None });
        self.files.len() - 1
    }

    /// Puts a file under a name, as an image holds it.
    pub fn put(&mut self, name: String, bytes: Vec<u8>) {
        let kind = Kind::of(&name);
        let file = self.add(Content::Memory(bytes), kind, false);
        self.names.insert(name, file);
    }

    /// Writes down the files as they are, as if they had been written and synced just now.
    pub fn record_all(&mut self) {
        let mut ops = Vec::new();
        for (name, file) in &self.names {
            let Some(Content::Memory(bytes)) = self.files.get(*file).map(|stored| &stored.content) else {
                continue;
            };
            ops.push(Op::Created { file: *file, name: name.clone() });
            ops.push(Op::Written { file: *file, offset: 0, bytes: bytes.clone() });
            ops.push(Op::Synced { file: *file });
        }
        ops.push(Op::FolderSynced);
        if let Some(tape) = &mut self.tape {
            tape.ops.extend(ops);
            tape.given = tape.ops.len();
        }
    }

    /// Writes down what the watched file holds, if it was replaced since the last look: before what happens next.
    pub fn look_beside(&mut self) {
        let (Some(beside), Some(tape)) = (&mut self.beside, &mut self.tape) else { return };
        let found = std::fs::metadata(&beside.path).ok();
        let version = found.map(|found| (found.ino(), found.mtime(), found.mtime_nsec()));
        if version != beside.seen
            && let Ok(bytes) = std::fs::read(&beside.path)
        {
            beside.seen = version;
            tape.ops.push(Op::Beside(bytes));
        }
    }

    /// Forgets who has files open.
    pub fn kill_users(&mut self) {
        for stored in &mut self.files {
            stored.locks = Locks::default();
            stored.memory = None;
        }
    }

    /// Writes a file once more and syncs it.
    pub fn write_again(&mut self, name: &str) {
        let Some(file) = self.names.get(name).copied() else { return };
        let Some(Content::Memory(bytes)) = self.files.get(file).map(|stored| &stored.content) else { return };
        let ops = [Op::Written { file, offset: 0, bytes: bytes.clone() }, Op::Synced { file }];
        if let Some(tape) = &mut self.tape {
            tape.ops.extend(ops);
        }
    }

    fn find_or_make(&mut self, name: &str, kind: Kind, flags: i32) -> Answer<FileId> {
        let create = flags & ffi::SQLITE_OPEN_CREATE != 0;
        let content = if self.on_files {
            let mut options = OpenOptions::new();
            // Also for who only reads: all users of a file share this one descriptor.
            options.read(true).write(true).create(create);
            Content::File(options.open(name).map_err(|_| ffi::SQLITE_CANTOPEN)?)
        } else if create {
            Content::Memory(Vec::new())
        } else {
            return Err(ffi::SQLITE_CANTOPEN);
        };
        let file = self.add(content, kind, create && kind != Kind::Database);
        self.names.insert(name.to_owned(), file);
        self.record(|| Op::Created { file, name: name.to_owned() });
        Ok(file)
    }

    fn delete(&mut self, name: &str, sync_folder: bool) -> Answer<()> {
        let known = self.names.remove(name).is_some();
        if self.on_files {
            match std::fs::remove_file(name) {
                Ok(()) => {}
                Err(error) if error.kind() == io::ErrorKind::NotFound => {
                    return Err(ffi::SQLITE_IOERR_DELETE_NOENT);
                }
                Err(_) => return Err(ffi::SQLITE_IOERR_DELETE),
            }
        } else if !known {
            return Err(ffi::SQLITE_IOERR_DELETE_NOENT);
        }
        self.record(|| Op::Deleted { name: name.to_owned() });
        if sync_folder {
            self.record(|| Op::FolderSynced);
        }
        Ok(())
    }

    fn used(&self) -> u64 {
        let named = self.names.values().filter_map(|file| self.files.get(*file));
        named.map(|stored| stored.content.len().unwrap_or(0)).sum()
    }
}

impl Open {
    fn stored<'s>(&self, state: &'s mut State) -> Answer<&'s mut Stored> {
        state.files.get_mut(self.file).ok_or(ffi::SQLITE_MISUSE)
    }

    fn kind(&self, state: &State) -> Kind {
        state.files.get(self.file).map_or(Kind::Database, |stored| stored.kind)
    }

    /// Reads; what lies beyond the end stays zero, and is reported.
    pub fn read(&self, into: &mut [u8], offset: u64) -> Answer<()> {
        let mut state = self.disk.lock();
        let kind = self.kind(&state);
        state.strike(Call::Read, kind)?;
        let read = self.stored(&mut state)?.content.read(into, offset).map_err(|_| ffi::SQLITE_IOERR_READ)?;
        if read < into.len() { Err(ffi::SQLITE_IOERR_SHORT_READ) } else { Ok(()) }
    }

    pub fn write(&self, bytes: &[u8], offset: u64) -> Answer<()> {
        let mut state = self.disk.lock();
        let kind = self.kind(&state);
        let trouble = state.trouble(Call::Write, kind).or_else(|| self.no_room(&state, bytes, offset));
        // A write that fails may have reached the file all the same, in part or whole.
        let kept = match trouble {
            None => bytes.len(),
            Some(Trouble::Full) => 0,
            Some(Trouble::Short) => bytes.len() / 2,
            Some(Trouble::Io) => [0, bytes.len() / 2, bytes.len()][(state.faults.struck() % 3) as usize],
        };
        let (file, part) = (self.file, &bytes[..kept]);
        if !part.is_empty() {
            let written = self.stored(&mut state)?.content.write(part, offset);
            written.map_err(|error| match error.kind() {
                io::ErrorKind::StorageFull => ffi::SQLITE_FULL,
                _ => ffi::SQLITE_IOERR_WRITE,
            })?;
            state.record(|| Op::Written { file, offset, bytes: part.to_vec() });
        }
        trouble.map_or(Ok(()), |trouble| Err(code(trouble, Call::Write)))
    }

    fn no_room(&self, state: &State, bytes: &[u8], offset: u64) -> Option<Trouble> {
        let capacity = state.capacity?;
        let size = state.files.get(self.file).map_or(0, |stored| stored.content.len().unwrap_or(0));
        let growth = (offset + bytes.len() as u64).saturating_sub(size);
        (growth > 0 && state.used() + growth > capacity).then_some(Trouble::Full)
    }

    pub fn truncate(&self, size: u64) -> Answer<()> {
        let mut state = self.disk.lock();
        let kind = self.kind(&state);
        state.strike(Call::Truncate, kind)?;
        let file = self.file;
        self.stored(&mut state)?.content.resize(size).map_err(|_| ffi::SQLITE_IOERR_TRUNCATE)?;
        state.record(|| Op::Truncated { file, size });
        Ok(())
    }

    pub fn sync(&self) -> Answer<()> {
        let mut state = self.disk.lock();
        let (kind, file) = (self.kind(&state), self.file);
        if let Err(code) = state.strike(Call::Sync, kind) {
            state.record(|| Op::SyncFailed { file });
            return Err(code);
        }
        let stored = self.stored(&mut state)?;
        stored.content.sync().map_err(|_| ffi::SQLITE_IOERR_FSYNC)?;
        let folder_due = std::mem::take(&mut stored.folder_due);
        state.record(|| Op::Synced { file });
        if folder_due {
            state.record(|| Op::FolderSynced);
        }
        Ok(())
    }

    pub fn size(&self) -> Answer<u64> {
        let mut state = self.disk.lock();
        self.stored(&mut state)?.content.len().map_err(|_| ffi::SQLITE_IOERR_FSTAT)
    }

    pub fn lock(&self, level: i32) -> Answer<()> {
        self.stored(&mut self.disk.lock())?.locks.lock(self.holder, level)
    }

    pub fn unlock(&self, level: i32) -> Answer<()> {
        self.stored(&mut self.disk.lock())?.locks.unlock(self.holder, level);
        Ok(())
    }

    pub fn is_reserved(&self) -> Answer<bool> {
        Ok(self.stored(&mut self.disk.lock())?.locks.is_reserved())
    }

    pub fn slots(&self, first: u32, count: u32, flags: i32) -> Answer<()> {
        self.stored(&mut self.disk.lock())?.locks.slots(self.holder, first, count, flags)
    }

    /// The memory this connection shares with others, mapped from now on.
    pub fn share(&self, makes: bool) -> Answer<Arc<SharedMemory>> {
        let mut mine = self.memory.lock().unwrap_or_else(PoisonError::into_inner);
        let mut state = self.disk.lock();
        let kind = self.kind(&state);
        if makes {
            state.strike(Call::Share, kind)?;
        }
        if let Some(memory) = mine.as_ref() {
            return Ok(memory.clone());
        }
        let stored = self.stored(&mut state)?;
        let (memory, users) = stored.memory.get_or_insert_with(Default::default);
        *users += 1;
        *mine = Some(memory.clone());
        Ok(memory.clone())
    }

    /// Lets go of the shared memory; with its last user it is gone.
    pub fn unshare(&self) {
        let mut mine = self.memory.lock().unwrap_or_else(PoisonError::into_inner);
        let mut state = self.disk.lock();
        let Ok(stored) = self.stored(&mut state) else { return };
        stored.locks.leave_slots(self.holder);
        if let Some(mine) = mine.take()
            && let Some((memory, users)) = &mut stored.memory
            && Arc::ptr_eq(&mine, memory)
        {
            *users -= 1;
            if *users == 0 {
                stored.memory = None;
            }
        }
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        self.unshare();
        let mut state = self.disk.lock();
        if let Ok(stored) = self.stored(&mut state) {
            stored.locks.leave(self.holder);
        }
        if let Some(name) = &self.delete_at_close {
            // It is gone already, or was never under that name: both are what was asked for.
            let _ = state.delete(name, false);
        }
    }
}
