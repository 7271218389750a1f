//! Every address of the API: what it takes and how it answers. The functions are never called; each carries the
//! description of the handler that stands under the same address.

use super::operations::{
    Backup, BackupList, ExceptionList, ImportKind, ImportReport, ObservationForm, PickupCode, ResolveForm,
    Stats,
};
use super::order::{CancelAnswer, CancelForm, CaptureAnswer, HoldForm, OrderDetail, OrderList, OrderState};
use super::shared::Problem;
use super::site::{
    DocumentState, EnrollForm, Enrolled, EnrollmentToken, HeldList, OfDocument, SiteKeys, SiteList,
    SiteSummary, StockList,
};
use crate::connect::canonical::NewOrder;

/// Capture an order in our own form.
///
/// The same order (`channel` and `channel_ref`) sent again is the same order: it is answered with its id and nothing
/// is captured twice. The form is strict: what is not in it is not captured but kept whole, and the answer names the place.
#[utoipa::path(post, path = "/v1/orders", tag = "orders", security(("token" = [])), request_body = NewOrder, responses(
    (status = 201, description = "Captured.", body = CaptureAnswer),
    (status = 200, description = "It was here already.", body = CaptureAnswer),
    (status = 202, description = "Not an order in this form: kept whole, a person is told; `at` names the place.", body = CaptureAnswer),
    (status = 401, description = "No or a wrong token.", body = Problem),
    (status = 413, description = "Larger than 2 MiB.", body = Problem),
))]
fn capture_order() {}

/// Capture an order as Shopify's webhook sends it.
///
/// The body is the webhook's, byte by byte, since its signature is checked. A payload that cannot be understood is kept
/// whole and answered with 202: a webhook that is refused would be sent again for days.
#[utoipa::path(post, path = "/v1/channels/shopify/orders", tag = "channels",
    params(
        ("X-Shopify-Hmac-Sha256" = String, Header, description = "Base64 of HMAC-SHA256 over the raw body under the shop's secret."),
        ("X-Shopify-Shop-Domain" = String, Header, description = "The shop.", example = "shop-1.example"),
        ("X-Shopify-Topic" = Option<String>, Header, description = "What happened; a new order when left out.", example = "orders/create"),
        ("X-Shopify-Webhook-Id" = Option<String>, Header, description = "The delivery."),
    ),
    request_body(content = Object, description = "The order, bare or under `order`.", content_type = "application/json"),
    responses(
        (status = 201, description = "Captured.", body = CaptureAnswer),
        (status = 200, description = "The order was here already.", body = CaptureAnswer),
        (status = 202, description = "Not understood, kept whole, a person is told.", body = CaptureAnswer),
        (status = 401, description = "Wrong or missing signature, or no such shop. Nothing is kept.", body = Problem),
        (status = 413, description = "Larger than 2 MiB.", body = Problem),
    ))]
fn capture_shopify_order() {}

/// List orders, the newest first.
#[utoipa::path(get, path = "/v1/orders", tag = "orders", security(("token" = [])),
    params(
        ("state" = Option<OrderState>, Query, description = "Only orders in this state."),
        ("q" = Option<String>, Query, description = "Only orders whose number begins with this, or whose id or channel's id is this."),
        ("after" = Option<String>, Query, description = "Only orders older than this one: `next` of the page before."),
        ("limit" = Option<u32>, Query, minimum = 1, maximum = 200, description = "At most so many; 50 when left out."),
    ),
    responses(
        (status = 200, description = "A page.", body = OrderList),
        (status = 400, description = "Not a query that is read here.", body = Problem),
    ))]
fn list_orders() {}

/// One order with its cases, both sequences of each as a timeline, and why it was routed the way it was.
#[utoipa::path(get, path = "/v1/orders/{id}", tag = "orders", security(("token" = [])),
    params(("id" = String, Path, description = "Our id of the order.", format = "uuid")),
    responses(
        (status = 200, description = "The order.", body = OrderDetail),
        (status = 404, description = "No such order.", body = Problem),
    ))]
fn get_order() {}

