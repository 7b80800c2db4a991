CREATE TABLE public.files (
    folder text NOT NULL COLLATE pg_catalog."C",
    name text NOT NULL COLLATE pg_catalog."C",
    inode bigint NOT NULL,
    size_bytes bigint NOT NULL,
    modified_ns bigint NOT NULL,
    digests text NOT NULL,
    media_type text,
    published_ns bigint NOT NULL,
    staged bytea,
    publisher text NOT NULL,
    attributes text DEFAULT ''::text NOT NULL,
    CONSTRAINT files_size_bytes_check CHECK ((size_bytes >= 0))
);

CREATE TABLE public.locks (
    token text NOT NULL COLLATE pg_catalog."C",
    path text NOT NULL COLLATE pg_catalog."C",
    deep boolean NOT NULL,
    shared boolean NOT NULL,
    owner text NOT NULL,
    principal text NOT NULL,
    expires_ns bigint NOT NULL
);

CREATE TABLE public.moves (
    id bigint NOT NULL,
    from_path text NOT NULL,
    to_path text NOT NULL
);

ALTER TABLE public.moves ALTER COLUMN id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME public.moves_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

CREATE TABLE public.properties (
    folder text NOT NULL COLLATE pg_catalog."C",
    name text NOT NULL COLLATE pg_catalog."C",
    key bytea NOT NULL,
    namespace text NOT NULL COLLATE pg_catalog."C",
    local_name text NOT NULL COLLATE pg_catalog."C",
    xml text NOT NULL
);

CREATE TABLE public.schema_versions (
    version bigint NOT NULL,
    program text NOT NULL
);

CREATE TABLE public.secrets (
    id bytea NOT NULL,
    purpose text NOT NULL,
    secret bytea NOT NULL,
    created_ns bigint NOT NULL,
    retired_ns bigint
);

CREATE TABLE public.shares (
    id bytea NOT NULL,
    secret_sha256 bytea NOT NULL,
    path text NOT NULL,
    verbs text NOT NULL,
    creator text NOT NULL,
    note text NOT NULL,
    created_ns bigint NOT NULL,
    expires_ns bigint,
    revoked_ns bigint,
    networks text NOT NULL,
    downloads_max bigint,
    bytes_max bigint,
    downloads bigint NOT NULL,
    bytes bigint NOT NULL,
    CONSTRAINT shares_bytes_check CHECK ((bytes >= 0)),
    CONSTRAINT shares_bytes_max_check CHECK ((bytes_max >= 0)),
    CONSTRAINT shares_downloads_check CHECK ((downloads >= 0)),
    CONSTRAINT shares_downloads_max_check CHECK ((downloads_max >= 0)),
    CONSTRAINT shares_secret_sha256_check CHECK ((length(secret_sha256) = 32))
);

CREATE TABLE public.tokens (
    id bytea NOT NULL,
    name text NOT NULL,
    secret_sha256 bytea NOT NULL,
    verbs text NOT NULL,
    path text NOT NULL,
    created_ns bigint NOT NULL,
    expires_ns bigint,
    revoked_ns bigint,
    account text,
    parent bytea,
    CONSTRAINT tokens_secret_sha256_check CHECK ((length(secret_sha256) = 32))
);

CREATE TABLE public.uploads (
    id bytea NOT NULL,
    path text NOT NULL,
    staged bytea NOT NULL,
    length_bytes bigint,
    claimed text NOT NULL,
    media_type text,
    modified_ns bigint,
    principal text NOT NULL,
    overwrite boolean NOT NULL,
    created_ns bigint NOT NULL,
    expires_ns bigint NOT NULL,
    attributes text DEFAULT ''::text NOT NULL,
    CONSTRAINT uploads_length_bytes_check CHECK ((length_bytes >= 0))
);

CREATE TABLE public.usage (
    principal text NOT NULL COLLATE pg_catalog."C",
    day bigint NOT NULL,
    bytes bigint NOT NULL,
    CONSTRAINT usage_bytes_check CHECK ((bytes >= 0))
);

