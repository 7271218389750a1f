//! Reads for screens, on connections that cannot write.

mod readers;

pub use readers::{ReadError, Readers};
