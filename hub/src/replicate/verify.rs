//! Documents opened and folded from scratch, to be compared with the projections and with the site's own.

use outpost_model::event::{Event, Kind, Side};
use outpost_model::fact::SiteFact;
use outpost_model::fold::fold;
use outpost_model::header::Header;
use outpost_model::id::{DocumentKey, EventId, SiteId};
use outpost_model::intent::HubEvent;
use outpost_sync::{Document, Incarnation};
use sqlx::AnyConnection;

use crate::error::HubError;
use crate::store::query::ROWS_MAX;
use crate::store::query::sites::DocumentState;
use crate::store::{case, document, item};

/// The events of a case's document, each side's apart.
#[derive(Debug, Clone)]
pub struct Sequences {
    /// What it was founded with.
    pub header: Header,
    /// The site's facts.
    pub site: Vec<Event<SiteFact>>,
    /// The hub's intents and observations.
    pub hub: Vec<Event<HubEvent>>,
}

/// Opens a document from all its changes.
pub async fn open(
    db: &mut AnyConnection,
    row: &document::Row,
    actor: Incarnation,
) -> Result<Document, HubError> {
    let changes = item::changes(db, &row.doc).await?;
    Document::open(row.doc.clone(), actor, None, &changes)
        .map_err(|error| HubError::corrupt("item", &row.doc, error))
}

/// Reads a case's document.
pub fn sequences(document: &Document) -> Result<Sequences, HubError> {
    let corrupt = |reason: String| HubError::corrupt("item", document.id(), reason);
    let header: Header =
        serde_json::from_str(&document.header()).map_err(|error| corrupt(error.to_string()))?;
    let (mut site, mut hub) = (Vec::new(), Vec::new());
    for entry in document.entries() {
        let id: EventId =
            entry.id.parse().map_err(|error: outpost_model::id::IdError| corrupt(error.to_string()))?;
        let kind = kind_of(&entry.text).ok_or_else(|| corrupt(format!("event {id} has no kind")))?;
        let known = SiteFact::NAMES.contains(&kind.as_str());
        // A kind of a later version is let through from the site only; the hub writes no kind it does not know.
        if known || outpost_model::may_write(Side::Site, &kind) {
            site.push(Event::parse(id, &entry.text).map_err(|error| corrupt(error.to_string()))?);
        } else {
            hub.push(Event::parse(id, &entry.text).map_err(|error| corrupt(error.to_string()))?);
        }
    }
    site.sort_by_key(|event| event.n);
    hub.sort_by_key(|event| event.n);
    Ok(Sequences { header, site, hub })
}

fn kind_of(text: &str) -> Option<String> {
    #[derive(serde::Deserialize)]
    struct Kinded {
        kind: String,
    }
    serde_json::from_str::<Kinded>(text).ok().map(|kinded| kinded.kind)
}

/// Which documents of a site to look at.
#[derive(Debug, Clone, Copy)]
pub struct Page<'a> {
    /// Those after this one, by id.
    pub after: &'a str,
    /// At most so many, up to [`ROWS_MAX`].
    pub limit: u32,
}

impl Page<'_> {
    /// The first ones.
    pub const FIRST: Page<'static> = Page { after: "", limit: ROWS_MAX };
}

/// Documents of a site as the hub has them, by id. With `verify`, every case is folded from scratch and compared.
pub async fn documents(
    db: &mut AnyConnection,
    site: &SiteId,
    actor: Incarnation,
    verify: bool,
    page: Page<'_>,
) -> Result<Vec<DocumentState>, HubError> {
    let mut states = Vec::new();
    for row in document::of_site(db, site, page.after, page.limit.clamp(1, ROWS_MAX)).await? {
        let opened = open(db, &row, actor).await?;
        let mut state = DocumentState {
            document: row.doc.to_string(),
            heads: opened.heads().iter().map(ToString::to_string).collect(),
            events: opened.len() as u64,
            state_hash: None,
            projection_ok: true,
        };
        if let (true, Ok(DocumentKey::Case(id))) = (verify, row.doc.as_str().parse()) {
            let Sequences { header, site, hub } = sequences(&opened)?;
            let folded = fold(&header, &site, &hub);
            let text = serde_json::to_vec(&folded)
                .map_err(|error| HubError::Invariant(format!("a case without JSON: {error}")))?;
            state.state_hash = Some(blake3::hash(&text).to_hex().to_string());
            state.projection_ok = case::get(db, id).await?.is_some_and(|row| row.state == folded);
        }
        states.push(state);
    }
    Ok(states)
}

/// All documents of a site, page by page.
pub async fn all(
    db: &mut AnyConnection,
    site: &SiteId,
    actor: Incarnation,
    verify: bool,
) -> Result<Vec<DocumentState>, HubError> {
    let mut states: Vec<DocumentState> = Vec::new();
    loop {
        let after = states.last().map(|state| state.document.clone()).unwrap_or_default();
        let page = Page { after: &after, ..Page::FIRST };
        let more = documents(db, site, actor, verify, page).await?;
        if more.is_empty() {
            return Ok(states);
        }
        states.extend(more);
    }
}
