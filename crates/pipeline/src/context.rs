//! What a request knows: who, from where, when, which snapshot, and the server's parts.
//!
//! One file though it is long: the contexts of inner calls are made of the outer one's, field by
//! field, and whether a call may pass for another's is decided by what each of them keeps.

use std::any::Any;
use std::net::IpAddr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use audit::TlsDetails;
use store::{Batch, Revision, View};
use types::{
    AccessKeyId, AccountId, Arn, Entropy, Monotonic, Principal, Region, RequestId, Service,
    Timestamp,
};

use crate::afterwards::{Afterwards, When};
use crate::sources::AccountBounds;
use crate::steps::CallSteps;
use crate::{MissingPart, Services, Session};

/// Who calls, as authentication found it.
#[derive(Debug, Clone)]
pub struct Caller {
    /// The principal.
    pub principal: Principal,
    /// The access key that signed; services that act for themselves have none.
    pub access_key: Option<AccessKeyId>,
    /// What the session token says, if the access key is a temporary one.
    pub session: Option<Arc<Session>>,
}

/// Where a request comes from.
#[derive(Debug, Clone, Default)]
pub struct Origin {
    /// The peer's address, or the one that a configured proxy names.
    pub source_ip: Option<IpAddr>,
    /// `User-Agent`.
    pub user_agent: Option<String>,
    /// `Referer`.
    pub referer: Option<String>,
    /// Whether the connection was TLS.
    pub secure_transport: bool,
    /// The connection's TLS parameters.
    pub tls: Option<TlsDetails>,
}

/// One request, in one snapshot.
#[derive(Debug)]
pub struct Ctx {
    services: Arc<Services>,
    view: View,
    shared: Arc<RequestShared>,
    via: Option<Service>,
    /// The resource that a service acts for.
    source: Option<Arn>,
    /// The service that assumed the role which calls, in this very snapshot.
    assumed: Option<Service>,
    /// The metadata revision that the caller's signature was verified on, if it was.
    authenticated: Option<Revision>,
    /// Whether an attempt before this one was in vain.
    repeated: bool,
    /// Whether the handler met what is newer than its view.
    outdated: AtomicBool,
    /// Changes and audit records of calls that were made on the caller's behalf.
    effects: Mutex<Batch>,
    /// The ids of this call's records, by account.
    event_ids: Mutex<Vec<(AccountId, RequestId)>>,
    /// What is done once the changes are durable.
    afterwards: Afterwards,
}

/// What stays the same for a request and the calls that services make for it.
#[derive(Debug)]
struct RequestShared {
    caller: Arc<Caller>,
    origin: Origin,
    region: Region,
    id: RequestId,
    time: Timestamp,
    monotonic: Monotonic,
    steps: CallSteps,
    /// The request that a service makes this one for.
    made_for: Option<Arc<RequestShared>>,
}

impl Ctx {
    /// A context for a request of `caller`, whose credential is looked at before anything is
    /// decided, seeing `view`.
    pub fn new(
        services: Arc<Services>,
        view: View,
        caller: impl Into<Arc<Caller>>,
        origin: Origin,
        region: Region,
        id: RequestId,
    ) -> Self {
        let (time, monotonic) = (services.clock.now(), services.clock.monotonic());
        let shared = Arc::new(RequestShared {
            caller: caller.into(),
            origin,
            region,
            id,
            time,
            monotonic,
            steps: CallSteps::default(),
            made_for: None,
        });
        Self {
            services,
            view,
            shared,
            via: None,
            source: None,
            assumed: None,
            authenticated: None,
            repeated: false,
            outdated: AtomicBool::new(false),
            effects: Mutex::default(),
            event_ids: Mutex::default(),
            afterwards: Afterwards::default(),
        }
    }

    /// Says that the caller's signature was verified on the very view that this request sees:
    /// there its credential need not be looked at again.
    pub fn authenticated(mut self) -> Self {
        self.authenticated = Some(self.view.revision());
        self
    }

