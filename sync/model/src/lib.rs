//! The business of fulfillment as pure functions over plain data.
//!
//! Nothing here reads a clock, draws a random number, opens a socket or knows a database. `decide` turns a command
//! into facts, [`fold`] turns facts into state, and the two never call each other.
//!
//! Rooms, in reading order: [`id`], [`quantity`], [`money`], [`time`] are the words; [`order`], [`header`], [`fact`],
//! [`intent`], [`page`], [`event`] are what is written down for ever; [`fulfillment`] and [`stock`] are what it adds
//! up to; [`command`], [`authority`] and [`rejection`] are what people may do.
#![warn(missing_docs)]

pub mod answer;
pub mod authority;
pub mod barcode;
pub mod calendar;
pub mod command;
pub mod container;
pub mod decide;
pub mod event;
pub mod fact;
pub mod fold;
pub mod fulfillment;
pub mod header;
pub mod id;
pub mod intent;
pub mod ledger;
pub mod milestone;
pub mod money;
pub mod movements;
pub mod order;
pub mod page;
pub mod promise;
pub mod quantity;
pub mod rejection;
pub mod rights;
pub mod routing;
pub mod site_day;
pub mod stock;
pub mod time;

pub use event::{may_write, may_write_in};
pub use milestone::order_state;
