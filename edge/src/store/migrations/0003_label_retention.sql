-- Labels by age, so that looking for old ones does not read the bytes of all the others.
CREATE INDEX record_label_age ON record (received) WHERE kind = 'label';
