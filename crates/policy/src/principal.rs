//! Principals in policies: who a statement names, and how a caller is named by it.

use std::fmt;

use types::{AccountId, Arn, PARTITION, Principal, UniqueId};

use crate::error::Fault;

/// One principal that a statement names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PrincipalPattern {
    /// `*`.
    Everyone,
    /// `arn:aws:iam::A:root` or the twelve digits: the account, which delegates to its own
    /// policies, not its root user alone.
    Account(AccountId),
    /// A user.
    User {
        /// The ARN as written.
        arn: Arn,
        /// The user that existed when the policy was saved; compared instead of the ARN.
        id: Option<UniqueId>,
    },
    /// A role: every session of it.
    Role {
        /// The ARN as written.
        arn: Arn,
        /// The role that existed when the policy was saved; compared instead of the ARN.
        id: Option<UniqueId>,
    },
    /// One session of a role.
    RoleSession {
        /// The account that owns the role.
        account: AccountId,
        /// The role's name without path.
        role: Box<str>,
        /// The session's name.
        session: Box<str>,
        /// The role that existed when the policy was saved; compared instead of account and name.
        id: Option<UniqueId>,
    },
    /// A session from `GetFederationToken`.
    FederatedUser {
        /// The account of the user that made the session.
        account: AccountId,
        /// The session's name.
        name: Box<str>,
    },
    /// A user or role by its unique id, as AWS shows principals that were deleted since.
    Id(UniqueId),
    /// A service.
    Service(Box<str>),
    /// A SAML or web identity provider.
    Federated(Box<str>),
    /// A canonical user id of S3.
    CanonicalUser(Box<str>),
}

/// How a statement names the caller; decides which other policies still count, by the diagram in
/// docs/authorization.md.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Naming {
    /// `*`.
    Everyone,
    /// The caller's account.
    Account,
    /// The user itself.
    User,
    /// The role of the session.
    Role,
    /// The role session itself.
    RoleSession,
    /// The federated session itself.
    FederatedUser,
    /// The user that made the federated session.
    Issuer,
    /// The service itself.
    Service,
    /// The identity provider that vouches for a web identity or SAML caller.
    Provider,
}

impl fmt::Display for Naming {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Everyone => "everyone",
            Self::Account => "the account",
            Self::User => "the user",
            Self::Role => "the role",
            Self::RoleSession => "the role session",
            Self::FederatedUser => "the federated session",
            Self::Issuer => "the user behind the federated session",
            Self::Service => "the service",
            Self::Provider => "the identity provider",
        })
    }
}

/// The ways in which the statements of one policy name the caller.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Namings(u16);

impl Namings {
    pub(crate) fn insert(&mut self, naming: Naming) {
        self.0 |= Self::bit(naming);
    }

    pub(crate) fn extend(&mut self, other: Self) {
        self.0 |= other.0;
    }

    pub(crate) fn contains(self, naming: Naming) -> bool {
        self.0 & Self::bit(naming) != 0
    }

    pub(crate) fn is_empty(self) -> bool {
        self.0 == 0
    }

    fn bit(naming: Naming) -> u16 {
        match naming {
            Naming::Everyone => 1,
            Naming::Account => 1 << 1,
            Naming::User => 1 << 2,
            Naming::Role => 1 << 3,
            Naming::RoleSession => 1 << 4,
            Naming::FederatedUser => 1 << 5,
            Naming::Service => 1 << 6,
            Naming::Issuer => 1 << 7,
            Naming::Provider => 1 << 8,
        }
    }

    /// All namings, from the most to the least specific.
    pub(crate) fn iter(self) -> impl Iterator<Item = Naming> {
        [
            Naming::Service,
            Naming::Provider,
            Naming::RoleSession,
            Naming::FederatedUser,
            Naming::User,
            Naming::Role,
            Naming::Issuer,
            Naming::Everyone,
            Naming::Account,
        ]
        .into_iter()
        .filter(move |naming| self.contains(*naming))
    }
}

impl PrincipalPattern {
    /// What its names take beside its own size: an ARN, the places of its parts, and an id.
    pub(crate) const NAMES: usize = 128;