    /// Says that a service makes this request for the resource at `source`, which policies see
    /// as `aws:SourceArn`. Nothing that a caller sends sets it.
    pub fn about(mut self, source: Arn) -> Self {
        self.source = Some(source);
        self
    }

    /// The same request, seeing `view`: for another attempt.
    pub(crate) fn again(&self, view: View) -> Self {
        Self {
            services: Arc::clone(&self.services),
            view,
            shared: Arc::clone(&self.shared),
            via: self.via,
            source: self.source.clone(),
            assumed: self.assumed,
            authenticated: self.authenticated,
            repeated: self.repeated,
            outdated: AtomicBool::new(false),
            effects: Mutex::default(),
            event_ids: Mutex::default(),
            afterwards: Afterwards::default(),
        }
    }

    /// Says that an attempt before this one was in vain: what it counted is counted.
    pub(crate) fn repeated(self) -> Self {
        Self {
            repeated: true,
            ..self
        }
    }

    /// Says that the call has met something that is newer than what it sees, such as a record
    /// under a key that was made since: it is decided anew on the newest snapshot, whatever it
    /// answers, unless that has been done too often.
    pub fn decide_anew(&self) {
        self.outdated.store(true, Ordering::Relaxed);
    }

    /// Whether the call is to be decided anew.
    pub(crate) fn is_outdated(&self) -> bool {
        self.outdated.load(Ordering::Relaxed)
    }

    /// Whether an attempt before this one was in vain: what is taken for each call was taken then.
    pub fn is_repeated(&self) -> bool {
        self.repeated
    }

    /// A request of the past, received at `time`, which `via` made on the caller's behalf and
    /// for the resource at `source`.
    pub(crate) fn replayed(
        mut self,
        time: Timestamp,
        via: Option<Service>,
        source: Option<Arn>,
    ) -> Self {
        self.shared = Arc::new(RequestShared {
            caller: Arc::clone(&self.shared.caller),
            origin: self.shared.origin.clone(),
            region: self.shared.region.clone(),
            id: self.shared.id,
            time,
            monotonic: self.shared.monotonic,
            steps: CallSteps::default(),
            made_for: None,
        });
        self.via = via;
        self.source = source;
        self
    }

