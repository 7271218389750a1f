//! Topics: `outpost/v1/{shard}/{site}/{up|down}`.

use outpost_model::id::SiteId;

use crate::Role;
use crate::settings::{LineSettings, is_shard};

const PREFIX: &str = "outpost/v1";

/// A topic, understood.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Topic<'a> {
    pub shard: &'a str,
    pub site: SiteId,
    pub up: bool,
}

pub(crate) fn up(shard: &str, site: &SiteId) -> String {
    format!("{PREFIX}/{shard}/{site}/up")
}

pub(crate) fn down(shard: &str, site: &SiteId) -> String {
    format!("{PREFIX}/{shard}/{site}/down")
}

/// What a line listens to.
pub(crate) fn filters(settings: &LineSettings, role: &Role) -> Vec<String> {
    match role {
        Role::Site(site) => vec![down(settings.site_shard(), site)],
        Role::Hub if settings.shards.is_empty() => vec![format!("{PREFIX}/+/+/up")],
        Role::Hub => settings.shards.iter().map(|shard| format!("{PREFIX}/{shard}/+/up")).collect(),
    }
}

pub(crate) fn parse(topic: &str) -> Option<Topic<'_>> {
    let mut parts = topic.strip_prefix(PREFIX)?.strip_prefix('/')?.split('/');
    let shard = parts.next().filter(|shard| is_shard(shard))?;
    let site = SiteId::new(parts.next()?).ok()?;
    let up = match parts.next()? {
        "up" => true,
        "down" => false,
        _ => return None,
    };
    parts.next().is_none().then_some(Topic { shard, site, up })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_topic_reads_back() {
        let site: SiteId = "berlin-1".parse().unwrap();
        let topic = parse("outpost/v1/0/berlin-1/up").unwrap();
        assert_eq!(topic, Topic { shard: "0", site: site.clone(), up: true });
        assert_eq!(up("0", &site), "outpost/v1/0/berlin-1/up");
        assert_eq!(parse(&down("a", &site)).map(|topic| topic.up), Some(false));
    }

    #[test]
    fn foreign_topics_are_nothing() {
        for topic in [
            "outpost/v1/0/berlin-1",
            "outpost/v1/0/berlin-1/sideways",
            "outpost/v1/0/berlin-1/up/more",
            "outpost/v2/0/berlin-1/up",
            "outpost/v1//berlin-1/up",
            "outpost/v1/0/ber lin/up",
        ] {
            assert_eq!(parse(topic), None, "{topic}");
        }
    }

    #[test]
    fn the_hub_listens_to_its_shards_or_to_all() {
        let mut settings = LineSettings::new("b:1", "hub");
        assert_eq!(filters(&settings, &Role::Hub), ["outpost/v1/0/+/up"]);
        settings.shards = vec![];
        assert_eq!(filters(&settings, &Role::Hub), ["outpost/v1/+/+/up"]);
    }
}
