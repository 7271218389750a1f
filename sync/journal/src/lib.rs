//! The replication engine's durable half on SQLite.
