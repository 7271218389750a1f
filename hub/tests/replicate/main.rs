//! Sites talk to a hub through a pipe in memory: with the engine's own sessions and documents, on every database.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod backup;
mod claims;
#[path = "../common/database.rs"]
#[allow(dead_code, reason = "other tests use the rest of it")]
mod database;
mod flow;
mod hostile;
mod labels;
mod limits;
mod load;
mod quarantine;
mod repair;
mod sealed;
mod site;
mod trust;
mod world;
