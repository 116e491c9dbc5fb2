ALTER TABLE objects ADD COLUMN key TEXT;
CREATE UNIQUE INDEX objects_by_key ON objects (kind, parent, key) WHERE key IS NOT NULL;
CREATE INDEX objects_of_kind ON objects (kind, sequence);
