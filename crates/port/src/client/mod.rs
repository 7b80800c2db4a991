//! Moving files between local paths and any WebDAV server.
