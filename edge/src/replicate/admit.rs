//! Whether an item of the hub may be applied here: the engine's inspection of a change joined with the model's
//! `may_write`. Pure: it looks at the item alone. What depends on the document's state is checked where it is applied.

use outpost_model::event::{Event, Side, may_write_in};
use outpost_model::header::Header;
use outpost_model::id::{DocumentKey, EventId, SiteId};
use outpost_model::intent::HubEvent;
use outpost_model::page::{HubPageEvent, PageHeader};
use outpost_sync::{Change, Content, Entry, Inspection, Limits};

/// A change of the hub, understood.
#[derive(Debug, Clone, PartialEq)]
pub enum Admitted {
    /// It founds a case at this site.
    CaseOffered(Box<Header>),
    /// It adds hub events to a case.
    CaseEvents(DocumentKey, Vec<Event<HubEvent>>),
    /// It founds one of the hub's pages for this site.
    PageFounded,
    /// It adds events to one of the hub's pages.
    PageEvents(DocumentKey, Vec<Event<HubPageEvent>>),
}

/// Why an item of the hub is not taken: a stable code, kept with the item.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refused {
    /// Not a change that a document of ours could have written.
    MalformedChange,
    /// A document's name that means nothing here.
    UnknownDocument,
    /// The hub may not write into that document.
    NotTheHubs,
    /// It is about another site.
    OtherSite,
    /// A header that cannot be read or does not fit its document.
    BadHeader,
    /// An event that cannot be read.
    BadEvent,
    /// A kind of event that only the site writes.
    ForbiddenKind,
    /// A record that cannot be read.
    BadRecord,
    /// A sealed record that does not open: changed, or meant for another site.
    Closed,
    /// It builds on changes that are not here.
    MissingDependency,
    /// It is not the next one of its author, or an event number is not the next one.
    Sequence,
    /// It does not belong to the document, or founds it again.
    Foreign,
    /// It gives another text to an event that is here.
    EntryExists,
    /// The document would be too long.
    DocumentFull,
    /// The document could not take it.
    Poisoned,
    /// The site has no page left to book it on.
    TooManyDocuments,
}

impl Refused {
    /// The stable code.
    pub fn code(self) -> &'static str {
        match self {
            Self::MalformedChange => "malformed_change",
            Self::UnknownDocument => "unknown_document",
            Self::NotTheHubs => "not_the_hubs",
            Self::OtherSite => "other_site",
            Self::BadHeader => "bad_header",
            Self::BadEvent => "bad_event",
            Self::ForbiddenKind => "forbidden_kind",
            Self::BadRecord => "bad_record",
            Self::Closed => "record_closed",
            Self::MissingDependency => "missing_dependency",
            Self::Sequence => "sequence",
            Self::Foreign => "foreign",
            Self::EntryExists => "entry_exists",
            Self::DocumentFull => "document_full",
            Self::Poisoned => "poisoned",
            Self::TooManyDocuments => "too_many_documents",
        }
    }
}

/// Reads a change and says what it is, or why it is not taken.
pub fn admit(site: &SiteId, change: &Change) -> Result<Admitted, Refused> {
    let inspection = Inspection::of(change, &Limits::PROTOCOL).map_err(|_| Refused::MalformedChange)?;
    let key: DocumentKey = change.doc.as_str().parse().map_err(|_| Refused::UnknownDocument)?;
    match (&key, inspection.content) {
        (DocumentKey::Case(case), Content::Header(text)) => {
            let header = case_header(site, &text)?;
            if header.case != *case {
                return Err(Refused::BadHeader);
            }
            Ok(Admitted::CaseOffered(Box::new(header)))
        }
        (DocumentKey::Case(_), Content::Entries { entries, .. }) => {
            let events = events(&key, &entries)?;
            Ok(Admitted::CaseEvents(key, events))
        }
        (DocumentKey::HubPage(of, page), content) => {
            if of != site {
                return Err(Refused::OtherSite);
            }
            match content {
                Content::Header(text) => page_header(site, *page, &text).map(|()| Admitted::PageFounded),
                Content::Entries { entries, .. } => {
                    let events = events(&key, &entries)?;
                    Ok(Admitted::PageEvents(key, events))
                }
            }
        }
        (DocumentKey::Ledger(..) | DocumentKey::SiteDay(..), _) => Err(Refused::NotTheHubs),
    }
}

fn case_header(site: &SiteId, text: &str) -> Result<Header, Refused> {
    let header: Header = serde_json::from_str(text).map_err(|_| Refused::BadHeader)?;
    if header.site != *site {
        return Err(Refused::OtherSite);
    }
    let mut numbers: Vec<_> = header.lines.iter().map(|line| line.line).collect();
    numbers.sort_unstable();
    let unique = numbers.windows(2).all(|pair| pair[0] != pair[1]);
    let wanted = header.lines.iter().all(|line| !line.qty.is_zero());
    if header.lines.is_empty() || !unique || !wanted {
        return Err(Refused::BadHeader);
    }
    Ok(header)
}

fn page_header(site: &SiteId, page: u32, text: &str) -> Result<(), Refused> {
    let header: PageHeader = serde_json::from_str(text).map_err(|_| Refused::BadHeader)?;
    if header.site == *site && header.page == page { Ok(()) } else { Err(Refused::BadHeader) }
}

fn events<K: outpost_model::event::Kind>(
    key: &DocumentKey,
    entries: &[Entry],
) -> Result<Vec<Event<K>>, Refused> {
    let mut events = Vec::with_capacity(entries.len());
    for entry in entries {
        let id: EventId = entry.id.parse().map_err(|_| Refused::BadEvent)?;
        let kind = kind_of(&entry.text).ok_or(Refused::BadEvent)?;
        if !may_write_in(key, Side::Hub, &kind) {
            return Err(Refused::ForbiddenKind);
        }
        events.push(Event::parse(id, &entry.text).map_err(|_| Refused::BadEvent)?);
    }
    Ok(events)
}

/// The kind of an event, known or not.
pub fn kind_of(text: &str) -> Option<String> {
    #[derive(serde::Deserialize)]
    struct Named {
        kind: String,
    }
    serde_json::from_str::<Named>(text).ok().map(|named| named.kind)
}
