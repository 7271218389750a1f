-- One text for SQLite and PostgreSQL: BLOB and DOUBLE are spelled by the runner. Instants are milliseconds UTC.

CREATE TABLE hub (
    singleton   BIGINT PRIMARY KEY,
    epoch       BIGINT NOT NULL,
    incarnation BLOB NOT NULL,
    created_at  BIGINT NOT NULL
);

CREATE TABLE counter (
    name  TEXT NOT NULL,
    lane  BIGINT NOT NULL,
    value BIGINT NOT NULL,
    PRIMARY KEY (name, lane)
);

CREATE TABLE site (
    site             TEXT PRIMARY KEY,
    name             TEXT NOT NULL,
    kind             TEXT NOT NULL,
    zone             TEXT NOT NULL,
    country          TEXT NOT NULL,
    postal_code      TEXT NOT NULL,
    latitude         DOUBLE NOT NULL,
    longitude        DOUBLE NOT NULL,
    services         TEXT NOT NULL,
    capacity_per_day BIGINT NOT NULL,
    priority         BIGINT NOT NULL
);

CREATE TABLE install (
    site        TEXT NOT NULL,
    install     BLOB NOT NULL,
    public_key  BLOB NOT NULL,
    secret      BLOB NOT NULL,
    token_hash  BLOB NOT NULL,
    enrolled_at BIGINT NOT NULL,
    revoked_at  BIGINT,
    PRIMARY KEY (site, install)
);

CREATE TABLE enrollment_token (
    token_hash BLOB PRIMARY KEY,
    site       TEXT NOT NULL,
    expires_at BIGINT NOT NULL,
    install    BLOB
);

CREATE TABLE incarnation (
    site        TEXT NOT NULL,
    incarnation BLOB NOT NULL,
    install     BLOB NOT NULL,
    parent      BLOB,
    parent_n    BIGINT,
    seen_at     BIGINT NOT NULL,
    PRIMARY KEY (site, incarnation)
);

CREATE TABLE line (
    site      TEXT PRIMARY KEY,
    up        BIGINT NOT NULL,
    since     BIGINT NOT NULL,
    last_seen BIGINT NOT NULL
);

CREATE TABLE product (
    sku         TEXT PRIMARY KEY,
    title       TEXT NOT NULL,
    class       TEXT NOT NULL,
    unit        TEXT NOT NULL,
    weight_g    BIGINT NOT NULL,
    length_mm   BIGINT NOT NULL,
    width_mm    BIGINT NOT NULL,
    height_mm   BIGINT NOT NULL,
    price_minor BIGINT NOT NULL,
    currency    TEXT NOT NULL,
    version     BIGINT NOT NULL
);

CREATE TABLE barcode (
    code TEXT PRIMARY KEY,
    sku  TEXT NOT NULL,
    qty  BIGINT NOT NULL
);
CREATE INDEX barcode_sku ON barcode (sku);

CREATE TABLE orders (
    id          TEXT PRIMARY KEY,
    channel     TEXT NOT NULL,
    channel_ref TEXT NOT NULL,
    number      TEXT NOT NULL,
    state       TEXT NOT NULL,
    reason      TEXT,
    service     TEXT NOT NULL,
    placed_at   BIGINT NOT NULL,
    captured_at BIGINT NOT NULL,
    total_minor BIGINT NOT NULL,
    currency    TEXT NOT NULL,
    route_at    BIGINT,
    consignee   TEXT,
    body        TEXT NOT NULL,
    progress    TEXT NOT NULL,
    UNIQUE (channel, channel_ref)
);
CREATE INDEX orders_captured ON orders (captured_at, id);
CREATE INDEX orders_state ON orders (state, captured_at);
CREATE INDEX orders_number ON orders (number);
CREATE INDEX orders_route ON orders (route_at);

-- Personal data stands in these two tables and in records under way to a site; all of it has its retention.
CREATE TABLE contact (
    record       TEXT PRIMARY KEY,
    order_id     TEXT NOT NULL,
    retain_until BIGINT NOT NULL,
    body         TEXT NOT NULL
);
CREATE INDEX contact_retention ON contact (retain_until);

