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
    /// Whoever an identity provider vouches for; belongs to no account, and may ask for a
    /// role's session only.
    WebIdentity(Box<WebIdentity>),
    /// A service of this deployment acting with no caller behind it.
    Service {
        /// `sagemaker.amazonaws.com`, …
        name: &'static str,
    },
}

impl Principal {
    /// The account that the principal belongs to; services and web identities belong to none.
    pub fn account(&self) -> Option<AccountId> {
        match self {
            Self::Root { account }
            | Self::User { account, .. }
            | Self::AssumedRole { account, .. }
            | Self::FederatedUser { account, .. } => Some(*account),
            Self::WebIdentity(_) | Self::Service { .. } => None,
        }
    }

    /// The account whose history has what the principal does: its own, or the one whose provider
    /// vouches for it.
    pub fn home(&self) -> Option<AccountId> {
        match self {
            Self::WebIdentity(identity) => identity.provider.account(),
            Self::Root { .. }
            | Self::User { .. }
            | Self::AssumedRole { .. }
            | Self::FederatedUser { .. }
            | Self::Service { .. } => self.account(),
        }
    }

    /// The ARN that error messages and audit records show; services and web identities have
    /// none.
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
            Self::WebIdentity(_) | Self::Service { .. } => None,
        }
    }

    /// The unique id behind the principal, as `aws:userid` and the `principalId` of records show it;
    /// services and web identities have none.
    pub fn user_id(&self) -> Option<String> {
        match self {
            Self::Root { account } => Some(account.to_string()),
            Self::User { id, .. } => Some(id.to_string()),
            Self::AssumedRole {
                role_id, session, ..
            } => Some(format!("{role_id}:{session}")),
            Self::FederatedUser { account, name } => Some(format!("{account}:{name}")),
            Self::WebIdentity(_) | Self::Service { .. } => None,
        }
    }

    /// The name that error messages show: the ARN, the service's name, or what vouches for a web
    /// identity with what it says.
    pub fn display_name(&self) -> String {
        match self {
            Self::Service { name } => (*name).to_owned(),
            Self::WebIdentity(identity) => identity.id(),
            Self::Root { .. }
            | Self::User { .. }
            | Self::AssumedRole { .. }
            | Self::FederatedUser { .. } => self.arn().map(String::from).unwrap_or_default(),
        }
    }

    /// The name of what stands behind the principal: of a session the role, or that it is one of
    /// a federated user, since whoever makes sessions gives them any number of names. For bounds
    /// on what one principal may do.
    pub fn standing_name(&self) -> String {
        match self {
            Self::AssumedRole { role_arn, .. } => role_arn.to_string(),
            Self::FederatedUser { account, .. } => {
                Arn::new("sts", None, Some(*account), "federated-user/*").to_string()
            }
            Self::Root { .. } | Self::User { .. } | Self::WebIdentity(_) | Self::Service { .. } => {
                self.display_name()
            }
        }
    }
}

/// What the token of an identity provider says of whom it was issued to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WebIdentity {
    /// The ARN of the provider that vouches.
    pub provider: Arn,
    /// Whom the token is for: one of the provider's client ids.
    pub audience: String,
    /// The audience that the token names beside the party that it is for, if it names both.
    pub original_audience: Option<String>,
    /// Who it is, in the provider's words.
    pub subject: String,
    /// How it was authenticated, if the token says.
    pub methods: Vec<String>,
    /// The tags that its session gets.
    pub tags: Vec<(String, String)>,
    /// The keys of those tags that later sessions inherit.
    pub transitive: Vec<String>,
    /// The source identity that its session gets.
    pub source_identity: Option<String>,
}

impl WebIdentity {
    /// The provider's host and path, with which the names of its condition keys begin.
    pub fn issuer(&self) -> &str {
        self.provider
            .resource_of("oidc-provider")
            .unwrap_or_default()
    }

    /// `principalId` of audit records: provider, audience and subject.
    pub fn id(&self) -> String {
        format!("{}:{}:{}", self.provider, self.audience, self.subject)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_session_has_the_unique_id_of_its_role_and_its_own_name() {
        let account: AccountId = "111122223333".parse().unwrap();
        let session = Principal::AssumedRole {
            account,
            role_arn: "arn:aws:iam::111122223333:role/Reader".parse().unwrap(),
            role_id: "AROAQ3EGRTY7XAMPLE7QA".parse().unwrap(),
            role_name: "Reader".to_owned(),
            session: "s".to_owned(),
        };
        let expected = Some("AROAQ3EGRTY7XAMPLE7QA:s");
        assert_eq!(session.user_id().as_deref(), expected);
        let root = Principal::Root { account };
        assert_eq!(root.user_id().as_deref(), Some("111122223333"));
        let name = "sagemaker.amazonaws.com";
        assert_eq!(Principal::Service { name }.user_id(), None);
    }

    #[test]
    fn sessions_of_a_role_stand_together_whatever_they_are_called() {
        let session = |name: &str| Principal::AssumedRole {
            account: "111122223333".parse().unwrap(),
            role_arn: "arn:aws:iam::111122223333:role/team/Reader"
                .parse()
                .unwrap(),
            role_id: "AROAQ3EGRTY7XAMPLE7QA".parse().unwrap(),
            role_name: "Reader".to_owned(),
            session: name.to_owned(),
        };
        assert_ne!(session("a").display_name(), session("b").display_name());
        assert_eq!(session("a").standing_name(), session("b").standing_name());
        let federated = |name: &str| Principal::FederatedUser {
            account: "111122223333".parse().unwrap(),
            name: name.to_owned(),
        };
        assert_eq!(
            federated("a").standing_name(),
            federated("b").standing_name()
        );
    }
}
