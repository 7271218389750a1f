//! A hub that runs, with one enrolled site that has granted rights: enough for an order to be routed.

use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit, Mac};
use outpost_config::{HubSettings, load, load_rules};
use outpost_daemon::Supervisor;
use outpost_hub::Hub;
use outpost_hub::start::start;
use outpost_hub::store::line;
use outpost_sync::Identity;
use reqwest::{Client, Method};
use serde_json::{Value, json};
use sha2::Sha256;

const SECRET: &str = "a secret for tests";
const TOKEN: &str = "a token of the operators";

pub struct Chain {
    hub: Hub,
    address: String,
    client: Client,
    /// What the first calls answered: method, address as described, status and body.
    pub answers: Vec<(&'static str, &'static str, u16, Value)>,
    stop: tokio::sync::oneshot::Sender<()>,
    ended: tokio::task::JoinHandle<()>,
    _folder: tempfile::TempDir,
}

impl Chain {
    pub async fn start() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("hub.toml");
        let text = format!(
            "[data]\ndirectory = {:?}\n[http]\nlisten = \"127.0.0.1:0\"\n[api]\ntoken = {TOKEN:?}\n\
             [broker]\nlisten = \"127.0.0.1:0\"\n\
             [channels.shopify.main]\ndomain = \"shop-1.example\"\nwebhook_secret = {SECRET:?}\ncurrency = \"EUR\"\n",
            folder.path().join("data")
        );
        std::fs::write(&path, text).unwrap();
        let settings = load::<HubSettings>(Some(&path)).unwrap().settings;
        let supervisor = Supervisor::new();
        let running = start(settings, load_rules(None).unwrap(), &supervisor).await.unwrap();
        let (stop, stopped) = tokio::sync::oneshot::channel();
        let ended = tokio::spawn(async move {
            let asked = async { drop(stopped.await) };
            supervisor.run(asked, Duration::from_secs(10)).await.unwrap();
        });
        let address = format!("http://{}", running.http);
        let (client, answers) = (Client::new(), Vec::new());
        let mut chain = Self { hub: running.hub, address, client, answers, stop, ended, _folder: folder };
        chain.fill().await;
        chain
    }

    /// Imports, enrollment, and what the site's first contact would bring.
    async fn fill(&mut self) {
        let sites = "site,name,kind,zone,country,postal_code,latitude,longitude,services,capacity_per_day,priority\n\
                     berlin-1,Berlin Mitte,store,Europe/Berlin,DE,10115,52.5,13.4,pickup|ship,0,0\nx,,,,,,,,,,\n";
        let products = "sku,title,class,unit,weight_g,length_mm,width_mm,height_mm,price_minor,currency\n\
                        MUG-7,Mug,default,each,400,120,90,100,1790,EUR\n";
        for (kind, file, refused) in [("sites", sites, 1), ("products", products, 0)] {
            let request = self.client.post(format!("{}/v1/imports/{kind}", self.address));
            let answer = request
                .bearer_auth(TOKEN)
                .header("content-type", "text/csv")
                .body(file)
                .send()
                .await
                .unwrap();
            let report: Value = answer.json().await.unwrap();
            assert_eq!(
                (report["accepted"].clone(), report["refused"].as_array().unwrap().len()),
                (json!(1), refused)
            );
        }
        let (status, token) = self.post("/v1/sites/berlin-1/enrollment-tokens", &json!({})).await;
        assert_eq!(status, 201, "{token}");
        let identity = Identity::generate(&mut rand::rng()).public().to_hex();
        let (install, key) = identity.split_at(32);
        let form = json!({ "token": token["token"], "install": install, "public_key": key });
        let (status, enrolled) = self.post("/v1/sites/berlin-1/enroll", &form).await;
        assert_eq!(status, 200, "{enrolled}");
        let (refused, problem) = self
            .post(
                "/v1/sites/berlin-1/enroll",
                &json!({ "token": "x", "install": install, "public_key": key }),
            )
            .await;
        self.answers.push(("post", "/v1/sites/{site}/enrollment-tokens", 201, token));
        self.answers.push(("post", "/v1/sites/{site}/enroll", status, enrolled));
        self.answers.push(("post", "/v1/sites/{site}/enroll", refused, problem));
        self.hub
            .writer
            .run("test", |unit| {
                Box::pin(async move {
                    let (now, site) = (unit.now(), "berlin-1".parse().unwrap());
                    line::note(unit.db(), &site, true, now).await?;
                    sqlx::query("INSERT INTO rights (site, sku, granted, promised, returned) VALUES ($1, $2, 5, 0, 0)")
                        .bind("berlin-1")
                        .bind("MUG-7")
                        .execute(unit.db())
                        .await?;
                    Ok(())
                })
            })
            .await
            .unwrap();
    }

    pub async fn send(&self, method: Method, path: &str, body: Option<&Value>) -> (u16, Value) {
        let mut request = self.client.request(method, format!("{}{path}", self.address)).bearer_auth(TOKEN);
        if let Some(body) = body {
            request = request.json(body);
        }
        let answer = request.send().await.unwrap();
        let status = answer.status().as_u16();
        let text = answer.text().await.unwrap();
        (
            status,
            serde_json::from_str(&text)
                .unwrap_or_else(|_| if text.is_empty() { Value::Null } else { json!(text) }),
        )
    }

    pub async fn get(&self, path: &str) -> (u16, Value) {
        self.send(Method::GET, path, None).await
    }

    pub async fn post(&self, path: &str, body: &Value) -> (u16, Value) {
        self.send(Method::POST, path, Some(body)).await
    }

    pub async fn page(&self, path: &str) -> String {
        let answer =
            self.client.get(format!("{}{path}", self.address)).bearer_auth(TOKEN).send().await.unwrap();
        assert_eq!(answer.status().as_u16(), 200, "{path}");
        answer.text().await.unwrap()
    }

    pub async fn webhook(&self, body: &'static str) -> (u16, Value) {
        let mut mac = Hmac::<Sha256>::new_from_slice(SECRET.as_bytes()).unwrap();
        mac.update(body.as_bytes());
        let request = self
            .client
            .post(format!("{}/v1/channels/shopify/orders", self.address))
            .header("X-Shopify-Hmac-Sha256", STANDARD.encode(mac.finalize().into_bytes()))
            .header("X-Shopify-Shop-Domain", "shop-1.example")
            .header("X-Shopify-Topic", "orders/create")
            .body(body);
        let answer = request.send().await.unwrap();
        (answer.status().as_u16(), answer.json().await.unwrap())
    }

    /// The order's detail once routing has looked at it.
    pub async fn until_routed(&self, id: &str) -> Value {
        for _ in 0..100 {
            let (_, detail) = self.get(&format!("/v1/orders/{id}")).await;
            if detail["decisions"].as_array().is_some_and(|decisions| !decisions.is_empty()) {
                return detail;
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        panic!("order {id} was not routed within ten seconds");
    }

    pub async fn stop(self) {
        let _ = self.stop.send(());
        self.ended.await.unwrap();
        self.hub.store.close().await;
    }
}