    /// How this pattern names `caller`, if it does.
    pub fn names(&self, caller: &Principal) -> Option<Naming> {
        match (self, caller) {
            (Self::Everyone, _) => Some(Naming::Everyone),
            (Self::Account(account), _) => {
                (caller.account() == Some(*account)).then_some(Naming::Account)
            }
            (
                Self::User { arn, id },
                Principal::User {
                    arn: caller_arn,
                    id: caller_id,
                    ..
                },
            ) => same(arn, id.as_ref(), caller_arn, caller_id).then_some(Naming::User),
            (
                Self::Role { arn, id },
                Principal::AssumedRole {
                    role_arn, role_id, ..
                },
            ) => same(arn, id.as_ref(), role_arn, role_id).then_some(Naming::Role),
            (Self::Id(id), Principal::User { id: caller_id, .. }) => {
                (id == caller_id).then_some(Naming::User)
            }
            (Self::Id(id), Principal::AssumedRole { role_id, .. }) => {
                (id == role_id).then_some(Naming::Role)
            }
            (
                Self::RoleSession {
                    account,
                    role,
                    session,
                    id,
                },
                Principal::AssumedRole {
                    account: owner,
                    role_id,
                    role_name,
                    session: session_name,
                    ..
                },
            ) => {
                let by_name = || account == owner && **role == **role_name;
                let is_role = id.as_ref().map_or_else(by_name, |id| id == role_id);
                (is_role && **session == **session_name).then_some(Naming::RoleSession)
            }
            (
                Self::FederatedUser { account, name },
                Principal::FederatedUser {
                    account: owner,
                    name: session_name,
                },
            ) => (account == owner && **name == **session_name).then_some(Naming::FederatedUser),
            (Self::Federated(name), Principal::WebIdentity(identity)) => {
                (**name == *identity.provider.as_str()).then_some(Naming::Provider)
            }
            (Self::Service(name), Principal::Service { name: caller_name }) => {
                (**name == **caller_name).then_some(Naming::Service)
            }
            (
                Self::User { .. }
                | Self::Role { .. }
                | Self::RoleSession { .. }
                | Self::FederatedUser { .. }
                | Self::Id(_)
                | Self::Service(_)
                | Self::Federated(_)
                | Self::CanonicalUser(_),
                _,
            ) => None,
        }
    }

    /// The ARN by which a policy names this user, role or session of a role; `None` for others.
    pub fn arn(&self) -> Option<Arn> {
        match self {
            Self::User { arn, .. } | Self::Role { arn, .. } => Some(arn.clone()),
            Self::RoleSession {
                account,
                role,
                session,
                ..
            } => {
                let resource = format!("assumed-role/{role}/{session}");
                Some(Arn::new("sts", None, Some(*account), &resource))
            }
            Self::Everyone
            | Self::Account(_)
            | Self::FederatedUser { .. }
            | Self::Id(_)
            | Self::Service(_)
            | Self::Federated(_)
            | Self::CanonicalUser(_) => None,
        }
    }

    /// Reads one value under the key `AWS` of a principal map.
    pub(crate) fn parse_aws(value: &str) -> Result<Self, Fault> {
        if value == "*" {
            return Ok(Self::Everyone);
        }
        if let Ok(account) = value.parse() {
            return Ok(Self::Account(account));
        }
        let invalid = || Fault::Principal {
            kind: "AWS".to_owned(),
            value: value.to_owned(),
        };
        if (value.starts_with("AIDA") || value.starts_with("AROA"))
            && let Ok(id) = value.parse()
        {
            return Ok(Self::Id(id));
        }
        let arn: Arn = value.parse().map_err(|_source| invalid())?;
        let account = arn.account().ok_or_else(invalid)?;
        if arn.partition() != PARTITION || !arn.region().is_empty() {
            return Err(invalid());
        }
        let pattern = match arn.service() {
            "iam" => iam_principal(&arn, account),
            "sts" => session_principal(&arn, account),
            _ => None,
        };
        pattern.ok_or_else(invalid)
    }

    /// Whether a policy can name the user or role at `arn`: IAM's paths may have wildcards, and
    /// principals of policies none.
    pub fn can_name(arn: &Arn) -> bool {
        match Self::parse_aws(arn.as_str()) {
            Ok(Self::User { .. } | Self::Role { .. }) => true,
            Ok(_) | Err(_) => false,
        }
    }

    /// Reads one value under the key `Service` of a principal map.
    pub(crate) fn parse_service(value: &str) -> Result<Self, Fault> {
        let label = |part: &str| {
            !part.is_empty() && part.chars().all(|c| c.is_ascii_alphanumeric() || c == '-')
        };
        if value.contains('.') && value.split('.').all(label) {
            Ok(Self::Service(Box::from(value)))
        } else {
            Err(Fault::Principal {
                kind: "SERVICE".to_owned(),
                value: value.to_owned(),
            })
        }
    }

    /// Reads one value under the key `Federated` of a principal map: a provider's ARN or the
    /// name of a public provider.
    pub(crate) fn parse_federated(value: &str) -> Result<Self, Fault> {
        let provider = |arn: &Arn| {
            let of = |kind| arn.resource_of(kind).is_some_and(|name| !name.is_empty());
            arn.service() == "iam"
                && arn.account().is_some()
                && (of("saml-provider") || of("oidc-provider"))
        };
        let valid = match value.parse::<Arn>() {
            Ok(arn) => provider(&arn) && !value.contains(['*', '?']),
            Err(_) => Self::parse_service(value).is_ok(),
        };
        if valid {
            Ok(Self::Federated(Box::from(value)))
        } else {
            Err(Fault::Principal {
                kind: "FEDERATED".to_owned(),
                value: value.to_owned(),
            })
        }
    }

