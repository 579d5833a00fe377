-- What is being weighed grows with every read. A commit appends what is new here, which costs a page for all units in
-- view together, instead of writing each state anew; thousands at a time are folded into `state`.

CREATE TABLE growth (
    number   INTEGER PRIMARY KEY,       -- newest last
    scope    TEXT NOT NULL,
    key      TEXT NOT NULL,
    addition TEXT NOT NULL              -- belongs behind the state
);

ALTER TABLE state ADD COLUMN grown INTEGER NOT NULL DEFAULT 0;  -- growth up to this number is in it, or older than it
