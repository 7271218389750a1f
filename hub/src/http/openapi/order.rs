//! Orders as the API answers them.

use utoipa::ToSchema;

use super::fulfillment::{Fulfillment, Milestone};
use super::operations::Exception;
use super::shared::{Money, Service, Side};

/// How far an order is.
#[derive(ToSchema)]
#[schema(rename_all = "snake_case")]
pub enum OrderState {
    /// Captured, not looked at yet.
    Captured,
    /// Held by a rule or a person.
    Held,
    /// Approved, not with a site yet, or not with one any more.
    Approved,
    /// Offered to sites, nobody has begun.
    Routed,
    /// Some site works on it.
    InProgress,
    /// Something was handed over, something is still to come.
    PartiallyFulfilled,
    /// What remains of it was handed over.
    Fulfilled,
    /// Nothing was handed over and nothing will be.
    Cancelled,
    /// Handed over and come back.
    Returned,
}

/// What became of a delivery of an order.
#[derive(ToSchema)]
pub struct CaptureAnswer {
    /// Our id of the order.
    #[schema(format = Uuid, nullable = false)]
    pub order: Option<String>,
    /// Whether the order was here already; nothing was captured again.
    pub repeated: bool,
    /// With 202: the exception that tells a person; the payload is kept whole.
    #[schema(format = Uuid, nullable = false)]
    pub exception: Option<String>,
    /// With 202: why the payload could not be understood, a stable code.
    #[schema(nullable = false, example = "pickup_site_unknown")]
    pub code: Option<String>,
    /// With 202: the same in a sentence, with what was found and what is allowed.
    #[schema(nullable = false)]
    pub sentence: Option<String>,
    /// With 202: where in the payload.
    #[schema(nullable = false, example = "$.note_attributes[0].value")]
    pub at: Option<String>,
}

/// A page of the list of orders, the newest first.
#[derive(ToSchema)]
pub struct OrderList {
    /// The orders.
    pub orders: Vec<OrderSummary>,
    /// What to ask for with `after` to get older ones; null when this page was not full.
    #[schema(format = Uuid)]
    pub next: Option<String>,
}

/// An order in a list.
#[derive(ToSchema)]
pub struct OrderSummary {
    /// Our id.
    #[schema(format = Uuid)]
    pub id: String,
    /// The number customers and staff know.
    #[schema(example = "#20417")]
    pub number: String,
    /// Where it was bought.
    #[schema(example = "shopify:shop-1.example")]
    pub channel: String,
    /// The channel's own id.
    pub channel_ref: String,
    /// Where it stands.
    pub state: OrderState,
    /// Why it is held or waits.
    #[schema(example = "payment_pending")]
    pub reason: Option<String>,
    /// How the customer gets it.
    pub service: Service,
    /// When it was placed, milliseconds since 1970.
    pub placed_at: i64,
    /// When it came in, milliseconds since 1970.
    pub captured_at: i64,
    /// What it costs.
    pub total: Money,
    /// Sites that have or had a part of it.
    pub sites: Vec<String>,
    /// Exceptions that are open.
    pub exceptions: u64,
}

/// An order as captured. No personal data.
#[derive(ToSchema)]
pub struct Order {
    /// Our id.
    #[schema(format = Uuid)]
    pub id: String,
    /// Where it was bought.
    pub channel: String,
    /// The channel's own id.
    pub channel_ref: String,
    /// The number customers and staff know.
    pub number: String,
    /// When it was placed, milliseconds since 1970.
    pub placed_at: i64,
    /// What it was sold in.
    pub currency: String,
    /// What it costs, all told.
    pub total: Money,
    /// What was bought.
    pub lines: Vec<OrderLine>,
    /// How the customer gets it.
    pub delivery: Delivery,
    /// What to do when only part can be had: `ship_available`, `all_or_nothing` or an object `ask_customer`.
    #[schema(value_type = Value)]
    pub partial: serde_json::Value,
    /// What the channel says of the payment.
    #[schema(example = "paid")]
    pub payment: String,
    /// The customer's language (BCP 47).
    #[schema(nullable = false)]
    pub language: Option<String>,
    /// When the channel cancelled it before it came to us.
    #[schema(nullable = false)]
    pub cancelled_at: Option<i64>,
    /// What the reader of the payload had to interpret.
    #[schema(required = false)]
    pub remarks: Vec<String>,
}

/// A line of an order.
#[derive(ToSchema)]
pub struct OrderLine {
    /// Its number, from 1.
    pub line: u16,
    /// The channel's id of the line.
    #[schema(nullable = false)]
    pub channel_ref: Option<String>,
    /// What.
    pub sku: String,
    /// What the channel calls it.
    pub title: String,
    /// Units to deliver.
    pub qty: u64,
    /// Price of one unit, as the shop sold it.
    pub unit_price: Money,
    /// Price of one unit, as the customer saw it.
    #[schema(nullable = false)]
    pub presentment_price: Option<Money>,
    /// Lines that go together or not at all.
    #[schema(nullable = false)]
    pub group: Option<String>,
    /// Whether there is something to pick.
    pub physical: bool,
}