INSERT INTO public.files VALUES ('/night/1', 'x.fits', 42, 20000000, 1700000000123456789, 'adler32:01020304,crc32c:01020304,md5:0102030405060708090a0b0c0d0e0f10,sha-256:0102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f20', 'image/fits', 1700000200123456789, '\x01934000000070008000000000000007', 'token night-shift (0193)', '');
INSERT INTO public.files VALUES ('/night/1', 'y.fits', 42, 3, 1700000000123456789, 'adler32:01020304,crc32c:01020304,md5:0102030405060708090a0b0c0d0e0f10,sha-256:0102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f20', 'image/fits', 1700000100123456789, NULL, 'token night-shift (0193)', '');
INSERT INTO public.files VALUES ('', 'Überblick', -1, 0, -9223372036854775808, '', NULL, -1, NULL, '', '');
INSERT INTO public.files VALUES ('/dr', 'z', 42, 1, 1700000000123456789, 'adler32:01020304,crc32c:01020304,md5:0102030405060708090a0b0c0d0e0f10,sha-256:0102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f20', 'image/fits', 1700000100123456789, NULL, 'token night-shift (0193)', 'embargo-until="2030-01-01T00:00:00Z", group="/lsst"');

INSERT INTO public.locks VALUES ('urn:uuid:01934000-0000-7000-8000-000000000001', '/night', true, false, '<D:href xmlns:D=''DAV:''>mailto:ännchen@example.org</D:href>', 'token night-shift (0193)', 1800000000123456789);
INSERT INTO public.locks VALUES ('urn:uuid:01934000-0000-7000-8000-000000000002', '/x', false, true, '<D:href xmlns:D=''DAV:''>mailto:ännchen@example.org</D:href>', 'token night-shift (0193)', 1800000000123456789);

INSERT INTO public.moves OVERRIDING SYSTEM VALUE VALUES (1, '/night/1', '/night/2');

INSERT INTO public.properties VALUES ('', 'night', '\x1f71ef9626db330e163bd5668e194cd815b3dc8b550a6a3da03feddf46620cc8', 'urn:x-test', 'observer', '<t:observer xmlns:t=''urn:x-test''>Ännchen</t:observer>');
INSERT INTO public.properties VALUES ('', 'night', '\x6b24a53888d40f44d111c36ab8c13dd9ab9906a9785ab8637baa06dca4872cda', 'urn:x-test', 'seeing', '<t:seeing xmlns:t=''urn:x-test''>0.7</t:seeing>');
INSERT INTO public.properties VALUES ('', '', '\x0367e4ed2c116a1a9acb625ab1f8ea5567c242b1a444a76d5d79003731de3d0e', 'urn:x-test', 'site', '<t:site xmlns:t=''urn:x-test''>here</t:site>');

INSERT INTO public.schema_versions VALUES (1, '0.1.0');
INSERT INTO public.schema_versions VALUES (2, '0.1.0');

INSERT INTO public.secrets VALUES ('\x01934000000070008000000000000001', 'macaroon', '\x0101010101010101010101010101010101010101010101010101010101010101', 1700000001123456789, NULL);
INSERT INTO public.secrets VALUES ('\x01934000000070008000000000000002', 'macaroon', '\x0202020202020202020202020202020202020202020202020202020202020202', 1700000002123456789, 1750000000123456789);
INSERT INTO public.secrets VALUES ('\x01934000000070008000000000000003', 'session', '\x0303030303030303030303030303030303030303030303030303030303030303', 1700000003123456789, NULL);

INSERT INTO public.shares VALUES ('\x01934000000070008000000000000007', '\x5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a', '/night', 'list,stat,read', 'token night-shift (0193)', 'for Ännchen', 1700000007123456789, 1800000000123456789, NULL, '192.0.2.0/24,2001:db8::/32', 100, 9223372036854775807, 3, 20000000);
INSERT INTO public.shares VALUES ('\x01934000000070008000000000000008', '\x5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a', '/', 'list,stat,read', 'this host', '', 1700000008123456789, NULL, NULL, '', NULL, NULL, 0, 0);
INSERT INTO public.shares VALUES ('\x01934000000070008000000000000009', '\x5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a', '/night', 'list,stat,read', 'token night-shift (0193)', 'for Ännchen', 1700000009123456789, 1800000000123456789, 1750000000123456789, '192.0.2.0/24,2001:db8::/32', 100, 9223372036854775807, 3, 20000000);

