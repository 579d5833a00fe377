-- An event is written once and never touched until it is forgotten: what remains to be done about it stands in
-- slim tables beside it, so that handing it over does not rewrite its pages.

PRAGMA application_id = 0x45444757;     -- "EDGW"

CREATE TABLE meta (                     -- one row
    gateway  TEXT NOT NULL,
    epoch    TEXT NOT NULL,             -- born with the file
    last_seq INTEGER NOT NULL           -- a counter of its own: numbers are not reused after the events are gone
);

CREATE TABLE event (
    seq     INTEGER PRIMARY KEY,
    t       REAL NOT NULL,              -- accepted at, gateway timeline
    topic   TEXT NOT NULL,
    payload BLOB NOT NULL
);

CREATE TABLE outbox (                   -- not yet taken by the broker
    seq INTEGER PRIMARY KEY
);

CREATE TABLE parked (                   -- the broker will never take these
    seq    INTEGER PRIMARY KEY,
    t      REAL NOT NULL,
    reason TEXT NOT NULL
);

CREATE TABLE unit (                     -- where each unit was last known to be ...
    unit       TEXT PRIMARY KEY,
    place      TEXT NOT NULL,
    read_point TEXT NOT NULL,
    t          REAL NOT NULL
) WITHOUT ROWID;

CREATE TABLE moved (                    -- ... but for these, newest last. Units move in no order of their keys: a
    unit       TEXT NOT NULL,           -- commit would rewrite a page of `unit` for each. So a commit appends here,
    place      TEXT NOT NULL,           -- and thousands at a time are folded into `unit`.
    read_point TEXT NOT NULL,
    t          REAL NOT NULL
);

CREATE VIEW whereabouts AS
    SELECT unit, place, read_point, t FROM unit WHERE unit NOT IN (SELECT unit FROM moved)
    UNION ALL
    SELECT unit, place, read_point, t FROM moved WHERE rowid IN (SELECT max(rowid) FROM moved GROUP BY unit);

CREATE TABLE state (                    -- what is being decided; the journal does not look inside
    scope TEXT NOT NULL,
    key   TEXT NOT NULL,
    state TEXT NOT NULL,
    PRIMARY KEY (scope, key)
) WITHOUT ROWID;
