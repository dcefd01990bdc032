//! The one call of an operation without a signature: the token of an identity provider stands
//! for it.

use std::net::IpAddr;

use bytes::Bytes;
use http::Response;
use http::request::Parts;
use hyper::body::Incoming;
use pipeline::sources::Principals;
use pipeline::{Ctx, Origin, UnauthenticatedCall};
use shapes::sts::AssumeRoleWithWebIdentityRequest;
use tracing::debug;
use types::{AccountId, Arn, ErrorKind, RequestId, Service};
use wire::sigv4::AuthError;
use wire::{Call, Envelope, Refusal, ReplyTo};

use super::body::Sender;
use super::{HttpService, Refused, STRANGERS_BODY, closing};
use crate::exempt::{self, Exempt};

impl HttpService {
    /// Answers a request that was `refused` before its body was read: only one without any
    /// signature can still be the exempt call, if it is a form of STS.
    pub(super) async fn unsigned(
        &self,
        parts: &Parts,
        body: Incoming,
        origin: Origin,
        refused: Refused,
        id: RequestId,
    ) -> Response<Bytes> {
        let protocol = wire::protocol_of(parts);
        let has_none = matches!(refused.error, wire::Error::Auth(AuthError::Missing));
        let envelope = Envelope::unsigned(parts, Service::Sts).filter(|_| has_none);
        let (Some(envelope), Some(peer)) = (envelope, origin.source_ip) else {
            // The body is not worth reading.
            return closing(self.refuse(protocol, refused, origin, id).await);
        };
        let now = self.services.clock().monotonic();
        if !self.allowances.may(peer, now) {
            return self.throttled(peer, id);
        }
        let sender = Sender::Unsigned(peer);
        let (body, _room) = match self.bodies.read(body, STRANGERS_BODY, sender).await {
            Ok(read) => read,
            Err(unread) => {
                let refusal = unread.refusal(STRANGERS_BODY, protocol);
                self.refusals.note(Some(peer), &refusal.code, id);
                return closing(ReplyTo::unknown(None, protocol, id).error(&refusal));
            }
        };
        let exempt = envelope.call(&body).ok().filter(|call| {
            let found = exempt::find_operation(call.service(), call.operation());
            found == Some(Exempt::WebIdentity)
        });
        // Others that forgot to sign are told so, however many they are, and take nothing from
        // those who share their address.
        if let Some(call) = exempt {
            let now = self.services.clock().monotonic();
            if !self.allowances.admit(peer, now) {
                return self.throttled(peer, id);
            }
            return self.web_identity(&call, peer, origin, id).await;
        }
        closing(self.refuse(protocol, refused, origin, id).await)
    }

    /// Finds out whom the token of a call stands for, and runs it for them.
    async fn web_identity(
        &self,
        call: &Call<'_>,
        peer: IpAddr,
        origin: Origin,
        id: RequestId,
    ) -> Response<Bytes> {
        let reply = ReplyTo::operation(call.service(), call.operation(), id);
        let charge = self.allowances.unless_accepted(peer);
        let input = match call.read::<AssumeRoleWithWebIdentityRequest>() {
            Ok(input) => input,
            Err(error) => {
                let refusal = error.refusal(call.protocol(), Some(call.service()));
                self.refusals.note(Some(peer), &refusal.code, id);
                return reply.error(&refusal);
            }
        };
        let caller = iam::authenticate_web_identity(&self.services, &input).await;
        let (route, region) = (
            self.router.find(call.service(), call.operation()),
            self.regions.first(),
        );
        match (caller, route, region) {
            (Ok(caller), Some(route), Some(region)) => {
                // Decided on what holds now: finding the keys can have taken a while.
                let view = store::View::plain(self.services.store().snapshot());
                let services = self.services.clone();
                let ctx = Ctx::new(services, view, caller, origin, region.clone(), id);
                let response = route.answer(ctx, call).await;
                if !response.status().is_client_error() {
                    charge.accepted();
                }
                response
            }
            (Ok(_), _, _) => {
                let operation = call.operation().to_owned();
                reply.refuse(&wire::Error::UnknownOperation { operation })
            }
            (Err(failure), _, _) => {
                // That an issuer's keys are not to be had is no fault of whoever has its token.
                if failure.kind == ErrorKind::Unavailable {
                    charge.accepted();
                }
                debug!(request = %id, cause = ?failure.source, "the identity was not accepted");
                let refusal = Refusal {
                    kind: failure.kind,
                    code: failure.code,
                    message: failure.message,
                    status: failure.status,
                    reason: failure.reason,
                };
                let owner = self.account_of(&input.role_arn);
                self.record_stranger(call, owner, &refusal, &origin, id)
                    .await;
                reply.error(&refusal)
            }
        }
    }

    /// The account of the role that a call names, if it exists; else the first one.
    fn account_of(&self, role: &str) -> AccountId {
        let view = store::View::plain(self.services.store().snapshot());
        let account = role.parse::<Arn>().ok().and_then(|role| role.account());
        let directory = self.services.part::<Principals>().ok();
        let exists = |account: &AccountId| {
            directory.is_some_and(|Principals(known)| known.account_exists(&view, *account))
        };
        account.filter(exists).unwrap_or(self.home)
    }

    /// Logs and records a call whose token is not accepted, in the history of `owner`.
    async fn record_stranger(
        &self,
        call: &Call<'_>,
        owner: AccountId,
        refusal: &Refusal,
        origin: &Origin,
        id: RequestId,
    ) {
        metrics::counter!("strongroom_unauthenticated_total", "code" => refusal.code.to_string())
            .increment(1);
        self.refusals.note(origin.source_ip, &refusal.code, id);
        let Some(region) = self.regions.first() else {
            return;
        };
        let attempt = UnauthenticatedCall {
            access_key_id: None,
            service: Some(call.service()),
            operation: call.operation(),
            read_only: true,
            code: &refusal.code,
            message: &refusal.message,
        };
        let services = &self.services;
        pipeline::record_unauthenticated(services, owner, region, origin, id, attempt).await;
    }

    fn throttled(&self, peer: IpAddr, id: RequestId) -> Response<Bytes> {
        let refusal = Refusal {
            kind: ErrorKind::Throttled,
            code: "Throttling".into(),
            message: "Rate exceeded".to_owned(),
            status: Some(400),
            reason: None,
        };
        self.refusals.note(Some(peer), &refusal.code, id);
        let reply = ReplyTo::operation(Service::Sts, "AssumeRoleWithWebIdentity", id);
        closing(reply.error(&refusal))
    }
}