/// Ask to cancel an order or some of its lines.
///
/// What no site has is cancelled at once; every site that has a part is asked and answers by itself.
#[utoipa::path(post, path = "/v1/orders/{id}/cancel", tag = "orders", security(("token" = [])),
    params(("id" = String, Path, format = "uuid")), request_body = CancelForm,
    responses(
        (status = 200, description = "Asked for.", body = CancelAnswer),
        (status = 404, description = "No such order.", body = Problem),
        (status = 409, description = "Nothing of it can be cancelled any more.", body = Problem),
        (status = 422, description = "Not a reason or not a line of the order.", body = Problem),
    ))]
fn cancel_order() {}

/// Hold an order: nothing more of it is routed, and sites are asked to wait.
#[utoipa::path(post, path = "/v1/orders/{id}/hold", tag = "orders", security(("token" = [])),
    params(("id" = String, Path, format = "uuid")), request_body = HoldForm,
    responses(
        (status = 204, description = "Held."),
        (status = 404, description = "No such order.", body = Problem),
        (status = 409, description = "It is cancelled.", body = Problem),
    ))]
fn hold_order() {}

/// Approve an order: whatever held it, a person takes the responsibility.
#[utoipa::path(post, path = "/v1/orders/{id}/approve", tag = "orders", security(("token" = [])),
    params(("id" = String, Path, format = "uuid")),
    responses(
        (status = 204, description = "Approved."),
        (status = 404, description = "No such order.", body = Problem),
        (status = 409, description = "It is cancelled.", body = Problem),
    ))]
fn approve_order() {}

/// All sites with the state of their lines.
#[utoipa::path(get, path = "/v1/sites", tag = "sites", security(("token" = [])),
    params(
        ("after" = Option<String>, Query, description = "Sites after this one, by id."),
        ("limit" = Option<u32>, Query, description = "At most so many, up to 200."),
    ),
    responses((status = 200, description = "The sites.", body = SiteList)))]
fn list_sites() {}

/// One site.
#[utoipa::path(get, path = "/v1/sites/{site}", tag = "sites", security(("token" = [])),
    params(("site" = String, Path, description = "The site's id.", example = "berlin-1")),
    responses(
        (status = 200, description = "The site.", body = SiteSummary),
        (status = 404, description = "No such site.", body = Problem),
    ))]
fn get_site() {}

/// Stock and rights of a site, by SKU.
#[utoipa::path(get, path = "/v1/sites/{site}/stock", tag = "sites", security(("token" = [])),
    params(
        ("site" = String, Path, example = "berlin-1"),
        ("after" = Option<String>, Query, description = "Those after this SKU."),
        ("limit" = Option<u32>, Query, description = "At most so many, up to 1,000."),
    ),
    responses((status = 200, description = "Its stock; empty for a site that is not known.", body = StockList)))]
fn site_stock() {}

/// The replicated documents of a site as the hub has them; with `verify`, each is folded from scratch.
#[utoipa::path(get, path = "/v1/sites/{site}/documents", tag = "sites", security(("token" = [])),
    params(
        ("site" = String, Path, example = "berlin-1"),
        ("verify" = Option<bool>, Query),
        ("after" = Option<String>, Query, description = "Documents after this one, by id."),
        ("limit" = Option<u32>, Query, description = "At most so many, up to 1,000."),
    ),
    responses((status = 200, description = "The documents; none for a site that is not known.", body = Vec<DocumentState>)))]
fn site_documents() {}

/// Whose signatures on a site's topics are good, for readers of the replication (docs/protocol.md).
#[utoipa::path(get, path = "/v1/sites/{site}/keys", tag = "sites", security(("token" = [])),
    params(("site" = String, Path, example = "berlin-1")),
    responses((status = 200, description = "The keys; no installs for a site without an appliance.", body = SiteKeys)))]
fn site_keys() {}
/// Documents of a site of which something could not be taken, by the hub or by the site.
#[utoipa::path(get, path = "/v1/sites/{site}/quarantine", tag = "sites", security(("token" = [])),
    params(("site" = String, Path, example = "berlin-1")),
    responses((status = 200, description = "What is held; nothing for a site that is not known.", body = HeldList)))]
