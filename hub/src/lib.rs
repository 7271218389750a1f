//! The hub daemon: captures orders, promises stock, routes each order to sites, and reconciles what the sites did.
//!
//! A line of code lives on one floor: [`http`] translates, [`app`] holds the use cases, [`write`] commits groups of
//! them, [`store`] is SQL, [`replicate`] moves frames and applies what sites say, [`connect`] reads what channels send.

pub mod app;
pub mod broker;
pub mod carrier;
pub mod connect;
mod error;
pub mod http;
pub mod ids;
pub mod replicate;
pub mod restore;
pub mod site_lease;
pub mod start;
mod state;
pub mod store;
pub mod wake;
pub mod witness;
pub mod work;
pub mod write;

mod main_with;

pub use error::{HubError, Verdict};
pub use main_with::{EXIT_FATE_UNKNOWN, main_with};
pub use state::Hub;
