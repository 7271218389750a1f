//! The embedded MQTT broker: a pipe in memory, for pilots and small chains. It knows no accounts and no access lists,
//! so it belongs on loopback or a private network.
//!
//! It runs on a thread and runtime of its own, so that no crowd of frames keeps the hub's own work waiting. What the
//! broker's library hides is found out by knocking: whether it listens at all, and whether it still greets.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;

use rumqttd::protocol::v5::V5;
use rumqttd::{ConnectionSettings, LinkType, Router, RouterConfig, Server, ServerSettings};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::oneshot;
use tokio_util::sync::CancellationToken;

/// The largest packet, in bytes: a frame of the largest size and its topic.
const PACKET_BYTES_MAX: usize = 256 << 10;
/// What is kept of a topic for readers that fall behind: 8 segments of 1 MiB. Older messages are dropped, which the
/// sessions at both ends repair.
const SEGMENT_BYTES_MAX: usize = 1 << 20;
const SEGMENTS_MAX: usize = 8;
const CONNECTIONS_MAX: usize = 10_000;
const OUTGOING_PACKETS_MAX: u64 = 200;
const INFLIGHT_MAX: usize = 100;
const CONNECT_TIMEOUT_MS: u16 = 5_000;

/// How long a start may take, and how often it is tried where the port may be any.
const START_TIMEOUT: Duration = Duration::from_secs(5);
const START_ATTEMPTS_MAX: u32 = 5;
/// How often the broker is asked whether it still greets, and how many refusals in a row mean that it does not.
const KNOCK_EVERY: Duration = Duration::from_secs(5);
const REFUSALS_MAX: u32 = 2;

