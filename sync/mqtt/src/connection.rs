//! One connection, from its first packet to its first error.

use std::sync::Mutex;
use std::time::Duration;

use outpost_model::id::SiteId;
use rumqttc::NetworkOptions;
use rumqttc::v5::mqttbytes::QoS;
use rumqttc::v5::mqttbytes::v5::{
    ConnAck, ConnectReturnCode, Disconnect, DisconnectReasonCode, Filter, Packet, Publish,
    SubscribeReasonCode,
};
use rumqttc::v5::{AsyncClient, ConnectionError, Event, EventLoop, MqttOptions, StateError};
use tokio::sync::{mpsc, watch};
use tokio::time::Instant;

use crate::settings::LineSettings;
use crate::wire::{ACK_BYTES, ANSWER_BYTES, PING_BYTES, WireBytes, publish_bytes};
use crate::{LineEvent, Outbound, Role, Shards, topic};

/// Packets that may wait inside the client.
const REQUESTS_MAX: usize = 64;

pub(crate) struct Connection<'a> {
    settings: &'a LineSettings,
    role: &'a Role,
    events: &'a mpsc::Sender<LineEvent>,
    wire: &'a WireBytes,
    shards: &'a Shards,
    client: AsyncClient,
    eventloop: EventLoop,
}

/// How a connection ended.
pub(crate) struct Ended {
    pub reason: String,
    pub taken_over: bool,
    /// How long it was up; nothing if it never was.
    pub up_for: Duration,
}

/// What the publishing half must know of the other once the line is up.
#[derive(Debug, Clone, Copy)]
struct Permit {
    since: Instant,
    /// The largest packet the broker takes.
    packet_max: u32,
}

impl<'a> Connection<'a> {
    pub(crate) fn new(
        settings: &'a LineSettings,
        role: &'a Role,
        events: &'a mpsc::Sender<LineEvent>,
        wire: &'a WireBytes,
        shards: &'a Shards,
    ) -> Self {
        let (client, mut eventloop) = AsyncClient::new(options(settings), REQUESTS_MAX);
        let mut network = NetworkOptions::new();
        network.set_tcp_nodelay(true);
        network.set_connection_timeout(settings.connect_timeout_s);
        eventloop.options.set_network_options(network);
        Self { settings, role, events, wire, shards, client, eventloop }
    }

    /// Runs until the first error. The two halves are never cancelled in the middle of a packet: a half that is
    /// dropped is dropped with the connection.
    pub(crate) async fn run(&mut self, outgoing: &mut mpsc::Receiver<Outbound>) -> Ended {
        let (permit, permitted) = watch::channel(None);
        let half = Half {
            settings: self.settings,
            role: self.role,
            events: self.events,
            wire: self.wire,
            shards: self.shards,
            client: self.client.clone(),
            largest: Mutex::new(None),
        };
        let publishing = half.publish(outgoing, permitted);
        let error = tokio::select! {
            error = half.poll(&mut self.eventloop, &permit) => error,
            never = publishing => never,
        };
        let up_for = permit.borrow().map_or(Duration::ZERO, |permit| permit.since.elapsed());
        let told = match &error {
            Broken::Connection(ConnectionError::MqttState(StateError::ServerDisconnect {
                reason_code,
                ..
            })) => Some(*reason_code),
            _ => None,
        };
        let taken_over = told == Some(DisconnectReasonCode::SessionTakenOver);
        if told == Some(DisconnectReasonCode::PacketTooLarge) {
            half.suspect_the_largest().await;
        }
        Ended { reason: error.to_string(), taken_over, up_for }
    }

    /// Says goodbye, without waiting long for it.
    pub(crate) async fn close(mut self) {
        if self.client.try_disconnect().is_err() {
            return;
        }
        let farewell = async { while self.eventloop.poll().await.is_ok() {} };
        // A broker that does not close the connection must not hold up the shutdown.
        let _ = tokio::time::timeout(Duration::from_millis(300), farewell).await;
    }
}

fn options(settings: &LineSettings) -> MqttOptions {
    let (host, port) = settings.address().unwrap_or(("", 0));
    let mut options = MqttOptions::new(&settings.client_id, host, port);
    options.set_clean_start(true);
    options.set_keep_alive(Duration::from_secs(u64::from(settings.keep_alive_s)));
    options.set_connection_timeout(settings.connect_timeout_s);
    options.set_max_packet_size(Some(settings.packet_bytes_max));
    if let Some(username) = &settings.username {
        options.set_credentials(username, settings.password.clone().unwrap_or_default());
    }
    options
}

/// Why a connection ended.
#[derive(Debug, thiserror::Error)]
enum Broken {
    #[error("{0}")]
    Connection(#[from] ConnectionError),
    #[error("the broker refused the subscription")]
    NotSubscribed,
    #[error("the broker closed the connection: {0}")]
    Closed(String),
    #[error("nobody reads the line's events")]
    Unread,
}

struct Half<'a> {
    settings: &'a LineSettings,
    role: &'a Role,
    events: &'a mpsc::Sender<LineEvent>,
    wire: &'a WireBytes,
    shards: &'a Shards,
    client: AsyncClient,
    /// The largest packet published so far and whose it was: the suspect when the broker finds one too large.
    largest: Mutex<Option<(SiteId, u64)>>,
}

