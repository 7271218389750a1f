//! The line between the hub and its one site, both real: what each sends, and what the other makes of it.

use std::sync::Arc;

use anyhow::{Result, bail};
use outpost_edge::replicate::apply::HUB;
use outpost_edge::testing::Bench;
use outpost_edge::write::{Answer, Job};
use outpost_hub::app::authority;
use outpost_hub::replicate::apply::{self, Applied};
use outpost_hub::store::{inbox, outbox};
use outpost_model::command::Subject;
use outpost_model::id::{CaseId, DocumentKey};
use outpost_sync::{Batch, Incoming, InstallId, Mark, Outgoing, Query};
use rand::RngExt;
use rand::rngs::StdRng;

use super::work::{Oath, Office};
use crate::crash::edge::commands;

impl Office {
    /// What the hub has committed is sent; the site takes it.
    pub(super) async fn down(&mut self) -> Result<()> {
        let site = self.site();
        let mut db = self.opened.hub.store.read().acquire().await?;
        let all = outbox::read(&mut db, &site, &Query::After { after: None }, 100_000, usize::MAX).await?;
        drop(db);
        let published = all.iter().map(|outgoing| Oath::Published(site.clone(), outgoing.mark));
        let published: Vec<Oath> = published.collect();
        self.swear(published);
        let known = outpost_journal::progress(self.bench.core.connection(), HUB)?;
        let is_new = |mark: &Mark| {
            let of = known.iter().find(|progress| progress.incarnation() == mark.incarnation);
            !of.is_some_and(|progress| progress.contains(mark.n))
        };
        let items: Vec<Incoming> = all.into_iter().filter(|one| is_new(&one.mark)).map(incoming).collect();
        if items.is_empty() {
            return Ok(());
        }
        match self.bench.job(Job::Merge(Batch { site, install: InstallId([7; 16]), items })) {
            Answer::Merged(refused) if refused.is_empty() => Ok(()),
            answer => bail!("the site does not take what the hub sends: {answer:?}"),
        }
    }

    /// The site's people work.
    pub(super) fn work(&mut self, rng: &mut StdRng) -> Result<()> {
        let cases = cases(&self.bench)?;
        for _ in 0..rng.random_range(1..=6) {
            let subject = if cases.is_empty() || rng.random_range(0..6) == 0 {
                Subject::Site(commands::of_site(rng))
            } else {
                let recent = cases.len().saturating_sub(6);
                let case = cases[rng.random_range(recent..cases.len())];
                Subject::Case { case, command: commands::of_case(rng, case, self.bench.now.wall) }
            };
            let mut command = self.bench.command(CaseId(uuid::Uuid::nil()), commands::accept());
            command.subject = subject;
            self.bench.job(Job::Command(Box::new(command)));
        }
        Ok(())
    }

    /// The site sends what the hub does not have; the hub acknowledges it after its commit.
    pub(super) async fn up(&mut self, limit: usize) -> Result<()> {
        let site = self.site();
        let mut db = self.opened.hub.store.read().acquire().await?;
        let known = inbox::progress(&mut db, &site).await?;
        drop(db);
        let is_new = |outgoing: &Outgoing| {
            let of = known.iter().find(|known| known.incarnation() == outgoing.mark.incarnation);
            !of.is_some_and(|known| known.contains(outgoing.mark.n))
        };
        let new: Vec<Outgoing> = self.bench.outbox().into_iter().filter(is_new).take(limit).collect();
        let Some(last) = new.last().map(|outgoing| outgoing.mark) else { return Ok(()) };
        let items = new.into_iter().map(incoming).collect();
        let batch = Arc::new(Batch { site: site.clone(), install: self.install, items });
        let sscc = Arc::new(self.opened.hub.settings.sscc.clone());
        let applied = self.opened.hub.writer.run(site, move |unit| {
            let (batch, sscc) = (batch.clone(), sscc.clone());
            Box::pin(async move { apply::apply(unit, &batch, &sscc).await })
        });
        match applied.await? {
            Applied::Stored(refused) if refused.is_empty() => self.swear([Oath::Taken(last.position())]),
            other => bail!("the hub does not take what the site sends: {other:?}"),
        }
        Ok(())
    }

    /// The site acknowledges what it has.
    pub(super) async fn acknowledge(&mut self) -> Result<()> {
        let conn = self.bench.core.connection();
        let known = outpost_journal::progress(conn, HUB)?;
        let Some(mark) = known.last().map(|progress| progress.mark()) else { return Ok(()) };
        // Known before it is asked: the hub may forget as soon as it has heard of it.
        self.acknowledged = self.acknowledged.max(mark.n);
        let (site, terms) = (self.site(), Arc::new(self.opened.hub.authority_terms()));
        let given = self.opened.hub.writer.run(site.clone(), move |unit| {
            let (site, terms) = (site.clone(), terms.clone());
            Box::pin(async move { authority::acknowledge(unit, &site, mark, &terms).await })
        });
        given.await?;
        Ok(())
    }
}

fn incoming(outgoing: Outgoing) -> Incoming {
    let digest = outgoing.item.digest();
    Incoming { position: outgoing.mark.position(), digest, item: outgoing.item, gap: None }
}

fn cases(bench: &Bench) -> Result<Vec<CaseId>> {
    let conn = bench.core.connection();
    let mut statement =
        conn.prepare("SELECT DISTINCT doc FROM sync_change WHERE doc LIKE 'case/%' ORDER BY doc")?;
    let names = statement.query_map([], |row| row.get::<_, String>(0))?.collect::<Result<Vec<_>, _>>()?;
    let keys = names.iter().filter_map(|name| name.parse::<DocumentKey>().ok());
    Ok(keys.filter_map(|key| if let DocumentKey::Case(case) = key { Some(case) } else { None }).collect())
}
