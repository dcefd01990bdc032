//! Makes the audit record of a call and adds it to the call's batch.

mod alone;
mod copies;
mod damping;
mod fields;
mod resources;

use audit::{Record, UserIdentity};
use serde_json::Value;
use store::{Batch, Lane};
use tracing::error;
use types::{Arn, ErrorKind, Principal, Service};

pub use self::alone::{UnauthenticatedCall, flush_damped, record_unauthenticated};
pub(crate) use self::fields::add;

use self::copies::{History, append_copies};
use self::fields::{base, base_of};
use self::resources::{name_resources, owners};
use crate::authorize::Authorization;
use crate::error::Denial;
use crate::operation::EventDetail;
use crate::written::Share;
use crate::{Ctx, Failure, Kind, Needs, Operation};

/// Records a call that succeeded. Data events are recorded by trails, not here.
pub(crate) fn success<O: Operation>(
    ctx: &Ctx,
    detail: EventDetail,
    authorization: &Authorization,
    batch: &mut Batch,
) -> Result<(), Failure> {
    if O::KIND.is_data() {
        return Ok(());
    }
    let mut record = base::<O>(ctx, detail);
    name_resources(&mut record, authorization);
    let to = History::of_all(ctx, owners(ctx, &record));
    let decisions = &authorization.decisions;
    append_copies(ctx, record, &to, (authorization, decisions), batch)
}

/// Records a call that was to take rights away, found none to take, and is answered though nothing is
/// left of what its account may record of its like: identical ones beyond a rate are only counted, as
/// failures are.
pub(crate) fn removal_of_nothing<O: Operation>(
    ctx: &Ctx,
    detail: EventDetail,
    authorization: &Authorization,
    batch: &mut Batch,
) -> Result<(), Failure> {
    if O::KIND.is_data() {
        return Ok(());
    }
    let mut record = base::<O>(ctx, detail);
    name_resources(&mut record, authorization);
    let to = damping::histories(ctx, &record, None, authorization, owners(ctx, &record));
    let decisions = &authorization.decisions;
    append_copies(ctx, record, &to, (authorization, decisions), batch)
}

/// Records a call that failed; if it is `damped`, what is identical beyond a rate is only counted
/// ([`is_damped`]).
///
/// A denial, and what fails before anything is granted, is recorded for the caller's account only;
/// whoever owns the resource that an allowed call failed on gets a copy, also of what is only counted
/// for the caller's.
pub(crate) fn failure<O: Operation>(
    ctx: &Ctx,
    detail: EventDetail,
    authorization: &Authorization,
    failure: &Failure,
    damped: bool,
    batch: &mut Batch,
) -> Result<(), Failure> {
    if O::KIND.is_data() {
        return Ok(());
    }
    let record = base::<O>(ctx, detail);
    refused(ctx, record, authorization, failure, damped, batch)
}

/// Whether identical failures beyond a rate are only counted: denials, and what else fails before
/// anything is granted, since nobody has entrusted the caller with that either; and what was to take
/// rights away, took none, and goes on though its account has recorded all it may (`is_beyond`). Each
/// history has its own rate and its own room ([`damping`]).
pub(crate) fn is_damped(
    ctx: &Ctx,
    authorization: &Authorization,
    failure: &Failure,
    is_beyond: bool,
) -> bool {
    // Nobody asked for what a service does on the way; data calls can cause any number of it.
    is_denial(failure)
        || failure.kind == ErrorKind::Throttled
        || ctx.invoked_by().is_some()
        || !authorization.granted
        || is_beyond
}

/// An empty batch for the records of a failed call, which take nothing of what is reserved for
/// changes. Strangers whom a provider vouches for can make any number of them: theirs are refused
/// first.
pub(crate) fn batch_of_failure(principal: &Principal) -> Batch {
    Batch::new(match principal {
        Principal::WebIdentity(_) => Lane::Strangers,
        Principal::Root { .. }
        | Principal::User { .. }
        | Principal::AssumedRole { .. }
        | Principal::FederatedUser { .. }
        | Principal::Service { .. } => Lane::Events,
    })
}

/// Records the call that a service did not get to make: on the caller's behalf, since the caller
/// may not, as `Decrypt` of KMS for a `GetRecord`; or in its own name. Committed with the call.
pub(crate) fn denied_on_behalf(ctx: &Ctx, denial: &Denial, needs: &Needs) {
    let Some((prefix, operation)) = denial.action.split_once(':') else {
        return;
    };
    let mut services = Service::ALL.into_iter();
    let Some(service) = services.find(|service| service.action_prefix() == prefix) else {
        return;
    };
    let on_behalf;
    let inner = match (denial.via, &ctx.caller().principal) {
        (Some(via), _) => {
            on_behalf = ctx.on_behalf_of(via).context();
            &on_behalf
        }
        (None, Principal::Service { .. }) => ctx,
        (None, _) => return,
    };
    let (kind, detail) = (Kind::ReadOnly, EventDetail::default());
    let record = base_of(inner, service, operation, kind, detail);
    let failure = Failure::denied(denial.clone());
    let mut batch = Batch::default();
    let need = crate::replay::need_of(needs, &denial.action, &denial.resource);
    let denied = Authorization {
        needs: need.cloned().map_or_else(Needs::nothing, Needs::one),
        ..Authorization::default()
    };
    match refused(inner, record, &denied, &failure, true, &mut batch) {
        Ok(()) => ctx.absorb(batch),
        Err(unrecorded) => {
            error!(request = %ctx.id(), error = %unrecorded, "audit record could not be made");
        }
    }
}

