//! Program `outpost-lab`.
fn main() {}
