//! The business of fulfillment as pure functions over plain data.
//!
//! Nothing here reads a clock, draws a random number, opens a socket or knows a database. [`decide`] turns a command
//! into facts, [`answer`] an intent, [`fold`] turns events into state; docs/model.md tells how they fit together.
//!
//! Rooms, in reading order: [`id`], [`quantity`], [`money`], [`time`], [`barcode`], [`container`] are the words;
//! [`order`], [`header`], [`fact`], [`intent`], [`page`], [`event`] are what is written down for ever;
//! [`fulfillment`], [`fold`], [`milestone`] are the life of a case; [`command`], [`authority`], [`decide`],
//! [`answer`], [`rejection`] are what people and rules may do with it; [`stock`], [`movements`], [`ledger`],
//! [`rights`] are the goods; [`site_day`], [`calendar`], [`promise`], [`routing`] are the sites and their time.
#![warn(missing_docs)]

pub mod answer;
pub mod authority;
pub mod barcode;
pub mod calendar;
pub mod command;
pub mod container;
pub mod decide;
pub mod defects;
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
pub mod reference;
pub mod rejection;
pub mod retention;
pub mod rights;
pub mod routing;
pub mod site_day;
pub mod stock;
pub mod time;

pub use event::{may_write, may_write_in};
pub use milestone::order_state;
