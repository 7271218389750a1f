//! The double of a site: it reads the hub's stream to its end, keeps the documents, and writes facts.

use std::collections::BTreeMap;

use outpost_hub::replicate::apply::{self, Applied};
use outpost_hub::replicate::attach;
use outpost_hub::store::{enrollment, stream};
use outpost_model::event::{Body, By, Event, Kind};
use outpost_model::fact::SiteFact;
use outpost_model::header::Header;
use outpost_model::id::{CaseId, CommandId, DocumentKey, EventId, Sku};
use outpost_model::page::{LedgerFact, PageHeader, SkuQty};
use outpost_model::quantity::Quantity;
use outpost_sync::seal::{Name, RecordKey, SealError};
use outpost_sync::{
    Batch, Change, Document, DocumentId, Entry, Identity, Incarnation, Incoming, Item, Link, Position, Query,
    Record, Refusal,
};

use super::TestHub;

/// What the double was given when it was enrolled.
pub const SECRET: [u8; 32] = [9; 32];

/// A site with an appliance.
pub struct SiteDouble {
    pub site: outpost_model::id::SiteId,
    pub identity: Identity,
    pub incarnation: Incarnation,
    pub documents: BTreeMap<DocumentId, Document>,
    pub records: Vec<Record>,
    numbers: BTreeMap<DocumentId, u64>,
    down: u64,
    up: u64,
}

impl SiteDouble {
    /// A site whose appliance is enrolled.
    pub async fn enroll(hub: &TestHub, site: &str) -> Self {
        let site = outpost_model::id::SiteId::new(site).unwrap();
        let mut ids = hub.hub.ids();
        let identity = Identity::generate(ids.rng());
        let incarnation = Incarnation::mint(ids.rng());
        let (named, public, token) = (site.clone(), identity.public(), ids.bytes::<32>());
        hub.hub
            .writer
            .run(site.clone(), move |unit| {
                let site = named.clone();
                Box::pin(async move {
                    let now = unit.now();
                    enrollment::put_token(unit.db(), &token, &site, now).await?;
                    enrollment::enroll(unit.db(), &token, &site, &public, &SECRET, now).await?;
                    let link = Link { incarnation, parent: None, last: 0 };
                    enrollment::note_incarnation(unit.db(), &site, public.install, &link, now).await
                })
            })
            .await
            .unwrap();
        let (documents, records, numbers) = Default::default();
        Self { site, identity, incarnation, documents, records, numbers, down: 0, up: 0 }
    }

    /// Reads the hub's stream to its end and merges what is new.
    pub async fn receive(&mut self, hub: &TestHub) {
        let mut db = hub.hub.store.read().acquire().await.unwrap();
        let head = stream::peek(&mut db, &self.site).await.unwrap().unwrap();
        let after = Some(Position { incarnation: head.mark.incarnation, n: self.down });
        let query = Query::After { after };
        drop(db);
        let items = attach::read(&hub.hub.store, &self.site, &query, 10_000, usize::MAX).await.unwrap();
        for outgoing in items {
            assert_eq!(outgoing.mark.n, self.down + 1, "the stream has no gaps");
            self.down = outgoing.mark.n;
            match outgoing.item {
                Item::Record(record) => self.records.push(record),
                Item::Change(change) => self.merge(change),
            }
        }
        assert_eq!(self.down, head.mark.n, "the stream ends where its row says");
    }

    /// The content of a sealed record, as only this site can read it.
    pub fn open(&self, record: &Record) -> Result<Vec<u8>, SealError> {
        let name = Name { kind: &record.kind, key: &record.key };
        let key = RecordKey::unwrap(&SECRET, self.site.as_str(), name, &record.bytes, &record.attached)?;
        key.open(name, &record.bytes)
    }

    fn merge(&mut self, change: Change) {
        match self.documents.get_mut(&change.doc) {
            Some(document) => {
                document.merge(&[change]).unwrap();
            }
            None => {
                let opened =
                    Document::open(change.doc.clone(), self.incarnation, None, std::slice::from_ref(&change))
                        .unwrap();
                self.documents.insert(change.doc, opened);
            }
        }
    }

    /// The headers of all cases the site has, by case.
    pub fn cases(&self) -> BTreeMap<CaseId, Header> {
        let cases = self.documents.iter().filter(|(doc, _)| doc.as_str().starts_with("case/"));
        cases
            .map(|(_, document)| serde_json::from_str::<Header>(&document.header()).unwrap())
            .map(|header| (header.case, header))
            .collect()
    }

