//! The keys of groups: made when a group is created, unwrapped when records are used.

use std::borrow::Cow;
use std::collections::HashMap;
use std::hash::{Hash, Hasher};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use crypto::Key32;
use online::{DataKey, IndexKey};
use pipeline::{Conditions, Ctx, Failure, OwnWork, Withheld};
use quick_cache::Equivalent;
use quick_cache::sync::Cache;
use shapes::Blob;
use shapes::kms::{DecryptRequest, DecryptResponse};
use store::{Revision, Snapshot, View};
use types::{Arn, Monotonic, Service};

use crate::key_records::Wrapped;
use crate::records::GroupRecord;
use crate::{Error, Runtime};

/// Unwrapped keys of groups, for a bounded time.
///
/// A group's own KMS key is asked on every request, by the pipeline and by
/// [`DataKeys::check`]; it is *called* once for each caller, data key and lifetime, and that
/// call leaves the `Decrypt` event. An entry serves one caller and one version of the KMS
/// key's row: whatever disables, deletes or re-policies the key makes the entry useless.
#[derive(Debug)]
pub(crate) struct DataKeys {
    cache: Cache<Slot, Entry>,
    lifetime: Duration,
    /// For keys under a KMS key in a custom key store. Its owner may take it away there, of which
    /// nobody hears here: this is how long that may go unnoticed.
    outside_lifetime: Duration,
    /// The groups that were deleted a moment ago.
    gone: Mutex<HashMap<u64, Monotonic>>,
}

/// A group's key as one caller may use it.
#[derive(Debug, PartialEq, Eq)]
struct Slot {
    group: u64,
    /// The number of a data key; 0 is the index key.
    number: u32,
    /// `None` under the AWS owned key.
    own: Option<OwnKey>,
}

/// What [`Own`] says, to keep.
#[derive(Debug, PartialEq, Eq)]
struct OwnKey {
    key: Arn,
    revision: Revision,
    signed: bool,
    caller: Box<str>,
}

/// Proof that a group's key can be used now, as one snapshot shows it.
#[derive(Debug)]
pub(crate) enum Access<'a> {
    /// Under the AWS owned key, which asks nobody.
    Owned,
    /// Under the group's own key.
    Own(Own<'a>),
}

/// Proof that the KMS key of a group can be used now for one caller.
#[derive(Debug)]
pub(crate) struct Own<'a> {
    key: &'a Arn,
    /// The version of the key's row.
    revision: Revision,
    /// Whether the caller is known by its access key, else by its name.
    signed: bool,
    caller: Cow<'a, str>,
}

/// A [`Slot`] that is looked for. It is made of what the request has at hand, so that nothing is
/// copied, nor counted as referred to, for a key that is there.
#[derive(Debug, Clone, Copy)]
struct Asked<'a> {
    group: u64,
    number: u32,
    own: Option<&'a Own<'a>>,
}

#[derive(Debug, Clone)]
struct Entry {
    until: Monotonic,
    /// Whether other requests may use it.
    shared: bool,
    key: Unwrapped,
}

#[derive(Debug, Clone)]
enum Unwrapped {
    Index(Arc<IndexKey>),
    Data(Arc<DataKey>),
}

const INDEX: u32 = 0;

/// How many keys are kept: two of each group for ten thousand groups and a few callers, or for a
/// hundred groups and some hundred callers each. What is kept takes room, not what could be.
const CAPACITY: usize = 65_536;

impl DataKeys {
    pub(crate) fn new(lifetime: Duration, outside_lifetime: Duration) -> Self {
        Self {
            cache: Cache::new(CAPACITY),
            lifetime,
            outside_lifetime: outside_lifetime.min(lifetime),
            gone: Mutex::default(),
        }
    }

