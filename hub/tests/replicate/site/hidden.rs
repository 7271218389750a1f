//! What a played site has and its stream does not carry: only a comparison shows it.

use outpost_model::event::Kind;
use outpost_model::id::DocumentKey;
use outpost_model::page::PageHeader;
use outpost_sync::{Incarnation, Item};

use super::SimSite;

impl SimSite {
    /// Writes a page as somebody.
    pub fn hide_as<K: Kind>(&mut self, key: &DocumentKey, author: Incarnation, kind: K) {
        let shown = self.log.len();
        let page = if let DocumentKey::Ledger(_, page) = key { *page } else { 0 };
        let header = serde_json::to_string(&PageHeader { site: self.id.clone(), page }).unwrap();
        self.found_as(key, author, &header);
        self.write(key, kind);
        self.hide_after(shown);
    }

    /// Founds one of its own pages.
    pub fn found_hidden(&mut self, key: &DocumentKey) {
        let shown = self.log.len();
        self.found(key);
        self.hide_after(shown);
    }

    /// Writes into a page that it founded.
    pub fn write_hidden<K: Kind>(&mut self, key: &DocumentKey, kind: K) {
        let shown = self.log.len();
        self.write(key, kind);
        self.hide_after(shown);
    }

    /// Puts all of it into the stream after all.
    pub fn show_hidden(&mut self) {
        for change in std::mem::take(&mut self.mended) {
            self.journal(Item::Change(change));
        }
    }

    fn hide_after(&mut self, shown: usize) {
        let hidden = self.log.split_off(shown).into_iter().filter_map(|row| match row.item {
            Item::Change(change) => Some(change),
            Item::Record(_) => None,
        });
        self.mended.extend(hidden);
    }
}
