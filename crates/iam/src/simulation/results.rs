//! The results of a simulation in the shapes of the API.

use std::collections::{BTreeMap, HashSet};
use std::hash::Hash;

use policy::{Action, Effect, PolicyType, Reason, StatementInfo};
use shapes::iam::{
    EvaluationResult, OrganizationsDecisionDetail, PermissionsBoundaryDecisionDetail,
    PolicyEvaluationDecisionType as Verdict, PolicySourceType, Position, ResourceSpecificResult,
    Statement,
};
use types::Arn;

use super::{Outcome, Simulation, resources};

/// What results call the resource's policy.
pub(super) const RESOURCE_POLICY: &str = "ResourcePolicy";

/// The kinds of policies that results across accounts tell apart, and AWS's names for them.
const KINDS: [(PolicyType, &str); 3] = [
    (PolicyType::Identity, "IAM Policy"),
    (PolicyType::Resource, "Resource Policy"),
    (PolicyType::Boundary, "Permissions Boundary Policy"),
];

/// What is said about one request.
struct Answer {
    name: String,
    verdict: Verdict,
    matched: Vec<Statement>,
    missing: Vec<String>,
    organization: Option<bool>,
    boundary: Option<bool>,
    details: Option<BTreeMap<String, Verdict>>,
}

/// The result of `action` on every resource.
pub(super) fn of(simulation: &Simulation, action: &Action) -> EvaluationResult {
    let answers: Vec<Answer> = simulation
        .resources
        .iter()
        .map(|resource| answer(simulation, action, resource.as_ref()))
        .collect();
    let verdicts = answers.iter().map(|answer| answer.verdict);
    let verdict = verdicts.max_by_key(|verdict| severity(*verdict));
    let verdict = verdict.unwrap_or(Verdict::ImplicitDeny);
    let decisive = answers.iter().filter(|answer| answer.verdict == verdict);
    let matched = distinct(decisive.flat_map(|answer| &answer.matched), place_of);
    let missing = answers.iter().flat_map(|answer| &answer.missing);
    let missing = distinct(missing, String::as_str);
    let all = |of: fn(&Answer) -> Option<bool>| {
        let known = answers.iter().filter_map(of);
        known.reduce(|one, other| one && other)
    };
    let (organization, boundary) = (all(|it| it.organization), all(|it| it.boundary));
    let specific = simulation.resources.iter().any(Option::is_some);
    EvaluationResult {
        eval_action_name: action.as_str().to_owned(),
        eval_resource_name: Some(resources::name_of_all(&simulation.resources)),
        eval_decision: verdict,
        matched_statements: Some(matched),
        missing_context_values: Some(missing),
        organizations_decision_detail: organization.map(allowed_by_organizations),
        permissions_boundary_decision_detail: boundary.map(allowed_by_boundary),
        eval_decision_details: details_of_all(&answers),
        resource_specific_results: specific
            .then(|| answers.into_iter().map(resource_result).collect()),
    }
}

fn answer(simulation: &Simulation, action: &Action, resource: Option<&Arn>) -> Answer {
    let Outcome {
        explanation,
        missing,
        across_accounts,
    } = simulation.decide(action, resource);
    let decision = explanation.decision();
    let verdict = match decision.denial() {
        None => Verdict::Allowed,
        Some(denial) if denial.explicit => Verdict::ExplicitDeny,
        Some(_) => Verdict::ImplicitDeny,
    };
    let limits = explanation.limits();
    let in_organization = simulation.cast.levels.is_some();
    let organization = in_organization.then(|| limits.service_control.unwrap_or(true));
    // Where the organization refuses, nothing is said of what comes behind it.
    let ends = organization == Some(false);
    let matched = |info: &StatementInfo| {
        let decisive = match verdict {
            Verdict::Allowed => info.effect == Effect::Allow,
            Verdict::ExplicitDeny => info.effect == Effect::Deny,
            Verdict::ImplicitDeny => false,
        };
        decisive.then(|| statement(simulation, info)).flatten()
    };
    let statements = explanation.iter().filter_map(|reason| match reason {
        Reason::Statement { statement, .. } => Some(statement),
        Reason::Grant { .. } | Reason::RootUser | Reason::Missing(_) => None,
    });
    let details = match (resource, across_accounts) {
        _ if ends => None,
        (None, _) => None,
        (Some(_), false) => Some(BTreeMap::new()),
        (Some(_), true) => Some(details(simulation, &statements)),
    };
    Answer {
        name: resource.map_or(resources::EVERY, Arn::as_str).to_owned(),
        verdict,
        matched: if ends {
            Vec::new()
        } else {
            statements.filter_map(matched).collect()
        },
        missing: if ends { Vec::new() } else { missing },
        organization,
        boundary: limits.boundary.filter(|_| !ends),
        details,
    }
}

