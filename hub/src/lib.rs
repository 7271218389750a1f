//! The hub daemon: captures orders, promises stock, routes each order to sites, and reconciles what the sites did.
//!
//! A line of code lives on one floor: [`http`] translates, `app` holds the use cases, [`write`] commits groups of
//! them, [`store`] is SQL, `replicate` moves frames and applies what sites say, [`connect`] reads what channels send.

pub mod broker;
mod clock;
pub mod connect;
mod error;
pub mod http;
mod state;
pub mod store;
pub mod wake;
pub mod write;

use std::ffi::OsString;
use std::process::ExitCode;

pub use error::{HubError, Verdict};
pub use state::Hub;

/// The daemon: reads its settings, opens its database, and serves until it is asked to end.
pub fn main_with(args: impl IntoIterator<Item = OsString>) -> anyhow::Result<ExitCode> {
    let _ = args;
    anyhow::bail!("the hub is being built")
}
