//! A chain of stores in one program: virtual devices, network, staff; the demo, the load programs and the tests that cross crates.

pub mod catalog;
pub mod device;
pub mod network;
pub mod shopify;
pub mod world;
