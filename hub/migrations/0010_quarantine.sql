-- Whether a change is kept already is asked of every change of a held document.
DROP INDEX quarantine_document;
CREATE INDEX quarantine_document ON quarantine (site, doc, hash);
