-- What concerns a person, sealed: readable only with a key that is in no copy of this database. Names and addresses,
-- labels. A row without bytes says that its time is over.
CREATE TABLE sealed (
    kind         TEXT NOT NULL,
    key          TEXT NOT NULL,
    bytes        BLOB NOT NULL,
    retain_until INTEGER NOT NULL,
    received     INTEGER NOT NULL,
    PRIMARY KEY (kind, key)
) STRICT;
CREATE INDEX sealed_retention ON sealed (retain_until);
-- A case that waits for the record it names has 2 in needs_work. Names no column that a scan writes.
CREATE INDEX fulfillment_waiting ON fulfillment (case_id) WHERE needs_work = 2;
