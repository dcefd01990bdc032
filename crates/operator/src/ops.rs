//! The operations, one per file.

pub(crate) mod create_backup;
pub(crate) mod explain_request;
pub(crate) mod rewrap_seal;
pub(crate) mod rotate_root_key;
pub(crate) mod seal_server;
