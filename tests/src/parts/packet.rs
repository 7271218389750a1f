//! A broker that takes packets of 64 KiB at most, half of what a frame may be, or of 16 KiB.

use std::path::PathBuf;
use std::time::Duration;

use anyhow::Result;

use super::ledger;
use super::room::{Room, Scale};
use super::verdict::{Told, tenths};
use crate::demo::chain::ChainOptions;
use crate::demo::goods::Want;
use crate::network::Cut;

/// Orders at scale 1 that wait for one site, with a label each.
const ORDERS: u32 = 60;
const SETTLED_WITHIN: Duration = Duration::from_secs(180);

/// How long the packets are that the broker takes.
#[derive(Debug, Clone, Copy)]
pub enum Packet {
    /// Half a frame.
    Half,
    /// An eighth of one.
    Short,
}

impl Packet {
    fn broker(self) -> &'static str {
        match self {
            Self::Half => "mosquitto-64k",
            Self::Short => "mosquitto-16k",
        }
    }

    fn bytes_max(self) -> u64 {
        match self {
            Self::Half => 64 * 1_024,
            Self::Short => 16 * 1_024,
        }
    }

    /// Frames that fill their packets are longer than this, since their limit was halved until they got through.
    fn filled(self) -> u64 {
        self.bytes_max() * 3 / 8
    }
}

/// Plays it.
pub async fn play(packet: Packet, scale: Scale, keep: Option<PathBuf>) -> Result<Told> {
    // With the whole catalog, which travels in frames too.
    let options = ChainOptions { sites: None, ..Room::options(packet.broker(), keep) };
    let room = Room::open(options).await?;
    let chain = &room.chain;
    let site = &chain.sites[0];
    // Orders, customers' data and labels wait for the site while its line is cut; then they come in frames as long as
    // the broker lets them be.
    site.line.cut(Cut::Reset);
    for _ in 0..scale.of(ORDERS) {
        room.order(&Want::only_at(&site.id)).await?;
    }
    room.orders(12, Duration::from_millis(20)).await?;
    tokio::time::sleep(Duration::from_secs(3)).await;
    site.line.restore();
    let settled = room.settle(SETTLED_WITHIN).await?;
    let mut told = Told::default();
    ledger::check(&room, &[], &mut told).await?;
    let lengths = lengths(&chain.broker_log());
    let longest = lengths.iter().copied().max().unwrap_or(0);
    told.require(longest <= packet.bytes_max(), || format!("a frame of {longest} bytes got through"));
    told.require(longest > packet.filled(), || {
        format!("no frame was longer than {longest} bytes: the scenario shows nothing")
    });
    told.figure("frames", lengths.len());
    told.figure("longest_frame_bytes", longest);
    told.figure("settled_seconds", tenths(settled));
    told.sentence = format!(
        "{} orders through packets of {} KiB: {} frames, the longest {longest} B, {} answered commands are there once",
        told.figures["orders"],
        packet.bytes_max() / 1_024,
        lengths.len(),
        told.figures["commands_answered"]
    );
    Ok(told)
}

/// The lengths of all messages the broker took.
fn lengths(log: &str) -> Vec<u64> {
    let received = log.lines().filter(|line| line.contains("Received PUBLISH from"));
    received.filter_map(|line| line.rsplit('(').next()?.split(' ').next()?.parse().ok()).collect()
}

#[cfg(test)]
mod tests {
    #[test]
    fn lengths_are_read_from_the_brokers_log() {
        let log = "1: Received PUBLISH from hub (d0, q1, r0, m7, 'outpost/v1/s0/a/down', ... (131 bytes))\n\
                   1: Sending PUBLISH to a (d0, q1, r0, m7, 'outpost/v1/s0/a/down', ... (131 bytes))\n";
        assert_eq!(super::lengths(log), [131]);
    }
}
