//! Hard limits on what is written into documents and streams, checked by the writer and again by every reader.

/// Limits on one change, one record and their parts. They stand outside every parser: a size is compared before
/// a byte is interpreted, a count before anything is allocated for it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// The longest change, in bytes.
    pub change_bytes_max: usize,
    /// The most operations (entries) in one change.
    pub operations_max: usize,
    /// The most dependencies of one change.
    pub dependencies_max: usize,
    /// The longest id of an entry, in bytes; the shortest is 1.
    pub entry_id_bytes_max: usize,
    /// The longest text of an entry, in bytes; the shortest is 1.
    pub entry_text_bytes_max: usize,
    /// The longest header of a document, in bytes; the shortest is 1.
    pub header_bytes_max: usize,
    /// The most entries of one document.
    pub document_entries_max: usize,
    /// The longest record, in bytes.
    pub record_bytes_max: usize,
    /// The longest kind or key of a record, in bytes; the shortest kind is 1.
    pub record_name_bytes_max: usize,
}

impl Limits {
    /// The limits of this version of the protocol. Both sides must agree on them, so they are not a setting.
    pub const PROTOCOL: Self = Self {
        change_bytes_max: 96 << 10,
        operations_max: 256,
        dependencies_max: 64,
        entry_id_bytes_max: 128,
        entry_text_bytes_max: 32 << 10,
        header_bytes_max: 64 << 10,
        document_entries_max: 4_096,
        record_bytes_max: 100 << 10,
        record_name_bytes_max: 128,
    };
}
