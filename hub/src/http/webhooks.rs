//! Webhooks of sales channels: signed by the shop, captured like any order.

use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
use outpost_config::ShopifyShop;
use outpost_daemon::Problem;
use outpost_daemon::extract::RawBody;
use outpost_model::id::{ChannelId, OrderId};

use super::orders::take;
use crate::Hub;
use crate::connect::shopify::webhook::{self, DELIVERY_HEADER, HMAC_HEADER, SHOP_HEADER, TOPIC_HEADER};
use crate::connect::shopify::{self, Arrival, Shop};
use crate::store::payload::Payload;

fn text<'h>(headers: &'h HeaderMap, name: &str) -> &'h str {
    headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default()
}

/// An order of a Shopify shop. A wrong signature is refused and nothing of it is kept; what is signed and not
/// understood is kept whole and answered 202, since a webhook must not be sent for ever.
pub async fn shopify(
    State(hub): State<Hub>,
    headers: HeaderMap,
    RawBody(body): RawBody,
) -> Result<Response, Problem> {
    let domain = text(&headers, SHOP_HEADER).trim().to_ascii_lowercase();
    let shop = hub.settings.channels.shopify.iter().find(|(_, shop)| shop.domain == domain);
    let signed = shop.is_some_and(|(_, shop)| {
        webhook::is_signed(shop.webhook_secret.expose().as_bytes(), &body, text(&headers, HMAC_HEADER))
    });
    let Some((name, shop)) = shop.filter(|_| signed) else {
        metrics::counter!("hub_webhooks_unsigned").increment(1);
        // Whether the shop is unknown or the signature wrong is nobody's business.
        let sentence = "The delivery is not signed by a known shop.";
        return Err(Problem::new(StatusCode::UNAUTHORIZED, "signature_wrong", sentence));
    };
    let raw = Payload {
        channel: name.clone(),
        topic: text(&headers, TOPIC_HEADER).chars().take(80).collect(),
        delivery: text(&headers, DELIVERY_HEADER).chars().take(80).collect(),
        body: body.to_vec(),
    };
    let id = OrderId(hub.ids().uuid());
    let read = channel(name, &domain).and_then(|channel| {
        let happened = webhook::happened(headers.get(TOPIC_HEADER).and_then(|value| value.to_str().ok()))?;
        let shop = reader_settings(shop);
        shopify::read(&body, &Arrival { id, channel, happened, at: hub.now(), shop: &shop })
    });
    take(&hub, read, raw).await
}

/// The channel's name in orders is the one the settings give the shop.
fn channel(name: &str, domain: &str) -> Result<ChannelId, crate::connect::Unreadable> {
    ChannelId::new(format!("shopify:{name}")).or_else(|_| webhook::channel(domain))
}

fn reader_settings(shop: &ShopifyShop) -> Shop {
    let names = |list: &Option<Vec<String>>| list.iter().flatten().cloned().collect();
    Shop {
        pickup_places: shop.pickup_places.clone().unwrap_or_default(),
        methods: shop.methods.clone().unwrap_or_default(),
        variants: shop.variants.clone().unwrap_or_default(),
        services_elsewhere: names(&shop.services_elsewhere),
        services_ours: names(&shop.services_ours),
        default_service: shop.default_service,
        currency: Some(shop.currency),
        take_test_orders: shop.take_test_orders,
    }
}
