//! Permissions that are given again: to a request that asks what another has asked before, about
//! the same state of everything that bears on it.
//!
//! Every need of every request is decided on that request's own snapshot. A caller who reads a
//! thousand records a second asks for the very same each time, and nothing has changed in between:
//! then evaluating the same policies again can only say the same. A permission is given again only
//! if all of this is the same, as the later request's snapshot shows it:
//!
//! - the caller, by the very credential, without anything that a session adds,
//! - its identity policies and what the organization says of its account: the same documents, kept
//!   by their sources until a commit changes any,
//! - the action, the resource, which is one of the caller's own account, the service that asks,
//!   and the region,
//! - the tables that the policy and the grants of the resource come from: no commit has changed any
//!   ([`crate::sources::ResourceSource::last_change`]),
//!
//! and if no policy that was evaluated has asked for anything else: the time, an address, a tag,
//! an alias. Whoever is denied is decided anew each time, and so is whatever a change depends on,
//! whatever leaves a record of its own, and whatever is replayed.

use std::fmt;
use std::hash::{Hash, Hasher};
use std::sync::{Arc, Weak};

use policy::{Action, ConditionKey};
use quick_cache::Equivalent;
use quick_cache::sync::Cache;
use store::Revision;
use types::{Arn, Principal, Region, Service};

use crate::sources::{AccountBounds, IdentityPolicies};
use crate::{Caller, Ctx, KeySet, Need, session};

/// How many are kept: of ten thousand feature groups with a key each for three callers. What is
/// kept takes room, not what could be.
const MOST_KEPT: usize = 65_536;

/// The permissions that may be given again.
///
/// What a permission depends on is part of its key, and the value says nothing: whoever asks
/// compares in place, and touches no counter of references that others touch too.
pub(crate) struct Repeated(Cache<Kept, ()>);

/// A permission, and what it depends on. It keeps none of that from being dropped: sessions that
/// have ended and policies that were replaced take no memory because somebody once read by them.
///
/// Two are equal that the same caller has for the same action and resource, whatever else they
/// depend on: the later takes the place of the earlier.
#[derive(Debug, Clone)]
struct Kept {
    caller: Weak<Caller>,
    action: &'static Action,
    resource: Arn,
    identity: Weak<IdentityPolicies>,
    bounds: Option<Weak<AccountBounds>>,
    /// The condition keys that the resource keeps ready.
    shared_keys: Option<Weak<KeySet>>,
    via: Option<Service>,
    region: Region,
    same_account_only: bool,
    last_change: Revision,
}

/// A need that may have been granted before.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Question<'a> {
    ctx: &'a Ctx,
    identity: &'a Arc<IdentityPolicies>,
    bounds: Option<&'a Arc<AccountBounds>>,
    need: &'a Need,
    resource: &'a Arn,
    last_change: Revision,
}

impl<'a> Question<'a> {
    /// `need` as a question that others may have asked; `None` if it is decided anew each time.
    pub(crate) fn of(
        ctx: &'a Ctx,
        identity: &'a Arc<IdentityPolicies>,
        bounds: Option<&'a Arc<AccountBounds>>,
        need: &'a Need,
    ) -> Option<Self> {
        let caller = ctx.caller();
        let signed = matches!(
            caller.principal,
            Principal::User { .. } | Principal::AssumedRole { .. }
        ) && caller.access_key.is_some();
        let own = ctx.invoked_by().is_none() && ctx.source().is_none();
        // Facts that come along are the source's own ([`Need::known`]); others have grants or keys.
        let plain = need.keys.is_empty()
            && need.handed_down.is_empty()
            && need.grants.is_none()
            && !need.owned_by_aws;
        let fits = signed && own && plain && session::adds_nothing(caller);
        if !fits || ctx.view().is_recording() {
            return None;
        }
        let resource = need.resource.as_ref()?;
        let source = ctx.services().sources.of(resource)?;
        let last_change = source.last_change(ctx.view().snapshot())?;
        Some(Self {
            ctx,
            identity,
            bounds,
            need,
            resource,
            last_change,
        })
    }
}

