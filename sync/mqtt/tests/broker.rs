//! Lines against a real broker that is killed and started again: the one the hub embeds, or Mosquitto when
//! `OUTPOST_MOSQUITTO` names its binary.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::collections::HashMap;
use std::ffi::OsStr;
use std::net::{SocketAddr, TcpListener};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use outpost_mqtt::{Line, LineEvent, LineSettings, Role};
use rumqttd::{ConnectionSettings, LinkType, Router, RouterConfig, Server, ServerSettings};
use tokio::runtime::Runtime;
use tokio_util::sync::CancellationToken;

/// A broker that is killed with all its connections when it is dropped.
enum Broker {
    /// On a runtime of its own.
    Embedded(Option<Runtime>),
    Mosquitto {
        child: Child,
        _dir: tempfile::TempDir,
    },
}

impl Broker {
    fn start(port: u16) -> Self {
        match std::env::var_os("OUTPOST_MOSQUITTO") {
            Some(binary) => Self::mosquitto(&binary, port),
            None => Self::embedded(port),
        }
    }

    fn mosquitto(binary: &OsStr, port: u16) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let config = dir.path().join("mosquitto.conf");
        std::fs::write(&config, format!("listener {port} 127.0.0.1\nallow_anonymous true\n")).unwrap();
        let quiet = (Stdio::null(), Stdio::null());
        let child =
            Command::new(binary).arg("-c").arg(config).stdout(quiet.0).stderr(quiet.1).spawn().unwrap();
        Self::Mosquitto { child, _dir: dir }
    }

    fn embedded(port: u16) -> Self {
        let config = RouterConfig {
            max_connections: 100,
            max_outgoing_packet_count: 200,
            max_segment_size: 1 << 20,
            max_segment_count: 10,
            ..RouterConfig::default()
        };
        let router = Router::new(0, config).spawn();
        let settings = ServerSettings {
            name: "test".to_owned(),
            listen: SocketAddr::from(([127, 0, 0, 1], port)),
            tls: None,
            next_connection_delay_ms: 0,
            connections: ConnectionSettings {
                connection_timeout_ms: 5_000,
                max_payload_size: 512 << 10,
                max_inflight_count: 200,
                auth: None::<HashMap<String, String>>,
                external_auth: None,
                dynamic_filters: false,
            },
        };
        let runtime =
            tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
        runtime.spawn(async move {
            let mut server = Server::new(settings, router, rumqttd::protocol::v5::V5);
            server.start(LinkType::Remote).await.unwrap();
        });
        Self::Embedded(Some(runtime))
    }
}

impl Drop for Broker {
    fn drop(&mut self) {
        match self {
            Self::Embedded(runtime) => {
                if let Some(runtime) = runtime.take() {
                    runtime.shutdown_background();
                }
            }
            Self::Mosquitto { child, .. } => {
                child.kill().unwrap();
                child.wait().unwrap();
            }
        }
    }
}

fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

async fn next(line: &mut Line) -> LineEvent {
    tokio::time::timeout(Duration::from_secs(10), line.events.recv())
        .await
        .expect("an event")
        .expect("the line")
}

async fn until_up(line: &mut Line) {
    while next(line).await != LineEvent::Up {}
}

