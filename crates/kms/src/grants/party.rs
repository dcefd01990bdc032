//! Who a grant names: as grantee, or as the one who may retire it.

use pipeline::sources::Principals;
use serde::{Deserialize, Serialize};
use store::View;
use types::{AccountId, Arn, PARTITION, Principal, UniqueId};

use crate::Error;

/// A principal as a grant names it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Party {
    /// An account: its root user, and whom its identity policies let have it.
    Account(AccountId),
    /// A user or role, bound to the unique id that it had when the grant was made: one that is
    /// made again under its name gains nothing.
    Identity {
        /// The ARN at that time.
        arn: Arn,
        /// The unique id.
        id: UniqueId,
    },
    /// A session of a role, or of a federated user.
    Session(Arn),
    /// A service.
    Service(String),
}

impl Party {
    /// The principal that an ARN names.
    ///
    /// Fails with `InvalidArnException` if it is not the ARN of an account's root, a user, a
    /// role or a session, or if that does not exist.
    pub(crate) fn named(text: &str, view: &View, known: &Principals) -> Result<Self, Error> {
        let invalid = || Error::InvalidPrincipal {
            arn: text.to_owned(),
        };
        let arn: Arn = text.parse().map_err(|_source| invalid())?;
        let account = arn.account().ok_or_else(invalid)?;
        if arn.partition() != PARTITION || !arn.region().is_empty() {
            return Err(invalid());
        }
        let exists = || known.0.account_exists(view, account);
        let kind = arn.resource().split_once('/').map(|(kind, _)| kind);
        match (arn.service(), kind) {
            ("iam", None) if arn.resource() == "root" && exists() => Ok(Self::Account(account)),
            ("iam", Some("user" | "role")) => {
                let id = known.0.unique_id(view, &arn).ok_or_else(invalid)?;
                Ok(Self::Identity { arn, id })
            }
            ("sts", Some("assumed-role")) if names(&arn) == 3 && exists() => Ok(Self::Session(arn)),
            ("sts", Some("federated-user")) if names(&arn) == 2 && exists() => {
                Ok(Self::Session(arn))
            }
            _ => Err(invalid()),
        }
    }

    /// The text under which grants for this party are found. Different parties have different
    /// texts.
    pub(crate) fn key(&self) -> &str {
        match self {
            Self::Account(account) => account.as_str(),
            Self::Identity { id, .. } => id.as_str(),
            Self::Session(arn) => arn.as_str(),
            Self::Service(name) => name,
        }
    }

    /// Whether callers of the account need an identity policy beside a grant for this party.
    pub(crate) fn is_account(&self) -> bool {
        matches!(self, Self::Account(_))
    }

    /// The service, if it is one.
    pub(crate) fn service(&self) -> Option<&str> {
        match self {
            Self::Service(name) => Some(name),
            Self::Account(_) | Self::Identity { .. } | Self::Session(_) => None,
        }
    }

    /// The ARN as callers see it: where the user or role is now, its unique id once it is gone;
    /// `None` for a service.
    pub(crate) fn principal(&self, view: &View, known: &Principals) -> Option<String> {
        match self {
            Self::Account(account) => Some(root(*account)),
            Self::Identity { id, .. } => {
                let now = known.0.arn_of(view, id);
                Some(now.map_or_else(|| id.to_string(), String::from))
            }
            Self::Session(arn) => Some(arn.to_string()),
            Self::Service(_) => None,
        }
    }
}

/// The texts under which grants for `principal` are found, the caller's own name first. A
/// grant for the caller's account delegates.
pub(crate) fn keys_of(principal: &Principal) -> Vec<String> {
    let own = match principal {
        // No grant is for whom a provider vouches: they use no keys.
        Principal::Root { .. } | Principal::WebIdentity(_) => vec![],
        Principal::User { id, .. } => vec![id.to_string()],
        Principal::AssumedRole { role_id, .. } => {
            let session = principal.arn().map(String::from);
            session.into_iter().chain([role_id.to_string()]).collect()
        }
        Principal::FederatedUser { .. } => principal.arn().map(String::from).into_iter().collect(),
        Principal::Service { name } => vec![(*name).to_owned()],
    };
    let account = principal.account().map(|account| account.to_string());
    own.into_iter().chain(account).collect()
}

/// The ARN of an account's root.
pub(crate) fn root(account: AccountId) -> String {
    Arn::new("iam", None, Some(account), "root").to_string()
}

/// How many non-empty names the resource of `arn` has; none if one is empty.
fn names(arn: &Arn) -> usize {
    let names: Vec<&str> = arn.resource().split('/').collect();
    if names.iter().any(|name| name.is_empty()) {
        return 0;
    }
    names.len()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{self, Directory};

    fn check(text: &str, expected: Option<&str>) {
        let alice = (
            "arn:aws:iam::111122223333:user/Alice",
            "AIDAALICE00000000000",
        );
        let known = Directory::of(&[alice]);
        let view = testing::view(&testing::empty());
        let found = Party::named(text, &view, &known);
        assert_eq!(found.ok().as_ref().map(Party::key), expected, "{text}");
    }

    #[test]
    fn principals_are_named_by_arns_of_what_exists() {
        check(
            "arn:aws:iam::111122223333:user/Alice",
            Some("AIDAALICE00000000000"),
        );
        check("arn:aws:iam::111122223333:root", Some("111122223333"));
        for session in ["assumed-role/Engine/s1", "federated-user/Carol"] {
            let arn = format!("arn:aws:sts::111122223333:{session}");
            check(&arn, Some(&arn));
        }
        for text in [
            "111122223333",
            "AIDAALICE00000000000",
            "sagemaker.amazonaws.com",
            "*",
            "arn:aws:iam::111122223333:user/Bob",
            "arn:aws:iam::111122223333:group/Team",
            "arn:aws:iam::111122223333:user",
            "arn:aws:iam::999999999999:root",
            "arn:aws:sts::999999999999:federated-user/Carol",
            "arn:aws:sts::111122223333:assumed-role/Engine",
            "arn:aws:sts::111122223333:assumed-role/Engine/",
            "arn:aws:iam::123456789:root",
            "arn:aws-cn:iam::111122223333:root",
            "arn:aws:organizations::111122223333:root",
        ] {
            check(text, None);
        }
    }
}
