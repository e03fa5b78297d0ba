-- The journal: one append-only table. Its order, `seq`, is the order of the world: any number of editors see one.
-- Migrations are numbered by PRAGMA user_version; this file is version 2.

CREATE TABLE entry (
    seq      INTEGER PRIMARY KEY AUTOINCREMENT,
    campaign TEXT NOT NULL,
    at       REAL NOT NULL,          -- seconds since 1970, for people; never for ordering
    kind     TEXT NOT NULL,          -- the class in loop/record/entries.py
    data     TEXT NOT NULL,          -- its fields as JSON
    tick     REAL                    -- seconds of the system's monotonic clock, for durations
) STRICT;

CREATE INDEX entry_campaign ON entry (campaign, seq);

CREATE TRIGGER entry_is_never_updated BEFORE UPDATE ON entry
BEGIN SELECT RAISE(ABORT, 'journal entries are never updated'); END;

CREATE TRIGGER entry_is_never_deleted BEFORE DELETE ON entry
BEGIN SELECT RAISE(ABORT, 'journal entries are never deleted'); END;

-- Each campaign with its first and last entry, newest first: what `status` and the editors list.
CREATE VIEW campaign AS
SELECT campaign AS name, MIN(seq) AS first, MAX(seq) AS last, MIN(at) AS began
FROM entry GROUP BY campaign ORDER BY first DESC;

PRAGMA user_version = 2;