    /// Whether the group's own key can be used, in this request's snapshot.
    ///
    /// Fails if the group is not in use, and with KMS's own code and text if the key's state does
    /// not allow it. KMS is then asked all
    /// the same, so that the refusal of the caller's `Decrypt` is recorded.
    pub(crate) async fn check<'a>(
        ctx: &'a Ctx,
        group: &'a GroupRecord,
    ) -> Result<Access<'a>, Error> {
        group.ready()?;
        let key = group.kms_key();
        let wrapped = || Ok(&group.keys(ctx.view())?.index_key);
        Self::check_key(ctx, group, key, wrapped).await
    }

    /// The same of `key`, under which the key of the group is that `wrapped` finds.
    async fn check_key<'a>(
        ctx: &'a Ctx,
        group: &'a GroupRecord,
        key: Option<&'a Arn>,
        wrapped: impl FnOnce() -> Result<&'a Wrapped, Error>,
    ) -> Result<Access<'a>, Error> {
        let Some(key) = key else {
            return Ok(Access::Owned);
        };
        let revision = match kms::usable(ctx.view(), key, ctx.time()) {
            Ok(revision) => revision,
            Err(unusable) => {
                if let Ok(wrapped) = wrapped() {
                    let _recorded = unwrap_for(ctx, group, Some(key), wrapped).await;
                }
                return Err(Error::of_key(unusable));
            }
        };
        let access_key = ctx.caller().access_key.as_ref();
        let caller = match access_key {
            Some(id) => Cow::Borrowed(id.as_str()),
            None => Cow::Owned(ctx.caller().principal.display_name()),
        };
        Ok(Access::Own(Own {
            key,
            revision,
            signed: access_key.is_some(),
            caller,
        }))
    }

    /// Forgets, and with that wipes, the keys of a deleted group; what a request that has begun
    /// before puts there yet, the next [`Self::wipe`].
    pub(crate) fn forget(&self, group: u64, now: Monotonic) {
        let until = Monotonic(now.0.saturating_add(self.lifetime));
        if self.gone().insert(group, until).is_none() {
            self.cache.retain(|slot, _| slot.group != group);
        }
    }

    /// The deleted groups of whose keys some may still be there, and until when.
    fn gone(&self) -> MutexGuard<'_, HashMap<u64, Monotonic>> {
        self.gone.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Forgets, and with that wipes, the keys whose time is over or whose KMS key has changed, and
    /// those of deleted groups.
    pub(crate) fn wipe(&self, snapshot: &Snapshot, now: Monotonic) {
        let gone = {
            let mut gone = self.gone();
            let all = gone.clone();
            gone.retain(|_, until| *until > now);
            all
        };
        self.cache.retain(|slot, entry| {
            if gone.contains_key(&slot.group) {
                return false;
            }
            let own = slot.own.as_ref();
            let current =
                own.is_none_or(|own| kms::key_revision(snapshot, &own.key) == Some(own.revision));
            current && entry.until > now
        });
    }

    fn cached(&self, now: Monotonic, asked: &Asked<'_>) -> Option<Unwrapped> {
        let entry = self.cache.get(asked)?;
        (entry.until > now).then_some(entry.key)
    }

    fn entry(
        &self,
        (view, now): (&View, Monotonic),
        kms_key: Option<&Arn>,
        key: Unwrapped,
    ) -> Entry {
        let outside = kms_key.is_some_and(|key| kms::is_held_outside(view, key));
        let lifetime = if outside {
            self.outside_lifetime
        } else {
            self.lifetime
        };
        Entry {
            until: Monotonic(now.0.saturating_add(lifetime)),
            shared: !lifetime.is_zero(),
            key,
        }
    }

    /// The group's data key of this number for the service's own work, which [`crate::upkeep`]
    /// has allowed on what `work` sees: through the group's grant on `kms_key`, under which the
    /// data key is.
    pub(crate) async fn for_service(
        &self,
        work: &OwnWork,
        group: &GroupRecord,
        (kms_key, number): (Option<&Arn>, u32),
    ) -> Result<Arc<DataKey>, Error> {
        let access = match kms_key {
            None => Access::Owned,
            Some(key) => Access::Own(Own {
                key,
                revision: kms::usable(work.view(), key, work.time()).map_err(Error::of_key)?,
                signed: false,
                caller: Cow::Borrowed(Service::SageMaker.principal()),
            }),
        };
        let now = work.services().clock().monotonic();
        let asked = Asked::new(group.number, number, &access);
        if let Some(Unwrapped::Data(key)) = self.cached(now, &asked) {
            return Ok(key);
        }
        let wrapped = group.keys(work.view())?.data_key(number);
        let wrapped = wrapped.ok_or_else(|| Error::broken("a cell names an unknown data key"))?;
        let key = unwrap_own(work, group, kms_key, wrapped).await?;
        let key = Arc::new(DataKey::new(number, &key));
        let unwrapped = Unwrapped::Data(Arc::clone(&key));
        let entry = self.entry((work.view(), now), kms_key, unwrapped);
        if entry.shared {
            self.cache.insert(asked.to_slot(), entry);
        }
        Ok(key)
    }
}

/// The number under which `resolve` asks for the former KMS key of `group` at `place`.
pub(crate) fn condition_of(group: &GroupRecord, place: usize) -> usize {
    let group = usize::try_from(group.number).unwrap_or(usize::MAX);
    group.saturating_mul(MOST_FORMER).saturating_add(place)
}

