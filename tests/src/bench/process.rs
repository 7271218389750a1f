//! What the system says about a process.

use std::fs;
use std::time::Duration;

use anyhow::{Context, Result};

/// The kernel counts processor time in these (`USER_HZ`), on every machine we know.
const TICKS_PER_SECOND: u64 = 100;

/// The largest resident size so far, in MiB.
pub fn peak_mib(pid: u32) -> Result<f64> {
    let status = fs::read_to_string(format!("/proc/{pid}/status"))?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).context("a process has a size")?;
    let kib: u64 = line.trim().trim_end_matches(" kB").parse()?;
    Ok((kib as f64 / 102.4).round() / 10.0)
}

/// The core this process runs on at the moment.
pub fn core() -> Result<usize> {
    let stat = fs::read_to_string("/proc/self/stat")?;
    let (_, fields) = stat.rsplit_once(')').context("a process has a name")?;
    let core = fields.split_whitespace().nth(36).context("a process has a core")?;
    Ok(core.parse()?)
}

/// Processor time of some processes together.
pub fn cpu(processes: &[(&'static str, u32)]) -> Result<Duration> {
    let mut ticks = 0;
    for (_, pid) in processes {
        let stat = fs::read_to_string(format!("/proc/{pid}/stat"))?;
        // The name, in parentheses, may hold anything; user and system time are the 14th and 15th field.
        let (_, fields) = stat.rsplit_once(')').context("a process has a name")?;
        let mut fields = fields.split_whitespace().skip(11);
        for _ in 0..2 {
            ticks += fields.next().context("a process has a time")?.parse::<u64>()?;
        }
    }
    Ok(Duration::from_millis(ticks * 1_000 / TICKS_PER_SECOND))
}
