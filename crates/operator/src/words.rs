//! Explanations in the shapes of the API.

use audit::Record;
use pipeline::{Outcome, Replayed, is_of_the_resource};
use policy::{Change, Effect, Explanation, NearMiss, PolicyType, Reason, StatementInfo};
use shapes::strongroom::{ExplainedCall, ExplainedNeed, NearStatement, StatementReference};

/// Where there is nothing to decide again.
pub(crate) const NOTHING_KEPT: &str = "what the decision depended on was not kept: nothing was \
     decided, another account called, or it was larger than 64 KiB";

/// Where nothing can be allowed to the caller any more.
pub(crate) const NO_CALLER: &str = "the caller does not exist at that moment: it has no policies, and \
     one of the same name would be another";

/// What a replay on the policies of another time leaves out.
pub(crate) const OF_THE_PAST: &str = "policies, principals, keys and the organization are those \
     of that time; what keeps no history, such as whether an access key was active, is not looked at";

/// Of whose resource the policies are not shown.
const FOREIGN: &str = "the resource belongs to another account: both accounts have to allow it, \
     and nothing is said of the other's policies";

/// An action of a release before.
const UNKNOWN: &str = "this release does not know the action";

/// What the record says of the call.
pub(crate) fn call(record: &Record) -> ExplainedCall {
    ExplainedCall {
        event_source: record.event_source.clone(),
        event_name: record.event_name.clone(),
        event_time: record.event_time.clone(),
        caller: record.user_identity.arn.clone().unwrap_or_default(),
        invoked_by: record.user_identity.invoked_by.clone(),
        error_code: record.error_code.clone(),
        error_message: record.error_message.clone(),
        ..ExplainedCall::default()
    }
}

/// How one need is decided, and why.
pub(crate) fn need(replayed: &Replayed) -> ExplainedNeed {
    let mut need = ExplainedNeed {
        action: replayed.action.clone(),
        resource: replayed.resource.clone(),
        ..ExplainedNeed::default()
    };
    match &replayed.outcome {
        Outcome::Decided(explanation) => decided(&mut need, explanation, replayed.foreign),
        Outcome::Impossible(why) => {
            "implicitDeny".clone_into(&mut need.decision);
            need.notes.push((*why).to_owned());
        }
        Outcome::Unknown => {
            "unknown".clone_into(&mut need.decision);
            need.notes.push(UNKNOWN.to_owned());
        }
    }
    need
}

fn decided(need: &mut ExplainedNeed, explanation: &Explanation, foreign: bool) {
    let shown = |policy: PolicyType| !(foreign && is_of_the_resource(policy));
    let decision = explanation.decision();
    let mut denies = false;
    for reason in explanation {
        match reason {
            Reason::Statement { statement, naming } if shown(statement.policy) => {
                denies |= statement.effect == Effect::Deny;
                let naming = naming.map(|naming| naming.to_string());
                need.matched.push(reference(statement, naming));
            }
            Reason::Missing(policy) if shown(*policy) => {
                need.missing = Some(format!("no {policy} allows it"));
            }
            Reason::Grant { id } => need.notes.push(format!("the grant `{id}` allows it")),
            Reason::RootUser => {
                need.notes
                    .push("the root user of the account may do it".to_owned());
            }
            Reason::Statement { .. } | Reason::Missing(_) => {}
        }
    }
    let explicit = decision.denial().is_some_and(|denial| denial.explicit);
    let explicit = explicit && (!foreign || denies);
    let word = match (decision.is_allowed(), explicit) {
        (true, _) => "allowed",
        (false, true) => "explicitDeny",
        (false, false) => "implicitDeny",
    };
    word.clone_into(&mut need.decision);
    let near = explanation.near_misses().iter();
    need.near_misses = near
        .filter(|near| shown(near.statement.policy))
        .map(near_statement)
        .collect();
    let limits = explanation.limits();
    need.allowed_by_organization = limits.service_control;
    need.allowed_by_boundary = limits.boundary;
    need.allowed_by_session = limits.session;
    if !foreign {
        need.allowed_by_resource_control = limits.resource_control;
    } else if !decision.is_allowed() {
        need.notes.push(FOREIGN.to_owned());
    }
    match explanation.smallest_change() {
        Some(changes) => {
            let own = changes.iter().filter(|change| shown(kind_of(change)));
            need.smallest_change = own.map(ToString::to_string).collect();
        }
        None => need
            .notes
            .push("no change to policies would allow it".to_owned()),
    }
}

/// The kind of policy that a change is made to.
fn kind_of(change: &Change) -> PolicyType {
    match change {
        Change::Lift(statement) => statement.policy,
        Change::Allow { policy, .. }
        | Change::Name { policy, .. }
        | Change::Delegate { policy, .. } => *policy,
        // Made by the caller's own account.
        Change::Grant | Change::SessionPolicy => PolicyType::Session,
    }
}

fn reference(statement: &StatementInfo, naming: Option<String>) -> StatementReference {
    StatementReference {
        effect: statement.effect.to_string(),
        policy_type: statement.policy.name().to_owned(),
        policy_name: statement.name.clone(),
        policy_arn: statement.arn.as_ref().map(ToString::to_string),
        level: statement.level.clone(),
        sid: statement.sid.clone(),
        line: statement.span.start.0,
        column: statement.span.start.1,
        principal: naming,
    }
}

fn near_statement(near: &NearMiss) -> NearStatement {
    NearStatement {
        statement: reference(&near.statement, None),
        but_for: near.but_for.to_string(),
    }
}