/// How the customer gets an order.
#[derive(ToSchema)]
pub struct Delivery {
    /// The service.
    pub service: Service,
    /// With `ship`: ISO 3166-1 alpha-2.
    #[schema(nullable = false)]
    pub country: Option<String>,
    /// With `ship`.
    #[schema(nullable = false)]
    pub postal_code: Option<String>,
    /// With `ship`: what was sold.
    #[schema(nullable = false)]
    pub method: Option<String>,
    /// With `pickup` and `ship_to_store`: the site of collection.
    #[schema(nullable = false)]
    pub site: Option<String>,
}

/// An order with everything that happened to it.
#[derive(ToSchema)]
pub struct OrderDetail {
    /// The order as captured.
    pub order: Order,
    /// Where it stands.
    pub state: OrderState,
    /// Why it is held or waits.
    pub reason: Option<String>,
    /// When it came in, milliseconds since 1970.
    pub captured_at: i64,
    /// When routing looks at it next.
    pub route_at: Option<i64>,
    /// Its cases, in the order they were offered.
    pub cases: Vec<CaseDetail>,
    /// Events of all cases and both sides, in the order of their clocks.
    pub timeline: Vec<TimelineEntry>,
    /// Why each part went where it went.
    pub decisions: Vec<Decision>,
    /// Exceptions about it, open and resolved.
    pub exceptions: Vec<Exception>,
}

/// One site's part of an order.
#[derive(ToSchema)]
pub struct CaseDetail {
    /// The folded state, header included.
    pub fulfillment: Fulfillment,
    /// How far it is.
    pub milestone: Milestone,
    /// Position of its header in the site's stream.
    pub position: u64,
    /// Whether the site has it.
    pub at_site: bool,
}

/// Something that happened.
#[derive(ToSchema)]
pub struct TimelineEntry {
    /// When its writer's clock said it happened, milliseconds since 1970.
    pub at: i64,
    /// The case; null for what is about the whole order.
    #[schema(format = Uuid)]
    pub case: Option<String>,
    /// The site of the case.
    pub site: Option<String>,
    /// Who wrote it.
    pub side: Side,
    /// Its number in that side's sequence; 0 for what is no event.
    pub n: u64,
    /// The highest number of the other side its writer had seen.
    pub seen: u64,
    /// Its id.
    #[schema(example = "0190b3a4c5d67e8f9a0b1c2d3e4f5061.0")]
    pub event: Option<String>,
    /// Who did it.
    #[schema(example = "017@scan-3")]
    pub by: String,
    /// Its kind.
    #[schema(example = "picked")]
    pub kind: String,
    /// Its content.
    #[schema(value_type = Value)]
    pub data: serde_json::Value,
}

/// Why a part of an order went where it went.
#[derive(ToSchema)]
pub struct Decision {
    /// When, milliseconds since 1970.
    pub at: i64,
    /// The highest generation of cases before it.
    pub generation: u32,
    /// Version of the rules.
    pub rules: String,
    /// What came of it.
    #[schema(example = "routed")]
    pub outcome: String,
    /// The cases it made.
    pub cases: Vec<String>,
    /// Every candidate with what spoke for and against it.
    pub considered: Vec<Considered>,
    /// What nobody could take.
    pub unassigned: Vec<Part>,
}

/// A candidate of a routing decision.
#[derive(ToSchema)]
pub struct Considered {
    /// The site.
    pub site: String,
    /// `chosen`, `passed` or `refused`.
    #[schema(example = "chosen")]
    pub verdict: String,
    /// What speaks for it.
    #[schema(example = json!(["distance_km=12"]))]
    pub reasons_for: Vec<String>,
    /// What speaks against it.
    pub reasons_against: Vec<String>,
}

/// Units of a line.
#[derive(ToSchema)]
pub struct Part {
    /// The line.
    pub line: u16,
    /// How many.
    pub qty: u64,
}

/// A request to cancel.
#[derive(ToSchema)]
pub struct CancelForm {
    /// Why: a reason code of the rules that is used for cancellations.
    #[schema(example = "customer_changed_mind")]
    pub reason: String,
    /// The lines; left out or empty means all.
    #[schema(required = false)]
    pub lines: Vec<u16>,
}

/// What became of a request to cancel.
#[derive(ToSchema)]
pub struct CancelAnswer {
    /// Cases whose site was asked; each answers by itself.
    pub asked: Vec<String>,
    /// Whether nothing of it was with a site, so that it is over now.
    pub over: bool,
}

/// A request to hold.
#[derive(ToSchema)]
pub struct HoldForm {
    /// Why.
    #[schema(example = "fraud")]
    pub reason: String,
}
