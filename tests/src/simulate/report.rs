//! Runs of many seeds, of one trace, and of all defects; what they print.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use clap::ValueEnum;
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::defects::{self, Defect};
use super::morning::Morning;
use super::plan::Plan;
use super::shrink::shrink;
use super::swarm::Rare;
use super::truth::Violation;
use super::{Ran, run_plan};
use crate::bench::process;

/// A planted mistake must be found within so many seeds.
pub const SEEDS_PER_DEFECT: u64 = 100;

/// Options of the simulator.
#[derive(Debug, clap::Args)]
pub struct SimulateArgs {
    /// How many seeds to run.
    #[arg(long, default_value_t = 100)]
    seeds: u64,
    /// The first seed.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Stores in the chain.
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u64).range(1..=10))]
    sites: u64,
    /// What people and channels do in a run.
    #[arg(long, default_value_t = 200)]
    actions: usize,
    /// Plants a known mistake, which must be found.
    #[arg(long)]
    defect: Option<Defect>,
    /// Plants every known mistake, one after the other.
    #[arg(long)]
    defects: bool,
    /// Runs what this file holds, and tells its story.
    #[arg(long, value_name = "FILE")]
    trace: Option<PathBuf>,
    /// Where traces of seeds that fail are kept.
    #[arg(long, value_name = "FOLDER")]
    keep: Option<PathBuf>,
    /// Switches on a fault that no seed draws by itself yet.
    #[arg(long)]
    also: Vec<Rare>,
    /// The core to run on; the one it begins on without this.
    #[arg(long)]
    core: Option<usize>,
    /// Goes on after a seed that fails.
    #[arg(long)]
    go_on: bool,
    /// Keeps and tells a failing seed as it is, without cutting it down first.
    #[arg(long)]
    whole: bool,
    /// Prints the result as JSON.
    #[arg(long)]
    json: bool,
}

/// A failing run, as it is kept.
#[derive(Debug, Serialize, Deserialize)]
struct Trace {
    invariant: String,
    what: String,
    plan: Plan,
}

/// Keeps the program on one core. Its threads only take turns, and a turn costs several times as much when the next one
/// is taken on another core. Where that cannot be had, it is slower.
fn stay_on_one_core(wanted: Option<usize>) -> Result<()> {
    let wanted = wanted.map_or_else(process::core, Ok)?;
    let cores = core_affinity::get_core_ids().unwrap_or_default();
    if let Some(core) = cores.into_iter().find(|core| core.id == wanted) {
        core_affinity::set_for_current(core);
    }
    Ok(())
}