impl Half<'_> {
    async fn poll(&self, eventloop: &mut EventLoop, permit: &watch::Sender<Option<Permit>>) -> Broken {
        let mut packet_max = self.settings.packet_bytes_max;
        loop {
            let packet = match eventloop.poll().await {
                Ok(Event::Incoming(packet)) => packet,
                Ok(Event::Outgoing(_)) => continue,
                Err(error) => return error.into(),
            };
            let handled = match packet {
                Packet::ConnAck(ack) => self.connected(&ack, &mut packet_max),
                Packet::SubAck(ack) => {
                    let granted = |code| matches!(code, SubscribeReasonCode::Success(QoS::AtLeastOnce));
                    if !ack.return_codes.into_iter().all(granted) {
                        return Broken::NotSubscribed;
                    }
                    permit.send_replace(Some(Permit { since: Instant::now(), packet_max }));
                    self.tell(LineEvent::Up).await
                }
                Packet::Publish(publish) => self.received(publish).await,
                Packet::PubAck(_) => {
                    self.wire.count_received(ACK_BYTES);
                    Ok(())
                }
                Packet::PingResp(_) => {
                    self.wire.count_sent(PING_BYTES);
                    self.wire.count_received(PING_BYTES);
                    Ok(())
                }
                Packet::Disconnect(disconnect) => Err(closed(disconnect)),
                _ => Ok(()),
            };
            if let Err(broken) = handled {
                return broken;
            }
        }
    }

    fn connected(&self, ack: &ConnAck, packet_max: &mut u32) -> Result<(), Broken> {
        if ack.code != ConnectReturnCode::Success {
            return Err(ConnectionError::ConnectionRefused(ack.code).into());
        }
        self.wire.count_received(2 * ANSWER_BYTES);
        if let Some(limit) = ack.properties.as_ref().and_then(|properties| properties.max_packet_size) {
            *packet_max = limit.min(*packet_max);
        }
        let filters = topic::filters(self.settings, self.role);
        let length: usize = filters.iter().map(|filter| filter.len() + 3).sum();
        self.wire.count_sent(length as u64 + 2 * ANSWER_BYTES);
        let filters: Vec<Filter> =
            filters.into_iter().map(|filter| Filter::new(filter, QoS::AtLeastOnce)).collect();
        // The queue of a client that has just connected is empty, so this cannot find it full.
        self.client.try_subscribe_many(filters).map_err(|_| Broken::NotSubscribed)
    }

    async fn received(&self, publish: Publish) -> Result<(), Broken> {
        self.wire.count_received(publish_bytes(publish.topic.len(), publish.payload.len()));
        self.wire.count_sent(ACK_BYTES);
        let name = String::from_utf8_lossy(&publish.topic).into_owned();
        let Some(topic) = topic::parse(&name) else {
            tracing::debug!(topic = %name, "a message on a foreign topic");
            return Ok(());
        };
        let for_us = match self.role {
            Role::Site(site) => !topic.up && topic.site == *site,
            Role::Hub => topic.up,
        };
        if !for_us {
            return Ok(());
        }
        if *self.role == Role::Hub
            && let Ok(mut shards) = self.shards.lock()
            && shards.get(&topic.site).map(String::as_str) != Some(topic.shard)
        {
            shards.insert(topic.site.clone(), topic.shard.to_owned());
        }
        self.tell(LineEvent::Frame { site: topic.site, bytes: publish.payload.to_vec() }).await
    }

    async fn tell(&self, event: LineEvent) -> Result<(), Broken> {
        self.events.send(event).await.map_err(|_| Broken::Unread)
    }

    async fn publish(
        &self,
        outgoing: &mut mpsc::Receiver<Outbound>,
        mut permitted: watch::Receiver<Option<Permit>>,
    ) -> Broken {
        loop {
            let Some(Outbound { site, bytes }) = outgoing.recv().await else {
                // Nobody can publish any more, but frames may still be received.
                return std::future::pending().await;
            };
            let Some(Permit { packet_max, .. }) = *permitted.borrow_and_update() else {
                continue;
            };
            let topic = match self.role {
                Role::Site(own) => topic::up(self.settings.site_shard(), own),
                Role::Hub => topic::down(&self.shard(&site), &site),
            };
            let length = publish_bytes(topic.len(), bytes.len());
            if length > u64::from(packet_max) {
                if self.tell(LineEvent::TooLarge(site)).await.is_err() {
                    return Broken::Unread;
                }
                continue;
            }
            if let Ok(mut largest) = self.largest.lock()
                && largest.as_ref().is_none_or(|(_, known)| *known < length)
            {
                *largest = Some((site, length));
            }
            if self.client.publish(topic, QoS::AtLeastOnce, false, bytes).await.is_err() {
                return Broken::Closed("the client has ended".to_owned());
            }
            self.wire.count_sent(length);
        }
    }

    async fn suspect_the_largest(&self) {
        let largest = self.largest.lock().ok().and_then(|largest| largest.clone());
        if let Some((site, _)) = largest
            && self.tell(LineEvent::TooLarge(site)).await.is_err()
        {
            tracing::debug!("nobody heard that a frame was too large");
        }
    }

    fn shard(&self, site: &SiteId) -> String {
        let known = self.shards.lock().ok().and_then(|shards| shards.get(site).cloned());
        known.unwrap_or_else(|| self.settings.site_shard().to_owned())
    }
}

fn closed(disconnect: Disconnect) -> Broken {
    ConnectionError::MqttState(StateError::ServerDisconnect {
        reason_code: disconnect.reason_code,
        reason_string: disconnect.properties.and_then(|properties| properties.reason_string),
    })
    .into()
}
