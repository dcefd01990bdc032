//! The one way a request takes: resolve → authorize → handle → record.
//!
//! Layer 1. Generic over [`Operation`]: an operation says in `resolve` everything it
//! [`Need`]s, the pipeline decides all of it from one snapshot, and `handle` runs only with
//! the [`Permit`] that nothing else can make. A mutating call's audit record is committed
//! in the batch of its effect. Policies, keys and identities are reached through the traits
//! in [`sources`], which `iam` and `kms` implement.

mod afterwards;
mod authorize;
mod bound_policy;
mod call;
mod context;
mod error;
mod evaluated;
mod execute;
mod keys;
mod lines;
mod lockout;
mod need;
mod operation;
mod own_work;
mod pace;
mod paging;
mod passed_role;
mod record;
mod repeated;
mod replay;
mod services;
mod session;
mod settled;
pub mod sources;
mod steps;
mod told;
mod unbroken;
mod written;

pub use bound_policy::{BoundPolicy, StoredPolicy};
pub use call::call;
pub use context::{ByService, Caller, Ctx, Origin};
pub use error::{Denial, FailedCall, Failure};
pub use evaluated::Evaluated;
pub use execute::{Executed, execute, yield_once};
pub use keys::KeySet;
pub use lockout::resource_policy_admits;
pub use need::{Conditions, Need, Needs, OnDeny, Permit, Withheld};
pub use operation::{EventDetail, Kind, Operation, Registry, Reply};
pub use own_work::{OwnWork, RoleWork};
pub use paging::{Cut, ForeignMarker, Page};
pub use passed_role::{PassedRole, service_may_assume};
pub use record::{UnauthenticatedCall, flush_damped, record_refused, record_unauthenticated};
pub use replay::{KnownActions, Outcome, Replay, Replayed, replay};
pub use services::{MissingPart, Parts, Services, ServicesBuilder};
pub use session::{Session, SessionPolicy};
