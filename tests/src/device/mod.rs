//! Devices and services that exist only in this process, and misbehave on command.

pub mod carrier;
pub mod printer;
