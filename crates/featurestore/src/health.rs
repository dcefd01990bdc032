//! The health of a group's key, as the service may see it in its own name.

use pipeline::Ctx;
use shapes::kms::{DescribeKeyRequest, GetKeyRotationStatusRequest, KeyState, ListGrantsRequest};
use types::{Arn, Service};

use crate::grant;
use crate::records::GroupRecord;

/// What the service may know of a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Health {
    /// The key's state.
    pub(crate) state: KeyState,
    /// Whether the key is rotated by itself; `None` for keys that cannot be.
    pub(crate) rotated: Option<bool>,
    /// Whether the group's grant is there.
    pub(crate) granted: bool,
}

impl Health {
    /// Looks at `key` with `DescribeKey`, `GetKeyRotationStatus` and `ListGrants`, as the
    /// service and with no caller.
    ///
    /// `None` if the key policy lets the service have one of them not, or if there is no key.
    pub(crate) async fn of(ctx: &Ctx, group: &GroupRecord, key: &Arn) -> Option<Self> {
        let by = || ctx.in_own_name(Service::SageMaker, group.arn.clone());
        let key_id = key.to_string();
        let describe = DescribeKeyRequest {
            key_id: key_id.clone(),
            ..DescribeKeyRequest::default()
        };
        let described = Box::pin(pipeline::call::<kms::DescribeKey>(by(), describe)).await;
        let metadata = described.ok()?.key_metadata?;
        let rotation = GetKeyRotationStatusRequest { key_id };
        let rotation = Box::pin(pipeline::call::<kms::GetKeyRotationStatus>(by(), rotation)).await;
        let rotated = match rotation {
            Ok(answer) => answer.key_rotation_enabled,
            // Keys of custom key stores and with imported material are rotated elsewhere.
            Err(failure) if failure.code == "UnsupportedOperationException" => None,
            Err(_denied) => return None,
        };
        Some(Self {
            state: metadata.key_state?,
            rotated,
            granted: Self::granted(ctx, group, key).await?,
        })
    }

    /// Whether the group's grant is there: the one that was made with the group, or one that was
    /// made in its place with the same terms.
    async fn granted(ctx: &Ctx, group: &GroupRecord, key: &Arn) -> Option<bool> {
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
        let listed = listed.ok()?.grants.unwrap_or_default();
        Some(stands && !listed.is_empty())
    }
}