/// Why the embedded broker does not run.
#[derive(Debug, thiserror::Error)]
pub enum BrokerError {
    /// The address is taken or not this machine's.
    #[error("the embedded broker cannot listen on {address}: {source}")]
    Bind {
        /// Where it should have listened.
        address: SocketAddr,
        /// What the system said.
        source: std::io::Error,
    },
    /// It did not answer in time.
    #[error("the embedded broker on {0} did not answer in time")]
    Mute(SocketAddr),
    /// It stopped by itself.
    #[error("the embedded broker on {address} stopped: {reason}")]
    Stopped {
        /// Where it listened.
        address: SocketAddr,
        /// What it said.
        reason: String,
    },
    /// The system gave it no thread or runtime.
    #[error("the embedded broker could not be started: {0}")]
    Start(#[from] std::io::Error),
}

/// A broker that listens. Dropping it stops it.
pub struct Broker {
    address: SocketAddr,
    stop: CancellationToken,
    ended: Option<oneshot::Receiver<String>>,
    router: RouterLink,
    server: Option<std::thread::JoinHandle<()>>,
}

/// Makes servers for the router. The type of the router's own end has no public name.
type RouterLink = Box<dyn Fn(ServerSettings) -> Server<V5> + Send + Sync>;

impl Broker {
    /// Starts to listen; returns when the broker answers. Port 0 takes any free port.
    pub async fn start(listen: SocketAddr) -> Result<Self, BrokerError> {
        let link = Router::new(0, router_config()).spawn();
        let router: RouterLink = Box::new(move |settings| Server::new(settings, link.clone(), V5));
        let mut broker =
            Self { address: listen, stop: CancellationToken::new(), ended: None, router, server: None };
        let mut attempt = 1;
        loop {
            match broker.listen(listen).await {
                // Between finding a free port and taking it, somebody else may have taken it.
                Err(BrokerError::Bind { .. } | BrokerError::Stopped { .. })
                    if listen.port() == 0 && attempt < START_ATTEMPTS_MAX =>
                {
                    attempt += 1;
                }
                Err(error) => return Err(error),
                Ok(()) => return Ok(broker),
            }
        }
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Where clients of this machine reach it.
    pub fn reachable_at(&self) -> SocketAddr {
        let ip = match self.address.ip() {
            IpAddr::V4(ip) if ip.is_unspecified() => Ipv4Addr::LOCALHOST.into(),
            IpAddr::V6(ip) if ip.is_unspecified() => Ipv6Addr::LOCALHOST.into(),
            ip => ip,
        };
        SocketAddr::new(ip, self.address.port())
    }

    /// Keeps it running until the token is cancelled. A broker that has stopped is an error; one that listens and
    /// greets nobody any more (a panic inside its library leaves a lock poisoned) is started anew.
    pub async fn run(mut self, token: CancellationToken) -> Result<(), BrokerError> {
        let mut refusals = 0;
        loop {
            tokio::select! {
                () = token.cancelled() => {
                    self.halt().await;
                    return Ok(());
                }
                () = tokio::time::sleep(KNOCK_EVERY) => {}
            }
            if let Some(reason) = self.has_ended() {
                return Err(BrokerError::Stopped { address: self.address, reason });
            }
            if knock(self.reachable_at()).await {
                refusals = 0;
                continue;
            }
            refusals += 1;
            tracing::warn!(address = %self.address, refusals, "the embedded broker does not greet");
            if refusals == REFUSALS_MAX {
                refusals = 0;
                self.halt().await;
                self.listen(self.address).await?;
                tracing::warn!(address = %self.address, "the embedded broker was started anew");
            }
        }
    }

    async fn listen(&mut self, listen: SocketAddr) -> Result<(), BrokerError> {
        let bind = |source| BrokerError::Bind { address: listen, source };
        // The server tells nobody why it cannot bind and which port it got: ask the system before it does.
        let address =
            std::net::TcpListener::bind(listen).and_then(|probe| probe.local_addr()).map_err(bind)?;
        self.address = address;
        self.stop = CancellationToken::new();
        let (say, ended) = oneshot::channel();
        let mut server = (self.router)(server_settings(address));
        let stop = self.stop.clone();
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let thread = std::thread::Builder::new().name("broker".to_owned()).spawn(move || {
            let outcome = runtime.block_on(async {
                tokio::select! {
                    () = stop.cancelled() => None,
                    outcome = server.start(LinkType::Remote) => Some(outcome),
                }
            });
            if let Some(outcome) = outcome {
                let reason = outcome.err().map_or("it ended".to_owned(), |error| error.to_string());
                // Nobody listens any more only when the broker is being dropped.
                let _ = say.send(reason);
            }
        })?;
        (self.server, self.ended) = (Some(thread), Some(ended));
        self.answers().await
    }

    async fn answers(&mut self) -> Result<(), BrokerError> {
        let address = self.address;
        let greeted = async {
            loop {
                if let Some(reason) = self.has_ended() {
                    return Err(BrokerError::Stopped { address, reason });
                }
                if knock(self.reachable_at()).await {
                    return Ok(());
                }
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        };
        tokio::time::timeout(START_TIMEOUT, greeted).await.unwrap_or(Err(BrokerError::Mute(address)))
    }

    fn has_ended(&mut self) -> Option<String> {
        match self.ended.as_mut()?.try_recv() {
            Ok(reason) => Some(reason),
            Err(oneshot::error::TryRecvError::Empty) => None,
            Err(oneshot::error::TryRecvError::Closed) => Some("its thread panicked".to_owned()),
        }
    }

    async fn halt(&mut self) {
        self.stop.cancel();
        let Some(thread) = self.server.take() else { return };
        // Its port is free only when its runtime is gone.
        let joined = tokio::task::spawn_blocking(move || thread.join()).await;
        if !matches!(joined, Ok(Ok(()))) {
            tracing::warn!("the embedded broker's thread had panicked");
        }
    }
}

impl Drop for Broker {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

fn router_config() -> RouterConfig {
    RouterConfig {
        max_connections: CONNECTIONS_MAX,
        max_outgoing_packet_count: OUTGOING_PACKETS_MAX,
        max_segment_size: SEGMENT_BYTES_MAX,
        max_segment_count: SEGMENTS_MAX,
        ..RouterConfig::default()
    }
}

fn server_settings(listen: SocketAddr) -> ServerSettings {
    ServerSettings {
        name: "outpost".to_owned(),
        listen,
        tls: None,
        next_connection_delay_ms: 1,
        connections: ConnectionSettings {
            connection_timeout_ms: CONNECT_TIMEOUT_MS,
            max_payload_size: PACKET_BYTES_MAX,
            max_inflight_count: INFLIGHT_MAX,
            auth: None,
            external_auth: None,
            dynamic_filters: true,
        },
    }
}

/// Whether somebody who connects is greeted: CONNECT and CONNACK of MQTT 5 (sections 3.1 and 3.2 of the standard).
async fn knock(address: SocketAddr) -> bool {
    const TIMEOUT: Duration = Duration::from_secs(2);
    tokio::time::timeout(TIMEOUT, greeting(address)).await.is_ok_and(|greeted| greeted.unwrap_or(false))
}

async fn greeting(address: SocketAddr) -> std::io::Result<bool> {
    const CONNACK: u8 = 0x20;
    const SUCCESS: u8 = 0;
    const DISCONNECT: [u8; 2] = [0xe0, 0];
    let mut stream = TcpStream::connect(address).await?;
    // Named by its own port, so that no two who knock at the same time take each other's session over.
    let name = format!("knock-{}", stream.local_addr()?.port());
    stream.write_all(&connect_packet(&name)).await?;
    // Kind, length, session present, reason: whatever follows them is not needed.
    let mut answer = [0; 4];
    stream.read_exact(&mut answer).await?;
    stream.write_all(&DISCONNECT).await?;
    Ok(answer[0] == CONNACK && answer[3] == SUCCESS)
}

fn connect_packet(client_id: &str) -> Vec<u8> {
    const CLEAN_START: u8 = 0x02;
    let mut rest = vec![0, 4, b'M', b'Q', b'T', b'T', 5, CLEAN_START, 0, 10, 0];
    let length = client_id.len() as u8;
    rest.extend([0, length]);
    rest.extend_from_slice(client_id.as_bytes());
    let mut packet = vec![0x10, rest.len() as u8];
    packet.append(&mut rest);
    packet
}

#[cfg(test)]
mod tests {
    use super::*;

    fn loopback(port: u16) -> SocketAddr {
        SocketAddr::new(Ipv4Addr::LOCALHOST.into(), port)
    }

    #[tokio::test]
    async fn it_greets_stops_and_leaves_its_port() {
        let broker = Broker::start(loopback(0)).await.unwrap();
        let address = broker.address();
        assert_ne!(address.port(), 0);
        assert!(knock(address).await);
        let token = CancellationToken::new();
        let running = tokio::spawn(broker.run(token.clone()));
        token.cancel();
        running.await.unwrap().unwrap();
        assert!(!knock(address).await);
        let again = Broker::start(address).await.unwrap();
        assert_eq!(again.address(), address);
    }

    #[tokio::test]
    async fn an_address_that_is_taken_is_told_by_name() {
        let taken = std::net::TcpListener::bind(loopback(0)).unwrap();
        let address = taken.local_addr().unwrap();
        let error = Broker::start(address).await.err().unwrap();
        assert!(matches!(error, BrokerError::Bind { .. }), "{error}");
        assert!(error.to_string().contains(&address.to_string()), "{error}");
    }

    #[tokio::test]
    async fn a_client_that_goes_away_half_way_does_not_stop_it() {
        let broker = Broker::start(loopback(0)).await.unwrap();
        for _ in 0..50 {
            let mut stream = TcpStream::connect(broker.address()).await.unwrap();
            stream.write_all(&connect_packet("the-same")).await.unwrap();
            stream.set_zero_linger().unwrap();
        }
        let token = CancellationToken::new();
        let address = broker.address();
        let running = tokio::spawn(broker.run(token.clone()));
        let greets = async {
            while !knock(address).await {
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
        };
        tokio::time::timeout(Duration::from_secs(30), greets).await.unwrap();
        token.cancel();
        running.await.unwrap().unwrap();
    }
}
