//! The actions that the operations of this crate need.

use policy::Action;

macro_rules! actions {
    ($($name:ident = $text:literal;)+) => {
        $(pub(crate) static $name: Action = Action::from_static($text);)+
    };
}

actions! {
    ACCEPT_RESOURCE_SHARE_INVITATION = "ram:AcceptResourceShareInvitation";
    ASSOCIATE_RESOURCE_SHARE = "ram:AssociateResourceShare";
    ASSOCIATE_RESOURCE_SHARE_PERMISSION = "ram:AssociateResourceSharePermission";
    CREATE_RESOURCE_SHARE = "ram:CreateResourceShare";
    DELETE_RESOURCE_SHARE = "ram:DeleteResourceShare";
    DISASSOCIATE_RESOURCE_SHARE = "ram:DisassociateResourceShare";
    DISASSOCIATE_RESOURCE_SHARE_PERMISSION = "ram:DisassociateResourceSharePermission";
    ENABLE_SHARING_WITH_AWS_ORGANIZATION = "ram:EnableSharingWithAwsOrganization";
    GET_PERMISSION = "ram:GetPermission";
    GET_RESOURCE_POLICIES = "ram:GetResourcePolicies";
    GET_RESOURCE_SHARE_ASSOCIATIONS = "ram:GetResourceShareAssociations";
    GET_RESOURCE_SHARE_INVITATIONS = "ram:GetResourceShareInvitations";
    GET_RESOURCE_SHARES = "ram:GetResourceShares";
    LIST_PENDING_INVITATION_RESOURCES = "ram:ListPendingInvitationResources";
    LIST_PERMISSION_VERSIONS = "ram:ListPermissionVersions";
    LIST_PERMISSIONS = "ram:ListPermissions";
    LIST_PRINCIPALS = "ram:ListPrincipals";
    LIST_RESOURCE_SHARE_PERMISSIONS = "ram:ListResourceSharePermissions";
    LIST_RESOURCE_TYPES = "ram:ListResourceTypes";
    LIST_RESOURCES = "ram:ListResources";
    REJECT_RESOURCE_SHARE_INVITATION = "ram:RejectResourceShareInvitation";
    TAG_RESOURCE = "ram:TagResource";
    UNTAG_RESOURCE = "ram:UntagResource";
    UPDATE_RESOURCE_SHARE = "ram:UpdateResourceShare";
    // What RAM does to a resource on the caller's behalf.
    DELETE_RESOURCE_POLICY = "sagemaker:DeleteResourcePolicy";
    GET_RESOURCE_POLICY = "sagemaker:GetResourcePolicy";
    PUT_RESOURCE_POLICY = "sagemaker:PutResourcePolicy";
    // What sharing with the organization takes.
    CREATE_SERVICE_LINKED_ROLE = "iam:CreateServiceLinkedRole";
    DESCRIBE_ORGANIZATION = "organizations:DescribeOrganization";
    ENABLE_AWS_SERVICE_ACCESS = "organizations:EnableAWSServiceAccess";
}