    /// The hub's events in a document, as JSON, by number.
    pub fn hub_events(&self, case: CaseId) -> Vec<(EventId, serde_json::Value)> {
        let document = &self.documents[&DocumentId::new(format!("case/{case}")).unwrap()];
        let mut events: Vec<(EventId, serde_json::Value)> = document
            .entries()
            .into_iter()
            .map(|entry| (entry.id.parse().unwrap(), serde_json::from_str(&entry.text).unwrap()))
            .filter(|(_, event): &(EventId, serde_json::Value)| event["by"] == "hub")
            .collect();
        events.sort_by_key(|(_, event)| event["n"].as_u64());
        events
    }

    /// Writes facts into a case, as one change.
    pub fn say(&mut self, case: CaseId, facts: Vec<SiteFact>) -> Incoming {
        let doc = DocumentId::new(DocumentKey::Case(case).to_string()).unwrap();
        self.write(doc, facts)
    }

    /// Grants units in the site's ledger.
    pub fn grant(&mut self, units: &[(&str, u64)]) -> Vec<Incoming> {
        let units = units
            .iter()
            .map(|(sku, qty)| SkuQty { sku: Sku::new(*sku).unwrap(), qty: Quantity::new(*qty).unwrap() })
            .collect();
        self.on_ledger(vec![LedgerFact::Granted { units }])
    }

    /// Writes into the site's first ledger page, founding it when needed.
    pub fn on_ledger(&mut self, facts: Vec<LedgerFact>) -> Vec<Incoming> {
        let doc = DocumentId::new(DocumentKey::Ledger(self.site.clone(), 0).to_string()).unwrap();
        let mut items = Vec::new();
        if !self.documents.contains_key(&doc) {
            let header = serde_json::to_string(&PageHeader { site: self.site.clone(), page: 0 }).unwrap();
            let (document, founding) = Document::create(doc.clone(), self.incarnation, &header).unwrap();
            self.documents.insert(doc.clone(), document);
            items.push(self.incoming(founding));
        }
        items.push(self.write(doc, facts));
        items
    }

    pub fn write<K: Kind>(&mut self, doc: DocumentId, kinds: Vec<K>) -> Incoming {
        let command = CommandId(uuid::Uuid::from_u128(rand::random()));
        let n = self.numbers.entry(doc.clone()).or_insert(0);
        let entries: Vec<Entry> = kinds
            .into_iter()
            .zip(0_u16..)
            .map(|(kind, index)| {
                *n += 1;
                let event = Event {
                    id: EventId { command, index },
                    n: *n,
                    seen: 0,
                    at: outpost_model::time::UtcMillis(1_700_000_000_000),
                    by: By::edge(),
                    critical: false,
                    body: Body::Known(kind),
                };
                Entry { id: event.id.to_string(), text: event.to_text() }
            })
            .collect();
        let change = self.documents.get_mut(&doc).unwrap().append(&entries).unwrap().unwrap();
        self.incoming(change)
    }

    pub fn incoming(&mut self, change: Change) -> Incoming {
        self.up += 1;
        let item = Item::Change(change);
        let position = Position { incarnation: self.incarnation, n: self.up };
        Incoming { position, digest: item.digest(), item, gap: None }
    }

    pub fn batch(&self, items: Vec<Incoming>) -> Batch {
        Batch { site: self.site.clone(), install: self.identity.install(), items }
    }

    /// Hands items to the hub in one batch.
    pub async fn send(&self, hub: &TestHub, items: Vec<Incoming>) -> Vec<Refusal> {
        match self.try_send(hub, items).await {
            Applied::Stored(refused) => refused,
            other => panic!("the appliance of {} is enrolled, and yet: {other:?}", self.site),
        }
    }

    pub async fn try_send(&self, hub: &TestHub, items: Vec<Incoming>) -> Applied {
        let batch = std::sync::Arc::new(self.batch(items));
        let sscc = hub.hub.settings.sscc.clone();
        hub.hub
            .writer
            .run(self.site.clone(), move |unit| {
                let (batch, sscc) = (batch.clone(), sscc.clone());
                Box::pin(async move { apply::apply(unit, &batch, &sscc).await })
            })
            .await
            .unwrap()
    }

    /// Hands items to the hub, which must take them all.
    pub async fn tell(&self, hub: &TestHub, items: Vec<Incoming>) {
        assert_eq!(self.send(hub, items).await, []);
    }
}
