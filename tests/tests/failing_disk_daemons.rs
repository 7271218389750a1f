//! The real daemons on a disk that fills up and is freed, that cannot sync, and that has too little room from the
//! beginning.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on ends here")]

use std::fs;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use outpost_lab::api::{Answer, Api, command, new_command_id};
use outpost_lab::demo::supervisor::free_port;
use serde_json::{Value, json};

/// The exit code that asks the service manager for a new start.
const FATE_UNKNOWN: i32 = 75;
/// How long anything may take.
const WITHIN: Duration = Duration::from_secs(20);

/// A daemon whose disk does what stands in a file.
struct Daemon {
    kind: &'static str,
    folder: tempfile::TempDir,
    port: u16,
    child: Option<Child>,
    api: Api,
}

impl Daemon {
    fn new(kind: &'static str, more: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let port = free_port().unwrap();
        let data = folder.path().join("data");
        let own = match kind {
            "edge" => "[site]\nid = \"berlin-1\"\nname = \"Berlin\"\n[broker]\naddress = \"127.0.0.1:9\"\n"
                .to_owned(),
            _ => format!("[broker]\nlisten = \"127.0.0.1:{}\"\n", free_port().unwrap()),
        };
        let text =
            format!("{own}[data]\ndirectory = {data:?}\n[http]\nlisten = \"127.0.0.1:{port}\"\n{more}");
        fs::write(folder.path().join("daemon.toml"), text).unwrap();
        fs::write(folder.path().join("disk"), "").unwrap();
        let api = Api::new(format!("http://127.0.0.1:{port}")).unwrap();
        Self { kind, folder, port, child: None, api }
    }

    fn disk(&self) -> PathBuf {
        self.folder.path().join("disk")
    }

    /// From now on the disk does this: nothing, `full` or `sync_fails`.
    fn set_disk(&self, does: &str) {
        let aside = self.folder.path().join("disk.new");
        fs::write(&aside, does).unwrap();
        fs::rename(aside, self.disk()).unwrap();
    }

    fn start(&mut self) {
        let child = Command::new(env!("CARGO_BIN_EXE_outpost-lab"))
            .args(["daemon", self.kind, "--config"])
            .arg(self.folder.path().join("daemon.toml"))
            .env("OUTPOST_LAB_DISK", self.disk())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        self.child = Some(child);
    }

    async fn ready(&self) -> Option<Answer> {
        self.api.try_get("/readyz").await.ok()
    }

    async fn wait_ready(&self) {
        let begun = Instant::now();
        while self.ready().await.is_none_or(|answer| answer.status != 200) {
            assert!(begun.elapsed() < WITHIN, "{} at {} is not ready", self.kind, self.port);
            tokio::time::sleep(Duration::from_millis(30)).await;
        }
    }

    /// Waits until the daemon says that it takes no work, and why.
    async fn wait_not_ready(&self, code: &str) {
        let begun = Instant::now();
        loop {
            if let Some(answer) = self.ready().await
                && answer.status == 503
                && answer.body["checks"]["storage"]["reason"]
                    .as_str()
                    .is_some_and(|why| why.starts_with(code))
            {
                return;
            }
            assert!(begun.elapsed() < WITHIN, "{} does not say {code}", self.kind);
            tokio::time::sleep(Duration::from_millis(30)).await;
        }
    }

    async fn ended(&mut self) -> Option<i32> {
        let mut child = self.child.take().unwrap();
        let begun = Instant::now();
        loop {
            if let Some(status) = child.try_wait().unwrap() {
                return status.code();
            }
            assert!(begun.elapsed() < WITHIN, "{} goes on", self.kind);
            tokio::time::sleep(Duration::from_millis(30)).await;
        }
    }

    /// Asks for something new, and again until there is an answer: what a handheld and a channel do.
    async fn ask(&self, id: &str) -> Option<Answer> {
        match self.kind {
            "edge" => {
                let sale = command(id, "017", "till-1", json!({ "do": "sell", "sku": "A-1", "qty": 1 }));
                self.api.post("/v1/commands", &json!({ "commands": [sale] })).await.ok()
            }
            _ => self.api.post("/v1/orders", &order(id)).await.ok(),
        }
    }

    /// What an answer says was done: the events, or the order. Nothing when it says that nothing was.
    fn done(&self, answer: &Answer) -> Option<Value> {
        match self.kind {
            "edge" => {
                let outcome = &answer.body["outcomes"][0];
                let done = answer.status == 200
                    && matches!(outcome["result"].as_str(), Some("applied" | "repeated"));
                done.then(|| outcome["events"].clone())
            }
            _ => matches!(answer.status, 200 | 201).then(|| answer.body["order"].clone()),
        }
    }

    /// Asks, and expects that it was done.
    async fn do_it(&self, id: &str) -> Value {
        let answer = self.ask(id).await.unwrap();
        let done = self.done(&answer).unwrap_or_else(|| panic!("{}: {}", answer.status, answer.body));
        assert!(!done.is_null() && done != json!([]), "an answer names what was done: {}", answer.body);
        done
    }

