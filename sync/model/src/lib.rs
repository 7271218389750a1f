//! The business of fulfillment as pure functions over plain data.
