-- Reference data of the hub: sets of items by key, each set at one version.
CREATE TABLE reference_set (
    name  TEXT PRIMARY KEY NOT NULL,
    epoch INTEGER NOT NULL,
    n     INTEGER NOT NULL,
    sum   BLOB NOT NULL,
    count INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
-- Items by their digest; the text only where no table of its own holds what it says.
CREATE TABLE reference_item (
    name   TEXT NOT NULL,
    key    TEXT NOT NULL,
    digest BLOB NOT NULL,
    text   TEXT,
    PRIMARY KEY (name, key)
) STRICT, WITHOUT ROWID;
-- Parts of the newest edition that has not come whole.
CREATE TABLE reference_part (
    name  TEXT NOT NULL,
    epoch INTEGER NOT NULL,
    n     INTEGER NOT NULL,
    part  INTEGER NOT NULL,
    bytes BLOB NOT NULL,
    PRIMARY KEY (name, epoch, n, part)
) STRICT;
-- What earlier versions took in beside any set is replaced by the first snapshot.
DELETE FROM barcode;
DELETE FROM product;
