//! The keys of groups: made when a group is created, unwrapped when records are used.

use std::hash::Hash;
use std::sync::Arc;
use std::time::Duration;

use crypto::Key32;
use online::{DataKey, IndexKey};
use pipeline::Ctx;
use quick_cache::sync::Cache;
use shapes::Blob;
use shapes::kms::{DataKeySpec, DecryptRequest, GenerateDataKeyRequest};
use store::{Revision, Snapshot};
use types::{AccessKeyId, Arn, Monotonic, Region, Service};

use crate::records::{GroupRecord, Wrapped};
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
}

/// A group's key as one caller may use it.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct Slot {
    group: u64,
    /// The number of a data key; 0 is the index key.
    number: u32,
    access: Access,
}

/// Proof that a group's key can be used now, as one snapshot shows it.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) enum Access {
    /// Under the AWS owned key, which asks nobody.
    Owned,
    /// Under the group's own key.
    Own {
        /// The version of the key's row.
        revision: Revision,
        caller: Caller,
    },
}

/// Who the key is unwrapped for.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) enum Caller {
    AccessKey(AccessKeyId),
    Principal(String),
}

#[derive(Debug, Clone)]
struct Entry {
    until: Monotonic,
    /// Whether other requests may use it.
    shared: bool,
    /// The KMS key and the version of its row, for [`DataKeys::wipe`].
    kms_key: Option<(Arn, Revision)>,
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
        }
    }

    /// Whether the group's own key can be used, in this request's snapshot.
    ///
    /// Fails with KMS's own code and text if its state does not allow it. KMS is then asked all
    /// the same, so that the refusal of the caller's `Decrypt` is recorded.
    pub(crate) async fn check(ctx: &Ctx, group: &GroupRecord) -> Result<Access, Error> {
        let Some(key) = &group.online.key else {
            return Ok(Access::Owned);
        };
        let revision = match kms::usable(ctx.view(), key, ctx.time()) {
            Ok(revision) => revision,
            Err(unusable) => {
                let _recorded = unwrap(ctx, group, &group.index_key).await;
                return Err(Error::of_key(unusable));
            }
        };
        let caller = match &ctx.caller().access_key {
            Some(id) => Caller::AccessKey(id.clone()),
            None => Caller::Principal(ctx.caller().principal.display_name()),
        };
        Ok(Access::Own { revision, caller })
    }

    /// Forgets, and with that wipes, the keys whose time is over or whose KMS key has changed.
    pub(crate) fn wipe(&self, snapshot: &Snapshot, now: Monotonic) {
        self.cache.retain(|_, entry| {
            let current = entry
                .kms_key
                .as_ref()
                .is_none_or(|(key, revision)| kms::key_revision(snapshot, key) == Some(*revision));
            current && entry.until > now
        });
    }

    fn cached(&self, ctx: &Ctx, slot: &Slot) -> Option<Unwrapped> {
        let entry = self.cache.get(slot)?;
        (entry.until > ctx.monotonic()).then_some(entry.key)
    }
}

/// The keys that one request uses, and what it had to unwrap for that.
///
/// What is unwrapped is kept for other requests by [`Fresh::keep`] only, once the record of
/// the `Decrypt` call is durable: a call whose commit fails or is tried again leaves neither
/// the record nor the key.
pub(crate) struct Keys<'a> {
    ctx: &'a Ctx,
    shared: &'a Arc<DataKeys>,
    fresh: Vec<(Slot, Entry)>,
}

/// What a request has unwrapped, on its way out with the answer.
#[derive(Debug, Default)]
pub(crate) struct Fresh {
    shared: Option<Arc<DataKeys>>,
    entries: Vec<(Slot, Entry)>,
}

impl<'a> Keys<'a> {
    pub(crate) fn new(ctx: &'a Ctx, runtime: &'a Runtime) -> Self {
        Self {
            ctx,
            shared: &runtime.keys,
            fresh: Vec::new(),
        }
    }

    /// The key that hides the group's identifiers.
    pub(crate) async fn index(
        &mut self,
        group: &GroupRecord,
        access: &Access,
    ) -> Result<Arc<IndexKey>, Error> {
        let slot = Slot::new(group, INDEX, access);
        if let Some(Unwrapped::Index(key)) = self.known(&slot) {
            return Ok(key);
        }
        let key = unwrap(self.ctx, group, &group.index_key).await?;
        let key = Arc::new(IndexKey::new(&key));
        self.remember(group, slot, Unwrapped::Index(Arc::clone(&key)));
        Ok(key)
    }

    /// The group's data key of this number.
    pub(crate) async fn data(
        &mut self,
        group: &GroupRecord,
        access: &Access,
        number: u32,
    ) -> Result<Arc<DataKey>, Error> {
        let slot = Slot::new(group, number, access);
        if let Some(Unwrapped::Data(key)) = self.known(&slot) {
            return Ok(key);
        }
        let wrapped = group.data_keys.iter().find(|key| key.number == number);
        let wrapped = wrapped.ok_or_else(|| Error::broken("a cell names an unknown data key"))?;
        let key = unwrap(self.ctx, group, &wrapped.wrapped).await?;
        let key = Arc::new(DataKey::new(number, &key));
        self.remember(group, slot, Unwrapped::Data(Arc::clone(&key)));
        Ok(key)
    }

