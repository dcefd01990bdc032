//! `AssumeRoleWithWebIdentity`: temporary credentials of a role for whom a provider vouches.

use pipeline::{Ctx, EventDetail, KeySet, Kind, Needs, Operation, Permit, Reply};
use policy::Action;
use shapes::sts::{
    AssumeRoleWithWebIdentityRequest, AssumeRoleWithWebIdentityResponse, AssumedRoleUser,
};
use types::{Principal, Service, WebIdentity};

use super::assume_role::{shown_arns, shown_user};
use super::error::Error;
use super::issue::{self, NewSession};
use super::role::NamedRole;
use super::token::{Bounds, Holder};
use super::web_identity::Error as TokenError;
use super::{actions, bounds};
use crate::event::{self, Fields};
use crate::tags;

/// Returns temporary credentials of a role whose trust policy admits the identity provider that
/// vouches for the caller.
///
/// The call carries no signature: its token was verified instead, and says with which tags and
/// source identity the session begins; tags need `sts:TagSession`, a source identity
/// `sts:SetSourceIdentity`, in the trust policy. A role that does not exist is refused like one
/// that trusts nobody. Fails like `AssumeRole` for what the session would be, and with
/// `ValidationError` if it was signed.
#[derive(Debug)]
pub(crate) struct AssumeRoleWithWebIdentity;

/// The session that a request asks for.
#[derive(Debug)]
pub(crate) struct Wanted {
    role: NamedRole,
    bounds: Bounds,
    identity: WebIdentity,
}

impl Operation for AssumeRoleWithWebIdentity {
    const SERVICE: Service = Service::Sts;
    const NAME: &'static str = "AssumeRoleWithWebIdentity";
    const ACTIONS: &'static [&'static Action] = &[
        &actions::ASSUME_ROLE_WITH_WEB_IDENTITY,
        &actions::SET_SOURCE_IDENTITY,
        &actions::TAG_SESSION,
    ];
    const KIND: Kind = Kind::ReadOnly;
    const DENIED_CODE: Option<&'static str> = Some(crate::ops::ACCESS_DENIED);
    type Input = AssumeRoleWithWebIdentityRequest;
    type Output = AssumeRoleWithWebIdentityResponse;
    type Target = Wanted;
    type Error = Error;

    async fn resolve(ctx: &Ctx, input: &Self::Input) -> Result<(Needs, Wanted), Error> {
        let Principal::WebIdentity(identity) = &ctx.caller().principal else {
            return Err(TokenError::Signed.into());
        };
        let identity = WebIdentity::clone(identity);
        let mut bounds = bounds::policies(input.policy.as_deref(), input.policy_arns.as_deref())?;
        bounds::add_tags(&mut bounds, &identity.tags, &identity.transitive, None)?;
        let role = NamedRole::of(ctx, &input.role_arn, Vec::new())?;
        let keys = keys(input, &identity);
        let mut needs = Needs::one(role.need(&actions::ASSUME_ROLE_WITH_WEB_IDENTITY, &keys));
        if !bounds.tags.is_empty() {
            needs.push(role.need(&actions::TAG_SESSION, &keys));
        }
        if identity.source_identity.is_some() {
            needs.push(role.need(&actions::SET_SOURCE_IDENTITY, &keys));
        }
        let wanted = Wanted {
            role,
            bounds,
            identity,
        };
        Ok((needs, wanted))
    }

    async fn handle(
        ctx: &Ctx,
        permit: Permit<Self>,
        input: Self::Input,
    ) -> Result<Reply<Self::Output>, Error> {
        let Wanted {
            role,
            bounds,
            identity,
        } = permit.into_target();
        let duration = role.duration(ctx, input.duration_seconds)?;
        let role = role.found(ctx)?;
        bounds::exist(ctx.view(), role.account, &bounds)?;
        let packed_policy_size = bounds::packed_size(&bounds)?;
        let session = input.role_session_name;
        let user = AssumedRoleUser {
            assumed_role_id: format!("{}:{session}", role.id),
            arn: role.session(session.clone()).display_name(),
        };
        let provider = identity.provider.to_string();
        let new = NewSession {
            account: role.account,
            holder: Holder::Role {
                id: role.id.clone(),
                session,
            },
            duration,
            bounds,
            source_identity: identity.source_identity.clone(),
            provider: Some(provider.clone()),
            shortest: input.minimum_session_token_size,
        };
        let issued = issue::issue(ctx, new)?;
        Ok(Reply::read(AssumeRoleWithWebIdentityResponse {
            credentials: Some(issued.credentials),
            subject_from_web_identity_token: Some(identity.subject),
            assumed_role_user: Some(user),
            packed_policy_size,
            provider: Some(provider),
            audience: Some(identity.audience),
            source_identity: identity.source_identity,
            session_token_utilization: issued.token_share,
            session_token_size: issued.token_size,
        }))
    }

    fn event(input: &Self::Input, output: Option<&Self::Output>) -> EventDetail {
        let request = Fields::default()
            .with("roleArn", input.role_arn.as_str())
            .with("roleSessionName", input.role_session_name.as_str())
            .maybe("providerId", input.provider_id.as_deref())
            .maybe("durationSeconds", input.duration_seconds)
            .maybe("policy", input.policy.as_deref())
            .maybe("policyArns", input.policy_arns.as_deref().map(shown_arns));
        let detail = event::about(event::request(request), &input.role_arn, event::ROLE);
        let Some(output) = output else {
            return detail;
        };
        let subject = output.subject_from_web_identity_token.as_deref();
        let response = Fields::default()
            .maybe("credentials", issue::shown(output.credentials.as_ref()))
            .maybe("subjectFromWebIdentityToken", subject)
            .maybe(
                "assumedRoleUser",
                output.assumed_role_user.as_ref().map(shown_user),
            )
            .maybe("packedPolicySize", output.packed_policy_size)
            .maybe("provider", output.provider.as_deref())
            .maybe("audience", output.audience.as_deref())
            .maybe("sourceIdentity", output.source_identity.as_deref());
        EventDetail {
            response: response.value(),
            ..detail
        }
    }
}

/// What a trust policy may ask of the request and of the token.
fn keys(input: &AssumeRoleWithWebIdentityRequest, identity: &WebIdentity) -> KeySet {
    let duration = input.duration_seconds.map(|seconds| seconds.to_string());
    let issuer = identity.issuer();
    let keys = tags::request_keys(&identity.tags)
        .many("sts:transitivetagkeys", identity.transitive.clone())
        .one("sts:rolesessionname", input.role_session_name.as_str())
        .maybe("sts:sourceidentity", identity.source_identity.as_deref())
        .maybe("sts:durationseconds", duration)
        .claim(issuer, "aud", identity.audience.as_str())
        .claim(issuer, "sub", identity.subject.as_str())
        .claims(issuer, "amr", identity.methods.clone());
    match &identity.original_audience {
        Some(audience) => keys.claim(issuer, "oaud", audience.as_str()),
        None => keys,
    }
}
