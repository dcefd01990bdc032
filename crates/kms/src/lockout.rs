//! The lockout safety check: whoever gives a key its policy must be able to change it again.

use std::sync::Arc;

use pipeline::{Ctx, KeySet, Need, resource_policy_admits};

use crate::key_policies::key_facts;
use crate::key_policy::POLICY_NAME;
use crate::records::KeyRecord;
use crate::{Error, actions};

/// Fails with `MalformedPolicyDocumentException` if the policy of `key`, as it is to become,
/// would refuse the caller's `PutKeyPolicy`.
///
/// Only the new policy is looked at: where it leaves the decision to the account's IAM
/// policies, that is enough.
pub(crate) fn check(ctx: &Ctx, key: &KeyRecord) -> Result<(), Error> {
    let keys = KeySet::default().one("kms:policyname", POLICY_NAME);
    let need = Need::on(&actions::PUT_KEY_POLICY, key.arn.clone()).with(keys);
    let facts = key_facts(ctx.view(), Arc::new(key.clone()));
    if resource_policy_admits(ctx, &need, &facts) {
        return Ok(());
    }
    let text = "The new key policy will not allow you to update the key policy in the future.";
    Err(Error::MalformedPolicy(text.into()))
}
