//! How every Outpost daemon is run: logs, HTTP server, errors, supervision, shutdown.

pub mod short_code;
