//! Devices of the site: label printers.
//!
//! A label is stored before it is printed and never sent a second time by itself. [`job`] is the life of a print job
//! as a pure machine, [`worker`] drives one printer through it, [`line`] speaks with the printer over TCP, [`confirm`]
//! finds out whether a label came out, [`printer`] is what the screens show, [`label`] writes our own labels.

mod confirm;
pub mod desk;
pub mod job;
pub mod label;
pub mod line;
pub mod printer;
#[cfg(test)]
mod scripted;
pub mod worker;
#[cfg(test)]
mod worker_tests;
