//! Custom key stores: keys whose material somebody else holds.
//!
//! Two kinds behind one interface. A token that its owner controls, over PKCS#11, is AWS's
//! `AWS_CLOUDHSM`; a key manager behind a proxy of the published API is its
//! `EXTERNAL_KEY_STORE`. What a deployment may connect to is named by its configuration, in
//! [`Outside`], and nowhere else. A store is connected and disconnected by [`tend`], shortly
//! after a caller has asked for it, and its proxy is asked for its health by [`watch`]; its keys count as unavailable in every snapshot that does
//! not show it connected.

mod connection;
mod error;
mod fault;
mod held;
mod lookup;
mod measure;
mod new_key;
mod outside;
mod random;
mod record;
mod secret;
mod tend;
mod tokens;
mod watch;
mod xks;

pub use error::KeyStoreError;
pub use fault::{Fault, NoAnswer};
pub use outside::{Cluster, Outside, Proxy};
pub use tend::{Tending, tend};
pub use tokens::certificate as trust_anchor_of;
pub use watch::{HealthChange, watch};
pub use xks::{ProxyCall, ProxyClient, Sent};

pub(crate) use connection::{Checked, check_proxy, connect};
pub(crate) use held::{Use, decrypt, encrypt, note};
pub(crate) use lookup::{
    StoreRow, check_connected, check_disconnected, check_new, connection_changed, event_about,
    holds_keys, need_about, note_store, of_account, of_caller,
};
pub(crate) use new_key::{NewHeld, deleted_in_event, forget, hold, note_new};
pub(crate) use random::random;
pub(crate) use record::{
    Backing, Connection, Held, KEY_STORES, KeyStoreId, KeyStoreRecord, PROXY_KEYS, Seen, StoreKind,
    TOKEN_CLAIMS, TOKEN_KEYS, TokenKey, keys_in, seen_with, store_revision, store_row,
    token_key_row,
};
pub(crate) use secret::{STORE_SECRETS, Secret, StoreSecret};
