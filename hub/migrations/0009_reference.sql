-- Reference data: what sites work by. A set's items by key, each with the version that changed it last; without a body it
-- is gone. What each site was sent last, where in its stream that ends, and what it says it holds.
CREATE TABLE reference_set (
    name  TEXT PRIMARY KEY,
    n     BIGINT NOT NULL,
    sum   BLOB NOT NULL,
    count BIGINT NOT NULL
);
CREATE TABLE reference_item (
    name TEXT NOT NULL,
    key  TEXT NOT NULL,
    n    BIGINT NOT NULL,
    body TEXT,
    PRIMARY KEY (name, key)
);
CREATE INDEX reference_item_version ON reference_item (name, n);
CREATE TABLE reference_sent (
    site        TEXT NOT NULL,
    name        TEXT NOT NULL,
    epoch       BIGINT NOT NULL,
    n           BIGINT NOT NULL,
    incarnation BLOB NOT NULL,
    position    BIGINT NOT NULL,
    held_epoch  BIGINT NOT NULL,
    held_n      BIGINT NOT NULL,
    PRIMARY KEY (site, name)
);
