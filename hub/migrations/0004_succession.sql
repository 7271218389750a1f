-- Lives of a site that another one took over from: what such a life wrote beyond this number is of a past that is over.
ALTER TABLE incarnation ADD COLUMN retired_beyond BIGINT;

-- Lives of the hub's stream to a site before it was begun anew for an appliance that had lost what it was sent.
ALTER TABLE stream_life ADD COLUMN closed BIGINT NOT NULL DEFAULT 0;

-- A site that waits for a person: two appliances speak for it.
ALTER TABLE recovery ADD COLUMN held BIGINT NOT NULL DEFAULT 0;

-- When somebody should look whether a case is accepted and begun in time; nothing when nobody has to any more.
ALTER TABLE cases ADD COLUMN due_at BIGINT;
CREATE INDEX cases_due ON cases (due_at);
-- Documents of closed cases, packed about a hundred to a block. Of a packed document `item` holds nothing; its row in
-- `document` is the index: what it is, how far each side came, and where it lies.
CREATE TABLE archive_block (
    id        BIGINT PRIMARY KEY,
    packed_at BIGINT NOT NULL,
    documents BIGINT NOT NULL,
    bytes     BLOB NOT NULL
);
ALTER TABLE document ADD COLUMN block BIGINT;
CREATE INDEX document_block ON document (block);
ALTER TABLE cases ADD COLUMN archived BIGINT NOT NULL DEFAULT 0;
CREATE INDEX cases_archive ON cases (archived, live, updated_at);

-- Where in the site's stream it says that a case was taken away: authority does not reach the offer before that.
ALTER TABLE cases ADD COLUMN revoked_n BIGINT;
CREATE INDEX cases_revoked ON cases (site, revoked_n);
