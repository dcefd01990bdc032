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
    /// A session of a role, bound to the unique id that the role had when the grant was made.
    Session {
        /// The session's ARN at that time.
        arn: Arn,
        /// `<role id>:<session>`, as `aws:userid` shows it.
        id: String,
    },
    /// A session of a federated user: it has no unique id of its own.
    Federated(Arn),
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
            ("sts", Some("assumed-role")) if names(&arn) == 3 => {
                let (role, session) = role_and_session(&arn).ok_or_else(invalid)?;
                let role = known.0.role_id(view, account, role).ok_or_else(invalid)?;
                let id = session_id(&role, session);
                Ok(Self::Session { arn, id })
            }
            ("sts", Some("federated-user")) if names(&arn) == 2 && exists() => {
                Ok(Self::Federated(arn))
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
            Self::Session { id, .. } => id,
            Self::Federated(arn) => arn.as_str(),
            Self::Service(name) => name,
        }
    }

    /// The text under which grants are found whose grantee is [shown](Self::principal) so: as the
    /// ARN of one that exists, or as what is left of one that does not.
    pub(crate) fn key_of_shown(text: &str, view: &View, known: &Principals) -> String {
        match Self::named(text, view, known) {
            Ok(party) => party.key().to_owned(),
            Err(_gone) => account_of_root(text)
                .map_or_else(|| text.to_owned(), |account| account.as_str().to_owned()),
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
            Self::Account(_)
            | Self::Identity { .. }
            | Self::Session { .. }
            | Self::Federated(_) => None,
        }
    }

    /// The ARN as callers see it: where the user or role is now, its unique id once it is gone,
    /// and a session of a role likewise; `None` for a service.
    pub(crate) fn principal(&self, view: &View, known: &Principals) -> Option<String> {
        match self {
            Self::Account(account) => Some(root(*account)),
            Self::Identity { id, .. } => {
                let now = known.0.arn_of(view, id);
                Some(now.map_or_else(|| id.to_string(), String::from))
            }
            Self::Session { arn, id } => {
                let (role, session) = id.split_once(':')?;
                let role = role
                    .parse()
                    .ok()
                    .and_then(|role| known.0.arn_of(view, &role));
                let name = role
                    .as_ref()
                    .and_then(|role| role.resource().rsplit('/').next());
                Some(match (name, arn.account()) {
                    (Some(name), Some(account)) => {
                        let resource = format!("assumed-role/{name}/{session}");
                        Arn::new("sts", None, Some(account), &resource).to_string()
                    }
                    _ => id.clone(),
                })
            }
            Self::Federated(arn) => Some(arn.to_string()),
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
        Principal::AssumedRole {
            role_id, session, ..
        } => vec![session_id(role_id, session), role_id.to_string()],
        Principal::FederatedUser { .. } => principal.arn().map(String::from).into_iter().collect(),
        Principal::Service { name } => vec![(*name).to_owned()],
    };
    let account = principal.account().map(|account| account.to_string());
    own.into_iter().chain(account).collect()
}

fn session_id(role: &UniqueId, session: &str) -> String {
    format!("{role}:{session}")
}

/// The role's name and the session's in the ARN of a session.
fn role_and_session(arn: &Arn) -> Option<(&str, &str)> {
    let (_, names) = arn.resource().split_once('/')?;
    names.split_once('/')
}

/// The ARN of an account's root.
pub(crate) fn root(account: AccountId) -> String {
    Arn::new("iam", None, Some(account), "root").to_string()
}

/// The account whose root has this ARN.
fn account_of_root(text: &str) -> Option<AccountId> {
    let arn: Arn = text.parse().ok()?;
    let account = arn.account()?;
    (root(account) == text).then_some(account)
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

    const ALICE: (&str, &str) = (
        "arn:aws:iam::111122223333:user/Alice",
        "AIDAALICE00000000000",
    );
    const ENGINE: (&str, &str) = (
        "arn:aws:iam::111122223333:role/path/Engine",
        "AROAENGINE0000000000",
    );
    const SESSION: &str = "arn:aws:sts::111122223333:assumed-role/Engine/s1";

    fn named(text: &str, known: &Principals) -> Option<Party> {
        let view = testing::view(&testing::empty());
        Party::named(text, &view, known).ok()
    }

    fn check(text: &str, expected: Option<&str>) {
        let found = named(text, &Directory::of(&[ALICE, ENGINE]));
        assert_eq!(found.as_ref().map(Party::key), expected, "{text}");
    }

    #[test]
    fn a_session_is_bound_to_the_role_that_it_is_of() {
        let party = named(SESSION, &Directory::of(&[ENGINE])).unwrap();
        let session_of = |role_id: &str| Principal::AssumedRole {
            account: testing::account(),
            role_arn: ENGINE.0.parse().unwrap(),
            role_id: role_id.parse().unwrap(),
            role_name: "Engine".to_owned(),
            session: "s1".to_owned(),
        };
        let names = |role_id| keys_of(&session_of(role_id));
        assert!(names(ENGINE.1).iter().any(|name| name == party.key()));
        let again = "AROAENGINE0000000001";
        assert!(names(again).iter().all(|name| name != party.key()));
        let view = testing::view(&testing::empty());
        let shown = |known: &[(&str, &str)]| party.principal(&view, &Directory::of(known)).unwrap();
        assert_eq!(shown(&[ENGINE]), SESSION);
        assert_eq!(shown(&[(ENGINE.0, again)]), "AROAENGINE0000000000:s1");
    }

    #[test]
    fn principals_are_named_by_arns_of_what_exists() {
        check(ALICE.0, Some(ALICE.1));
        check("arn:aws:iam::111122223333:root", Some("111122223333"));
        check(SESSION, Some("AROAENGINE0000000000:s1"));
        let carol = "arn:aws:sts::111122223333:federated-user/Carol";
        check(carol, Some(carol));
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
            "arn:aws:sts::111122223333:assumed-role/Other/s1",
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
