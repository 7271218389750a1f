//! Lines: what is to be picked, of what price, and which lines go together.

use std::collections::BTreeMap;

use outpost_model::id::{GroupId, LineNo, Sku};
use outpost_model::money::Currency;
use outpost_model::order::{ORDER_LINES_MAX, OrderLine};

use super::super::Unreadable;
use super::super::json::{Json, Node};
use super::super::text::{Notes, TEXT_CHARS_MAX, clean, found};
use super::quantity::{self, Progress};
use super::{Shop, lookup, money, quoted};

/// The lines with units that are still ours to deliver.
pub fn lines(
    root: &Node<'_>,
    currency: Currency,
    shop: &Shop,
    notes: &mut Notes,
) -> Result<Vec<OrderLine>, Unreadable> {
    let items = root.get("line_items").items();
    if items.len() > ORDER_LINES_MAX {
        let sentence = format!("The order has {} lines; allowed are {ORDER_LINES_MAX}.", items.len());
        return Err(Unreadable::new("too_many_lines", root.get("line_items").path(), sentence));
    }
    if items.is_empty() {
        let sentence = "The order has no lines; at least one is needed.";
        return Err(Unreadable::new("no_lines", root.get("line_items").path(), sentence));
    }
    let progress = Progress::of(root)?;
    let mut lines = Vec::with_capacity(items.len());
    let mut groups = Groups::default();
    for (no, item) in (1_u16..).map(LineNo).zip(&items) {
        if !matches!(item.json(), Json::Object(_)) {
            let sentence = format!("A line is {}, where an object should be.", item.describe());
            return Err(Unreadable::new("line_unreadable", item.path(), sentence));
        }
        let units = quantity::units(item, root, &progress, notes)?;
        let (unit_price, presentment_price) = money::prices(item, currency, notes)?;
        if units.left.is_zero() {
            let taken_back = units.ordered.saturating_sub(units.current);
            notes.remark(format!(
                "Line {no} has nothing left for us: of {} units {taken_back} were removed or paid back and {} delivered",
                units.ordered, units.current
            ));
            continue;
        }
        if is_elsewhere(item, no, shop, notes) {
            continue;
        }
        tell_properties(item, no, notes);
        groups.join(item, no);
        lines.push(OrderLine {
            line: no,
            channel_ref: item.get("id").id().map(|id| id.into_owned()),
            sku: sku(item, no, shop, notes),
            title: title(item, no),
            qty: units.left,
            unit_price,
            presentment_price,
            group: None,
            physical: is_physical(item),
        });
    }
    groups.settle(&mut lines);
    Ok(lines)
}

/// Whether another fulfillment service delivers the line. One that nobody has told us about needs a person: to
/// deliver twice costs as much as not to deliver.
fn is_elsewhere(item: &Node<'_>, no: LineNo, shop: &Shop, notes: &mut Notes) -> bool {
    let node = item.get("fulfillment_service");
    let Some(service) = node.text().filter(|service| *service != "manual") else { return false };
    let named = |services: &std::collections::BTreeSet<String>| {
        services.iter().any(|name| name.eq_ignore_ascii_case(service))
    };
    if named(&shop.services_elsewhere) {
        notes.remark(format!("Line {no} is delivered by the service {}", found(service)));
        return true;
    }
    if !named(&shop.services_ours) && is_physical(item) {
        let sentence =
            format!("Line {no} is assigned to the service {}: is it ours to deliver?", found(service));
        notes.find("other_service", node.path(), sentence);
    }
    false
}

/// Whether there is something to pick. A tip, a fee and a gift card sent by mail have no parcel; a gift card of
/// plastic says that it requires shipping.
fn is_physical(item: &Node<'_>) -> bool {
    let ships = item.get("requires_shipping").flag();
    let is_tip = !item.get("tip").is_empty();
    let is_card = item.get("gift_card").flag() == Some(true);
    ships.unwrap_or(!is_card) && !is_tip
}

fn title(item: &Node<'_>, no: LineNo) -> String {
    let name =
        item.first(&["name", "title", "presentment_title"]).text().map(|text| clean(text, TEXT_CHARS_MAX));
    name.filter(|name| !name.is_empty()).unwrap_or_else(|| format!("Line {no}"))
}

