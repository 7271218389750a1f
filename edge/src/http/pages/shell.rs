//! What every page has around its content: site, person, line, age, pause, tabs.

use std::sync::Arc;

use jiff::tz::TimeZone;
use outpost_config::rules::{Reason, ReasonUse};
use outpost_model::header::Service;
use outpost_model::time::UtcMillis;
use rusqlite::Connection;

use super::files;
use super::person::Person;
use super::words::Words;
use crate::device::printer::{PrinterState, PrinterStatus};
use crate::moment::Moment;
use crate::replicate::LineState;
use crate::site::Site;
use crate::state::AppState;
use crate::store::{StoreResult, exception, print_job, site_day};

/// Issues that are counted at most; more are shown as this many.
const ISSUES_MAX: u32 = 99;

/// The tabs at the lower edge.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tab {
    /// What is to be done.
    Queue,
    /// The pickup counter.
    Counter,
    /// Stock.
    Stock,
    /// Printers.
    Devices,
    /// Issues.
    Exceptions,
    /// A page off the tabs.
    None,
}

/// What is known before the database is read.
#[derive(Clone)]
pub struct Frame {
    /// The site.
    pub site: Arc<Site>,
    /// All clocks, read once.
    pub now: Moment,
    /// Who looks, if somebody has said so.
    pub person: Option<Person>,
    /// How the line is.
    pub line: LineState,
    /// How the printers are.
    pub printers: Vec<PrinterStatus>,
    /// The words.
    pub t: &'static Words,
}

impl Frame {
    /// The frame of a request.
    pub fn new(state: &AppState, person: Option<Person>) -> Self {
        let chosen = person.as_ref().and_then(|person| person.language.clone());
        let language = chosen.unwrap_or_else(|| state.site.language.clone());
        Self {
            site: state.site.clone(),
            now: state.now(),
            person,
            line: state.line.get(),
            printers: state.desk.board().all(),
            t: Words::of(&language),
        }
    }

    /// Now, on the wall.
    pub fn wall(&self) -> UtcMillis {
        self.now.wall
    }

    /// An instant as people in the site say it: the time, with its date when that is not today.
    pub fn time(&self, at: UtcMillis) -> String {
        let zone: &TimeZone = &self.site.zone;
        let local = at.timestamp().to_zoned(zone.clone());
        let today = self.wall().timestamp().to_zoned(zone.clone()).date();
        let form = if local.date() == today { "%H:%M" } else { "%Y-%m-%d %H:%M" };
        local.strftime(form).to_string()
    }

    /// How long it is until an instant or since it, in words.
    pub fn distance(&self, at: UtcMillis) -> String {
        let minutes = at.since(self.wall()) / 60_000;
        let (hours, rest) = (minutes.abs() / 60, minutes.abs() % 60);
        match (at.since(self.wall()) < 0, hours) {
            (false, 0) => self.t.f("time.in_minutes", rest),
            (false, _) => self.t.f2("time.in_hours", hours, rest),
            (true, 0) => self.t.f("time.late_minutes", rest),
            (true, _) => self.t.f2("time.late_hours", hours, rest),
        }
    }

    /// The name of a service.
    pub fn service(&self, service: Service) -> &'static str {
        self.t.s(match service {
            Service::Pickup => "service.pickup",
            Service::Ship => "service.ship",
            Service::ShipToStore => "service.ship_to_store",
        })
    }

    /// Reasons that may be given for something, in the page's language.
    pub fn reasons(&self, wanted: ReasonUse) -> Vec<Choice> {
        let book = self.site.rules.current();
        let offered = |reason: &Reason| reason.offered && reason.used_for.contains(&wanted);
        let found = book.rules.reasons.iter().filter(|(_, reason)| offered(reason));
        found
            .map(|(code, reason)| Choice {
                code: code.to_string(),
                label: reason.label(self.t.language()).to_owned(),
            })
            .collect()
    }

    /// What a reason is called; its code when nobody has named it.
    pub fn reason(&self, code: &str) -> String {
        let book = self.site.rules.current();
        let found = book.rules.reasons.iter().find(|(known, _)| known.as_str() == code);
        found.map_or_else(|| code.to_owned(), |(_, reason)| reason.label(self.t.language()).to_owned())
    }
}

/// Something to choose.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Choice {
    /// Its code.
    pub code: String,
    /// What it is called.
    pub label: String,
}

/// The site takes no new work.
#[derive(Debug, Clone)]
pub struct PauseView {
    /// For which services.
    pub services: String,
    /// Why.
    pub reason: String,
    /// Until when.
    pub until: String,
}

