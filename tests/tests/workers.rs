//! Two real hubs on one PostgreSQL and one Mosquitto: one is stopped in the middle of its work and wakes up late, the
//! other one is killed. The sites never notice more than a pause, and everything they sent is there once.

#![allow(clippy::unwrap_used)]

#[path = "../../hub/tests/replicate/site.rs"]
#[allow(dead_code, reason = "the hub's own tests use the rest of it")]
mod site;

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use outpost_lab::api::Api;
use outpost_lab::demo::broker::Broker;
use outpost_lab::demo::chain::ChainOptions;
use outpost_lab::demo::settings;
use outpost_lab::demo::supervisor::{Service, free_port};
use outpost_model::id::{DocumentKey, Sku};
use outpost_model::page::{LedgerFact, SkuQty};
use outpost_model::quantity::Quantity;
use outpost_mqtt::{Line, LineEvent, LineSettings, Role};
use outpost_sync::{Input, Now, PublicIdentity};
use serde_json::json;
use sqlx::{AssertSqlSafe, Connection, Row};
use tokio_util::sync::CancellationToken;

use self::site::SimSite;

const SITES: usize = 6;
/// Grants of one unit that each site writes, and the pause between two.
const GRANTS: u64 = 400;
const PAUSE: Duration = Duration::from_millis(60);
/// The shard in the topics that daemons use unless told otherwise.
const SHARD: &str = "s0";
/// How long a worker that is not heard of keeps its sites.
const LEASE: &str = "3s";
/// Longer than PostgreSQL lets a session stand still within a transaction.
const STOPPED: Duration = Duration::from_secs(13);
const PATIENCE: Duration = Duration::from_secs(120);

/// A hub process.
struct Hub {
    api: Api,
    service: Service,
}

impl Hub {
    async fn start(at: &Path, name: &str, broker: &Broker, (database, keys): (&str, &str)) -> Self {
        let lab = PathBuf::from(env!("CARGO_BIN_EXE_outpost-lab"));
        let port = free_port().unwrap();
        let options = ChainOptions {
            hub_database: Some(database.to_owned()),
            broker: "mosquitto".to_owned(),
            keep: None,
            seed: 1,
            lab: None,
            plenty: None,
            usual_pace: false,
            sites: None,
            copies: false,
        };
        // No label is bought here, so nobody listens.
        let config = settings::hub(at, port, broker, "http://127.0.0.1:9", &options).unwrap();
        let service = Service::daemon(&lab, name, "hub", &config, at)
            .unwrap()
            .with_variable("OUTPOST_HUB__CHANNELS__SHOPIFY__DEMO__WEBHOOK_SECRET", "of no use here")
            .with_variable("OUTPOST_HUB__VAULT__URL", keys)
            .with_variable("OUTPOST_HUB__DATABASE__LEASE", LEASE);
        let api = Api::new(format!("http://127.0.0.1:{port}")).unwrap();
        service.start().await.unwrap();
        service.wait_ready(&api).await.unwrap();
        Self { api, service }
    }

    async fn signal(&self, name: &str) {
        let pid = self.service.pid().await.unwrap().to_string();
        assert!(Command::new("kill").args([name, &pid]).status().unwrap().success());
    }
}

async fn database() -> Option<String> {
    let Ok(server) = std::env::var("OUTPOST_TEST_POSTGRES") else {
        let chosen = std::env::var("OUTPOST_TEST_DATABASES").unwrap_or_default();
        assert_eq!(chosen, "sqlite", "OUTPOST_TEST_POSTGRES names no PostgreSQL server");
        return None;
    };
    sqlx::any::install_default_drivers();
    let name = format!("workers_{}", uuid::Uuid::from_u128(rand::random()).simple());
    let mut connection = sqlx::AnyConnection::connect(&server).await.unwrap();
    sqlx::raw_sql(AssertSqlSafe(format!("CREATE DATABASE {name}"))).execute(&mut connection).await.unwrap();
    let (base, _) = server.rsplit_once('/').unwrap();
    Some(format!("{base}/{name}"))
}

async fn enroll(hub: &Api, id: &str) -> SimSite {
    let path = format!("/v1/sites/{id}");
    let token =
        hub.post(&format!("{path}/enrollment-tokens"), &json!({})).await.unwrap().ok("token").unwrap();
    // The site must know the hub's key, and the hub the site's: one is made to learn the other.
    let probe = SimSite::new(id, PublicIdentity::from_bytes(&probe_key()).unwrap());
    let public = probe.public().to_hex();
    let body = json!({ "token": token["token"], "install": &public[..32], "public_key": public });
    let answer = hub.post(&format!("{path}/enroll"), &body).await.unwrap().ok("enroll").unwrap();
    let key = PublicIdentity::from_hex(answer["hub_public_key"].as_str().unwrap()).unwrap();
    probe.knowing(key)
}

/// Any valid key, until the hub's is known.
fn probe_key() -> [u8; PublicIdentity::BYTES] {
    use rand::SeedableRng;
    outpost_sync::Identity::generate(&mut rand::rngs::StdRng::seed_from_u64(1)).public().to_bytes()
}