/// Does what the options say.
pub fn run(args: SimulateArgs) -> Result<ExitCode> {
    stay_on_one_core(args.core)?;
    if let Some(file) = &args.trace {
        return replay(file);
    }
    let sites = usize::try_from(args.sites)?;
    let morning = Morning::make(sites)?;
    if args.defects {
        return all_defects(&morning, sites, &args);
    }
    defects::plant(args.defect)?;
    let (began, cpu_before) = (Instant::now(), processor_time()?);
    let (mut ran, mut failures) = (0, Vec::new());
    for seed in args.seed..args.seed + args.seeds {
        let plan = Plan::with(seed, sites, args.actions, args.defect, &args.also);
        let outcome = run_plan(&morning, &plan, false)?;
        ran += 1;
        if let Some(violation) = outcome.violation {
            eprintln!("seed {seed} fails: {violation}");
            failures.push((plan, violation, outcome.until));
            if !args.go_on {
                break;
            }
        }
    }
    let seconds = began.elapsed().as_secs_f64();
    let per_hour = (f64::from(ran) / seconds * 3_600.0).round();
    // The threads of a run wait for each other: what they use together, one core would.
    let cpu_seconds = processor_time()?.saturating_sub(cpu_before).as_secs_f64();
    let per_core_hour = (f64::from(ran) / cpu_seconds * 3_600.0).round();
    let mut kept = Vec::new();
    let told = if args.whole { failures.len() } else { 1 };
    for (plan, violation, until) in failures.iter().take(told) {
        let small = match args.whole {
            true => plan.clone(),
            false => shrink(&morning, plan, violation.invariant, *until)?,
        };
        let told = run_plan(&morning, &small, true)?;
        let file = keep(&args, &small, violation)?;
        if !args.json {
            tell(&told, &small);
        }
        kept.push(file.display().to_string());
    }
    if args.json {
        let failures: Vec<_> = failures
            .iter()
            .map(|(plan, violation, _)| {
                json!({ "seed": plan.seed, "invariant": violation.invariant, "what": violation.what })
            })
            .collect();
        let result = json!({
            "seeds": ran, "sites": sites, "actions": args.actions,
            "seconds": (seconds * 1_000.0).round() / 1_000.0,
            "seeds_per_hour": per_hour, "cpu_seconds": cpu_seconds, "seeds_per_core_hour": per_core_hour,
            "optimized": !cfg!(debug_assertions), "failures": failures, "traces": kept,
        });
        println!("{result}");
    } else {
        for (plan, violation, _) in &failures {
            println!("seed {} fails: {violation}", plan.seed);
        }
        for file in kept {
            println!("kept as {file}; run it again with `cargo lab simulate --trace {file}`");
        }
        println!(
            "{ran} seeds in {seconds:.1} s ({per_hour} an hour, {per_core_hour} an hour of a core's time), {} failed",
            failures.len()
        );
    }
    Ok(if failures.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// What this process has used.
pub fn processor_time() -> Result<Duration> {
    process::cpu(&[("lab", std::process::id())])
}

fn keep(args: &SimulateArgs, plan: &Plan, violation: &Violation) -> Result<PathBuf> {
    let folder = args.keep.clone().unwrap_or_else(std::env::temp_dir);
    fs::create_dir_all(&folder)?;
    let file = folder.join(format!("outpost-seed-{}.json", plan.seed));
    let trace =
        Trace { invariant: violation.invariant.to_owned(), what: violation.what.clone(), plan: plan.clone() };
    fs::write(&file, serde_json::to_vec_pretty(&trace)?)?;
    Ok(file)
}

fn tell(told: &Ran, plan: &Plan) {
    println!("seed {}, {} sites, cut down to {} acts:", plan.seed, plan.sites, plan.acts.len());
    for line in &told.story {
        println!("{line}");
    }
    match &told.violation {
        Some(violation) => println!("WRONG: {violation}"),
        None => println!("nothing is wrong"),
    }
}

fn replay(file: &Path) -> Result<ExitCode> {
    if let Ok(level) = std::env::var("RUST_LOG") {
        outpost_daemon::start_logs(&level, outpost_daemon::LogFormat::Text)?;
    }
    let text = fs::read(file).with_context(|| format!("reading {}", file.display()))?;
    let trace: Trace =
        serde_json::from_slice(&text).with_context(|| format!("reading {}", file.display()))?;
    let morning = Morning::make(trace.plan.sites)?;
    defects::plant(trace.plan.defect)?;
    let told = run_plan(&morning, &trace.plan, true)?;
    tell(&told, &trace.plan);
    Ok(if told.violation.is_some() { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}

/// The seed that finds a planted mistake, and how; nothing when none does.
pub fn find(
    morning: &Morning,
    sites: usize,
    actions: usize,
    defect: Defect,
) -> Result<Option<(u64, Violation)>> {
    defects::plant(Some(defect))?;
    let mut found = None;
    for seed in 1..=SEEDS_PER_DEFECT {
        let plan = Plan::of(seed, sites, actions, Some(defect));
        if let Some(violation) = run_plan(morning, &plan, false)?.violation {
            found = Some((seed, violation));
            break;
        }
    }
    defects::plant(None)?;
    Ok(found)
}

fn all_defects(morning: &Morning, sites: usize, args: &SimulateArgs) -> Result<ExitCode> {
    let mut missed = 0;
    for defect in Defect::value_variants() {
        let name = defect.to_possible_value().map(|value| value.get_name().to_owned()).unwrap_or_default();
        let found = find(morning, sites, args.actions, *defect)?;
        missed += u32::from(found.is_none());
        match (&found, args.json) {
            (Some((seed, violation)), true) => println!(
                "{}",
                json!({ "defect": name, "seeds": seed, "invariant": violation.invariant, "what": violation.what })
            ),
            (None, true) => println!("{}", json!({ "defect": name, "seeds": null })),
            (Some((seed, violation)), false) => println!("{name:<32} found by seed {seed:>3}: {violation}"),
            (None, false) => println!("{name:<32} NOT FOUND: {}", defect.sentence()),
        }
    }
    Ok(if missed == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
