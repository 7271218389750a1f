//! Sites talk to a hub through a pipe in memory: with the engine's own sessions and documents, on every database.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod flow;
mod labels;
mod load;
mod site;
mod trust;
mod world;