/// One tab.
pub struct TabView {
    /// Where it leads.
    pub href: &'static str,
    /// Its name.
    pub label: &'static str,
    /// Its picture.
    pub icon: &'static str,
    /// Whether it is open.
    pub current: bool,
    /// Things behind it that need somebody.
    pub count: usize,
}

/// What every page has around its content.
pub struct Shell {
    /// The words.
    pub t: &'static Words,
    /// The site's name.
    pub site: String,
    /// Who works.
    pub staff: String,
    /// Where.
    pub device: String,
    /// Where scripts and styles are.
    pub assets: &'static str,
    /// When the page was made, by the site's clock.
    pub as_of: String,
    /// Whether the line is up.
    pub line_up: bool,
    /// Events the hub does not have yet.
    pub waiting: u64,
    /// The pause in force.
    pub pause: Option<PauseView>,
    line_since: Option<String>,
    tab: Tab,
    issues: usize,
    printers: usize,
}

impl Shell {
    /// Reads what it shows.
    pub fn read(conn: &Connection, frame: &Frame, tab: Tab) -> StoreResult<Self> {
        let waiting = outpost_journal::depth(conn, &frame.line.stored)?.unacknowledged;
        let asking = print_job::live(conn)?.iter().filter(|job| job.state.asks_a_person()).count();
        let troubled = |status: &&PrinterStatus| {
            matches!(status.state, PrinterState::NeedsAttention(_) | PrinterState::Offline)
        };
        let person = frame.person.as_ref();
        let local = frame.wall().timestamp().to_zoned(frame.site.zone.clone());
        Ok(Self {
            t: frame.t,
            site: frame.site.name.clone(),
            staff: person.map_or_else(String::new, |person| person.staff.to_string()),
            device: person.map_or_else(String::new, |person| person.device.to_string()),
            assets: files::base(),
            as_of: local.strftime("%H:%M:%S").to_string(),
            line_up: frame.line.up,
            waiting,
            pause: pause(conn, frame)?,
            line_since: frame.line.since.map(|since| frame.time(since)),
            tab,
            issues: exception::open(conn, ISSUES_MAX)?.len(),
            printers: asking + frame.printers.iter().filter(troubled).count(),
        })
    }

    /// How the line is, in words.
    pub fn line_text(&self) -> String {
        match (self.line_up, &self.line_since) {
            (true, Some(since)) => self.t.f("shell.line_up_since", since),
            (true, None) => self.t.s("shell.line_up").to_owned(),
            (false, Some(since)) => self.t.f("shell.line_down_since", since),
            (false, None) => self.t.s("shell.line_down").to_owned(),
        }
    }

    /// The tabs.
    pub fn tabs(&self) -> Vec<TabView> {
        let tab = |tab, href, key, icon, count| TabView {
            href,
            label: self.t.s(key),
            icon,
            current: self.tab == tab,
            count,
        };
        vec![
            tab(Tab::Queue, "/queue", "tab.queue", "queue", 0),
            tab(Tab::Counter, "/counter", "tab.counter", "counter", 0),
            tab(Tab::Stock, "/stock", "tab.stock", "stock", 0),
            tab(Tab::Devices, "/devices", "tab.devices", "devices", self.printers),
            tab(Tab::Exceptions, "/exceptions", "tab.exceptions", "exceptions", self.issues),
        ]
    }

    /// Words for the page's scripts.
    pub fn words_json(&self) -> String {
        self.t.for_scripts()
    }

    /// Why somebody wants another copy of a label.
    pub fn reprint_reasons(&self) -> Vec<Choice> {
        let keys = [
            ("damaged", "reprint.damaged"),
            ("lost", "reprint.lost"),
            ("not_printed", "reprint.not_printed"),
            ("other", "reprint.other"),
        ];
        keys.map(|(code, key)| Choice { code: code.to_owned(), label: self.t.s(key).to_owned() }).to_vec()
    }
}

fn pause(conn: &Connection, frame: &Frame) -> StoreResult<Option<PauseView>> {
    let date = frame.site.date(frame.wall());
    let today = match site_day::load(conn, date)? {
        Some(today) => Some(today),
        None => site_day::before(conn, date)?.map(|day| day.next_day()),
    };
    let Some(today) = today else { return Ok(None) };
    let paused: Vec<_> = Service::ALL
        .into_iter()
        .filter_map(|service| Some((service, today.pause(service, frame.wall())?)))
        .collect();
    let Some((_, first)) = paused.first() else { return Ok(None) };
    let names: Vec<&str> = paused.iter().map(|(service, _)| frame.service(*service)).collect();
    Ok(Some(PauseView {
        services: names.join(", "),
        reason: frame.reason(first.reason.as_str()),
        until: match first.until {
            Some(until) => frame.t.f("pause.until_time", frame.time(until)),
            None => frame.t.s("pause.until_resumed").to_owned(),
        },
    }))
}