    /// Whether the process that was started still runs.
    fn still_runs(&mut self) -> bool {
        self.child.as_mut().is_some_and(|child| child.try_wait().unwrap().is_none())
    }

    /// How often something stands in the database.
    async fn count(&self) -> usize {
        match self.kind {
            "edge" => 0,
            _ => self.api.get("/v1/orders?limit=200").await.unwrap()["orders"].as_array().unwrap().len(),
        }
    }

    /// Something that only reads.
    fn reading(&self) -> &'static str {
        if self.kind == "edge" { "/v1/tasks" } else { "/v1/orders" }
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        if let Some(mut child) = self.child.take() {
            // It can only fail when it is gone already.
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

fn order(reference: &str) -> Value {
    let price = json!({ "minor": 1999, "currency": "EUR" });
    json!({
        "order": {
            "channel": "web", "channel_ref": reference, "number": format!("#{reference}"),
            "currency": "EUR", "total": price,
            "lines": [{ "sku": "A-1", "title": "A thing", "qty": 1, "unit_price": price }],
            "delivery": { "service": "ship", "country": "DE", "postal_code": "10117", "method": "standard" },
            "payment": "paid",
        },
        "contact": { "name": "Ada Example", "address": ["Street 1"], "city": "Berlin",
            "postal_code": "10117", "country": "DE" },
    })
}

async fn fills_up_and_is_freed(kind: &'static str) {
    let mut daemon = Daemon::new(kind, "");
    daemon.start();
    daemon.wait_ready().await;
    let (before, during) = (new_command_id(), new_command_id());
    let answered = daemon.do_it(&before).await;
    daemon.set_disk("full");
    let refused = daemon.ask(&during).await.unwrap();
    assert_eq!(
        (refused.status, refused.body["code"].as_str()),
        (503, Some("storage_full")),
        "{}",
        refused.body
    );
    assert!(refused.body["title"].as_str().is_some_and(|sentence| sentence.contains("full")));
    daemon.wait_not_ready("storage_full").await;
    assert_eq!(daemon.api.try_get(daemon.reading()).await.unwrap().status, 200, "reads go on");
    let again = daemon.ask(&during).await.unwrap();
    assert_eq!((again.status, again.body["code"].as_str()), (503, Some("storage_full")));
    daemon.set_disk("");
    daemon.wait_ready().await;
    let done = daemon.do_it(&during).await;
    assert_ne!(done, answered, "the same command, once there is room");
    assert_eq!(daemon.do_it(&before).await, answered, "what was answered is answered again");
    assert_eq!(daemon.do_it(&during).await, done, "and done once");
    assert!(daemon.still_runs(), "nothing of this ends the process");
    if kind == "hub" {
        assert_eq!(daemon.count().await, 2);
    }
}

async fn cannot_sync(kind: &'static str) {
    let mut daemon = Daemon::new(kind, "");
    daemon.start();
    daemon.wait_ready().await;
    let (before, during) = (new_command_id(), new_command_id());
    let answered = daemon.do_it(&before).await;
    daemon.set_disk("sync_fails");
    let answer = daemon.ask(&during).await;
    assert!(answer.is_none_or(|answer| daemon.done(&answer).is_none()), "nobody is told that it was done");
    assert_eq!(daemon.ended().await, Some(FATE_UNKNOWN), "it is not tried again by the same process");
    daemon.start();
    assert_ne!(daemon.ended().await, Some(0), "the next one ends as well, as long as nothing can be synced");
    daemon.set_disk("");
    daemon.start();
    daemon.wait_ready().await;
    assert_eq!(daemon.do_it(&before).await, answered, "what was answered is answered again");
    let done = daemon.do_it(&during).await;
    assert_eq!(
        daemon.do_it(&during).await,
        done,
        "done once, whether the commit had reached the disk or not"
    );
    if kind == "hub" {
        assert_eq!(daemon.count().await, 2, "each order once");
    }
}

async fn has_too_little_room(kind: &'static str) {
    // The largest floor there is: more than any disk has.
    let mut daemon = Daemon::new(kind, "[disk]\nfree_bytes_min = 1125899906842624\n");
    daemon.start();
    daemon.wait_not_ready("storage_full").await;
    let refused = daemon.ask(&new_command_id()).await.unwrap();
    assert_eq!((refused.status, refused.body["code"].as_str()), (503, Some("storage_full")));
    assert_eq!(daemon.api.try_get(daemon.reading()).await.unwrap().status, 200, "reads go on");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_edge_whose_disk_fills_up_waits_and_goes_on() {
    fills_up_and_is_freed("edge").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hub_whose_disk_fills_up_waits_and_goes_on() {
    fills_up_and_is_freed("hub").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_edge_that_cannot_sync_is_started_anew() {
    cannot_sync("edge").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hub_that_cannot_sync_is_started_anew() {
    cannot_sync("hub").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn no_daemon_takes_work_below_its_floor() {
    has_too_little_room("edge").await;
    has_too_little_room("hub").await;
}
