//! The operations of STS, one per file, by AWS's names.

mod get_caller_identity;

use pipeline::Registry;

/// Adds every operation of STS.
pub(crate) fn register(registry: &mut impl Registry) {
    registry.add::<get_caller_identity::GetCallerIdentity>();
}
