//! What each account may be told of the reasons behind a decision.
//!
//! The account of the caller hears of its own policies, the account that owns the resource of
//! those of the resource. Nobody hears which policies of an organization decided: only the
//! management account may read them, and none of them binds it.

use policy::{Effect, Explanation, PolicyType, Reason, StatementInfo};

/// What the caller's account is told of the other one's policies where a call was allowed.
const OWNER_ALLOWS: &str = "Allow by the account that owns the resource";

/// What the resource's account is told of the other one's policies where a call was allowed.
const CALLER_ALLOWS: &str = "Allow by the caller's account";

/// Whose policies are told of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Side {
    /// Those of the caller's account, which does not own the resource.
    Caller,
    /// Those of the account that owns the resource, which is not the caller's.
    Owner,
    /// All: caller and resource are of one account.
    Both,
}

impl Side {
    fn sees(self, reason: &Reason) -> bool {
        let of_the_resource = match reason {
            Reason::Statement { statement, .. } => is_of_the_resource(statement.policy),
            Reason::Missing(policy) => is_of_the_resource(*policy),
            Reason::Grant { .. } => true,
            Reason::RootUser => false,
        };
        match self {
            Self::Caller => !of_the_resource,
            Self::Owner => of_the_resource,
            Self::Both => true,
        }
    }
}

/// Why a request was allowed, as far as one side may know.
pub(crate) fn allowed(explanation: &Explanation, side: Side) -> Vec<String> {
    let mut told = Vec::new();
    for reason in explanation.iter().filter(|reason| side.sees(reason)) {
        add(&mut told, text(reason));
    }
    match side {
        Side::Caller => told.push(OWNER_ALLOWS.to_owned()),
        Side::Owner => told.push(CALLER_ALLOWS.to_owned()),
        Side::Both => {}
    }
    told
}

/// Why a request was denied, for the caller's account: each Deny that matched, or, unless it is
/// another account's resource, the kind of policy that allows nothing of it.
pub(crate) fn denied(explanation: &Explanation, foreign: bool) -> Vec<String> {
    let side = if foreign { Side::Caller } else { Side::Both };
    let mut told = Vec::new();
    for reason in explanation.iter().filter(|reason| side.sees(reason)) {
        let decisive = match reason {
            Reason::Statement { statement, .. } => statement.effect == Effect::Deny,
            Reason::Missing(_) => !foreign,
            Reason::Grant { .. } | Reason::RootUser => false,
        };
        if decisive {
            add(&mut told, text(reason));
        }
    }
    told
}

/// A reason in words. Of an organization's policy only the kind is said.
fn text(reason: &Reason) -> String {
    match reason {
        Reason::Statement {
            statement: StatementInfo { policy, effect, .. },
            ..
        } if policy.is_of_the_organization() => format!("{effect} by a {policy}"),
        other => other.to_string(),
    }
}

fn add(told: &mut Vec<String>, text: String) {
    if !told.contains(&text) {
        told.push(text);
    }
}

/// Whether a policy of this kind belongs to whoever owns the resource.
fn is_of_the_resource(policy: PolicyType) -> bool {
    matches!(
        policy,
        PolicyType::Resource | PolicyType::Trust | PolicyType::ResourceControl
    )
}
