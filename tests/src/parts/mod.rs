//! `cargo lab parts …`: trouble for real parts. Real daemons, a real Mosquitto with accounts and rules of who may use
//! which topic, killed, slowed down and cut off while staff work and orders come; one line of verdict each.
//!
//! A scenario passes when nothing that was answered is lost, nothing is applied twice, both sides hold the same, and
//! no exception stands that is not expected. See [`ledger`] for how that is found out.

mod clones;
mod crowd;
mod kill;
mod ledger;
mod offline;
mod packet;
mod queue;
mod restored_edge;
mod restored_hub;
mod room;
mod slow_line;
mod verdict;

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use clap::ValueEnum;

use self::room::Scale;
use self::verdict::Verdict;

/// Multiplies how much happens in a scenario; 1 is what `tests/run` does.
const SCALE: &str = "OUTPOST_PARTS_SCALE";
/// How long a scenario of scale 1 may take, and how much longer for each more.
const PATIENCE: Duration = Duration::from_secs(240);
const PATIENCE_A_SCALE: Duration = Duration::from_secs(120);

/// What happens.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Scenario {
    /// `kill -9` of edge, hub and broker in a loop while staff pick and orders come.
    Kill,
    /// A hub that stands still for a while, at a broker with Mosquitto's own limits of queues.
    DefaultQueue,
    /// The same at a broker that keeps two messages for whoever is slow, and drops the others.
    ShortQueue,
    /// A broker that takes packets of 64 KiB at most.
    Packet,
    /// The same with packets of 16 KiB.
    ShortPacket,
    /// Lines of 64 kbit/s and 800 ms.
    SlowLine,
    /// A store that works without a line for days; then the line comes back, with 1 Mbit/s.
    Offline,
    /// A fleet that comes back at the same moment.
    Crowd,
    /// Two appliances from one disk image, both running.
    Clones,
    /// An appliance that was put back to yesterday's copy.
    RestoredEdge,
    /// A hub that was put back to an hour ago.
    RestoredHub,
}

/// Options of the scenarios.
#[derive(Debug, clap::Args)]
pub struct PartsArgs {
    /// Only this one; may be said more than once. When absent, all of them.
    #[arg(long = "scenario", value_name = "NAME")]
    scenarios: Vec<Scenario>,
    /// Verdicts as JSON, one line each.
    #[arg(long)]
    json: bool,
    /// Keep settings, databases and logs in this folder, one folder a scenario.
    #[arg(long, value_name = "FOLDER")]
    keep: Option<PathBuf>,
}

/// Plays scenarios and says what came of them. Fails when one of them does.
pub async fn run(args: PartsArgs) -> Result<ExitCode> {
    let scale = Scale(scale()?);
    let all = Scenario::value_variants();
    let chosen = if args.scenarios.is_empty() { all.to_vec() } else { args.scenarios };
    let mut failed = 0;
    for scenario in chosen {
        let verdict = play(scenario, scale, args.keep.as_deref()).await?;
        failed += u32::from(!verdict.passed());
        if args.json {
            println!("{}", verdict.json());
        } else {
            println!("{verdict}");
        }
    }
    Ok(if failed == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn scale() -> Result<u32> {
    let Ok(text) = std::env::var(SCALE) else { return Ok(1) };
    let scale: u32 = text.parse().with_context(|| format!("{SCALE}: found {text:?}, allowed: 1 to 100"))?;
    if !(1..=100).contains(&scale) {
        bail!("{SCALE}: found {scale}, allowed: 1 to 100");
    }
    Ok(scale)
}

async fn play(scenario: Scenario, scale: Scale, keep: Option<&std::path::Path>) -> Result<Verdict> {
    let name = scenario.to_possible_value().context("every scenario has a name")?.get_name().to_owned();
    eprintln!("{name} …");
    let keep = keep.map(|folder| folder.join(&name));
    let begun = Instant::now();
    let playing = async {
        match scenario {
            Scenario::Kill => kill::play(scale, keep).await,
            Scenario::DefaultQueue => queue::play(queue::Queue::Default, scale, keep).await,
            Scenario::ShortQueue => queue::play(queue::Queue::Short, scale, keep).await,
            Scenario::Packet => packet::play(packet::Packet::Half, scale, keep).await,
            Scenario::ShortPacket => packet::play(packet::Packet::Short, scale, keep).await,
            Scenario::SlowLine => slow_line::play(scale, keep).await,
            Scenario::Offline => offline::play(scale, keep).await,
            Scenario::Crowd => crowd::play(scale, keep).await,
            Scenario::Clones => clones::play(scale, keep).await,
            Scenario::RestoredEdge => restored_edge::play(scale, keep).await,
            Scenario::RestoredHub => restored_hub::play(scale, keep).await,
        }
    };
    let patience = PATIENCE + PATIENCE_A_SCALE * (scale.0 - 1);
    let told = tokio::select! {
        told = tokio::time::timeout(patience, playing) => told,
        // The daemons end with the scenario that is dropped here.
        stopped = tokio::signal::ctrl_c() => {
            stopped?;
            bail!("stopped by hand");
        }
    };
    let told = match told {
        Ok(Ok(told)) => Ok(told),
        Ok(Err(error)) => Err(format!("{error:#}")),
        Err(_) => Err(format!("not done after {patience:?}")),
    };
    Ok(Verdict::new(name, begun.elapsed(), told))
}
