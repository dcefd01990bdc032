//! The rules that combine what each kind of policy says, as docs/authorization.md has them.
//!
//! Explicit denies and the limits of an organization are already past; what is left is the
//! question whether something allows the request, and whether what limits it lets it pass.

use types::Principal;

use crate::decision::{AllowedBy, PolicyType};
use crate::principal::{Naming, Namings};
use crate::request::GrantAllow;

/// Whose resource it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Owner {
    /// The caller's own account.
    Caller,
    /// Another account, or one that is not known.
    Other,
    /// The caller is a service or a web identity and has no account: nothing is its own.
    CallerHasNone,
}

/// The rule by which the resource's policy counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Rule {
    NoPolicy,
    General,
    Key,
    KeyGrantsOnly,
    Trust,
}

/// What the policies say about one request.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Facts<'a> {
    pub(crate) principal: &'a Principal,
    pub(crate) owner: Owner,
    pub(crate) rule: Rule,
    /// How the matching Allows of the resource's policy name the caller.
    pub(crate) namings: Namings,
    /// An identity policy allows, or the caller is a root user.
    pub(crate) identity: bool,
    /// There is no boundary, or it allows.
    pub(crate) boundary: bool,
    /// The caller is bounded by no session policy, or one of them allows.
    pub(crate) session: bool,
    pub(crate) grants: &'a [GrantAllow],
}

/// What allows the request, or the kind of policy that would have had to.
pub(crate) fn combine(facts: &Facts<'_>) -> Result<AllowedBy, PolicyType> {
    match facts.owner {
        Owner::Caller => facts.in_own_account(),
        Owner::Other => facts.across_accounts(),
        Owner::CallerHasNone => facts.without_account(),
    }
}

impl Facts<'_> {
    fn in_own_account(&self) -> Result<AllowedBy, PolicyType> {
        match self.rule {
            Rule::NoPolicy => self.by_own_policies(),
            Rule::General => self.by_resource_policy().or_else(|missing| {
                // The policy that names the role is closer to allowing than the role's own.
                self.by_own_policies().map_err(|own| missing.unwrap_or(own))
            }),
            Rule::Key => {
                let by_policy = self.by_resource_policy().or_else(|missing| {
                    if self.namings.contains(Naming::Account) {
                        self.by_own_policies().map_err(|own| missing.unwrap_or(own))
                    } else {
                        Err(missing.unwrap_or(PolicyType::Resource))
                    }
                });
                by_policy.or_else(|missing| {
                    self.by_grant(|grant| !grant.delegates_to_account)
                        .ok_or(missing)
                })
            }
            Rule::KeyGrantsOnly => self
                .by_grant(|grant| !grant.delegates_to_account)
                .ok_or(PolicyType::Resource),
            Rule::Trust => self.by_trust_policy(),
        }
    }

    /// Identity policies, within boundary and session policies; for root users, their account.
    fn by_own_policies(&self) -> Result<AllowedBy, PolicyType> {
        if !self.identity {
            Err(PolicyType::Identity)
        } else if let Some(limit) = self.missing_limit() {
            Err(limit)
        } else if matches!(self.principal, Principal::Root { .. }) {
            Ok(AllowedBy::RootUser)
        } else {
            Ok(AllowedBy::IdentityPolicy)
        }
    }

    fn missing_limit(&self) -> Option<PolicyType> {
        if !self.boundary {
            Some(PolicyType::Boundary)
        } else if !self.session {
            Some(PolicyType::Session)
        } else {
            None
        }
    }

    /// The resource's policy alone, in the caller's own account, by how it names the caller. `Err` holds the
    /// limit that stands between a statement for the role and its session.
    fn by_resource_policy(&self) -> Result<AllowedBy, Option<PolicyType>> {
        let mut limit = None;
        for naming in self.namings.iter() {
            match naming {
                Naming::User
                | Naming::RoleSession
                | Naming::FederatedUser
                | Naming::Service
                | Naming::Everyone => return Ok(AllowedBy::ResourcePolicy),
                Naming::Role | Naming::Issuer => match self.missing_limit() {
                    None => return Ok(AllowedBy::ResourcePolicy),
                    Some(missing) => limit = Some(missing),
                },
                // The account delegates to the caller's own policies; a provider vouches for
                // others than principals.
                Naming::Account | Naming::Provider => {}
            }
        }
        Err(limit)
    }

    /// A role's trust policy must name the caller or its account. Boundary and session policies
    /// count however it names the caller: nobody leaves them by assuming a role. Root users
    /// assume no roles.
    fn by_trust_policy(&self) -> Result<AllowedBy, PolicyType> {
        if self.namings.is_empty() || matches!(self.principal, Principal::Root { .. }) {
            return Err(PolicyType::Trust);
        }
        match self.by_resource_policy() {
            Ok(allowed) => self.missing_limit().map_or(Ok(allowed), Err),
            Err(limit) if self.namings.contains(Naming::Account) => {
                self.by_own_policies().map_err(|own| limit.unwrap_or(own))
            }
            Err(limit) => Err(limit.unwrap_or(PolicyType::Trust)),
        }
    }

    /// Both accounts have to agree; how the resource's policy names the caller is all one.
    fn across_accounts(&self) -> Result<AllowedBy, PolicyType> {
        let own = self.by_own_policies();
        let root = matches!(self.principal, Principal::Root { .. });
        let resource = match self.rule {
            Rule::NoPolicy | Rule::KeyGrantsOnly => Err(PolicyType::Resource),
            Rule::Trust if root => Err(PolicyType::Trust),
            Rule::Trust if self.namings.is_empty() => Err(PolicyType::Trust),
            Rule::General | Rule::Key if self.namings.is_empty() => Err(PolicyType::Resource),
            Rule::General | Rule::Key | Rule::Trust => Ok(AllowedBy::BothAccounts),
        };
        let by_policy = own.and(resource);
        by_policy.or_else(|missing| {
            let caller = self.principal.account();
            let from_here = |grant: &GrantAllow| Some(grant.issuing_account) == caller;
            let trusted = |grant: &GrantAllow| self.rule == Rule::KeyGrantsOnly || from_here(grant);
            self.by_grant(|grant| trusted(grant) && !grant.delegates_to_account)
                .ok_or(missing)
        })
    }

    /// A service acts by its own name only: a policy that names it, or a grant. Someone for whom
    /// a provider vouches assumes roles only, whose trust policy names the provider.
    fn without_account(&self) -> Result<AllowedBy, PolicyType> {
        let named = self.namings.contains(Naming::Service);
        match self.rule {
            Rule::General | Rule::Key | Rule::Trust if named => Ok(AllowedBy::ResourcePolicy),
            Rule::Trust if self.namings.contains(Naming::Provider) => Ok(AllowedBy::ResourcePolicy),
            Rule::Trust => Err(PolicyType::Trust),
            Rule::NoPolicy | Rule::General | Rule::Key | Rule::KeyGrantsOnly => self
                .by_grant(|grant| !grant.delegates_to_account)
                .ok_or(PolicyType::Resource),
        }
    }

    /// The first grant that suffices: `alone` says which need no identity policy beside them.
    /// Boundary and session policies limit what a grant gives. A caller without an account has
    /// neither these nor identity policies, whatever was passed for it.
    fn by_grant(&self, alone: impl Fn(&GrantAllow) -> bool) -> Option<AllowedBy> {
        if !matches!(self.rule, Rule::Key | Rule::KeyGrantsOnly) {
            return None;
        }
        let has_account = self.owner != Owner::CallerHasNone;
        let own = has_account && self.by_own_policies().is_ok();
        let within = !has_account || self.missing_limit().is_none();
        let suffices = |grant: &GrantAllow| within && alone(grant) || own;
        let index = self.grants.iter().position(suffices)?;
        Some(AllowedBy::Grant { index })
    }
}

