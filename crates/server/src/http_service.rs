//! One HTTP request: bounds, signature, envelope, and on to its operation.

mod body;
mod forwarded;
mod regions;
mod web_identity;

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use audit::TlsDetails;
use bytes::Bytes;
use http::header::{REFERER, USER_AGENT};
use http::request::Parts;
use http::{HeaderName, HeaderValue, Response};
use hyper::body::Incoming;
use metrics::Histogram;
use pipeline::{Caller, Ctx, Kind, Origin, Services, UnauthenticatedCall};
use tracing::debug;
use types::{AccountId, Principal, Region, RequestId, Service, SystemClock};
use wire::sigv4::{self, AuthError, PayloadHash, Unverified, Verifier};
use wire::{BodyRule, Envelope, Limits, Protocol, Refusal, ReplyTo};

use self::body::{Bodies, BodyRefused, Sender};
use crate::allowance::Allowances;
use crate::config::Config;
use crate::credentials::{Known, KnownCredentials};
use crate::refusals::Refusals;
use crate::router::{Answer, Committed, Router, failure_of};
use crate::unread::Unread;

/// Signing keys kept: one per access key, day, region and service in use.
const SIGNING_KEYS: usize = 4096;

/// Bytes of a body that are read for an access key that does not exist.
const STRANGERS_BODY: usize = 64 * 1024;

/// Who is at the other end of a connection.
#[derive(Debug)]
pub(crate) struct Peer {
    /// The socket's address.
    pub address: SocketAddr,
    /// TLS parameters, if the connection is TLS.
    pub tls: Option<TlsDetails>,
}

/// Answers requests.
#[derive(Debug)]
pub(crate) struct HttpService {
    services: Arc<Services>,
    router: Router,
    verifier: Verifier,
    credentials: KnownCredentials,
    limits: Limits,
    regions: Vec<Region>,
    home: AccountId,
    trusted_proxies: Vec<IpAddr>,
    bodies: Bodies,
    unread: Unread,
    refusals: Refusals,
    /// What addresses may do without a signature.
    allowances: Allowances,
    /// How long requests took, for Prometheus.
    seconds: Histogram,
}

/// A request whose signature has been read but not verified.
struct Arrived<'r> {
    signature: Unverified<'r>,
    envelope: Envelope<'r>,
    region: Region,
}

/// Why no operation was run.
struct Refused {
    error: wire::Error,
    service: Option<Service>,
    operation: String,
    access_key: Option<String>,
    /// The account that the access key belongs to, if there is such a key.
    owner: Option<AccountId>,
    region: Option<Region>,
}

impl HttpService {
    /// A service for `config` that records unauthenticated calls for account `home` unless
    /// they present the access key of another.
    pub(crate) fn new(config: &Config, services: Arc<Services>, home: AccountId) -> Self {
        let refusals = Refusals::new(Arc::new(SystemClock::new()));
        let skew = Duration::from_secs(config.limits.clock_skew_seconds);
        Self {
            services,
            router: Router::complete(),
            verifier: Verifier::new(skew, SIGNING_KEYS),
            credentials: KnownCredentials::default(),
            limits: Limits::default(),
            regions: config.regions.clone(),
            home,
            trusted_proxies: config
                .trusted_proxies
                .iter()
                .map(IpAddr::to_canonical)
                .collect(),
            bodies: Bodies::new(&config.limits),
            unread: Unread::new(config.limits.response_memory),
            refusals,
            allowances: Allowances::new(config.limits.unsigned_calls),
            seconds: metrics::histogram!("strongroom_request_seconds"),
        }
    }

    /// Whether changes can be made.
    pub(crate) fn is_writable(&self) -> bool {
        self.services.store().is_writable()
    }

    /// Reads no more bodies: calls whose body has not arrived are answered as a sealed server's
    /// are. What has begun goes on.
    pub(crate) fn stop_reading(&self) {
        self.bodies.stop();
    }

    /// Answers one call. Never fails: what goes wrong is an answer too.
    pub(crate) async fn call(
        &self,
        peer: &Peer,
        parts: &Parts,
        body: Incoming,
        id: RequestId,
    ) -> Response<Bytes> {
        let started = self.services.clock().monotonic();
        let response = self.answer(peer, parts, body, id).await;
        let now = self.services.clock().monotonic();
        let spent = now.0.saturating_sub(started.0);
        self.seconds.record(spent);
        debug!(request = %id, peer = %peer.address, status = response.status().as_u16(), "answered");
        if response.extensions().get::<Committed>().is_some() {
            self.unread.hold_committed(response)
        } else {
            self.unread.hold(response, parts, id)
        }
    }

