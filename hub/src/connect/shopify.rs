//! Shopify's order, as its webhooks and its REST API send it.
//!
//! The way through: [`read`] unwraps the body and finds the order, [`status`] says what happened and what is paid,
//! [`line`] and [`quantity`] say what is still ours to deliver, [`delivery`] says how and where to, [`address`] who
//! gets it. What each quirk of the channel leads to is listed in `docs/channels.md`.

mod address;
mod country;
mod delivery;
mod instant;
mod line;
mod money;
mod quantity;
mod status;
pub mod webhook;

use std::collections::{BTreeMap, BTreeSet};

use outpost_model::header::{PartialRule, Service};
use outpost_model::id::{ChannelId, OrderId, SiteId, Sku};
use outpost_model::money::Currency;
use outpost_model::order::Order;
use outpost_model::time::UtcMillis;

use super::json::{Json, Node};
use super::text::{Notes, clean, found};
use super::{Captured, Happened, NothingToDo, Unreadable, Work};

pub use money::MINOR_MAX;

/// What a shop's payloads cannot say and its owner has to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Shop {
    /// The sites where customers collect, by what the shop calls them: a location's id, name or shipping code, or
    /// the site's own id. Compared without regard to case.
    pub pickup_places: BTreeMap<String, SiteId>,
    /// Our names of shipping methods, by the shop's code or title. Compared without regard to case.
    pub methods: BTreeMap<String, String>,
    /// SKUs of variants that the shop lists without one, by variant id.
    pub variants: BTreeMap<String, Sku>,
    /// Fulfillment services that deliver by themselves: their lines are not ours.
    pub services_elsewhere: BTreeSet<String>,
    /// Fulfillment services that stand for us. `manual` always does.
    pub services_ours: BTreeSet<String>,
    /// The service of an order that names none.
    pub default_service: Service,
    /// The currency of an order that names none.
    pub currency: Option<Currency>,
    /// Whether test orders go on without a person.
    pub take_test_orders: bool,
}

impl Default for Shop {
    fn default() -> Self {
        Self {
            pickup_places: BTreeMap::new(),
            methods: BTreeMap::new(),
            variants: BTreeMap::new(),
            services_elsewhere: BTreeSet::new(),
            services_ours: BTreeSet::new(),
            default_service: Service::Ship,
            currency: None,
            take_test_orders: false,
        }
    }
}

/// What a reader is handed besides the bytes.
#[derive(Debug, Clone)]
pub struct Arrival<'a> {
    /// The id our order gets if it turns out to be new.
    pub id: OrderId,
    /// The channel, such as `shopify:shop-1.example`.
    pub channel: ChannelId,
    /// What the webhook's topic says has happened.
    pub happened: Happened,
    /// When it arrived; stands in where the payload has no usable time.
    pub at: UtcMillis,
    /// The shop's settings.
    pub shop: &'a Shop,
}

