//! For tests, simulators and load programs: a site without threads, clocks or sockets, and the hub's half of its
//! documents. Everything goes through the same code as in the daemon; only time, ids and the network are played.

mod bench;
mod hub;
mod served;

pub use bench::{Bench, CASE_SKU, header, product, site};
pub use hub::ScriptedHub;
pub use served::{Served, Stalled, system_now};
