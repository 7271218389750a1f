//! The site daemon: picks, packs, labels and hands over on its own SQLite.
//!
//! A line of code lives on exactly one floor: [`http`] translates, [`app`] holds one use case a file, [`write`] runs
//! them in group commits, [`store`] is SQL and rows, [`replicate`] moves the journal, [`device`] drives the printers.

pub mod app;
pub mod device;
pub mod http;
mod ids;
mod moment;
pub mod replicate;
#[cfg(test)]
mod rig;
mod run;
mod site;
mod state;
pub mod store;
pub mod testing;
pub mod write;

pub use ids::Ids;
pub use moment::Moment;
pub use run::{EXIT_FATE_UNKNOWN, main_with};
pub use site::{DefaultPrinter, Retention, Site, SiteError};
pub use state::AppState;