    /// What was unwrapped, to be kept when the answer is given.
    pub(crate) fn into_fresh(self) -> Fresh {
        let any = !self.fresh.is_empty();
        Fresh {
            shared: any.then(|| Arc::clone(self.shared)),
            entries: self.fresh,
        }
    }

    fn known(&self, slot: &Slot) -> Option<Unwrapped> {
        let fresh = self.fresh.iter().find(|(known, _)| known == slot);
        match fresh {
            Some((_, entry)) => Some(entry.key.clone()),
            None => self.shared.cached(self.ctx, slot),
        }
    }

    fn remember(&mut self, group: &GroupRecord, slot: Slot, key: Unwrapped) {
        let now = self.ctx.services().clock().monotonic();
        let kms_key = match (&group.online.key, &slot.access) {
            (Some(key), Access::Own { revision, .. }) => Some((key.clone(), *revision)),
            (Some(_) | None, _) => None,
        };
        let outside = group.online.key.as_ref();
        let outside = outside.is_some_and(|key| kms::is_held_outside(self.ctx.view(), key));
        let lifetime = if outside {
            self.shared.outside_lifetime
        } else {
            self.shared.lifetime
        };
        let until = Monotonic(now.0.saturating_add(lifetime));
        self.fresh.push((
            slot,
            Entry {
                until,
                shared: !lifetime.is_zero(),
                kms_key,
                key,
            },
        ));
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

impl Slot {
    fn new(group: &GroupRecord, number: u32, access: &Access) -> Self {
        Self {
            group: group.number,
            number,
            access: access.clone(),
        }
    }
}

/// Under what the keys of a new group are wrapped.
#[derive(Debug)]
pub(crate) struct Wrapping<'a> {
    pub(crate) region: &'a Region,
    pub(crate) key: Option<&'a Arn>,
    pub(crate) context: &'a kms::EncryptionContext,
}

impl Wrapping<'_> {
    /// Makes a new key and returns it wrapped; its plaintext is wiped here.
    ///
    /// Under a customer's key this is `GenerateDataKey` on the caller's behalf, decided and
    /// recorded like any other.
    pub(crate) async fn new_key(&self, ctx: &Ctx) -> Result<Wrapped, Error> {
        let Some(key) = self.key else {
            let fresh = Key32::generate(ctx.entropy());
            let keyring: &kms::Keyring = ctx.part()?;
            let (view, service) = (ctx.view(), Service::SageMaker);
            return keyring
                .encrypt_owned(view, service, self.region, self.context, fresh.expose())
                .map(Wrapped)
                .map_err(|source| Error::internal("a new key cannot be wrapped", source));
        };
        let request = GenerateDataKeyRequest {
            key_id: key.to_string(),
            encryption_context: Some(self.context.clone()),
            key_spec: Some(DataKeySpec::Aes256),
            ..GenerateDataKeyRequest::default()
        };
        let on_behalf = ctx.on_behalf_of(Service::SageMaker);
        let call = pipeline::call::<kms::GenerateDataKey>(on_behalf, request);
        let answer = Box::pin(call).await.map_err(Error::of_key_call)?;
        let blob = answer
            .ciphertext_blob
            .ok_or_else(|| Error::broken("KMS wrapped no key"))?;
        Ok(Wrapped(blob.0))
    }
}

/// Unwraps a key of `group`; under a customer's key by `Decrypt` on the caller's behalf.
async fn unwrap(ctx: &Ctx, group: &GroupRecord, wrapped: &Wrapped) -> Result<Key32, Error> {
    let context = &group.schema.context;
    let damaged = |source| Error::internal("a key of a group has the wrong length", source);
    let Some(key) = &group.online.key else {
        let keyring: &kms::Keyring = ctx.part()?;
        let (view, service) = (ctx.view(), Service::SageMaker);
        let secret = keyring
            .decrypt_owned(view, service, &group.region, context, &wrapped.0)
            .map_err(|source| Error::internal("a key of a group does not unwrap", source))?;
        return Key32::try_from(secret.expose()).map_err(damaged);
    };
    let request = DecryptRequest {
        ciphertext_blob: Some(Blob(wrapped.0.clone())),
        encryption_context: Some(context.clone()),
        key_id: Some(key.to_string()),
        ..DecryptRequest::default()
    };
    let on_behalf = ctx.on_behalf_of(Service::SageMaker);
    let call = pipeline::call::<kms::Decrypt>(on_behalf, request);
    let answer = Box::pin(call).await.map_err(of_unwrapping)?;
    let secret = answer
        .plaintext
        .ok_or_else(|| Error::broken("KMS unwrapped no key"))?;
    Key32::try_from(secret.expose()).map_err(damaged)
}

fn of_unwrapping(failure: pipeline::Failure) -> Error {
    if failure.code == "InvalidCiphertextException" {
        // The caller did not send this ciphertext: what is stored is damaged.
        return Error::broken("a key of a group does not unwrap");
    }
    Error::of_key_call(failure)
}
