//! Rules of routing: which sites may have an order, and which of them gets it.

use std::collections::{BTreeMap, BTreeSet};

use outpost_model::id::SiteId;
use outpost_model::routing::{RoutingRules, Sort, Split};

use crate::kinds::{keyed, list, name, number, one_of, otherwise, understood};
use crate::place::{Place, Rule, section};

section! {
    /// Which site gets an order.
    pub struct Routing {
        /// The filters a merchant may leave out. Whether a site offers the service, and whether the hub holds
        /// enough of its rights, is always asked.
        filters: Vec<Filter> = without_repeats(list(one_of(FILTERS), "a list of filters")),
        /// How candidates are ordered: by the first criterion, ties by the second, and so on.
        sort: Vec<Sort> = without_repeats(list(one_of(SORTS), "a list of criteria")),
        /// Over how many sites one order may be split.
        split: Split = split(),
        /// How often an order may be routed anew after rejections and shorts before a person must look.
        reroutes_max: u32 = number(0..=20),
    }
}

impl Routing {
    /// What `routing::route` is given.
    pub fn rules(&self) -> RoutingRules {
        RoutingRules { sort: self.sort.clone(), split: self.split }
    }

    /// Whether a filter is applied.
    pub fn applies(&self, filter: Filter) -> bool {
        self.filters.contains(&filter)
    }
}

/// A condition on a candidate that a merchant may leave out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Filter {
    /// The site serves the destination's country and postal zone.
    Zone,
    /// The site has not closed for the day.
    Open,
    /// The site's manager has not paused the service.
    Paused,
    /// The site was heard lately enough.
    Silent,
    /// The site has room for one more today.
    Capacity,
}

const FILTERS: &[(&str, Filter)] = &[
    ("zone", Filter::Zone),
    ("open", Filter::Open),
    ("paused", Filter::Paused),
    ("silent", Filter::Silent),
    ("capacity", Filter::Capacity),
];

const SORTS: &[(&str, Sort)] = &[
    ("distance", Sort::Distance),
    ("rights", Sort::Rights),
    ("load", Sort::Load),
    ("priority", Sort::Priority),
];

section! {
    /// What rules say about one site; its services, capacity and priority are data of the site.
    pub struct SiteRules {
        /// The name of its calendar.
        calendar: String = otherwise(name(), "standard"),
        /// Countries it sends to, two capital letters each; empty means all.
        countries: BTreeSet<String> = set(country(), "a list of countries such as [\"DE\", \"AT\"]"),
        /// Beginnings of the postal codes it sends to, without spaces, in capitals; empty means all.
        postal_prefixes: BTreeSet<String> = set(postal_prefix(), "a list of postal prefixes such as [\"10\"]"),
    }
}

impl Default for SiteRules {
    fn default() -> Self {
        let calendar = super::STANDARD_CALENDAR.into();
        Self { calendar, countries: BTreeSet::new(), postal_prefixes: BTreeSet::new() }
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
    let parse = |text: &str| match text.split_once(' ') {
        None if text == "never" => Some(Split::Never),
        Some(("at_most", sites)) => {
            sites.trim().parse().ok().filter(|n| (2..=10).contains(n)).map(Split::AtMost)
        }
        _ => None,
    };
    move |place| {
        let canonical = understood("\"never\", or \"at_most 2\" up to \"at_most 10\"", |text| {
            parse(text).map(|split| match split {
                Split::Never => "never".to_string(),
                Split::AtMost(sites) => format!("at_most {sites}"),
            })
        });
        canonical.read(place).as_deref().and_then(parse)
    }
}

fn country() -> impl Fn(&Place<'_>) -> Option<String> {
    understood("two capital letters such as DE", |text| {
        (text.len() == 2 && text.chars().all(|c| c.is_ascii_uppercase())).then(|| text.to_string())
    })
}

fn postal_prefix() -> impl Fn(&Place<'_>) -> Option<String> {
    understood("1 to 10 letters and digits such as 10 or SW1", |text| {
        let fits = (1..=10).contains(&text.len()) && text.chars().all(|c| c.is_ascii_alphanumeric());
        fits.then(|| text.to_uppercase())
    })
}

/// A list in which order and repetition do not matter; empty where nothing is written.
fn set(rule: impl Rule<String>, allowed: &'static str) -> impl Fn(&Place<'_>) -> Option<BTreeSet<String>> {
    let items = otherwise(list(rule, allowed), "[]");
    move |place| items.read(place).map(BTreeSet::from_iter)
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