    async fn answer(
        &self,
        peer: &Peer,
        parts: &Parts,
        body: Incoming,
        id: RequestId,
    ) -> Response<Bytes> {
        let protocol = wire::protocol_of(parts);
        let rule = match self.limits.check(parts) {
            Ok(rule) => rule,
            Err(error) => {
                if let (true, Ok(origin)) = (sigv4::is_for_s3(parts), self.origin(peer, parts)) {
                    let refused = Refused::unsigned(error, parts);
                    return closing(self.refuse(protocol, refused, origin, id).await);
                }
                let refusal = error.refusal(protocol, None);
                return self.turned_away(peer, protocol, &refusal, id);
            }
        };
        let origin = match self.origin(peer, parts) {
            Ok(origin) => origin,
            Err(error) => {
                let refusal = error.refusal(protocol, None);
                return self.turned_away(peer, protocol, &refusal, id);
            }
        };
        let arrived = match self.arrived(parts) {
            Ok(arrived) => arrived,
            Err(refused) => {
                let answer = self.unsigned(parts, body, origin, *refused, id);
                return Box::pin(answer).await;
            }
        };
        let sender = self.sender(
            &arrived,
            rule,
            origin.source_ip.unwrap_or_else(|| peer.address.ip()),
        );
        let limit = match sender {
            Sender::Caller => rule.limit,
            // Their signature cannot be right.
            Sender::Stranger(_) | Sender::Unsigned(_) => rule.limit.min(STRANGERS_BODY),
        };
        let (body, _room) = match self.bodies.read(body, limit, sender).await {
            Ok(read) => read,
            Err(BodyRefused::TooLarge) if matches!(sender, Sender::Stranger(_)) => {
                return self.stranger(&arrived, origin, id).await;
            }
            Err(refused) => {
                let refusal = refused.refusal(limit, protocol);
                return self.turned_away(peer, protocol, &refusal, id);
            }
        };
        let is_own = arrived.envelope.service() == Service::Strongroom;
        let response = self.dispatch(arrived, &body, origin, id).await;
        if is_own {
            // It may hold what opens the seal.
            body::wipe(body);
        }
        response
    }

    /// Answers and records a request that is signed with an access key that may not sign, and
    /// whose body is longer than is read for it: what is wrong is the key and not the body.
    async fn stranger(
        &self,
        arrived: &Arrived<'_>,
        origin: Origin,
        id: RequestId,
    ) -> Response<Bytes> {
        let Arrived {
            signature,
            envelope,
            region,
        } = arrived;
        let refused = Refused {
            error: AuthError::UnrecognizedClient.into(),
            service: Some(envelope.service()),
            operation: envelope.operation().unwrap_or_default().to_owned(),
            access_key: Some(signature.access_key().to_string()),
            owner: self.owner(signature),
            region: Some(region.clone()),
        };
        let answer = self.refuse(envelope.protocol(), refused, origin, id);
        closing(answer.await)
    }

    /// Answers and logs a request whose head or body is refused, and closes.
    fn turned_away(
        &self,
        peer: &Peer,
        protocol: Protocol,
        refusal: &Refusal,
        id: RequestId,
    ) -> Response<Bytes> {
        let from = Some(peer.address.ip());
        self.refusals.note(from, &refusal.code, id);
        closing(ReplyTo::unknown(None, protocol, id).error(refusal))
    }

    /// Who sends the body of a request, as far as its head tells; nobody asks without a body.
    fn sender(&self, arrived: &Arrived<'_>, rule: BodyRule, peer: IpAddr) -> Sender {
        if rule.declared == 0 {
            return Sender::Caller;
        }
        let view = store::View::plain(self.services.store().snapshot());
        match self.known(&view, &arrived.signature) {
            Some(_) => Sender::Caller,
            None => Sender::Stranger(peer),
        }
    }

