//! The site daemon's program.

use std::process::ExitCode;

fn main() -> anyhow::Result<ExitCode> {
    outpost_edge::main_with(std::env::args_os())
}
