//! What the hub's tests share: a hub on either database, and the double of a site that reads the hub's stream and
//! writes facts the way a site's daemon does.
#![allow(dead_code, unused_imports, reason = "every test binary uses its own part of this")]

pub mod database;
pub mod site;

use std::sync::Arc;

use outpost_config::{HubSettings, RulesHandle, SourceText, resolve};
use outpost_daemon::Supervisor;
use outpost_hub::app::import::{self, Kind, Report};
use outpost_hub::app::{cancel, capture, stand};
use outpost_hub::connect::{Captured, canonical};
use outpost_hub::replicate::notice;
use outpost_hub::store::payload::Payload;
use outpost_hub::store::query::timeline::{self, OrderDetail};
use outpost_hub::{Hub, HubError, Verdict, start, work};
use outpost_model::id::{OrderId, ReasonCode, SiteId};
use serde_json::{Value, json};

pub use database::Database;
pub use site::SiteDouble;

/// Runs each test on both databases.
#[macro_export]
macro_rules! on_both {
    ($($name:ident),* $(,)?) => {
        mod sqlite {
            $( #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $name() { super::$name($crate::common::Database::sqlite()).await } )*
        }
        mod postgres {
            $( #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $name() {
                if let Some(database) = $crate::common::Database::postgres().await {
                    super::$name(database).await
                }
            } )*
        }
    };
}

/// Rules by which sites are always open, so that no test depends on the hour it runs at.
pub fn rules() -> RulesHandle {
    let mut text = String::from("[routing]\nsort = [\"priority\", \"distance\"]\n");
    for service in ["pickup", "ship", "ship_to_store"] {
        text.push_str(&format!("[calendars.standard.open.{service}]\n"));
        for day in ["monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"] {
            text.push_str(&format!("{day} = [\"00:00-24:00\"]\n"));
        }
    }
    text.push_str("[calendars.standard.collections.default]\ncutoffs = [\"23:00\"]\n");
    text.push_str(
        "days = [\"monday\", \"tuesday\", \"wednesday\", \"thursday\", \"friday\", \"saturday\", \"sunday\"]\n",
    );
    RulesHandle::new("test rules", &text).unwrap()
}

/// Settings of a hub on this database, with some lines of one's own.
pub fn settings(database: &Database, more: &str) -> HubSettings {
    let text = format!(
        "{more}\n[data]\ndirectory = {:?}\n[database]\nurl = {:?}\n",
        database.directory.path().display().to_string(),
        database.url,
    );
    resolve(Some(SourceText { name: "test", text: &text }), []).unwrap().settings
}

/// A hub whose writer runs and that listens nowhere.
pub struct TestHub {
    pub hub: Hub,
    supervisor: Supervisor,
}

impl TestHub {
    pub async fn open(database: &Database) -> Self {
        Self::with_settings(settings(database, "")).await
    }

    pub async fn with_settings(settings: HubSettings) -> Self {
        let supervisor = Supervisor::new();
        let hub = start::open(settings, rules(), &supervisor).await.unwrap();
        Self { hub, supervisor }
    }

    /// A hub with a clock whose hands the test sets.
    pub async fn with_clock(database: &Database, clock: outpost_daemon::Clock) -> Self {
        let supervisor = Supervisor::new();
        let (settings, entropy) = (settings(database, ""), outpost_hub::ids::Entropy::System);
        let hub = start::open_with(settings, rules(), &supervisor, clock, entropy).await.unwrap();
        Self { hub, supervisor }
    }

    /// Ends it as a crash would: nothing is waited for.
    pub async fn close(self) {
        self.supervisor.shut_down();
        self.hub.store.close().await;
    }

    /// Two stores and a warehouse, three products.
    pub async fn with_sites(database: &Database) -> Self {
        let hub = Self::open(database).await;
        hub.import_sites().await;
        hub
    }

    pub async fn import_sites(&self) {
        let hub = self;
        let sites = "site,name,kind,zone,country,postal_code,latitude,longitude,services,capacity_per_day,priority\n\
            berlin-1,Berlin,store,Europe/Berlin,DE,10115,52.53,13.38,pickup|ship,0,1\n\
            hamburg-1,Hamburg,store,Europe/Berlin,DE,20095,53.55,10.0,pickup|ship,0,2\n\
            wh-1,Warehouse,warehouse,Europe/Berlin,DE,38100,52.26,10.52,ship,0,3\n";
        hub.import(Kind::Sites, sites).await;
        let mut products =
            "sku,title,class,unit,weight_g,length_mm,width_mm,height_mm,price_minor,currency\n".to_owned();
        for sku in ["A-1", "B-2", "C-3"] {
            products.push_str(&format!("{sku},Product {sku},,,500,100,80,60,1999,EUR\n"));
        }
        hub.import(Kind::Products, &products).await;
        for site in ["berlin-1", "hamburg-1", "wh-1"] {
            hub.hear(site).await;
        }
    }

