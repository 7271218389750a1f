//! The page of one order: what was bought, who does which part, what happened, and why.

use std::collections::BTreeMap;

use askama::Template;
use outpost_model::fulfillment::LineQuantities;
use outpost_model::id::LineNo;
use outpost_model::milestone::OrderState;
use outpost_model::order::Order;

use super::case::CaseView;
use super::decisions::DecisionView;
use super::exceptions::ExceptionView;
use super::frame::Frame;
use super::lanes::{self, LaneRow};
use super::when::{Watch, When};
use super::words::{self, Badge};
use crate::store::query::timeline::OrderDetail;

/// The page of one order.
#[derive(Template)]
#[template(path = "order.html")]
pub struct OrderPage {
    /// Around the page.
    pub frame: Frame,
    /// The order's id.
    pub id: String,
    /// The number customers and staff know.
    pub number: String,
    /// Where it stands.
    pub state: Badge,
    /// Why it waits.
    pub reason: String,
    /// What a person may ask for now.
    pub may: Choices,
    /// Names and values.
    pub facts: Vec<(&'static str, String)>,
    /// What the channel says of the payment.
    pub payment: Badge,
    /// When it was placed.
    pub placed: When,
    /// When it came in.
    pub captured: When,
    /// When routing looks at it next.
    pub route_at: Option<When>,
    /// What the reader of the payload had to interpret.
    pub remarks: Vec<String>,
    /// What was bought.
    pub lines: Vec<LineView>,
    /// Who does which part.
    pub cases: Vec<CaseView>,
    /// What happened to the order as a whole.
    pub story: Vec<LaneRow>,
    /// Why each part went where it went.
    pub decisions: Vec<DecisionView>,
    /// What a person must look at or has looked at.
    pub exceptions: Vec<ExceptionView>,
}

/// What a person may ask for.
pub struct Choices {
    /// Cancel it.
    pub cancel: bool,
    /// Hold it.
    pub hold: bool,
    /// Let it go on.
    pub approve: bool,
}

/// A line of the order with what became of it over all its cases.
pub struct LineView {
    /// Its number.
    pub line: LineNo,
    /// The stock keeping unit.
    pub sku: String,
    /// What the channel calls it.
    pub title: String,
    /// Units ordered.
    pub qty: u32,
    /// Price of one.
    pub price: String,
    /// As the customer saw it.
    pub shown_price: String,
    /// Lines that go together.
    pub group: String,
    /// Whether there is something to pick.
    pub physical: bool,
    /// What became of the units.
    pub parts: Vec<Part>,
}

/// Some units of a line and what became of them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Part {
    /// Where they stand among all units of the line.
    pub from: u32,
    /// How many.
    pub units: u32,
    /// What became of them.
    pub name: &'static str,
}

/// The parts of a line in the order of their life.
pub fn parts(of: &LineQuantities) -> Vec<Part> {
    let all = [
        ("handed over", of.handed_over),
        ("staged", of.staged),
        ("picked", of.picked),
        ("open", of.open),
        ("short", of.short),
        ("cancelled", of.cancelled),
        ("declined", of.declined),
    ];
    let mut from = 0;
    let mut parts = Vec::new();
    for (name, units) in all {
        if !units.is_zero() {
            parts.push(Part { from, units: units.get(), name });
            from += units.get();
        }
    }
    parts
}

impl Part {
    /// The class of its color.
    pub fn class(&self) -> String {
        format!("q-{}", self.name.replace(' ', "-"))
    }
}

