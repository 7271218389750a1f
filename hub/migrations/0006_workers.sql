-- Hub processes that share this database. `until` is by the database's own clock.
CREATE TABLE worker (
    worker TEXT PRIMARY KEY,
    until  BIGINT NOT NULL
);

-- Who works for a site. The epoch grows whenever it changes hands; nobody holds it when the worker is empty.
CREATE TABLE site_lease (
    site   TEXT PRIMARY KEY,
    worker TEXT NOT NULL,
    epoch  BIGINT NOT NULL
);

-- What a worker wants appended to the stream of a site that another one works for.
CREATE TABLE errand (
    id      TEXT PRIMARY KEY,
    site    TEXT NOT NULL,
    ordinal BIGINT NOT NULL,
    body    TEXT NOT NULL
);
CREATE INDEX errand_site ON errand (site, ordinal, id);

-- Found by document instead, and only records have a kind.
DROP INDEX item_hash;
DROP INDEX item_record;
CREATE INDEX item_record ON item (kind, site, n) WHERE kind IS NOT NULL;
