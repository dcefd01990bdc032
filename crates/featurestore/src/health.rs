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
    /// `None` if the key policy lets the service have one of them not, if there is no key, or if
    /// it has more grants than can be looked through.
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

    /// Whether the key has a grant of the name that the group's grant has: the one that was
    /// made with the group, or one that was made in its place.
    async fn granted(ctx: &Ctx, group: &GroupRecord, key: &Arn) -> Option<bool> {
        let name = grant::name(&group.name, &group.id);
        let mut marker = None;
        for _ in 0..PAGES {
            let list = ListGrantsRequest {
                key_id: key.to_string(),
                grantee_service_principal: Some(Service::SageMaker.principal().to_owned()),
                limit: Some(100),
                marker,
                ..ListGrantsRequest::default()
            };
            let by = ctx.in_own_name(Service::SageMaker, group.arn.clone());
            let page = Box::pin(pipeline::call::<kms::ListGrants>(by, list)).await;
            let page = page.ok()?;
            let mut grants = page.grants.iter().flatten();
            if grants.any(|grant| grant.name.as_deref() == Some(&*name)) {
                return Some(true);
            }
            marker = page.next_marker;
            if marker.is_none() {
                return Some(false);
            }
        }
        None
    }
}

/// How many pages of a key's grants are looked through.
const PAGES: usize = 20;
