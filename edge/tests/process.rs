//! The daemon as a process: it is killed without warning and comes back with everything it has answered.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on ends here")]

use std::io::Write;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

struct Daemon {
    child: Child,
    address: String,
    client: reqwest::Client,
}

impl Daemon {
    async fn start(config: &Path, address: &str) -> Self {
        let child = Command::new(env!("CARGO_BIN_EXE_outpost-edge"))
            .arg("--config")
            .arg(config)
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let client = reqwest::Client::builder().timeout(Duration::from_secs(5)).build().unwrap();
        let daemon = Self { child, address: format!("http://{address}"), client };
        let started = Instant::now();
        while !daemon.is_ready().await {
            assert!(started.elapsed() < Duration::from_secs(5), "not ready within five seconds");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        daemon
    }

    async fn is_ready(&self) -> bool {
        let answer = self.client.get(format!("{}/readyz", self.address)).send().await;
        answer.is_ok_and(|answer| answer.status().is_success())
    }

    async fn post(&self, commands: &[Value]) -> Option<Value> {
        let body = json!({ "commands": commands });
        let answer = self.client.post(format!("{}/v1/commands", self.address)).json(&body).send().await;
        answer.ok()?.json().await.ok()
    }

    async fn get(&self, path: &str) -> Value {
        let answer = self.client.get(format!("{}{path}", self.address)).send().await.unwrap();
        answer.json().await.unwrap()
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        // SIGKILL: no chance to tidy up.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn config(folder: &Path) -> (PathBuf, String) {
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let address = format!("127.0.0.1:{port}");
    let path = folder.join("edge.toml");
    let mut file = std::fs::File::create(&path).unwrap();
    write!(
        file,
        "[site]\nid = \"berlin-1\"\nname = \"Berlin\"\n[data]\ndirectory = {:?}\n[http]\nlisten = \"{address}\"\n",
        folder.join("data").display().to_string()
    )
    .unwrap();
    (path, address)
}

fn sale(number: u128) -> Value {
    let id =
        uuid::Builder::from_unix_timestamp_millis(1_763_877_600_000, &[0; 10]).into_uuid().as_u128() + number;
    let id = uuid::Uuid::from_u128(id);
    json!({ "id": id, "staff": "017", "device": "till-1", "do": "sell", "sku": "A", "qty": 1 })
}

#[tokio::test(flavor = "multi_thread")]
async fn killed_in_the_middle_of_work_it_is_back_with_all_that_it_answered() {
    let folder = tempfile::tempdir().unwrap();
    let (config, address) = config(folder.path());
    let mut answered = Vec::new();
    let mut number = 0;
    let mut incarnations = Vec::new();
    for _ in 0..3 {
        let mut daemon = Daemon::start(&config, &address).await;
        incarnations.push(daemon.get("/v1/sync").await["incarnation"].clone());
        let killed = Instant::now() + Duration::from_millis(150);
        while Instant::now() < killed {
            let sales: Vec<Value> = (0..3)
                .map(|_| {
                    number += 1;
                    sale(number)
                })
                .collect();
            if let Some(body) = daemon.post(&sales).await {
                assert_eq!(body["outcomes"].as_array().map(Vec::len), Some(3));
                answered.extend(sales);
            }
        }
        daemon.child.kill().unwrap();
    }
    assert!(!answered.is_empty());
    let daemon = Daemon::start(&config, &address).await;
    for sales in answered.chunks(100) {
        let body = daemon.post(sales).await.unwrap();
        for outcome in body["outcomes"].as_array().unwrap() {
            assert_eq!(outcome["result"], "repeated", "an answered sale is missing");
        }
    }
    let stock = daemon.get("/v1/stock?sku=A").await;
    let sold = -stock["stock"][0]["on_hand"].as_i64().unwrap();
    assert!(sold >= answered.len() as i64 && sold <= number as i64, "{sold} of {number}");
    incarnations.dedup();
    assert_eq!(incarnations.len(), 3, "each life has an incarnation of its own");
    let sync = daemon.get("/v1/sync").await;
    assert!(sync["unacknowledged"].as_i64().unwrap() >= sold, "earlier lives' work still waits for the hub");
}

#[tokio::test(flavor = "multi_thread")]
async fn asked_to_end_it_ends_well_and_at_once() {
    let folder = tempfile::tempdir().unwrap();
    let (config, address) = config(folder.path());
    let mut daemon = Daemon::start(&config, &address).await;
    daemon.post(&[sale(1)]).await.unwrap();
    let asked = Command::new("kill").arg("-TERM").arg(daemon.child.id().to_string()).status().unwrap();
    assert!(asked.success());
    let begun = Instant::now();
    let status = loop {
        if let Some(status) = daemon.child.try_wait().unwrap() {
            break status;
        }
        assert!(begun.elapsed() < Duration::from_secs(5), "still running");
        tokio::time::sleep(Duration::from_millis(20)).await;
    };
    assert!(status.success(), "{status}");
}

#[test]
fn a_bad_setting_is_named_and_a_good_file_is_described() {
    let folder = tempfile::tempdir().unwrap();
    let (config, _) = config(folder.path());
    let check = |path: &Path| {
        let output = Command::new(env!("CARGO_BIN_EXE_outpost-edge"))
            .args(["--check-config", "--config"])
            .arg(path)
            .output()
            .unwrap();
        let text =
            String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
        (output.status.success(), text)
    };
    let (fine, text) = check(&config);
    assert!(fine && text.contains("berlin-1"), "{text}");
    let bad = folder.path().join("bad.toml");
    std::fs::write(&bad, "[site]\nid = \"berlin-1\"\nname = \"B\"\n[writer]\ngroup_max = 0\n").unwrap();
    let (fine, text) = check(&bad);
    assert!(!fine && text.contains("group_max") && text.contains(":5"), "{text}");
}