/// How many KMS keys a group may move away from at a time.
pub(crate) const MOST_FORMER: usize = 8;

fn wrapped_data_key<'a>(
    ctx: &'a Ctx,
    group: &'a GroupRecord,
    number: u32,
) -> Result<&'a Wrapped, Error> {
    let wrapped = group.keys(ctx.view())?.data_key(number);
    wrapped.ok_or_else(|| Error::broken("a cell names an unknown data key"))
}

/// The keys that one request uses, and what it had to unwrap for that.
///
/// What is unwrapped is kept for other requests by [`Fresh::keep`] only, once the record of
/// the `Decrypt` call is durable: a call whose commit fails or is tried again leaves neither
/// the record nor the key.
pub(crate) struct Keys<'a> {
    ctx: &'a Ctx,
    shared: &'a Arc<DataKeys>,
    conditions: Conditions,
    fresh: Vec<(Slot, Entry)>,
}

/// What a request has unwrapped, on its way out with the answer.
#[derive(Debug, Default)]
pub(crate) struct Fresh {
    shared: Option<Arc<DataKeys>>,
    entries: Vec<(Slot, Entry)>,
}

impl<'a> Keys<'a> {
    /// The keys that a request may use which only writes.
    pub(crate) fn new(ctx: &'a Ctx, runtime: &'a Runtime) -> Self {
        Self::reading(ctx, runtime, Conditions::default())
    }

    /// Those of a request that reads: `conditions` say which records it may read that are still
    /// under a KMS key that their group moves away from.
    pub(crate) fn reading(ctx: &'a Ctx, runtime: &'a Runtime, conditions: Conditions) -> Self {
        Self {
            ctx,
            shared: &runtime.keys,
            conditions,
            fresh: Vec::new(),
        }
    }

    /// The key that hides the group's identifiers.
    pub(crate) async fn index(
        &mut self,
        group: &GroupRecord,
        access: &Access<'_>,
    ) -> Result<Arc<IndexKey>, Error> {
        let asked = Asked::new(group.number, INDEX, access);
        if let Some(Unwrapped::Index(key)) = self.known(&asked) {
            return Ok(key);
        }
        let kms_key = group.kms_key();
        let wrapped = &group.keys(self.ctx.view())?.index_key;
        let key = unwrap_for(self.ctx, group, kms_key, wrapped).await?;
        let key = Arc::new(IndexKey::new(&key));
        self.remember(kms_key, &asked, Unwrapped::Index(Arc::clone(&key)));
        Ok(key)
    }

    /// The group's data key of this number, which `access` to the group's key lets be used, or,
    /// if it is under a key that the group moves away from, the caller's right to that.
    ///
    /// A key that was made since the request began has it decided anew.
    pub(crate) async fn data(
        &mut self,
        group: &GroupRecord,
        access: &Access<'_>,
        number: u32,
    ) -> Result<Arc<DataKey>, Error> {
        if number > group.data_key {
            self.ctx.decide_anew();
            return Err(Error::Outdated);
        }
        let former = group.former_of(number);
        let former = former.and_then(|place| Some((place, group.former.get(place)?)));
        let of_former;
        let (kms_key, access) = match former {
            None => (group.kms_key(), access),
            Some((place, former)) => {
                let key = former.key.as_ref();
                of_former = self.former_access(group, (place, key), number).await?;
                (key, &of_former)
            }
        };
        let asked = Asked::new(group.number, number, access);
        if let Some(Unwrapped::Data(key)) = self.known(&asked) {
            return Ok(key);
        }
        let wrapped = wrapped_data_key(self.ctx, group, number)?;
        let key = unwrap_for(self.ctx, group, kms_key, wrapped).await?;
        let key = Arc::new(DataKey::new(number, &key));
        self.remember(kms_key, &asked, Unwrapped::Data(Arc::clone(&key)));
        Ok(key)
    }

    /// The caller's access to a KMS key that the group moves away from.
    async fn former_access<'g>(
        &self,
        group: &'g GroupRecord,
        (place, key): (usize, Option<&'g Arn>),
        number: u32,
    ) -> Result<Access<'g>, Error>
    where
        'a: 'g,
    {
        if key.is_some() {
            let number = condition_of(group, place);
            match self.conditions.require(self.ctx, number) {
                Ok(()) => {}
                Err(Withheld::Denied(denial)) => {
                    let message = denial.message;
                    return Err(Error::KeyDenied { message });
                }
                Err(Withheld::NotAsked) => {
                    return Err(Error::broken("nobody asked for a key of a group"));
                }
            }
        }
        let wrapped = || wrapped_data_key(self.ctx, group, number);
        DataKeys::check_key(self.ctx, group, key, wrapped).await
    }

