//! Reads for screens, on connections that cannot write.

pub mod detail;
pub mod pickup;
mod readers;
pub mod stock;
pub mod sync;
pub mod tasks;
pub mod verify;

pub use readers::{ReadError, Readers};
