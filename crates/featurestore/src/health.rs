//! The health of a group's key, as the service may see it in its own name.

use std::collections::HashMap;

use pipeline::{Ctx, Failure};
use shapes::kms::{DescribeKeyRequest, GetKeyRotationStatusRequest, KeyState, ListGrantsRequest};
use types::{Arn, ErrorKind, Service};

use crate::grant;
use crate::records::GroupRecord;

/// What the service may know of a group's key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Health {
    /// The key's state.
    pub(crate) state: KeyState,
    /// Whether the key is rotated by itself; `None` for keys that cannot be.
    pub(crate) rotated: Option<bool>,
    /// Whether the group's grant is there.
    pub(crate) granted: bool,
}

/// Why the service knows nothing of a key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Unseen {
    /// The key policy lets the service have one of the three calls not, or there is no key.
    Denied,
    /// A call failed, with this code and text.
    Failed(String),
}

/// What was seen of the keys of several groups: a key that protects many is looked at once.
#[derive(Debug, Default)]
pub(crate) struct Looks(HashMap<Arn, Result<KeyLook, Unseen>>);

/// What groups under the same key share.
#[derive(Debug, Clone, Copy)]
struct KeyLook {
    state: KeyState,
    rotated: Option<bool>,
}

impl Looks {
    /// Looks at `key` with `DescribeKey`, `GetKeyRotationStatus` and `ListGrants`, as the
    /// service and with no caller; the first two only if no other group has done so.
    pub(crate) async fn at(
        &mut self,
        ctx: &Ctx,
        group: &GroupRecord,
        key: &Arn,
    ) -> Result<Health, Unseen> {
        let look = if let Some(known) = self.0.get(key) {
            known.clone()
        } else {
            let look = KeyLook::at(ctx, group, key).await;
            self.0.insert(key.clone(), look.clone());
            look
        };
        let KeyLook { state, rotated } = look?;
        Ok(Health {
            state,
            rotated,
            granted: granted(ctx, group, key).await?,
        })
    }
}

impl KeyLook {
    async fn at(ctx: &Ctx, group: &GroupRecord, key: &Arn) -> Result<Self, Unseen> {
        let by = || ctx.in_own_name(Service::SageMaker, group.arn.clone());
        let key_id = key.to_string();
        let describe = DescribeKeyRequest {
            key_id: key_id.clone(),
            ..DescribeKeyRequest::default()
        };
        let described = Box::pin(pipeline::call::<kms::DescribeKey>(by(), describe)).await;
        let metadata = described.map_err(|failure| Unseen::of(&failure))?;
        let state = metadata.key_metadata.and_then(|key| key.key_state);
        let state = state.ok_or_else(|| Unseen::Failed("KMS told no state".to_owned()))?;
        let rotation = GetKeyRotationStatusRequest { key_id };
        let rotation = Box::pin(pipeline::call::<kms::GetKeyRotationStatus>(by(), rotation)).await;
        let rotated = match rotation {
            Ok(answer) => answer.key_rotation_enabled,
            // Keys of custom key stores and with imported material are rotated elsewhere.
            Err(failure) if failure.code == "UnsupportedOperationException" => None,
            // Of a key that is being deleted nothing is said of rotation.
            Err(failure) if failure.code == "KMSInvalidStateException" => None,
            Err(failure) => return Err(Unseen::of(&failure)),
        };
        Ok(Self { state, rotated })
    }
}

impl Unseen {
    fn of(failure: &Failure) -> Self {
        match failure.kind {
            ErrorKind::Denied | ErrorKind::Unauthenticated | ErrorKind::NotFound => Self::Denied,
            ErrorKind::Validation
            | ErrorKind::Conflict
            | ErrorKind::LimitExceeded
            | ErrorKind::Throttled
            | ErrorKind::Unsupported
            | ErrorKind::Unavailable
            | ErrorKind::Internal => Self::Failed(failure.to_string()),
        }
    }
}

/// Whether the group's grant is there: the one that was made with the group, or one that was
/// made in its place with the same terms.
async fn granted(ctx: &Ctx, group: &GroupRecord, key: &Arn) -> Result<bool, Unseen> {
    let standing = kms::standing_grants(ctx.view(), &grant::request_for(group, key));
    let (grant_id, stands) = (
        standing.first().or(group.grant.as_ref()),
        !standing.is_empty(),
    );
    let list = ListGrantsRequest {
        key_id: key.to_string(),
        grant_id: grant_id.cloned(),
        limit: Some(1),
        ..ListGrantsRequest::default()
    };
    let by = ctx.in_own_name(Service::SageMaker, group.arn.clone());
    let listed = Box::pin(pipeline::call::<kms::ListGrants>(by, list)).await;
    let listed = listed.map_err(|failure| Unseen::of(&failure))?;
    Ok(stands && !listed.grants.unwrap_or_default().is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_denial_is_told_from_a_call_that_failed() {
        let failed = Failure::internal("no disk");
        assert!(matches!(Unseen::of(&failed), Unseen::Failed(_)));
        let denied = Failure {
            kind: ErrorKind::Denied,
            ..failed
        };
        assert_eq!(Unseen::of(&denied), Unseen::Denied);
    }
}
