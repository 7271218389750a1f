//! Reads for screens and the API: plain data that serializes, from connections that hold no transaction.

pub mod console;
pub mod exceptions;
pub mod orders;
pub mod sites;
pub mod stats;
pub mod timeline;

/// The most rows of a page.
pub const PAGE_MAX: u32 = 200;
/// The rows of a page when nothing is asked for.
pub const PAGE_DEFAULT: u32 = 50;