INSERT INTO public.tokens VALUES ('\x01934000000070008000000000000001', 'night shift', '\xa5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5', 'list,stat,read', '/night', 1700000001123456789, 1800000000123456789, NULL, NULL, NULL);
INSERT INTO public.tokens VALUES ('\x01934000000070008000000000000002', 'anybody', '\xa5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5', '', '/', 1700000002123456789, NULL, NULL, NULL, NULL);
INSERT INTO public.tokens VALUES ('\x01934000000070008000000000000003', 'lost', '\xa5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5', 'list,stat,read', '/night', 1700000003123456789, 1800000000123456789, 1750000000123456789, NULL, NULL);
INSERT INTO public.tokens VALUES ('\x01934000000070008000000000000004', 'narrowed', '\xa5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5', 'list,stat,read', '/night', 1700000004123456789, 1800000000123456789, NULL, 'ännchen', '\x01934000000070008000000000000001');

INSERT INTO public.uploads VALUES ('\x01934000000070008000000000000001', '/night/3/x.fits', '\x01934000000070008000000000000002', 9223372036854775807, 'adler32:0708090a,crc32c:0708090a,md5:0708090a0b0c0d0e0f10111213141516,sha-256:0708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f20212223242526', 'image/fits', 1600000000123456789, 'token night-shift (0193)', true, 1700000001123456789, 1700086400123456789, '');
INSERT INTO public.uploads VALUES ('\x01934000000070008000000000000003', '/y', '\x01934000000070008000000000000004', NULL, '', NULL, NULL, 'token night-shift (0193)', false, 1700000003123456789, 1700086400123456789, '');
INSERT INTO public.uploads VALUES ('\x01934000000070008000000000000005', '/dr/w', '\x01934000000070008000000000000006', 9223372036854775807, 'adler32:0708090a,crc32c:0708090a,md5:0708090a0b0c0d0e0f10111213141516,sha-256:0708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f20212223242526', 'image/fits', 1600000000123456789, 'token night-shift (0193)', true, 1700000005123456789, 1700086400123456789, 'group="/lsst"');

INSERT INTO public.usage VALUES ('alice', 20000, 5);
INSERT INTO public.usage VALUES ('bob', 20001, 9223372036854775807);

SELECT pg_catalog.setval('public.moves_id_seq', 1, true);

ALTER TABLE ONLY public.files
    ADD CONSTRAINT files_pkey PRIMARY KEY (folder, name);

ALTER TABLE ONLY public.locks
    ADD CONSTRAINT locks_pkey PRIMARY KEY (token);

ALTER TABLE ONLY public.moves
    ADD CONSTRAINT moves_pkey PRIMARY KEY (id);

ALTER TABLE ONLY public.properties
    ADD CONSTRAINT properties_pkey PRIMARY KEY (folder, name, key);

ALTER TABLE ONLY public.schema_versions
    ADD CONSTRAINT schema_versions_pkey PRIMARY KEY (version);

ALTER TABLE ONLY public.secrets
    ADD CONSTRAINT secrets_pkey PRIMARY KEY (id);

ALTER TABLE ONLY public.shares
    ADD CONSTRAINT shares_pkey PRIMARY KEY (id);

ALTER TABLE ONLY public.tokens
    ADD CONSTRAINT tokens_pkey PRIMARY KEY (id);

ALTER TABLE ONLY public.uploads
    ADD CONSTRAINT uploads_pkey PRIMARY KEY (id);

ALTER TABLE ONLY public.usage
    ADD CONSTRAINT usage_pkey PRIMARY KEY (principal, day);

CREATE INDEX files_by_publication ON public.files USING btree (published_ns);

CREATE INDEX files_by_staging ON public.files USING btree (staged) WHERE (staged IS NOT NULL);
