//! What an operation needs, and the proof that it was granted.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use policy::Action;
use types::{Arn, Service};

use crate::error::Denial;
use crate::sources::{MatchedGrant, ResourceFacts};
use crate::{Ctx, KeySet, Operation, record};

/// What a denied need does to the call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OnDeny {
    /// The whole call fails.
    FailCall,
    /// Item `n` of a batch fails, the others go on.
    FailItem(usize),
    /// Whatever the call turns out to use under this number fails; see [`Conditions`].
    IfUsed(usize),
}

/// One thing that must be allowed: an action on a resource, in a context.
#[derive(Debug, Clone)]
pub struct Need {
    /// The action.
    pub action: &'static Action,
    /// The resource; `None` for actions that have none (`*`).
    pub resource: Option<Arn>,
    /// The resource as the caller named it, where that says less: messages show this.
    pub named: Option<Arn>,
    /// How messages show the resource, where the caller has not named it at all: `the resource …`.
    pub shown_as: Option<&'static str>,
    /// What a denial says in place of its reason, where the resource is another account's and the
    /// reason would tell too much; else it says none.
    pub unsaid: Option<&'static str>,
    /// Condition keys that the operation adds.
    pub keys: KeySet,
    /// Condition keys that a resource keeps ready, such as its encryption context.
    pub shared_keys: Option<Arc<KeySet>>,
    /// Tags that policies see instead of the resource's own with the same keys.
    pub handed_down: Vec<(String, String)>,
    /// The service that needs it on the caller's behalf.
    pub via: Option<Service>,
    /// What is known of the resource, if `resolve` has loaded it in this view already; else
    /// the resource's source is asked.
    pub facts: Option<ResourceFacts>,
    /// The grants that cover the need, where only the operation can tell them; else the
    /// resource's source is asked.
    pub grants: Option<Vec<MatchedGrant>>,
    /// Whether the resource must be in the caller's own account, whatever the policies say.
    pub same_account_only: bool,
    /// Whether the resource belongs to no account but to AWS: an AWS managed policy.
    pub owned_by_aws: bool,
    /// Whether a denial gives no reason, since that would tell whether the resource exists.
    pub reticent: bool,
    /// What a denial does.
    pub on_deny: OnDeny,
}

impl Need {
    /// A need that fails the call when denied.
    pub fn on(action: &'static Action, resource: Arn) -> Self {
        Self {
            resource: Some(resource),
            ..Self::anywhere(action)
        }
    }

    /// A need of an action that has no resource.
    pub fn anywhere(action: &'static Action) -> Self {
        Self {
            action,
            resource: None,
            named: None,
            shown_as: None,
            unsaid: None,
            keys: KeySet::default(),
            shared_keys: None,
            handed_down: Vec::new(),
            via: None,
            facts: None,
            grants: None,
            same_account_only: true,
            owned_by_aws: false,
            reticent: false,
            on_deny: OnDeny::FailCall,
        }
    }

    /// Shows `name` in a denial instead of the resource, so that a caller without rights does
    /// not learn what an alias stands for, nor whether it exists.
    pub fn named(mut self, name: Arn) -> Self {
        self.named = Some(name);
        self
    }

    /// Shows the resource in a denial by these words instead of its ARN.
    pub fn shown_as(mut self, words: &'static str) -> Self {
        self.shown_as = Some(words);
        self
    }

    /// Says this in a denial in place of the reason, if the resource is another account's.
    pub fn unsaid(mut self, clause: &'static str) -> Self {
        self.unsaid = Some(clause);
        self
    }

    /// With condition keys.
    pub fn with(mut self, keys: KeySet) -> Self {
        self.keys = self.keys.and(keys);
        self
    }

    /// With condition keys that a resource keeps ready.
    pub fn with_shared(mut self, keys: Arc<KeySet>) -> Self {
        self.shared_keys = Some(keys);
        self
    }

