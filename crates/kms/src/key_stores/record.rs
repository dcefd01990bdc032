//! What is stored of key stores: their settings, whether they are connected, what they hold.

use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use store::{Key, Record, Revision, Snapshot, Table, View};
use types::{AccountId, Entropy, KeyId, Region, Timestamp};

use crate::records::{KeyRecord, KeyState};

/// Key stores: settings and connection, nothing secret.
pub(crate) static KEY_STORES: Table<KeyStoreRecord> = Table::with_history("kms_key_stores");
/// Which keys of external key managers are in use: rows by store and external id.
pub(crate) static PROXY_KEYS: Table<ProxyKey> = Table::with_history("kms_proxy_keys");
/// Keys on tokens that no KMS key stands for: those about to be made, and those to be destroyed.
pub(crate) static TOKEN_KEYS: Table<TokenKey> = Table::with_history("kms_token_keys");
/// Keys on tokens that are to be claimed for this deployment: those of one that it was copied from.
pub(crate) static TOKEN_CLAIMS: Table<TokenKey> = Table::without_history("kms_token_claims");

/// The id of a key store: `cks-` and 17 hex digits.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub(crate) struct KeyStoreId(String);

impl KeyStoreId {
    /// Draws a new id.
    pub(crate) fn generate(entropy: &dyn Entropy) -> Self {
        let mut bytes = [0; 9];
        entropy.fill(&mut bytes);
        let mut digits = hex::encode(bytes);
        digits.truncate(17);
        Self(format!("cks-{digits}"))
    }

    /// The id that a caller names, whether or not there is such a store.
    pub(crate) fn named(text: &str) -> Self {
        Self(text.to_owned())
    }

    /// The id.
    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for KeyStoreId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Display for KeyStoreId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A custom key store without its credential.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct KeyStoreRecord {
    /// The id.
    pub id: KeyStoreId,
    /// The account that it belongs to.
    pub account: AccountId,
    /// The region.
    pub region: Region,
    /// The name, unique in account and region.
    pub name: String,
    /// When it was made.
    pub created: Timestamp,
    /// What is behind it.
    pub kind: StoreKind,
    /// Whether it is connected.
    pub connection: Connection,
}

impl Record for KeyStoreRecord {
    const VERSION: u16 = 1;
}

/// What is behind a key store.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum StoreKind {
    /// A token.
    Token {
        /// The name under which the configuration knows it.
        cluster: String,
        /// The certificate that its owner handed out, as PEM.
        trust_anchor: String,
    },
    /// A proxy in front of a key manager.
    Proxy {
        /// `https://` and a host.
        endpoint: String,
        /// The path that its operations are under.
        path: String,
        /// The part of the credential that is no secret.
        access_key_id: String,
    },
}

/// Whether a key store is connected.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Connection {
    /// It never was, or was disconnected on purpose.
    Disconnected,
    /// It is about to be.
    Connecting,
    /// It is. What is behind it may be out of order all the same.
    Connected,
    /// Connecting failed.
    Failed {
        /// AWS's word for why.
        code: String,
    },
    /// It is about to be disconnected.
    Disconnecting,
}

/// What a key in a custom key store is there.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Held {
    /// The store.
    pub store: KeyStoreId,
    /// The key in it.
    pub backing: Backing,
}

/// A key outside.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Backing {
    /// A key on a token.
    Token {
        /// Its label.
        label: String,
    },
    /// A key of an external key manager.
    Proxy {
        /// Its id there.
        id: String,
    },
}

/// Says that an external key is in use; the row's key names it.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct ProxyKey {
    /// The KMS key that stands for it.
    pub key: KeyId,
}

impl Record for ProxyKey {
    const VERSION: u16 = 1;
}

/// A key on a token; the row's key names it.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct TokenKey {
    /// Since when.
    pub since: Timestamp,
}

impl Record for TokenKey {
    const VERSION: u16 = 1;
}

/// What the snapshot that a key was read in says of the store that holds it.
#[derive(Debug, Clone)]
pub(crate) struct Seen {
    /// The state that the key is stored with.
    pub beneath: KeyState,
    /// The token's cluster, if the store is one.
    pub cluster: Option<String>,
}

/// `record` as it is in `view`: unavailable unless the store that holds it is connected. Also
/// says which commit the store's row is of.
pub(crate) fn seen_with(view: &View, record: Arc<KeyRecord>) -> (Arc<KeyRecord>, Option<Revision>) {
    let Some(held) = &record.held else {
        return (record, None);
    };
    let row = store_row(record.account, &record.region, &held.store);
    let store = view.get(&KEY_STORES, &row);
    let connected = store
        .as_ref()
        .is_some_and(|store| store.record.connection == Connection::Connected);
    let cluster = store.as_ref().and_then(|store| match &store.record.kind {
        StoreKind::Token { cluster, .. } => Some(cluster.clone()),
        StoreKind::Proxy { .. } => None,
    });
    let revision = store.map(|store| store.revision);
    let beneath = record.state;
    let mut seen = KeyRecord::clone(&record);
    // A key that is being deleted stays so.
    if !connected && matches!(beneath, KeyState::Enabled | KeyState::Disabled) {
        seen.state = KeyState::Unavailable;
    }
    seen.seen = Some(Seen { beneath, cluster });
    (Arc::new(seen), revision)
}

/// The commit of the store's row that holds the key of `record`, if one does.
pub(crate) fn store_revision(snapshot: &Snapshot, record: &KeyRecord) -> Option<Revision> {
    let held = record.held.as_ref()?;
    let row = store_row(record.account, &record.region, &held.store);
    snapshot.row_revision(&KEY_STORES, &row)
}

/// The row key of a store.
pub(crate) fn store_row(account: AccountId, region: &Region, id: &KeyStoreId) -> Key {
    Key::of(&[account.as_str(), region.as_str(), id.as_str()])
}

/// The prefix of an account's stores in one region.
pub(crate) fn stores_prefix(account: AccountId, region: &Region) -> Key {
    Key::of(&[account.as_str(), region.as_str()])
}

/// What the entries by which the keys in a store are found begin with; see [`crate::records::KEYS`].
pub(crate) fn keys_in(account: AccountId, region: &Region, store: &KeyStoreId) -> Key {
    Key::of(&[account.as_str(), region.as_str(), store.as_str()])
}

/// The row key that says that an external key is in use.
pub(crate) fn proxy_key_row(
    account: AccountId,
    region: &Region,
    store: &KeyStoreId,
    id: &str,
) -> Key {
    Key::of(&[account.as_str(), region.as_str(), store.as_str(), id])
}

/// The row key of a key on a token that no KMS key stands for.
pub(crate) fn token_key_row(
    account: AccountId,
    region: &Region,
    store: &KeyStoreId,
    label: &str,
) -> Key {
    Key::of(&[account.as_str(), region.as_str(), store.as_str(), label])
}
