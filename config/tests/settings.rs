//! Layers, origins and messages of the daemons' settings.

use outpost_config::{EdgeSettings, HubSettings, RulesHandle, resolve};

fn variables(pairs: &[(&str, &str)]) -> Vec<(String, String)> {
    pairs.iter().map(|(name, text)| (name.to_string(), text.to_string())).collect()
}

#[test]
fn the_shipped_defaults_are_whole() {
    let site = variables(&[("OUTPOST_EDGE__SITE__ID", "berlin-1"), ("OUTPOST_EDGE__SITE__NAME", "Berlin")]);
    let edge = resolve::<EdgeSettings>(None, site).unwrap();
    assert_eq!(edge.settings.site.id.as_str(), "berlin-1");
    resolve::<HubSettings>(None, Vec::new()).unwrap();
    RulesHandle::shipped().unwrap();
}
