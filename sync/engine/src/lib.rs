//! Replication as a state machine without I/O.
