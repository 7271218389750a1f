//! How the customer gets the order: sent, collected, or sent to where it is collected.

use outpost_model::header::Service;
use outpost_model::id::SiteId;
use outpost_model::order::{Contact, Delivery, OrderLine};

use super::super::Unreadable;
use super::super::json::{Json, Node};
use super::super::text::{Notes, clean, found};
use super::{Shop, key, lookup, status};

/// The way, before the address is known.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Way {
    /// By a carrier.
    Ship {
        /// Our name of the method.
        method: String,
    },
    /// Collected at a site.
    Pickup(SiteId),
    /// Sent to a site and collected there.
    ShipToStore(SiteId),
}

impl Way {
    /// The service it stands for.
    pub fn service(&self) -> Service {
        match self {
            Self::Ship { .. } => Service::Ship,
            Self::Pickup(_) => Service::Pickup,
            Self::ShipToStore(_) => Service::ShipToStore,
        }
    }
}

/// Words of themes and apps for "the customer collects it", compared by their letters alone.
const PICKUP_WORDS: [&str; 12] = [
    "pickup",
    "localpickup",
    "storepickup",
    "instorepickup",
    "pickupinstore",
    "pickupatstore",
    "clickandcollect",
    "clickcollect",
    "bopis",
    "collectinstore",
    "abholung",
    "retraitenmagasin",
];

/// Finds out how the customer gets the order. Collection where the site is not known is refused rather than guessed:
/// sending such an order by a carrier would be worse than asking.
pub fn way(root: &Node<'_>, shop: &Shop, notes: &mut Notes) -> Result<Way, Unreadable> {
    let mut wanted: Option<Node<'_>> = None;
    for (name, value) in attributes(root) {
        let letters = letters(&name);
        match letters.as_str() {
            "pickupsite" => return site(&value, shop, true).map(Way::Pickup),
            "shiptostoresite" => return site(&value, shop, true).map(Way::ShipToStore),
            "pickuplocationid" | "pickuplocation" | "pickupstore" | "pickuplocationcompany" => {
                return site(&value, shop, false).map(Way::Pickup);
            }
            "checkoutmethod" | "deliverymethod" if is_pickup_word(&value) => wanted = Some(value),
            _ => {}
        }
    }

    let kept = |line: &Node<'_>| {
        matches!(line.json(), Json::Object(_)) && line.get("is_removed").flag() != Some(true)
    };
    let shipping: Vec<Node<'_>> = root.get("shipping_lines").items().into_iter().filter(kept).collect();
    for line in &shipping {
        for name in ["code", "source", "title"].map(|key| line.get(key)) {
            let Some(text) = name.text() else { continue };
            if let Some(rest) = after_any(text, &["pickup:"]) {
                return named(rest, shop, true).map(Way::Pickup).ok_or_else(|| unknown_site(&name));
            }
            if let Some(site) =
                after_any(text, &["pickup-", "pickup_"]).and_then(|rest| named(rest, shop, false))
            {
                return Ok(Way::Pickup(site));
            }
            if let Some(rest) = after_any(text, &["ship-to-store:", "ship_to_store:"]) {
                return named(rest, shop, true).map(Way::ShipToStore).ok_or_else(|| unknown_site(&name));
            }
            if let Some(site) = lookup(&shop.pickup_places, text) {
                return Ok(Way::Pickup(site.clone()));
            }
        }
        let says = ["delivery_category", "code", "source", "title"].map(|key| line.get(key));
        wanted = wanted.or_else(|| says.into_iter().find(is_pickup_word));
    }

    let nowhere = shipping.is_empty() && root.get("shipping_address").is_empty();
    let at_place = || {
        let origin = root.first(&["location_id", "pickup_location_id"]);
        origin.text().and_then(|id| lookup(&shop.pickup_places, id)).cloned()
    };
    match wanted {
        Some(said) => at_place().map(Way::Pickup).ok_or_else(|| unknown_site(&said)),
        None if nowhere && !status::is_pos(root) => match at_place() {
            Some(site) => {
                notes.remark("The order names a location and no address: it is taken as a collection there");
                Ok(Way::Pickup(site))
            }
            None if shop.default_service == Service::Pickup => Err(unknown_site(&root.get("location_id"))),
            None => Ok(Way::Ship { method: method(&shipping, shop) }),
        },
        None => Ok(Way::Ship { method: method(&shipping, shop) }),
    }
}

