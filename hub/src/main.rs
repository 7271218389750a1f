//! The hub daemon's program.

use std::process::ExitCode;

fn main() -> ExitCode {
    match outpost_hub::main_with(std::env::args_os()) {
        Ok(code) => code,
        Err(error) => {
            eprintln!("outpost-hub: {error:#}");
            ExitCode::FAILURE
        }
    }
}