fn site_quarantine() {}

/// Try what is held of a document again, in the order in which it came, after the hub was updated.
#[utoipa::path(post, path = "/v1/sites/{site}/quarantine/release", tag = "sites", security(("token" = [])),
    params(("site" = String, Path, example = "berlin-1")),
    request_body = OfDocument,
    responses(
        (status = 204, description = "All of it is taken in."),
        (status = 404, description = "Nothing of it is held.", body = Problem),
        (status = 409, description = "It still cannot be taken, and is held as before.", body = Problem),
    ))]
fn release_document() {}

/// Give up what is held of a document: it stays as it stands at the hub, and nothing more of it is taken in from its site.
#[utoipa::path(post, path = "/v1/sites/{site}/quarantine/give-up", tag = "sites", security(("token" = [])),
    params(("site" = String, Path, example = "berlin-1")),
    request_body = OfDocument,
    responses(
        (status = 204, description = "What was kept of it is forgotten."),
        (status = 404, description = "Nothing of it is held.", body = Problem),
    ))]
fn give_document_up() {}

/// Wait for a site no longer.
///
/// After the hub was restored, or when two appliances speak for a site, nothing is promised from it until it has shown what
/// it has or an appliance is enrolled anew. This says that a person has made sure of it instead.
#[utoipa::path(post, path = "/v1/sites/{site}/let-go", tag = "sites", security(("token" = [])),
    params(("site" = String, Path, example = "berlin-1")),
    responses(
        (status = 204, description = "Done."),
        (status = 409, description = "Nobody waits for it.", body = Problem),
    ))]
fn let_site_go() {}

/// Make a one-time token for the enrollment of a site's appliance.
#[utoipa::path(post, path = "/v1/sites/{site}/enrollment-tokens", tag = "sites", security(("token" = [])),
    params(("site" = String, Path, example = "berlin-1")),
    responses(
        (status = 201, description = "The token.", body = EnrollmentToken),
        (status = 404, description = "No such site.", body = Problem),
    ))]
fn enrollment_token() {}

/// Enroll a site's appliance, once for each install. The one-time token is the permission.
#[utoipa::path(post, path = "/v1/sites/{site}/enroll", tag = "sites",
    params(("site" = String, Path, example = "berlin-1")), request_body = EnrollForm,
    responses(
        (status = 200, description = "Enrolled, now or before.", body = Enrolled),
        (status = 403, description = "The token is unknown, used by another install or too old.", body = Problem),
        (status = 422, description = "The install or the key is not of its form.", body = Problem),
    ))]
fn enroll() {}

/// What needs a person, the newest first.
#[utoipa::path(get, path = "/v1/exceptions", tag = "exceptions", security(("token" = [])),
    params(
        ("all" = Option<bool>, Query, description = "Resolved ones, too."),
        ("code" = Option<String>, Query, description = "Only with this code."),
        ("order" = Option<String>, Query, description = "Only of this order."),
        ("limit" = Option<u32>, Query, minimum = 1, maximum = 200),
    ),
    responses((status = 200, description = "The exceptions.", body = ExceptionList)))]
fn list_exceptions() {}

/// Say that an exception is dealt with.
#[utoipa::path(post, path = "/v1/exceptions/{id}/resolve", tag = "exceptions", security(("token" = [])),
    params(("id" = String, Path, format = "uuid")), request_body = ResolveForm,
    responses(
        (status = 204, description = "Resolved."),
        (status = 404, description = "No such open exception.", body = Problem),
    ))]
fn resolve_exception() {}

/// A payload as a channel sent it, byte by byte.
///
/// It may hold personal data and is gone after its retention.
#[utoipa::path(get, path = "/v1/payloads/{id}", tag = "exceptions", security(("token" = [])),
    params(("id" = String, Path, format = "uuid")),
    responses(
        (status = 200, description = "The payload.", body = String, content_type = "application/octet-stream"),
        (status = 404, description = "No such payload, or not any more.", body = Problem),
    ))]
fn payload() {}

