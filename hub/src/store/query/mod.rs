//! Reads for screens and the API: plain data that serializes, from connections that hold no transaction.

pub mod console;
pub mod exceptions;
pub mod orders;
pub mod sites;
pub mod stats;
pub mod timeline;

/// The most rows of a page.
pub const PAGE_MAX: u32 = 200;
/// The most SKUs, and the most documents, of a page; also what a page holds when nothing is asked for.
pub const ROWS_MAX: u32 = 1_000;
/// The rows of a page when nothing is asked for.
pub const PAGE_DEFAULT: u32 = 50;
