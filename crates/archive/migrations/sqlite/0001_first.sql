-- Version 1, SQLite.
--
-- A path is kept as the folder that holds the name, and the name: "/a/b" is ('/a', 'b'), "/b" is ('', 'b'), the root
-- itself ('', ''). So folder || '/' || name is the path, the files of one folder lie side by side in the key, and a
-- tree is one range of folders. Text compares by its bytes (BINARY). Instants are nanoseconds since the epoch.

CREATE TABLE files (
    folder       TEXT    NOT NULL,
    name         TEXT    NOT NULL,
    inode        INTEGER NOT NULL, -- all 64 bits: a negative number here is a large one there
    size_bytes   INTEGER NOT NULL CHECK (size_bytes >= 0),
    modified_ns  INTEGER NOT NULL,
    digests      TEXT    NOT NULL,
    media_type   TEXT,
    published_ns INTEGER NOT NULL,
    staged       BLOB,
    publisher    TEXT    NOT NULL,
    PRIMARY KEY (folder, name)
) STRICT;

CREATE INDEX files_by_publication ON files (published_ns);
CREATE INDEX files_by_staging ON files (staged) WHERE staged IS NOT NULL;

-- Kept by triggers, since SQLite would have to read the whole table to count it. There is one writer, so that nobody
-- waits for this row.
CREATE TABLE totals (
    one   INTEGER PRIMARY KEY CHECK (one = 1),
    files INTEGER NOT NULL,
    bytes INTEGER NOT NULL
) STRICT;

INSERT INTO totals (one, files, bytes) VALUES (1, 0, 0);

CREATE TRIGGER files_added AFTER INSERT ON files BEGIN
    UPDATE totals SET files = files + 1, bytes = bytes + NEW.size_bytes;
END;

CREATE TRIGGER files_resized AFTER UPDATE OF size_bytes ON files WHEN OLD.size_bytes <> NEW.size_bytes BEGIN
    UPDATE totals SET bytes = bytes + NEW.size_bytes - OLD.size_bytes;
END;

CREATE TRIGGER files_removed AFTER DELETE ON files BEGIN
    UPDATE totals SET files = files - 1, bytes = bytes - OLD.size_bytes;
END;

CREATE TABLE moves (
    id        INTEGER PRIMARY KEY AUTOINCREMENT,
    from_path TEXT    NOT NULL,
    to_path   TEXT    NOT NULL
) STRICT;

CREATE TABLE properties (
    folder     TEXT NOT NULL,
    name       TEXT NOT NULL,
    key        BLOB NOT NULL, -- SHA-256 of namespace, NUL, local name: those have no bound of length, a key has one
    namespace  TEXT NOT NULL,
    local_name TEXT NOT NULL,
    xml        TEXT NOT NULL,
    PRIMARY KEY (folder, name, key)
) STRICT;

CREATE TABLE locks (
    token      TEXT    NOT NULL PRIMARY KEY,
    path       TEXT    NOT NULL,
    deep       INTEGER NOT NULL CHECK (deep IN (0, 1)),
    shared     INTEGER NOT NULL CHECK (shared IN (0, 1)),
    owner      TEXT    NOT NULL,
    principal  TEXT    NOT NULL,
    expires_ns INTEGER NOT NULL
) STRICT;

CREATE TABLE uploads (
    id           BLOB    NOT NULL PRIMARY KEY,
    path         TEXT    NOT NULL,
    staged       BLOB    NOT NULL,
    length_bytes INTEGER CHECK (length_bytes >= 0),
    claimed      TEXT    NOT NULL,
    media_type   TEXT,
    modified_ns  INTEGER,
    principal    TEXT    NOT NULL,
    overwrite    INTEGER NOT NULL CHECK (overwrite IN (0, 1)),
    created_ns   INTEGER NOT NULL,
    expires_ns   INTEGER NOT NULL
) STRICT;

CREATE TABLE tokens (
    id            BLOB    NOT NULL PRIMARY KEY,
    name          TEXT    NOT NULL,
    secret_sha256 BLOB    NOT NULL CHECK (length(secret_sha256) = 32),
    verbs         TEXT    NOT NULL,
    path          TEXT    NOT NULL,
    created_ns    INTEGER NOT NULL,
    expires_ns    INTEGER,
    revoked_ns    INTEGER
) STRICT;
