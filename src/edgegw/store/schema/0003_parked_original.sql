-- A parked event's number is accounted for by a note that goes out in its place; the event itself is kept here.

ALTER TABLE parked ADD COLUMN topic TEXT NOT NULL DEFAULT '';
ALTER TABLE parked ADD COLUMN payload BLOB NOT NULL DEFAULT x'';

UPDATE parked SET topic = event.topic, payload = event.payload FROM event WHERE event.seq = parked.seq;
