//! The hub's half of a conversation, played: it writes its stream with the engine's own documents.

use std::collections::BTreeMap;

use outpost_model::event::{Body, By, Event, Kind};
use outpost_model::header::Header;
use outpost_model::id::{CaseId, DocumentKey, EventId, RecordId, SiteId};
use outpost_model::intent::HubEvent;
use outpost_model::order::Contact;
use outpost_model::page::{HubPageEvent, PageHeader};
use outpost_model::time::UtcMillis;
use outpost_sync::reference::{Edition, Sum, Version};
use outpost_sync::seal::{Name, RecordKey};
use outpost_sync::{
    Batch, Change, Document, DocumentId, Entry, Identity, Incarnation, Incoming, InstallId, Item, Outgoing,
    Position, Record,
};

use crate::ids::Ids;
use crate::store::product::Product;

/// The secret that a site on a workbench was given when it was enrolled.
pub const SITE_SECRET: &[u8; 32] = b"site secret of 32 bytes.........";

/// A hub that says what a test wants. Mistakes in a script panic: it is for tests only.
pub struct ScriptedHub {
    site: SiteId,
    actor: Incarnation,
    ids: Ids,
    position: u64,
    now: UtcMillis,
    documents: BTreeMap<DocumentId, Vec<Change>>,
    written: BTreeMap<DocumentId, u64>,
    identity: Identity,
    reference: Reference,
}

/// The one set this hub has told of last.
#[derive(Default)]
struct Reference {
    version: Version,
    items: BTreeMap<String, String>,
}

impl ScriptedHub {
    /// A hub with an empty stream.
    pub fn new(site: SiteId, seed: u64) -> Self {
        let mut ids = Ids::seeded(seed);
        let actor = ids.incarnation();
        let now = UtcMillis(1_763_877_600_000);
        let identity = Identity::generate(ids.rng());
        Self {
            site,
            actor,
            ids,
            position: 0,
            now,
            documents: BTreeMap::new(),
            written: BTreeMap::new(),
            identity,
            reference: Reference::default(),
        }
    }

    /// The highest position of its stream: what authority may cover.
    pub fn position(&self) -> u64 {
        self.position
    }

    /// Puts items into one batch.
    pub fn batch(&self, items: Vec<Incoming>) -> Batch {
        Batch { site: self.site.clone(), install: InstallId([7; 16]), items }
    }

    /// Any item, at the stream's next position.
    pub fn item(&mut self, item: Item) -> Incoming {
        self.position += 1;
        let position = Position { incarnation: self.actor, n: self.position };
        Incoming { position, digest: item.digest(), item, gap: None }
    }

    /// A record.
    pub fn record(&mut self, kind: &str, key: &str, bytes: impl Into<Vec<u8>>) -> Incoming {
        self.item(Item::Record(Record::new(kind, key, bytes.into())))
    }

    /// The next version of the product list: the first time a snapshot, then what is new in it. At most one part.
    pub fn products(&mut self, version: u64, products: &[Product]) -> Incoming {
        let put: Vec<(String, String)> = products
            .iter()
            .map(|product| {
                (product.sku.to_string(), serde_json::to_string(product).expect("a product is plain data"))
            })
            .collect();
        let base = (self.reference.version.n > 0).then_some(self.reference.version);
        let mut records = self.edition("products", Version { epoch: 1, n: version }, base, &put, &[]);
        assert_eq!(records.len(), 1, "one part");
        let record = records.remove(0);
        self.item(Item::Record(record))
    }

    /// An edition of a set as this hub signs it; a delta continues what the edition before left behind.
    pub fn edition(
        &mut self,
        set: &str,
        version: Version,
        base: Option<Version>,
        put: &[(String, String)],
        gone: &[String],
    ) -> Vec<Record> {
        let items = &mut self.reference.items;
        if base.is_none() {
            items.clear();
        }
        items.extend(put.iter().cloned());
        items.retain(|key, _| !gone.contains(key));
        let mut sum = Sum::default();
        items.iter().for_each(|(key, text)| sum.toggle(key, text));
        self.reference.version = version;
        let (site, count) = (self.site.as_str(), items.len() as u64);
        let edition = Edition { site, set, version, base, sum, count, put, gone };
        edition.sign(&self.identity).expect("an edition within limits")
    }

    /// Who signs.
    pub fn identity(&self) -> &Identity {
        &self.identity
    }

    /// A batch of opening stock: SKU, location, units.
    pub fn opening(&mut self, batch: &str, lines: &[(&str, &str, u32)]) -> Incoming {
        let lines: Vec<_> = lines
            .iter()
            .map(|(sku, location, qty)| serde_json::json!({ "sku": sku, "location": location, "qty": qty }))
            .collect();
        self.record("opening", batch, serde_json::to_vec(&lines).expect("lines are plain data"))
    }

