//! A disk for SQLite that can lose power and fail.
//!
//! [`Disk`] is a SQLite VFS whose files lie in memory. It serves every user of the linked SQLite by name: rusqlite by
//! [`Disk::path`], sqlx by [`Disk::url`]. It writes a [`Tape`] of what SQLite asked of it (writes, truncations, syncs,
//! new and deleted names) and can be told to fail any of these calls ([`Fault`]).
//!
//! A [`Player`] runs a tape again and stops anywhere, also in the middle of a commit. [`Player::crash`] is then the disk
//! as a power cut may leave it: all that was synced, and of what came later any part, sector by sector, in any order,
//! with or without the new size of the file, with or without its name in the folder. The [`Image`] becomes a disk again,
//! on which the real program opens its database.
//!
//! What is assumed of a disk, and no more: a sector of 512 bytes is written whole or not at all, holding what the file
//! held there at some moment since the last sync; a sync that succeeded is true. What SQLite itself assumes on Unix is
//! kept: a write does not harm the bytes beside it, and the first sync of a new log or journal also syncs its folder. A
//! sync that *failed* leaves what was written before it in doubt for ever, whatever a later one says.
//!
//! This is the only crate of the workspace with unsafe code: `vfs` is the boundary to C and `shm` the memory that
//! SQLite shares between connections. All decisions are in the safe modules.

mod content;
mod disk;
mod fault;
mod image;
mod lock;
mod shm;
mod state;
mod survive;
mod tape;
mod vfs;

pub use disk::{Disk, Folder};
pub use fault::{Call, Fault, Kind, Trouble};
pub use image::{Honesty, Image, Player};
pub use survive::Loss;
pub use tape::{Op, Tape};
