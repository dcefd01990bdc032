//! Access keys as authentication sees them.

use std::sync::Arc;

use crypto::secret::SecretBytes;
use store::{AnyTable, Revision, Snapshot, View};
use types::{AccessKeyId, AccountId, Principal};

use crate::records::{AccessKeyRecord, KeyOwner, KeyStatus, UserRecord};
use crate::tables;

/// A credential that may sign.
#[derive(Debug, Clone)]
pub struct Credential {
    /// Whom it authenticates.
    pub principal: Principal,
    /// The principal's account.
    pub account: AccountId,
    /// The secret, shared with the stored record.
    pub secret: Arc<SecretBytes>,
    /// Names this secret among all that the key id ever had: the commit that wrote it.
    /// Whatever is derived from the secret is cached under the id and this number.
    pub secret_version: Revision,
}

/// What an access key id stands for.
#[derive(Debug, Clone)]
pub enum CredentialState {
    /// Nothing: there is no such key, or its owner is gone.
    Unknown,
    /// A key that was made inactive. Callers are told the same as for an unknown one.
    Inactive {
        /// The account whose history a refused call belongs to.
        account: AccountId,
    },
    /// A credential that may sign.
    Active(Credential),
}

/// The credential with this id; `None` if it is unknown, inactive or without its owner, which
/// AWS answers with `InvalidClientTokenId` or `UnrecognizedClientException`.
pub fn find_credential(view: &View, id: &AccessKeyId) -> Option<Credential> {
    match credential_state(view, id) {
        CredentialState::Active(credential) => Some(credential),
        CredentialState::Unknown | CredentialState::Inactive { .. } => None,
    }
}

/// The last changes of all tables that [`find_credential`] and [`crate::find_session`] read: in
/// two snapshots that agree on it, they find the same. Unique ids change with those whom they
/// belong to.
pub fn credential_stamp(snapshot: &Snapshot) -> [Revision; 4] {
    let read: [&dyn AnyTable; 4] = [
        &tables::ACCESS_KEYS,
        &tables::USERS,
        &tables::ROLES,
        &tables::ACCOUNTS,
    ];
    read.map(|table| snapshot.table_changed(table))
}

/// Like [`find_credential`], and tells inactive keys from unknown ones, for the log.
pub fn credential_state(view: &View, id: &AccessKeyId) -> CredentialState {
    let Some(row) = view.get(&tables::ACCESS_KEYS, &tables::access_key(id)) else {
        return CredentialState::Unknown;
    };
    let key = row.record;
    let Some(principal) = owner_of(view, key) else {
        return CredentialState::Unknown;
    };
    match key.status {
        KeyStatus::Inactive => CredentialState::Inactive {
            account: key.account,
        },
        KeyStatus::Active => CredentialState::Active(Credential {
            principal,
            account: key.account,
            secret: Arc::clone(&key.secret),
            secret_version: row.revision,
        }),
    }
}

/// The principal that owns `key`, if it still exists and its account is not closed.
fn owner_of(view: &View, key: &AccessKeyRecord) -> Option<Principal> {
    if !is_open(view, key.account) {
        return None;
    }
    match &key.owner {
        KeyOwner::Root => Some(Principal::Root {
            account: key.account,
        }),
        KeyOwner::User { id, name } => {
            let user = view
                .get(&tables::USERS, &tables::named(key.account, name))?
                .record;
            (user.id == *id).then(|| user.principal())
        }
    }
}

/// Whether the account exists and is not closed.
pub(crate) fn is_open(view: &View, account: AccountId) -> bool {
    let row = view.get(&tables::ACCOUNTS, &tables::account(account));
    row.is_some_and(|row| row.record.closed.is_none())
}

/// Whether the key is active and belongs to `principal`, who still exists.
pub(crate) fn is_good(view: &View, id: &AccessKeyId, principal: &Principal) -> bool {
    let Some(key) = view.get(&tables::ACCESS_KEYS, &tables::access_key(id)) else {
        return false;
    };
    let key = key.record;
    if key.status != KeyStatus::Active || principal.account() != Some(key.account) {
        return false;
    }
    if !is_open(view, key.account) {
        return false;
    }
    match (&key.owner, principal) {
        (KeyOwner::Root, Principal::Root { .. }) => true,
        // A user that was renamed meanwhile has to be authenticated anew.
        (KeyOwner::User { id: owner, name }, Principal::User { id, arn, .. }) => {
            let user = view.get(&tables::USERS, &tables::named(key.account, name));
            let is_caller = |user: &UserRecord| user.id == *id && user.arn() == *arn;
            owner == id && user.is_some_and(|user| is_caller(user.record))
        }
        _ => false,
    }
}
