-- Version 1, PostgreSQL.
--
-- A path is kept as the folder that holds the name, and the name: "/a/b" is ('/a', 'b'), "/b" is ('', 'b'), the root
-- itself ('', ''). So folder || '/' || name is the path, the files of one folder lie side by side in the key, and a
-- tree is one range of folders. Text that is compared or sorted compares by its bytes (COLLATE "C"), whatever the
-- locale of the database. Instants are nanoseconds since the epoch.

CREATE TABLE files (
    folder       TEXT   COLLATE "C" NOT NULL,
    name         TEXT   COLLATE "C" NOT NULL,
    inode        BIGINT NOT NULL, -- all 64 bits: a negative number here is a large one there
    size_bytes   BIGINT NOT NULL CHECK (size_bytes >= 0),
    modified_ns  BIGINT NOT NULL,
    digests      TEXT   NOT NULL,
    media_type   TEXT,
    published_ns BIGINT NOT NULL,
    staged       BYTEA,
    publisher    TEXT   NOT NULL,
    PRIMARY KEY (folder, name)
);

CREATE INDEX files_by_publication ON files (published_ns);
CREATE INDEX files_by_staging ON files (staged) WHERE staged IS NOT NULL;

-- No table of totals here: all machines of a port would wait for its one row at each commit.

CREATE TABLE moves (
    id        BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    from_path TEXT   NOT NULL,
    to_path   TEXT   NOT NULL
);

CREATE TABLE properties (
    folder     TEXT  COLLATE "C" NOT NULL,
    name       TEXT  COLLATE "C" NOT NULL,
    key        BYTEA NOT NULL, -- SHA-256 of namespace, NUL, local name: those have no bound of length, a key has one
    namespace  TEXT  COLLATE "C" NOT NULL,
    local_name TEXT  COLLATE "C" NOT NULL,
    xml        TEXT  NOT NULL,
    PRIMARY KEY (folder, name, key)
);

CREATE TABLE locks (
    token      TEXT    COLLATE "C" NOT NULL PRIMARY KEY,
    path       TEXT    COLLATE "C" NOT NULL,
    deep       BOOLEAN NOT NULL,
    shared     BOOLEAN NOT NULL,
    owner      TEXT    NOT NULL,
    principal  TEXT    NOT NULL,
    expires_ns BIGINT  NOT NULL
);

CREATE TABLE uploads (
    id           BYTEA   NOT NULL PRIMARY KEY,
    path         TEXT    NOT NULL,
    staged       BYTEA   NOT NULL,
    length_bytes BIGINT  CHECK (length_bytes >= 0),
    claimed      TEXT    NOT NULL,
    media_type   TEXT,
    modified_ns  BIGINT,
    principal    TEXT    NOT NULL,
    overwrite    BOOLEAN NOT NULL,
    created_ns   BIGINT  NOT NULL,
    expires_ns   BIGINT  NOT NULL
);

CREATE TABLE tokens (
    id            BYTEA  NOT NULL PRIMARY KEY,
    name          TEXT   NOT NULL,
    secret_sha256 BYTEA  NOT NULL CHECK (length(secret_sha256) = 32),
    verbs         TEXT   NOT NULL,
    path          TEXT   NOT NULL,
    created_ns    BIGINT NOT NULL,
    expires_ns    BIGINT,
    revoked_ns    BIGINT
);
