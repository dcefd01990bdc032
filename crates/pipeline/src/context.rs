//! What a request knows: who, from where, when, which snapshot, and the server's parts.

use std::any::{Any, TypeId};
use std::fmt;
use std::net::IpAddr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use audit::{Damper, Strangers, TlsDetails};
use store::{Batch, Revision, Store, View};
use types::{
    AccessKeyId, AccountId, Arn, Clock, Entropy, Monotonic, Principal, Region, RequestId, Service,
    Timestamp,
};

use crate::Session;
use crate::error::Failure;
use crate::lines::Lines;
use crate::repeated::Repeated;
use crate::settled::Settled;
use crate::sources::{AccountBounds, Sources};

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

/// Shared parts of services, found by their type: key rings, caches, engines.
#[derive(Default)]
pub struct Parts(Vec<(TypeId, Arc<dyn Any + Send + Sync>)>);

impl Parts {
    /// Adds a part; a second of the same type replaces the first.
    pub fn insert<T: Any + Send + Sync>(&mut self, part: Arc<T>) {
        self.0.retain(|(known, _)| *known != TypeId::of::<T>());
        self.0.push((TypeId::of::<T>(), part));
    }

    fn get<T: Any + Send + Sync>(&self) -> Option<&T> {
        // A handful: looking at each costs less than hashing.
        let mut parts = self.0.iter();
        let (_, part) = parts.find(|(known, _)| *known == TypeId::of::<T>())?;
        part.downcast_ref()
    }
}

impl fmt::Debug for Parts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Parts({})", self.0.len())
    }
}

/// Everything that outlives a request.
#[derive(Debug)]
pub struct Services {
    pub(crate) store: Arc<dyn Store>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) entropy: Arc<dyn Entropy>,
    pub(crate) sources: Sources,
    /// Damps denials of authenticated callers.
    pub(crate) damper: Damper,
    /// Damps what nobody was authenticated for; kept apart so that a flood hides no caller.
    pub(crate) strangers: Strangers,
    /// Bounds the lines of the log about what callers were refused.
    pub(crate) lines: Lines,
    /// The same of what went wrong here; kept apart so that no caller's denials hide it.
    pub(crate) errors: Lines,
    /// Permissions that are given again while nothing changes.
    pub(crate) repeated: Repeated,
    settled: Settled,
    parts: Parts,
}

/// Assembles [`Services`]; the server does, once.
#[derive(Debug)]
pub struct ServicesBuilder {
    /// The store.
    pub store: Arc<dyn Store>,
    /// The clock.
    pub clock: Arc<dyn Clock>,
    /// The source of randomness.
    pub entropy: Arc<dyn Entropy>,
    /// Where policies come from.
    pub sources: Sources,
    /// The services' own shared parts.
    pub parts: Parts,
}

impl ServicesBuilder {
    /// The assembled services.
    pub fn build(self) -> Arc<Services> {
        Arc::new(Services {
            store: self.store,
            clock: self.clock,
            entropy: self.entropy,
            sources: self.sources,
            damper: Damper::default(),
            strangers: Strangers::default(),
            lines: Lines::default(),
            errors: Lines::default(),
            repeated: Repeated::default(),
            settled: Settled::default(),
            parts: self.parts,
        })
    }
}

impl Services {
    /// The store.
    pub fn store(&self) -> &Arc<dyn Store> {
        &self.store
    }

    /// The clock.
    pub fn clock(&self) -> &Arc<dyn Clock> {
        &self.clock
    }

    /// The time that what cannot be undone goes by: that of the clock, unless it is more than an
    /// hour ahead of what the time that has passed explains, and has not been so for an hour. It
    /// is never ahead of the clock.
    pub fn settled_time(&self) -> Timestamp {
        self.settled.read(self.clock.now(), self.clock.monotonic())
    }

    /// Says at a start until when the deployment was at work: if that is more than a day ago, the
    /// clock is believed after an hour (see [`Self::settled_time`]).
    pub fn resume(&self, last: Timestamp) {
        let (now, monotonic) = (self.clock.now(), self.clock.monotonic());
        self.settled.resume(last, now, monotonic);
    }

    /// The source of randomness.
    pub fn entropy(&self) -> &dyn Entropy {
        &*self.entropy
    }

    /// A service's shared part.
    ///
    /// Fails closed: a part that was not composed is an internal failure.
    pub fn part<T: Any + Send + Sync>(&self) -> Result<&T, MissingPart> {
        self.parts.get().ok_or_else(|| MissingPart {
            name: std::any::type_name::<T>(),
        })
    }
}

/// The server was composed without a part that an operation needs.
#[derive(Debug, thiserror::Error)]
#[error("the server was composed without `{name}`")]
pub struct MissingPart {
    name: &'static str,
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

/// Work that waits for a commit.
#[derive(Default)]
struct Afterwards(Mutex<Vec<Following>>);

/// What follows a commit.
struct Following {
    work: Box<dyn FnOnce() + Send>,
    /// Whether it follows also if nobody can tell whether the commit is durable.
    in_doubt: bool,
}

impl Afterwards {
    fn add(&self, mut work: Vec<Following>) {
        self.lock().append(&mut work);
    }

    fn take(&self) -> Vec<Following> {
        std::mem::take(&mut *self.lock())
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Vec<Following>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for Afterwards {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Afterwards({})", self.lock().len())
    }
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

    /// Whether an attempt before this one was in vain.
    pub(crate) fn is_repeated(&self) -> bool {
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
        self.afterwards.lock().push(Following {
            work: Box::new(work),
            in_doubt: false,
        });
    }

    /// The same, for what is also to be done if nobody can tell whether the changes are durable:
    /// counting them, which had better be done once too often than not at all.
    pub fn afterwards_or_in_doubt(&self, work: impl FnOnce() + Send + 'static) {
        self.afterwards.lock().push(Following {
            work: Box::new(work),
            in_doubt: true,
        });
    }

    /// Does what waits for the commit of this call.
    pub(crate) fn committed(&self) {
        for following in self.afterwards.take() {
            (following.work)();
        }
    }

    /// Does of it what is also to be done if nobody can tell how the commit ended.
    pub(crate) fn in_doubt(&self) {
        for following in self.afterwards.take() {
            if following.in_doubt {
                (following.work)();
            }
        }
    }

    /// Takes over what waits for the commit of `inner`, a call on this one's behalf that was
    /// successful: it is committed with this one.
    pub(crate) fn wait_for(&self, inner: &Self) {
        self.afterwards.add(inner.afterwards.take());
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
        let shared = Arc::new(RequestShared {
            caller,
            origin,
            region,
            ..*inner.shared
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

impl From<MissingPart> for Failure {
    fn from(missing: MissingPart) -> Self {
        Self::internal(missing)
    }
}