    /// The same request as `service` makes it on the caller's behalf.
    pub fn on_behalf_of(self: &Ctx, service: Service) -> ByService<'_> {
        ByService {
            parent: self,
            service,
            actor: Actor::Caller,
            region: None,
        }
    }

    /// What `service` does in its own name on the way, for the resource at `source`: the
    /// caller has no part in it, neither its rights nor its name.
    pub fn in_own_name(self: &Ctx, service: Service, source: Arn) -> ByService<'_> {
        ByService {
            parent: self,
            service,
            actor: Actor::Service(source),
            region: None,
        }
    }

    /// The same in the session of a role that `service` has assumed on this request's snapshot:
    /// the role's rights count, and neither the caller's nor the service's.
    pub(crate) fn in_role(self: &Ctx, service: Service, role: Arc<Caller>) -> ByService<'_> {
        ByService {
            parent: self,
            service,
            actor: Actor::Role(role),
            region: None,
        }
    }

    /// What outlives the request.
    pub fn services(&self) -> &Arc<Services> {
        &self.services
    }

    /// A service's shared part; see [`Services::part`].
    pub fn part<T: Any + Send + Sync>(&self) -> Result<&T, MissingPart> {
        self.services.part()
    }

    /// The metadata as this request sees it.
    pub fn view(&self) -> &View {
        &self.view
    }

    /// Who calls.
    pub fn caller(&self) -> &Caller {
        &self.shared.caller
    }

    /// The same, as it is kept for every request that this credential signs.
    pub(crate) fn shared_caller(&self) -> &Arc<Caller> {
        &self.shared.caller
    }

    /// Whether this request was authenticated in the very snapshot that it sees, so that
    /// its credential need not be looked at again.
    pub(crate) fn is_freshly_authenticated(&self) -> bool {
        !self.view.is_recording() && self.authenticated == Some(self.view.revision())
    }

    /// The account whose history has this call: the caller's, or of what a service does in
    /// its own name the account of the resource that it acts for.
    pub(crate) fn home(&self) -> Option<AccountId> {
        let caller = &self.shared.caller.principal;
        caller
            .home()
            .or_else(|| self.source.as_ref().and_then(Arn::account))
    }

    /// The caller's account.
    ///
    /// Services that act for themselves have none; operations that work in the caller's
    /// account refuse them.
    pub fn account(&self) -> Option<AccountId> {
        self.shared.caller.principal.account()
    }

    /// Where the request comes from.
    pub fn origin(&self) -> &Origin {
        &self.shared.origin
    }

    /// What the organization says of the caller's account; `None` for a service that acts for
    /// itself.
    pub(crate) fn caller_bounds(&self) -> Option<Arc<AccountBounds>> {
        self.account().map(|account| self.bounds(account))
    }

    /// What the organization says of `account`.
    pub(crate) fn bounds(&self, account: AccountId) -> Arc<AccountBounds> {
        let organization = &self.services.sources.organization;
        organization.bounds(&self.view, account)
    }

    /// The region that the request was signed for.
    pub fn region(&self) -> &Region {
        &self.shared.region
    }

    /// The request's id.
    pub fn id(&self) -> RequestId {
        self.shared.id
    }

    /// When the request was received.
    pub fn time(&self) -> Timestamp {
        self.shared.time
    }

    /// The monotonic reading when the request was received.
    pub fn monotonic(&self) -> Monotonic {
        self.shared.monotonic
    }

    /// What the decisions of the call may take: one for all that is done for the request of a caller.
    pub(crate) fn steps(&self) -> &CallSteps {
        let shared = self.shared.made_for.as_ref();
        &shared.unwrap_or(&self.shared).steps
    }

    /// The source of randomness.
    pub fn entropy(&self) -> &dyn Entropy {
        self.services.entropy()
    }

    /// The service that calls on the caller's behalf, if one does.
    pub fn via(&self) -> Option<Service> {
        self.via
    }

    /// The service that assumed the role which calls, if one did. Nobody signed then: the
    /// role's trust policy has let the service in, in the snapshot that this request sees.
    pub(crate) fn assumed(&self) -> Option<Service> {
        self.assumed
    }

    /// The service that made this call, for the caller or as a role that it assumed.
    pub(crate) fn invoked_by(&self) -> Option<Service> {
        self.via.or(self.assumed)
    }

    /// The resource that a service acts for, if it said so.
    pub fn source(&self) -> Option<&Arn> {
        self.source.as_ref()
    }

    /// The id of the record that this call leaves in the history of `account`.
    pub fn event_id(&self, account: AccountId) -> RequestId {
        let mut ids = self
            .event_ids
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        if let Some((_, id)) = ids.iter().find(|(known, _)| *known == account) {
            return *id;
        }
        let id = RequestId::generate(self.entropy());
        ids.push((account, id));
        id
    }

    /// Has `work` done once this call's changes are durable, before the call is answered, and
    /// whether or not the caller still waits for the answer; never if the call fails, or is
    /// decided anew. For what must not happen before the commit and is not in the store: the work
    /// is short, and what a crash keeps it from is found again otherwise.
    pub fn afterwards(&self, work: impl FnOnce() + Send + 'static) {
        self.afterwards.add(When::Succeeded, work);
    }

    /// The same, for what is also to be done if nobody can tell whether the changes are durable:
    /// counting them, which had better be done once too often than not at all.
    pub fn afterwards_or_in_doubt(&self, work: impl FnOnce() + Send + 'static) {
        self.afterwards.add(When::InDoubt, work);
    }

    /// Has `work` done once the record of this call is durable, or if nobody can tell; for what is
    /// counted as the records tell it. If this is a call on somebody's behalf that changes nothing,
    /// that is so though the outer call fails; and a call that is decided anew is one call.
    pub fn when_recorded(&self, work: impl FnOnce() + Send + 'static) {
        self.afterwards.add(When::Recorded, work);
    }

    /// Does what waits for the commit of this call.
    pub(crate) fn committed(&self) {
        self.afterwards.committed();
    }

    /// Does of it what is also to be done if nobody can tell how the commit ended.
    pub(crate) fn in_doubt(&self) {
        self.afterwards.in_doubt();
    }

    /// Does of it what the records are for alone: the call has failed, and they are durable, or may
    /// be.
    pub(crate) fn recorded(&self) {
        self.afterwards.recorded();
    }

    /// Takes over what waits for the commit of `inner`, a call on this one's behalf: it is committed
    /// with this one, or, if it has failed, its records are.
    pub(crate) fn wait_for(&self, inner: &Self, succeeded: bool) {
        self.afterwards.take_over(&inner.afterwards, succeeded);
    }

    /// Adds changes that are committed with this call.
    pub(crate) fn absorb(&self, batch: Batch) {
        self.effects
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .merge(batch);
    }

    /// Takes out what calls on the caller's behalf have left to commit.
    pub(crate) fn take_effects(&self) -> Batch {
        std::mem::take(&mut *self.effects.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// As whom a service calls.
#[derive(Debug)]
enum Actor {
    /// As the caller.
    Caller,
    /// As itself, for this resource.
    Service(Arn),
    /// As a role that it assumed.
    Role(Arc<Caller>),
}

/// A request as a service makes it: on the caller's behalf, in its own name, or in the session
/// of a role; see [`crate::call`].
#[derive(Debug)]
pub struct ByService<'a> {
    pub(crate) parent: &'a Ctx,
    service: Service,
    /// As whom it calls.
    actor: Actor,
    /// Where the service calls, if not in the region of the request.
    region: Option<Region>,
}

impl ByService<'_> {
    /// The same in `region`: decided with that region's keys and recorded there.
    pub fn in_region(self, region: Region) -> Self {
        Self {
            region: Some(region),
            ..self
        }
    }

    /// A context of its own for the inner call, on the parent's snapshot.
    pub(crate) fn context(&self) -> Ctx {
        let view = View::recording(Arc::clone(self.parent.view.snapshot()));
        let inner = self.parent.again(view);
        let region = self.region.as_ref().unwrap_or(&inner.shared.region).clone();
        let (caller, origin) = match &self.actor {
            Actor::Caller => (
                Arc::clone(&inner.shared.caller),
                inner.shared.origin.clone(),
            ),
            Actor::Service(_) => (
                Arc::new(Caller::of_service(self.service)),
                Origin::default(),
            ),
            // What a service does never leaves this process.
            Actor::Role(caller) => {
                let origin = Origin {
                    secure_transport: true,
                    ..Origin::default()
                };
                (Arc::clone(caller), origin)
            }
        };
        let outer = inner.shared.made_for.as_ref().unwrap_or(&inner.shared);
        let shared = Arc::new(RequestShared {
            caller,
            origin,
            region,
            id: inner.shared.id,
            time: inner.shared.time,
            monotonic: inner.shared.monotonic,
            steps: CallSteps::default(),
            made_for: Some(Arc::clone(outer)),
        });
        match &self.actor {
            Actor::Caller => Ctx {
                shared,
                via: Some(self.service),
                ..inner
            },
            Actor::Service(source) => Ctx {
                shared,
                via: None,
                source: Some(source.clone()),
                assumed: None,
                authenticated: None,
                ..inner
            },
            Actor::Role(_) => Ctx {
                shared,
                via: None,
                source: None,
                assumed: Some(self.service),
                authenticated: None,
                ..inner
            },
        }
    }
}