/// One change to the policies that bear on a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Step {
    /// An identity policy allows.
    Identity,
    /// The boundary allows.
    Boundary,
    /// A session policy allows.
    Session,
    /// The resource's policy, which it may have to get first, names the caller so.
    Name(Naming),
    /// A grant for the caller, from its own account.
    Grant,
}

/// The fewest steps after which the request would be allowed; of equally many the first in the
/// order of [`Step`]. `None` if no steps would do.
///
/// Tries all of them by the rules themselves, so that the answer cannot differ from them.
pub(crate) fn smallest_change(facts: &Facts<'_>, has_resource: bool) -> Option<Vec<Step>> {
    let steps = useful_steps(facts, has_resource);
    let account = facts.principal.account();
    let issuer = account.or_else(|| "000000000000".parse().ok());
    let grant: Vec<GrantAllow> = issuer
        .map(|issuer| GrantAllow::new(String::new(), issuer))
        .into_iter()
        .collect();
    // Smaller sets first; the steps of a set are the bits of its number.
    let sets = 1_u32 << steps.len();
    let by_size = (0..=u32::BITS).flat_map(|size| {
        let of_size = move |set: &u32| set.count_ones() == size;
        (0..sets).filter(of_size)
    });
    let chosen = |set: u32| {
        let numbered = steps.iter().enumerate();
        numbered
            .filter(move |(number, _)| set & (1 << number) != 0)
            .map(|(_, step)| *step)
    };
    by_size
        .take(usize::try_from(sets).unwrap_or(usize::MAX))
        .find(|set| combine(&after(facts, chosen(*set), &grant)).is_ok())
        .map(|set| chosen(set).collect())
}

fn useful_steps(facts: &Facts<'_>, has_resource: bool) -> Vec<Step> {
    let mut steps = Vec::new();
    let has_account = facts.principal.account().is_some();
    if has_account && !facts.identity {
        steps.push(Step::Identity);
    }
    if has_account && !facts.boundary {
        steps.push(Step::Boundary);
    }
    if has_account && !facts.session {
        steps.push(Step::Session);
    }
    if has_resource && facts.rule != Rule::KeyGrantsOnly {
        let namings: &[Naming] = match facts.principal {
            Principal::Root { .. } => &[Naming::Account],
            Principal::User { .. } => &[Naming::User, Naming::Account],
            Principal::AssumedRole { .. } => &[Naming::Role, Naming::RoleSession, Naming::Account],
            Principal::FederatedUser { .. } => &[Naming::FederatedUser, Naming::Account],
            Principal::WebIdentity(_) => &[Naming::Provider],
            Principal::Service { .. } => &[Naming::Service],
        };
        let missing = namings.iter().filter(|n| !facts.namings.contains(**n));
        steps.extend(missing.map(|naming| Step::Name(*naming)));
    }
    if matches!(facts.rule, Rule::Key | Rule::KeyGrantsOnly) {
        steps.push(Step::Grant);
    }
    steps
}

fn after<'a>(
    facts: &Facts<'a>,
    steps: impl Iterator<Item = Step>,
    grant: &'a [GrantAllow],
) -> Facts<'a> {
    let mut facts = *facts;
    for step in steps {
        match step {
            Step::Identity => facts.identity = true,
            Step::Boundary => facts.boundary = true,
            Step::Session => facts.session = true,
            Step::Name(naming) => {
                facts.namings.insert(naming);
                if facts.rule == Rule::NoPolicy {
                    facts.rule = Rule::General;
                }
            }
            Step::Grant => facts.grants = grant,
        }
    }
    facts
}
