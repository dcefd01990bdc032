//! Grants: rights on one key for one grantee, which only add to what policies allow.
//!
//! - [`party`]: who a grant names, and how.
//! - [`record`]: what is stored of a grant.
//! - [`constraints`]: what a request must look like for a grant to cover it.
//! - [`index`]: finds the grants that cover a request, however many a key has.
//! - [`rules`]: which grants may be made: of which operations, and from which parent.
//! - [`token`]: the texts that stand for a grant.

pub(crate) mod constraints;
pub(crate) mod index;
pub(crate) mod party;
pub(crate) mod record;
pub(crate) mod rules;
pub(crate) mod shown;
pub(crate) mod token;