/// The page of an order. `zones` names the zone of each site whose clock is meant for its cases.
pub fn page(detail: OrderDetail, zones: &BTreeMap<String, String>, watch: &Watch) -> OrderPage {
    let order = &detail.order;
    let site_watch = |site: &str| zones.get(site).map_or_else(|| watch.clone(), |zone| watch.of_zone(zone));
    let lines = lines(&detail);
    let cases = detail
        .cases
        .iter()
        .map(|case| CaseView::new(case, &detail.timeline, &site_watch(case.fulfillment.header.site.as_str())))
        .collect();
    let whole = detail.timeline.iter().filter(|entry| entry.case.is_none());
    OrderPage {
        frame: Frame::new(
            "/orders",
            format!("Order {}", order.number),
            format!("order:{} exceptions", order.id),
            watch,
        ),
        id: order.id.to_string(),
        number: order.number.clone(),
        state: words::state(detail.state),
        reason: detail.reason.as_deref().map(words::plain).unwrap_or_default(),
        may: choices(detail.state, detail.reason.is_some()),
        facts: facts(order),
        payment: words::payment(order.payment),
        placed: watch.at(order.placed_at),
        captured: watch.at(detail.captured_at),
        route_at: detail.route_at.map(|at| watch.at(at)),
        remarks: order.remarks.clone(),
        lines,
        cases,
        story: lanes::rows(whole, watch),
        decisions: detail.decisions.iter().rev().map(|decision| DecisionView::new(decision, watch)).collect(),
        exceptions: detail.exceptions.into_iter().map(|row| ExceptionView::new(row, watch)).collect(),
    }
}

fn facts(order: &Order) -> Vec<(&'static str, String)> {
    let mut facts = vec![
        ("Channel", order.channel.to_string()),
        ("Channel's id", order.channel_ref.clone()),
        ("Delivery", words::delivery(&order.delivery)),
        ("Total", order.total.to_string()),
    ];
    facts.extend(order.language.clone().map(|language| ("Language", language)));
    facts
}

/// An order that waits for something can be approved once more: a person takes the responsibility.
fn choices(state: OrderState, waits: bool) -> Choices {
    let is_over = matches!(state, OrderState::Fulfilled | OrderState::Cancelled | OrderState::Returned);
    Choices {
        cancel: !is_over,
        hold: !is_over && state != OrderState::Held,
        approve: !is_over && (waits || matches!(state, OrderState::Held | OrderState::Captured)),
    }
}

fn lines(detail: &OrderDetail) -> Vec<LineView> {
    let mut sums: BTreeMap<LineNo, LineQuantities> = BTreeMap::new();
    for case in &detail.cases {
        // What a site gave back is another case's work now.
        let is_given_back = case.fulfillment.end.as_ref().is_some_and(|end| {
            use outpost_model::fulfillment::End;
            matches!(end, End::Rejected(_) | End::Released(_) | End::Revoked(_))
        });
        if is_given_back {
            continue;
        }
        for (line, of) in &case.fulfillment.lines {
            let sum = sums.entry(*line).or_default();
            sum.open = sum.open + of.open;
            sum.picked = sum.picked + of.picked;
            sum.staged = sum.staged + of.staged;
            sum.handed_over = sum.handed_over + of.handed_over;
            sum.cancelled = sum.cancelled + of.cancelled;
            sum.declined = sum.declined + of.declined;
        }
    }
    detail
        .order
        .lines
        .iter()
        .map(|line| {
            let mut of = sums.get(&line.line).copied().unwrap_or_default();
            let placed = of.sum();
            // Whatever no site has (any more) is still to be placed.
            let unplaced = line.qty.saturating_sub(placed);
            let mut parts = {
                of.short = outpost_model::quantity::Quantity::ZERO;
                parts(&of)
            };
            if !unplaced.is_zero() && line.physical {
                parts.push(Part { from: placed.get(), units: unplaced.get(), name: "with no site" });
            }
            LineView {
                line: line.line,
                sku: line.sku.to_string(),
                title: line.title.clone(),
                qty: line.qty.get(),
                price: line.unit_price.to_string(),
                shown_price: line.presentment_price.map(|price| price.to_string()).unwrap_or_default(),
                group: line.group.as_ref().map(ToString::to_string).unwrap_or_default(),
                physical: line.physical,
                parts,
            }
        })
        .collect()
}