/// One site's day: a grant every now and then, whatever becomes of the hubs, until all of it is acknowledged.
async fn work(mut site: SimSite, broker: String) {
    let cancel = CancellationToken::new();
    let client = format!("edge-{}-{}", site.id, site.incarnation);
    let mut settings = LineSettings::new(broker, client);
    settings.shards = vec![SHARD.to_owned()];
    let (mut line, task) = Line::start(settings, Role::Site(site.id.clone()), cancel.clone()).unwrap();
    let page = DocumentKey::Ledger(site.id.clone(), 0);
    site.found(&page);
    let begun = Instant::now();
    let now = || Now { boot_ms: begun.elapsed().as_millis() as u64 + 1, wall_ms: 1_763_874_000_000 };
    let (mut written, mut next) = (0, begun);
    while written < GRANTS || site.unacknowledged() > 0 {
        assert!(begun.elapsed() < PATIENCE, "{}: {}", site.id, site.state());
        let input = tokio::select! {
            event = line.events.recv() => match event.unwrap() {
                LineEvent::Up => Input::LineUp,
                LineEvent::Down { .. } => Input::LineDown,
                LineEvent::Frame { bytes, .. } => Input::Received(bytes),
                LineEvent::TooLarge(_) => Input::TooLarge,
            },
            () = tokio::time::sleep_until(next.into()) => {
                next += PAUSE;
                if written < GRANTS {
                    let units = vec![SkuQty { sku: Sku::new("A-1").unwrap(), qty: Quantity::ONE }];
                    site.write(&page, LedgerFact::Granted { units });
                    written += 1;
                    Input::Woken
                } else {
                    Input::Tick
                }
            }
        };
        for input in [input, Input::Tick] {
            for frame in site.give(now(), input) {
                line.publisher.publish(&site.id, frame);
            }
        }
    }
    cancel.cancel();
    task.await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_hubs_share_sites_and_neither_a_stopped_nor_a_killed_one_loses_or_doubles_anything() {
    let Some(data) = database().await else { return };
    let Some(keys) = database().await else { return };
    let databases = (data.as_str(), keys.as_str());
    let folder = tempfile::tempdir().unwrap();
    let broker = Broker::prepare("mosquitto", folder.path()).unwrap();
    broker.start().await.unwrap();
    let [at_a, at_b] = ["a", "b"].map(|name| folder.path().join(name));
    std::fs::create_dir_all(at_a.join("hub")).unwrap();
    std::fs::create_dir_all(at_b.join("hub")).unwrap();
    let a = Hub::start(&at_a, "hub-a", &broker, databases).await;
    let mut csv =
        "site,name,kind,zone,country,postal_code,latitude,longitude,services,capacity_per_day,priority\n"
            .to_owned();
    let names: Vec<String> = (0..SITES).map(|n| format!("store-{n}")).collect();
    for name in &names {
        csv.push_str(&format!("{name},{name},store,Europe/Berlin,DE,10115,52.5,13.4,pickup|ship,0,1\n"));
    }
    let head = [("content-type", "text/csv")];
    a.api.post_bytes("/v1/imports/sites", csv.into_bytes(), &head).await.unwrap().ok("import").unwrap();
    for file in ["hub.key", "hub.witness"] {
        std::fs::copy(at_a.join("hub").join(file), at_b.join("hub").join(file)).unwrap();
    }
    let b = Hub::start(&at_b, "hub-b", &broker, databases).await;
    let mut sites = Vec::new();
    for name in &names {
        sites.push(enroll(&a.api, name).await);
    }
    let working: Vec<_> =
        sites.into_iter().map(|site| tokio::spawn(work(site, broker.address().to_owned()))).collect();
    let mut db = sqlx::AnyConnection::connect(&data).await.unwrap();
    let share = "SELECT COUNT(DISTINCT worker) FROM site_lease WHERE worker <> ''";
    let begun = Instant::now();
    while number(&mut db, share).await < 2 {
        assert!(begun.elapsed() < PATIENCE, "the hubs do not share the sites");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    tokio::time::sleep(Duration::from_secs(2)).await;
    a.signal("-STOP").await;
    tokio::time::sleep(STOPPED).await;
    assert_eq!(number(&mut db, share).await, 1, "the other hub has taken over");
    a.signal("-CONT").await;
    tokio::time::sleep(Duration::from_secs(4)).await;
    b.service.stop().await;
    for site in working {
        site.await.unwrap();
    }
    let written = GRANTS as i64 * SITES as i64;
    assert_eq!(number(&mut db, "SELECT CAST(SUM(granted) AS BIGINT) FROM rights").await, written);
    let items = "SELECT COUNT(*) FROM item WHERE origin = 1";
    assert_eq!(number(&mut db, items).await, written + SITES as i64, "every change, and the founding ones");
    assert_eq!(number(&mut db, "SELECT COUNT(*) FROM quarantine").await, 0);
    let ended = "SELECT CAST(MIN(epoch) AS BIGINT) FROM site_lease";
    assert!(number(&mut db, ended).await >= 1);
    a.service.stop().await;
}

async fn number(db: &mut sqlx::AnyConnection, sql: &'static str) -> i64 {
    sqlx::query(sql).fetch_one(db).await.unwrap().try_get(0).unwrap()
}
