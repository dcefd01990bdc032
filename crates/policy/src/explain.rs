//! [`explain`]: the evaluation once more, with everything that stands behind its outcome.

use types::Principal;

use crate::context::ConditionKeys;
use crate::decision::{AllowedBy, PolicyType};
use crate::document::{DocumentKind, Effect, Statement};
use crate::evaluate::{self, InKeyPolicy, Place, Recorder, Scan};
use crate::explanation::{Change, Explanation, Limits, Mismatch, NearMiss, Reason, StatementInfo};
use crate::principal::Naming;
use crate::request::{Attached, Beside, Policies, Request, ResourcePolicy};
use crate::rules::{self, Step};
use crate::steps::Steps;

/// Decides a request and says why: every statement that matched, what was missing, what
/// nearly matched, and the smallest change that would allow it.
pub fn explain(request: &Request<'_>, policies: &Policies<'_>) -> Explanation {
    explain_with(request, policies, &Beside::default())
}

/// Explains a request on which more bears than policies: as [`explain`].
pub fn explain_with(
    request: &Request<'_>,
    policies: &Policies<'_>,
    beside: &Beside<'_>,
) -> Explanation {
    let mut notes = Notes::default();
    let found = evaluate::scan(request, policies, beside, &mut notes);
    let decision = found.decision(request, policies);
    let facts = found.facts(request, policies);
    let changes = if decision.is_allowed() {
        Some(Vec::new())
    } else {
        let steps = rules::smallest_change(&facts, request.resource.is_some());
        steps.map(|steps| changes(request, policies, &notes, &steps))
    };
    let near_misses = changes
        .as_deref()
        .map(|changes| near_misses(request, policies, beside, changes))
        .unwrap_or_default();
    let passes = |policy, allows: bool| allows && !notes.denies(policy);
    let limits = Limits {
        service_control: (!policies.service_control.is_empty())
            .then(|| passes(PolicyType::ServiceControl, found.service_control)),
        resource_control: (!policies.resource_control.is_empty())
            .then(|| passes(PolicyType::ResourceControl, found.resource_control)),
        boundary: found
            .boundary
            .map(|allows| passes(PolicyType::Boundary, allows)),
        session: found
            .session
            .map(|allows| passes(PolicyType::Session, allows)),
    };
    let beside_statements = match decision.0 {
        Ok(AllowedBy::Grant { index }) => {
            let grant = policies.grants.get(index);
            grant.map(|grant| Reason::Grant {
                id: grant.id.clone(),
            })
        }
        Ok(AllowedBy::RootUser) => Some(Reason::RootUser),
        Ok(AllowedBy::IdentityPolicy | AllowedBy::ResourcePolicy | AllowedBy::BothAccounts) => None,
        Err(denial) => (!denial.explicit).then_some(Reason::Missing(denial.policy)),
    };
    let mut reasons = notes.reasons;
    reasons.extend(beside_statements);
    Explanation {
        decision,
        reasons,
        near_misses,
        changes,
        limits,
    }
}

/// Keeps everything that the evaluation finds.
#[derive(Default)]
struct Notes {
    reasons: Vec<Reason>,
    /// Levels of an organization without an Allow.
    levels: Vec<(PolicyType, String)>,
}

impl Notes {
    fn denials(&self) -> impl Iterator<Item = &StatementInfo> {
        self.reasons.iter().filter_map(|reason| match reason {
            Reason::Statement { statement, .. } if statement.effect == Effect::Deny => {
                Some(statement)
            }
            Reason::Statement { .. }
            | Reason::Grant { .. }
            | Reason::RootUser
            | Reason::Missing(_) => None,
        })
    }

    fn denies(&self, policy: PolicyType) -> bool {
        self.denials().any(|statement| statement.policy == policy)
    }
}

impl Recorder for Notes {
    const COMPLETE: bool = true;

    fn matched(
        &mut self,
        place: &Place<'_>,
        index: usize,
        statement: &Statement,
        by: Option<Naming>,
    ) {
        self.reasons.push(Reason::Statement {
            statement: info(place, index, statement),
            naming: by,
        });
    }

    fn not_allowed_at(&mut self, policy: PolicyType, level: &str) {
        self.levels.push((policy, level.to_owned()));
    }
}

fn info(place: &Place<'_>, index: usize, statement: &Statement) -> StatementInfo {
    let Attached { name, arn, .. } = place.attached;
    StatementInfo {
        policy: place.policy,
        name: name.to_owned(),
        arn: arn.cloned(),
        level: place.level.map(str::to_owned),
        sid: statement.sid().map(str::to_owned),
        index,
        span: statement.span(),
        effect: statement.effect,
    }
}