/// Import a CSV file.
///
/// UTF-8 with a header line. Rows in order are taken, each refused row is named with its line and why.
///
/// | kind | columns |
/// | --- | --- |
/// | `sites` | `site,name,kind,zone,country,postal_code,latitude,longitude,services,capacity_per_day,priority` |
/// | `products` | `sku,title,class,unit,weight_g,length_mm,width_mm,height_mm,price_minor,currency` |
/// | `barcodes` | `barcode,sku,quantity` |
/// | `stock` | `site,sku,location,quantity` |
///
/// `services` are `pickup`, `ship`, `ship_to_store` with `|` between. A site books a stock file once, however often
/// it is sent.
#[utoipa::path(post, path = "/v1/imports/{kind}", tag = "imports", security(("token" = [])),
    params(("kind" = ImportKind, Path)),
    request_body(content = String, content_type = "text/csv"),
    responses(
        (status = 200, description = "What was taken and what was not.", body = ImportReport),
        (status = 404, description = "No such kind of file.", body = Problem),
        (status = 422, description = "Not a file of this kind: its columns differ. Nothing was taken.", body = Problem),
    ))]
fn import_file() {}

/// What a carrier says of a parcel.
///
/// Needs the hub's or the carrier's token, where one is set.
#[utoipa::path(post, path = "/v1/carriers/observations", tag = "carriers", security(("token" = [])),
    request_body = ObservationForm,
    responses(
        (status = 204, description = "Noted."),
        (status = 404, description = "No such parcel.", body = Problem),
        (status = 422, description = "Not a fact that is known.", body = Problem),
    ))]
fn carrier_observation() {}

/// The short code that a customer says at the counter. For notifications; it is never stored.
#[utoipa::path(get, path = "/v1/pickup-codes/{case}", tag = "operations", security(("token" = [])),
    params(("case" = String, Path, format = "uuid")),
    responses(
        (status = 200, description = "The code.", body = PickupCode),
        (status = 404, description = "No such case.", body = Problem),
        (status = 409, description = "Its site has no appliance.", body = Problem),
    ))]
fn pickup_code() {}

/// Counters.
#[utoipa::path(get, path = "/v1/stats", tag = "operations", security(("token" = [])),
    responses((status = 200, description = "The counters.", body = Stats)))]
fn stats() {}

/// The newest copies of the database.
#[utoipa::path(get, path = "/v1/backups", tag = "operations", security(("token" = [])),
    responses((status = 200, description = "At most 100, the newest first.", body = BackupList)))]
fn list_backups() {}

/// Make a copy of the database now, or say that a copy is about to be made by other means.
///
/// With `backup.directory` the hub makes the copy and answers when it is whole. With `backup.external` it notes what that
/// copy will contain: make the copy after the answer, and confirm it when it is safe.
#[utoipa::path(post, path = "/v1/backups", tag = "operations", security(("token" = [])),
    responses(
        (status = 201, description = "Made, or begun.", body = Backup),
        (status = 409, description = "The settings know of no copies.", body = Problem),
    ))]
fn begin_backup() {}

/// Say that a copy that was begun is whole and safe: sites may forget what it contains. Twice is as good as once.
#[utoipa::path(post, path = "/v1/backups/{id}/confirm", tag = "operations", security(("token" = [])),
    params(("id" = String, Path, format = "uuid")),
    responses(
        (status = 200, description = "Noted.", body = Backup),
        (status = 404, description = "No copy was begun under this id.", body = Problem),
    ))]
fn confirm_backup() {}

/// Whether the process runs.
#[utoipa::path(get, path = "/livez", tag = "operations", responses((status = 200, description = "It does.")))]
fn livez() {}

/// Whether it can serve: database, broker.
#[utoipa::path(get, path = "/readyz", tag = "operations", responses(
    (status = 200, description = "It can.", body = Object), (status = 503, description = "Not now; the answer says what is missing.", body = Object)))]
fn readyz() {}

/// Metrics in Prometheus' text form.
#[utoipa::path(get, path = "/metrics", tag = "operations", responses((status = 200, description = "Metrics.", body = String, content_type = "text/plain")))]
fn metrics() {}
