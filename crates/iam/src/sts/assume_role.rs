//! `AssumeRole`: temporary credentials of a role.

use pipeline::{Ctx, EventDetail, KeySet, Kind, Needs, Operation, Permit, Reply};
use policy::Action;
use shapes::sts::{
    AssumeRoleRequest, AssumeRoleResponse, AssumedRoleUser, PolicyDescriptorType, Tag,
};
use types::{Principal, Service, is_reserved_tag};

use super::error::Error;
use super::issue::{self, NewSession};
use super::role::NamedRole;
use super::token::{Bounds, Holder};
use super::{actions, bounds};
use crate::event::{self, Fields};
use crate::lookup;
use crate::tags;

/// Returns temporary credentials of a role whose trust policy admits the caller.
///
/// Session policies bound the session beside the role's own; session tags, those that the
/// calling session hands down among them, need `sts:TagSession`, and a source identity, given
/// or inherited, `sts:SetSourceIdentity`. A role that does not exist is refused like one that
/// trusts nobody. Fails with `ValidationError` for a session that would last longer than the
/// role allows, or than an hour if the caller is a role's session, with
/// `MalformedPolicyDocument`, and with `PackedPolicyTooLarge`.
#[derive(Debug)]
pub(crate) struct AssumeRole;

impl Operation for AssumeRole {
    const SERVICE: Service = Service::Sts;
    const NAME: &'static str = "AssumeRole";
    const ACTIONS: &'static [&'static Action] = &[
        &actions::ASSUME_ROLE,
        &actions::SET_SOURCE_IDENTITY,
        &actions::TAG_SESSION,
    ];
    const KIND: Kind = Kind::ReadOnly;
    const DENIED_CODE: Option<&'static str> = Some(crate::ops::ACCESS_DENIED);
    type Input = AssumeRoleRequest;
    type Output = AssumeRoleResponse;
    type Target = Wanted;
    type Error = Error;

    async fn resolve(ctx: &Ctx, input: &Self::Input) -> Result<(Needs, Wanted), Error> {
        lookup::account(ctx)?;
        let caller = ctx.caller();
        if matches!(caller.principal, Principal::Root { .. }) {
            return Err(Error::RootUser);
        }
        if input.provided_contexts.is_some() {
            return Err(Error::Unsupported("ProvidedContexts"));
        }
        let from = caller.session.as_deref();
        let mut bounds = bounds::policies(input.policy.as_deref(), input.policy_arns.as_deref())?;
        let passed = bounds::tags(input.tags.as_deref())?;
        let transitive = input.transitive_tag_keys.as_deref().unwrap_or_default();
        bounds::add_tags(&mut bounds, &passed, transitive, from)?;
        let inherited = from.map(bounds::inherited).unwrap_or_default();
        let role = NamedRole::of(ctx, &input.role_arn, inherited)?;
        let source_identity = source_identity(ctx, input, &role)?;
        let keys = tags::request_keys(&passed)
            .many("sts:transitivetagkeys", transitive.to_vec())
            .one("sts:rolesessionname", input.role_session_name.as_str())
            .maybe("sts:externalid", input.external_id.as_deref())
            .maybe("sts:sourceidentity", source_identity.as_deref())
            .maybe(
                "sts:durationseconds",
                input.duration_seconds.map(|seconds| seconds.to_string()),
            );
        let needs = needs(&role, &keys, &bounds, source_identity.is_some());
        let wanted = Wanted {
            role,
            bounds,
            source_identity,
        };
        Ok((needs, wanted))
    }

    async fn handle(
        ctx: &Ctx,
        permit: Permit<Self>,
        input: Self::Input,
    ) -> Result<Reply<Self::Output>, Error> {
        let wanted = permit.into_target();
        if input.serial_number.is_some() || input.token_code.is_some() {
            return Err(Error::NoDevice);
        }
        let duration = wanted.role.duration(ctx, input.duration_seconds)?;
        let role = wanted.role.found(ctx)?;
        bounds::exist(ctx.view(), role.account, &wanted.bounds)?;
        let packed_policy_size = bounds::packed_size(&wanted.bounds)?;
        let session = input.role_session_name;
        let principal = role.session(session.clone());
        let user = AssumedRoleUser {
            assumed_role_id: format!("{}:{session}", role.id),
            arn: principal.display_name(),
        };
        let issued = issue::issue(
            ctx,
            NewSession {
                account: role.account,
                holder: Holder::Role {
                    id: role.id.clone(),
                    session,
                },
                duration,
                bounds: wanted.bounds,
                source_identity: wanted.source_identity.clone(),
                provider: None,
                shortest: input.minimum_session_token_size,
            },
        )?;
        Ok(Reply::read(AssumeRoleResponse {
            credentials: Some(issued.credentials),
            assumed_role_user: Some(user),
            packed_policy_size,
            source_identity: wanted.source_identity,
            session_token_utilization: issued.token_share,
            session_token_size: issued.token_size,
        }))
    }

    fn event(input: &Self::Input, output: Option<&Self::Output>) -> EventDetail {
        let tags = input.tags.as_deref().map(shown_tags);
        let request = Fields::default()
            .with("roleArn", input.role_arn.as_str())
            .with("roleSessionName", input.role_session_name.as_str())
            .maybe("externalId", input.external_id.as_deref())
            .maybe("durationSeconds", input.duration_seconds)
            .maybe("policy", input.policy.as_deref())
            .maybe("policyArns", input.policy_arns.as_deref().map(shown_arns))
            .maybe("tags", tags)
            .maybe("transitiveTagKeys", input.transitive_tag_keys.clone())
            .maybe("sourceIdentity", input.source_identity.as_deref())
            .maybe("serialNumber", input.serial_number.as_deref());
        let detail = event::about(event::request(request), &input.role_arn, event::ROLE);
        let Some(output) = output else {
            return detail;
        };
        let response = Fields::default()
            .maybe("credentials", issue::shown(output.credentials.as_ref()))
            .maybe(
                "assumedRoleUser",
                output.assumed_role_user.as_ref().map(shown_user),
            )
            .maybe("packedPolicySize", output.packed_policy_size)
            .maybe("sourceIdentity", output.source_identity.as_deref());
        EventDetail {
            response: response.value(),
            ..detail
        }
    }
}

