//! Layers, origins and messages of the daemons' settings.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on says so by panicking")]

use std::time::Duration;

use outpost_config::rules::SHIPPED;
use outpost_config::{
    Broker, ConfigErrors, EdgeSettings, HubSettings, Resolved, RuleBook, Settings, SourceText, check_config,
    load, resolve,
};

const SITE: &str = "[site]\nid = \"berlin-1\"\nname = \"Berlin\"\n";

fn read<S: Settings>(text: &str, variables: &[(&str, &str)]) -> Result<Resolved<S>, ConfigErrors> {
    let name = format!("{}.toml", S::DAEMON);
    let variables = variables.iter().map(|(name, text)| (name.to_string(), text.to_string()));
    resolve(Some(SourceText { name: &name, text }), variables)
}

fn edge(text: &str, variables: &[(&str, &str)]) -> Result<Resolved<EdgeSettings>, ConfigErrors> {
    read(&format!("{SITE}{text}"), variables)
}

fn hub(text: &str, variables: &[(&str, &str)]) -> Result<Resolved<HubSettings>, ConfigErrors> {
    read(text, variables)
}

/// The line of the summary that tells about a key, with single spaces.
fn told(summary: &str, key: &str) -> String {
    let line = summary.lines().find(|line| line.split_whitespace().next() == Some(key)).unwrap();
    line.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[test]
fn a_file_lies_over_the_defaults_and_variables_over_both() {
    let resolved = edge(
        "[http]\nlisten = \"127.0.0.1:1111\"\nrequest_timeout = \"5s\"\n",
        &[("OUTPOST_EDGE__HTTP__LISTEN", "127.0.0.1:2222"), ("OUTPOST_HUB__HTTP__LISTEN", "nonsense")],
    )
    .unwrap();
    let settings = &resolved.settings;
    assert_eq!(settings.http.listen.port(), 2222);
    assert_eq!(settings.http.request_timeout, Duration::from_secs(5));
    assert_eq!(settings.http.header_timeout, Duration::from_secs(10));
    assert_eq!(settings.database_path(), std::path::Path::new("/var/lib/outpost/edge/outpost.db"));
    let summary = resolved.summary.to_string();
    assert_eq!(told(&summary, "http.listen"), "http.listen 127.0.0.1:2222 env OUTPOST_EDGE__HTTP__LISTEN");
    assert_eq!(told(&summary, "http.request_timeout"), "http.request_timeout 5s file edge.toml:6");
    assert_eq!(told(&summary, "http.header_timeout"), "http.header_timeout 10s default");
    assert_eq!(told(&summary, "broker.username"), "broker.username (not set) default");
    assert_eq!(told(&summary, "site.id"), "site.id berlin-1 file edge.toml:2");
}

#[test]
fn every_mistake_is_named_with_its_place() {
    let text = r#"
[site]
name = ""
time_zone = "Berlin/Mitte"

[htpp]
listen = "127.0.0.1:1"

[http]
listen = "abc"
body_bytes_max = "1 MB"
header_timeout = 10
port = 80

[sync]
window_frames = 0
resend_after = "5 minutes"

[printers.packing]
dpi = 204
[printers."Pack 2"]
address = "192.0.2.10"

[hub]
public_key = 7
"#;
    let variables = [
        ("OUTPOST_EDGE__WRITER__GROUP_MAX", "many"),
        ("OUTPOST_EDGE__CLOCK__BATTERY_BACKED", "yes"),
        ("OUTPOST_EDGE__LOG__COLOR", "red"),
        ("OUTPOST_EDGE__BROKER__PASSWORD__OLD", "hunter2"),
    ];
    let errors = read::<EdgeSettings>(text, &variables).unwrap_err();
    insta::assert_snapshot!(errors.to_string(), @r#"
    edge.toml:6: htpp: found an unknown key, allowed: the keys broker, clock, data, disk, http, hub, log, printers, retention, rules, site, sync, writer
    edge.toml:2: site.id: found nothing, allowed: 1 to 32 letters, digits, - or _ (in the file, or as OUTPOST_EDGE__SITE__ID)
    edge.toml:3: site.name: found "", allowed: text of 1 to 80 characters on one line
    edge.toml:4: site.time_zone: found "Berlin/Mitte", allowed: an IANA time zone such as Europe/Berlin
    edge.toml:13: http.port: found an unknown key, allowed: the keys body_bytes_max, header_timeout, listen, request_timeout, shutdown_timeout
    edge.toml:10: http.listen: found "abc", allowed: address:port such as 127.0.0.1:8700
    edge.toml:11: http.body_bytes_max: found "1 MB", allowed: a whole number from 16384 to 67108864
    edge.toml:12: http.header_timeout: found 10, allowed: a duration from "1s" to "1m"
    OUTPOST_EDGE__BROKER__PASSWORD__OLD: broker.password: found something else (hidden), allowed: a secret text of 1 to 512 characters
    edge.toml:25: hub.public_key: found 7, allowed: 64 hexadecimal digits
    edge.toml:17: sync.resend_after: found "5 minutes", allowed: a duration from "200ms" to "10m"
    edge.toml:16: sync.window_frames: found 0, allowed: a whole number from 1 to 256
    OUTPOST_EDGE__WRITER__GROUP_MAX: writer.group_max: found "many", allowed: a whole number from 1 to 1000
    OUTPOST_EDGE__CLOCK__BATTERY_BACKED: clock.battery_backed: found "yes", allowed: true or false
    edge.toml:22: printers.Pack 2.address: found "192.0.2.10", allowed: host:port such as hub.example:1883
    edge.toml:21: printers.Pack 2: found the name "Pack 2", allowed: 1 to 64 of a-z, 0-9, - and _, beginning with a letter or digit
    edge.toml:19: printers.packing.address: found nothing, allowed: host:port such as hub.example:1883 (in the file, or as OUTPOST_EDGE__PRINTERS__PACKING__ADDRESS)
    edge.toml:20: printers.packing.dpi: found 204, allowed: 203, 300, 600
    OUTPOST_EDGE__LOG__COLOR: log.color: found an unknown key, allowed: the keys format, level
    "#);
}

#[test]
fn every_mistake_of_a_hub_is_named_with_its_place() {
    let text = r#"
[database]
url = "mysql://root:hunter2@db/outpost"

[broker]
mode = "cloud"

[channels.shopify.main]
domain = "https://shop.example"
webhook_secret = "short"
default_service = "drone"
currency = "euro"

[channels.shopify.outlet]
domain = "outlet.example"

[sscc]
company_prefix = 4012345
extension_digit = 10

[log]
level = "loud"
format = "xml"
"#;
    let errors = hub(text, &[]).unwrap_err();
    insta::assert_snapshot!(errors.to_string(), @r#"
    hub.toml:3: database.url: found "mysql://…", allowed: sqlite://path or postgres://user:password@host:port/name
    hub.toml:6: broker.mode: found "cloud", allowed: "embedded", "external"
    hub.toml:9: channels.shopify.main.domain: found "https://shop.example", allowed: a domain such as shop.myshopify.com
    hub.toml:10: channels.shopify.main.webhook_secret: found something else (hidden), allowed: a secret text of 8 to 512 characters
    hub.toml:11: channels.shopify.main.default_service: found "drone", allowed: "ship", "pickup"
    hub.toml:12: channels.shopify.main.currency: found "euro", allowed: three capital letters such as EUR
    hub.toml:14: channels.shopify.outlet.webhook_secret: found nothing, allowed: a secret text of 8 to 512 characters (in the file, or as OUTPOST_HUB__CHANNELS__SHOPIFY__OUTLET__WEBHOOK_SECRET)
    hub.toml:14: channels.shopify.outlet.currency: found nothing, allowed: three capital letters such as EUR (in the file, or as OUTPOST_HUB__CHANNELS__SHOPIFY__OUTLET__CURRENCY)
    hub.toml:18: sscc.company_prefix: found 4012345, allowed: 4 to 12 digits in quotes such as "4012345"
    hub.toml:19: sscc.extension_digit: found 10, allowed: a whole number from 0 to 9
    hub.toml:22: log.level: found "loud", allowed: off, error, warn, info, debug, trace, or directives such as info,outpost_edge=debug
    hub.toml:23: log.format: found "xml", allowed: "text", "json"
    "#);
}

#[test]
fn what_is_not_toml_is_named_by_its_line_without_quoting_it() {
    let errors = hub("[api]\ntoken = \"hunter2hunter2hunter2\n[log]\nlevel = \n", &[]).unwrap_err();
    insta::assert_snapshot!(errors.to_string(), @r#"
    hub.toml:2: found a line that is not TOML (invalid basic string, expected `"`), allowed: `key = value` lines and `[section]` headers
    hub.toml:4: found a line that is not TOML (string values must be quoted, expected literal string), allowed: `key = value` lines and `[section]` headers
    "#);
}

#[test]
fn a_site_without_a_name_says_how_to_give_one() {
    let errors = resolve::<EdgeSettings>(None, Vec::new()).unwrap_err();
    insta::assert_snapshot!(errors.to_string(), @r#"
    default: site.id: found nothing, allowed: 1 to 32 letters, digits, - or _ (in the file, or as OUTPOST_EDGE__SITE__ID)
    default: site.name: found nothing, allowed: text of 1 to 80 characters on one line (in the file, or as OUTPOST_EDGE__SITE__NAME)
    "#);
}

#[test]
fn limits_are_allowed_and_one_step_beyond_is_not() {
    for (key, least, most, beyond) in [
        ("SYNC__WINDOW_FRAMES", "1", "256", ["0", "257"]),
        ("SYNC__FRAME_BYTES_MAX", "4096", "131_072", ["4095", "131073"]),
        ("SYNC__FRAME_CHANGES_MAX", "1", "1000", ["0", "1001"]),
        ("SYNC__INFLATED_BYTES_MAX", "131072", "1048576", ["131071", "1048577"]),
        ("SYNC__CHANGE_OPERATIONS_MAX", "1", "256", ["0", "257"]),
        ("SYNC__CASE_EVENTS_MAX", "16", "4000", ["15", "4001"]),
        ("SYNC__DOCUMENTS_MAX", "16", "1000000", ["15", "1000001"]),
        ("SYNC__HELLO_INTERVAL", "1s", "10m", ["999ms", "10m1s"]),
        ("WRITER__GROUP_MAX", "1", "1000", ["0", "1001"]),
        ("WRITER__QUEUE_MAX", "16", "100000", ["15", "100001"]),
        ("CLOCK__DRIFT_PPM_MAX", "1", "5000", ["0", "5001"]),
        ("CLOCK__ERROR_MAX", "100ms", "60s", ["99ms", "1m1ms"]),
        ("HTTP__BODY_BYTES_MAX", "16384", "67108864", ["16383", "67108865"]),
        ("HTTP__LISTEN", "127.0.0.1:0", "[::1]:65535", ["127.0.0.1", "localhost:1"]),
        ("BROKER__ADDRESS", "hub.example:1", "[2001:db8::1]:65535", ["hub.example:0", "2001:db8::1"]),
        ("BROKER__USERNAME", "u", "", ["two\nlines", "a\tb"]),
        ("DATA__DATABASE", "a", "outpost.db", ["../outpost.db", ".."]),
        ("PRINTERS__A__DPI", "203", "600", ["204", "-203"]),
        ("LOG__LEVEL", "trace", "warn,outpost_edge::http=debug", ["verbose", "outpost_edge=loud"]),
    ] {
        let name = format!("OUTPOST_EDGE__{key}");
        let printer = ("OUTPOST_EDGE__PRINTERS__A__ADDRESS", "192.0.2.1:9100");
        for text in [least, most] {
            let read = edge("", &[(&name, text), printer]);
            assert!(read.is_ok(), "{key} {text}: {}", read.unwrap_err());
        }
        for text in beyond {
            let errors = edge("", &[(&name, text), printer]).unwrap_err();
            assert_eq!(errors.0.len(), 1, "{errors}");
            assert!(errors.to_string().starts_with(&name), "{errors}");
        }
    }
}

#[test]
fn secrets_are_hidden_wherever_settings_are_shown() {
    let secret = "hunter2hunter2hunter2";
    let url = format!("postgres://outpost:{secret}@db.example/outpost?password={secret}");
    let variables = [
        ("OUTPOST_HUB__API__TOKEN", secret),
        ("OUTPOST_HUB__DATABASE__URL", url.as_str()),
        ("OUTPOST_HUB__CHANNELS__SHOPIFY__MAIN__WEBHOOK_SECRET", secret),
        ("OUTPOST_HUB__CARRIER__TOKEN", secret),
    ];
    let shop = "[channels.shopify.main]\ndomain = \"shop.example\"\ncurrency = \"EUR\"\n";
    let resolved = hub(shop, &variables).unwrap();
    let shown = format!("{:?}\n{}\n{:?}", resolved.settings, resolved.summary, resolved.summary);
    assert!(!shown.contains("hunter2"), "{shown}");
    assert_eq!(resolved.settings.database_url().expose(), url);
    assert_eq!(resolved.settings.channels.shopify["main"].webhook_secret.expose(), secret);
    let summary = resolved.summary.to_string();
    assert_eq!(told(&summary, "api.token"), "api.token (hidden) env OUTPOST_HUB__API__TOKEN");
    assert!(told(&summary, "database.url").contains("postgres://outpost:•••@db.example/outpost?…"));
}

#[test]
fn a_shop_says_what_its_names_mean() {
    let shop = "[channels.shopify.main]\ndomain = \"shop.example\"\ncurrency = \"EUR\"\n\
                webhook_secret = \"0123456789abcdef\"\ntake_test_orders = true\nservices_ours = [\"outpost\"]\n\
                [channels.shopify.main.pickup_places]\n655441491 = \"berlin-1\"\n\"Laden Mitte\" = \"berlin-1\"\n\
                [channels.shopify.main.methods]\n\"Next Day\" = \"express\"\n\
                [channels.shopify.main.variants]\n4400112233 = \"MUG-0007\"\n";
    let settings = hub(shop, &[]).unwrap().settings;
    let main = &settings.channels.shopify["main"];
    let places = main.pickup_places.as_ref().unwrap();
    assert_eq!(places["Laden Mitte"].as_str(), "berlin-1");
    assert_eq!(places["655441491"].as_str(), "berlin-1");
    assert_eq!(main.methods.as_ref().unwrap()["Next Day"], "express");
    assert_eq!(main.variants.as_ref().unwrap()["4400112233"].as_str(), "MUG-0007");
    assert!(main.take_test_orders && main.services_elsewhere.is_none());

    let wrong = shop.replace("\"Laden Mitte\" = \"berlin-1\"", "\"Laden Mitte\" = \"berlin/1\"");
    insta::assert_snapshot!(hub(&wrong, &[]).unwrap_err().to_string(), @r#"hub.toml:9: channels.shopify.main.pickup_places.Laden Mitte: found "berlin/1", allowed: a site's id such as berlin-1"#);
}

#[test]
fn a_hub_beyond_loopback_needs_a_token() {
    let open = "[http]\nlisten = \"0.0.0.0:8600\"\n";
    insta::assert_snapshot!(hub(open, &[]).unwrap_err().to_string(), @r#"
    default: api.token: found nothing, allowed: a token of 16 or more characters, since http.listen is not on loopback (in the file, or as OUTPOST_HUB__API__TOKEN)
    "#);
    hub(open, &[("OUTPOST_HUB__API__TOKEN", "0123456789abcdef")]).unwrap();
    let short = hub(open, &[("OUTPOST_HUB__API__TOKEN", "0123456789abcde")]).unwrap_err();
    assert!(!short.to_string().contains("0123456789"), "{short}");
}

#[test]
fn the_broker_is_run_or_connected_to() {
    let run = hub("", &[]).unwrap().settings.broker();
    assert_eq!(run, Broker::Embedded { listen: "127.0.0.1:1883".parse().unwrap() });
    let missing = hub("[broker]\nmode = \"external\"\n", &[]).unwrap_err();
    insta::assert_snapshot!(missing.to_string(), @r#"
    hub.toml:1: broker.address: found nothing, allowed: host:port of the external broker, since broker.mode is "external" (in the file, or as OUTPOST_HUB__BROKER__ADDRESS)
    "#);
    let external = "[broker]\nmode = \"external\"\naddress = \"broker.example:1883\"\n";
    let Broker::External { address, .. } = hub(external, &[]).unwrap().settings.broker() else {
        panic!("an external broker was asked for");
    };
    assert_eq!(address.to_string(), "broker.example:1883");
}

#[test]
fn without_a_url_the_database_is_a_file_in_the_data_folder() {
    let settings = hub("[data]\ndirectory = \"/srv/hub\"\n", &[]).unwrap().settings;
    assert_eq!(settings.database_url().expose(), "sqlite:///srv/hub/hub.db?mode=rwc");
    assert!(!settings.database_url().is_postgres());
}

#[test]
fn things_with_names_are_written_in_a_file_or_a_variable() {
    let file = "[printers.desk-2]\naddress = \"192.0.2.2:9100\"\n";
    let variables = [
        ("OUTPOST_EDGE__PRINTERS__PACKING__ADDRESS", "printer.local:9100"),
        ("OUTPOST_EDGE__PRINTERS__DESK_2__DPI", "300"),
    ];
    let printers = edge(file, &variables).unwrap().settings.printers;
    assert_eq!(printers.keys().collect::<Vec<_>>(), ["desk-2", "packing"]);
    assert_eq!(printers["desk-2"].dpi, 300);
    assert_eq!(printers["packing"].job_expiry, Duration::from_secs(30 * 60));
}

#[test]
fn an_empty_variable_leaves_an_optional_key_unset() {
    let settings = edge("", &[("OUTPOST_EDGE__BROKER__USERNAME", "")]).unwrap().settings;
    assert_eq!(settings.broker.username, None);
    let errors = edge("", &[("OUTPOST_EDGE__SITE__NAME", "")]).unwrap_err();
    assert!(errors.to_string().contains("site.name: found \"\""), "{errors}");
}

#[test]
fn enrolling_needs_both_address_and_token() {
    let url = "[hub]\nenroll_url = \"https://hub.example/\"\n";
    insta::assert_snapshot!(edge(url, &[]).unwrap_err().to_string(), @r#"
    edge.toml:4: hub.enroll_token: found nothing, allowed: a token for hub.enroll_url (in the file, or as OUTPOST_EDGE__HUB__ENROLL_TOKEN)
    "#);
    let both = edge(url, &[("OUTPOST_EDGE__HUB__ENROLL_TOKEN", "0123456789abcdef")]).unwrap();
    assert_eq!(both.settings.hub.enroll_url.as_deref(), Some("https://hub.example"));
}

#[test]
fn check_config_describes_settings_and_rules_on_one_page() {
    let folder = tempfile::tempdir().unwrap();
    let rules = folder.path().join("rules.toml");
    let settings = folder.path().join("hub.toml");
    std::fs::write(&rules, "[pickup]\nhold_days = 5\n").unwrap();
    std::fs::write(&settings, format!("[rules]\nfile = {rules:?}\n")).unwrap();
    let page = check_config::<HubSettings>(Some(&settings)).unwrap();
    assert!(page.starts_with("outpost-hub settings\n"), "{page}");
    assert!(page.contains(&format!("pickup.hold_days = 5  {}:2", rules.display())), "{page}");
    std::fs::write(&rules, "[pickup]\nhold_days = 0\n").unwrap();
    let errors = check_config::<HubSettings>(Some(&settings)).unwrap_err();
    let expected = "rules.toml:2: pickup.hold_days: found 0, allowed: a whole number from 1 to 60";
    assert!(errors.to_string().ends_with(expected), "{errors}");
    let missing = check_config::<HubSettings>(Some(&folder.path().join("none.toml"))).unwrap_err();
    assert!(missing.to_string().contains("none.toml:1: found a file that cannot be read"), "{missing}");
}

#[test]
fn a_block_of_serials_is_no_larger_than_the_prefix_allows() {
    let block = |size| format!("[sscc]\ncompany_prefix = \"401234512345\"\nblock_size = {size}\n");
    assert_eq!(hub(&block(10_000), &[]).unwrap().settings.sscc.serials(), 10_000);
    let errors = hub(&block(10_001), &[]).unwrap_err();
    assert!(errors.to_string().starts_with("hub.toml:3: sscc.block_size: found 10001"), "{errors}");
    let errors = hub("[sscc]\nblock_size = 200\n", &[]).unwrap_err();
    assert!(errors.to_string().contains("sscc.block_low: found 200"), "{errors}");
}

/// A shipped file with its commented examples switched on.
fn with_examples(text: &str) -> String {
    let switched_on = text.lines().map(|line| {
        let example = line.strip_prefix("# ").unwrap_or_default();
        let key = example.split(" = ").next().unwrap_or_default();
        let is_key = example.contains(" = ") && !key.contains(' ');
        if example.starts_with('[') || is_key { example } else { line }
    });
    switched_on.collect::<Vec<_>>().join("\n")
}

#[test]
fn the_examples_in_the_shipped_files_are_true() {
    let token = "0123456789abcdef";
    let edge_text = with_examples(EdgeSettings::DEFAULTS);
    let edge = read::<EdgeSettings>(&edge_text, &[("OUTPOST_EDGE__HUB__ENROLL_TOKEN", token)]).unwrap();
    assert_eq!(edge.settings.site.id.as_str(), "berlin-1");
    assert_eq!(edge.settings.printers["packing"].dpi, 203);
    let secret = ("OUTPOST_HUB__CHANNELS__SHOPIFY__MAIN__WEBHOOK_SECRET", token);
    let hub = read::<HubSettings>(&with_examples(HubSettings::DEFAULTS), &[secret]).unwrap();
    assert!(hub.settings.database_url().is_postgres());
    assert!(hub.settings.channels.shopify.contains_key("main"));
    let rules = RuleBook::read(Some(("rules.toml", &with_examples(SHIPPED)))).unwrap().rules;
    assert_eq!(rules.sites.len(), 1);
    assert_eq!(rules.calendars.first().hours.pickup.exceptions.len(), 1);
    assert_eq!(rules.grants.first().cap_units, Some(500));
}

/// Variables belong to a process, so this test runs itself again in one that has them.
#[test]
fn the_variables_of_the_process_are_read() {
    use std::os::unix::ffi::OsStringExt;
    const TEST: &str = "the_variables_of_the_process_are_read";
    const EXPECTED: &str = "OUTPOST_TEST_EXPECTED";
    if let Ok(expected) = std::env::var(EXPECTED) {
        let found = match load::<EdgeSettings>(None) {
            Ok(loaded) => loaded.settings.site.name,
            Err(errors) => errors.to_string(),
        };
        assert_eq!(found, expected);
        return;
    }
    let again = |name: std::ffi::OsString, expected: &str| {
        let mut command = std::process::Command::new(std::env::current_exe().unwrap());
        command.args(["--exact", TEST]).env(EXPECTED, expected);
        command.env("OUTPOST_EDGE__SITE__ID", "berlin-1").env("OUTPOST_EDGE__SITE__NAME", name);
        assert!(command.output().unwrap().status.success(), "{expected}");
    };
    again("Berlin".into(), "Berlin");
    again(
        std::ffi::OsString::from_vec(vec![0xff]),
        "OUTPOST_EDGE__SITE__NAME: found bytes that are not UTF-8, allowed: UTF-8 text",
    );
}
