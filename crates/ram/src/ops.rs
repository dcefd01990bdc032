//! The operations, one file each, named as at AWS.

mod accept_resource_share_invitation;
mod associate_resource_share;
mod associate_resource_share_permission;
mod create_resource_share;
mod delete_resource_share;
mod disassociate_resource_share;
mod disassociate_resource_share_permission;
mod enable_sharing_with_aws_organization;
mod get_permission;
mod get_resource_policies;
mod get_resource_share_associations;
mod get_resource_share_invitations;
mod get_resource_shares;
mod list_pending_invitation_resources;
mod list_permission_versions;
mod list_permissions;
mod list_principals;
mod list_resource_share_permissions;
mod list_resource_types;
mod list_resources;
mod reject_resource_share_invitation;
mod tag_resource;
mod untag_resource;
mod update_resource_share;

use pipeline::{KeySet, Need, Registry};
use policy::Action;
use types::{Arn, Service};

use crate::Error;
use crate::actions::{DELETE_RESOURCE_POLICY, PUT_RESOURCE_POLICY};
use crate::permissions::{self, Permission, ResourceType};
use crate::principals::NamedPrincipal;

/// Adds every operation.
pub(crate) fn register(registry: &mut impl Registry) {
    registry.add::<accept_resource_share_invitation::AcceptResourceShareInvitation>();
    registry.add::<associate_resource_share::AssociateResourceShare>();
    registry.add::<associate_resource_share_permission::AssociateResourceSharePermission>();
    registry.add::<create_resource_share::CreateResourceShare>();
    registry.add::<delete_resource_share::DeleteResourceShare>();
    registry.add::<disassociate_resource_share::DisassociateResourceShare>();
    registry.add::<disassociate_resource_share_permission::DisassociateResourceSharePermission>();
    registry.add::<enable_sharing_with_aws_organization::EnableSharingWithAwsOrganization>();
    registry.add::<get_permission::GetPermission>();
    registry.add::<get_resource_policies::GetResourcePolicies>();
    registry.add::<get_resource_share_associations::GetResourceShareAssociations>();
    registry.add::<get_resource_share_invitations::GetResourceShareInvitations>();
    registry.add::<get_resource_shares::GetResourceShares>();
    registry.add::<list_pending_invitation_resources::ListPendingInvitationResources>();
    registry.add::<list_permission_versions::ListPermissionVersions>();
    registry.add::<list_permissions::ListPermissions>();
    registry.add::<list_principals::ListPrincipals>();
    registry.add::<list_resource_share_permissions::ListResourceSharePermissions>();
    registry.add::<list_resource_types::ListResourceTypes>();
    registry.add::<list_resources::ListResources>();
    registry.add::<reject_resource_share_invitation::RejectResourceShareInvitation>();
    registry.add::<tag_resource::TagResource>();
    registry.add::<untag_resource::UntagResource>();
    registry.add::<update_resource_share::UpdateResourceShare>();
}

/// What policies see of the resources and principals of a request.
fn request_keys(resources: &[Arn], principals: &[NamedPrincipal]) -> KeySet {
    let mut types: Vec<String> = Vec::new();
    for kind in resources.iter().filter_map(ResourceType::of) {
        if !types.iter().any(|known| known == kind.name) {
            types.push(kind.name.to_owned());
        }
    }
    let principals = principals.iter().map(|it| it.text().to_owned());
    KeySet::default()
        .many("ram:requestedresourcetype", types)
        .many(
            "ram:resourcearn",
            resources.iter().map(Arn::to_string).collect(),
        )
        .many("ram:principal", principals.collect())
}

/// What RAM needs on the caller's behalf to share `resource`, or to share it with more.
fn put_policy(resource: &Arn) -> Need {
    on_behalf(&PUT_RESOURCE_POLICY, resource)
}

/// What RAM needs on the caller's behalf to share `resource` no longer.
fn delete_policy(resource: &Arn) -> Need {
    on_behalf(&DELETE_RESOURCE_POLICY, resource)
}

fn on_behalf(action: &'static Action, resource: &Arn) -> Need {
    Need::on(action, resource.clone()).via(Service::Ram)
}

/// The managed permission at the ARN `text`.
///
/// Fails with `MalformedArnException`, and with `UnknownResourceException` if there is none.
fn permission_at(text: &str) -> Result<&'static Permission, Error> {
    let arn = permission_arn(text)?;
    let name = permissions::name_in(&arn);
    name.and_then(Permission::named)
        .ok_or_else(|| Error::Unknown {
            what: format!("Permission {text}"),
        })
}

/// Reads the ARN of a permission. Fails with `MalformedArnException`.
fn permission_arn(text: &str) -> Result<Arn, Error> {
    let arn: Arn = text.parse().map_err(|_source| Error::malformed_arn(text))?;
    if arn.service() == "ram" && arn.resource_of("permission").is_some() {
        Ok(arn)
    } else {
        Err(Error::malformed_arn(text))
    }
}

/// The need of `action` on the permission at `arn`; AWS's are for everybody.
fn permission_need(action: &'static Action, arn: Arn) -> Need {
    let name = permissions::name_in(&arn);
    let known = name.and_then(Permission::named);
    let keys = KeySet::default()
        .one("ram:permissionarn", arn.as_str())
        .maybe(
            "ram:permissionresourcetype",
            known.map(|known| known.resource_type),
        );
    let is_aws = name.is_some();
    let need = Need::on(action, arn).with(keys);
    if is_aws { need.owned_by_aws() } else { need }
}

/// What policies see of the permission of a request.
fn permission_keys(permission: &Permission) -> KeySet {
    KeySet::default()
        .one("ram:permissionarn", permission.arn())
        .one("ram:permissionresourcetype", permission.resource_type)
}

/// Checks the version of a permission that a caller asks for: there is one.
fn check_version(version: Option<i32>) -> Result<(), Error> {
    match version {
        None | Some(permissions::VERSION) => Ok(()),
        Some(other) => Err(Error::invalid(format!(
            "the permission has no version {other}"
        ))),
    }
}

/// Refuses what is for service principals, which nothing here is shared with.
fn refuse_sources(sources: Option<&[String]>) -> Result<(), Error> {
    match sources {
        None | Some([]) => Ok(()),
        Some(_) => Err(Error::invalid(
            "sources are for service principals, with which nothing can be shared here",
        )),
    }
}

/// Refuses the parameters of permission templates, of which no managed permission has any.
fn refuse_parameters<T>(parameters: Option<&[T]>) -> Result<(), Error> {
    match parameters {
        None | Some([]) => Ok(()),
        Some(_) => Err(Error::invalid(
            "the managed permission has no template parameters",
        )),
    }
}
