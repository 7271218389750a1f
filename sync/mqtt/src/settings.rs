//! How to reach the broker.

use std::fmt;

/// How to reach the broker.
#[derive(Clone, PartialEq, Eq)]
pub struct LineSettings {
    /// `host:port`; an IPv6 address stands in brackets.
    pub broker: String,
    /// User name, if the broker asks for one.
    pub username: Option<String>,
    /// Password, if the broker asks for one.
    pub password: Option<String>,
    /// Unique among all clients of the broker. Should end in the incarnation, so that a clone is noticed by taking
    /// over.
    pub client_id: String,
    /// The shards in the topics: exactly one at a site; at the hub those it listens to, all when there is none.
    pub shards: Vec<String>,
    /// Seconds between signs of life; a line on which nothing answers is given up after twice as long.
    pub keep_alive_s: u16,
    /// Seconds to wait for a connection.
    pub connect_timeout_s: u64,
    /// The largest packet sent or accepted, in bytes.
    pub packet_bytes_max: u32,
    /// The pause before the first attempt to reconnect; doubled every time after.
    pub reconnect_after_ms: u64,
    /// The longest pause between attempts.
    pub reconnect_every_ms_max: u64,
}

/// A setting that cannot work.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{setting} is {found}: allowed is {allowed}")]
pub struct LineSettingsError {
    /// Which.
    pub setting: &'static str,
    /// What it was.
    pub found: String,
    /// What may stand there.
    pub allowed: &'static str,
}

/// The shard of all sites as long as nobody asks for more.
const SHARD: &str = "0";

impl LineSettings {
    /// The usual settings for a broker and a client id.
    pub fn new(broker: impl Into<String>, client_id: impl Into<String>) -> Self {
        Self {
            broker: broker.into(),
            username: None,
            password: None,
            client_id: client_id.into(),
            shards: vec![SHARD.to_owned()],
            keep_alive_s: 10,
            connect_timeout_s: 5,
            packet_bytes_max: 256 << 10,
            reconnect_after_ms: 250,
            reconnect_every_ms_max: 10_000,
        }
    }

    /// Checks every setting against what can work.
    pub fn check(&self) -> Result<(), LineSettingsError> {
        let wrong = |setting, found: String, allowed| Err(LineSettingsError { setting, found, allowed });
        if self.address().is_none() {
            return wrong("broker", self.broker.clone(), "host:port");
        }
        if self.client_id.is_empty() || self.client_id.len() > 128 {
            return wrong("client_id", self.client_id.clone(), "1 to 128 bytes");
        }
        if let Some(shard) = self.shards.iter().find(|shard| !is_shard(shard)) {
            return wrong("shards", shard.clone(), "1 to 32 ASCII letters, digits, - or _");
        }
        if self.keep_alive_s < 5 {
            return wrong("keep_alive_s", self.keep_alive_s.to_string(), "5 to 65535");
        }
        if !(1..=300).contains(&self.connect_timeout_s) {
            return wrong("connect_timeout_s", self.connect_timeout_s.to_string(), "1 to 300");
        }
        if !(4 << 10..=16 << 20).contains(&self.packet_bytes_max) {
            return wrong("packet_bytes_max", self.packet_bytes_max.to_string(), "4096 to 16777216");
        }
        if self.reconnect_after_ms == 0 || self.reconnect_after_ms > self.reconnect_every_ms_max {
            let allowed = "1 to reconnect_every_ms_max";
            return wrong("reconnect_after_ms", self.reconnect_after_ms.to_string(), allowed);
        }
        Ok(())
    }

    /// Host and port of the broker.
    pub(crate) fn address(&self) -> Option<(&str, u16)> {
        let (host, port) = self.broker.rsplit_once(':')?;
        let plain = !host.contains([':', '/', ' ']) || (host.starts_with('[') && host.ends_with(']'));
        let port = port.parse().ok().filter(|port| *port != 0)?;
        (!host.is_empty() && plain).then_some((host, port))
    }

    pub(crate) fn site_shard(&self) -> &str {
        self.shards.first().map_or(SHARD, String::as_str)
    }
}

pub(crate) fn is_shard(text: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
    !text.is_empty() && text.len() <= 32 && text.bytes().all(plain)
}

impl fmt::Debug for LineSettings {
    /// Says nothing of the password.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LineSettings")
            .field("broker", &self.broker)
            .field("username", &self.username)
            .field("client_id", &self.client_id)
            .field("shards", &self.shards)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(change: impl FnOnce(&mut LineSettings)) -> Option<&'static str> {
        let mut settings = LineSettings::new("broker.example:1883", "edge-1");
        change(&mut settings);
        settings.check().err().map(|error| error.setting)
    }

    #[test]
    fn settings_are_tested_at_their_edges() {
        assert_eq!(refused(|_| {}), None);
        for broker in ["broker.example", "broker.example:0", ":1883", "http://broker:1883", "b:65536"] {
            assert_eq!(refused(|s| s.broker = broker.to_owned()), Some("broker"), "{broker}");
        }
        assert_eq!(refused(|s| s.broker = "[::1]:1883".to_owned()), None);
        assert_eq!(refused(|s| s.keep_alive_s = 4), Some("keep_alive_s"));
        assert_eq!(refused(|s| s.keep_alive_s = 5), None);
        assert_eq!(refused(|s| s.shards = vec!["a/b".to_owned()]), Some("shards"));
        assert_eq!(refused(|s| s.client_id = "x".repeat(129)), Some("client_id"));
        assert_eq!(refused(|s| s.reconnect_after_ms = 0), Some("reconnect_after_ms"));
    }

    #[test]
    fn the_password_is_not_printed() {
        let mut settings = LineSettings::new("broker.example:1883", "edge-1");
        settings.password = Some("open sesame".to_owned());
        assert!(!format!("{settings:?}").contains("sesame"));
    }
}