    /// What was unwrapped, to be kept when the answer is given.
    pub(crate) fn into_fresh(self) -> Fresh {
        let any = !self.fresh.is_empty();
        Fresh {
            shared: any.then(|| Arc::clone(self.shared)),
            entries: self.fresh,
        }
    }

    fn known(&self, asked: &Asked<'_>) -> Option<Unwrapped> {
        let fresh = self.fresh.iter().find(|(known, _)| asked.equivalent(known));
        match fresh {
            Some((_, entry)) => Some(entry.key.clone()),
            None => self.shared.cached(self.ctx.monotonic(), asked),
        }
    }

    fn remember(&mut self, kms_key: Option<&Arn>, asked: &Asked<'_>, key: Unwrapped) {
        let now = self.ctx.services().clock().monotonic();
        let entry = self.shared.entry((self.ctx.view(), now), kms_key, key);
        self.fresh.push((asked.to_slot(), entry));
    }
}

impl Fresh {
    /// Keeps the keys for other requests. Only for a request whose commit is done.
    pub(crate) fn keep(&mut self) {
        let Some(shared) = self.shared.take() else {
            return;
        };
        for (slot, entry) in self.entries.drain(..) {
            if entry.shared {
                shared.cache.insert(slot, entry);
            }
        }
    }
}

impl<'a> Asked<'a> {
    fn new(group: u64, number: u32, access: &'a Access<'a>) -> Self {
        Self {
            group,
            number,
            own: match access {
                Access::Owned => None,
                Access::Own(own) => Some(own),
            },
        }
    }

    fn to_slot(self) -> Slot {
        Slot {
            group: self.group,
            number: self.number,
            own: self.own.map(|own| OwnKey {
                key: own.key.clone(),
                revision: own.revision,
                signed: own.signed,
                caller: Box::from(&*own.caller),
            }),
        }
    }
}

/// Where a key is looked for: the rest is compared there.
fn hash_place<H: Hasher>((group, number): (u64, u32), caller: Option<&str>, state: &mut H) {
    group.hash(state);
    number.hash(state);
    caller.hash(state);
}

impl Hash for Slot {
    fn hash<H: Hasher>(&self, state: &mut H) {
        let caller = self.own.as_ref().map(|own| &*own.caller);
        hash_place((self.group, self.number), caller, state);
    }
}

impl Hash for Asked<'_> {
    fn hash<H: Hasher>(&self, state: &mut H) {
        let caller = self.own.map(|own| &*own.caller);
        hash_place((self.group, self.number), caller, state);
    }
}

impl Equivalent<Slot> for Asked<'_> {
    fn equivalent(&self, slot: &Slot) -> bool {
        let own = match (self.own, &slot.own) {
            (None, None) => true,
            (Some(own), Some(kept)) => {
                own.revision == kept.revision
                    && own.signed == kept.signed
                    && *own.caller == *kept.caller
                    && *own.key == kept.key
            }
            (None, Some(_)) | (Some(_), None) => false,
        };
        own && self.group == slot.group && self.number == slot.number
    }
}

/// Unwraps a key of `group` that is under `kms_key`: by `Decrypt` on the caller's behalf, or under
/// the AWS owned key.
pub(crate) async fn unwrap_for(
    ctx: &Ctx,
    group: &GroupRecord,
    kms_key: Option<&Arn>,
    wrapped: &Wrapped,
) -> Result<Key32, Error> {
    let Some(key) = kms_key else {
        return unwrap_owned(ctx.part()?, ctx.view(), group, wrapped);
    };
    let on_behalf = ctx.on_behalf_of(Service::SageMaker);
    let call = pipeline::call::<kms::Decrypt>(on_behalf, decrypt(group, key, wrapped));
    unwrapped(Box::pin(call).await)
}

/// Unwraps a key of `group` in the service's own name.
pub(crate) async fn unwrap_own(
    work: &OwnWork,
    group: &GroupRecord,
    kms_key: Option<&Arn>,
    wrapped: &Wrapped,
) -> Result<Key32, Error> {
    let Some(key) = kms_key else {
        return unwrap_owned(work.services().part()?, work.view(), group, wrapped);
    };
    unwrapped(Box::pin(work.call::<kms::Decrypt>(decrypt(group, key, wrapped))).await)
}

fn unwrap_owned(
    keyring: &kms::Keyring,
    view: &View,
    group: &GroupRecord,
    wrapped: &Wrapped,
) -> Result<Key32, Error> {
    let context = &group.schema.context;
    keyring
        .decrypt_owned(view, Service::SageMaker, &group.region, context, &wrapped.0)
        .map_err(|source| Error::internal("a key of a group does not unwrap", source))
        .and_then(|secret| Key32::try_from(secret.expose()).map_err(damaged))
}

