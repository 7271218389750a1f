//! The contract of journals, held by the hub's streams on both databases.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod common;

use common::{Database, TestHub};
use futures_util::future::BoxFuture;
use outpost_hub::HubError;
use outpost_hub::store::{Store, inbox, outbox, stream};
use outpost_hub::write::Unit;
use outpost_model::id::SiteId;
use outpost_sync::contract::{self, JournalUnderTest};
use outpost_sync::{Incarnation, Incoming, Item, Link, Mark, Outgoing, Progress, Query};
use tokio::runtime::{Handle, Runtime};

/// A hub's streams to and from one site.
struct Journal {
    runtime: Handle,
    database: Database,
    hub: Option<TestHub>,
}

impl Journal {
    fn open(runtime: &Handle, database: Database) -> Self {
        let hub = runtime.block_on(TestHub::open(&database));
        Self { runtime: runtime.clone(), database, hub: Some(hub) }
    }

    fn open_store(&self) -> Store {
        self.hub.as_ref().unwrap().hub.store.clone()
    }

    fn write<T, F>(&self, work: F) -> Result<T, HubError>
    where
        T: Send + 'static,
        F: for<'a> FnMut(&'a mut Unit) -> BoxFuture<'a, Result<T, HubError>> + Send + 'static,
    {
        self.runtime.block_on(self.hub.as_ref().unwrap().hub.writer.run("journal", work))
    }
}

fn site() -> SiteId {
    SiteId::new("s-1").unwrap()
}

impl JournalUnderTest for Journal {
    type Error = HubError;

    fn mint(&mut self, incarnation: Incarnation) -> Result<Link, HubError> {
        self.write(move |unit| Box::pin(async move { outbox::mint(unit.db(), &site(), incarnation).await }))
    }

    fn append(&mut self, item: &Item) -> Result<Mark, HubError> {
        let item = item.clone();
        self.write(move |unit| {
            let item = item.clone();
            Box::pin(async move {
                unit.append(&site(), &[item]).await?;
                Ok(unit.stream(&site()).await?.mark)
            })
        })
    }

    fn read(&mut self, query: &Query, limit: usize, bytes_max: usize) -> Result<Vec<Outgoing>, HubError> {
        let store = self.open_store();
        self.runtime.block_on(async move {
            let mut db = store.read().acquire().await?;
            outbox::read(&mut db, &site(), query, limit, bytes_max).await
        })
    }

    fn acknowledge(&mut self, mark: &Mark) -> Result<(), HubError> {
        let mark = *mark;
        self.write(move |unit| Box::pin(async move { outbox::acknowledge(unit.db(), &site(), mark).await }))
    }

    fn links(&mut self) -> Result<Vec<Link>, HubError> {
        let store = self.open_store();
        self.runtime.block_on(async move {
            let mut db = store.read().acquire().await?;
            outbox::links(&mut db, &site()).await
        })
    }

    fn unacknowledged(&mut self) -> Result<u64, HubError> {
        let store = self.open_store();
        self.runtime.block_on(async move {
            let mut db = store.read().acquire().await?;
            outbox::unacknowledged(&mut db, &site()).await
        })
    }

    fn store(&mut self, incoming: &Incoming) -> Result<bool, HubError> {
        let incoming = incoming.clone();
        self.write(move |unit| {
            let incoming = incoming.clone();
            Box::pin(async move { inbox::store(unit.db(), &site(), &incoming).await })
        })
    }

    fn progress(&mut self) -> Result<Vec<Progress>, HubError> {
        let store = self.open_store();
        self.runtime.block_on(async move {
            let mut db = store.read().acquire().await?;
            inbox::progress(&mut db, &site()).await
        })
    }

    fn reopen(&mut self) {
        let hub = self.hub.take().unwrap();
        let reopened = self.runtime.block_on(async {
            hub.close().await;
            TestHub::open(&self.database).await
        });
        self.hub = Some(reopened);
    }
}

#[test]
fn the_streams_keep_the_contract_on_sqlite() {
    let runtime = Runtime::new().unwrap();
    contract::run(|| Journal::open(runtime.handle(), Database::sqlite()));
}

#[test]
fn the_streams_keep_the_contract_on_postgres() {
    let runtime = Runtime::new().unwrap();
    if runtime.block_on(Database::postgres()).is_none() {
        return;
    }
    contract::run(|| {
        let database = runtime.block_on(Database::postgres()).unwrap();
        Journal::open(runtime.handle(), database)
    });
}

#[test]
fn a_stream_that_was_founded_is_not_founded_again() {
    let runtime = Runtime::new().unwrap();
    let journal = Journal::open(runtime.handle(), Database::sqlite());
    let (first, second) = (Incarnation([1; 16]), Incarnation([2; 16]));
    journal
        .write(move |unit| {
            Box::pin(async move {
                stream::found(unit.db(), &site(), first).await?;
                stream::found(unit.db(), &site(), second).await
            })
        })
        .unwrap();
    let head = journal.write(|unit| Box::pin(async move { Ok(unit.stream(&site()).await?.mark) })).unwrap();
    assert_eq!(head, Mark::start(first));
}