    /// Reads signature and envelope from the head, before a body is accepted.
    fn arrived<'r>(&self, parts: &'r Parts) -> Result<Arrived<'r>, Box<Refused>> {
        let signature = Unverified::from_request(parts)
            .map_err(|error| Box::new(Refused::unsigned(error.into(), parts)))?;
        let region = regions::of_scope(signature.scope(), &self.regions);
        let refused = |error| {
            Box::new(Refused {
                access_key: Some(signature.access_key().to_string()),
                owner: self.owner(&signature),
                region: region.clone(),
                ..Refused::unsigned(error, parts)
            })
        };
        let now = self.services.clock().now();
        self.verifier
            .check_time(&signature, now)
            .map_err(|error| refused(error.into()))?;
        let region = region
            .clone()
            .ok_or_else(|| refused(AuthError::wrong_region().into()))?;
        let envelope = Envelope::from_request(parts, signature.scope()).map_err(&refused)?;
        if !regions::has(&envelope, &region, &self.regions) {
            return Err(refused(AuthError::wrong_region().into()));
        }
        Ok(Arrived {
            signature,
            envelope,
            region,
        })
    }

    /// Verifies the signature on the newest snapshot and begins the operation.
    ///
    /// What remains to be awaited is behind a pointer, here and below: every connection has
    /// room for what its request awaits, and that is moved when a request begins.
    fn dispatch(
        &self,
        arrived: Arrived<'_>,
        body: &Bytes,
        origin: Origin,
        id: RequestId,
    ) -> Answer<'_> {
        let Arrived {
            signature,
            envelope,
            region,
        } = arrived;
        let view = store::View::plain(self.services.store().snapshot());
        let caller = match self.authenticate(&signature, &view, body) {
            Ok(caller) => caller,
            Err(error) => {
                let refused = Refused {
                    error: error.into(),
                    service: Some(envelope.service()),
                    operation: operation_of(&envelope, body),
                    access_key: Some(signature.access_key().to_string()),
                    owner: self.owner(&signature),
                    region: Some(region),
                };
                return self.refuse(envelope.protocol(), refused, origin, id);
            }
        };
        self.note_use(&caller, envelope.service(), &region);
        let services = Arc::clone(&self.services);
        let ctx = Ctx::new(services, view, caller, origin, region, id).authenticated();
        let call = match envelope.call(body) {
            Ok(call) => call,
            Err(error) => return self.unreadable(ctx, &envelope, error),
        };
        if let Some(route) = self.router.find(call.service(), call.operation()) {
            route.answer(ctx, &call)
        } else {
            let operation = call.operation().to_owned();
            let error = match call.service() {
                // Our own service has no model that would know the name.
                Service::Strongroom => wire::Error::UnknownOperation { operation },
                _ => wire::Error::Unsupported { operation },
            };
            self.unreadable(ctx, &envelope, error)
        }
    }

    /// Answers and records an authenticated call whose input cannot be read, or that names no
    /// operation of this deployment: its record has the name that was asked for.
    fn unreadable(&self, ctx: Ctx, envelope: &Envelope<'_>, error: wire::Error) -> Answer<'_> {
        let service = envelope.service();
        let protocol = envelope.protocol();
        let operation = envelope.operation().unwrap_or_default().to_owned();
        Box::pin(async move {
            let kind = match self.router.find(service, &operation) {
                Some(route) => route.kind(),
                // Whatever it is, it is not about anything that is managed there.
                None if service == Service::FeatureStoreRuntime => Kind::DataWrite,
                None => Kind::Mutating,
            };
            let failure = failure_of(error.refusal(protocol, Some(service)));
            self.refusals.note_call(service, &failure.code, ctx.id());
            let asked = error.operation().unwrap_or(&operation);
            pipeline::record_refused(&ctx, service, asked, kind, &failure).await;
            let reply = if operation.is_empty() {
                ReplyTo::unknown(Some(service), protocol, ctx.id())
            } else {
                ReplyTo::operation(service, &operation, ctx.id())
            };
            reply.refuse(&error)
        })
    }

    fn authenticate(
        &self,
        signature: &Unverified<'_>,
        view: &store::View,
        body: &[u8],
    ) -> Result<Arc<Caller>, AuthError> {
        let payload = PayloadHash::of(body);
        let now = self.services.clock().now();
        let Some(known) = self.known(view, signature) else {
            return Err(self.verifier.refuse_unknown(signature, &payload, now));
        };
        self.verifier
            .verify(signature, &known.secret, &payload, now)?;
        // Only whoever has the secret hears that the session is over.
        known.check_life(now)?;
        Ok(Arc::clone(&known.caller))
    }

    /// The credential that a request claims to be signed with.
    fn known(&self, view: &store::View, signature: &Unverified<'_>) -> Option<Arc<Known>> {
        let tokens = self.services.part::<iam::SessionTokens>().ok()?;
        let token = signature.session_token();
        self.credentials
            .find(view, tokens, signature.access_key(), token)
    }

    /// The account that the access key of a request belongs to, whether or not it may sign.
    fn owner(&self, signature: &Unverified<'_>) -> Option<AccountId> {
        let view = store::View::plain(self.services.store().snapshot());
        match iam::credential_state(&view, signature.access_key()) {
            iam::CredentialState::Active(credential) => Some(credential.account),
            iam::CredentialState::Inactive { account } => Some(account),
            iam::CredentialState::Unknown => {
                self.known(&view, signature)?.caller.principal.account()
            }
        }
    }

    fn note_use(&self, caller: &Caller, service: Service, region: &Region) {
        let Ok(last_used) = self.services.part::<iam::LastUsed>() else {
            return;
        };
        let now = self.services.clock().now();
        match (&caller.principal, &caller.access_key) {
            (Principal::AssumedRole { role_id, .. }, _) => {
                last_used.record_role(role_id, service, region, now);
            }
            // Temporary keys are never listed.
            (_, Some(key)) if caller.session.is_none() => {
                last_used.record(key, service, region, now);
            }
            (_, Some(_) | None) => {}
        }
    }

    /// Answers a request that was refused before it was authenticated, and records it.
    fn refuse(
        &self,
        protocol: Protocol,
        refused: Refused,
        origin: Origin,
        id: RequestId,
    ) -> Answer<'_> {
        Box::pin(async move {
            let refusal = refused.error.refusal(protocol, refused.service);
            metrics::counter!("strongroom_unauthenticated_total", "code" => refusal.code.to_string())
                .increment(1);
            self.refusals.note(origin.source_ip, &refusal.code, id);
            let route = refused
                .service
                .and_then(|service| self.router.find(service, &refused.operation));
            let kind = route.map_or(Kind::Mutating, crate::router::Route::kind);
            let region = refused.region.as_ref().or_else(|| self.regions.first());
            if let (wire::Error::Auth(_), Some(region), false) =
                (&refused.error, region, kind.is_data())
            {
                let attempt = UnauthenticatedCall {
                    access_key_id: refused.access_key.as_deref(),
                    service: refused.service,
                    operation: &refused.operation,
                    read_only: kind.is_read_only(),
                    code: &refusal.code,
                    message: &refusal.message,
                };
                pipeline::record_unauthenticated(
                    &self.services,
                    refused.owner.unwrap_or(self.home),
                    region,
                    &origin,
                    id,
                    attempt,
                )
                .await;
            }
            ReplyTo::unknown(refused.service, protocol, id).error(&refusal)
        })
    }

    fn origin(&self, peer: &Peer, parts: &Parts) -> Result<Origin, wire::Error> {
        // Condition keys show these: a header without a text is like one that was not sent.
        let text = |name: HeaderName| {
            let value = parts.headers.get(name)?.to_str().ok()?.trim();
            (!value.is_empty()).then(|| value.to_owned())
        };
        let address = peer.address.ip().to_canonical();
        let source_ip = forwarded::source_ip(address, &self.trusted_proxies, &parts.headers);
        Ok(Origin {
            source_ip: Some(source_ip.map_err(wire::Error::Head)?),
            user_agent: text(USER_AGENT),
            referer: text(REFERER),
            secure_transport: peer.tls.is_some(),
            tls: peer.tls.clone(),
        })
    }
}