/// The SKU; where the shop gives none, the one its settings know for the variant, or a name that no product has, so
/// that the hub asks a person and the line is not lost.
fn sku(item: &Node<'_>, no: LineNo, shop: &Shop, notes: &mut Notes) -> Sku {
    let node = item.get("sku");
    let written = node.text().map(|text| clean(text, 200));
    if let Some(sku) = written.as_deref().and_then(|text| Sku::new(text).ok()) {
        return sku;
    }
    let variant = item.get("variant_id").id();
    if let Some(sku) = variant.as_deref().and_then(|id| lookup(&shop.variants, id)) {
        notes.remark(format!(
            "Line {no} has no usable SKU: {sku} is taken for its variant, as set for the shop"
        ));
        return sku.clone();
    }
    let name = match (variant, item.get("id").id()) {
        (Some(id), _) => format!("shopify-variant-{id}"),
        (None, Some(id)) => format!("shopify-line-{id}"),
        (None, None) => format!("shopify-line-{no}"),
    };
    let why = if node.is_empty() { "no SKU".to_owned() } else { format!("{} for a SKU", quoted(&node)) };
    notes.remark(format!("Line {no} has {why}: it is kept as {name}"));
    Sku::new(name).expect("at most 16 letters and 40 digits are a SKU")
}

/// What the customer typed in for a line (an engraving, a text on a cake) may be personal and has no place in
/// documents; that there is something must not go unsaid.
fn tell_properties(item: &Node<'_>, no: LineNo, notes: &mut Notes) {
    let shown =
        properties(item).into_iter().filter(|(name, value)| !name.starts_with('_') && !value.is_empty());
    let count = shown.filter(|(name, _)| !is_group_key(name)).count();
    if count > 0 {
        let sentence =
            format!("Line {no} carries {count} wishes of the customer (properties) that sites are not told");
        notes.find("line_properties", item.get("properties").path(), sentence);
    }
}

/// Properties of a line: a list of names and values, an object, or nothing.
fn properties<'a>(item: &Node<'a>) -> Vec<(String, Node<'a>)> {
    let node = item.get("properties");
    match node.json() {
        Json::Object(_) => node.entries().into_iter().map(|(name, value)| (name.to_owned(), value)).collect(),
        Json::List(_) => {
            let pair = |entry: &Node<'a>| {
                Some((entry.first(&["name", "key"]).text()?.to_owned(), entry.get("value")))
            };
            node.items().iter().filter_map(pair).collect()
        }
        _ => Vec::new(),
    }
}

fn is_group_key(name: &str) -> bool {
    let letters: String =
        name.chars().filter(char::is_ascii_alphanumeric).collect::<String>().to_ascii_lowercase();
    ["bundleid", "bundle", "bundlegroup", "bundlegroupid", "kitid", "setid", "groupid"]
        .contains(&letters.as_str())
}

/// Lines that the shop sold as one: a bundle, a kit, a gift with its purchase.
#[derive(Default)]
struct Groups {
    by_mark: BTreeMap<String, Vec<LineNo>>,
}

impl Groups {
    fn join(&mut self, item: &Node<'_>, no: LineNo) {
        if let Some(mark) = mark(item) {
            self.by_mark.entry(mark).or_default().push(no);
        }
    }

    /// Names the groups; one line alone is none.
    fn settle(self, lines: &mut [OrderLine]) {
        for (mark, members) in self.by_mark {
            let [first, _, ..] = members.as_slice() else { continue };
            let named = GroupId::new(mark).or_else(|_| GroupId::new(format!("bundle-{first}")));
            for line in lines.iter_mut().filter(|line| members.contains(&line.line)) {
                line.group = named.clone().ok();
            }
        }
    }
}

fn mark(item: &Node<'_>) -> Option<String> {
    let own = [
        item.get("line_item_group").first(&["id", "admin_graphql_api_id"]),
        item.first(&["line_item_group_id", "sales_line_item_group_id"]),
        item.get("bundle").first(&["id", "bundle_id"]),
        item.get("bundle"),
    ];
    let stated = own
        .iter()
        .find_map(|node| node.id().map(|id| id.into_owned()).or_else(|| node.text().map(str::to_owned)));
    stated.or_else(|| {
        let named =
            properties(item).into_iter().find(|(name, value)| is_group_key(name) && value.text().is_some());
        named.and_then(|(_, value)| value.text().map(|text| clean(text, 120)))
    })
}
