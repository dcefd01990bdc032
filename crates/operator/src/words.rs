//! Explanations in the shapes of the API.

use audit::Record;
use pipeline::{Outcome, Replayed};
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

/// Where a condition may be decided in another way than it was.
pub(crate) const SHORTENED: &str = "of its User-Agent and Referer headers only the first 1024 bytes \
     were kept: conditions on the rest are not decided again as they were";

/// Of whose resource nothing is shown.
const FOREIGN: &str = "the resource belongs to another account, which has to allow it too: this is \
     what the own account says, and nothing that the other one has or decides is looked at";

/// Where nothing denies it, and nothing allows it.
const IMPLICIT: &str = "implicitDeny";

/// Where it cannot be said.
const UNKNOWN_DECISION: &str = "unknown";

/// What may have allowed it beside policies.
const GRANTS: &str = "no policy of the own account allows it, but a grant on the other account's key can: grants \
     on it are not looked at";

/// Where policies are made to take long.
const TOO_LONG: &str = "the policies take too long to compare";

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
        Outcome::Decided(explanation) => {
            decided(&mut need, explanation, replayed.foreign);
            let denied = explanation.decision().denial();
            let lacks_allow = denied
                .is_some_and(|denied| !denied.explicit && denied.policy == PolicyType::Identity);
            if replayed.foreign && replayed.has_grants && lacks_allow {
                UNKNOWN_DECISION.clone_into(&mut need.decision);
                need.notes.push(GRANTS.to_owned());
            }
        }
        Outcome::Impossible(why) => {
            IMPLICIT.clone_into(&mut need.decision);
            need.notes.push((*why).to_owned());
        }
        Outcome::TooLong => {
            UNKNOWN_DECISION.clone_into(&mut need.decision);
            need.notes.push(TOO_LONG.to_owned());
        }
        Outcome::Unknown => {
            UNKNOWN_DECISION.clone_into(&mut need.decision);
            need.notes.push(UNKNOWN.to_owned());
        }
    }
    need
}

fn decided(need: &mut ExplainedNeed, explanation: &Explanation, foreign: bool) {
    let decision = explanation.decision();
    for reason in explanation {
        match reason {
            Reason::Statement { statement, naming } if is_shown(statement, foreign) => {
                let naming = naming.map(|naming| naming.to_string());
                need.matched.push(reference(statement, naming));
            }
            Reason::Statement { statement, .. } => {
                if let Some(note) = hidden_deny(statement) {
                    add(&mut need.notes, note);
                }
            }
            Reason::Missing(policy) => need.missing = Some(format!("no {policy} allows it")),
            Reason::Grant { id } => need.notes.push(format!("the grant `{id}` allows it")),
            Reason::RootUser => {
                need.notes
                    .push("the root user of the account may do it".to_owned());
            }
        }
    }
    let word = match (decision.is_allowed(), decision.denial()) {
        (true, _) if foreign => "allowedByOwnAccount",
        (true, _) => "allowed",
        (false, Some(denial)) if denial.explicit => "explicitDeny",
        (false, _) => IMPLICIT,
    };
    word.clone_into(&mut need.decision);
    let near = explanation.near_misses().iter();
    need.near_misses = near
        .filter(|near| is_shown(&near.statement, foreign))
        .map(near_statement)
        .collect();
    let limits = explanation.limits();
    need.allowed_by_organization = limits.service_control;
    need.allowed_by_boundary = limits.boundary;
    need.allowed_by_session = limits.session;
    if foreign {
        need.notes.push(FOREIGN.to_owned());
    } else {
        need.allowed_by_resource_control = limits.resource_control;
    }
    match explanation.smallest_change() {
        Some(changes) => {
            for change in changes {
                add(&mut need.smallest_change, change_in_words(change));
            }
        }
        None => need
            .notes
            .push("no change to policies would allow it".to_owned()),
    }
}

/// Whether a statement is shown with its policy and place. Those of an organization's policies
/// are not, for the management account alone may read them and none of them binds it; what
/// stands in for another account's policy is no policy.
fn is_shown(statement: &StatementInfo, foreign: bool) -> bool {
    let stands_in = foreign && matches!(statement.policy, PolicyType::Resource | PolicyType::Trust);
    !(stands_in || statement.policy.is_of_the_organization())
}

fn hidden_deny(statement: &StatementInfo) -> Option<String> {
    let denies = statement.effect == Effect::Deny && statement.policy.is_of_the_organization();
    denies.then(|| format!("a {} denies it", statement.policy))
}

/// A change; one of an organization's policies without its name and place.
fn change_in_words(change: &Change) -> String {
    match change {
        Change::Lift(statement) if statement.policy.is_of_the_organization() => {
            format!("remove or narrow the {} that denies it", statement.policy)
        }
        Change::Allow {
            policy,
            level: Some(_),
        } => format!("allow the action in a {policy} at every level of the organization"),
        other => other.to_string(),
    }
}

fn add(texts: &mut Vec<String>, text: String) {
    if !texts.contains(&text) {
        texts.push(text);
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
