//! Who a request comes from, once it is authenticated.

use crate::{AccountId, Arn, UniqueId};

/// An authenticated principal, or an AWS service acting for itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Principal {
    /// The root user of an account.
    Root {
        /// The account.
        account: AccountId,
    },
    /// An IAM user.
    User {
        /// The account that owns the user.
        account: AccountId,
        /// `arn:aws:iam::A:user/path/Name`.
        arn: Arn,
        /// `AIDA…`: survives deletion and re-creation as a different id.
        id: UniqueId,
        /// The friendly name.
        name: String,
    },
    /// A session of a role.
    AssumedRole {
        /// The account that owns the role.
        account: AccountId,
        /// `arn:aws:iam::A:role/path/Name`, which `aws:PrincipalArn` shows.
        role_arn: Arn,
        /// `AROA…` of the role.
        role_id: UniqueId,
        /// The role's name without its path.
        role_name: String,
        /// The session's name.
        session: String,
    },
    /// A session from `GetFederationToken`.
    FederatedUser {
        /// The account of the user that made the session.
        account: AccountId,
        /// The session's name.
        name: String,
    },
    /// A service of this deployment acting with no caller behind it.
    Service {
        /// `sagemaker.amazonaws.com`, …
        name: &'static str,
    },
}

impl Principal {
    /// The account that the principal belongs to; services belong to none.
    pub fn account(&self) -> Option<AccountId> {
        match self {
            Self::Root { account }
            | Self::User { account, .. }
            | Self::AssumedRole { account, .. }
            | Self::FederatedUser { account, .. } => Some(*account),
            Self::Service { .. } => None,
        }
    }

    /// The ARN that error messages and audit records show; services have none.
    pub fn arn(&self) -> Option<Arn> {
        match self {
            Self::Root { account } => Some(Arn::new("iam", None, Some(*account), "root")),
            Self::User { arn, .. } => Some(arn.clone()),
            Self::AssumedRole {
                account,
                role_name,
                session,
                ..
            } => {
                let resource = format!("assumed-role/{role_name}/{session}");
                Some(Arn::new("sts", None, Some(*account), &resource))
            }
            Self::FederatedUser { account, name } => {
                let resource = format!("federated-user/{name}");
                Some(Arn::new("sts", None, Some(*account), &resource))
            }
            Self::Service { .. } => None,
        }
    }

    /// The name that error messages show: the ARN, or the service's name.
    pub fn display_name(&self) -> String {
        match self {
            Self::Service { name } => (*name).to_owned(),
            Self::Root { .. }
            | Self::User { .. }
            | Self::AssumedRole { .. }
            | Self::FederatedUser { .. } => self.arn().map(String::from).unwrap_or_default(),
        }
    }
}
