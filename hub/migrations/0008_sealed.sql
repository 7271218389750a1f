-- What concerns a person, sealed: readable only with a key that stands in the key store, never here. Names and
-- addresses, carrier labels. Payloads are sealed in their own table; those from before are sealed by a worker.
CREATE TABLE sealed (
    kind         TEXT NOT NULL,
    key          TEXT NOT NULL,
    retain_until BIGINT NOT NULL,
    bytes        BLOB NOT NULL,
    PRIMARY KEY (kind, key)
);
CREATE INDEX sealed_retention ON sealed (retain_until);
ALTER TABLE payload ADD COLUMN sealed BIGINT NOT NULL DEFAULT 0;
CREATE INDEX payload_sealed ON payload (sealed);
CREATE INDEX quarantine_retention ON quarantine (received_at);
-- What is to be done once, at a start. A file in which something stood in plain is written anew when that is sealed:
-- SQLite leaves on free pages what is deleted. Without orders nothing stood there.
CREATE TABLE chore (name TEXT PRIMARY KEY);
INSERT INTO chore (name) SELECT 'write_file_anew' WHERE EXISTS (SELECT 1 FROM orders);
