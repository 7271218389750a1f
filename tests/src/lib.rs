//! A chain of stores in one program: virtual devices, network, staff; the demo, the load programs and the tests that cross crates.

pub mod api;
pub mod bench;
pub mod catalog;
pub mod crash;
pub mod demo;
pub mod device;
pub mod load;
pub mod network;
pub mod parts;
pub mod shopify;
pub mod simulate;
pub mod staff;
pub mod world;