/// A statement of an identity policy or of the resource's; others are not named.
fn statement(simulation: &Simulation, info: &StatementInfo) -> Option<Statement> {
    let (id, kind) = match info.policy {
        PolicyType::Identity => {
            let source = simulation.source(&info.name)?;
            (source.id.clone(), source.kind)
        }
        PolicyType::Resource | PolicyType::Trust => {
            (RESOURCE_POLICY.to_owned(), PolicySourceType::Resource)
        }
        PolicyType::Boundary
        | PolicyType::Session
        | PolicyType::ServiceControl
        | PolicyType::ResourceControl => return None,
    };
    let place = |(line, column): (u32, u32)| Position {
        line: i32::try_from(line).ok(),
        column: i32::try_from(column).ok(),
    };
    Some(Statement {
        source_policy_id: Some(id),
        source_policy_type: Some(kind),
        start_position: Some(place(info.span.start)),
        end_position: Some(place(info.span.end)),
    })
}

/// What each kind of policy says by itself.
fn details<'a>(
    simulation: &Simulation,
    statements: &(impl Iterator<Item = &'a StatementInfo> + Clone),
) -> BTreeMap<String, Verdict> {
    let bounded = simulation.cast.boundary.is_some();
    let kinds = KINDS
        .into_iter()
        .filter(|(kind, _)| *kind != PolicyType::Boundary || bounded);
    kinds
        .map(|(kind, name)| {
            let of_kind = |info: &&StatementInfo| match info.policy {
                PolicyType::Trust => kind == PolicyType::Resource,
                policy => policy == kind,
            };
            let effects = statements.clone().filter(of_kind).map(|info| info.effect);
            let verdict = match effects.max_by_key(|effect| *effect == Effect::Deny) {
                Some(Effect::Deny) => Verdict::ExplicitDeny,
                Some(Effect::Allow) => Verdict::Allowed,
                None => Verdict::ImplicitDeny,
            };
            (name.to_owned(), verdict)
        })
        .collect()
}

/// The most restrictive verdict of each kind of policy.
fn details_of_all(answers: &[Answer]) -> Option<BTreeMap<String, Verdict>> {
    let mut details = answers.iter().filter_map(|answer| answer.details.as_ref());
    let mut all = details.next()?.clone();
    for (name, verdict) in details.flatten() {
        let known = all.entry(name.clone()).or_insert(*verdict);
        if severity(*verdict) > severity(*known) {
            *known = *verdict;
        }
    }
    Some(all)
}

fn resource_result(answer: Answer) -> ResourceSpecificResult {
    ResourceSpecificResult {
        eval_resource_name: answer.name,
        eval_resource_decision: answer.verdict,
        matched_statements: Some(answer.matched),
        missing_context_values: Some(answer.missing),
        eval_decision_details: answer.details.filter(|details| !details.is_empty()),
        permissions_boundary_decision_detail: answer.boundary.map(allowed_by_boundary),
    }
}

fn allowed_by_organizations(allowed: bool) -> OrganizationsDecisionDetail {
    OrganizationsDecisionDetail {
        allowed_by_organizations: Some(allowed),
    }
}

fn allowed_by_boundary(allowed: bool) -> PermissionsBoundaryDecisionDetail {
    PermissionsBoundaryDecisionDetail {
        allowed_by_permissions_boundary: Some(allowed),
    }
}

fn severity(verdict: Verdict) -> u8 {
    match verdict {
        Verdict::Allowed => 0,
        Verdict::ImplicitDeny => 1,
        Verdict::ExplicitDeny => 2,
    }
}

/// The first of the items that have the same key, in order. Each is looked at once: a thousand
/// resources with a thousand statements each are many.
fn distinct<'a, T: Clone + 'a, K: Hash + Eq>(
    items: impl Iterator<Item = &'a T>,
    key: impl Fn(&'a T) -> K,
) -> Vec<T> {
    let mut known = HashSet::new();
    items
        .filter(|item| known.insert(key(item)))
        .cloned()
        .collect()
}

/// What no two statements have in common: their policy, and line and column in it.
fn place_of(statement: &Statement) -> (Option<&str>, [Option<i32>; 2]) {
    let start = statement.start_position.as_ref();
    let start = start.map_or([None; 2], |start| [start.line, start.column]);
    (statement.source_policy_id.as_deref(), start)
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;
    use std::hash::Hasher;

    use super::*;

    thread_local! {
        static COMPARED: Cell<usize> = const { Cell::new(0) };
    }

    /// A key that counts how often one is compared.
    struct Counted(usize);

    impl PartialEq for Counted {
        fn eq(&self, other: &Self) -> bool {
            COMPARED.with(|count| count.set(count.get() + 1));
            self.0 == other.0
        }
    }

    impl Eq for Counted {}

    impl Hash for Counted {
        fn hash<H: Hasher>(&self, state: &mut H) {
            self.0.hash(state);
        }
    }

    #[test]
    fn items_are_not_compared_with_all_others() {
        let items: Vec<usize> = (0..5_000).chain(0..5_000).collect();
        let found = distinct(items.iter(), |item| Counted(*item));
        assert_eq!(found, (0..5_000).collect::<Vec<_>>());
        let compared = COMPARED.with(Cell::get);
        assert!(compared < 4 * items.len(), "{compared}");
    }
}
