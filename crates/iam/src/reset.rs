//! A new access key for the administrator or the root user, when nobody can get in any more.

use store::{Batch, View};
use types::{AccessKeyId, AccountId, Entropy, Timestamp};

use crate::bootstrap::{self, ADMINISTRATOR, AccessKey};
use crate::managed::{ADMINISTRATOR_ACCESS, read_arn};
use crate::records::{AttachmentRecord, EntityKind, KeyOwner, UserRecord};
use crate::tables::{self, Use};
use crate::{Error, lookup};

/// What [`reset_administrator`] or [`reset_root`] does once its batch is committed.
#[derive(Debug)]
pub struct Reset {
    /// The account: the first one.
    pub account: AccountId,
    /// The new key of its user `Administrator` or of its root user.
    pub key: AccessKey,
    /// The other keys of that user, all of which are deleted.
    pub deleted: Vec<AccessKeyId>,
    /// Whether the user was gone and is made again.
    pub made_user: bool,
    /// Whether `AdministratorAccess` was not attached and is.
    pub attached_policy: bool,
}

/// Adds to `batch` a new access key of the first account's user `Administrator`, in the place
/// of all that it has.
///
/// A user that is gone is made again, and `AdministratorAccess` is attached where it is not.
/// What else bounds the user (a permissions boundary, a Deny) stays. For whoever holds the seal;
/// nobody is asked for a permission. `None` if the store holds no account.
pub fn reset_administrator(
    batch: &mut Batch,
    view: &View,
    now: Timestamp,
    entropy: &dyn Entropy,
) -> Result<Option<Reset>, Error> {
    let Some(account) = lookup::first_account(view) else {
        return Ok(None);
    };
    let found = view.get(&tables::USERS, &tables::named(account, ADMINISTRATOR));
    let made_user = found.is_none();
    let mut user = match found {
        Some(row) => row.record.clone(),
        None => UserRecord {
            account,
            name: ADMINISTRATOR.to_owned(),
            path: "/".to_owned(),
            id: lookup::unused_id(view, entropy, EntityKind::User),
            created: now,
            tags: Vec::new(),
            attached: Vec::new(),
            boundary: None,
            access_keys: Vec::new(),
            groups: Vec::new(),
        },
    };
    let policy = read_arn(ADMINISTRATOR_ACCESS)?;
    let attached_policy = !user.attached.contains(&policy);
    if attached_policy {
        batch.put(
            &tables::ATTACHMENTS,
            tables::attachment(account, &policy, Use::Permissions, &user.id),
            AttachmentRecord {
                kind: EntityKind::User,
                id: user.id.clone(),
            },
        );
        user.attached.push(policy);
    }
    let deleted = std::mem::take(&mut user.access_keys);
    delete_keys(batch, &deleted);
    let owner = KeyOwner::User {
        id: user.id.clone(),
        name: user.name.clone(),
    };
    let key = bootstrap::unused_key(view, account, &owner, now, entropy);
    user.access_keys.push(key.id.clone());
    if made_user {
        lookup::put_new(batch, user);
    } else {
        lookup::put(batch, user);
    }
    batch.require_all(view.reads());
    Ok(Some(Reset {
        account,
        key: bootstrap::put_new_key(batch, key),
        deleted,
        made_user,
        attached_policy,
    }))
}

/// Adds to `batch` a new access key of the first account's root user, in the place of all that it
/// has.
///
/// No policy of the account bounds the root user, and none of an organization that of its
/// management account, which is the first. So whoever holds the seal can take back what keeps
/// `Administrator` from working; nobody is asked for a permission. `None` if the store holds no
/// account.
pub fn reset_root(
    batch: &mut Batch,
    view: &View,
    now: Timestamp,
    entropy: &dyn Entropy,
) -> Option<Reset> {
    let account = lookup::first_account(view)?;
    let row = tables::account(account);
    let mut record = view.get(&tables::ACCOUNTS, &row)?.record.clone();
    let deleted = std::mem::take(&mut record.root_keys);
    delete_keys(batch, &deleted);
    let key = bootstrap::unused_key(view, account, &KeyOwner::Root, now, entropy);
    record.root_keys.push(key.id.clone());
    batch.put(&tables::ACCOUNTS, row, record);
    batch.require_all(view.reads());
    Some(Reset {
        account,
        key: bootstrap::put_new_key(batch, key),
        deleted,
        made_user: false,
        attached_policy: false,
    })
}

fn delete_keys(batch: &mut Batch, keys: &[AccessKeyId]) {
    for id in keys {
        batch.delete(&tables::ACCESS_KEYS, tables::access_key(id));
        batch.delete(&tables::LAST_USED, tables::access_key(id));
    }
}
