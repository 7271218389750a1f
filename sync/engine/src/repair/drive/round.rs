//! What a round does with documents that differ: list, fetch, mend and give, group by group.

use super::*;

impl Drive {
    pub(super) fn list(&mut self, walk: Walk, around: &Around, settings: &Settings) -> Vec<Act> {
        let question = self.next_question();
        let buckets = serde_bytes::ByteArray::new(walk.buckets.0);
        let after = walk.after.clone().map(|(bucket, doc)| (bucket, doc.to_string()));
        self.step = Step::List(walk);
        self.ask(around, settings, vec![Message::List(List { question, buckets, after })])
    }

    pub(super) fn pages(
        &mut self,
        walk: Walk,
        (mut mine, (mut theirs, more)): (Vec<Known>, (Vec<Known>, bool)),
        around: &Around,
        settings: &Settings,
    ) -> Vec<Act> {
        let full = mine.len() >= settings.repair_page_documents;
        let end = cut((&mut mine, full), (&mut theirs, more));
        let rest = end.map(|end| Walk { buckets: walk.buckets, after: Some(end) });
        let work = Work::new(compare(&mine, &theirs), rest);
        self.next_group(work, around, settings)
    }

    pub(super) fn next_group(&mut self, mut work: Work, around: &Around, settings: &Settings) -> Vec<Act> {
        if work.begin_group(settings.repair_group_documents) {
            let look = Look::Documents { of: work.wanted(false), bytes_max: 0 };
            self.step = Step::Have(work);
            return self.look(look);
        }
        if !work.is_told() {
            return self.mend(work, Vec::new(), around, settings);
        }
        match work.rest {
            Some(walk) => self.list(walk, around, settings),
            None => {
                // Another look shows what it came to.
                self.outcome.taken += self.round.taken;
                self.outcome.given += self.round.given;
                (self.step, self.due) = (Step::Rest, Some(around.now.boot_ms));
                Vec::new()
            }
        }
    }

    pub(super) fn fetch(&mut self, work: Work, around: &Around, settings: &Settings) -> Vec<Act> {
        let question = self.next_question();
        let rows = work.group.iter().map(|pair| WantedRow(pair.doc.to_string(), pair.here.clone()));
        let fetch = Fetch { question, documents: rows.collect(), from: 0, hash: None };
        self.step = Step::Fetch(work, Assembly::default());
        self.ask(around, settings, vec![Message::Fetch(fetch)])
    }

    pub(super) fn fetched(&mut self, part: Part, around: &Around, settings: &Settings) -> Vec<Act> {
        let Step::Fetch(_, assembly) = &mut self.step else { return Vec::new() };
        let whole = assembly.take(part);
        // A part that makes no sense is asked for again.
        let Some(documents) = whole.and_then(|whole| unpack(&whole)) else { return Vec::new() };
        let Step::Fetch(mut work, _) = std::mem::take(&mut self.step) else { return Vec::new() };
        self.asked = None;
        let changes = work.there(documents);
        self.mend(work, changes, around, settings)
    }

    pub(super) fn mend(
        &mut self,
        mut work: Work,
        changes: Vec<crate::change::Change>,
        around: &Around,
        settings: &Settings,
    ) -> Vec<Act> {
        let notes = std::mem::take(&mut work.notes);
        let past = std::mem::take(&mut work.past);
        let install = around.install.filter(|_| !changes.is_empty() || !notes.is_empty());
        let Some(install) = install else { return self.lack(work, around, settings) };
        self.round.taken += changes.len();
        self.step = Step::Mend(work);
        self.looking = true;
        vec![Act::Mend(Mend { site: around.site.clone(), install, changes, notes, past })]
    }

    /// What was handed over is committed, or could not be stored.
    pub(crate) fn mended(
        &mut self,
        stored: bool,
        around: &Around,
        rng: &mut (impl rand::Rng + ?Sized),
        settings: &Settings,
    ) -> Vec<Act> {
        if !self.answered() {
            return Vec::new();
        }
        match std::mem::take(&mut self.step) {
            Step::Mend(work) if stored => self.lack(work, around, settings),
            _ => {
                self.rest(around, settings.repair_retry_ms, rng, settings);
                Vec::new()
            }
        }
    }

    pub(super) fn lack(&mut self, work: Work, around: &Around, settings: &Settings) -> Vec<Act> {
        if work.group.is_empty() {
            return self.give(work, Vec::new(), around, settings);
        }
        let look = Look::Documents { of: work.wanted(true), bytes_max: settings.repair_part_bytes_max };
        self.step = Step::Lack(work);
        self.look(look)
    }

    pub(super) fn give(
        &mut self,
        mut work: Work,
        documents: Vec<Document>,
        around: &Around,
        settings: &Settings,
    ) -> Vec<Act> {
        let (rows, count) = work.gifts(documents);
        if rows.is_empty() {
            return self.settle(work, around, settings);
        }
        let question = self.next_question();
        let parts = fragments(&pack(&rows, settings), question, around.frame_bytes_max, None);
        self.step = Step::Give(work, count);
        self.ask(around, settings, parts.into_iter().map(Message::Part).collect())
    }

    /// Goes on with those documents of the group that still differ, as long as that comes to something.
    pub(super) fn settle(&mut self, mut work: Work, around: &Around, settings: &Settings) -> Vec<Act> {
        if work.again() {
            return self.fetch(work, around, settings);
        }
        self.next_group(work, around, settings)
    }
}