fn decrypt(group: &GroupRecord, key: &Arn, wrapped: &Wrapped) -> DecryptRequest {
    DecryptRequest {
        ciphertext_blob: Some(Blob(wrapped.0.clone())),
        encryption_context: Some(group.schema.context.clone()),
        key_id: Some(key.to_string()),
        ..DecryptRequest::default()
    }
}

fn unwrapped(answer: Result<DecryptResponse, Failure>) -> Result<Key32, Error> {
    let answer = answer.map_err(of_unwrapping)?;
    let secret = answer
        .plaintext
        .ok_or_else(|| Error::broken("KMS unwrapped no key"))?;
    Key32::try_from(secret.expose()).map_err(damaged)
}

fn damaged(source: impl std::error::Error + Send + Sync + 'static) -> Error {
    Error::internal("a key of a group has the wrong length", source)
}

fn of_unwrapping(failure: Failure) -> Error {
    if failure.code == "InvalidCiphertextException" {
        // The caller did not send this ciphertext: what is stored is damaged.
        return Error::broken("a key of a group does not unwrap");
    }
    Error::of_key_call(failure)
}

#[cfg(test)]
mod tests {
    use crypto::SystemEntropy;

    use super::*;

    fn keep(keys: &DataKeys, group: u64) {
        keep_for(keys, group, &Access::Owned);
    }

    fn keep_for(keys: &DataKeys, group: u64, access: &Access<'_>) {
        let slot = Asked::new(group, INDEX, access).to_slot();
        let key = IndexKey::new(&Key32::generate(&SystemEntropy));
        let entry = Entry {
            until: Monotonic(Duration::from_mins(5)),
            shared: true,
            key: Unwrapped::Index(Arc::new(key)),
        };
        keys.cache.insert(slot, entry);
    }

    #[test]
    fn a_key_serves_the_very_access_that_it_was_kept_for() {
        let keys = DataKeys::new(Duration::from_mins(5), Duration::from_secs(10));
        let key = |id| -> Arn {
            let arn = format!("arn:aws:kms:us-east-1:111122223333:key/{id}");
            arn.parse().unwrap()
        };
        let (one, two) = (key("one"), key("two"));
        let own = |key, revision, signed, caller| {
            let caller = Cow::Borrowed(caller);
            Access::Own(Own {
                key,
                revision,
                signed,
                caller,
            })
        };
        let finds = |group, number, access: &Access<'_>| {
            let asked = Asked::new(group, number, access);
            keys.cached(Monotonic(Duration::ZERO), &asked).is_some()
        };
        let access = own(&one, 5, true, "AKIAONE");
        keep_for(&keys, 7, &access);
        assert!(finds(7, INDEX, &access));
        assert!(finds(7, INDEX, &own(&one, 5, true, "AKIAONE")));
        assert!(!finds(8, INDEX, &access));
        assert!(!finds(7, INDEX + 1, &access));
        for other in [
            Access::Owned,
            own(&two, 5, true, "AKIAONE"),
            own(&one, 4, true, "AKIAONE"),
            own(&one, 6, true, "AKIAONE"),
            own(&one, 5, false, "AKIAONE"),
            own(&one, 5, true, "AKIATWO"),
        ] {
            assert!(!finds(7, INDEX, &other), "{other:?}");
        }
        keep(&keys, 9);
        assert!(finds(9, INDEX, &Access::Owned));
        assert!(!finds(9, INDEX, &access));
    }

    #[test]
    fn keys_of_a_deleted_group_are_forgotten_those_that_come_late_too() {
        let keys = DataKeys::new(Duration::from_mins(5), Duration::from_secs(10));
        let snapshot = store::SnapshotBuilder::new(&crate::tables()).build(Revision::default());
        let at = |seconds| Monotonic(Duration::from_secs(seconds));
        keep(&keys, 1);
        keep(&keys, 2);
        keys.forget(1, at(0));
        assert_eq!(keys.cache.len(), 1);
        // A request that had begun before puts one there again.
        keep(&keys, 1);
        keys.wipe(&snapshot, at(1));
        assert_eq!(keys.cache.len(), 1);
        keys.wipe(&snapshot, at(299));
        assert_eq!(keys.cache.len(), 1, "that of the other group");
        keys.wipe(&snapshot, at(300));
        assert_eq!(keys.cache.len(), 0);
        assert!(keys.gone().is_empty());
    }
}
