-- The site's own tables. Times are milliseconds since 1970 in UTC; ids are their text form; JSON is the model's
-- serde form. The journal's tables (changes, documents, cursors) are its own and stand beside these.

-- Cases: the key, the columns that queries filter or sort by, and the folded state.
CREATE TABLE fulfillment (
    case_id      TEXT PRIMARY KEY NOT NULL,
    order_number TEXT NOT NULL,
    service      TEXT NOT NULL,
    milestone    TEXT NOT NULL,
    needs_work   INTEGER NOT NULL,
    pick_by      INTEGER NOT NULL,
    position     INTEGER NOT NULL,
    consignee    TEXT,
    changed_at   INTEGER NOT NULL,
    state        TEXT NOT NULL
) STRICT;
CREATE INDEX fulfillment_queue ON fulfillment (pick_by, case_id) WHERE needs_work = 1;
CREATE INDEX fulfillment_queue_of_service ON fulfillment (service, pick_by, case_id) WHERE needs_work = 1;
CREATE INDEX fulfillment_order ON fulfillment (order_number);
CREATE INDEX fulfillment_consignee ON fulfillment (consignee) WHERE consignee IS NOT NULL;

-- Units that open cases still wait for, by case: summed when asked for, so that there is no total to drift.
CREATE TABLE reservation (
    sku     TEXT NOT NULL,
    case_id TEXT NOT NULL,
    units   INTEGER NOT NULL CHECK (units > 0),
    PRIMARY KEY (sku, case_id)
) STRICT, WITHOUT ROWID;
CREATE INDEX reservation_of_case ON reservation (case_id);

-- Containers with goods in them, and whose goods they are.
CREATE TABLE holding (
    container TEXT PRIMARY KEY NOT NULL,
    case_id   TEXT NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX holding_of_case ON holding (case_id);

-- Balances that are not zero. lot, serial and owner are empty where the key has none.
CREATE TABLE balance (
    sku        TEXT NOT NULL,
    place_kind TEXT NOT NULL,
    place      TEXT NOT NULL,
    status     TEXT NOT NULL,
    lot        TEXT NOT NULL,
    serial     TEXT NOT NULL,
    owner      TEXT NOT NULL,
    units      INTEGER NOT NULL CHECK (units <> 0),
    PRIMARY KEY (sku, place_kind, place, status, lot, serial, owner)
) STRICT, WITHOUT ROWID;

-- Units the hub may promise without asking: granted, promised by the cases that are here, returned.
CREATE TABLE rights (
    sku      TEXT PRIMARY KEY NOT NULL,
    granted  INTEGER NOT NULL,
    promised INTEGER NOT NULL,
    returned INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- Units asked back from the hub and not answered yet, by the event that asked.
CREATE TABLE recall (
    event TEXT NOT NULL,
    sku   TEXT NOT NULL,
    units INTEGER NOT NULL CHECK (units > 0),
    PRIMARY KEY (event, sku)
) STRICT, WITHOUT ROWID;
CREATE INDEX recall_of_sku ON recall (sku, units);

-- What came of each command, for its retries.
CREATE TABLE outcome (
    command_id TEXT PRIMARY KEY NOT NULL,
    at         INTEGER NOT NULL,
    outcome    TEXT NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX outcome_age ON outcome (at);

-- What was done by whom, each row sealed with the one before it.
CREATE TABLE audit (
    n       INTEGER PRIMARY KEY NOT NULL,
    at      INTEGER NOT NULL,
    actor   TEXT NOT NULL,
    command TEXT,
    subject TEXT NOT NULL,
    what    TEXT NOT NULL,
    hash    BLOB NOT NULL
) STRICT;

-- Products as the hub last described them.
CREATE TABLE product (
    sku       TEXT PRIMARY KEY NOT NULL,
    title     TEXT NOT NULL,
    class     TEXT NOT NULL,
    unit      TEXT NOT NULL,
    weight_g  INTEGER,
    length_mm INTEGER,
    width_mm  INTEGER,
    height_mm INTEGER,
    version   INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE TABLE barcode (
    code TEXT PRIMARY KEY NOT NULL,
    sku  TEXT NOT NULL,
    qty  INTEGER NOT NULL CHECK (qty > 0)
) STRICT, WITHOUT ROWID;
CREATE INDEX barcode_of_sku ON barcode (sku);

-- Personal data of open cases; gone after retain_until.
CREATE TABLE contact (
    record_id    TEXT PRIMARY KEY NOT NULL,
    search       TEXT NOT NULL,
    contact      TEXT NOT NULL,
    retain_until INTEGER NOT NULL
) STRICT;
CREATE INDEX contact_retention ON contact (retain_until);

-- Bytes of labels and other records of the hub, by kind and key.
CREATE TABLE record (
    kind     TEXT NOT NULL,
    key      TEXT NOT NULL,
    bytes    BLOB NOT NULL,
    received INTEGER NOT NULL,
    PRIMARY KEY (kind, key)
) STRICT;

-- Serials this site alone may use. `next` only grows.
CREATE TABLE serial_block (
    first          INTEGER PRIMARY KEY NOT NULL,
    count          INTEGER NOT NULL CHECK (count > 0),
    next           INTEGER NOT NULL,
    extension      INTEGER NOT NULL,
    company_prefix TEXT NOT NULL,
    voided         INTEGER NOT NULL DEFAULT 0,
    CHECK (next >= first AND next <= first + count)
) STRICT;

-- Pages this site writes, by kind (ledger, day), and how far they are filled.
CREATE TABLE page (
    kind    TEXT NOT NULL,
    name    TEXT NOT NULL,
    entries INTEGER NOT NULL,
    PRIMARY KEY (kind, name)
) STRICT, WITHOUT ROWID;

-- Folded days of the site itself.
CREATE TABLE site_day (
    date  TEXT PRIMARY KEY NOT NULL,
    state TEXT NOT NULL
) STRICT, WITHOUT ROWID;

-- Till receipts and batches of opening stock that are booked, so that none is booked twice.
CREATE TABLE booked_source (
    source TEXT PRIMARY KEY NOT NULL,
    at     INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- Wrong pickup codes by case.
CREATE TABLE code_try (
    case_id TEXT PRIMARY KEY NOT NULL,
    wrong   INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- What a person must look at.
CREATE TABLE exception (
    id          INTEGER PRIMARY KEY NOT NULL,
    code        TEXT NOT NULL,
    subject     TEXT NOT NULL,
    event       TEXT NOT NULL,
    sentence    TEXT NOT NULL,
    raised_at   INTEGER NOT NULL,
    resolved_at INTEGER,
    UNIQUE (code, subject, event)
) STRICT;
CREATE INDEX exception_open ON exception (raised_at) WHERE resolved_at IS NULL;
CREATE INDEX exception_of_subject ON exception (subject);

-- Single values: install id, enrollment, authority, the reference of hub time, versions.
CREATE TABLE setting (
    name  TEXT PRIMARY KEY NOT NULL,
    value TEXT NOT NULL
) STRICT, WITHOUT ROWID;
