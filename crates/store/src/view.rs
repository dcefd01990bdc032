//! A snapshot that remembers what was read from it.

use std::sync::{Arc, Mutex, PoisonError};

use crate::{AnyTable, Key, Record, Revision, Row, Snapshot, Table};

/// Something that a decision read, as it was; a precondition of the commit that follows.
#[derive(Debug, Clone)]
pub enum Read {
    /// One row: its revision, or that there was none.
    Row {
        /// The table.
        table: &'static dyn AnyTable,
        /// The row's key.
        key: Key,
        /// The revision found, `None` if the row did not exist.
        revision: Option<Revision>,
    },
    /// All rows below a prefix.
    Prefix {
        /// The table.
        table: &'static dyn AnyTable,
        /// The prefix that was scanned.
        prefix: Key,
        /// What [`Snapshot::prefix_state`] said.
        state: (Revision, usize),
    },
    /// That a group of rows has room for one more; not how many there are.
    Room {
        /// The table, which is [counted](Table::counted_by).
        table: &'static dyn AnyTable,
        /// The group.
        group: Key,
        /// How many rows it may have.
        most: usize,
        /// Whether it had fewer.
        found: bool,
    },
}

impl Read {
    /// Whether `snapshot` still shows what was read.
    pub fn holds_in(&self, snapshot: &Snapshot) -> bool {
        match self {
            Self::Row {
                table,
                key,
                revision,
            } => snapshot.row_revision(*table, key) == *revision,
            Self::Prefix {
                table,
                prefix,
                state,
            } => snapshot.prefix_state(*table, prefix) == *state,
            Self::Room {
                table,
                group,
                most,
                found,
            } => (snapshot.count(*table, group) < *most) == *found,
        }
    }
}

/// One request's view of the metadata: a snapshot, and a record of what was read.
///
/// Whatever a mutating request read (to authorize, to decide, to check for a conflict)
/// becomes a precondition of its commit, so that its outcome is as if it had run alone.
#[derive(Debug)]
pub struct View {
    snapshot: Arc<Snapshot>,
    reads: Option<Mutex<Vec<Read>>>,
}

impl View {
    /// A view that records reads.
    pub fn recording(snapshot: Arc<Snapshot>) -> Self {
        Self {
            snapshot,
            reads: Some(Mutex::new(Vec::new())),
        }
    }

    /// A view that records nothing: for requests that change no metadata.
    pub fn plain(snapshot: Arc<Snapshot>) -> Self {
        Self {
            snapshot,
            reads: None,
        }
    }

    /// The revision that is seen.
    pub fn revision(&self) -> Revision {
        self.snapshot.revision()
    }

    /// Whether reads become preconditions of a commit.
    pub fn is_recording(&self) -> bool {
        self.reads.is_some()
    }

    /// The snapshot itself; reads through it are not recorded.
    pub fn snapshot(&self) -> &Arc<Snapshot> {
        &self.snapshot
    }

    /// The row of `table` at `key`.
    pub fn get<R: Record>(&self, table: &'static Table<R>, key: &Key) -> Option<Row<'_, R>> {
        let row = self.snapshot.get(table, key);
        self.record(|| Read::Row {
            table,
            key: key.clone(),
            revision: row.as_ref().map(|row| row.revision),
        });
        row
    }

    /// The row of `table` at `key`, to keep beyond the life of the borrow.
    pub fn get_shared<R: Record>(&self, table: &'static Table<R>, key: &Key) -> Option<Arc<R>> {
        self.get_row_shared(table, key).map(|(record, _)| record)
    }

    /// The same with the commit that wrote it.
    pub fn get_row_shared<R: Record>(
        &self,
        table: &'static Table<R>,
        key: &Key,
    ) -> Option<(Arc<R>, Revision)> {
        let row = self.snapshot.get_row_shared(table, key);
        self.record(|| Read::Row {
            table,
            key: key.clone(),
            revision: row.as_ref().map(|(_, revision)| *revision),
        });
        row
    }

    /// The rows below `prefix`, from the first key behind `after` on.
    pub fn scan<'a, 'k, R: Record>(
        &'a self,
        table: &'static Table<R>,
        prefix: &'k Key,
        after: Option<&'k Key>,
    ) -> impl Iterator<Item = (&'a Key, Row<'a, R>)> + use<'a, 'k, R> {
        self.record(|| Read::Prefix {
            table,
            prefix: prefix.clone(),
            state: self.snapshot.prefix_state(table, prefix),
        });
        self.snapshot.scan_after(table, prefix, after)
    }

    /// Whether `group` of `table`, which is [counted](Table::counted_by), has fewer than `most`
    /// rows. That others join it meanwhile is no conflict while it has room for this request too.
    pub fn has_room<R: Record>(&self, table: &'static Table<R>, group: &Key, most: usize) -> bool {
        let found = self.snapshot.count(table, group) < most;
        self.record(|| Read::Room {
            table,
            group: group.clone(),
            most,
            found,
        });
        found
    }

    /// Everything read so far.
    pub fn reads(&self) -> Vec<Read> {
        self.reads.as_ref().map_or_else(Vec::new, |reads| {
            reads.lock().unwrap_or_else(PoisonError::into_inner).clone()
        })
    }

    fn record(&self, read: impl FnOnce() -> Read) {
        if let Some(reads) = &self.reads {
            reads
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .push(read());
        }
    }
}

#[cfg(test)]
mod tests {
    use serde::{Deserialize, Serialize};

    use super::*;
    use crate::{Batch, SnapshotBuilder};

    #[derive(Debug, Serialize, Deserialize)]
    struct Member(String);

    impl Record for Member {
        const VERSION: u16 = 1;
    }

    static MEMBERS: Table<Member> =
        Table::without_history("members").counted_by(|member| Some(Key::of(&[&member.0])));

    fn joined(snapshot: &Snapshot, group: &str, name: &str) -> Snapshot {
        let mut batch = Batch::default();
        batch.put(&MEMBERS, Key::of(&[name]), Member(group.to_owned()));
        snapshot.with(snapshot.revision() + 1, batch.metadata())
    }

    #[test]
    fn room_holds_until_the_last_place_is_taken() {
        let empty = SnapshotBuilder::new(&[&MEMBERS]).build(0);
        let view = View::recording(Arc::new(empty.clone()));
        let group = Key::of(&["a"]);
        assert!(view.has_room(&MEMBERS, &group, 2));
        let [read] = view.reads().try_into().unwrap();
        let one = joined(&joined(&empty, "a", "1"), "b", "2");
        assert!(read.holds_in(&empty) && read.holds_in(&one));
        let full = joined(&one, "a", "3");
        assert!(!read.holds_in(&full));
        let view = View::recording(Arc::new(full.clone()));
        assert!(!view.has_room(&MEMBERS, &group, 2));
        let [read] = view.reads().try_into().unwrap();
        assert!(read.holds_in(&full) && !read.holds_in(&one));
    }
}