    /// Reads one value under the key `CanonicalUser`: 64 hexadecimal digits.
    pub(crate) fn parse_canonical(value: &str) -> Result<Self, Fault> {
        if value.len() == 64 && value.bytes().all(|byte| byte.is_ascii_hexdigit()) {
            Ok(Self::CanonicalUser(Box::from(value)))
        } else {
            Err(Fault::Principal {
                kind: "CANONICALUSER".to_owned(),
                value: value.to_owned(),
            })
        }
    }
}

/// A bound pattern compares the unique id only: a principal that was deleted and created
/// again under its old name is another one.
fn same(arn: &Arn, id: Option<&UniqueId>, caller_arn: &Arn, caller_id: &UniqueId) -> bool {
    id.map_or(arn == caller_arn, |id| id == caller_id)
}

fn iam_principal(arn: &Arn, account: AccountId) -> Option<PrincipalPattern> {
    if arn.resource() == "root" {
        return Some(PrincipalPattern::Account(account));
    }
    let arn = arn.clone();
    if let Some(path_and_name) = arn.resource_of("user") {
        return is_path_and_name(path_and_name).then_some(PrincipalPattern::User { arn, id: None });
    }
    let path_and_name = arn.resource_of("role")?;
    is_path_and_name(path_and_name).then_some(PrincipalPattern::Role { arn, id: None })
}

fn session_principal(arn: &Arn, account: AccountId) -> Option<PrincipalPattern> {
    if let Some(name) = arn.resource_of("federated-user") {
        let name = is_name(name).then(|| Box::from(name))?;
        return Some(PrincipalPattern::FederatedUser { account, name });
    }
    let (role, session) = arn.resource_of("assumed-role")?.split_once('/')?;
    (is_name(role) && is_name(session)).then(|| PrincipalPattern::RoleSession {
        account,
        role: Box::from(role),
        session: Box::from(session),
        id: None,
    })
}

/// `Name`, or `path/of/any/depth/Name`; a path may have any printable ASCII, colons too, but no
/// wildcards: those look as if they meant several principals.
fn is_path_and_name(text: &str) -> bool {
    let (path, name) = text.rsplit_once('/').unwrap_or(("", text));
    is_name(name)
        && path
            .chars()
            .all(|c| c.is_ascii_graphic() && !matches!(c, '*' | '?'))
}

/// The characters of names of users, roles and sessions. No wildcards: they never match.
fn is_name(text: &str) -> bool {
    let allowed = |c: char| c.is_ascii_alphanumeric() || "_+=,.@-".contains(c);
    !text.is_empty() && text.chars().all(allowed)
}

/// `Principal` or `NotPrincipal` of a statement.
#[derive(Debug, Clone)]
pub(crate) struct Principals {
    /// `NotPrincipal`: everyone but the listed ones. Only with Deny.
    pub(crate) inverted: bool,
    pub(crate) patterns: Vec<PrincipalPattern>,
}

/// Who asks, as far as policies can name it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Caller<'a> {
    pub(crate) principal: &'a Principal,
    /// The user that made a federated session, if that is known.
    pub(crate) issuer: Option<&'a Principal>,
}

impl Caller<'_> {
    /// How one pattern names the caller.
    fn named_by(self, pattern: &PrincipalPattern) -> Option<Naming> {
        pattern.names(self.principal).or_else(|| {
            let issuer = self.issuer.filter(|_| is_federated(self.principal))?;
            let named = pattern.names(issuer)?;
            (named == Naming::User).then_some(Naming::Issuer)
        })
    }
}

fn is_federated(principal: &Principal) -> bool {
    matches!(principal, Principal::FederatedUser { .. })
}

impl Principals {
    /// How the statement names `caller`; empty if it does not.
    ///
    /// `bounded` says that the caller has a permissions boundary: `NotPrincipal` then hits it
    /// whatever is listed.
    pub(crate) fn name(&self, caller: Caller<'_>, bounded: bool) -> Namings {
        let mut namings = Namings::default();
        for naming in self
            .patterns
            .iter()
            .filter_map(|pattern| caller.named_by(pattern))
        {
            namings.insert(naming);
        }
        if !self.inverted {
            return namings;
        }
        let mut hit = Namings::default();
        if bounded || !spares(namings, caller) {
            hit.insert(Naming::Everyone);
        }
        hit
    }
}

/// Whether a `NotPrincipal` list that names the caller in these ways leaves it alone: its
/// account has to be listed, and it itself, a role session with its role.
fn spares(listed: Namings, caller: Caller<'_>) -> bool {
    let all = |needed: &[Naming]| needed.iter().all(|naming| listed.contains(*naming));
    listed.contains(Naming::Everyone)
        || match caller.principal {
            Principal::Root { .. } => all(&[Naming::Account]),
            Principal::User { .. } => all(&[Naming::Account, Naming::User]),
            Principal::AssumedRole { .. } => {
                all(&[Naming::Account, Naming::Role, Naming::RoleSession])
            }
            Principal::FederatedUser { .. } => all(&[Naming::Account, Naming::FederatedUser]),
            Principal::WebIdentity(_) => all(&[Naming::Provider]),
            Principal::Service { .. } => all(&[Naming::Service]),
        }
}

#[cfg(test)]
mod tests;