    /// With the tags that the caller's session hands down to a session of the role that is the
    /// resource: policies see them instead of the role's own with the same keys.
    pub fn handing_down(mut self, tags: Vec<(String, String)>) -> Self {
        self.handed_down = tags;
        self
    }

    /// With what the resource's own source would say of it, which `resolve` has read from the
    /// same view.
    pub fn known(mut self, facts: ResourceFacts) -> Self {
        self.facts = Some(facts);
        self
    }

    /// Covered by these grants, and by no others.
    pub fn granted_by(mut self, grants: Vec<MatchedGrant>) -> Self {
        self.grants = Some(grants);
        self
    }

    /// Needed by `service` on the caller's behalf.
    pub fn via(mut self, service: Service) -> Self {
        self.via = Some(service);
        self
    }

    /// May be granted on another account's resource, if both accounts' policies say so.
    pub fn across_accounts(mut self) -> Self {
        self.same_account_only = false;
        self
    }

    /// On a resource of AWS's own, which every account may use: decided as if the caller's
    /// account owned it, by the caller's identity policies alone.
    pub fn owned_by_aws(mut self) -> Self {
        self.owned_by_aws = true;
        self
    }

    /// A denial gives no reason: AWS does not tell whether a role exists that a caller may not
    /// assume.
    pub fn reticent(mut self) -> Self {
        self.reticent = true;
        self
    }

    /// A denial fails item `number` only.
    pub fn for_item(mut self, number: usize) -> Self {
        self.on_deny = OnDeny::FailItem(number);
        self
    }

    /// Needed only if the call comes to it, which the handler finds out under `number`.
    pub fn if_used(mut self, number: usize) -> Self {
        self.on_deny = OnDeny::IfUsed(number);
        self
    }

    /// Whether it counts only if the call comes to it.
    pub(crate) fn is_if_used(&self) -> bool {
        matches!(self.on_deny, OnDeny::IfUsed(_))
    }

    /// Whether the action belongs to the service with this prefix.
    pub fn is_for(&self, prefix: &str) -> bool {
        self.action.service() == prefix
    }

    /// The pairs of a key such as `kms:EncryptionContext:<key>`, in lower case `name`.
    pub fn pairs(&self, name: &'static str) -> impl Iterator<Item = (&str, &str)> {
        let shared = self
            .shared_keys
            .iter()
            .flat_map(move |keys| keys.pairs(name));
        self.keys.pairs(name).chain(shared)
    }

    /// The resource that is decided about, as records show it.
    pub fn resource_text(&self) -> &str {
        self.resource.as_ref().map_or("*", Arn::as_str)
    }

    /// The resource as denials show it.
    pub fn shown_resource(&self) -> &str {
        self.named
            .as_ref()
            .map_or_else(|| self.resource_text(), Arn::as_str)
    }
}

/// Everything that one call needs. All of it is decided before anything is done.
#[derive(Debug, Clone, Default)]
pub struct Needs(pub(crate) Vec<Need>);

impl Needs {
    /// Needs nothing: only for operations that AWS lets every caller make.
    pub fn nothing() -> Self {
        Self(Vec::new())
    }

    /// Nothing yet, with room for `capacity` needs.
    pub fn with_capacity(capacity: usize) -> Self {
        Self(Vec::with_capacity(capacity))
    }

    /// One need.
    pub fn one(need: Need) -> Self {
        Self(vec![need])
    }

    /// And another.
    pub fn and(mut self, need: Need) -> Self {
        self.0.push(need);
        self
    }

    /// Adds a need in place.
    pub fn push(&mut self, need: Need) {
        self.0.push(need);
    }

    /// The needs but those that count if used and that `conditional` does not grant.
    pub(crate) fn without_withheld(mut self, conditional: &[Conditional]) -> Self {
        let granted = |number: usize| {
            let mut known = conditional.iter();
            known.any(|one| one.number == number && one.refused.is_none())
        };
        self.0.retain(|need| match need.on_deny {
            OnDeny::IfUsed(number) => granted(number),
            OnDeny::FailCall | OnDeny::FailItem(_) => true,
        });
        self
    }