CREATE TABLE payload (
    id           TEXT PRIMARY KEY,
    channel      TEXT NOT NULL,
    topic        TEXT NOT NULL,
    delivery     TEXT NOT NULL,
    order_id     TEXT,
    received_at  BIGINT NOT NULL,
    retain_until BIGINT NOT NULL,
    body         BLOB NOT NULL
);
CREATE INDEX payload_retention ON payload (retain_until);
CREATE INDEX payload_order ON payload (order_id);

CREATE TABLE cases (
    id          TEXT PRIMARY KEY,
    order_id    TEXT NOT NULL,
    site        TEXT NOT NULL,
    service     TEXT NOT NULL,
    generation  BIGINT NOT NULL,
    milestone   TEXT NOT NULL,
    ended       TEXT,
    live        BIGINT NOT NULL,
    units       BIGINT NOT NULL,
    pick_by     BIGINT NOT NULL,
    promised_at BIGINT NOT NULL,
    position    BIGINT NOT NULL,
    offered_at  BIGINT NOT NULL,
    updated_at  BIGINT NOT NULL,
    state       TEXT NOT NULL
);
CREATE INDEX cases_order ON cases (order_id);
CREATE INDEX cases_site ON cases (site, live, pick_by);
CREATE INDEX cases_live ON cases (live, site, units);
CREATE INDEX cases_offered ON cases (offered_at, site);

CREATE TABLE decision (
    id       TEXT PRIMARY KEY,
    order_id TEXT NOT NULL,
    at       BIGINT NOT NULL,
    body     TEXT NOT NULL
);
CREATE INDEX decision_order ON decision (order_id, at);

CREATE TABLE intent (
    event        TEXT PRIMARY KEY,
    order_id     TEXT NOT NULL,
    case_id      TEXT NOT NULL,
    kind         TEXT NOT NULL,
    requested_at BIGINT NOT NULL,
    answer       TEXT NOT NULL,
    reason       TEXT,
    answered_at  BIGINT
);
CREATE INDEX intent_case ON intent (case_id);
CREATE INDEX intent_order ON intent (order_id);

CREATE TABLE exception (
    id          TEXT PRIMARY KEY,
    once        TEXT NOT NULL UNIQUE,
    code        TEXT NOT NULL,
    sentence    TEXT NOT NULL,
    order_id    TEXT,
    case_id     TEXT,
    site        TEXT,
    payload     TEXT,
    raised_at   BIGINT NOT NULL,
    resolved_at BIGINT,
    resolved_by TEXT,
    note        TEXT
);
CREATE INDEX exception_open ON exception (resolved_at, raised_at);
CREATE INDEX exception_order ON exception (order_id);

CREATE TABLE rights (
    site     TEXT NOT NULL,
    sku      TEXT NOT NULL,
    granted  BIGINT NOT NULL,
    promised BIGINT NOT NULL,
    returned BIGINT NOT NULL,
    PRIMARY KEY (site, sku),
    CHECK (granted - promised - returned >= 0)
);
CREATE INDEX rights_sku ON rights (sku, site);

CREATE TABLE stock (
    site   TEXT NOT NULL,
    key    TEXT NOT NULL,
    sku    TEXT NOT NULL,
    status TEXT NOT NULL,
    qty    BIGINT NOT NULL,
    PRIMARY KEY (site, key)
);
CREATE INDEX stock_sku ON stock (site, sku);

CREATE TABLE site_day (
    site TEXT NOT NULL,
    date TEXT NOT NULL,
    body TEXT NOT NULL,
    PRIMARY KEY (site, date)
);

CREATE TABLE authority (
    site         TEXT PRIMARY KEY,
    epoch        BIGINT NOT NULL,
    through      BIGINT NOT NULL,
    body         TEXT NOT NULL,
    committed_at BIGINT NOT NULL
);

