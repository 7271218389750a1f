//! The small types that settings are made of.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use outpost_model::header::Service;

/// A password, token or key: never printed, not even by `Debug`.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    /// Wraps a secret.
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// The secret itself, for the one place that needs it.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(hidden)")
    }
}

/// A host name or address with a port, resolved when it is connected to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HostPort {
    /// A DNS name, an IPv4 address, or an IPv6 address without brackets.
    pub host: String,
    /// The TCP port, never 0.
    pub port: u16,
}

impl fmt::Display for HostPort {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.host.contains(':') {
            true => write!(f, "[{}]:{}", self.host, self.port),
            false => write!(f, "{}:{}", self.host, self.port),
        }
    }
}

impl FromStr for HostPort {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        let (host, port) = text.rsplit_once(':').ok_or(())?;
        let port: u16 = port.parse().map_err(drop)?;
        let bare = host.strip_prefix('[').and_then(|host| host.strip_suffix(']'));
        let named = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '.' || c == '_';
        let host = match bare {
            Some(address) => address.parse::<std::net::Ipv6Addr>().map_err(drop)?.to_string(),
            None if !host.is_empty() && host.chars().all(named) => host.to_string(),
            None => return Err(()),
        };
        if port == 0 { Err(()) } else { Ok(Self { host, port }) }
    }
}

/// Where the hub keeps its data: `sqlite://path` or `postgres://user:password@host/name`.
#[derive(Clone, PartialEq, Eq)]
pub struct DatabaseUrl(String);

impl DatabaseUrl {
    /// Checks the scheme; the rest is the driver's to judge.
    pub fn parse(text: &str) -> Option<Self> {
        let rest = ["sqlite://", "postgres://", "postgresql://"].iter().find_map(|s| text.strip_prefix(s))?;
        (!rest.is_empty()).then(|| Self(text.into()))
    }

    /// A SQLite database in a file, made when missing.
    pub fn sqlite_file(path: &std::path::Path) -> Self {
        Self(format!("sqlite://{}?mode=rwc", path.display()))
    }

    /// The whole URL with its password, for the driver.
    pub fn expose(&self) -> &str {
        &self.0
    }

    /// Whether it names a PostgreSQL server.
    pub fn is_postgres(&self) -> bool {
        self.0.starts_with("postgres")
    }
}

impl fmt::Display for DatabaseUrl {
    /// Without the password, wherever it stands.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (base, query) = match self.0.split_once('?') {
            Some((base, _)) if self.is_postgres() => (base, "?…"),
            _ => (self.0.as_str(), ""),
        };
        let (scheme, rest) = base.split_once("://").unwrap_or(("", base));
        let shown = match rest.rsplit_once('@') {
            Some((user, host)) => {
                let name = user.split(':').next().unwrap_or_default();
                format!("{scheme}://{name}:•••@{host}")
            }
            None => format!("{scheme}://{rest}"),
        };
        write!(f, "{shown}{query}")
    }
}

impl fmt::Debug for DatabaseUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "DatabaseUrl({self})")
    }
}

/// How log lines are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LogFormat {
    /// For people at a terminal.
    Text,
    /// One JSON object a line, for collectors.
    Json,
}

/// One value for each service.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PerService<T> {
    /// Collected by the customer at the site.
    pub pickup: T,
    /// Sent to the customer by a carrier.
    pub ship: T,
    /// Sent to another site, where the customer collects it.
    pub ship_to_store: T,
}

impl<T> PerService<T> {
    /// The value a function gives for each service.
    pub fn each(value: impl Fn(Service) -> T) -> Self {
        let [pickup, ship, ship_to_store] = [Service::Pickup, Service::Ship, Service::ShipToStore].map(value);
        Self { pickup, ship, ship_to_store }
    }

    /// The value for one service.
    pub fn get(&self, service: Service) -> &T {
        match service {
            Service::Pickup => &self.pickup,
            Service::Ship => &self.ship,
            Service::ShipToStore => &self.ship_to_store,
        }
    }
}

