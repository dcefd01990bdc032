//! Metadata tables: typed rows with an explicit version, sealed on disk, decoded in memory.

use std::any::Any;
use std::fmt;
use std::marker::PhantomData;
use std::sync::Arc;
use std::sync::atomic::AtomicUsize;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use crate::Key;

/// A metadata record: a stored type of its own, never a wire shape.
pub trait Record: fmt::Debug + Serialize + DeserializeOwned + Send + Sync + 'static {
    /// The version that is written; raised whenever the stored form changes.
    const VERSION: u16;

    /// Turns the stored form of an older version into this type; the current one is read
    /// without it. A record that holds secrets wipes what it takes out of `stored`.
    ///
    /// The default knows the current version only.
    fn upgrade(version: u16, stored: serde_json::Value) -> Result<Self, RecordError> {
        drop(stored);
        Err(RecordError::UnknownVersion { version })
    }

    /// Prepares what is derived from the stored form (compiled policies), once per load.
    fn loaded(&mut self) {}

    /// About how many bytes of memory the record takes beside its stored form: what is derived
    /// from it, if that can be many times as much. Whoever writes it is charged for them.
    fn memory(&self) -> usize {
        0
    }
}

/// A stored record could not be turned back into its type.
#[derive(Debug, thiserror::Error)]
pub enum RecordError {
    /// The bytes are not the record's stored form.
    #[error("stored record is unreadable")]
    Unreadable {
        /// Where the reader stopped.
        #[source]
        source: serde_json::Error,
    },
    /// Written by a newer release.
    #[error("stored record has version {version}, which this release does not know")]
    UnknownVersion {
        /// The version found.
        version: u16,
    },
}

/// A record without its type, as snapshots hold it.
pub type ErasedRecord = Arc<dyn Any + Send + Sync>;

/// A metadata table with rows of type `R`, declared as a `static`.
#[derive(Debug)]
pub struct Table<R> {
    name: &'static str,
    keeps_history: bool,
    /// Where snapshots hold it, as they last found out.
    place: AtomicUsize,
    /// Under what a row is counted.
    group: Option<Grouping<R>>,
    /// By what else than its key a row is found.
    listing: Option<Listing<R>>,
    record: PhantomData<fn() -> R>,
}

/// The group that a row is counted in, if it is counted.
type Grouping<R> = fn(&R) -> Option<Key>;

/// The entries by which a row is found, if it is listed.
type Listing<R> = fn(&R) -> Vec<Key>;

impl<R: Record> Table<R> {
    /// A table whose rows keep their history (policies, key metadata, grants, groups).
    pub const fn with_history(name: &'static str) -> Self {
        Self {
            name,
            keeps_history: true,
            place: AtomicUsize::new(0),
            group: None,
            listing: None,
            record: PhantomData,
        }
    }

    /// A table without history: key material and secrets, which deletion must destroy.
    pub const fn without_history(name: &'static str) -> Self {
        Self {
            name,
            keeps_history: false,
            place: AtomicUsize::new(0),
            group: None,
            listing: None,
            record: PhantomData,
        }
    }

    /// The table, of which snapshots know how many rows each `group` has, without walking them;
    /// rows without a group are not counted. Nothing of it is stored.
    #[must_use]
    pub const fn counted_by(mut self, group: fn(&R) -> Option<Key>) -> Self {
        self.group = Some(group);
        self
    }

    /// The table, whose rows snapshots also find by each of their `entries`, in the order of
    /// these. No two rows may have an entry in common. Nothing of it is stored.
    #[must_use]
    pub const fn listed_by(mut self, entries: fn(&R) -> Vec<Key>) -> Self {
        self.listing = Some(entries);
        self
    }
}

/// A table without its row type; engines work on these.
pub trait AnyTable: fmt::Debug + Send + Sync {
    /// The name on disk; never changes once released.
    fn name(&self) -> &'static str;

    /// Whether older versions of rows are kept.
    fn keeps_history(&self) -> bool;

    /// A note of where snapshots hold the table; they check it before they believe it.
    fn place(&self) -> &AtomicUsize;

    /// The group that snapshots count the row in, if they do.
    fn group(&self, record: &ErasedRecord) -> Option<Key>;

    /// The entries by which snapshots find the row, if they do by anything but its key.
    fn entries(&self, record: &ErasedRecord) -> Vec<Key>;

    /// About how many bytes of memory the row takes beside its stored form.
    fn memory(&self, record: &ErasedRecord) -> usize;

    /// Decodes the stored form.
    fn decode(&self, stored: &[u8]) -> Result<ErasedRecord, RecordError>;