impl Refused {
    /// A request whose signature says nothing that could be read, or that is for S3.
    fn unsigned(error: wire::Error, parts: &Parts) -> Self {
        if sigv4::is_for_s3(parts) {
            return Self {
                error: AuthError::NoEndpoint.into(),
                service: Some(Service::S3),
                operation: String::new(),
                access_key: None,
                owner: None,
                region: None,
            };
        }
        let addressed = wire::addressed(parts);
        Self {
            error,
            service: addressed.map(|(service, _)| service),
            operation: addressed.map_or_else(String::new, |(_, name)| name.to_owned()),
            access_key: None,
            owner: None,
            region: None,
        }
    }
}

/// The operation that a call names; where the body does, only one that exists.
fn operation_of(envelope: &Envelope<'_>, body: &Bytes) -> String {
    if let Some(name) = envelope.operation() {
        return name.to_owned();
    }
    let call = envelope.call(body).ok();
    call.map_or_else(String::new, |call| call.operation().to_owned())
}

/// The body was not read, so the connection cannot be used again.
pub(crate) fn closing(mut response: Response<Bytes>) -> Response<Bytes> {
    response
        .headers_mut()
        .insert(http::header::CONNECTION, HeaderValue::from_static("close"));
    response
}

/// Says which metadata revision decided.
pub(crate) fn set_revision(response: &mut Response<Bytes>, revision: u64) {
    response
        .headers_mut()
        .insert(REVISION, HeaderValue::from(revision));
}

const REVISION: HeaderName = HeaderName::from_static("x-strongroom-revision");