/// The session that a request asks for.
#[derive(Debug)]
pub(crate) struct Wanted {
    role: NamedRole,
    bounds: Bounds,
    source_identity: Option<String>,
}

/// What assuming the role needs: more for a session with tags, and with a source identity.
fn needs(role: &NamedRole, keys: &KeySet, bounds: &Bounds, identified: bool) -> Needs {
    let mut needs = Needs::one(role.need(&actions::ASSUME_ROLE, keys));
    if !bounds.tags.is_empty() {
        needs.push(role.need(&actions::TAG_SESSION, keys));
    }
    if identified {
        needs.push(role.need(&actions::SET_SOURCE_IDENTITY, keys));
    }
    needs
}

/// The source identity of the session: that of the calling session, or the one that the request
/// sets.
///
/// Fails with `AccessDenied` if the request would change it, and with `ValidationError` for a
/// reserved one.
fn source_identity(
    ctx: &Ctx,
    input: &AssumeRoleRequest,
    role: &NamedRole,
) -> Result<Option<String>, Error> {
    let asked = input.source_identity.as_ref();
    if let Some(asked) = asked.filter(|asked| is_reserved_tag(asked)) {
        return Err(Error::Reserved(asked.clone()));
    }
    let session = ctx.caller().session.as_deref();
    let Some(inherited) = session.and_then(|session| session.source_identity.as_ref()) else {
        return Ok(asked.cloned());
    };
    if asked.is_some_and(|asked| asked != inherited) {
        return Err(Error::NotAuthorized {
            caller: ctx.caller().principal.display_name(),
            action: "sts:SetSourceIdentity",
            resource: role.arn.to_string(),
        });
    }
    Ok(Some(inherited.clone()))
}

/// Session tags as audit records show them.
pub(crate) fn shown_tags(tags: &[Tag]) -> Vec<serde_json::Value> {
    let tag = |tag: &Tag| serde_json::json!({ "key": tag.key, "value": tag.value });
    tags.iter().map(tag).collect()
}

/// Managed session policies as audit records show them.
pub(crate) fn shown_arns(policies: &[PolicyDescriptorType]) -> Vec<serde_json::Value> {
    let policy = |policy: &PolicyDescriptorType| serde_json::json!({ "arn": policy.arn });
    policies.iter().map(policy).collect()
}

/// The session as audit records show it.
pub(crate) fn shown_user(user: &AssumedRoleUser) -> serde_json::Value {
    serde_json::json!({ "assumedRoleId": user.assumed_role_id, "arn": user.arn })
}