    /// Encodes a record of this table's type.
    ///
    /// Fails with [`RecordError::Unreadable`] if the record is of another type or cannot
    /// be serialised.
    fn encode(&self, record: &ErasedRecord) -> Result<Zeroizing<Vec<u8>>, RecordError>;
}

#[derive(Serialize)]
struct Stored<'a, R> {
    v: u16,
    r: &'a R,
}

/// Any record's version; the rest is passed over.
#[derive(Deserialize)]
struct Versioned {
    v: u16,
}

#[derive(Deserialize)]
struct Unread<R> {
    r: R,
}

impl<R: Record> AnyTable for Table<R> {
    fn name(&self) -> &'static str {
        self.name
    }

    fn keeps_history(&self) -> bool {
        self.keeps_history
    }

    fn place(&self) -> &AtomicUsize {
        &self.place
    }

    fn group(&self, record: &ErasedRecord) -> Option<Key> {
        let group = self.group?;
        group(record.downcast_ref()?)
    }

    fn entries(&self, record: &ErasedRecord) -> Vec<Key> {
        let record = record.downcast_ref();
        let listed = self.listing.zip(record);
        listed.map_or_else(Vec::new, |(entries, record)| entries(record))
    }

    fn memory(&self, record: &ErasedRecord) -> usize {
        record.downcast_ref().map_or(0, R::memory)
    }

    fn decode(&self, stored: &[u8]) -> Result<ErasedRecord, RecordError> {
        let Versioned { v } = read(stored)?;
        // The current version is read from the wiped plaintext itself: a tree of its values
        // would hold secrets a second time, and nobody wipes it if reading fails.
        let mut record = if v == R::VERSION {
            read::<Unread<R>>(stored)?.r
        } else {
            R::upgrade(v, read::<Unread<serde_json::Value>>(stored)?.r)?
        };
        record.loaded();
        Ok(Arc::new(record))
    }

    fn encode(&self, record: &ErasedRecord) -> Result<Zeroizing<Vec<u8>>, RecordError> {
        let record = record.downcast_ref::<R>();
        let stored = record.map(|r| Stored { v: R::VERSION, r });
        serde_json::to_vec(&stored)
            .map(Zeroizing::new)
            .map_err(|source| RecordError::Unreadable { source })
    }
}

fn read<T: DeserializeOwned>(stored: &[u8]) -> Result<T, RecordError> {
    serde_json::from_slice(stored).map_err(|source| RecordError::Unreadable { source })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, Serialize, Deserialize, PartialEq)]
    struct Colour {
        name: String,
    }

    impl Record for Colour {
        const VERSION: u16 = 2;

        fn upgrade(version: u16, stored: serde_json::Value) -> Result<Self, RecordError> {
            match (version, stored) {
                (1, serde_json::Value::String(name)) => Ok(Self { name }),
                (version, _) => Err(RecordError::UnknownVersion { version }),
            }
        }
    }

    static COLOURS: Table<Colour> = Table::with_history("colours");

    fn decoded(stored: &str) -> Result<String, RecordError> {
        let record = COLOURS.decode(stored.as_bytes())?;
        Ok(record.downcast_ref::<Colour>().unwrap().name.clone())
    }

    #[test]
    fn records_read_back_with_their_version() {
        let record: ErasedRecord = Arc::new(Colour { name: "red".into() });
        let stored = COLOURS.encode(&record).unwrap();
        assert_eq!(&**stored, br#"{"v":2,"r":{"name":"red"}}"#);
        assert_eq!(
            decoded(std::str::from_utf8(&stored).unwrap()).unwrap(),
            "red"
        );
    }

    #[test]
    fn older_versions_are_upgraded() {
        assert_eq!(decoded(r#"{"v":1,"r":"blue"}"#).unwrap(), "blue");
    }

    /// A text that is read without being copied first.
    #[derive(Debug, Serialize)]
    struct Uncopied(usize);

    impl<'de> Deserialize<'de> for Uncopied {
        fn deserialize<D: serde::Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
            <&str>::deserialize(from).map(|text| Self(text.len()))
        }
    }

    impl Record for Uncopied {
        const VERSION: u16 = 1;
    }

    #[test]
    fn records_are_read_without_a_copy_of_their_secrets() {
        static SECRETS: Table<Uncopied> = Table::without_history("secrets");
        let record = SECRETS.decode(br#"{"v":1,"r":"c2VjcmV0"}"#).unwrap();
        assert_eq!(record.downcast_ref::<Uncopied>().unwrap().0, 8);
    }

    #[test]
    fn newer_versions_and_damage_are_refused() {
        assert!(matches!(
            decoded(r#"{"v":3,"r":{}}"#),
            Err(RecordError::UnknownVersion { version: 3 })
        ));
        assert!(matches!(decoded("{"), Err(RecordError::Unreadable { .. })));
    }
}
