-- How far this database has come, as is also written down outside of it (`tide`): a copy of an earlier day has come less
-- far. `suspected` is set when a site has proved that something is missing here.
ALTER TABLE hub ADD COLUMN tide BIGINT NOT NULL DEFAULT 0;
ALTER TABLE hub ADD COLUMN begun_at BIGINT NOT NULL DEFAULT 0;
ALTER TABLE hub ADD COLUMN suspected BIGINT NOT NULL DEFAULT 0;

-- Sites that have not shown yet, since the hub was restored, what they have. `tail` is where a site's own stream ended
-- when it first spoke in the present epoch.
CREATE TABLE recovery (
    site        TEXT PRIMARY KEY,
    epoch       BIGINT NOT NULL,
    begun_at    BIGINT NOT NULL,
    tail        TEXT,
    compared_at BIGINT,
    settled_at  BIGINT,
    how         TEXT
);
