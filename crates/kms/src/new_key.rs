//! Making keys: customer managed, AWS managed and AWS owned are the same object.

use std::collections::BTreeMap;

use crypto::SecretBytes;
use store::{Batch, Read, View};
use types::{AccountId, Entropy, KeyId, Region, Service, Timestamp};

use crate::key_policy::KeyPolicy;
use crate::key_stores::{Held, Seen};
use crate::keyring::{encrypt_with, owned_row};
use crate::material::Unwrapped;
use crate::multi_region::Siblings;
use crate::records::{
    ALIASES, KeyManager, KeyRecord, KeyState, MaterialEntry, OWNED_KEYS, OwnedKeyRecord,
    RotationSchedule, alias_row, key_arn,
};
use crate::shred::ShredKeys;
use crate::specs::KeyForm;
use crate::{EncryptionContext, Error, aliases, material};

/// What sets one new key apart from another.
#[derive(Debug)]
pub(crate) struct Blueprint {
    pub(crate) account: AccountId,
    pub(crate) region: Region,
    pub(crate) id: KeyId,
    pub(crate) description: String,
    pub(crate) manager: KeyManager,
    pub(crate) owned: bool,
    pub(crate) tags: BTreeMap<String, String>,
    pub(crate) policy: KeyPolicy,
    pub(crate) form: KeyForm,
}

/// A new key with fresh material, which is not stored yet.
#[derive(Debug)]
pub(crate) struct NewKey {
    pub(crate) record: KeyRecord,
    material: Option<SecretBytes>,
}

impl NewKey {
    /// Draws the material at once: for keys that are quickly made.
    pub(crate) fn generate(entropy: &dyn Entropy, blueprint: Blueprint, at: Timestamp) -> Self {
        let material = material::generate(entropy, blueprint.form.spec);
        Self::with_material(blueprint, Some(material), at)
    }

    /// The key with this material; without any it waits for an import.
    pub(crate) fn with_material(
        blueprint: Blueprint,
        material: Option<SecretBytes>,
        at: Timestamp,
    ) -> Self {
        let Blueprint {
            account,
            region,
            id,
            description,
            manager,
            owned,
            tags,
            policy,
            form,
        } = blueprint;
        let siblings = form.multi_region.then(|| Siblings::of(&region));
        let mut record = KeyRecord {
            arn: key_arn(account, &region, &id),
            material: material
                .as_ref()
                .map(|bytes| material::material_id(&id, bytes)),
            imports: Vec::new(),
            siblings,
            window: None,
            held: None,
            seen: None,
            id,
            account,
            region,
            description,
            state: if material.is_some() {
                KeyState::Enabled
            } else {
                KeyState::PendingImport
            },
            spec: form.spec,
            usage: form.usage,
            origin: form.origin,
            manager,
            owned,
            created: at,
            tags,
            policy,
            materials: Vec::new(),
            rotation: RotationSchedule::of_new(manager, owned, at),
            deletion: None,
        };
        record
            .materials
            .extend(record.material.map(|id| MaterialEntry {
                id,
                made: at,
                by: None,
            }));
        Self { record, material }
    }

    /// The same key in a custom key store, `cluster` if that is a token. It can be used at once.
    pub(crate) fn held(mut self, held: Held, cluster: Option<String>) -> Self {
        self.record.state = KeyState::Enabled;
        self.record.held = Some(held);
        self.record.seen = Some(Seen {
            beneath: KeyState::Enabled,
            cluster,
        });
        self
    }

    /// Encrypts under the material, before anything of the key is stored.
    pub(crate) fn encrypt(
        &self,
        entropy: &dyn Entropy,
        context: &EncryptionContext,
        plaintext: &[u8],
    ) -> Result<Vec<u8>, Error> {
        let material = self.material.as_ref();
        let material = material.ok_or_else(|| Error::broken("a new key has no material"))?;
        let ready = Unwrapped::new(&self.record.id, self.record.spec, material)
            .map_err(|unfit| Error::internal("the material of a new key is unfit", unfit))?;
        encrypt_with(entropy, (&self.record, &ready), context, plaintext)
    }

