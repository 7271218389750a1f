//! The side that answers. It remembers the one question that its application is looking into, and the fragments of
//! one part; a question that comes meanwhile comes again.

use serde_bytes::{ByteArray, ByteBuf};

use super::part::{Assembly, fragments, pack, unpack};
use super::{Act, Around, Digest, Document, Known, Look, Mend, Outcome, Seen, Standing, Wanted};
use crate::bytes::{Conversation, DocumentId};
use crate::frame::repair::{Compare, Compared, Fetch, KnownRow, Listed, Message, Taken, verdict};
use crate::session::jittered;
use crate::settings::Settings;

/// What the application is asked for.
enum Pending {
    Compare(Compare),
    List { question: u64, limit: usize },
    Fetch { question: u64, from: Option<(u64, [u8; 16])> },
    Take { question: u64 },
}

/// The answering side of repair.
#[derive(Default)]
pub(crate) struct Serve {
    conversation: Option<Conversation>,
    pending: Option<Pending>,
    /// The answer that is to come belongs to what is over.
    stale: bool,
    looking: bool,
    assembly: Assembly,
    /// The last part that was taken, so that its repetition is not taken again.
    taken: u64,
    /// A comparison is wanted, and when the site is told of it again.
    wanted: bool,
    nudge: Option<u64>,
    nudges: u32,
}

impl Serve {
    /// The line is down, or another conversation has begun.
    pub(crate) fn close(&mut self) {
        self.conversation = None;
        self.stale = self.looking;
        self.pending = None;
        self.assembly = Assembly::default();
        (self.taken, self.nudge, self.nudges) = (0, None, 0);
    }

    /// A comparison is wanted, whatever the positions.
    pub(crate) fn force(&mut self, now: u64) {
        (self.wanted, self.nudges) = (true, 0);
        self.nudge = self.conversation.map(|_| now);
    }

    /// What is due: the wish to be asked, until the site asks.
    pub(crate) fn attend(
        &mut self,
        conversation: Conversation,
        around: &Around,
        rng: &mut (impl rand::Rng + ?Sized),
        settings: &Settings,
    ) -> Vec<Act> {
        let now = around.now.boot_ms;
        if self.conversation != Some(conversation) {
            self.close();
            self.conversation = Some(conversation);
            self.nudge = self.wanted.then_some(now);
        }
        if self.nudge.is_none_or(|at| at > now) {
            return Vec::new();
        }
        let pause = settings.repair_retry_ms << self.nudges.min(8);
        self.nudges += 1;
        self.nudge = Some(now + jittered(rng, pause.min(settings.repair_every_ms), settings.jitter_percent));
        let wish = Compared { question: 0, verdict: verdict::NOT_NOW, buckets: None };
        vec![Act::Say(Message::Compared(wish))]
    }

    /// When something here is due.
    pub(crate) fn wake_at(&self) -> Option<u64> {
        self.nudge.filter(|_| self.conversation.is_some())
    }

    /// The site's questions.
    pub(crate) fn heard(&mut self, message: Message, around: &Around, settings: &Settings) -> Vec<Act> {
        if let Message::Compare(Compare { forced: true, .. }) = &message {
            (self.wanted, self.nudge, self.nudges) = (false, None, 0);
        }
        if self.looking {
            return Vec::new();
        }
        match message {
            Message::Compare(compare) => self.look(Pending::Compare(compare), Look::Digest),
            Message::List(list) => {
                let Some((buckets, after)) = list.read() else { return Vec::new() };
                let limit = settings.repair_page_documents;
                let pending = Pending::List { question: list.question, limit };
                // One more than fits a page says whether there are more.
                self.look(pending, Look::List { buckets, after, limit: limit + 1 })
            }
            Message::Fetch(fetch) => self.fetch(fetch, settings),
            Message::Part(part) => {
                let question = part.question;
                if question <= self.taken {
                    return vec![Act::Say(Message::Taken(Taken { question }))];
                }
                let whole = self.assembly.take(part);
                match whole.and_then(|whole| unpack(&whole)) {
                    Some(documents) => self.take(question, documents, around),
                    None => Vec::new(),
                }
            }
            Message::Compared(_) | Message::Listed(_) | Message::Taken(_) => Vec::new(),
        }
    }

    fn look(&mut self, pending: Pending, look: Look) -> Vec<Act> {
        self.looking = true;
        self.pending = Some(pending);
        vec![Act::Look(look)]
    }

