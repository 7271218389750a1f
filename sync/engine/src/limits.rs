//! Hard limits on what is written into documents and streams, checked by the writer and again by every reader.

use crate::inspection::Entry;

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
    /// The most bytes that travel attached to a record.
    pub record_attached_bytes_max: usize,
}

impl Limits {
    /// The limits of this version of the protocol: what every reader takes. Writers may keep to less by their settings. A
    /// reader with less would set aside what an honest writer wrote, so for readers they are not a setting.
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
        record_attached_bytes_max: 256,
    };

    /// Cuts entries into as many changes as they need: at most `operations` entries each, and no more bytes than a change
    /// may have. An entry that is too long by itself stands alone, and is refused where it is written.
    pub fn cut<'e>(&self, entries: &'e [Entry], operations: usize) -> Vec<&'e [Entry]> {
        let room = self.change_bytes_max.saturating_sub(CHANGE_BYTES_BESIDE);
        let most = operations.clamp(1, self.operations_max);
        let mut cut = Vec::new();
        let (mut from, mut bytes) = (0, 0);
        for (i, entry) in entries.iter().enumerate() {
            let more = entry.id.len() + entry.text.len() + ENTRY_BYTES_BESIDE;
            if i > from && (i - from == most || bytes + more > room) {
                cut.push(&entries[from..i]);
                (from, bytes) = (i, 0);
            }
            bytes += more;
        }
        if from < entries.len() {
            cut.push(&entries[from..]);
        }
        cut
    }
}

/// What a change has besides its entries, at most: dependencies, authors, columns.
const CHANGE_BYTES_BESIDE: usize = 4 << 10;
/// What an entry has besides its id and text, at most.
const ENTRY_BYTES_BESIDE: usize = 16;

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn entries(count: usize, bytes: usize) -> Vec<Entry> {
        (0..count).map(|n| Entry { id: format!("{n:04}"), text: "t".repeat(bytes) }).collect()
    }

    #[test]
    fn entries_are_cut_where_a_change_is_full() {
        let limits = Limits::PROTOCOL;
        let sizes = |entries: &[Entry], operations| {
            limits.cut(entries, operations).iter().map(|cut| cut.len()).collect::<Vec<_>>()
        };
        assert!(sizes(&[], 256).is_empty());
        assert_eq!(sizes(&entries(256, 1), 256), [256]);
        assert_eq!(sizes(&entries(257, 1), 256), [256, 1]);
        assert_eq!(sizes(&entries(257, 1), 10_000), [256, 1], "never beyond the protocol");
        assert_eq!(sizes(&entries(5, 1), 2), [2, 2, 1]);
        assert_eq!(sizes(&entries(2, 1), 0), [1, 1]);
        let longest = limits.entry_text_bytes_max;
        assert_eq!(sizes(&entries(4, longest), 256), [2, 2], "a change has room for two of the longest");
        let whole: Vec<Entry> = limits.cut(&entries(300, 900), 256).concat();
        assert_eq!(whole, entries(300, 900), "nothing is lost, and the order stays");
    }

    #[test]
    fn whatever_is_cut_can_be_written() {
        use crate::{Document, DocumentId, Incarnation};
        for (count, bytes) in [(256, 1), (300, 340), (1_000, 360), (7, 32 << 10)] {
            let id = DocumentId::new("case/1").unwrap();
            let (mut document, _) = Document::create(id, Incarnation([1; 16]), "{}").unwrap();
            let mut all = entries(count, bytes);
            all.iter_mut().for_each(|entry| entry.id = format!("{:0>128}", entry.id));
            for cut in Limits::PROTOCOL.cut(&all, 256) {
                assert!(document.append(cut).unwrap().is_some(), "{count} of {bytes}");
            }
            assert_eq!(document.len(), count);
        }
    }
}
