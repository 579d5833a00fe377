-- An event that was delivered and is wanted once more: publishing it is enough, whoever has confirmed it before.

ALTER TABLE outbox ADD COLUMN again INTEGER NOT NULL DEFAULT 0;
