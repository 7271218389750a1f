//! `cargo lab crash`: power cuts at any moment, on images of the disk.
//!
//! The real core of the edge and the real hub work at random on a disk that writes down what SQLite asks of it
//! (`outpost-disk`). The tape is then cut at random places, a part of what was not synced is lost, and the image that is
//! left is opened by the same code that opens a database when a daemon starts. Every image must be whole, its
//! projections must follow from its documents, and all that was answered before the cut must be in it.

pub mod edge;
pub mod hub;
mod report;

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Instant;

use anyhow::Result;
use outpost_disk::{Honesty, Image, Tape};
use rand::RngExt;
use rand::rngs::StdRng;

pub use report::{Finding, Harm, Report};

/// What to cut the power of, and how often.
#[derive(Debug, Clone, clap::Args)]
pub struct CrashArgs {
    /// Images to open on each side.
    #[arg(long, default_value_t = 5_000)]
    pub images: u32,
    /// The first seed; each workload takes the next one.
    #[arg(long, default_value_t = 1)]
    pub seed: u64,
    /// Which databases.
    #[arg(long, value_enum, default_value_t = Side::Both)]
    pub side: Side,
    /// A defect to plant: the run succeeds when it is found.
    #[arg(long, value_enum)]
    pub defect: Option<Defect>,
    /// Where images that broke something are kept, to be looked at.
    #[arg(long, value_name = "FOLDER")]
    pub keep: Option<PathBuf>,
    /// Print one line of JSON instead of sentences.
    #[arg(long)]
    pub json: bool,
}

/// Which databases.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum Side {
    /// The edge's.
    Edge,
    /// The hub's.
    Hub,
    /// Both, one after the other.
    Both,
}

/// A defect that the images must find.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum Defect {
    /// The log is not synced at a commit: `PRAGMA synchronous = NORMAL`.
    SynchronousNormal,
    /// Nothing is ever synced: `PRAGMA synchronous = OFF`.
    SynchronousOff,
    /// The disk answers a sync without doing it.
    SyncLies,
    /// A command is answered before its commit.
    AnswerBeforeCommit,
    /// After a restart the site goes on as the incarnation it was.
    ReuseIncarnation,
    /// Keys of sealed records are written to the disk after the commit that needs them.
    KeysAfterTheCommit,
    /// What is written down beside the hub's database is in its copies too, and restored with them.
    WitnessInTheCopy,
}

/// How one workload is run and cut.
#[derive(Debug, Clone, Copy)]
pub struct Plan {
    /// Randomness of the workload and of its cuts.
    pub seed: u64,
    /// Images to open.
    pub images: u32,
    /// A planted defect.
    pub defect: Option<Defect>,
}

impl Plan {
    /// Whether the disk keeps its word.
    pub fn honesty(&self) -> Honesty {
        if self.defect == Some(Defect::SyncLies) { Honesty::Lies } else { Honesty::Honest }
    }
}

/// Images of one workload: enough that a workload is cut at most of its moments, few enough that there are many.
const IMAGES_OF_A_WORKLOAD: u32 = 400;

/// Runs as asked and says what came of it.
pub fn run(args: &CrashArgs) -> Result<ExitCode> {
    let mut good = true;
    for (side, run) in [(Side::Edge, edge::workload as Workload), (Side::Hub, hub::workload)] {
        if args.side != Side::Both && args.side != side {
            continue;
        }
        let name = if side == Side::Edge { "edge" } else { "hub" };
        let report = many(name, run, args)?;
        if args.json {
            println!("{}", report.json());
        } else {
            print!("{report}");
        }
        if let Some(folder) = &args.keep {
            report.keep(folder)?;
        }
        good &= report.findings.is_empty() == args.defect.is_none();
    }
    Ok(if good { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// One workload with its images, added to a report.
pub type Workload = fn(Plan, &mut Report) -> Result<()>;

/// Workloads until there were enough images.
pub fn many(side: &'static str, workload: Workload, args: &CrashArgs) -> Result<Report> {
    let mut report = Report::new(side, args.seed, args.defect);
    let begun = Instant::now();
    let mut seed = args.seed;
    while report.images < args.images && report.wants_more() {
        let images = (args.images - report.images).min(IMAGES_OF_A_WORKLOAD);
        workload(Plan { seed, images, defect: args.defect }, &mut report)?;
        report.workloads += 1;
        seed += 1;
    }
    report.seconds = begun.elapsed().as_secs_f64();
    Ok(report)
}

/// Moments of a tape to cut at, in their order.
fn cuts(tape: &Tape, count: u32, rng: &mut StdRng) -> Vec<usize> {
    let mut cuts: Vec<usize> = (0..count).map(|_| rng.random_range(tape.begins()..=tape.len())).collect();
    cuts.sort_unstable();
    cuts
}

/// What an image is told apart by when it is kept.
fn story(plan: Plan, life: u32, cut: usize, ops: usize) -> String {
    format!("seed {}, life {life}, cut after {cut} of {ops} operations of the disk", plan.seed)
}

/// An image of which something is wrong.
fn finding(harm: Harm, what: String, story: &str, image: &Image) -> Finding {
    Finding { harm, what, story: story.to_owned(), image: image.clone() }
}
