//! The items of one engine batch: at most one per key, in order, with lookup.

use std::collections::HashMap;

use crypto::digest::Sha256;
use fjall::{Keyspace, OwnedWriteBatch, PersistMode, UserKey, UserValue};

use super::chain::ring_key;
use super::codec::length_of;
use super::engine::Engine;

/// A write to one key; `None` removes it.
pub(super) struct Item {
    pub(super) keyspace: Keyspace,
    pub(super) key: UserKey,
    pub(super) value: Option<UserValue>,
}

/// Items to be written together. A later write to the same key takes the earlier one's place.
#[derive(Default)]
pub(super) struct Writes {
    items: Vec<Item>,
    index: HashMap<(u64, UserKey), usize>,
}

impl Writes {
    /// Adds a write.
    pub(super) fn set(
        &mut self,
        keyspace: &Keyspace,
        key: impl Into<UserKey>,
        value: Option<UserValue>,
    ) {
        let item = Item {
            keyspace: keyspace.clone(),
            key: key.into(),
            value,
        };
        self.put(item);
    }

    /// What this batch will leave at a key; `None` if it does not touch it.
    pub(super) fn get(&self, keyspace: &Keyspace, key: &UserKey) -> Option<&Option<UserValue>> {
        let at = self.index.get(&(keyspace.id(), key.clone()))?;
        self.items.get(*at).map(|item| &item.value)
    }

    /// Adds all writes of `other` behind these.
    pub(super) fn absorb(&mut self, other: Self) {
        for item in other.items {
            self.put(item);
        }
    }

    /// The items, to hand over to the engine.
    pub(super) fn into_items(self) -> Vec<Item> {
        self.items
    }

    fn put(&mut self, item: Item) {
        let at = self.items.len();
        let previous = self
            .index
            .insert((item.keyspace.id(), item.key.clone()), at);
        match previous.and_then(|previous| self.items.get_mut(previous).map(|old| (previous, old)))
        {
            Some((previous, old)) => {
                self.index
                    .insert((item.keyspace.id(), item.key.clone()), previous);
                *old = item;
            }
            None => self.items.push(item),
        }
    }
}

/// Writes `items` and their chain link as one engine batch and waits until it is durable.
pub(super) fn write_batch(
    engine: &Engine,
    items: Vec<Item>,
    sequence: u64,
    link: Vec<u8>,
) -> fjall::Result<()> {
    let mut batch = OwnedWriteBatch::with_capacity(engine.database().clone(), items.len() + 1)
        .durability(Some(PersistMode::SyncData));
    for item in items {
        match item.value {
            Some(value) => batch.insert(&item.keyspace, item.key, value),
            None => batch.remove(&item.keyspace, item.key),
        }
    }
    batch.insert(&engine.chain, ring_key(sequence), link);
    batch.commit()
}

/// The digest of a batch's items, which its link carries.
pub(super) fn content_digest(items: &[Item]) -> [u8; 32] {
    let mut digest = Sha256::new();
    for item in items {
        digest_item(
            &mut digest,
            item.keyspace.id(),
            &item.key,
            item.value.as_deref(),
        );
    }
    digest.finish()
}

/// Adds an item to the digest of a batch's content.
pub(super) fn digest_item(digest: &mut Sha256, keyspace: u64, key: &[u8], value: Option<&[u8]>) {
    digest.update(&[u8::from(value.is_some())]);
    digest.update(&keyspace.to_be_bytes());
    for part in [key, value.unwrap_or_default()] {
        digest.update(&length_of(part).to_be_bytes());
        digest.update(part);
    }
}