fn start(
    port: u16,
    client_id: &str,
    role: Role,
    cancel: &CancellationToken,
) -> (Line, tokio::task::JoinHandle<()>) {
    let settings =
        LineSettings { keep_alive_s: 5, ..LineSettings::new(format!("127.0.0.1:{port}"), client_id) };
    Line::start(settings, role, cancel.clone()).unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn frames_pass_both_ways_and_again_after_the_broker_was_killed() {
    let port = free_port();
    let cancel = CancellationToken::new();
    let site: outpost_model::id::SiteId = "berlin-1".parse().unwrap();
    let broker = Broker::start(port);
    let (mut edge, edge_task) = start(port, "edge-1", Role::Site(site.clone()), &cancel);
    let (mut hub, hub_task) = start(port, "hub-1", Role::Hub, &cancel);
    until_up(&mut edge).await;
    until_up(&mut hub).await;

    let large = vec![7; 128 << 10];
    assert!(edge.publisher.publish(&site, large.clone()));
    assert_eq!(next(&mut hub).await, LineEvent::Frame { site: site.clone(), bytes: large });
    assert!(hub.publisher.publish(&site, b"down".to_vec()));
    assert_eq!(next(&mut edge).await, LineEvent::Frame { site: site.clone(), bytes: b"down".to_vec() });
    assert!(edge.wire.sent() > 128 << 10 && hub.wire.received() > 128 << 10);

    drop(broker);
    assert!(matches!(next(&mut edge).await, LineEvent::Down { taken_over: false, .. }));
    assert!(matches!(next(&mut hub).await, LineEvent::Down { .. }));
    assert!(edge.publisher.publish(&site, b"lost".to_vec()), "it is taken, and lost with the line");
    tokio::time::sleep(Duration::from_millis(300)).await;

    let _broker = Broker::start(port);
    until_up(&mut edge).await;
    until_up(&mut hub).await;
    assert!(edge.publisher.publish(&site, b"again".to_vec()));
    assert_eq!(next(&mut hub).await, LineEvent::Frame { site: site.clone(), bytes: b"again".to_vec() });

    cancel.cancel();
    edge_task.await.unwrap();
    hub_task.await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_frame_beyond_the_packet_limit_is_named_and_the_line_holds() {
    let port = free_port();
    let cancel = CancellationToken::new();
    let site: outpost_model::id::SiteId = "berlin-1".parse().unwrap();
    let _broker = Broker::start(port);
    let (mut edge, task) = start(port, "edge-1", Role::Site(site.clone()), &cancel);
    let (mut hub, _hub_task) = start(port, "hub-1", Role::Hub, &cancel);
    until_up(&mut edge).await;
    until_up(&mut hub).await;
    let overhead = "outpost/v1/0/berlin-1/up".len() + 2 + 2 + 1 + 4;
    assert!(edge.publisher.publish(&site, vec![1; (256 << 10) - overhead + 1]));
    assert_eq!(next(&mut edge).await, LineEvent::TooLarge(site.clone()));
    assert!(edge.publisher.publish(&site, vec![1; (256 << 10) - overhead]));
    assert!(
        matches!(next(&mut hub).await, LineEvent::Frame { bytes, .. } if bytes.len() == (256 << 10) - overhead)
    );
    cancel.cancel();
    task.await.unwrap();
}

#[tokio::test]
async fn an_absent_broker_is_said_once() {
    let cancel = CancellationToken::new();
    let site = "berlin-1".parse().unwrap();
    let (mut edge, task) = start(free_port(), "edge-1", Role::Site(site), &cancel);
    assert!(matches!(next(&mut edge).await, LineEvent::Down { .. }));
    let more = tokio::time::timeout(Duration::from_millis(1_500), edge.events.recv()).await;
    assert!(more.is_err(), "further attempts fail without a word");
    cancel.cancel();
    task.await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_second_client_with_the_same_id_does_not_start_a_fight() {
    let port = free_port();
    let cancel = CancellationToken::new();
    let site: outpost_model::id::SiteId = "berlin-1".parse().unwrap();
    let _broker = Broker::start(port);
    let (mut edge, edge_task) = start(port, "edge-1", Role::Site(site.clone()), &cancel);
    until_up(&mut edge).await;
    let (mut clone, clone_task) = start(port, "edge-1", Role::Site(site), &cancel);
    until_up(&mut clone).await;
    // Each throws the other out. Were they to return at once, there would be some ten changes a second.
    let mut changes = 0;
    let watch = async {
        loop {
            tokio::select! {
                event = edge.events.recv() => assert!(event.is_some()),
                event = clone.events.recv() => assert!(event.is_some()),
            }
            changes += 1;
        }
    };
    let ended = tokio::time::timeout(Duration::from_secs(6), watch).await;
    assert!(ended.is_err());
    assert!((1..=24).contains(&changes), "{changes} changes in six seconds");
    cancel.cancel();
    edge_task.await.unwrap();
    clone_task.await.unwrap();
}
