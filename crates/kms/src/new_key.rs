//! Making keys: customer managed, AWS managed and AWS owned are the same object.

use std::collections::BTreeMap;

use crypto::Key32;
use store::{Batch, Read, View};
use types::{AccountId, Entropy, KeyId, Region, Service, Timestamp};

use crate::key_policy::KeyPolicy;
use crate::keyring::owned_row;
use crate::records::{
    ALIASES, KeyManager, KeyOrigin, KeyRecord, KeySpec, KeyState, KeyUsage, MaterialEntry,
    OWNED_KEYS, OwnedKeyRecord, RotationSchedule, alias_row, key_arn,
};
use crate::shred::ShredKeys;
use crate::{Error, aliases, material};

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
}

/// A new symmetric key with fresh material, which is not stored yet.
#[derive(Debug)]
pub(crate) struct NewKey {
    pub(crate) record: KeyRecord,
    material: Key32,
}

impl NewKey {
    /// Draws the material.
    pub(crate) fn generate(entropy: &dyn Entropy, blueprint: Blueprint, at: Timestamp) -> Self {
        let material = Key32::generate(entropy);
        let Blueprint {
            account,
            region,
            id,
            description,
            manager,
            owned,
            tags,
            policy,
        } = blueprint;
        let mut record = KeyRecord {
            arn: key_arn(account, &region, &id),
            material: material::material_id(&id, &material),
            id,
            account,
            region,
            description,
            state: KeyState::Enabled,
            spec: KeySpec::SymmetricDefault,
            usage: KeyUsage::EncryptDecrypt,
            origin: KeyOrigin::AwsKms,
            manager,
            owned,
            created: at,
            tags,
            policy,
            materials: Vec::new(),
            rotation: RotationSchedule::of_new(manager, owned, at),
            deletion: None,
        };
        record.materials.push(MaterialEntry {
            id: record.material,
            made: at,
            by: None,
        });
        Self { record, material }
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
        material::store(view, shred, entropy, &self.record, &self.material, batch)?;
        self.record.clone().insert(batch);
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

    /// The change that makes this key with the id `id`, provided its alias does not exist.
    pub(crate) fn create(
        self,
        (view, shred): (&View, &ShredKeys),
        entropy: &dyn Entropy,
        (account, region, id): (AccountId, &Region, KeyId),
        at: Timestamp,
    ) -> Result<(KeyRecord, Batch), Error> {
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
            policy: KeyPolicy::managed_by(self.service, account, region)?,
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
        Ok((key.record, batch))
    }
}
