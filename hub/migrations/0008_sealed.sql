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
