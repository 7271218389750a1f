//! The hub daemon: captures, promises, routes and reconciles orders.

pub mod connect;
