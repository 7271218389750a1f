//! The replication engine's frames over MQTT 5.
