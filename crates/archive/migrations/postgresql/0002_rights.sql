-- Version 2, PostgreSQL: what rights need to know.

ALTER TABLE files ADD COLUMN attributes TEXT NOT NULL DEFAULT '';
ALTER TABLE uploads ADD COLUMN attributes TEXT NOT NULL DEFAULT '';

ALTER TABLE tokens ADD COLUMN account TEXT;
ALTER TABLE tokens ADD COLUMN parent BYTEA;

-- "admin" was one verb; it is now the word for all verbs of administration, and reads as before.

CREATE TABLE shares (
    id            BYTEA NOT NULL PRIMARY KEY,
    secret_sha256 BYTEA NOT NULL CHECK (length(secret_sha256) = 32),
    path          TEXT NOT NULL,
    verbs         TEXT NOT NULL,
    creator       TEXT NOT NULL,
    note          TEXT NOT NULL,
    created_ns    BIGINT NOT NULL,
    expires_ns    BIGINT,
    revoked_ns    BIGINT,
    networks      TEXT NOT NULL,
    downloads_max BIGINT CHECK (downloads_max >= 0),
    bytes_max     BIGINT CHECK (bytes_max >= 0),
    downloads     BIGINT NOT NULL CHECK (downloads >= 0),
    bytes         BIGINT NOT NULL CHECK (bytes >= 0)
);

-- Keys that must outlive the process: what macaroons are signed with.
CREATE TABLE secrets (
    id         BYTEA NOT NULL PRIMARY KEY,
    purpose    TEXT NOT NULL,
    secret     BYTEA NOT NULL,
    created_ns BIGINT NOT NULL,
    retired_ns BIGINT
);

CREATE TABLE usage (
    principal TEXT COLLATE "C" NOT NULL,
    day       BIGINT NOT NULL,
    bytes     BIGINT NOT NULL CHECK (bytes >= 0),
    PRIMARY KEY (principal, day)
);
