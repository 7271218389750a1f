//! The business of fulfillment as pure functions over plain data.
//!
//! Nothing here reads a clock, draws a random number, opens a socket or knows a database. `decide` turns a command
//! into facts, [`fold`] turns facts into state, and the two never call each other.
//!
//! Rooms, in reading order: [`id`], [`quantity`], [`money`], [`time`] are the words; [`order`], [`header`], [`fact`],
//! [`intent`], [`page`], [`event`] are what is written down for ever; [`fulfillment`] and [`stock`] are what it adds
//! up to; [`command`], [`authority`] and [`rejection`] are what people may do.
#![warn(missing_docs)]

pub mod authority;
pub mod command;
pub mod event;
pub mod fact;
pub mod fulfillment;
pub mod header;
pub mod id;
pub mod intent;
pub mod money;
pub mod order;
pub mod page;
pub mod quantity;
pub mod rejection;
pub mod stock;
pub mod time;
