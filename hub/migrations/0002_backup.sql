-- Copies of this database, made by the hub itself (`file`) or by somebody else.
CREATE TABLE backup (
    id       TEXT PRIMARY KEY,
    begun_at BIGINT NOT NULL,
    done_at  BIGINT,
    file     TEXT,
    bytes    BIGINT
);
CREATE INDEX backup_begun ON backup (begun_at);

-- How far each site's stream was stored when a copy was begun that somebody else makes: what that copy contains at
-- least. Gone when the copy is confirmed; what confirmed copies contain stands in `cursor` under `way` 2.
CREATE TABLE backup_mark (
    backup      TEXT NOT NULL,
    site        TEXT NOT NULL,
    incarnation BLOB NOT NULL,
    n           BIGINT NOT NULL,
    running     BLOB NOT NULL,
    PRIMARY KEY (backup, site, incarnation)
);
