//! What the tests of this crate share: a key in a snapshot, and a directory of principals.

use std::collections::BTreeMap;
use std::sync::{Arc, LazyLock};

use crypto::{Key32, SystemEntropy};
use pipeline::sources::{PrincipalDirectory, Principals};
use store::{Batch, Revision, Snapshot, SnapshotBuilder, View};
use types::{AccountId, Arn, Entropy, KeyId, Region, Timestamp, UniqueId};

use crate::key_policy::KeyPolicy;
use crate::new_key::{Blueprint, NewKey};
use crate::records::{KeyManager, KeyRecord, KeyRow};
use crate::shred::ShredKeys;
use crate::specs::KeyForm;

pub(crate) const KEY_ID: &str = "1234abcd-12ab-34cd-56ef-1234567890ab";

pub(crate) fn account() -> AccountId {
    "111122223333".parse().unwrap()
}

pub(crate) fn region() -> Region {
    "us-east-1".parse().unwrap()
}

/// The shred keys of all tests of this process, in a file that is already unlinked.
pub(crate) fn shred() -> Arc<ShredKeys> {
    static SHRED: LazyLock<Arc<ShredKeys>> = LazyLock::new(|| {
        let directory = tempfile::tempdir().unwrap();
        let data_key = Key32::generate(&SystemEntropy);
        let path = directory.path().join("shred.keys");
        Arc::new(ShredKeys::open(path, &data_key, Arc::new(SystemEntropy)).unwrap())
    });
    Arc::clone(&SHRED)
}

/// A customer managed key with fresh material and this id.
pub(crate) fn new_key(id: &str) -> NewKey {
    new_key_with(id, &SystemEntropy)
}

/// The same with material drawn from `entropy`.
pub(crate) fn new_key_with(id: &str, entropy: &dyn Entropy) -> NewKey {
    let blueprint = Blueprint {
        account: account(),
        region: region(),
        id: id.parse().unwrap(),
        description: String::new(),
        manager: KeyManager::Customer,
        owned: false,
        tags: BTreeMap::new(),
        policy: KeyPolicy::default_for(account()).unwrap(),
        form: KeyForm::SYMMETRIC,
    };
    NewKey::generate(entropy, blueprint, Timestamp::EPOCH)
}

pub(crate) fn key_record() -> KeyRecord {
    new_key(KEY_ID).record
}

pub(crate) fn empty() -> Snapshot {
    SnapshotBuilder::new(&crate::tables()).build(0)
}

/// `snapshot` with the changes of `batch`, as commit `revision`.
pub(crate) fn commit(snapshot: &Snapshot, revision: Revision, batch: &Batch) -> Snapshot {
    snapshot.with(revision, batch.metadata())
}

/// A snapshot with one key for each id.
pub(crate) fn with_keys(ids: &[&str]) -> Snapshot {
    (1..).zip(ids).fold(empty(), |snapshot, (revision, id)| {
        let mut batch = Batch::default();
        let view = View::plain(Arc::new(snapshot.clone()));
        let (key, shred) = (new_key(id), shred());
        key.store(&view, &shred, &SystemEntropy, &mut batch)
            .unwrap();
        commit(&snapshot, revision, &batch)
    })
}

pub(crate) fn view(snapshot: &Snapshot) -> View {
    View::plain(Arc::new(snapshot.clone()))
}

pub(crate) fn row(view: &View, id: &str) -> KeyRow {
    let id: KeyId = id.parse().unwrap();
    KeyRow::load(view, account(), &region(), &id).unwrap()
}

/// Knows the users and roles of this map, and the accounts 111122223333 and 444455556666.
#[derive(Debug, Clone, Default)]
pub(crate) struct Directory(pub(crate) BTreeMap<Arn, UniqueId>);

impl Directory {
    pub(crate) fn of(entries: &[(&str, &str)]) -> Principals {
        let entry = |(arn, id): &(&str, &str)| (arn.parse().unwrap(), id.parse().unwrap());
        Principals(Arc::new(Self(entries.iter().map(entry).collect())))
    }
}

impl PrincipalDirectory for Directory {
    fn unique_id(&self, _view: &View, arn: &Arn) -> Option<UniqueId> {
        self.0.get(arn).cloned()
    }

    fn arn_of(&self, _view: &View, id: &UniqueId) -> Option<Arn> {
        self.0
            .iter()
            .find(|(_, known)| *known == id)
            .map(|(arn, _)| arn.clone())
    }

    fn role_id(&self, _view: &View, account: AccountId, name: &str) -> Option<UniqueId> {
        let is_it = |arn: &Arn| {
            arn.account() == Some(account)
                && arn.resource().starts_with("role/")
                && arn.resource().rsplit('/').next() == Some(name)
        };
        let mut entries = self.0.iter();
        entries
            .find(|(arn, _)| is_it(arn))
            .map(|(_, id)| id.clone())
    }

    fn trust_policy(&self, _view: &View, _arn: &Arn) -> Option<Arc<policy::Document>> {
        None
    }

    fn account_exists(&self, _view: &View, account: AccountId) -> bool {
        ["111122223333", "444455556666"].contains(&account.as_str())
    }
}
