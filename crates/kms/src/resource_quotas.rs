//! How much there may be: keys of an account in a region, aliases and grants of a key, bytes of its
//! policy. AWS's page "Resource quotas" has them.
//!
//! The number of custom key stores is AWS's and fixed, as there.

use pipeline::Ctx;

use crate::Error;

/// The resource quotas that a configuration can change. A shared part of the server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ResourceQuotas {
    /// Customer managed keys of one account in one region.
    pub keys: usize,
    /// Aliases of one key.
    pub aliases: usize,
    /// Grants on one key.
    pub grants: usize,
    /// Bytes of a key policy.
    pub policy_bytes: usize,
}

impl Default for ResourceQuotas {
    /// AWS's.
    fn default() -> Self {
        Self {
            keys: 100_000,
            aliases: 50,
            grants: 50_000,
            policy_bytes: 32_768,
        }
    }
}

impl ResourceQuotas {
    /// Those of the deployment.
    pub(crate) fn of(ctx: &Ctx) -> Result<Self, Error> {
        Ok(*ctx.part()?)
    }
}
