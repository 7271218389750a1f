//! The list of orders.

use std::collections::BTreeMap;

use askama::Template;
use outpost_model::milestone::OrderState;

use super::frame::Frame;
use super::when::{Watch, When};
use super::words::{self, Badge};
use crate::store::order::{STATES, state_name};
use crate::store::query::orders::OrderSummary;

/// The list of orders.
#[derive(Template)]
#[template(path = "orders.html")]
pub struct OrdersPage {
    /// Around the page.
    pub frame: Frame,
    /// Ways to narrow the list down.
    pub states: Vec<StateChoice>,
    /// What was searched for.
    pub q: String,
    /// The state that is shown; empty for all.
    pub state: String,
    /// The orders.
    pub orders: Vec<OrderLine>,
    /// Where older ones begin; nothing when there are none.
    pub older: Option<String>,
    /// Whether this is not the first page.
    pub is_later_page: bool,
}

/// A state to narrow the list down to.
pub struct StateChoice {
    /// Its name in the address.
    pub name: &'static str,
    /// Its name for people.
    pub text: String,
    /// Orders in it.
    pub count: i64,
    /// Whether it is chosen.
    pub chosen: bool,
}

/// An order in a list.
pub struct OrderLine {
    /// Its id.
    pub id: String,
    /// Its number.
    pub number: String,
    /// Where it was bought.
    pub channel: String,
    /// Where it stands.
    pub state: Badge,
    /// Why it waits.
    pub reason: String,
    /// How the customer gets it.
    pub service: &'static str,
    /// Sites that have or had a part of it.
    pub sites: Vec<String>,
    /// When it came in.
    pub captured: When,
    /// What it costs.
    pub total: String,
    /// Open exceptions.
    pub exceptions: u64,
}

impl OrderLine {
    /// An order as a row.
    pub fn new(order: OrderSummary, watch: &Watch) -> Self {
        Self {
            id: order.id.to_string(),
            number: order.number,
            channel: order.channel.to_string(),
            state: words::state(order.state),
            // That a cancelled order is cancelled is said by its state.
            reason: order
                .reason
                .as_deref()
                .filter(|why| *why != "cancelled")
                .map(words::plain)
                .unwrap_or_default(),
            service: words::service(order.service),
            sites: order.sites,
            captured: watch.at(order.captured_at),
            total: order.total.to_string(),
            exceptions: order.exceptions,
        }
    }
}

/// What the list is narrowed down to.
pub struct Asked {
    /// The state.
    pub state: Option<OrderState>,
    /// The search.
    pub q: String,
    /// Whether it is a later page.
    pub is_later_page: bool,
    /// The rows of a page.
    pub limit: u32,
}

/// The page of a list of orders, one row more than `limit` telling that there are older ones.
pub fn page(
    mut orders: Vec<OrderSummary>,
    counts: &BTreeMap<String, i64>,
    asked: Asked,
    watch: &Watch,
) -> OrdersPage {
    let limit = asked.limit as usize;
    let has_older = orders.len() > limit;
    orders.truncate(limit);
    let older = orders.last().filter(|_| has_older).map(|order| order.id.to_string());
    let states = STATES.into_iter().map(|state| StateChoice {
        name: state_name(state),
        text: words::state(state).text,
        count: counts.get(state_name(state)).copied().unwrap_or(0),
        chosen: asked.state == Some(state),
    });
    OrdersPage {
        frame: Frame::new("/orders", "Orders", "order exceptions", watch),
        states: states.filter(|choice| choice.count > 0 || choice.chosen).collect(),
        state: asked.state.map(state_name).unwrap_or_default().to_owned(),
        q: asked.q,
        orders: orders.into_iter().map(|order| OrderLine::new(order, watch)).collect(),
        older,
        is_later_page: asked.is_later_page,
    }
}
