-- An epoch begins with the journal, and again when a copy of it goes into service: what happened since the copy was made
-- is known to central systems only, and its numbers are spent. Rows go on counting; events count from 1 in each epoch.

CREATE TABLE epoch (
    number  INTEGER PRIMARY KEY,        -- the last one is the present one
    epoch   TEXT NOT NULL UNIQUE,
    base    INTEGER NOT NULL,           -- an event's row is its number + base
    stamped INTEGER NOT NULL            -- rows from base on up to this one still say the epoch before
);

INSERT INTO epoch SELECT 1, epoch, 0, 0 FROM meta;

ALTER TABLE meta ADD COLUMN inode INTEGER;     -- of the file that this is: a copy has another
