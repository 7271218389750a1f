-- The life of the hub's stream that a case's position counts in. Few cases have none, and those are looked for often.
ALTER TABLE fulfillment ADD COLUMN stream BLOB;
CREATE INDEX fulfillment_unplaced ON fulfillment (case_id) WHERE stream IS NULL;
