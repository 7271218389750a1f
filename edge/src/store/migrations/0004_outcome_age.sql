-- Outcomes are looked through by id, a part at a time: an index by age would cost every scan a page.
DROP INDEX outcome_age;
