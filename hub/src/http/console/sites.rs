//! Sites: how the line to each stands, what is under way, what each may do without asking.

use askama::Template;
use outpost_model::header::Service;
use outpost_model::time::UtcMillis;

use super::frame::Frame;
use super::when::{Watch, When};
use super::words::{self, Badge};
use crate::store::query::console::{CaseRow, RightsTotals};
use crate::store::query::sites::{SiteSummary, StockRow};

/// All sites.
#[derive(Template)]
#[template(path = "sites.html")]
pub struct SitesPage {
    /// Around the page.
    pub frame: Frame,
    /// The sites, those that need attention first.
    pub sites: Vec<SiteView>,
}

/// One site.
#[derive(Template)]
#[template(path = "site.html")]
pub struct SitePage {
    /// Around the page.
    pub frame: Frame,
    /// The site.
    pub site: SiteView,
    /// Its open work, the most urgent first.
    pub cases: Vec<CaseView>,
    /// Whether there is more than is shown.
    pub more_cases: bool,
    /// Its stock.
    pub stock: Vec<StockRow>,
    /// Where the next SKUs begin; nothing when there are none.
    pub more_stock: Option<String>,
}

/// A site and its line.
pub struct SiteView {
    /// Its id.
    pub site: String,
    /// Its name.
    pub name: String,
    /// Store or warehouse.
    pub kind: &'static str,
    /// Its zone.
    pub zone: String,
    /// Its time now.
    pub local: String,
    /// Where it is.
    pub place: String,
    /// What it offers.
    pub services: String,
    /// The line in a word.
    pub line: Badge,
    /// Since when the line is as it is.
    pub since: Option<When>,
    /// When it was last heard of.
    pub last_seen: Option<When>,
    /// Items for the site that it has not acknowledged.
    pub unacknowledged: u64,
    /// Items sent so far.
    pub position: u64,
    /// Cases that are not closed.
    pub open_cases: u64,
    /// What it can take in a day.
    pub capacity: i64,
    /// Until when it may act without asking, by service.
    pub authority: Vec<AuthorityView>,
    /// The position its authority reaches to.
    pub through: Option<u64>,
    /// Rights over all SKUs.
    pub rights: RightsTotals,
    /// Pauses as sentences.
    pub pauses: Vec<String>,
    /// Other things it said of its day.
    pub day: Vec<String>,
    /// Items of it in quarantine.
    pub quarantined: u64,
    /// Open exceptions.
    pub exceptions: u64,
}

/// How long a service may go on without the hub.
pub struct AuthorityView {
    /// The service.
    pub service: &'static str,
    /// Until when.
    pub until: When,
}

/// A case in a site's list.
pub struct CaseView {
    /// The order's id.
    pub order: String,
    /// The order's number.
    pub number: String,
    /// How the customer gets it.
    pub service: String,
    /// How far it is.
    pub milestone: String,
    /// Units.
    pub units: i64,
    /// When picking must be done.
    pub pick_by: When,
    /// When it was offered.
    pub offered: When,
}

impl SiteView {
    /// A site as its part of a page.
    pub fn new(summary: SiteSummary, rights: RightsTotals, watch: &Watch) -> Self {
        let there = watch.of_zone(&summary.site.zone);
        let (line, since, last_seen) = match &summary.line {
            None if !summary.enrolled => (Badge::new("quiet", "Not enrolled"), None, None),
            None => (Badge::new("warn", "Never heard of"), None, None),
            Some(line) => {
                let badge = if line.up { Badge::new("ok", "Up") } else { Badge::new("bad", "Silent") };
                (badge, Some(watch.at(line.since)), Some(watch.at(line.last_seen)))
            }
        };
        let authority = summary.authority.as_ref();
        Self {
            local: there.at(watch.now()).clock,
            place: format!("{} {}", summary.site.country, summary.site.postal_code).trim().to_owned(),
            services: summary.site.services.iter().map(|s| words::service(*s)).collect::<Vec<_>>().join(", "),
            kind: summary.site.kind.as_str(),
            line,
            since,
            last_seen,
            unacknowledged: summary.unacknowledged,
            position: summary.position,
            open_cases: summary.open_cases,
            capacity: i64::from(summary.site.capacity_per_day),
            authority: authority
                .map(|authority| {
                    let until = |(service, until): (&Service, &UtcMillis)| AuthorityView {
                        service: words::service(*service),
                        until: there.at(*until),
                    };
                    authority.until.iter().map(until).collect()
                })
                .unwrap_or_default(),
            through: authority.map(|authority| authority.through),
            rights,
            pauses: pauses(&summary, &there),
            day: day(&summary),
            quarantined: summary.quarantined,
            exceptions: summary.exceptions,
            site: summary.site.site.to_string(),
            name: summary.site.name,
            zone: summary.site.zone,
        }
    }

    /// Whether somebody should look at it.
    pub fn needs_attention(&self) -> bool {
        self.line.class == "bad" || !self.pauses.is_empty() || self.quarantined > 0 || self.exceptions > 0
    }
}

fn pauses(summary: &SiteSummary, there: &Watch) -> Vec<String> {
    let Some(day) = &summary.day else { return Vec::new() };
    let alive = day.paused.iter().filter(|(_, pause)| pause.until.is_none_or(|until| until > there.now()));
    alive
        .map(|(service, pause)| {
            let until = pause.until.map_or_else(
                || "until it is resumed".to_owned(),
                |until| format!("until {}", there.at(until).clock),
            );
            format!("{} is paused {until}: {}", words::service(*service), words::plain(pause.reason.as_str()))
        })
        .collect()
}

fn day(summary: &SiteSummary) -> Vec<String> {
    let Some(day) = &summary.day else { return Vec::new() };
    let mut said = Vec::new();
    match day.open {
        Some(true) => said.push("Opened today".to_owned()),
        Some(false) if day.closed_early => said.push("Closed early today".to_owned()),
        Some(false) => said.push("Closed for today".to_owned()),
        None => {}
    }
    said.extend(day.staffed.map(|people| format!("{people} people at work")));
    said.extend(day.no_shows.iter().map(|carrier| format!("{carrier} did not come")));
    said.extend(day.devices_down.iter().map(|(device, state)| format!("{device} is out of order: {state}")));
    said
}

/// The page of all sites.
pub fn page(mut sites: Vec<SiteView>, watch: &Watch) -> SitesPage {
    sites.sort_by_key(|site| (!site.needs_attention(), site.site.clone()));
    SitesPage { frame: Frame::new("/sites", "Sites", "site case exceptions", watch), sites }
}

/// The page of one site.
pub fn site_page(
    site: SiteView,
    mut cases: Vec<CaseRow>,
    cases_max: usize,
    mut stock: Vec<StockRow>,
    stock_max: usize,
    watch: &Watch,
) -> SitePage {
    let there = watch.of_zone(&site.zone);
    let more_cases = cases.len() > cases_max;
    cases.truncate(cases_max);
    let more_stock = (stock.len() > stock_max).then(|| stock[stock_max - 1].sku.clone());
    stock.truncate(stock_max);
    let case = |row: CaseRow| CaseView {
        order: row.order,
        number: row.number,
        service: words::title(&row.service),
        milestone: words::title(&row.milestone),
        units: row.units,
        pick_by: there.at(row.pick_by),
        offered: there.at(row.offered_at),
    };
    SitePage {
        frame: Frame::new("/sites", site.name.clone(), format!("site:{} case", site.site), watch),
        cases: cases.into_iter().map(case).collect(),
        more_cases,
        stock,
        more_stock,
        site,
    }
}
