//! The wires between the daemons, and what can happen to them.

mod door;
mod line;
mod pump;
#[cfg(test)]
mod tests;

pub use door::Door;
pub use line::{Cut, Line, Traffic};
