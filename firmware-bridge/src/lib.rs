//! Codecs and label layouts for the devices on a shop floor.
//!
//! Everything here runs without an operating system and without a heap: the same code drives a printer from a
//! microcontroller and from the site daemon. A codec is a plain state machine fed with bytes; a thin shell over
//! `embedded-io` (blocking or async) does the reading and writing. Time is the caller's: nothing here waits on a
//! clock, so a silent device ends by whatever timeout the caller put around the call.
//!
//! | room | what it is for |
//! | --- | --- |
//! | [`zpl`] | writes ZPL II labels; data can never open a command |
//! | [`layout`] | the labels themselves: handling label, pickup bag label, packing slip |
//! | [`printer`] | asks a Zebra printer how it is and how many labels it has printed |
//! | [`scanner`] | turns a scanner's bytes into scans and tells the symbologies apart |
//! | [`sscc`] | the number on a logistic unit |
#![no_std]
#![warn(missing_docs)]

#[cfg(test)]
extern crate std;

pub mod layout;
pub mod printer;
pub mod scanner;
pub mod sscc;
pub mod zpl;
