//! The staging area: where bytes land, are digested on the way, and wait to be published.