/// Joins the way with the address.
pub fn place(way: Way, destination: Option<&Contact>, lines: &[OrderLine], notes: &mut Notes) -> Delivery {
    let method = match way {
        Way::Pickup(site) => return Delivery::Pickup { site },
        Way::ShipToStore(site) => return Delivery::ShipToStore { site },
        Way::Ship { method } => method,
    };
    let (country, postal_code) = match destination {
        Some(contact) => (contact.country.clone(), contact.postal_code.clone()),
        None => (String::new(), String::new()),
    };
    if lines.iter().any(|line| line.physical) {
        match destination {
            None => notes.find(
                "no_address",
                "$.shipping_address",
                "There is no address to send the order to, and nothing says that it is collected",
            ),
            Some(_) if country.is_empty() => notes.find(
                "country_unknown",
                "$.shipping_address.country_code",
                "The country of the address is missing or not known by that name",
            ),
            Some(contact) if contact.address.is_empty() || contact.city.is_empty() => {
                notes.find("address_incomplete", "$.shipping_address", "The address lacks a street or a town")
            }
            Some(_) => {}
        }
    }
    Delivery::Ship { country, postal_code, method }
}

/// Our name of the shipping method: as set for the shop, or the shop's own in plain letters.
fn method(shipping: &[Node<'_>], shop: &Shop) -> String {
    let names = shipping.iter().flat_map(|line| ["code", "title"].map(|key| line.get(key)));
    let names: Vec<&str> = names.filter_map(|node| node.text()).collect();
    if let Some(method) = names.iter().find_map(|name| lookup(&shop.methods, name)) {
        return method.clone();
    }
    let plain = |name: &&str| {
        let lower = clean(name, 60).to_lowercase();
        let words = lower.split(|c: char| !c.is_ascii_alphanumeric()).filter(|word| !word.is_empty());
        words.collect::<Vec<_>>().join("_")
    };
    names.iter().map(plain).find(|name| !name.is_empty()).unwrap_or_else(|| "standard".to_owned())
}

/// What checkout extensions and apps attach to the order: a list of names and values, or an object.
fn attributes<'a>(root: &Node<'a>) -> Vec<(String, Node<'a>)> {
    let node = root.get("note_attributes");
    let listed = node.items().into_iter().filter_map(|entry| {
        let name = entry.first(&["name", "key"]).text()?.to_owned();
        Some((name, entry.get("value")))
    });
    let listed: Vec<_> = listed.collect();
    let pairs = match node.json() {
        Json::Object(_) if listed.is_empty() => {
            node.entries().into_iter().map(|(name, value)| (name.to_owned(), value)).collect()
        }
        _ => listed,
    };
    pairs.into_iter().filter(|(_, value): &(String, Node<'_>)| !value.is_empty()).collect()
}

fn site(value: &Node<'_>, shop: &Shop, own_id: bool) -> Result<SiteId, Unreadable> {
    value.text().and_then(|text| named(text, shop, own_id)).ok_or_else(|| unknown_site(value))
}

/// A site by a name of the shop's or, where we were asked in our own words, by our id.
fn named(text: &str, shop: &Shop, own_id: bool) -> Option<SiteId> {
    let known = lookup(&shop.pickup_places, text).cloned();
    known.or_else(|| own_id.then(|| SiteId::new(text.trim()).ok()).flatten())
}

fn unknown_site(said: &Node<'_>) -> Unreadable {
    let text = said.text().map_or_else(|| said.describe(), found);
    let sentence = format!(
        "The customer collects the order, but {text} names no site that the shop's settings know as a pickup place."
    );
    Unreadable::new("pickup_site_unknown", said.path(), sentence)
}

fn after_any<'t>(text: &'t str, prefixes: &[&str]) -> Option<&'t str> {
    let cut = |prefix: &&str| {
        let head = text.get(..prefix.len())?;
        head.eq_ignore_ascii_case(prefix).then(|| &text[prefix.len()..])
    };
    prefixes.iter().find_map(cut).filter(|rest| !rest.trim().is_empty())
}

fn letters(text: &str) -> String {
    key(text).chars().filter(|c| c.is_alphanumeric()).collect()
}

fn is_pickup_word(node: &Node<'_>) -> bool {
    node.text().is_some_and(|text| PICKUP_WORDS.contains(&letters(text).as_str()))
}