/// Reads an order.
pub fn read(body: &[u8], arrival: &Arrival<'_>) -> Result<Captured, Unreadable> {
    let json = Json::read(body)?;
    let payload = Node::root(&json);
    let root = order_of(&payload)?;
    let mut notes = Notes::default();

    let channel_ref = root.first(&["id", "admin_graphql_api_id"]).id().ok_or_else(|| {
        let at = root.get("id");
        let sentence = format!(
            "The order has no id: found {}, allowed are digits or a gid://shopify id.",
            at.describe()
        );
        Unreadable::new("id_missing", at.path(), sentence)
    })?;
    let currency = money::shop_currency(&root, arrival.shop.currency, &mut notes)?;
    let placed_at = instant::placed_at(&root, arrival.at, &mut notes);
    let cancelled_at = instant::cancelled_at(&root, arrival.at, &mut notes);
    let payment = status::payment(&root, &mut notes);
    let read_lines = line::lines(&root, currency, arrival.shop, &mut notes)?;
    let way = delivery::way(&root, arrival.shop, &mut notes)?;
    let people = address::people(&root, way.service(), &mut notes);
    let delivery = delivery::place(way, people.destination.as_ref(), &read_lines, &mut notes);
    let total = money::total(&root, currency, &mut notes)?;

    let work = if cancelled_at.is_some() || arrival.happened == Happened::Cancelled {
        Work::Nothing(NothingToDo::Cancelled)
    } else if status::sold_in_store(&root) {
        notes.remark("Sold over the counter of a store: the customer has taken the goods along");
        Work::Nothing(NothingToDo::SoldInStore)
    } else if read_lines.iter().any(|line| line.physical) {
        Work::Deliver
    } else if read_lines.is_empty() {
        Work::Nothing(NothingToDo::NothingLeft)
    } else {
        Work::Nothing(NothingToDo::NotPhysical)
    };
    status::oddities(&root, arrival.shop, work, &mut notes);
    let findings = match work {
        Work::Deliver => std::mem::take(&mut notes.findings),
        // Nobody has to settle anything for an order that is over.
        Work::Nothing(_) => Vec::new(),
    };

    let order = Order {
        id: arrival.id,
        channel: arrival.channel.clone(),
        number: number(&root, &channel_ref),
        channel_ref: channel_ref.into_owned(),
        placed_at,
        currency,
        total,
        lines: read_lines,
        delivery,
        partial: PartialRule::ShipAvailable,
        payment,
        language: status::language(&root),
        cancelled_at: cancelled_at.or((arrival.happened == Happened::Cancelled).then_some(arrival.at)),
        remarks: notes.take_remarks(),
    };
    let cancel_reason = order.cancelled_at.map(|_| status::cancel_reason(&root));
    Ok(Captured {
        happened: arrival.happened,
        contact: people.contact,
        billing: people.billing,
        work,
        findings,
        cancel_reason,
        order,
    })
}

/// The order inside a payload: bare, under `order`, or alone in a list under `orders`.
fn order_of<'a>(payload: &Node<'a>) -> Result<Node<'a>, Unreadable> {
    if !matches!(payload.json(), Json::Object(_)) {
        let sentence = format!("The payload is {}, where an order object should be.", payload.describe());
        return Err(Unreadable::new("not_an_order", "$", sentence));
    }
    for (key, code, what) in [
        ("draft_order", "draft_order", "a draft order, which is captured when it is completed"),
        ("fulfillment_order", "not_an_order", "a fulfillment order"),
        ("order_edit", "not_an_order", "an order edit; the edited order comes with orders/updated"),
        ("errors", "not_an_order", "an error message of the shop"),
    ] {
        if matches!(payload.get(key).json(), Json::Object(_)) && payload.get("line_items").is_empty() {
            return Err(Unreadable::new(code, format!("$.{key}"), format!("The payload is {what}.")));
        }
    }
    let order = match payload.get("order") {
        wrapped if matches!(wrapped.json(), Json::Object(_)) => wrapped,
        _ => match payload.get("orders").items().as_slice() {
            [] => payload.clone(),
            [only] => only.clone(),
            several => {
                let sentence = format!("The payload has {} orders; allowed is one.", several.len());
                return Err(Unreadable::new("several_orders", "$.orders", sentence));
            }
        },
    };
    match order.get("line_items").json() {
        Json::List(_) => Ok(order),
        _ => {
            let lines = order.get("line_items");
            let sentence = format!(
                "There is no order in the payload: line_items is {}, where a list should be.",
                lines.describe()
            );
            Err(Unreadable::new("not_an_order", lines.path(), sentence))
        }
    }
}

/// The number that customers and staff know.
fn number(root: &Node<'_>, channel_ref: &str) -> String {
    let name = root.get("name").text().map(|name| clean(name, 40)).filter(|name| !name.is_empty());
    let counted =
        || root.first(&["order_number", "number"]).text().map(|number| format!("#{}", clean(number, 30)));
    name.or_else(counted).unwrap_or_else(|| format!("#{channel_ref}"))
}

/// A name of the shop's as the keys of [`Shop`] are compared.
fn key(text: &str) -> String {
    clean(text, 120).to_lowercase()
}

fn lookup<'m, V>(map: &'m BTreeMap<String, V>, name: &str) -> Option<&'m V> {
    let wanted = key(name);
    map.get(&wanted).or_else(|| map.iter().find(|(entry, _)| key(entry) == wanted).map(|(_, value)| value))
}

fn quoted(node: &Node<'_>) -> String {
    node.text().map_or_else(|| node.describe(), found)
}

/// A country's code, when it is one.
pub fn country_code(text: &str) -> Option<String> {
    country::code(Some(text), None)
}
