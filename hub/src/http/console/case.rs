//! A case on an order's page: one site's part, with both sequences side by side.

use outpost_model::event::Side;
use outpost_model::fulfillment::{Answer, Fulfillment};

use super::lanes::{self, LaneRow};
use super::order::{Part, parts};
use super::when::{Watch, When};
use super::words::{self, Badge};
use crate::store::query::timeline::{CaseDetail, TimelineEntry};

/// One site's part of an order.
pub struct CaseView {
    /// Its id.
    pub id: String,
    /// The site.
    pub site: String,
    /// How the customer gets it.
    pub service: &'static str,
    /// How far it is.
    pub milestone: Badge,
    /// How often this part has moved.
    pub generation: u32,
    /// Things that stand out.
    pub badges: Vec<Badge>,
    /// When picking must be done.
    pub pick_by: When,
    /// When the customer was told.
    pub promised: When,
    /// When the carrier's truck closes.
    pub cutoff: Option<When>,
    /// Until when a pickup is kept.
    pub hold_until: Option<When>,
    /// Whether picking is late.
    pub is_late: bool,
    /// Its lines.
    pub lines: Vec<CaseLine>,
    /// Parcels, bags and totes.
    pub containers: Vec<ContainerView>,
    /// Events of the hub.
    pub hub_events: u64,
    /// Events of the site.
    pub site_events: u64,
    /// Both sequences, by their clocks.
    pub rows: Vec<LaneRow>,
    /// Whether it is finished.
    pub is_closed: bool,
}

/// A line of a case.
pub struct CaseLine {
    /// What.
    pub sku: String,
    /// How many this site is to deliver.
    pub qty: u32,
    /// What became of them.
    pub parts: Vec<Part>,
    /// Units of another SKU among them.
    pub substituted: u32,
}

/// A container of a case.
pub struct ContainerView {
    /// Its code.
    pub id: String,
    /// Units in it.
    pub units: u32,
    /// Where it is or went.
    pub whereabouts: String,
    /// Labels on it.
    pub labels: Vec<String>,
}

impl CaseView {
    /// A case as its part of the page, by the clock of its site.
    pub fn new(case: &CaseDetail, timeline: &[TimelineEntry], watch: &Watch) -> Self {
        let state = &case.fulfillment;
        let header = &state.header;
        let own = timeline.iter().filter(|entry| entry.case == Some(header.case));
        let is_late = header.promise.pick_by < watch.now() && !state.open().is_zero() && !state.is_closed();
        Self {
            id: header.case.to_string(),
            site: header.site.to_string(),
            service: words::service(header.service),
            milestone: words::milestone(case.milestone, state.ended().as_ref()),
            generation: header.generation,
            badges: badges(case),
            pick_by: watch.at(header.promise.pick_by),
            promised: watch.at(header.promise.promised_at),
            cutoff: header.promise.cutoff_at.map(|at| watch.at(at)),
            hold_until: state.hold_until.or(header.hold_until).map(|at| watch.at(at)),
            is_late,
            lines: lines(state),
            containers: containers(state),
            hub_events: own.clone().filter(|entry| entry.side == Side::Hub && entry.n > 0).count() as u64,
            site_events: own.clone().filter(|entry| entry.side == Side::Site).count() as u64,
            rows: lanes::rows(own, watch),
            is_closed: state.is_closed(),
        }
    }
}

fn badges(case: &CaseDetail) -> Vec<Badge> {
    let state = &case.fulfillment;
    let mut badges = Vec::new();
    if !case.at_site {
        badges.push(Badge::new("warn", "Not at the site yet"));
    }
    if state.held {
        badges.push(Badge::new("warn", "On hold"));
    }
    if state.update_needed {
        badges.push(Badge::new("bad", "Update needed"));
    }
    let waiting = state.intents.values().filter(|intent| intent.answer == Answer::Pending).count();
    match waiting {
        0 => {}
        1 => badges.push(Badge::new("warn", "1 request waits for its answer")),
        count => badges.push(Badge::new("warn", format!("{count} requests wait for their answers"))),
    }
    let unwanted: u32 = state.to_put_back.iter().map(|content| content.qty.get()).sum();
    if unwanted > 0 {
        badges.push(Badge::new("warn", format!("{unwanted} to put back")));
    }
    for exception in &state.exceptions {
        badges.push(Badge::new("bad", words::title(&exception.code)));
    }
    badges
}

fn lines(state: &Fulfillment) -> Vec<CaseLine> {
    let line = |line: &outpost_model::header::HeaderLine| {
        let of = state.lines.get(&line.line).copied().unwrap_or_default();
        CaseLine {
            sku: line.sku.to_string(),
            qty: line.qty.get(),
            parts: parts(&of),
            substituted: of.substituted.get(),
        }
    };
    state.header.lines.iter().map(line).collect()
}

fn containers(state: &Fulfillment) -> Vec<ContainerView> {
    let view =
        |(id, container): (&outpost_model::id::ContainerId, &outpost_model::fulfillment::Container)| {
            let whereabouts = match (&container.staged_at, container.gone, container.packed) {
                (_, true, _) => "gone".to_owned(),
                (Some(location), _, _) => format!("staged at {location}"),
                (None, _, true) => "packed".to_owned(),
                _ => "open".to_owned(),
            };
            let label = |label: &outpost_model::fulfillment::Label| {
                let kind = match label.kind {
                    outpost_model::fact::LabelKind::Handling => "handling",
                    outpost_model::fact::LabelKind::Carrier => "carrier",
                };
                format!("{kind} {}", label.number)
            };
            ContainerView {
                id: words::container(id.as_str()),
                units: container.contents.iter().map(|content| content.qty.get()).sum(),
                whereabouts,
                labels: container.labels.iter().map(label).collect(),
            }
        };
    state.containers.iter().map(view).collect()
}
