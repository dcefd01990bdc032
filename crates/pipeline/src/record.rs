//! Makes the audit record of a call and adds it to the call's batch.

mod alone;
mod copies;
mod fields;
mod resources;

use audit::{Damped, DenialKey, Record, UserIdentity};
use serde_json::Value;
use store::{Batch, Lane};
use tracing::error;
use types::{Arn, ErrorKind, Principal, Service};

pub use self::alone::{UnauthenticatedCall, flush_damped, record_unauthenticated};
pub(crate) use self::fields::add;

use self::copies::append_copies;
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
    let owners = owners(ctx, &record);
    let decisions = &authorization.decisions;
    append_copies(ctx, record, &owners, (authorization, decisions), batch)
}

/// Records a call that failed; if it is `damped`, what is identical beyond a rate is only counted
/// ([`is_damped`]).
///
/// A denial, and what fails before anything is granted, is recorded for the caller's account only;
/// whoever owns the resource that an allowed call failed on gets a copy.
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
/// rights away, took none, and goes on though its account has recorded all it may (`is_beyond`).
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
    let owners = owners(&inner, &record);
    let mut batch = Batch::default();
    let nothing = Authorization::default();
    append_copies(&inner, record, &owners, (&nothing, &[]), &mut batch)?;
    ctx.absorb(batch);
    Ok(())
}

/// Completes the record of a failed call, unless the damper only counts it.
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
    // Nobody but a service that acts for no resource has no history.
    if let Some(account) = ctx.home().filter(|_| damped) {
        let of_denial = failure.denial.as_ref();
        let resource = of_denial.map(|denial| denial.resource.clone()).or_else(|| {
            let granted = authorization.resources.first();
            granted.map(ToString::to_string)
        });
        let is_stranger = ctx.is_of_a_stranger();
        let key = DenialKey {
            account,
            region: ctx.region().clone(),
            principal: if is_stranger {
                alone::network(ctx.origin())
            } else {
                who(ctx)
            },
            action: format!("{}:{}", record.event_source, record.event_name),
            resource: resource.unwrap_or_default(),
            code: record.error_code.clone().unwrap_or_default(),
        };
        let Damped::Record { suppressed } = admit(ctx, key, &record.user_identity) else {
            return Ok(());
        };
        if is_stranger {
            record = record.of_stranger();
        }
        let additional = &mut record.additional_event_data;
        if suppressed > 0 {
            add(additional, "suppressedCount", suppressed.into());
        }
        let denial = failure.denial.as_ref();
        if let Some(decision) = denial.and_then(|denial| denial.decision.clone()) {
            add(additional, "authorization", Value::Array(vec![decision]));
        }
    }
    let mut to = Vec::new();
    if !denied {
        name_resources(&mut record, authorization);
    }
    // INVARIANT: nobody writes into the history of an account that has not let them in.
    if !denied && authorization.granted {
        to = owners(ctx, &record);
    }
    append_copies(ctx, record, &to, (authorization, &[]), batch)
}

/// Whether a failure is recorded: of strangers within what all of them together may have recorded,
/// of the others within what is left of their account's.
fn admit(ctx: &Ctx, key: DenialKey, identity: &UserIdentity) -> Damped {
    let (services, now) = (ctx.services(), ctx.services().clock.monotonic());
    if ctx.is_of_a_stranger() {
        return services.strangers.admit(key, now);
    }
    let written = &services.sources.written;
    let room = written.has_room(key.account, Share::Refused, now);
    services.damper.admit(key, identity, room, now)
}

/// Who was refused: a service for each resource that it acts for apart, the sessions of a role
/// together.
fn who(ctx: &Ctx) -> String {
    let name = ctx.caller().principal.standing_name();
    match ctx.source() {
        Some(source) => format!("{name} for {source}"),
        None => name,
    }
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