CREATE TABLE label (
    key          TEXT PRIMARY KEY,
    case_id      TEXT NOT NULL,
    site         TEXT NOT NULL,
    container    TEXT NOT NULL,
    state        TEXT NOT NULL,
    attempts     BIGINT NOT NULL,
    due_at       BIGINT NOT NULL,
    carrier      TEXT,
    number       TEXT,
    price_minor  BIGINT,
    currency     TEXT,
    error        TEXT
);
CREATE INDEX label_due ON label (state, due_at);
CREATE INDEX label_case ON label (case_id);
CREATE INDEX label_number ON label (number);

CREATE TABLE serial (
    company_prefix TEXT NOT NULL,
    extension      BIGINT NOT NULL,
    next           BIGINT NOT NULL,
    PRIMARY KEY (company_prefix, extension)
);

CREATE TABLE serial_lease (
    site           TEXT NOT NULL,
    company_prefix TEXT NOT NULL,
    extension      BIGINT NOT NULL,
    first          BIGINT NOT NULL,
    count          BIGINT NOT NULL,
    used           BIGINT NOT NULL,
    leased_at      BIGINT NOT NULL,
    voided_at      BIGINT,
    PRIMARY KEY (company_prefix, extension, first)
);
CREATE INDEX serial_lease_site ON serial_lease (site, first);

-- The hub's own stream to each site. Its row is locked from the first append to the commit, so that the order of
-- commits is the order of positions.
CREATE TABLE stream (
    site        TEXT PRIMARY KEY,
    incarnation BLOB NOT NULL,
    n           BIGINT NOT NULL,
    running     BLOB NOT NULL,
    page        BIGINT NOT NULL,
    page_n      BIGINT NOT NULL
);

-- Lives of the hub before the present one, each with where its part of a site's stream ended.
CREATE TABLE stream_life (
    site        TEXT NOT NULL,
    ordinal     BIGINT NOT NULL,
    incarnation BLOB NOT NULL,
    last        BIGINT NOT NULL,
    PRIMARY KEY (site, incarnation)
);

-- Items of both directions: `origin` 0 is the hub's, 1 the site's. Changes have a document and a hash, records a
-- kind and a key.
CREATE TABLE item (
    site        TEXT NOT NULL,
    origin      BIGINT NOT NULL,
    incarnation BLOB NOT NULL,
    n           BIGINT NOT NULL,
    running     BLOB NOT NULL,
    doc         TEXT,
    hash        BLOB,
    kind        TEXT,
    key         TEXT,
    bytes       BLOB NOT NULL,
    PRIMARY KEY (site, origin, incarnation, n),
    -- Not the hash alone: documents of one author with one header are founded by the same change.
    UNIQUE (doc, hash)
);
CREATE INDEX item_hash ON item (hash);
CREATE INDEX item_record ON item (kind, site, n);

CREATE TABLE document (
    doc         TEXT PRIMARY KEY,
    site        TEXT NOT NULL,
    site_n      BIGINT NOT NULL,
    hub_n       BIGINT NOT NULL,
    frontier    TEXT NOT NULL,
    quarantined TEXT
);
CREATE INDEX document_site ON document (site);

-- How far each direction has come, by incarnation of the writer: `way` 0 is down (what the site has acknowledged),
-- 1 is up (what the hub has applied; items that came early stand beyond the mark, 40 bytes each).
CREATE TABLE cursor (
    site        TEXT NOT NULL,
    way         BIGINT NOT NULL,
    incarnation BLOB NOT NULL,
    n           BIGINT NOT NULL,
    running     BLOB NOT NULL,
    beyond      BLOB NOT NULL,
    PRIMARY KEY (site, way, incarnation)
);

CREATE TABLE quarantine (
    id          TEXT PRIMARY KEY,
    site        TEXT NOT NULL,
    doc         TEXT,
    hash        BLOB,
    reason      TEXT NOT NULL,
    received_at BIGINT NOT NULL,
    bytes       BLOB NOT NULL
);
CREATE INDEX quarantine_site ON quarantine (site, received_at);

CREATE TABLE site_record (
    site    TEXT NOT NULL,
    kind    TEXT NOT NULL,
    version BIGINT NOT NULL,
    PRIMARY KEY (site, kind)
);