    /// The needs.
    pub fn iter(&self) -> std::slice::Iter<'_, Need> {
        self.0.iter()
    }
}

impl<'a> IntoIterator for &'a Needs {
    type Item = &'a Need;
    type IntoIter = std::slice::Iter<'a, Need>;

    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}

/// What a call needs only if it comes to it: decided with all its other needs, from the same
/// snapshot, before anything is done.
///
/// A record that is still under a key which its group is moved away from needs that key too; which
/// records those are is known when they have been read.
#[derive(Debug, Clone, Default)]
pub struct Conditions(Option<Arc<Vec<Conditional>>>);

#[derive(Debug)]
pub(crate) struct Conditional {
    number: usize,
    refused: Option<(Need, Denial)>,
    /// Whether the denial was recorded.
    told: AtomicBool,
}

/// Why something may not be used.
#[derive(Debug, Clone)]
pub enum Withheld {
    /// The policies refused it.
    Denied(Denial),
    /// `resolve` did not ask for it.
    NotAsked,
}

impl Conditional {
    pub(crate) fn granted(number: usize) -> Self {
        Self {
            number,
            refused: None,
            told: AtomicBool::new(false),
        }
    }

    pub(crate) fn refused(number: usize, need: Need, denial: Denial) -> Self {
        Self {
            refused: Some((need, denial)),
            ..Self::granted(number)
        }
    }
}

impl Conditions {
    /// Lets the call use what it asked for under `number`.
    ///
    /// Fails with the denial if the policies refused it, which is recorded once for a call, and
    /// if it was not asked for: nothing is allowed by default.
    pub fn require(&self, ctx: &Ctx, number: usize) -> Result<(), Withheld> {
        let mut all = self.0.iter().flat_map(|all| all.iter());
        let asked = all.find(|asked| asked.number == number);
        let asked = asked.ok_or(Withheld::NotAsked)?;
        let Some((need, denial)) = &asked.refused else {
            return Ok(());
        };
        if !asked.told.swap(true, Ordering::Relaxed) {
            record::denied_on_behalf(ctx, denial, &Needs::one(need.clone()));
        }
        Err(Withheld::Denied(denial.clone()))
    }
}

/// The proof that every need of `O` was granted from one snapshot, with what `resolve`
/// loaded. Only the pipeline constructs it.
pub struct Permit<O: Operation> {
    target: O::Target,
    denied_items: Vec<(usize, Denial)>,
    conditions: Conditions,
    // INVARIANT: private, and no function outside `execute` builds a Permit.
    _sealed: (),
}

impl<O: Operation> Permit<O> {
    pub(crate) fn granted(
        target: O::Target,
        denied_items: Vec<(usize, Denial)>,
        conditional: Vec<Conditional>,
    ) -> Self {
        Self {
            target,
            denied_items,
            // Nearly all calls have none, and allocate nothing for them.
            conditions: Conditions((!conditional.is_empty()).then(|| Arc::new(conditional))),
            _sealed: (),
        }
    }

    /// What `resolve` loaded.
    pub fn target(&self) -> &O::Target {
        &self.target
    }

    /// What `resolve` loaded, by value.
    pub fn into_target(self) -> O::Target {
        self.target
    }

    /// What the call may use if it comes to it.
    pub fn conditions(&self) -> Conditions {
        self.conditions.clone()
    }

    /// Why item `number` of a batch was denied, if it was.
    pub fn denied(&self, number: usize) -> Option<&Denial> {
        self.denied_items
            .iter()
            .find(|(item, _)| *item == number)
            .map(|(_, denial)| denial)
    }
}

impl<O: Operation> fmt::Debug for Permit<O> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Permit({})", O::NAME)
    }
}