    fn fetch(&mut self, fetch: Fetch, settings: &Settings) -> Vec<Act> {
        if fetch.documents.len() > Settings::REPAIR_GROUP_DOCUMENTS_LIMIT {
            return Vec::new();
        }
        let wanted = fetch
            .documents
            .into_iter()
            .map(|row| Some(Wanted { doc: DocumentId::new(row.0).ok()?, has: Some(row.1) }));
        let Some(of) = wanted.collect::<Option<Vec<_>>>() else { return Vec::new() };
        let from = fetch.hash.map(|hash| (fetch.from, *hash));
        let pending = Pending::Fetch { question: fetch.question, from };
        self.look(pending, Look::Documents { of, bytes_max: settings.repair_part_bytes_max })
    }

    fn take(&mut self, question: u64, documents: Vec<Document>, around: &Around) -> Vec<Act> {
        let Some(install) = around.install else { return Vec::new() };
        let mut changes = Vec::new();
        let mut notes = Vec::new();
        for document in documents {
            if document.changes.is_empty() {
                notes.push((document.doc, document.standing));
            } else if document.standing == Standing::Live {
                changes.extend(document.changes);
            }
        }
        self.looking = true;
        self.pending = Some(Pending::Take { question });
        let (site, past) = (around.site.clone(), Vec::new());
        vec![Act::Mend(Mend { site, install, changes, notes, past })]
    }

    /// Whether the application's answer is to the question that is out, and which that is.
    fn answered(&mut self) -> Option<Pending> {
        self.looking = false;
        let pending = self.pending.take();
        pending.filter(|_| !std::mem::take(&mut self.stale))
    }

    /// The application's answer.
    pub(crate) fn seen(&mut self, seen: Seen, around: &Around, settings: &Settings) -> Vec<Act> {
        match (self.answered(), seen) {
            (Some(Pending::Compare(compare)), Seen::Digest(digest)) => {
                let compared = compared(&compare, &digest, around);
                let same = compared.verdict == verdict::SAME;
                let tell = same.then_some(Act::Tell(Outcome { same, ..Outcome::default() }));
                std::iter::once(Act::Say(Message::Compared(compared))).chain(tell).collect()
            }
            (Some(Pending::List { question, limit }), Seen::List(page)) => {
                vec![Act::Say(Message::Listed(listed(question, page, limit, around.frame_bytes_max)))]
            }
            (Some(Pending::Fetch { question, from }), Seen::Documents(documents)) => {
                let packed = pack(&documents, settings);
                let parts = fragments(&packed, question, around.frame_bytes_max, from);
                parts.into_iter().map(|part| Act::Say(Message::Part(part))).collect()
            }
            _ => Vec::new(),
        }
    }

    /// What the site gave is committed; when it could not be, the site gives it again.
    pub(crate) fn mended(&mut self, stored: bool) -> Vec<Act> {
        match self.answered() {
            Some(Pending::Take { question }) if stored => {
                self.taken = question;
                vec![Act::Say(Message::Taken(Taken { question }))]
            }
            _ => Vec::new(),
        }
    }
}

fn compared(compare: &Compare, digest: &Digest, around: &Around) -> Compared {
    // Positions count only where both sides stand at exactly the same ones.
    let up = digest.applied.contains(&compare.own) || compare.own.n == 0 && !knows(digest, compare);
    let down = compare.applied == digest.own && compare.applied.incarnation == around.own;
    let question = compare.question;
    if !(compare.forced || up && down) {
        return Compared { question, verdict: verdict::NOT_NOW, buckets: None };
    }
    if compare.root == ByteArray::new(digest.buckets.root()) {
        return Compared { question, verdict: verdict::SAME, buckets: None };
    }
    let buckets = Some(ByteBuf::from(digest.buckets.to_bytes()));
    Compared { question, verdict: verdict::DIFFERENT, buckets }
}

fn knows(digest: &Digest, compare: &Compare) -> bool {
    digest.applied.iter().any(|position| position.incarnation == compare.own.incarnation)
}

/// As many documents as were asked for and fit a frame.
fn listed(question: u64, mut page: Vec<Known>, limit: usize, frame_bytes_max: usize) -> Listed {
    let asked = page.len();
    page.truncate(limit);
    let mut room = frame_bytes_max.saturating_sub(512);
    let mut documents: Vec<KnownRow> = Vec::with_capacity(page.len());
    for known in &page {
        let row = KnownRow::of(known);
        // One is listed however small frames are, or the walk would stand still.
        if row.weight() > room && !documents.is_empty() {
            break;
        }
        room = room.saturating_sub(row.weight());
        documents.push(row);
    }
    let more = documents.len() < asked;
    Listed { question, documents, more }
}
