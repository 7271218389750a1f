//! The envelope of a delivery: its signature, its topic, the shop it comes from.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit, Mac};
use outpost_model::id::ChannelId;
use sha2::Sha256;

use super::super::text::found;
use super::super::{Happened, Unreadable};

/// The header with the signature: base64 of HMAC-SHA256 over the body as it was sent.
pub const HMAC_HEADER: &str = "X-Shopify-Hmac-Sha256";
/// The header with the topic, such as `orders/create`.
pub const TOPIC_HEADER: &str = "X-Shopify-Topic";
/// The header with the shop's domain.
pub const SHOP_HEADER: &str = "X-Shopify-Shop-Domain";
/// The header with the delivery's own id, the same when a delivery is repeated.
pub const DELIVERY_HEADER: &str = "X-Shopify-Webhook-Id";

/// Topics that carry a whole order.
const TOPICS: [(&str, Happened); 6] = [
    ("orders/create", Happened::Created),
    ("orders/updated", Happened::Updated),
    ("orders/paid", Happened::Paid),
    ("orders/cancelled", Happened::Cancelled),
    ("orders/fulfilled", Happened::Fulfilled),
    ("orders/partially_fulfilled", Happened::Fulfilled),
];

/// Whether the body is signed with the shop's secret. The comparison takes the same time wherever it fails.
pub fn is_signed(secret: &[u8], body: &[u8], signature: &str) -> bool {
    let Ok(signature) = STANDARD.decode(signature.trim()) else { return false };
    let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(secret) else { return false };
    mac.update(body);
    mac.verify_slice(&signature).is_ok()
}

/// What happened, by the topic. A delivery without one is taken as a new order, which capturing twice does not harm.
pub fn happened(topic: Option<&str>) -> Result<Happened, Unreadable> {
    let Some(topic) = topic.map(str::trim).filter(|topic| !topic.is_empty()) else {
        return Ok(Happened::Created);
    };
    let known = TOPICS.into_iter().find(|(name, _)| topic.eq_ignore_ascii_case(name));
    known.map(|(_, happened)| happened).ok_or_else(|| {
        let allowed = TOPICS.map(|(name, _)| name).join(", ");
        let sentence = format!("The topic is {}; orders are read from {allowed}.", found(topic));
        Unreadable::new("topic_not_read", TOPIC_HEADER, sentence)
    })
}

/// The channel of a shop's orders, by its domain.
pub fn channel(domain: &str) -> Result<ChannelId, Unreadable> {
    let channel = ChannelId::new(format!("shopify:{}", domain.trim().to_ascii_lowercase()));
    channel.ok().filter(|_| !domain.trim().is_empty()).ok_or_else(|| {
        let sentence =
            format!("{} is not a shop's domain: allowed is one such as shop.example.", found(domain));
        Unreadable::new("shop_unreadable", SHOP_HEADER, sentence)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn signed(secret: &[u8], body: &[u8]) -> String {
        let mut mac = Hmac::<Sha256>::new_from_slice(secret).unwrap();
        mac.update(body);
        STANDARD.encode(mac.finalize().into_bytes())
    }

    #[test]
    fn a_signature_is_that_of_these_bytes_under_this_secret() {
        // RFC 4231, test case 2.
        let hex = "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843";
        let signature = STANDARD.encode(hex::decode(hex).unwrap());
        let body = b"what do ya want for nothing?";
        assert!(is_signed(b"Jefe", body, &signature));
        assert!(is_signed(b"Jefe", body, &format!(" {signature}\n")));
        assert!(!is_signed(b"Jefe", b"what do ya want for nothing!", &signature));
        assert!(!is_signed(b"jefe", body, &signature));
        for wrong in ["", "!", "5bdcc146", &signature[..40], &STANDARD.encode([0_u8; 32])] {
            assert!(!is_signed(b"Jefe", body, wrong), "{wrong}");
        }
        assert!(is_signed(b"s", b"", &signed(b"s", b"")), "an empty body can be signed too");
    }

    #[test]
    fn topics_without_a_whole_order_are_named() {
        assert_eq!(happened(Some("orders/create")), Ok(Happened::Created));
        assert_eq!(happened(Some("Orders/Cancelled ")), Ok(Happened::Cancelled));
        assert_eq!(happened(None), Ok(Happened::Created));
        assert_eq!(happened(Some("orders/delete")).unwrap_err().code, "topic_not_read");
    }

    #[test]
    fn a_channel_is_named_after_the_shop() {
        assert_eq!(channel("Shop-1.Example").unwrap().as_str(), "shopify:shop-1.example");
        assert!(channel("").is_err());
        assert!(channel("shop/../1").is_err());
        let longest = "s".repeat(ChannelId::MAX_BYTES - "shopify:".len());
        assert!(channel(&longest).is_ok());
        assert!(channel(&format!("{longest}s")).is_err());
    }
}