/// Records an authenticated call that no operation was run for: its input cannot be read, or
/// there is no such operation. Commits on its own.
pub async fn record_refused(
    ctx: &Ctx,
    service: Service,
    operation: &str,
    kind: Kind,
    failure: &Failure,
) {
    if kind.is_data() {
        return;
    }
    let record = base_of(ctx, service, operation, kind, EventDetail::default());
    let mut batch = batch_of_failure(&ctx.caller().principal);
    let made = refused(
        ctx,
        record,
        &Authorization::default(),
        failure,
        true,
        &mut batch,
    );
    if let Err(unrecorded) = made {
        error!(request = %ctx.id(), error = %unrecorded, "audit record could not be made");
    } else if !batch.is_empty()
        && let Err(failed) = ctx.commit(batch, Share::Refused).await
    {
        ctx.log_uncommitted(operation, &failed);
    }
}

/// Records that a service has assumed a role that was passed to it, for the resource at
/// `source`. Committed with the call.
pub(crate) fn role_assumed(
    ctx: &Ctx,
    (service, source): (Service, &Arn),
    (role, session): (&Arn, &str),
    assumed: &Principal,
) -> Result<(), Failure> {
    let inner = ctx.in_own_name(service, source.clone()).context();
    let identity = UserIdentity::of(assumed, None, None);
    let detail = EventDetail {
        request: serde_json::json!({ "roleArn": role, "roleSessionName": session }),
        response: serde_json::json!({ "assumedRoleUser": {
            "assumedRoleId": identity.principal_id, "arn": identity.arn,
        } }),
        ..EventDetail::default()
    };
    let detail = detail.resource(role, "AWS::IAM::Role");
    let record = base_of(&inner, Service::Sts, "AssumeRole", Kind::ReadOnly, detail);
    let to = History::of_all(&inner, owners(&inner, &record));
    let mut batch = Batch::default();
    let nothing = Authorization::default();
    append_copies(&inner, record, &to, (&nothing, &[]), &mut batch)?;
    ctx.absorb(batch);
    Ok(())
}

/// Completes the record of a failed call, for each history in which the damper does not only count
/// it.
fn refused(
    ctx: &Ctx,
    mut record: Record,
    authorization: &Authorization,
    failure: &Failure,
    damped: bool,
    batch: &mut Batch,
) -> Result<(), Failure> {
    let denied = is_denial(failure);
    record.response_elements = Value::Null;
    record.error_message = Some(failure.message.clone());
    record.error_code = Some(if denied && failure.denial.is_some() {
        // CloudTrail shows `AccessDenied` whatever the protocol's own code is.
        "AccessDenied".to_owned()
    } else {
        failure.code.clone().into_owned()
    });
    if denied || (damped && ctx.via().is_none()) {
        record.request_parameters = Value::Null;
    }
    let mut others = Vec::new();
    if !denied {
        name_resources(&mut record, authorization);
        // INVARIANT: nobody writes into the history of an account that has not let them in.
        if authorization.granted {
            others = owners(ctx, &record);
        }
    }
    if !damped {
        let to = History::of_all(ctx, others);
        return append_copies(ctx, record, &to, (authorization, &[]), batch);
    }
    let denial = failure.denial.as_ref();
    let resource = denial.map(|denial| denial.resource.as_str());
    let to = damping::histories(ctx, &record, resource, authorization, others);
    if ctx.is_of_a_stranger() {
        record = record.of_stranger();
    }
    if let Some(decision) = denial.and_then(|denial| denial.decision.clone()) {
        let additional = &mut record.additional_event_data;
        add(additional, "authorization", Value::Array(vec![decision]));
    }
    append_copies(ctx, record, &to, (authorization, &[]), batch)
}

fn is_denial(failure: &Failure) -> bool {
    matches!(failure.kind, ErrorKind::Denied | ErrorKind::Unauthenticated)
}

#[cfg(test)]
mod tests {
    use types::WebIdentity;

    use super::*;

    fn web_identity() -> Principal {
        Principal::WebIdentity(Box::new(WebIdentity {
            provider: "arn:aws:iam::111122223333:oidc-provider/idp.example.com"
                .parse()
                .unwrap(),
            audience: "a".to_owned(),
            original_audience: None,
            subject: "s".to_owned(),
            methods: Vec::new(),
            tags: Vec::new(),
            transitive: Vec::new(),
            source_identity: None,
        }))
    }

    fn root() -> Principal {
        Principal::Root {
            account: "111122223333".parse().unwrap(),
        }
    }

    #[test]
    fn failures_take_nothing_of_what_is_reserved_for_changes() {
        assert_eq!(batch_of_failure(&web_identity()).lane(), Lane::Strangers);
        assert_eq!(batch_of_failure(&root()).lane(), Lane::Events);
    }
}
