//! Pieces that several pages show.

use std::collections::BTreeMap;

use outpost_model::authority::NoAuthority;
use outpost_model::command::Held;
use outpost_model::fulfillment::{Fulfillment, Milestone};
use outpost_model::header::Service;
use outpost_model::id::{ContainerId, LocationId, Sku};
use outpost_model::milestone::Need;
use outpost_model::stock::{Place, StockStatus};
use rusqlite::Connection;

use super::shell::Frame;
use crate::store::case::{CaseRow, milestone_name};
use crate::store::product::{self, Product};
use crate::store::{StoreResult, stock};
use crate::write::held;

/// What is known of the products of a case.
pub struct Products(BTreeMap<Sku, Option<Product>>);

impl Products {
    /// Reads the products of all lines and containers.
    pub fn of(conn: &Connection, case: &Fulfillment) -> StoreResult<Self> {
        let lines = case.header.lines.iter().map(|line| &line.sku);
        let held = case.containers.values().flat_map(|container| &container.contents).map(|item| &item.sku);
        let mut products = BTreeMap::new();
        for sku in lines.chain(held) {
            if !products.contains_key(sku) {
                products.insert(sku.clone(), product::load(conn, sku)?);
            }
        }
        Ok(Self(products))
    }

    /// The product, if the site knows it.
    pub fn get(&self, sku: &Sku) -> Option<&Product> {
        self.0.get(sku).and_then(Option::as_ref)
    }

    /// What it is called; its SKU when nobody has said.
    pub fn title(&self, sku: &Sku) -> String {
        self.get(sku).map_or_else(|| sku.to_string(), |product| product.title.clone())
    }
}

/// Where units of a SKU can be taken from: the fullest shelf.
pub fn shelf(conn: &Connection, sku: &Sku) -> StoreResult<Option<LocationId>> {
    let found = stock::of_sku(conn, sku)?.into_iter().find_map(|balance| match balance.key {
        key if key.status == StockStatus::Sellable && balance.units > 0 => match key.place {
            Place::Location(location) => Some(location),
            Place::Container(_) => None,
        },
        _ => None,
    });
    Ok(found)
}

/// A container's name as people say it: those named after their case carry 32 digits that nobody reads.
pub fn short_name(container: &ContainerId) -> String {
    let text = container.as_str();
    match text.split_once('-') {
        Some((case, part)) if case.len() == 32 => format!("…{}-{part}", &case[28..]),
        _ => text.to_owned(),
    }
}

/// Why an irrevocable act may not be done now; empty when it may.
pub fn why_not(conn: &Connection, frame: &Frame, row: &CaseRow) -> StoreResult<String> {
    let service = row.state.header.service;
    Ok(match held(conn, &frame.site, &frame.now, (row.state.header.case, row.place), service)? {
        Held::Yes => String::new(),
        Held::No(why) => frame
            .t
            .s(match why {
                NoAuthority::None => "permission.none_received",
                NoAuthority::Beyond => "permission.beyond",
                NoAuthority::Expired => "permission.expired",
                NoAuthority::TimeUnknown => "permission.time_unknown",
                NoAuthority::PastLost => "permission.past_lost",
            })
            .to_owned(),
    })
}

/// What a case needs first, as a name in catalogs, and where it is done.
pub fn first_need(case: &Fulfillment, needs: &[Need]) -> (Option<&'static str>, String) {
    let id = case.header.case;
    let pickup = case.header.service == Service::Pickup;
    match needs.first() {
        Some(Need::Answer) => (Some("need.answer"), format!("/case/{id}")),
        Some(Need::PutBack) => (Some("need.put_back"), format!("/put-back/{id}")),
        Some(Need::Pick) => (Some("need.pick"), format!("/pick/{id}")),
        Some(Need::HandOver) if pickup => (Some("need.hand_over"), format!("/counter/{id}")),
        Some(need) => (Some(need_key(*need)), format!("/pack/{id}")),
        None => (None, format!("/case/{id}")),
    }
}

/// A need as catalogs name it.
pub fn need_key(need: Need) -> &'static str {
    match need {
        Need::Answer => "need.answer",
        Need::Pick => "need.pick",
        Need::Pack => "need.pack",
        Need::Label => "need.label",
        Need::Stage => "need.stage",
        Need::Ready => "need.ready",
        Need::HandOver => "need.hand_over",
        Need::PutBack => "need.put_back",
    }
}

/// A milestone in words.
pub fn milestone(frame: &Frame, milestone: Milestone) -> String {
    frame.t.s(&format!("milestone.{}", milestone_name(milestone))).to_owned()
}

/// An intent that waits for a person.
pub struct IntentView {
    /// Its id.
    pub id: String,
    /// What the hub asks.
    pub title: String,
    /// What to do about it.
    pub text: String,
}

/// Intents that wait for a person.
pub fn intents(frame: &Frame, case: &Fulfillment) -> Vec<IntentView> {
    let pending: Vec<_> = case.pending().collect();
    pending
        .into_iter()
        .filter_map(|id| Some((id, case.intents.get(&id)?)))
        .map(|(id, intent)| IntentView {
            id: id.to_string(),
            title: frame.t.s(&format!("intent.{}", intent.kind)).to_owned(),
            text: frame.t.s("intent.text").to_owned(),
        })
        .collect()
}
