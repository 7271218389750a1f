//! `cargo lab load …`: figures for docs/performance.md, each as a ratio to a physical limit measured in the same run.
//!
//! Most programs start a chain of real daemons and drive them over their public interfaces; `ingest` and `wire` drive
//! the hub and the engine alone. Nothing here asserts a time: a figure is a finding, not a test.

mod backlog;
mod burst;
mod disk;
mod fleet;
mod handheld;
mod ingest;
mod memory;
mod orders;
pub(crate) mod picks;
mod scan;
mod wire;

use std::process::ExitCode;
use std::sync::Arc;

use anyhow::{Result, bail};
use serde_json::{Value, json};
use tokio::task::JoinSet;

use crate::demo::chain::{Chain, ChainOptions};

/// Units of every common product at each site: more than any program needs.
const PLENTY: u32 = 40_000;
/// The store that is loaded.
pub(crate) const STORE: &str = "rotterdam-1";

/// Which figure to make.
#[derive(Debug, clap::Subcommand)]
pub enum LoadCommand {
    /// Latency of a scan at a steady rate, as a multiple of one fdatasync.
    Scan {
        /// Scans a second.
        #[arg(long, default_value_t = 20)]
        rate: u32,
        /// For how long.
        #[arg(long, default_value_t = 30)]
        seconds: u32,
    },
    /// Commands a second under burst, as a part of the limit of group commit.
    Burst {
        /// Handhelds that scan as fast as they are answered.
        #[arg(long, default_value_t = 64)]
        clients: u32,
        /// For how long.
        #[arg(long, default_value_t = 10)]
        seconds: u32,
    },
    /// Orders the hub captures a second, durably, from webhooks.
    Orders {
        /// How many.
        #[arg(long, default_value_t = 5_000)]
        count: u32,
        /// Requests under way at once.
        #[arg(long, default_value_t = 32)]
        in_flight: u32,
    },
    /// How fast a site's backlog drains after a cut, and what an event costs on the wire.
    Backlog {
        /// Events written while the line was cut.
        #[arg(long, default_value_t = 10_000)]
        events: u32,
    },
    /// Memory and start-up time of an edge with many cases in its database.
    Memory {
        /// How many.
        #[arg(long, default_value_t = 50_000)]
        cases: u32,
    },
    /// Events a second that a hub takes in from many sites, from their frames to its acknowledgements.
    Ingest {
        /// The hub's database; SQLite in a folder of its own when absent. It must be empty.
        #[arg(long, value_name = "URL")]
        database: Option<String>,
        /// Changes in a frame.
        #[arg(long, default_value_t = 100, value_parser = clap::value_parser!(u16).range(1..=400))]
        frame: u16,
        /// Sites that send.
        #[arg(long, default_value_t = 20, value_parser = clap::value_parser!(u16).range(1..=999))]
        sites: u16,
        /// Orders, eight events each.
        #[arg(long, default_value_t = 5_000)]
        orders: u32,
    },
    /// Bytes of an event on the wire, live, alone and in a backlog; and how long a backlog takes over a slow line.
    Wire {
        /// Events of the backlog.
        #[arg(long, default_value_t = 200_000)]
        backlog: u32,
        /// The slow line.
        #[arg(long, default_value_t = 1_000_000, value_parser = clap::value_parser!(u64).range(1_000..))]
        bits_per_second: u64,
    },
}

/// Options of every load program.
#[derive(Debug, clap::Args)]
pub struct LoadArgs {
    #[command(subcommand)]
    command: LoadCommand,
    /// The hub's database; SQLite when absent.
    #[arg(long, value_name = "URL", global = true)]
    hub_database: Option<String>,
    /// The broker: `embedded` or `mosquitto`.
    #[arg(long, default_value = "embedded", global = true)]
    broker: String,
    /// Nothing but JSON on standard output, which is how every figure is printed in any case.
    #[arg(long, global = true)]
    json: bool,
}

/// Makes a figure and prints it as one line of JSON.
pub async fn run(args: LoadArgs) -> Result<ExitCode> {
    let figures = match &args.command {
        LoadCommand::Ingest { database, frame, sites, orders } => {
            let (frame, sites) = (usize::from(*frame), usize::from(*sites));
            let ingest =
                ingest::Ingest { database: database.clone(), frame, sites, orders: *orders as usize };
            ingest::run(&ingest).await?
        }
        LoadCommand::Wire { backlog, bits_per_second } => {
            let wire = wire::Wire { backlog: *backlog as usize, bits_per_second: *bits_per_second };
            tokio::task::spawn_blocking(move || wire::run(&wire)).await??
        }
        _ => of_a_chain(args).await?,
    };
    println!("{}", with_machine(figures));
    Ok(ExitCode::SUCCESS)
}

async fn of_a_chain(args: LoadArgs) -> Result<Value> {
    eprintln!("starting a chain of daemons …");
    let options = ChainOptions {
        hub_database: args.hub_database,
        broker: args.broker,
        plenty: Some(PLENTY),
        ..ChainOptions::default()
    };
    let chain = Arc::new(Chain::start(&options).await?);
    let mut watchers = JoinSet::new();
    watchers.spawn(chain.hub.clone().watch());
    for site in &chain.sites {
        watchers.spawn(site.service.clone().watch());
    }
    let figures = match args.command {
        LoadCommand::Scan { rate, seconds } => scan::run(&chain, rate, seconds).await?,
        LoadCommand::Burst { clients, seconds } => burst::run(&chain, clients, seconds).await?,
        LoadCommand::Orders { count, in_flight } => {
            orders::run(&chain, count, in_flight, orders::mixed).await?
        }
        LoadCommand::Backlog { events } => backlog::run(&chain, events).await?,
        LoadCommand::Memory { cases } => memory::run(&chain, cases).await?,
        LoadCommand::Ingest { .. } | LoadCommand::Wire { .. } => bail!("this figure needs no chain"),
    };
    Ok(figures)
}

/// Figures mean little without the machine they were made on.
fn with_machine(mut figures: Value) -> Value {
    let cores = std::thread::available_parallelism().map_or(0, usize::from);
    if let Some(object) = figures.as_object_mut() {
        object.insert("cores".to_owned(), json!(cores));
        object.insert("optimized".to_owned(), json!(!cfg!(debug_assertions)));
    }
    figures
}

/// Rounds to three digits after the point, for people.
fn rounded(number: f64) -> f64 {
    (number * 1_000.0).round() / 1_000.0
}