    pub async fn import(&self, kind: Kind, text: &str) -> Report {
        let text: Arc<str> = text.into();
        self.hub
            .writer
            .run("imports", move |unit| {
                let text = text.clone();
                Box::pin(async move { import::import(unit, kind, text.as_bytes()).await })
            })
            .await
            .unwrap()
            .unwrap()
    }

    /// The site was heard of just now.
    pub async fn hear(&self, site: &str) {
        let site = SiteId::new(site).unwrap();
        self.hub
            .writer
            .run(site.clone(), move |unit| {
                let site = site.clone();
                Box::pin(async move { notice::heard(unit, &site, true).await })
            })
            .await
            .unwrap();
    }

    pub async fn capture(&self, payload: &Value) -> Result<capture::Answer, HubError> {
        self.capture_read(self.read(payload)).await
    }

    /// What the canonical reader makes of a payload.
    pub fn read(&self, payload: &Value) -> Captured {
        let body = serde_json::to_vec(payload).unwrap();
        canonical::read(&body, OrderId(self.hub.ids().uuid()), self.hub.now()).unwrap()
    }

    pub async fn capture_read(&self, read: Captured) -> Result<capture::Answer, HubError> {
        let raw =
            Payload { channel: "test".into(), topic: String::new(), delivery: String::new(), body: vec![1] };
        let key = read.order.channel_ref.clone();
        let shared = Arc::new((read, raw));
        self.hub
            .writer
            .run(key, move |unit| {
                let shared = shared.clone();
                Box::pin(async move { capture::capture(unit, &shared.0, &shared.1).await })
            })
            .await
    }

    /// Captures an order that must be new.
    pub async fn order(&self, payload: &Value) -> OrderId {
        match self.capture(payload).await.unwrap() {
            capture::Answer::New(id) => id,
            capture::Answer::Repeated(id) => panic!("{id} was here before"),
        }
    }

    /// Routes everything that is due.
    pub async fn route(&self) {
        work::routing::all(&self.hub, true).await.unwrap();
    }

    pub async fn detail(&self, id: OrderId) -> OrderDetail {
        timeline::detail(self.hub.store.read(), id, self.hub.life.incarnation).await.unwrap().unwrap()
    }

    pub async fn approve(&self, id: OrderId) {
        self.hub.writer.run(id, move |unit| Box::pin(stand::approve(unit, id))).await.unwrap().unwrap();
    }

    pub async fn cancel(&self, id: OrderId, code: &str) -> Verdict<cancel::Cancelled> {
        let reason = ReasonCode::new(code).unwrap();
        self.hub
            .writer
            .run(id, move |unit| {
                let reason = reason.clone();
                Box::pin(async move { cancel::cancel(unit, id, &reason, &[]).await })
            })
            .await
            .unwrap()
    }

    pub async fn hold(&self, id: OrderId, code: &str) {
        let reason = ReasonCode::new(code).unwrap();
        self.hub
            .writer
            .run(id, move |unit| {
                let reason = reason.clone();
                Box::pin(async move { stand::hold(unit, id, &reason).await })
            })
            .await
            .unwrap()
            .unwrap();
    }

    pub async fn exceptions(&self) -> Vec<String> {
        let filter = outpost_hub::store::query::exceptions::Filter { limit: 200, ..Default::default() };
        let list = outpost_hub::store::query::exceptions::list(self.hub.store.read(), &filter).await.unwrap();
        let mut codes: Vec<String> = list.into_iter().map(|exception| exception.code).collect();
        codes.sort();
        codes
    }

    pub async fn stats(&self) -> outpost_hub::store::query::stats::Stats {
        outpost_hub::store::query::stats::read(self.hub.store.read()).await.unwrap()
    }
}

/// A paid order to be shipped.
pub fn ship_order(reference: &str, lines: &[(&str, u32)]) -> Value {
    order(
        reference,
        lines,
        json!({ "service": "ship", "country": "DE", "postal_code": "10117", "method": "standard" }),
    )
}

/// A paid order to be collected.
pub fn pickup_order(reference: &str, site: &str, lines: &[(&str, u32)]) -> Value {
    order(reference, lines, json!({ "service": "pickup", "site": site }))
}

fn order(reference: &str, lines: &[(&str, u32)], delivery: Value) -> Value {
    let price = json!({ "minor": 1999, "currency": "EUR" });
    let lines: Vec<Value> = lines
        .iter()
        .map(|(sku, qty)| json!({ "sku": sku, "title": sku, "qty": qty, "unit_price": price }))
        .collect();
    json!({
        "order": {
            "channel": "web",
            "channel_ref": reference,
            "number": format!("#{reference}"),
            "currency": "EUR",
            "total": { "minor": 1999, "currency": "EUR" },
            "lines": lines,
            "delivery": delivery,
            "payment": "paid",
        },
        "contact": {
            "name": "Ada Example", "address": ["Street 1"], "city": "Berlin",
            "postal_code": "10117", "country": "DE"
        }
    })
}
