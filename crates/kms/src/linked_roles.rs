//! The roles by which KMS acts in an account at AWS: made with the first resource that has one.
//!
//! Nothing here needs them. They are made all the same, since policies, reports and the trail of
//! an account that uses such resources show them at AWS.

use pipeline::sources::LinkedRoles;
use pipeline::{Ctx, Failure, KeySet, Need};
use types::{AccountId, Arn, ErrorKind, Service};

use crate::{Error, actions};

/// A role that is linked to a part of KMS.
#[derive(Debug)]
pub(crate) struct LinkedRole {
    service: &'static str,
    name: &'static str,
}

/// By which related multi-Region keys are brought into line.
pub(crate) static MULTI_REGION: LinkedRole = LinkedRole {
    service: "mrk.kms.amazonaws.com",
    name: "AWSServiceRoleForKeyManagementServiceMultiRegionKeys",
};

/// By which the clusters of custom key stores are looked at.
pub(crate) static KEY_STORES: LinkedRole = LinkedRole {
    service: "cks.kms.amazonaws.com",
    name: "AWSServiceRoleForKeyManagementServiceCustomKeyStores",
};

impl LinkedRole {
    /// What whoever makes a resource of the kind needs beside the right to that, whether or not the
    /// role is there already: the stricter reading, since AWS's page on the permissions for multi-Region
    /// keys makes no exception.
    pub(crate) fn need(&self, account: AccountId) -> Need {
        let Self { service, name } = self;
        let role = format!("role/aws-service-role/{service}/{name}");
        let keys = KeySet::default().one("iam:awsservicename", *service);
        Need::on(
            &actions::CREATE_SERVICE_LINKED_ROLE,
            Arn::new("iam", None, Some(account), &role),
        )
        .with(keys)
        .via(Service::Kms)
    }

    /// Makes the role in the caller's account unless it is there, in the commit of the call.
    ///
    /// Fails as `CreateServiceLinkedRole` does.
    pub(crate) async fn ensure(&self, ctx: &Ctx) -> Result<(), Error> {
        let roles: &LinkedRoles = ctx.part()?;
        let made = roles.0.ensure(ctx, Service::Kms, self.service).await;
        made.map_err(failed)
    }
}

fn failed(failure: Failure) -> Error {
    match failure.kind {
        ErrorKind::Denied | ErrorKind::Unauthenticated => Error::Denied(failure.message),
        ErrorKind::LimitExceeded => Error::LimitExceeded(failure.message.into()),
        _ => match failure.source {
            Some(source) => Error::internal("a service-linked role could not be made", source),
            None => Error::broken("a service-linked role could not be made"),
        },
    }
}
