//! How every Outpost daemon is run. This crate knows no order and no SQL.
//!
//! - [`start_logs`] writes logs; [`Metrics`] counts.
//! - [`bind`] takes the port, [`BoundServer::serve`] answers on it with limits on everything a client can stretch.
//! - [`Problem`] is how an error answers; [`extract`] holds extractors that refuse with it.
//! - [`Repeats`] keeps a log short where others decide how often something happens.
//! - [`Supervisor`] runs named tasks and ends the daemon when one of them ends; [`asked_to_end`] waits for signals.
//! - [`Readiness`] and [`health::routes`] tell others how the daemon is.
//! - [`storage`] knows whether the disk takes writes, and refuses new work while it does not.
//! - [`watch_file`] notices a changed file or SIGHUP.
//! - [`Clock`] is the one reader of clocks, [`mint_id`] the one way to make ids.
//! - [`short_code`] computes codes both sides know without sending them.
//! - [`assets`] serves the shared style sheet and other files of the program.

pub mod assets;
mod clock;
pub mod extract;
pub mod health;
mod ids;
mod logs;
mod metrics;
mod problem;
mod repeats;
mod server;
pub mod short_code;
pub mod storage;
mod supervisor;
mod watch;

pub use clock::{Clock, ClockError, Hands, Reading};
pub use health::{Readiness, ReadyCheck};
pub use ids::mint_id;
pub use logs::{LogError, LogFormat, start_logs};
pub use metrics::{Metrics, MetricsError};
pub use problem::{Problem, causes, no_such_method, no_such_page};
pub use repeats::Repeats;
pub use server::{BindError, BoundServer, ServerOptions, bind, guarded};
pub use storage::{DiskTrouble, Storage};
pub use supervisor::{Failure, Supervisor, asked_to_end};
pub use watch::watch_file;
