//! What outlives requests: the store, the clock, the sources of policies, and the services' parts.

use std::any::{Any, TypeId};
use std::fmt;
use std::sync::Arc;

use audit::{Damper, Strangers};
use store::Store;
use types::{Clock, Entropy, Timestamp};

use crate::error::Failure;
use crate::lines::Lines;
use crate::repeated::Repeated;
use crate::settled::Settled;
use crate::sources::Sources;

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

    /// The time of the clock, if what was done until now may be dated by it: nothing may by a clock
    /// that is behind, since it would look old and go too early. The clock is trusted with that if
    /// it is the [settled time](Self::settled_time), was not set for an hour, and is not before the
    /// time when the deployment was last at work.
    pub fn dating_time(&self) -> Option<Timestamp> {
        self.settled.date(self.clock.now(), self.clock.monotonic())
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

impl From<MissingPart> for Failure {
    fn from(missing: MissingPart) -> Self {
        Self::internal(missing)
    }
}
