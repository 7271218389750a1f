//! `cargo lab bench sync`: our replication beside PouchDB's and beside plain JSON over MQTT, on the same work, in one
//! run on one machine.
//!
//! The work: orders of eight events each (a case is accepted, and seven units are picked), written by one site and
//! wanted at the hub. A part of them is written live at a steady rate, then a few one by one with pauses, and the rest
//! while the line is cut. All three go through the same TCP proxy, which counts every byte in both directions; all
//! three write durably on both sides before they say so.

mod catchup;
mod history;
mod measure;
mod ours;
mod plain;
pub(crate) mod process;
mod rival;
mod slow;
mod table;
mod work;

use std::ffi::OsString;
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Result, bail};
use serde_json::{Value, json};

use measure::Plan;

/// What to compare.
#[derive(Debug, clap::Subcommand)]
pub enum BenchCommand {
    /// Replication beside PouchDB and plain JSON over MQTT.
    Sync(SyncArgs),
    /// What catching up costs by the length of the backlog and of the history before it.
    Catchup(catchup::CatchupArgs),
}

/// Options of `bench`.
#[derive(Debug, clap::Args)]
pub struct BenchArgs {
    #[command(subcommand)]
    command: BenchCommand,
}

/// Options of `bench sync`.
#[derive(Debug, Clone, clap::Args)]
pub struct SyncArgs {
    /// Print one line of JSON instead of a table.
    #[arg(long)]
    pub json: bool,
    /// Orders; each has eight events.
    #[arg(long, default_value_t = 5_000)]
    pub orders: u32,
    /// Events a second in the live part.
    #[arg(long, default_value_t = 100)]
    pub rate: u32,
    /// How long the live part lasts, in seconds.
    #[arg(long, default_value_t = 15)]
    pub live_seconds: u32,
    /// Events written one by one, each after a pause.
    #[arg(long, default_value_t = 10)]
    pub lone: u32,
    /// What to measure: `ours`, `pouchdb`, `json`, and of ours alone `slow` (a backlog over a slow line) and
    /// `history` (a backlog with and without a history before it).
    #[arg(long, value_delimiter = ',', default_value = "ours,pouchdb,json,slow,history")]
    pub parts: Vec<String>,
    #[command(flatten)]
    pub setup: Setup,
    /// Events of the backlog over a slow line.
    #[arg(long, default_value_t = 200_000)]
    pub slow_events: u32,
    /// The slow line, in bits a second.
    #[arg(long, default_value_t = 1_000_000)]
    pub slow_rate: u64,
    /// Events of the backlog that is measured with and without a history of ten times as many.
    #[arg(long, default_value_t = 5_000)]
    pub history_events: u32,
    /// Where PouchDB is installed, or will be.
    #[arg(long, value_name = "FOLDER")]
    pub packages: Option<PathBuf>,
}

/// How ours is set up.
#[derive(Debug, Clone, clap::Args)]
pub struct Setup {
    /// The broker of ours: `mosquitto` or `embedded`.
    #[arg(long, default_value = "mosquitto")]
    pub broker: String,
    /// The hub's database of ours; SQLite when absent.
    #[arg(long, value_name = "URL")]
    pub hub_database: Option<String>,
}

const PARTS: [&str; 5] = ["ours", "pouchdb", "json", "slow", "history"];

/// Makes the figures and prints them.
pub async fn run(args: BenchArgs) -> Result<ExitCode> {
    let args = match args.command {
        BenchCommand::Sync(args) => args,
        BenchCommand::Catchup(args) => return catchup::run(args).await,
    };
    if let Some(part) = args.parts.iter().find(|part| !PARTS.contains(&part.as_str())) {
        bail!("--parts: found {part:?}, allowed: {}", PARTS.join(", "));
    }
    let plan = Plan::of(&args)?;
    let mut peers = Vec::new();
    let (mut slow_line, mut history_cost) = (Value::Null, Value::Null);
    for part in &args.parts {
        eprintln!("measuring {part} …");
        match part.as_str() {
            "ours" => peers.push(measure::all(&mut ours::Ours::start(&args, &plan).await?, &plan).await?),
            "pouchdb" => peers.push(measure::all(&mut rival::pouchdb(&args, &plan).await?, &plan).await?),
            "json" => peers.push(measure::all(&mut rival::json(&plan).await?, &plan).await?),
            "slow" => slow_line = slow::run(&args).await?,
            _ => history_cost = history::run(&args).await?,
        }
    }
    let cores = std::thread::available_parallelism().map_or(0, usize::from);
    let figures = json!({
        "figure": "sync", "orders": args.orders, "events": plan.events(), "rate": args.rate,
        "cores": cores, "optimized": !cfg!(debug_assertions),
        "peers": peers, "slow_line": slow_line, "history": history_cost,
    });
    if args.json {
        println!("{figures}");
    } else {
        table::print(&figures);
    }
    Ok(ExitCode::SUCCESS)
}

/// Runs one side of the plain JSON peer, as a process of its own.
pub async fn run_peer(side: &str, arguments: &[OsString]) -> Result<ExitCode> {
    plain::run(side, arguments).await?;
    Ok(ExitCode::SUCCESS)
}

/// Rounds to three digits after the point, for people.
fn rounded(number: f64) -> f64 {
    (number * 1_000.0).round() / 1_000.0
}
