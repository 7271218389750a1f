//! Counting bytes on the wire.

use std::sync::atomic::{AtomicU64, Ordering};

/// Bytes on the wire since the start: MQTT's packets, those of TCP and IP not. Publishes are counted exactly,
/// the small packets around them by their usual length.
#[derive(Debug, Default)]
pub struct WireBytes {
    sent: AtomicU64,
    received: AtomicU64,
}

/// A PUBACK without reason or properties.
pub(crate) const ACK_BYTES: u64 = 4;
/// A PINGREQ or PINGRESP.
pub(crate) const PING_BYTES: u64 = 2;
/// A SUBACK or CONNACK as brokers usually send it.
pub(crate) const ANSWER_BYTES: u64 = 16;

impl WireBytes {
    /// Sent, in bytes.
    pub fn sent(&self) -> u64 {
        self.sent.load(Ordering::Relaxed)
    }

    /// Received, in bytes.
    pub fn received(&self) -> u64 {
        self.received.load(Ordering::Relaxed)
    }

    pub(crate) fn count_sent(&self, bytes: u64) {
        self.sent.fetch_add(bytes, Ordering::Relaxed);
    }

    pub(crate) fn count_received(&self, bytes: u64) {
        self.received.fetch_add(bytes, Ordering::Relaxed);
    }
}

/// The length of a PUBLISH with QoS 1 and no properties.
pub(crate) fn publish_bytes(topic: usize, payload: usize) -> u64 {
    let rest = 2 + topic + 2 + 1 + payload;
    let length = match rest {
        0..128 => 1,
        128..16_384 => 2,
        16_384..2_097_152 => 3,
        _ => 4,
    };
    (1 + length + rest) as u64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_publish_is_as_long_as_the_standard_says() {
        // Fixed header 2, topic 2 + 3, packet id 2, no properties 1, payload 10.
        assert_eq!(publish_bytes(3, 10), 20);
        assert_eq!(publish_bytes(3, 119), 1 + 1 + 127);
        assert_eq!(publish_bytes(3, 120), 1 + 2 + 128);
    }
}
