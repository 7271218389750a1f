//! Program `outpost-lab`: the demo, the load programs, and the daemons themselves as children of it.

use std::ffi::OsString;
use std::process::ExitCode;

use anyhow::Result;
use clap::{Parser, Subcommand};

/// A chain of stores in one program.
#[derive(Debug, Parser)]
#[command(name = "outpost-lab", version)]
struct Lab {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, Subcommand)]
enum What {
    /// Start a chain of real daemons and watch orders cross a cut cable.
    Demo(outpost_lab::demo::DemoArgs),
    /// Run the whole chain in virtual time, from seeds, with every fault there is.
    Simulate(outpost_lab::simulate::SimulateArgs),
    /// Make a figure for docs/performance.md.
    Load(outpost_lab::load::LoadArgs),
    /// Measure our replication beside others'.
    Bench(outpost_lab::bench::BenchArgs),
    /// Run one side of a peer that our replication is measured beside.
    #[command(hide = true)]
    Peer {
        /// `site` or `hub`.
        side: String,
        /// The folder of its database, and the broker's address.
        arguments: Vec<OsString>,
    },
    /// Cut the power of the databases at any moment and look at what is left.
    Crash(outpost_lab::crash::CrashArgs),
    /// Trouble for real daemons and brokers, a verdict each.
    Parts(outpost_lab::parts::PartsArgs),
    /// Run one of the daemons, as its own program would.
    #[command(hide = true)]
    Daemon {
        /// `edge` or `hub`.
        kind: String,
        /// The daemon's own arguments.
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        arguments: Vec<OsString>,
    },
}

/// A variable that names a file: what stands in it lets the disk of a daemon fail. For tests.
const FAILING_DISK: &str = "OUTPOST_LAB_DISK";

fn main() -> ExitCode {
    match run() {
        Ok(code) => code,
        Err(error) => {
            eprintln!("outpost-lab: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run() -> Result<ExitCode> {
    // An alias such as `cargo demo -- --once` hands its `--` on; `cargo demo --once` means the same.
    let mut arguments: Vec<OsString> = std::env::args_os().collect();
    if arguments.get(2).is_some_and(|argument| argument == "--") {
        arguments.remove(2);
    }
    match Lab::parse_from(arguments).what {
        What::Daemon { kind, arguments } => daemon(&kind, arguments),
        What::Simulate(args) => outpost_lab::simulate::run(args),
        What::Crash(args) => outpost_lab::crash::run(&args),
        What::Load(args) => runtime()?.block_on(outpost_lab::load::run(args)),
        What::Bench(args) => runtime()?.block_on(outpost_lab::bench::run(args)),
        What::Peer { side, arguments } => {
            runtime()?.block_on(outpost_lab::bench::run_peer(&side, &arguments))
        }
        What::Parts(args) => runtime()?.block_on(outpost_lab::parts::run(args)),
        What::Demo(args) => runtime()?.block_on(outpost_lab::demo::run(args)),
    }
}

fn runtime() -> Result<tokio::runtime::Runtime> {
    Ok(tokio::runtime::Builder::new_multi_thread().enable_all().build()?)
}

fn daemon(kind: &str, arguments: Vec<OsString>) -> Result<ExitCode> {
    if let Some(control) = std::env::var_os(FAILING_DISK) {
        outpost_disk::Folder::install(control.as_ref());
    }
    let arguments = std::iter::once(OsString::from(format!("outpost-{kind}"))).chain(arguments);
    match kind {
        "edge" => outpost_edge::main_with(arguments),
        "hub" => outpost_hub::main_with(arguments),
        other => anyhow::bail!("daemon: found {other:?}, allowed: edge, hub"),
    }
}
