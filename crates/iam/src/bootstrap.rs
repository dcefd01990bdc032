//! The first account and its administrator, and how access keys are made.

use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use crypto::secret::SecretBytes;
use store::{Batch, View};
use types::{AccessKeyId, AccountId, Entropy, Timestamp, UniqueId, UniqueIdKind};
use zeroize::Zeroizing;

use crate::Error;
use crate::managed::{ADMINISTRATOR_ACCESS, read_arn};
use crate::records::{
    AccessKeyRecord, AccountRecord, AttachmentRecord, EntityKind, KeyOwner, KeyStatus, UserRecord,
};
use crate::tables::{self, Use};
use crate::{lookup, organizations, quota};

/// The name of the first user.
pub(crate) const ADMINISTRATOR: &str = "Administrator";

/// A new access key with its secret, which is shown this once.
#[derive(Debug)]
pub struct AccessKey {
    /// The public half.
    pub id: AccessKeyId,
    /// The 40 characters of the secret half.
    pub secret: Arc<SecretBytes>,
}

/// Adds to `batch` the first account, its user `Administrator` with the managed policy
/// `AdministratorAccess`, and an access key of that user, which it returns.
///
/// The account becomes the management account of a new organization. Meant for an empty store: the batch requires
/// nothing, and writes over what is there. Fails only if a record of its own making is refused.
pub fn bootstrap(
    batch: &mut Batch,
    account: AccountId,
    now: Timestamp,
    entropy: &dyn Entropy,
) -> Result<AccessKey, Error> {
    let policy = read_arn(ADMINISTRATOR_ACCESS)?;
    let id = UniqueId::generate(entropy, UniqueIdKind::User);
    let owner = KeyOwner::User {
        id: id.clone(),
        name: ADMINISTRATOR.to_owned(),
    };
    let key = new_key(account, owner, now, entropy);
    let administrator = UserRecord {
        account,
        name: ADMINISTRATOR.to_owned(),
        path: "/".to_owned(),
        id: id.clone(),
        created: now,
        tags: Vec::new(),
        attached: vec![policy.clone()],
        boundary: None,
        access_keys: vec![key.id.clone()],
        groups: Vec::new(),
    };
    let first = AccountRecord {
        id: account,
        name: account.to_string(),
        email: None,
        created: now,
        management: true,
        closed: None,
        root_keys: Vec::new(),
    };
    batch.put(&tables::ACCOUNTS, tables::account(account), first);
    organizations::found_organization(batch, account, now, entropy);
    lookup::put_new(batch, administrator);
    batch.put(
        &tables::ATTACHMENTS,
        tables::attachment(account, &policy, Use::Permissions, &id),
        AttachmentRecord {
            kind: EntityKind::User,
            id,
        },
    );
    Ok(put_new_key(batch, key))
}

/// Adds to `batch` an access key of the account's root user.
///
/// No operation of IAM makes the first one, as at AWS. Fails with `LimitExceeded` beyond two
/// keys, and like a caller without an account if there is no such account.
pub fn create_root_access_key(
    batch: &mut Batch,
    view: &View,
    account: AccountId,
    now: Timestamp,
    entropy: &dyn Entropy,
) -> Result<AccessKey, Error> {
    let row = tables::account(account);
    let mut record = view
        .get(&tables::ACCOUNTS, &row)
        .ok_or(Error::NoAccount)?
        .record
        .clone();
    quota::room(
        record.root_keys.len(),
        "AccessKeysPerUser",
        quota::ACCESS_KEYS,
    )?;
    let key = unused_key(view, account, &KeyOwner::Root, now, entropy);
    record.root_keys.push(key.id.clone());
    batch.put(&tables::ACCOUNTS, row, record);
    batch.require_all(view.reads());
    Ok(put_new_key(batch, key))
}

/// Writes a new key, and returns the part that its owner gets.
pub(crate) fn put_new_key(batch: &mut Batch, key: AccessKeyRecord) -> AccessKey {
    let shown = AccessKey {
        id: key.id.clone(),
        secret: Arc::clone(&key.secret),
    };
    batch.put(&tables::ACCESS_KEYS, tables::access_key(&key.id), key);
    shown
}

/// A new active key whose id nobody in the deployment has; that becomes a precondition.
pub(crate) fn unused_key(
    view: &View,
    account: AccountId,
    owner: &KeyOwner,
    now: Timestamp,
    entropy: &dyn Entropy,
) -> AccessKeyRecord {
    loop {
        let key = new_key(account, owner.clone(), now, entropy);
        if view
            .get(&tables::ACCESS_KEYS, &tables::access_key(&key.id))
            .is_none()
        {
            return key;
        }
    }
}

fn new_key(
    account: AccountId,
    owner: KeyOwner,
    created: Timestamp,
    entropy: &dyn Entropy,
) -> AccessKeyRecord {
    AccessKeyRecord {
        id: AccessKeyId::generate(entropy, UniqueIdKind::AccessKey),
        account,
        owner,
        status: KeyStatus::Active,
        created,
        secret: Arc::new(new_secret(entropy)),
    }
}

/// 240 random bits as 40 characters of base64: the form of AWS's secrets.
pub(crate) fn new_secret(entropy: &dyn Entropy) -> SecretBytes {
    let mut bytes = Zeroizing::new([0_u8; 30]);
    entropy.fill(bytes.as_mut_slice());
    SecretBytes::from(STANDARD.encode(bytes.as_slice()).into_bytes())
}
