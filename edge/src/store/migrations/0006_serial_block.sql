-- A block is named by all that makes its serials unique: two prefixes may well begin with the same number.
CREATE TABLE serial_block_by_prefix (
    extension      INTEGER NOT NULL,
    company_prefix TEXT NOT NULL,
    first          INTEGER NOT NULL,
    count          INTEGER NOT NULL CHECK (count > 0),
    next           INTEGER NOT NULL,
    voided         INTEGER NOT NULL DEFAULT 0,
    PRIMARY KEY (extension, company_prefix, first),
    CHECK (next >= first AND next <= first + count)
) STRICT, WITHOUT ROWID;
INSERT INTO serial_block_by_prefix (extension, company_prefix, first, count, next, voided)
    SELECT extension, company_prefix, first, count, next, voided FROM serial_block;
DROP TABLE serial_block;
ALTER TABLE serial_block_by_prefix RENAME TO serial_block;
