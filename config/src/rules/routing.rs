//! Rules of routing: which sites may have an order, and which of them gets it.

use std::collections::BTreeMap;

use outpost_model::header::Service;
use outpost_model::id::SiteId;

use crate::kinds::{keyed, list, name, number, one_of, optional, otherwise, understood};
use crate::place::{Place, Rule, section};

section! {
    /// Which site gets an order.
    pub struct Routing {
        /// The filters that are applied; a candidate must pass all of them.
        filters: Vec<Filter> = without_repeats(list(one_of(FILTERS), "a list of filters")),
        /// How candidates that pass are ordered: by the first sort, ties by the second, and so on.
        sorts: Vec<Sort> = without_repeats(list(one_of(SORTS), "a list of sorts")),
        /// Differences that do not count, so that a later sort may decide.
        bands: SortBands = SortBands::read,
        /// Over how many sites one order may be split.
        split: Split = split(),
        /// How often an order may be routed anew after rejections and shorts before a person must look.
        reroutes_max: u32 = number(0..=20),
    }
}

section! {
    /// Two candidates are equal in a sort when they fall into the same band of this width.
    pub struct SortBands {
        /// Kilometers.
        distance_km: u32 = number(1..=1000),
        /// Units of unused rights, summed over the lines.
        unused_rights_units: u32 = number(1..=10_000),
        /// Percent of a site's capacity.
        load_percent: u32 = number(1..=100),
    }
}

/// A condition on a candidate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Filter {
    /// The site offers the service.
    Service,
    /// The site serves the destination's country and postal zone.
    Zone,
    /// The site opens in time.
    Open,
    /// The site's manager has not paused the service.
    Paused,
    /// The site was heard lately enough.
    Silent,
    /// The site has room for one more.
    Capacity,
    /// The hub holds enough unused rights of the site.
    Stock,
}

const FILTERS: &[(&str, Filter)] = &[
    ("service", Filter::Service),
    ("zone", Filter::Zone),
    ("open", Filter::Open),
    ("paused", Filter::Paused),
    ("silent", Filter::Silent),
    ("capacity", Filter::Capacity),
    ("stock", Filter::Stock),
];

/// An order of preference among candidates.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sort {
    /// The higher `sites.ID.priority` first.
    Priority,
    /// The nearer one first.
    Distance,
    /// The one with more unused rights first.
    UnusedRights,
    /// The one with less open work for its capacity first.
    Load,
}

const SORTS: &[(&str, Sort)] = &[
    ("priority", Sort::Priority),
    ("distance", Sort::Distance),
    ("unused_rights", Sort::UnusedRights),
    ("load", Sort::Load),
];

/// Over how many sites one order may be split. A pickup is never split.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Split {
    /// One site or none.
    Never,
    /// At most this many sites, 2 or more.
    AtMost(u32),
}

impl Split {
    /// The number of sites an order may have.
    pub fn sites_max(self) -> u32 {
        match self {
            Self::Never => 1,
            Self::AtMost(sites) => sites,
        }
    }
}

section! {
    /// What one site may and should do.
    pub struct SiteRules {
        /// The name of its calendar.
        calendar: String = otherwise(name(), "standard"),
        /// Preferred over sites with a lower number.
        priority: i32 = otherwise(number(-1000..=1000), "0"),
        /// Orders it may have open at a time; without it there is no limit.
        open_orders_max: Option<u32> = optional(number(0..=100_000)),
        /// The services it offers.
        services: Vec<Service> = otherwise(
            without_repeats(list(one_of(SERVICES), "a list of services")), "pickup, ship, ship_to_store"),
        /// Where it sends to; empty means everywhere.
        serves: Vec<ServedZone> = otherwise(list(served_zone(), "a list of countries or postal zones"), "[]"),
    }
}

const SERVICES: &[(&str, Service)] =
    &[("pickup", Service::Pickup), ("ship", Service::Ship), ("ship_to_store", Service::ShipToStore)];

/// A country, or the part of one whose postal codes begin alike.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServedZone {
    /// ISO 3166 code, two capital letters.
    pub country: String,
    /// The beginning of the postal code, without spaces; empty for the whole country.
    pub postal_prefix: String,
}

impl ServedZone {
    /// Whether a destination lies within. Postal codes are compared without spaces and case.
    pub fn contains(&self, country: &str, postal_code: &str) -> bool {
        let plain: String = postal_code.chars().filter(|c| !c.is_whitespace()).collect();
        self.country.eq_ignore_ascii_case(country) && plain.to_uppercase().starts_with(&self.postal_prefix)
    }
}

impl std::fmt::Display for ServedZone {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.country)?;
        if self.postal_prefix.is_empty() { Ok(()) } else { write!(f, ":{}", self.postal_prefix) }
    }
}

impl SiteRules {
    /// Whether the site sends to a destination.
    pub fn serves_destination(&self, country: &str, postal_code: &str) -> bool {
        self.serves.is_empty() || self.serves.iter().any(|zone| zone.contains(country, postal_code))
    }
}

impl Default for SiteRules {
    fn default() -> Self {
        Self {
            calendar: super::STANDARD_CALENDAR.into(),
            priority: 0,
            open_orders_max: None,
            services: Service::ALL.to_vec(),
            serves: Vec::new(),
        }
    }
}

pub(super) fn sites() -> impl Fn(&Place<'_>) -> Option<BTreeMap<SiteId, SiteRules>> {
    let entries = keyed("1 to 32 letters, digits, - or _", |id| SiteId::new(id).is_ok(), SiteRules::read);
    move |place| {
        let sites = entries.read(place)?;
        Some(sites.into_iter().filter_map(|(id, rules)| Some((SiteId::new(id).ok()?, rules))).collect())
    }
}

fn split() -> impl Fn(&Place<'_>) -> Option<Split> {
    |place| {
        let parse = |text: &str| match text.split_once(' ') {
            None if text == "never" => Some(Split::Never),
            Some(("at_most", sites)) => {
                sites.trim().parse().ok().filter(|n| (2..=10).contains(n)).map(Split::AtMost)
            }
            _ => None,
        };
        let canonical = understood("\"never\", or \"at_most 2\" up to \"at_most 10\"", |text| {
            parse(text).map(|split| match split {
                Split::Never => "never".to_string(),
                Split::AtMost(sites) => format!("at_most {sites}"),
            })
        });
        canonical.read(place).as_deref().and_then(parse)
    }
}

fn served_zone() -> impl Fn(&Place<'_>) -> Option<ServedZone> {
    understood("a country such as \"DE\", or a postal zone such as \"US:10\"", |text| {
        let (country, prefix) = text.split_once(':').unwrap_or((text, ""));
        let country_fits = country.len() == 2 && country.chars().all(|c| c.is_ascii_uppercase());
        let prefix_fits = prefix.chars().all(|c| c.is_ascii_alphanumeric()) && prefix.len() <= 10;
        let blank_prefix = text.contains(':') && prefix.is_empty();
        (country_fits && prefix_fits && !blank_prefix)
            .then(|| ServedZone { country: country.into(), postal_prefix: prefix.to_uppercase() })
    })
}

pub(super) fn without_repeats<T: PartialEq>(
    rule: impl Rule<Vec<T>>,
) -> impl Fn(&Place<'_>) -> Option<Vec<T>> {
    move |place| {
        let items = rule.read(place)?;
        let repeated = items.iter().enumerate().any(|(index, item)| items[..index].contains(item));
        if repeated { place.wrong_as("the same item twice".into(), "each item once") } else { Some(items) }
    }
}
