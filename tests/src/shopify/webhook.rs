//! The envelope: headers and signature.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit, Mac};
use serde_json::Value;
use sha2::Sha256;

/// A delivery, ready to be sent any number of times.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Webhook {
    /// The bytes that the signature covers.
    pub body: Vec<u8>,
    /// Names and values.
    pub headers: Vec<(&'static str, String)>,
}

/// The value of `X-Shopify-Hmac-Sha256`: base64 of HMAC-SHA256 over the body as it is sent.
pub fn hmac_sha256_base64(secret: &[u8], body: &[u8]) -> String {
    // HMAC takes keys of any length.
    let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(secret) else { return String::new() };
    mac.update(body);
    STANDARD.encode(mac.finalize().into_bytes())
}

impl Webhook {
    pub(super) fn sign(
        secret: &[u8],
        domain: &str,
        topic: &'static str,
        delivery: String,
        order: &Value,
    ) -> Self {
        Self::of_bytes(secret, domain, topic, delivery, order.to_string().into_bytes())
    }

    /// A delivery of any bytes, such as ones that are no order.
    pub fn of_bytes(
        secret: &[u8],
        domain: &str,
        topic: &'static str,
        delivery: String,
        body: Vec<u8>,
    ) -> Self {
        let headers = vec![
            ("Content-Type", "application/json".to_owned()),
            ("X-Shopify-Topic", topic.to_owned()),
            ("X-Shopify-Shop-Domain", domain.to_owned()),
            ("X-Shopify-Webhook-Id", delivery),
            ("X-Shopify-Hmac-Sha256", hmac_sha256_base64(secret, &body)),
        ];
        Self { body, headers }
    }

    /// A header's value.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers
            .iter()
            .find(|(header, _)| header.eq_ignore_ascii_case(name))
            .map(|(_, value)| value.as_str())
    }
}
