-- Labels to print, with their bytes: what was bought or numbered once is never made again for a printer's sake.
CREATE TABLE print_job (
    id           INTEGER PRIMARY KEY NOT NULL,
    printer      TEXT NOT NULL,
    kind         TEXT NOT NULL,
    case_id      TEXT,
    container    TEXT NOT NULL,
    number       TEXT NOT NULL,              -- SSCC, tracking number or order number: what people call the label
    bytes        BLOB,                       -- NULL once its retention is over
    hash         TEXT NOT NULL,              -- BLAKE3 of the bytes, hex
    labels       INTEGER NOT NULL CHECK (labels > 0),
    original     INTEGER NOT NULL,           -- the first copy; its own id for a first copy
    copy         INTEGER NOT NULL CHECK (copy > 0),
    reason       TEXT,
    request      TEXT UNIQUE,                -- id of the request for this copy: asking again makes no other one
    asked_by     TEXT NOT NULL,
    state        TEXT NOT NULL,
    odometer     INTEGER,                    -- the printer's count before the first byte
    attempts     INTEGER NOT NULL DEFAULT 0,
    not_before   INTEGER NOT NULL,
    created_at   INTEGER NOT NULL,
    expires_at   INTEGER NOT NULL,
    changed_at   INTEGER NOT NULL,
    UNIQUE (original, copy)
) STRICT;
-- At most one copy of a label may still come out.
CREATE UNIQUE INDEX print_job_one_live ON print_job (original)
    WHERE state IN ('queued', 'sending', 'sent_unconfirmed', 'failed_before_first_byte', 'unknown');
CREATE INDEX print_job_live ON print_job (printer, id)
    WHERE state IN ('queued', 'sending', 'sent_unconfirmed', 'failed_before_first_byte', 'unknown');
CREATE INDEX print_job_of_case ON print_job (case_id, id) WHERE case_id IS NOT NULL;
CREATE INDEX print_job_to_forget ON print_job (changed_at) WHERE bytes IS NOT NULL;
