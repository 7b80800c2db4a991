PRAGMA foreign_keys=OFF;
BEGIN TRANSACTION;
CREATE TABLE schema_versions (version BIGINT NOT NULL PRIMARY KEY, program TEXT NOT NULL);
INSERT INTO schema_versions VALUES(1,'0.1.0');
INSERT INTO schema_versions VALUES(2,'0.1.0');
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
    publisher    TEXT    NOT NULL, attributes TEXT NOT NULL DEFAULT '',
    PRIMARY KEY (folder, name)
) STRICT;
INSERT INTO files VALUES('/night/1','x.fits',42,20000000,1700000000123456789,'adler32:01020304,crc32c:01020304,md5:0102030405060708090a0b0c0d0e0f10,sha-256:0102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f20','image/fits',1700000200123456789,X'01934000000070008000000000000007','token night-shift (0193)','');
INSERT INTO files VALUES('/night/1','y.fits',42,3,1700000000123456789,'adler32:01020304,crc32c:01020304,md5:0102030405060708090a0b0c0d0e0f10,sha-256:0102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f20','image/fits',1700000100123456789,NULL,'token night-shift (0193)','');
INSERT INTO files VALUES('','Überblick',-1,0,-9223372036854775808,'',NULL,-1,NULL,'','');
INSERT INTO files VALUES('/dr','z',42,1,1700000000123456789,'adler32:01020304,crc32c:01020304,md5:0102030405060708090a0b0c0d0e0f10,sha-256:0102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f20','image/fits',1700000100123456789,NULL,'token night-shift (0193)','embargo-until="2030-01-01T00:00:00Z", group="/lsst"');
CREATE TABLE totals (
    one   INTEGER PRIMARY KEY CHECK (one = 1),
    files INTEGER NOT NULL,
    bytes INTEGER NOT NULL
) STRICT;
INSERT INTO totals VALUES(1,4,20000004);
CREATE TABLE moves (
    id        INTEGER PRIMARY KEY AUTOINCREMENT,
    from_path TEXT    NOT NULL,
    to_path   TEXT    NOT NULL
) STRICT;
INSERT INTO moves VALUES(1,'/night/1','/night/2');
CREATE TABLE properties (
    folder     TEXT NOT NULL,
    name       TEXT NOT NULL,
    key        BLOB NOT NULL, -- SHA-256 of namespace, NUL, local name: those have no bound of length, a key has one
    namespace  TEXT NOT NULL,
    local_name TEXT NOT NULL,
    xml        TEXT NOT NULL,
    PRIMARY KEY (folder, name, key)
) STRICT;
INSERT INTO properties VALUES('','night',X'1f71ef9626db330e163bd5668e194cd815b3dc8b550a6a3da03feddf46620cc8','urn:x-test','observer','<t:observer xmlns:t=''urn:x-test''>Ännchen</t:observer>');
INSERT INTO properties VALUES('','night',X'6b24a53888d40f44d111c36ab8c13dd9ab9906a9785ab8637baa06dca4872cda','urn:x-test','seeing','<t:seeing xmlns:t=''urn:x-test''>0.7</t:seeing>');
INSERT INTO properties VALUES('','',X'0367e4ed2c116a1a9acb625ab1f8ea5567c242b1a444a76d5d79003731de3d0e','urn:x-test','site','<t:site xmlns:t=''urn:x-test''>here</t:site>');
CREATE TABLE locks (
    token      TEXT    NOT NULL PRIMARY KEY,
    path       TEXT    NOT NULL,
    deep       INTEGER NOT NULL CHECK (deep IN (0, 1)),
    shared     INTEGER NOT NULL CHECK (shared IN (0, 1)),
    owner      TEXT    NOT NULL,
    principal  TEXT    NOT NULL,
    expires_ns INTEGER NOT NULL
) STRICT;
INSERT INTO locks VALUES('urn:uuid:01934000-0000-7000-8000-000000000001','/night',1,0,'<D:href xmlns:D=''DAV:''>mailto:ännchen@example.org</D:href>','token night-shift (0193)',1800000000123456789);
INSERT INTO locks VALUES('urn:uuid:01934000-0000-7000-8000-000000000002','/x',0,1,'<D:href xmlns:D=''DAV:''>mailto:ännchen@example.org</D:href>','token night-shift (0193)',1800000000123456789);
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
, attributes TEXT NOT NULL DEFAULT '') STRICT;
INSERT INTO uploads VALUES(X'01934000000070008000000000000001','/night/3/x.fits',X'01934000000070008000000000000002',9223372036854775807,'adler32:0708090a,crc32c:0708090a,md5:0708090a0b0c0d0e0f10111213141516,sha-256:0708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f20212223242526','image/fits',1600000000123456789,'token night-shift (0193)',1,1700000001123456789,1700086400123456789,'');
INSERT INTO uploads VALUES(X'01934000000070008000000000000003','/y',X'01934000000070008000000000000004',NULL,'',NULL,NULL,'token night-shift (0193)',0,1700000003123456789,1700086400123456789,'');
INSERT INTO uploads VALUES(X'01934000000070008000000000000005','/dr/w',X'01934000000070008000000000000006',9223372036854775807,'adler32:0708090a,crc32c:0708090a,md5:0708090a0b0c0d0e0f10111213141516,sha-256:0708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f20212223242526','image/fits',1600000000123456789,'token night-shift (0193)',1,1700000005123456789,1700086400123456789,'group="/lsst"');
CREATE TABLE tokens (
    id            BLOB    NOT NULL PRIMARY KEY,
    name          TEXT    NOT NULL,
    secret_sha256 BLOB    NOT NULL CHECK (length(secret_sha256) = 32),
    verbs         TEXT    NOT NULL,
    path          TEXT    NOT NULL,
    created_ns    INTEGER NOT NULL,
    expires_ns    INTEGER,
    revoked_ns    INTEGER
, account TEXT, parent BLOB) STRICT;
INSERT INTO tokens VALUES(X'01934000000070008000000000000001','night shift',X'a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5','list,stat,read','/night',1700000001123456789,1800000000123456789,NULL,NULL,NULL);
INSERT INTO tokens VALUES(X'01934000000070008000000000000002','anybody',X'a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5','','/',1700000002123456789,NULL,NULL,NULL,NULL);
INSERT INTO tokens VALUES(X'01934000000070008000000000000003','lost',X'a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5','list,stat,read','/night',1700000003123456789,1800000000123456789,1750000000123456789,NULL,NULL);
INSERT INTO tokens VALUES(X'01934000000070008000000000000004','narrowed',X'a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5','list,stat,read','/night',1700000004123456789,1800000000123456789,NULL,'ännchen',X'01934000000070008000000000000001');
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
INSERT INTO shares VALUES(X'01934000000070008000000000000007',X'5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a','/night','list,stat,read','token night-shift (0193)','for Ännchen',1700000007123456789,1800000000123456789,NULL,'192.0.2.0/24,2001:db8::/32',100,9223372036854775807,3,20000000);
INSERT INTO shares VALUES(X'01934000000070008000000000000008',X'5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a','/','list,stat,read','this host','',1700000008123456789,NULL,NULL,'',NULL,NULL,0,0);
INSERT INTO shares VALUES(X'01934000000070008000000000000009',X'5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a','/night','list,stat,read','token night-shift (0193)','for Ännchen',1700000009123456789,1800000000123456789,1750000000123456789,'192.0.2.0/24,2001:db8::/32',100,9223372036854775807,3,20000000);
CREATE TABLE secrets (
    id         BLOB NOT NULL PRIMARY KEY,
    purpose    TEXT NOT NULL,
    secret     BLOB NOT NULL,
    created_ns INTEGER NOT NULL,
    retired_ns INTEGER
) STRICT;
INSERT INTO secrets VALUES(X'01934000000070008000000000000001','macaroon',X'0101010101010101010101010101010101010101010101010101010101010101',1700000001123456789,NULL);
INSERT INTO secrets VALUES(X'01934000000070008000000000000002','macaroon',X'0202020202020202020202020202020202020202020202020202020202020202',1700000002123456789,1750000000123456789);
INSERT INTO secrets VALUES(X'01934000000070008000000000000003','session',X'0303030303030303030303030303030303030303030303030303030303030303',1700000003123456789,NULL);
CREATE TABLE usage (
    principal TEXT NOT NULL,
    day       INTEGER NOT NULL,
    bytes     INTEGER NOT NULL CHECK (bytes >= 0),
    PRIMARY KEY (principal, day)
) STRICT;
INSERT INTO usage VALUES('alice',20000,5);
INSERT INTO usage VALUES('bob',20001,9223372036854775807);
DELETE FROM sqlite_sequence;
INSERT INTO sqlite_sequence VALUES('moves',1);
CREATE INDEX files_by_publication ON files (published_ns);
CREATE INDEX files_by_staging ON files (staged) WHERE staged IS NOT NULL;
CREATE TRIGGER files_added AFTER INSERT ON files BEGIN
    UPDATE totals SET files = files + 1, bytes = bytes + NEW.size_bytes;
END;
CREATE TRIGGER files_resized AFTER UPDATE OF size_bytes ON files WHEN OLD.size_bytes <> NEW.size_bytes BEGIN
    UPDATE totals SET bytes = bytes + NEW.size_bytes - OLD.size_bytes;
END;
CREATE TRIGGER files_removed AFTER DELETE ON files BEGIN
    UPDATE totals SET files = files - 1, bytes = bytes - OLD.size_bytes;
END;
COMMIT;
