CREATE TABLE objects (
  sequence    INTEGER PRIMARY KEY AUTOINCREMENT,
  kind        TEXT    NOT NULL,
  id          TEXT    NOT NULL,
  parent      TEXT    NOT NULL DEFAULT '',
  revision    INTEGER NOT NULL DEFAULT 1,
  created_at  TEXT    NOT NULL DEFAULT '',
  archived_at TEXT,
  body        TEXT    NOT NULL,
  UNIQUE (kind, id)
);
CREATE INDEX objects_in_order ON objects (kind, parent, sequence);

CREATE TABLE sessions (
  sequence      INTEGER PRIMARY KEY AUTOINCREMENT,
  id            TEXT    NOT NULL UNIQUE,
  status        TEXT    NOT NULL,
  agent_id      TEXT    NOT NULL,
  agent_version INTEGER NOT NULL,
  created_at    TEXT    NOT NULL,
  updated_at    TEXT    NOT NULL,
  archived_at   TEXT,
  body          TEXT    NOT NULL,
  state         TEXT    NOT NULL,
  last_position INTEGER NOT NULL DEFAULT 0,
  epoch         INTEGER NOT NULL DEFAULT 0,
  owner         TEXT,
  lease_until   REAL    NOT NULL DEFAULT 0
);
CREATE INDEX sessions_of_agent ON sessions (agent_id, sequence);
CREATE INDEX sessions_awake ON sessions (status) WHERE status IN ('running', 'rescheduling');

CREATE TABLE events (
  session      INTEGER NOT NULL REFERENCES sessions (sequence),
  position     INTEGER NOT NULL,
  event_id     TEXT    NOT NULL,
  type         TEXT    NOT NULL,
  thread_id    TEXT    NOT NULL,
  processed_at TEXT,
  superseded   INTEGER NOT NULL DEFAULT 0,
  body         TEXT    NOT NULL,
  data         TEXT,
  PRIMARY KEY (session, position)
) WITHOUT ROWID;
CREATE INDEX events_queued ON events (session, position) WHERE processed_at IS NULL AND superseded = 0;