    /// Adds the key and its wrapped material to `batch`.
    ///
    /// Fails if the account's first shred key cannot be written.
    pub(crate) fn store(
        &self,
        view: &View,
        shred: &ShredKeys,
        entropy: &dyn Entropy,
        batch: &mut Batch,
    ) -> Result<(), Error> {
        let record = &self.record;
        if let Some(material) = record.material.zip(self.material.as_ref()) {
            material::store(view, shred, entropy, record, material, batch)?;
        }
        record.clone().insert(batch);
        Ok(())
    }
}

/// The account that holds AWS owned keys. No caller sees its keys, whoever the caller is.
pub(crate) fn owner_account() -> Result<AccountId, Error> {
    "000000000000"
        .parse()
        .map_err(|source| Error::internal("not an account id", source))
}

/// The change that makes the AWS owned key of `service`, provided there is none.
pub(crate) fn owned(
    view: &View,
    shred: &ShredKeys,
    entropy: &dyn Entropy,
    service: Service,
    region: &Region,
    at: Timestamp,
) -> Result<Batch, Error> {
    let blueprint = Blueprint {
        account: owner_account()?,
        region: region.clone(),
        id: KeyId::generate(entropy),
        description: format!("AWS owned key of {}", service.principal()),
        manager: KeyManager::Aws,
        owned: true,
        tags: BTreeMap::new(),
        policy: KeyPolicy::owned_by(service)?,
        form: KeyForm::SYMMETRIC,
    };
    let key = NewKey::generate(entropy, blueprint, at);
    let mut batch = Batch::default();
    key.store(view, shred, entropy, &mut batch)?;
    let row = owned_row(service, region);
    batch.require(Read::Row {
        table: &OWNED_KEYS,
        key: row.clone(),
        revision: None,
    });
    batch.put(&OWNED_KEYS, row, OwnedKeyRecord { id: key.record.id });
    Ok(batch)
}

/// An AWS managed key: its alias and the service that uses it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Managed {
    alias: &'static str,
    service: &'static str,
}

/// The AWS managed keys that exist here, each made when it is first asked for.
const MANAGED: [Managed; 2] = [
    Managed {
        alias: "alias/aws/sagemaker",
        service: "sagemaker",
    },
    Managed {
        alias: "alias/aws/s3",
        service: "s3",
    },
];

impl Managed {
    /// The AWS managed key that `alias` is predefined for.
    pub(crate) fn of(alias: &str) -> Option<Self> {
        MANAGED.into_iter().find(|managed| managed.alias == alias)
    }

    /// The service that uses this key, by the prefix of its actions.
    pub(crate) fn service(self) -> &'static str {
        self.service
    }

    /// The policy of this key in `account`, whether it exists or not.
    pub(crate) fn policy(self, account: AccountId, region: &Region) -> Result<KeyPolicy, Error> {
        KeyPolicy::managed_by(self.service, account, region)
    }

    /// This key with the id `id`, and the change that makes it, provided its alias does not
    /// exist.
    pub(crate) fn create(
        self,
        (view, shred): (&View, &ShredKeys),
        entropy: &dyn Entropy,
        (account, region, id): (AccountId, &Region, KeyId),
        at: Timestamp,
    ) -> Result<(NewKey, Batch), Error> {
        let blueprint = Blueprint {
            account,
            region: region.clone(),
            id,
            description: format!(
                "Default key that protects what {} stores when no other key is defined",
                self.service
            ),
            manager: KeyManager::Aws,
            owned: false,
            tags: BTreeMap::new(),
            policy: self.policy(account, region)?,
            form: KeyForm::SYMMETRIC,
        };
        let key = NewKey::generate(entropy, blueprint, at);
        let mut batch = Batch::default();
        key.store(view, shred, entropy, &mut batch)?;
        let row = alias_row(account, region, self.alias);
        batch.require(Read::Row {
            table: &ALIASES,
            key: row,
            revision: None,
        });
        aliases::point(&key.record, self.alias, at, &mut batch);
        Ok((key, batch))
    }
}
