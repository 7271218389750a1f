//! What SQLite asked of the disk, in order.

/// A file, by its number on its disk. A name that is deleted and made again is another file.
pub(crate) type FileId = usize;

/// One thing that happened to the disk.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Op {
    /// A file was made under a name. Its name is durable after the folder's next sync.
    Created {
        /// The file.
        file: usize,
        /// Its name.
        name: String,
    },
    /// Bytes were written, and are durable after the file's next sync.
    Written {
        /// The file.
        file: usize,
        /// Where.
        offset: u64,
        /// What.
        bytes: Vec<u8>,
    },
    /// A file was cut or lengthened.
    Truncated {
        /// The file.
        file: usize,
        /// Its size since then.
        size: u64,
    },
    /// What was written into a file before is durable.
    Synced {
        /// The file.
        file: usize,
    },
    /// A sync failed: what was written before may be lost even if a later sync succeeds.
    SyncFailed {
        /// The file.
        file: usize,
    },
    /// Names made and deleted before are durable.
    FolderSynced,
    /// A name was deleted.
    Deleted {
        /// The name.
        name: String,
    },
    /// A file outside of the disk that is watched was replaced: what it holds since then. It is durable.
    Beside(Vec<u8>),
    /// The program said where it was: from here on it has answered all it counts by this number.
    Marked(u64),
}

/// What happened to a disk since it was made.
#[derive(Debug, Clone, Default)]
pub struct Tape {
    pub(crate) ops: Vec<Op>,
    /// How many of them only say what was there at first.
    pub(crate) given: usize,
}

impl Tape {
    /// How many things happened.
    pub fn len(&self) -> usize {
        self.ops.len()
    }

    /// Whether nothing happened.
    pub fn is_empty(&self) -> bool {
        self.ops.is_empty()
    }

    /// Where what happened begins: what is before it was on the disk at first, and is durable.
    pub fn begins(&self) -> usize {
        self.given
    }

    /// What happened.
    pub fn ops(&self) -> &[Op] {
        &self.ops
    }

    /// Bytes that were written.
    pub fn bytes_written(&self) -> u64 {
        let bytes = |op: &Op| match op {
            Op::Written { bytes, .. } => bytes.len() as u64,
            _ => 0,
        };
        self.ops.iter().map(bytes).sum()
    }
}