/// Whether the value of `key` follows from what a [`Question`] says: which service asks, and for
/// whom.
pub(crate) fn follows(key: &ConditionKey) -> bool {
    matches!(
        (key.name(), key.suffix()),
        (
            "kms:viaservice" | "kms:calleraccount" | "aws:viaawsservice",
            None
        )
    )
}

impl Repeated {
    /// Whether `question` was granted before, and nothing has changed that it depends on.
    pub(crate) fn is_granted(&self, question: &Question<'_>) -> bool {
        self.0.get(question).is_some()
    }

    /// Keeps that `question` was granted.
    pub(crate) fn granted(&self, question: &Question<'_>) {
        let kept = Kept {
            caller: Arc::downgrade(question.ctx.shared_caller()),
            action: question.need.action,
            resource: question.resource.clone(),
            identity: Arc::downgrade(question.identity),
            bounds: question.bounds.map(Arc::downgrade),
            shared_keys: question.need.shared_keys.as_ref().map(Arc::downgrade),
            via: question.need.via,
            region: question.ctx.region().clone(),
            same_account_only: question.need.same_account_only,
            last_change: question.last_change,
        };
        self.0.insert(kept, ());
    }
}

/// Where a permission is looked for. Addresses stand for what they belong to.
fn hash_place<H: Hasher>(caller: *const Caller, action: &Action, resource: &Arn, state: &mut H) {
    caller.addr().hash(state);
    std::ptr::from_ref(action).addr().hash(state);
    resource.as_str().hash(state);
}

impl Hash for Kept {
    fn hash<H: Hasher>(&self, state: &mut H) {
        hash_place(self.caller.as_ptr(), self.action, &self.resource, state);
    }
}

impl PartialEq for Kept {
    fn eq(&self, other: &Self) -> bool {
        std::ptr::eq(self.caller.as_ptr(), other.caller.as_ptr())
            && std::ptr::eq(self.action, other.action)
            && self.resource == other.resource
    }
}

impl Eq for Kept {}

impl Hash for Question<'_> {
    fn hash<H: Hasher>(&self, state: &mut H) {
        let caller = Arc::as_ptr(self.ctx.shared_caller());
        hash_place(caller, self.need.action, self.resource, state);
    }
}

/// Everything that a permission depends on is as it was kept.
impl Equivalent<Kept> for Question<'_> {
    fn equivalent(&self, kept: &Kept) -> bool {
        let need = self.need;
        is_same(&kept.caller, self.ctx.shared_caller())
            && std::ptr::eq(kept.action, need.action)
            && kept.resource == *self.resource
            && is_same(&kept.identity, self.identity)
            && same(kept.bounds.as_ref(), self.bounds)
            && same(kept.shared_keys.as_ref(), need.shared_keys.as_ref())
            && kept.via == need.via
            && kept.region == *self.ctx.region()
            && kept.same_account_only == need.same_account_only
            && kept.last_change == self.last_change
    }
}

/// Whether `asked` is what was kept.
fn is_same<T>(kept: &Weak<T>, asked: &Arc<T>) -> bool {
    // INVARIANT: its place in memory is kept here, whether or not it was dropped meanwhile, so that
    // nothing else gets its address.
    std::ptr::eq(kept.as_ptr(), Arc::as_ptr(asked))
}

fn same<T>(kept: Option<&Weak<T>>, asked: Option<&Arc<T>>) -> bool {
    match (kept, asked) {
        (Some(kept), Some(asked)) => is_same(kept, asked),
        (None, None) => true,
        (Some(_), None) | (None, Some(_)) => false,
    }
}

impl Default for Repeated {
    fn default() -> Self {
        Self(Cache::new(MOST_KEPT))
    }
}

impl fmt::Debug for Repeated {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Repeated({})", self.0.len())
    }
}
