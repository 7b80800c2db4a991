-- Version 2, SQLite: what rights need to know.

ALTER TABLE files ADD COLUMN attributes TEXT NOT NULL DEFAULT '';
ALTER TABLE uploads ADD COLUMN attributes TEXT NOT NULL DEFAULT '';

ALTER TABLE tokens ADD COLUMN account TEXT;
ALTER TABLE tokens ADD COLUMN parent BLOB;

-- "admin" was one verb; it is now the word for all verbs of administration, and reads as before.

CREATE TABLE shares (
    id            BLOB NOT NULL PRIMARY KEY,
    secret_sha256 BLOB NOT NULL CHECK (length(secret_sha256) = 32),
    path          TEXT NOT NULL,
    verbs         TEXT NOT NULL,
    creator       TEXT NOT NULL,
    note          TEXT NOT NULL,
    created_ns    INTEGER NOT NULL,
    expires_ns    INTEGER,
    revoked_ns    INTEGER,
    networks      TEXT NOT NULL,
    downloads_max INTEGER CHECK (downloads_max >= 0),
    bytes_max     INTEGER CHECK (bytes_max >= 0),
    downloads     INTEGER NOT NULL CHECK (downloads >= 0),
    bytes         INTEGER NOT NULL CHECK (bytes >= 0)
) STRICT;

-- Keys that must outlive the process: what macaroons are signed with.
CREATE TABLE secrets (
    id         BLOB NOT NULL PRIMARY KEY,
    purpose    TEXT NOT NULL,
    secret     BLOB NOT NULL,
    created_ns INTEGER NOT NULL,
    retired_ns INTEGER
) STRICT;

CREATE TABLE usage (
    principal TEXT NOT NULL,
    day       INTEGER NOT NULL,
    bytes     INTEGER NOT NULL CHECK (bytes >= 0),
    PRIMARY KEY (principal, day)
) STRICT;
