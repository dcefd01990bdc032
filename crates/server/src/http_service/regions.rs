//! In which regions calls are accepted: those of the configuration, and one for what has none.

use std::str::FromStr;

use types::{Region, Service};
use wire::Envelope;
use wire::sigv4::Scope;

/// The region that IAM and STS are signed for, whatever regions exist.
const GLOBAL_REGION: &str = "us-east-1";

/// Those of our own operations that are not about a region of the configuration.
const OF_THE_DEPLOYMENT: [&str; 5] = [
    "CreateBackup",
    "ExplainRequest",
    "RewrapSeal",
    "RotateRootKey",
    "SealServer",
];

/// The region of a scope, if a deployment with `regions` may answer for it.
pub(super) fn of_scope(scope: &Scope<'_>, regions: &[Region]) -> Option<Region> {
    let mut configured = regions.iter();
    if let Some(region) = configured.find(|region| region.as_str() == scope.region()) {
        return Some(region.clone());
    }
    let global = matches!(
        scope.service(),
        "iam" | "sts" | "organizations" | "cloudtrail" | "strongroom"
    );
    (global && scope.region() == GLOBAL_REGION)
        .then(|| Region::from_str(GLOBAL_REGION).ok())
        .flatten()
}

/// Whether what is called is in `region`, which [`of_scope`] has let pass: our own service has
/// operations of both kinds.
pub(super) fn has(envelope: &Envelope<'_>, region: &Region, regions: &[Region]) -> bool {
    let operation = envelope.operation();
    envelope.service() != Service::Strongroom
        || regions.contains(region)
        || operation.is_some_and(|name| OF_THE_DEPLOYMENT.contains(&name))
}
