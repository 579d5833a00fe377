-- What doors and stations decided, with the reasons, for `edgegw why`. An entry that stands for many alike is replaced
-- by a newer one. No index: an insert would touch a page of it for each unit, and a person who asks can wait for a scan.

CREATE TABLE decision (
    seq        INTEGER PRIMARY KEY,     -- newest last
    decided_t  REAL NOT NULL,           -- gateway timeline
    unit       TEXT NOT NULL,
    read_point TEXT NOT NULL,           -- door or station
    since_t    REAL NOT NULL,           -- wall clock: the first of those that this entry stands for
    times      INTEGER NOT NULL,        -- how many they are
    packed     BLOB NOT NULL            -- the decision, see core/packed.py
);