/// All that has to change: what denies, what an organization does not allow, and the steps.
fn changes(
    request: &Request<'_>,
    policies: &Policies<'_>,
    notes: &Notes,
    steps: &[Step],
) -> Vec<Change> {
    let lifts = notes.denials().cloned().map(Change::Lift);
    let levels = notes.levels.iter().map(|(policy, level)| Change::Allow {
        policy: *policy,
        level: Some(level.clone()),
    });
    let own = |policy| Change::Allow {
        policy,
        level: None,
    };
    let of_resource = match policies.resource {
        ResourcePolicy::Trust(_) => PolicyType::Trust,
        ResourcePolicy::None
        | ResourcePolicy::General(_)
        | ResourcePolicy::Key(_)
        | ResourcePolicy::KeyGrantsOnly(_) => PolicyType::Resource,
    };
    let steps = steps.iter().map(|step| match step {
        Step::Identity => own(PolicyType::Identity),
        Step::Boundary => own(PolicyType::Boundary),
        Step::Session if policies.session.is_none() => Change::SessionPolicy,
        Step::Session => own(PolicyType::Session),
        Step::Name(naming) => name(of_resource, request.principal, *naming),
        Step::Grant => Change::Grant,
    });
    lifts.chain(levels).chain(steps).collect()
}

/// The principal under the name that a policy would have to use.
fn name(policy: PolicyType, principal: &Principal, naming: Naming) -> Change {
    if let (Naming::Account, Some(account)) = (naming, principal.account()) {
        return Change::Delegate { policy, account };
    }
    let principal = match (naming, principal) {
        (Naming::Role, Principal::AssumedRole { role_arn, .. }) => role_arn.to_string(),
        _ => principal.display_name(),
    };
    Change::Name { policy, principal }
}

/// The statements that lack one part only, of the kinds of policies in which an Allow is
/// missing.
fn near_misses(
    request: &Request<'_>,
    policies: &Policies<'_>,
    beside: &Beside<'_>,
    changes: &[Change],
) -> Vec<NearMiss> {
    let mut notes = Notes::default();
    let own = Steps::default();
    let steps = beside.steps.unwrap_or(&own);
    let scan = Scan::of(request, policies, beside, steps, &mut notes);
    let missing = |wanted: PolicyType, at: Option<&str>| {
        changes.iter().any(|change| match change {
            Change::Allow { policy, level } => *policy == wanted && level.as_deref() == at,
            Change::Name { policy, .. } | Change::Delegate { policy, .. } => *policy == wanted,
            Change::Grant => wanted == PolicyType::Resource,
            Change::Lift(_) | Change::SessionPolicy => false,
        })
    };
    let mut places = Vec::new();
    let mut add = |policy, attached: Attached<'_>, level| {
        if missing(policy, level) {
            places.push(near_misses_in(
                &scan,
                request,
                Place {
                    policy,
                    attached,
                    level,
                },
            ));
        }
    };
    for level in policies.service_control {
        for attached in level.policies {
            add(PolicyType::ServiceControl, *attached, Some(level.name));
        }
    }
    if let Some((policy, attached)) = policies.resource.attached() {
        add(policy, attached, None);
    }
    for share in beside.shares {
        add(PolicyType::Resource, *share, None);
    }
    for attached in policies.identity {
        add(PolicyType::Identity, *attached, None);
    }
    if let Some(attached) = policies.boundary {
        add(PolicyType::Boundary, attached, None);
    }
    for attached in policies.session.unwrap_or_default() {
        add(PolicyType::Session, *attached, None);
    }
    let mut all: Vec<NearMiss> = places.into_iter().flatten().collect();
    all.truncate(Explanation::MAX_NEAR_MISSES);
    all
}

fn near_misses_in(
    scan: &Scan<'_, Notes>,
    request: &Request<'_>,
    place: Place<'_>,
) -> Vec<NearMiss> {
    let document = place.attached.document;
    let in_key_policy = InKeyPolicy(request.keys);
    let keys: &dyn ConditionKeys = match document.kind() {
        DocumentKind::KeyPolicy => &in_key_policy,
        _ => request.keys,
    };
    let near = document
        .statements
        .iter()
        .enumerate()
        .filter(|(_, statement)| statement.effect == Effect::Allow)
        .filter_map(|(index, statement)| {
            let but_for = only_mismatch(scan, request, place.policy, statement, keys)?;
            Some(NearMiss {
                statement: info(&place, index, statement),
                but_for,
            })
        });
    near.take(Explanation::MAX_NEAR_MISSES).collect()
}

/// What keeps a statement from matching, if it is one part only.
fn only_mismatch(
    scan: &Scan<'_, Notes>,
    request: &Request<'_>,
    policy: PolicyType,
    statement: &Statement,
    keys: &dyn ConditionKeys,
) -> Option<Mismatch> {
    // A statement about another service is not near.
    if !statement.actions.services.may_hold(request.action) {
        return None;
    }
    let failing: Vec<String> = statement
        .conditions
        .iter()
        .filter(|condition| !condition.holds(keys, scan.steps))
        .map(|condition| format!("{} {}", condition.operator, condition.key))
        .collect();
    let mismatches = [
        (!statement.actions.cover(request.action, scan.steps)).then_some(Mismatch::Action),
        scan.named_by(policy, statement)
            .is_empty()
            .then_some(Mismatch::Principal),
        (!scan.is_covered_by(statement, keys)).then_some(Mismatch::Resource),
        (!failing.is_empty()).then_some(Mismatch::Conditions(failing)),
    ];
    let mut mismatches = mismatches.into_iter().flatten();
    let first = mismatches.next()?;
    let only = mismatches.next().is_none() && !scan.steps.are_spent();
    only.then_some(first)
}
