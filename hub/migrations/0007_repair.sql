-- What repair compares: the bucket of every document (none until it is entered), and of every site the 256 hashes over
-- its documents, each as two numbers.
ALTER TABLE document ADD COLUMN bucket BIGINT;
ALTER TABLE document ADD COLUMN place TEXT;
CREATE INDEX document_bucket ON document (site, bucket);

CREATE TABLE sync_bucket (
    site   TEXT NOT NULL,
    bucket BIGINT NOT NULL,
    x      BIGINT NOT NULL,
    y      BIGINT NOT NULL,
    PRIMARY KEY (site, bucket)
);

-- Changes that wait for others they build on.
CREATE TABLE sync_parked (
    site      TEXT NOT NULL,
    doc       TEXT NOT NULL,
    hash      BLOB NOT NULL,
    place     BIGINT NOT NULL,
    bytes     BLOB NOT NULL,
    parked_at BIGINT NOT NULL,
    PRIMARY KEY (site, doc, hash)
);

CREATE INDEX quarantine_document ON quarantine (site, doc);
