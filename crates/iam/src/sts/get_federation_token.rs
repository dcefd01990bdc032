//! `GetFederationToken`: temporary credentials for someone whom the caller vouches for.

use pipeline::{Ctx, EventDetail, Kind, Need, Needs, Operation, Permit, Reply};
use policy::Action;
use shapes::sts::{FederatedUser, GetFederationTokenRequest, GetFederationTokenResponse};
use types::{Principal, Service};

use super::assume_role::{shown_arns, shown_tags};
use super::error::Error;
use super::issue::{self, NewSession};
use super::token::{Bounds, Holder, Owner};
use super::{actions, bounds};
use crate::event::{self, Fields};
use crate::{lookup, tags};

/// Returns temporary credentials that may do what both the calling user and the session
/// policies of the request allow: nothing without session policies, but for what resources'
/// policies allow the session by its own name.
///
/// Such a session calls nothing of IAM, and of STS only `GetCallerIdentity`. Session tags need
/// `sts:TagSession` too. Fails with `AccessDenied` for sessions, with
/// `MalformedPolicyDocument`, and with `PackedPolicyTooLarge`.
#[derive(Debug)]
pub(crate) struct GetFederationToken;

impl Operation for GetFederationToken {
    const SERVICE: Service = Service::Sts;
    const NAME: &'static str = "GetFederationToken";
    const ACTIONS: &'static [&'static Action] =
        &[&actions::GET_FEDERATION_TOKEN, &actions::TAG_SESSION];
    const KIND: Kind = Kind::ReadOnly;
    const DENIED_CODE: Option<&'static str> = Some(crate::ops::ACCESS_DENIED);
    type Input = GetFederationTokenRequest;
    type Output = GetFederationTokenResponse;
    type Target = Wanted;
    type Error = Error;

    async fn resolve(ctx: &Ctx, input: &Self::Input) -> Result<(Needs, Wanted), Error> {
        let account = lookup::account(ctx)?;
        let owner = issue::long_term(ctx)?;
        let mut bounds = bounds::policies(input.policy.as_deref(), input.policy_arns.as_deref())?;
        let passed = bounds::tags(input.tags.as_deref())?;
        bounds::add_tags(&mut bounds, &passed, &[], None)?;
        let user = Principal::FederatedUser {
            account,
            name: input.name.clone(),
        };
        let arn = user.arn().ok_or(crate::Error::NoAccount)?;
        let keys = tags::request_keys(&passed);
        let need = |action| Need::on(action, arn.clone()).with(keys.clone());
        let mut needs = Needs::one(need(&actions::GET_FEDERATION_TOKEN));
        if !passed.is_empty() {
            needs.push(need(&actions::TAG_SESSION));
        }
        let wanted = Wanted {
            user: FederatedUser {
                federated_user_id: format!("{account}:{}", input.name),
                arn: arn.to_string(),
            },
            owner,
            bounds,
        };
        Ok((needs, wanted))
    }

    async fn handle(
        ctx: &Ctx,
        permit: Permit<Self>,
        input: Self::Input,
    ) -> Result<Reply<Self::Output>, Error> {
        let wanted = permit.into_target();
        bounds::exist(ctx.view(), lookup::account(ctx)?, &wanted.bounds)?;
        let packed_policy_size = bounds::packed_size(&wanted.bounds)?;
        let issued = issue::issue(
            ctx,
            NewSession {
                account: lookup::account(ctx)?,
                duration: issue::duration(&wanted.owner, input.duration_seconds),
                holder: Holder::Federated {
                    name: input.name,
                    issuer: wanted.owner,
                },
                bounds: wanted.bounds,
                source_identity: None,
                provider: None,
                shortest: input.minimum_session_token_size,
            },
        )?;
        Ok(Reply::read(GetFederationTokenResponse {
            credentials: Some(issued.credentials),
            federated_user: Some(wanted.user),
            packed_policy_size,
            session_token_utilization: issued.token_share,
            session_token_size: issued.token_size,
        }))
    }

    fn event(input: &Self::Input, output: Option<&Self::Output>) -> EventDetail {
        let request = Fields::default()
            .with("name", input.name.as_str())
            .maybe("durationSeconds", input.duration_seconds)
            .maybe("policy", input.policy.as_deref())
            .maybe("policyArns", input.policy_arns.as_deref().map(shown_arns))
            .maybe("tags", input.tags.as_deref().map(shown_tags));
        let Some(output) = output else {
            return event::request(request);
        };
        let user = output.federated_user.as_ref().map(|user| {
            serde_json::json!({ "federatedUserId": user.federated_user_id, "arn": user.arn })
        });
        let response = Fields::default()
            .maybe("credentials", issue::shown(output.credentials.as_ref()))
            .maybe("federatedUser", user)
            .maybe("packedPolicySize", output.packed_policy_size);
        EventDetail {
            response: response.value(),
            ..event::request(request)
        }
    }
}

/// The session that a request asks for.
#[derive(Debug)]
pub(crate) struct Wanted {
    user: FederatedUser,
    owner: Owner,
    bounds: Bounds,
}
