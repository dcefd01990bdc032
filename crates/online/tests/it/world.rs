//! A group's keys, and writes and reads of its records.

use std::sync::Arc;

use crypto::{Key32, SystemEntropy};
use online::{
    CellKey, Cells, DataKey, EmbeddedCells, EventTime, GroupNumber, Header, IndexKey, Outcome,
    PayloadWriter, Rule, SealedCell, Value, Version, Write,
};
use store::{Batch, Lane};
use types::Timestamp;

use crate::memory::MemoryStore;

/// Cells over a store of the test's choice.
pub(crate) struct World<S = Arc<MemoryStore>> {
    pub(crate) store: S,
    pub(crate) cells: EmbeddedCells,
    keys: Keys,
}

/// The keys of all groups.
#[derive(Clone)]
pub(crate) struct Keys {
    data: Arc<DataKey>,
    index: Arc<IndexKey>,
}

impl Keys {
    pub(crate) fn generate() -> Self {
        let key = Key32::generate(&SystemEntropy);
        Self {
            data: Arc::new(DataKey::new(1, &key)),
            index: Arc::new(IndexKey::new(&key)),
        }
    }
}

/// A put or a deletion, in whole seconds.
#[derive(Debug, Clone)]
pub(crate) struct Request {
    pub(crate) group: u64,
    pub(crate) identifier: String,
    pub(crate) event_time: i64,
    pub(crate) expires_at: Option<i64>,
    pub(crate) action: Action,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Action {
    Put(u32),
    SoftDelete,
    HardDelete,
}

pub(crate) fn put(identifier: &str, event_time: i64, value: u32) -> Request {
    Request {
        group: 1,
        identifier: identifier.to_owned(),
        event_time,
        expires_at: None,
        action: Action::Put(value),
    }
}

impl Request {
    pub(crate) fn expiring(mut self, at: i64) -> Self {
        self.expires_at = Some(at);
        self
    }

    pub(crate) fn of_group(mut self, group: u64) -> Self {
        self.group = group;
        self
    }
}

pub(crate) fn time(seconds: i64) -> EventTime {
    EventTime::new(Timestamp::new(seconds, 0)).unwrap()
}

impl World {
    pub(crate) async fn new() -> Self {
        let store = Arc::new(MemoryStore::new(&online::tables()));
        let cells = EmbeddedCells::open(store.clone()).await.unwrap();
        Self::over(store, cells, Keys::generate())
    }
}

impl<S> World<S> {
    pub(crate) fn over(store: S, cells: EmbeddedCells, keys: Keys) -> Self {
        Self { store, cells, keys }
    }

    pub(crate) fn key(&self, group: u64, identifier: &str) -> CellKey {
        CellKey::new(GroupNumber(group), &self.keys.index, identifier)
    }

    pub(crate) fn write(&self, request: &Request, now: i64) -> Write {
        let key = self.key(request.group, &request.identifier);
        let version = Version {
            event_time: time(request.event_time),
            sequence: self.cells.next_sequence().unwrap(),
        };
        let header = Header {
            data_key: 1,
            version,
            expires_at: request.expires_at.map(time),
            deleted: request.action == Action::SoftDelete,
        };
        let mut payload = PayloadWriter::new(&request.identifier, 0);
        payload.identifier_feature(0);
        if let Action::Put(value) = request.action {
            payload.feature(1, &value.to_string());
        }
        let payload = payload.finish();
        let sealed = SealedCell::seal(&SystemEntropy, &self.keys.data, &key, header, &payload);
        let rule = match request.action {
            Action::Put(_) => Rule::Put,
            Action::SoftDelete | Action::HardDelete => Rule::Delete,
        };
        Write {
            key,
            version,
            cell: (request.action != Action::HardDelete).then(|| sealed.unwrap()),
            rule,
            now: Timestamp::new(now, 0),
        }
    }

    pub(crate) async fn apply(&self, request: &Request, now: i64) -> Outcome {
        let writes = vec![self.write(request, now)];
        let outcomes = self
            .cells
            .write(Batch::new(Lane::Data), writes)
            .await
            .unwrap();
        *outcomes.first().unwrap()
    }

    /// The value that a reader sees.
    pub(crate) async fn get(&self, group: u64, identifier: &str, now: i64) -> Option<u32> {
        let key = self.key(group, identifier);
        let cell = self.cells.get(&key).await.unwrap()?;
        self.value(cell, &key, identifier, now)
    }

    pub(crate) fn value(
        &self,
        cell: SealedCell,
        key: &CellKey,
        identifier: &str,
        now: i64,
    ) -> Option<u32> {
        if !cell.header().is_visible(Timestamp::new(now, 0)) {
            return None;
        }
        let payload = cell.open(&self.keys.data, key).unwrap();
        let record = payload.record().unwrap();
        assert_eq!(record.identifier(), identifier.as_bytes());
        let text = match record.features().nth(1).unwrap().unwrap().value {
            Value::Text(text) => Some(text),
            Value::List(_) => None,
        };
        Some(std::str::from_utf8(text.unwrap()).unwrap().parse().unwrap())
    }
}