    /// A person's data.
    pub fn contact(&mut self, id: RecordId, contact: &Contact, retain_until: UtcMillis) -> Incoming {
        let json = serde_json::to_vec(contact).expect("a contact is plain data");
        self.sealed("contact", &id.to_string(), retain_until, &json)
    }

    /// A label's bytes.
    pub fn label(&mut self, id: RecordId, zpl: &[u8], retain_until: UtcMillis) -> Incoming {
        self.sealed("label", &id.to_string(), retain_until, zpl)
    }

    /// A sealed record, its key wrapped for the site.
    pub fn sealed(&mut self, kind: &str, key: &str, retain_until: UtcMillis, content: &[u8]) -> Incoming {
        let name = Name { kind, key };
        let secret = RecordKey::mint(self.ids.rng());
        let bytes = secret.seal(name, retain_until.0, content, self.ids.rng());
        let attached = secret.wrap(SITE_SECRET, self.site.as_str(), name, &bytes).expect("it was sealed");
        self.item(Item::Record(Record { attached, ..Record::new(kind, key, bytes) }))
    }

    /// Offers a case.
    pub fn offer(&mut self, header: &Header) -> Incoming {
        let key = DocumentKey::Case(header.case);
        let text = serde_json::to_string(header).expect("a header is plain data");
        self.found(&key, &text)
    }

    /// Says something about a case; merges nothing by itself: see [`hear`](Self::hear).
    pub fn say(&mut self, case: CaseId, said: HubEvent) -> (EventId, Incoming) {
        self.append(&DocumentKey::Case(case), said)
    }

    /// Says something on its page for the site; the first time the page is founded.
    pub fn page(&mut self, said: HubPageEvent) -> Vec<Incoming> {
        let key = DocumentKey::HubPage(self.site.clone(), 0);
        let mut items = Vec::new();
        if !self.documents.contains_key(&id_of(&key)) {
            let header = PageHeader { site: self.site.clone(), page: 0 };
            items.push(self.found(&key, &serde_json::to_string(&header).expect("a header is plain data")));
        }
        items.push(self.append(&key, said).1);
        items
    }

    /// Founds any document.
    pub fn found(&mut self, key: &DocumentKey, header: &str) -> Incoming {
        let (_, change) = Document::create(id_of(key), self.actor, header).expect("a header within limits");
        self.documents.insert(id_of(key), vec![change.clone()]);
        self.item(Item::Change(change))
    }

    /// Adds an event to any of its documents.
    pub fn append<K: Kind>(&mut self, key: &DocumentKey, said: K) -> (EventId, Incoming) {
        let id = EventId { command: self.ids.command(self.now), index: 0 };
        let written = self.written.entry(id_of(key)).or_default();
        *written += 1;
        let event = Event {
            id,
            n: *written,
            seen: 0,
            at: self.now,
            by: By::hub(),
            critical: false,
            body: Body::Known(said),
        };
        (id, self.append_text(key, &id.to_string(), &event.to_text()))
    }

    /// Adds any entry to one of its documents, sensible or not.
    pub fn append_text(&mut self, key: &DocumentKey, id: &str, text: &str) -> Incoming {
        let changes = self.documents.get_mut(&id_of(key)).expect("a document of the hub");
        let mut document =
            Document::open(id_of(key), self.actor, None, changes).expect("a document of the hub opens");
        let entry = Entry { id: id.to_owned(), text: text.to_owned() };
        let change = document.append(&[entry]).expect("an entry within limits").expect("a new entry");
        changes.push(change.clone());
        self.item(Item::Change(change))
    }

    /// Hears the site's changes, so that what it says next builds on them.
    pub fn hear(&mut self, items: &[Outgoing]) {
        for outgoing in items {
            if let Item::Change(change) = &outgoing.item {
                let known = self.documents.entry(change.doc.clone()).or_default();
                if known.iter().all(|other| other.hash != change.hash) {
                    known.push(change.clone());
                }
            }
        }
    }

    /// Every change it has, its own and those it heard, document by document.
    pub fn all_changes(&self) -> Vec<Change> {
        self.documents.values().flatten().cloned().collect()
    }

    /// A document as the hub has it.
    pub fn document(&self, key: &DocumentKey) -> Option<Document> {
        let changes = self.documents.get(&id_of(key))?;
        Document::open(id_of(key), self.actor, None, changes).ok()
    }
}

fn id_of(key: &DocumentKey) -> DocumentId {
    DocumentId::new(key.to_string()).expect("document keys are document names")
}
