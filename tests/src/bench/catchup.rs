//! What catching up costs: backlogs of several lengths, each after histories of several lengths. It should grow with the
//! backlog alone.

use std::process::ExitCode;

use anyhow::{Result, bail};
use serde_json::{Value, json};

use super::measure::{self, Peer};
use super::ours::Ours;
use super::{Setup, rounded};

/// Units of a line.
const UNITS: u32 = 20;

/// Options of `bench catchup`.
#[derive(Debug, Clone, clap::Args)]
pub struct CatchupArgs {
    /// Print one line of JSON instead of a table.
    #[arg(long)]
    pub json: bool,
    /// Events that the hub has before a backlog is measured, rising.
    #[arg(long, value_delimiter = ',', default_value = "0,20000,100000")]
    pub histories: Vec<u32>,
    /// Events written while the line is cut.
    #[arg(long, value_delimiter = ',', default_value = "1000,2000,4000,8000")]
    pub backlogs: Vec<u32>,
    /// How often each is measured; the median counts.
    #[arg(long, default_value_t = 3)]
    pub repeat: u32,
    #[command(flatten)]
    pub setup: Setup,
}

/// Measures them all on one chain, whose history grows, and prints them.
pub async fn run(args: CatchupArgs) -> Result<ExitCode> {
    if args.histories.windows(2).any(|pair| pair[0] > pair[1]) || args.repeat == 0 || args.backlogs.is_empty()
    {
        bail!("--histories must rise, --repeat and --backlogs must not be empty");
    }
    let of_level = args.backlogs.iter().sum::<u32>() * args.repeat;
    let levels = u32::try_from(args.histories.len())?;
    let longest = args.histories.last().copied().unwrap_or(0).max(of_level * (levels - 1));
    // Each part may take some more than it asks for: the first scan of a case is two events.
    let all = longest + of_level + (levels * args.repeat + 1) * measure::WRITE as u32 * 4;
    let mut ours = Ours::with_work(&args.setup, all, UNITS).await?;
    let (mut history, mut rows) = (0, Vec::new());
    for level in &args.histories {
        if *level > history {
            let grown = measure::backlog(&mut ours, (*level - history) as usize).await?;
            history += u32::try_from(grown["events"].as_u64().unwrap_or(0))?;
        }
        let began_at = history;
        for backlog in &args.backlogs {
            let mut runs = Vec::new();
            for _ in 0..args.repeat {
                let run = measure::backlog(&mut ours, *backlog as usize).await?;
                history += u32::try_from(run["events"].as_u64().unwrap_or(0))?;
                eprintln!("{backlog} events after {began_at} and more: {run}");
                runs.push(run);
            }
            rows.push(row(began_at, *backlog, &runs));
        }
    }
    let slopes: Vec<Value> =
        args.histories.iter().enumerate().map(|(i, _)| slope(&rows, i, args.backlogs.len())).collect();
    let figures = json!({ "figure": "catchup", "optimized": !cfg!(debug_assertions), "rows": rows, "lines": slopes,
        "hub_mib": super::process::peak_mib(ours.processes()[1].1)? });
    if args.json {
        println!("{figures}");
    } else {
        print(&figures);
    }
    Ok(ExitCode::SUCCESS)
}

fn row(history: u32, backlog: u32, runs: &[Value]) -> Value {
    let median = |of: &dyn Fn(&Value) -> f64| {
        let mut all: Vec<f64> = runs.iter().map(of).collect();
        all.sort_by(f64::total_cmp);
        all[all.len() / 2]
    };
    let number = |run: &Value, key: &str| run[key].as_f64().unwrap_or(f64::NAN);
    let seconds = median(&|run| number(run, "converged_seconds") - number(run, "reconnect_seconds"));
    json!({
        "history": history, "backlog": backlog, "seconds": rounded(seconds),
        "us_per_event": rounded(seconds * 1e6 / f64::from(backlog)),
        "cpu_us_per_event": median(&|run| number(run, "cpu_us_per_event")),
        "bytes_per_event": median(&|run| number(run, "bytes_per_event")),
    })
}

/// The straight line through the times of one history: what each event costs, what it costs besides, and how well the
/// line fits.
fn slope(rows: &[Value], level: usize, width: usize) -> Value {
    let rows = &rows[level * width..(level + 1) * width];
    let points: Vec<(f64, f64)> = rows
        .iter()
        .map(|row| (row["backlog"].as_f64().unwrap_or(f64::NAN), row["seconds"].as_f64().unwrap_or(f64::NAN)))
        .collect();
    let count = points.len() as f64;
    let mean = |of: fn(&(f64, f64)) -> f64| points.iter().map(of).sum::<f64>() / count;
    let (x, y) = (mean(|point| point.0), mean(|point| point.1));
    let sum =
        |of: &dyn Fn(f64, f64) -> f64| points.iter().map(|point| of(point.0 - x, point.1 - y)).sum::<f64>();
    let (xx, xy, yy) = (sum(&|x, _| x * x), sum(&|x, y| x * y), sum(&|_, y| y * y));
    json!({
        "history": rows[0]["history"], "us_per_event": rounded(xy / xx * 1e6),
        "seconds_besides": rounded(y - xy / xx * x), "fit": rounded(xy * xy / (xx * yy)),
    })
}

fn print(figures: &Value) {
    let (rows, lines) = (figures["rows"].as_array(), figures["lines"].as_array());
    println!("| events before | backlog | s | µs an event | processor µs an event | bytes an event |");
    println!("| --- | --- | --- | --- | --- | --- |");
    for row in rows.into_iter().flatten() {
        let cells = ["history", "backlog", "seconds", "us_per_event", "cpu_us_per_event", "bytes_per_event"];
        println!("| {} |", cells.map(|cell| row[cell].to_string()).join(" | "));
    }
    for line in lines.into_iter().flatten() {
        println!(
            "\nafter {} events: {} µs for each, and {} s besides (fit {})",
            line["history"], line["us_per_event"], line["seconds_besides"], line["fit"]
        );
    }
}
