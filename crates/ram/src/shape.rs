//! From records to what answers show.

use shapes::ram::{
    PermissionFeatureSet, PermissionStatus, PermissionType, Resource, ResourceOwner,
    ResourceRegionScope, ResourceShare, ResourceShareConfiguration, ResourceShareFeatureSet,
    ResourceShareInvitation, ResourceShareInvitationStatus, ResourceSharePermissionDetail,
    ResourceSharePermissionSummary, ResourceShareStatus, ResourceStatus,
};
use types::{Arn, Timestamp};

use crate::permissions::{Permission, ResourceType, VERSION};
use crate::records::{Answer, InvitationRecord, ShareRecord};
use crate::tags;

/// A share as its owner sees it, or without its tags as others do.
pub(crate) fn share(share: &ShareRecord, with_tags: bool) -> ResourceShare {
    ResourceShare {
        resource_share_arn: Some(share.arn().to_string()),
        name: Some(share.name.clone()),
        owning_account_id: Some(share.owner.to_string()),
        allow_external_principals: Some(share.allows_external),
        status: Some(ResourceShareStatus::Active),
        status_message: None,
        tags: with_tags.then(|| tags::shape(&share.tags)),
        creation_time: Some(share.created),
        last_updated_time: Some(share.updated),
        feature_set: Some(ResourceShareFeatureSet::Standard),
        resource_share_configuration: Some(ResourceShareConfiguration {
            retain_sharing_on_account_leave_organization: Some(share.outlasts_organization),
        }),
    }
}

/// An invitation as it is at `now`.
pub(crate) fn invitation(record: &InvitationRecord, now: Timestamp) -> ResourceShareInvitation {
    let status = match record.answer {
        Some(Answer::Accepted) => ResourceShareInvitationStatus::Accepted,
        Some(Answer::Rejected) => ResourceShareInvitationStatus::Rejected,
        None if record.is_expired(now) => ResourceShareInvitationStatus::Expired,
        None => ResourceShareInvitationStatus::Pending,
    };
    ResourceShareInvitation {
        resource_share_invitation_arn: Some(record.arn().to_string()),
        resource_share_name: Some(record.share_name.clone()),
        resource_share_arn: Some(record.share_arn().to_string()),
        sender_account_id: Some(record.sender.to_string()),
        receiver_account_id: Some(record.receiver.to_string()),
        invitation_timestamp: Some(record.at),
        status: Some(status),
        resource_share_associations: None,
        receiver_arn: record.individual.as_ref().map(Arn::to_string),
    }
}

/// A resource of a share, without its status and times to those who were only invited.
pub(crate) fn resource(share: &ShareRecord, arn: &Arn, since: Option<Timestamp>) -> Resource {
    Resource {
        arn: Some(arn.to_string()),
        r#type: ResourceType::of(arn).map(|kind| kind.name.to_owned()),
        resource_share_arn: Some(share.arn().to_string()),
        resource_group_arn: None,
        status: since.map(|_known| ResourceStatus::Available),
        status_message: None,
        creation_time: since,
        last_updated_time: since,
        resource_region_scope: Some(ResourceRegionScope::Regional),
    }
}

/// A managed permission in a list; of a share's permissions `status` says that it is in use.
pub(crate) fn permission(permission: &Permission, status: &str) -> ResourceSharePermissionSummary {
    ResourceSharePermissionSummary {
        arn: Some(permission.arn()),
        version: Some(VERSION.to_string()),
        default_version: Some(true),
        name: Some(permission.name.to_owned()),
        resource_type: Some(permission.resource_type.to_owned()),
        status: Some(status.to_owned()),
        is_resource_type_default: Some(permission.is_default),
        permission_type: Some(PermissionType::AwsManaged),
        feature_set: Some(PermissionFeatureSet::Standard),
        resource_owner: None,
        ..ResourceSharePermissionSummary::default()
    }
}

/// A managed permission with what it allows.
pub(crate) fn permission_detail(permission: &Permission) -> ResourceSharePermissionDetail {
    ResourceSharePermissionDetail {
        arn: Some(permission.arn()),
        version: Some(VERSION.to_string()),
        default_version: Some(true),
        name: Some(permission.name.to_owned()),
        resource_type: Some(permission.resource_type.to_owned()),
        permission: Some(permission.template().to_string()),
        is_resource_type_default: Some(permission.is_default),
        permission_type: Some(PermissionType::AwsManaged),
        feature_set: Some(PermissionFeatureSet::Standard),
        status: Some(PermissionStatus::Attachable),
        ..ResourceSharePermissionDetail::default()
    }
}

/// Whether a call asks for what its own account shares.
pub(crate) fn is_own(owner: ResourceOwner) -> bool {
    owner == ResourceOwner::Self_
}