/// Reads `90s`, `10m`, `1h30m`, `250ms`; the units are ms, s, m, h and d, the larger ones first.
pub fn parse_duration(text: &str) -> Option<Duration> {
    const UNITS: [(&str, u64); 5] =
        [("d", 86_400_000), ("h", 3_600_000), ("m", 60_000), ("s", 1000), ("ms", 1)];
    let mut rest = text.trim();
    let mut smaller = &UNITS[..];
    let mut total: u64 = 0;
    if rest.is_empty() {
        return None;
    }
    while !rest.is_empty() {
        let digits = rest.find(|c: char| !c.is_ascii_digit())?;
        let (number, tail) = rest.split_at(digits);
        let letters = tail.find(|c: char| !c.is_ascii_lowercase()).unwrap_or(tail.len());
        let (unit, tail) = tail.split_at(letters);
        let index = smaller.iter().position(|(name, _)| *name == unit)?;
        total = total.checked_add(number.parse::<u64>().ok()?.checked_mul(smaller[index].1)?)?;
        smaller = &smaller[index + 1..];
        rest = tail;
    }
    Some(Duration::from_millis(total))
}

/// Writes a duration the way [`parse_duration`] reads it, in its one canonical form.
pub fn show_duration(duration: Duration) -> String {
    let mut left = duration.as_millis();
    let mut text = String::new();
    for (unit, millis) in [("d", 86_400_000), ("h", 3_600_000), ("m", 60_000), ("s", 1000), ("ms", 1)] {
        if left >= millis {
            text.push_str(&format!("{}{unit}", left / millis));
            left %= millis;
        }
    }
    if text.is_empty() { "0s".into() } else { text }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn durations_are_written_from_the_largest_unit_down() {
        let millis = |text| parse_duration(text).map(|duration| duration.as_millis());
        for (text, expected) in
            [("0s", 0), ("250ms", 250), ("90s", 90_000), ("1h30m", 5_400_000), ("7d", 604_800_000)]
        {
            assert_eq!(millis(text), Some(expected), "{text}");
        }
        for text in
            ["", "5", "s", "5 s", "1m1h", "1h1h", "-1s", "1.5h", "1w", "1ms1s", "99999999999999999999s", "5S"]
        {
            assert_eq!(millis(text), None, "{text}");
        }
        assert_eq!(millis("213503982334601d"), None, "more milliseconds than fit");
    }

    #[test]
    fn hosts_have_a_port() {
        for text in ["hub:1883", "192.0.2.1:1", "[2001:db8::1]:65535", "a-b.example:80"] {
            assert_eq!(text.parse::<HostPort>().map(|found| found.to_string()).as_deref(), Ok(text));
        }
        for text in
            ["hub", "hub:", ":1883", "hub:0", "hub:65536", "mqtt://hub:1883", "a b:1", "::1:80", "[hub]:80"]
        {
            assert!(text.parse::<HostPort>().is_err(), "{text}");
        }
    }

    #[test]
    fn a_database_url_shows_everything_but_its_password() {
        for (text, shown) in [
            ("sqlite:///srv/hub.db?mode=rwc", "sqlite:///srv/hub.db?mode=rwc"),
            ("postgres://db/outpost", "postgres://db/outpost"),
            ("postgres://me:p@ss@db:5432/outpost", "postgres://me:•••@db:5432/outpost"),
            ("postgresql://db/outpost?password=pass", "postgresql://db/outpost?…"),
        ] {
            assert_eq!(DatabaseUrl::parse(text).unwrap().to_string(), shown);
        }
        for text in ["mysql://db/outpost", "sqlite://", "outpost.db", ""] {
            assert_eq!(DatabaseUrl::parse(text), None, "{text}");
        }
    }

    proptest! {
        #[test]
        fn a_duration_is_read_as_it_is_shown(millis in any::<u32>()) {
            let duration = Duration::from_millis(u64::from(millis));
            prop_assert_eq!(parse_duration(&show_duration(duration)), Some(duration));
        }
    }
}
