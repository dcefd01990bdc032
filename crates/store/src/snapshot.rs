//! The metadata of one revision, in memory and immutable.

use std::any::Any;
use std::collections::BTreeMap;
use std::fmt;
use std::ops::Bound;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use imbl::OrdMap;

use crate::{AnyTable, ErasedRecord, Key, MetadataWrite, Record, Revision, Table};

/// All metadata as of one commit. Cloning the `Arc` around it is all that a request does.
#[derive(Clone)]
pub struct Snapshot {
    revision: Revision,
    tables: Vec<Option<TableRows>>,
    /// Position in `tables` by table name; fixed at start-up.
    index: Arc<TableIndex>,
}

/// The tables' places: a few dozen, looked up many times for each request.
#[derive(Debug, Default)]
struct TableIndex(Vec<&'static str>);

impl TableIndex {
    fn of(&self, table: &dyn AnyTable) -> Option<usize> {
        let name = table.name();
        // Tables are statics: the name is nearly always the very one that was declared.
        let same = |known: &&str| std::ptr::eq(known.as_ptr(), name.as_ptr()) && *known == name;
        let noted = table.place().load(Ordering::Relaxed);
        if self.0.get(noted).is_some_and(same) {
            return Some(noted);
        }
        let found = self.0.iter().position(|known| *known == name)?;
        table.place().store(found, Ordering::Relaxed);
        Some(found)
    }
}

#[derive(Clone, Default)]
struct TableRows {
    rows: OrdMap<Key, StoredRow>,
    /// How many rows the groups of a counted table have.
    counts: OrdMap<Key, usize>,
    /// The rows of a listed table, by each of their entries.
    listed: OrdMap<Key, Key>,
    /// The last commit that changed any row.
    changed: Revision,
}

#[derive(Clone)]
struct StoredRow {
    revision: Revision,
    record: ErasedRecord,
}

/// A row as a reader sees it.
#[derive(Debug)]
pub struct Row<'a, R> {
    /// The commit that wrote this version.
    pub revision: Revision,
    /// The record.
    pub record: &'a R,
}

impl Snapshot {
    /// The number of the newest commit contained.
    pub fn revision(&self) -> Revision {
        self.revision
    }

    /// The row of `table` at `key`.
    pub fn get<R: Record>(&self, table: &'static Table<R>, key: &Key) -> Option<Row<'_, R>> {
        let row = self.rows(table)?.rows.get(key)?;
        Some(Row {
            revision: row.revision,
            record: row.record.downcast_ref()?,
        })
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
        let row = self.rows(table)?.rows.get(key)?;
        let record = Arc::downcast(Arc::clone(&row.record)).ok()?;
        Some((record, row.revision))
    }

    /// The rows whose keys begin with `prefix`, in key order.
    pub fn scan<'a, 'k, R: Record>(
        &'a self,
        table: &'static Table<R>,
        prefix: &'k Key,
    ) -> impl Iterator<Item = (&'a Key, Row<'a, R>)> + use<'a, 'k, R> {
        self.scan_after(table, prefix, None)
    }

    /// Like [`Self::scan`], from the first key behind `after` on: for pagination.
    pub fn scan_after<'a, 'k, R: Record>(
        &'a self,
        table: &'static Table<R>,
        prefix: &'k Key,
        after: Option<&'k Key>,
    ) -> impl Iterator<Item = (&'a Key, Row<'a, R>)> + use<'a, 'k, R> {
        let start = match after {
            Some(after) if after > prefix => Bound::Excluded(after),
            _ => Bound::Included(prefix),
        };
        self.rows(table)
            .into_iter()
            .flat_map(move |rows| rows.rows.range::<_, Key>((start, Bound::Unbounded)))
            .take_while(move |(key, _)| key.starts_with(prefix))
            .filter_map(|(key, row)| {
                let record = row.record.downcast_ref()?;
                Some((
                    key,
                    Row {
                        revision: row.revision,
                        record,
                    },
                ))
            })
    }

    /// How many rows of `table` are in `group`, if it is a table that is [counted]; found without
    /// walking them.
    ///
    /// [counted]: Table::counted_by
    pub fn count(&self, table: &dyn AnyTable, group: &Key) -> usize {
        let count = self.rows(table).and_then(|rows| rows.counts.get(group));
        count.copied().unwrap_or(0)
    }

    /// The rows of `table` that have an entry which begins with `prefix`, if it is a table that is
    /// [listed], each with that entry, in the order of these; from the first behind `after` on. The
    /// reads cannot be recorded.
    ///
    /// [listed]: Table::listed_by
    pub fn listed<'a, 'k, R: Record>(
        &'a self,
        table: &'static Table<R>,
        prefix: &'k Key,
        after: Option<&'k Key>,
    ) -> impl Iterator<Item = (&'a Key, &'a Key, &'a R)> + use<'a, 'k, R> {
        let start = match after {
            Some(after) if after > prefix => Bound::Excluded(after),
            _ => Bound::Included(prefix),
        };
        self.rows(table).into_iter().flat_map(move |rows| {
            let entries = rows.listed.range::<_, Key>((start, Bound::Unbounded));
            let entries = entries.take_while(move |(entry, _)| entry.starts_with(prefix));
            entries.filter_map(|(entry, key)| {
                let record = rows.rows.get(key)?.record.downcast_ref()?;
                Some((entry, key, record))
            })
        })
    }

    /// The revision of the row at `key`; `None` if there is none.
    pub fn row_revision(&self, table: &dyn AnyTable, key: &Key) -> Option<Revision> {
        Some(self.rows(table)?.rows.get(key)?.revision)
    }

    /// The row at `key`, whatever its type; `None` if there is none.
    pub(crate) fn erased(&self, table: &dyn AnyTable, key: &Key) -> Option<&ErasedRecord> {
        Some(&self.rows(table)?.rows.get(key)?.record)
    }

    /// The newest revision among the rows that begin with `prefix`, and how many there are.
    ///
    /// Two snapshots that agree on both hold the same rows there: a new or changed row
    /// raises the first, a deletion alone lowers the second.
    pub fn prefix_state(&self, table: &dyn AnyTable, prefix: &Key) -> (Revision, usize) {
        let Some(rows) = self.rows(table) else {
            return (0, 0);
        };
        rows.rows
            .range::<_, Key>((Bound::Included(prefix), Bound::Unbounded))
            .take_while(|(key, _)| key.starts_with(prefix))
            .fold((0, 0), |(newest, count), (_, row)| {
                (newest.max(row.revision), count + 1)
            })
    }

    /// The keys of all rows of `table`.
    pub(crate) fn keys_of(&self, table: &dyn AnyTable) -> impl Iterator<Item = &Key> {
        self.rows(table)
            .into_iter()
            .flat_map(|rows| rows.rows.keys())
    }

    /// The last commit that changed `table`.
    pub fn table_changed(&self, table: &dyn AnyTable) -> Revision {
        self.rows(table).map_or(0, |rows| rows.changed)
    }

    /// How many rows each table has.
    pub(crate) fn row_counts(&self) -> BTreeMap<&'static str, u64> {
        let tables = self.index.0.iter().zip(&self.tables);
        let counted = tables.filter_map(|(name, table)| Some((*name, table.as_ref()?)));
        counted
            .map(|(name, table)| (name, u64::try_from(table.rows.len()).unwrap_or(u64::MAX)))
            .collect()
    }

    fn rows(&self, table: &dyn AnyTable) -> Option<&TableRows> {
        self.tables.get(self.index.of(table)?)?.as_ref()
    }

    /// Whether `table` is one of those that the store was opened with.
    pub fn has_table(&self, table: &dyn AnyTable) -> bool {
        self.index.of(table).is_some()
    }

    /// This snapshot with the writes of commit `revision` applied.
    pub fn with(&self, revision: Revision, writes: &[MetadataWrite]) -> Self {
        let mut next = self.clone();
        next.advance(revision, writes);
        next
    }

    /// Applies the writes of commit `revision` to this snapshot, which nobody reads yet.
    pub(crate) fn advance(&mut self, revision: Revision, writes: &[MetadataWrite]) {
        self.revision = revision;
        for write in writes {
            self.apply(
                revision,
                write.table,
                write.key.clone(),
                write.record.clone(),
            );
        }
    }

    fn apply(
        &mut self,
        revision: Revision,
        table: &dyn AnyTable,
        key: Key,
        record: Option<ErasedRecord>,
    ) {
        let slot = self.index.of(table).and_then(|at| self.tables.get_mut(at));
        let Some(rows) = slot.map(Option::get_or_insert_default) else {
            return;
        };
        rows.changed = rows.changed.max(revision);
        let joined = record.as_ref().and_then(|record| table.group(record));
        let entries = record.as_ref().map(|record| table.entries(record));
        let row = key.clone();
        let old = match record {
            Some(record) => rows.rows.insert(key, StoredRow { revision, record }),
            None => rows.rows.remove(&key),
        };
        let left = old.as_ref().and_then(|row| table.group(&row.record));
        rows.recount(joined, left);
        let left = old.map(|row| table.entries(&row.record));
        rows.relist(&row, entries.unwrap_or_default(), &left.unwrap_or_default());
    }
}

impl TableRows {
    /// Counts one row more in `joined` and one less in `left`.
    fn recount(&mut self, joined: Option<Key>, left: Option<Key>) {
        if joined == left {
            return;
        }
        if let Some(group) = joined {
            let count = self.counts.get(&group).copied().unwrap_or(0);
            self.counts.insert(group, count.saturating_add(1));
        }
        if let Some(group) = left {
            match self.counts.get(&group).copied() {
                None | Some(0 | 1) => self.counts.remove(&group),
                Some(count) => self.counts.insert(group, count.saturating_sub(1)),
            };
        }
    }

    /// Finds the row at `key` by `entries` from now on, and no more by those that it has `left`.
    fn relist(&mut self, key: &Key, entries: Vec<Key>, left: &[Key]) {
        if entries == left {
            return;
        }
        for entry in left {
            self.listed.remove(entry);
        }
        for entry in entries {
            self.listed.insert(entry, key.clone());
        }
    }
}

/// Builds the first snapshot from what is on disk.
#[derive(Debug)]
pub struct SnapshotBuilder(Snapshot);

impl SnapshotBuilder {
    /// An empty snapshot over `tables`, at revision 0.
    pub fn new(tables: &[&'static dyn AnyTable]) -> Self {
        let index = TableIndex(tables.iter().map(|table| table.name()).collect());
        let tables = tables.iter().map(|_| Some(TableRows::default())).collect();
        Self(Snapshot {
            revision: 0,
            tables,
            index: Arc::new(index),
        })
    }

    /// Adds a row as commit `revision` left it.
    pub fn row(
        &mut self,
        table: &dyn AnyTable,
        key: Key,
        revision: Revision,
        record: ErasedRecord,
    ) {
        self.0.apply(revision, table, key, Some(record));
    }

    /// The snapshot, as of commit `revision`.
    pub fn build(mut self, revision: Revision) -> Snapshot {
        self.0.revision = revision;
        self.0
    }
}

impl fmt::Debug for Snapshot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Rows are secrets to a log: only the number shows.
        f.debug_struct("Snapshot")
            .field("revision", &self.revision)
            .finish_non_exhaustive()
    }
}

impl fmt::Debug for TableRows {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "TableRows({})", self.rows.len())
    }
}

impl fmt::Debug for StoredRow {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "StoredRow({}, {:?})",
            self.revision,
            self.record.type_id()
        )
    }
}

#[cfg(test)]
mod tests {
    use serde::{Deserialize, Serialize};

    use super::*;
    use crate::Batch;

    #[derive(Debug, Serialize, Deserialize)]
    struct Number(u32);

    impl Record for Number {
        const VERSION: u16 = 1;
    }

    static NUMBERS: Table<Number> = Table::with_history("numbers");

    fn with(snapshot: &Snapshot, revision: Revision, edit: impl FnOnce(&mut Batch)) -> Snapshot {
        let mut batch = Batch::default();
        edit(&mut batch);
        snapshot.with(revision, batch.metadata())
    }

    fn empty() -> Snapshot {
        SnapshotBuilder::new(&[&NUMBERS]).build(0)
    }

    #[test]
    fn a_snapshot_does_not_change_under_its_reader() {
        let key = Key::of(&["a"]);
        let first = with(&empty(), 1, |batch| {
            batch.put(&NUMBERS, key.clone(), Number(1));
        });
        let second = with(&first, 2, |batch| {
            batch.put(&NUMBERS, key.clone(), Number(2));
        });
        assert_eq!(first.get(&NUMBERS, &key).unwrap().record.0, 1);
        assert_eq!(second.get(&NUMBERS, &key).unwrap().record.0, 2);
        assert_eq!(second.row_revision(&NUMBERS, &key), Some(2));
    }

    #[test]
    fn scans_stay_inside_their_prefix_and_continue_behind_a_key() {
        let snapshot = with(&empty(), 1, |batch| {
            for (first, second) in [("a", "1"), ("a", "2"), ("a", "3"), ("b", "1")] {
                batch.put(&NUMBERS, Key::of(&[first, second]), Number(0));
            }
        });
        let prefix = Key::of(&["a"]);
        assert_eq!(snapshot.scan(&NUMBERS, &prefix).count(), 3);
        let after = Key::of(&["a", "2"]);
        let rest: Vec<_> = snapshot
            .scan_after(&NUMBERS, &prefix, Some(&after))
            .map(|(key, _)| key.text_parts())
            .collect();
        assert_eq!(rest, [["a", "3"]]);
    }

    #[test]
    fn rows_are_counted_by_group_through_changes_and_deletions() {
        static COUNTED: Table<Number> = Table::with_history("counted")
            .counted_by(|row| (row.0 > 0).then(|| Key::of(&[&row.0.to_string()])));
        let (one, two) = (Key::of(&["1"]), Key::of(&["2"]));
        let mut snapshot = SnapshotBuilder::new(&[&COUNTED]).build(0);
        let put = [("a", 1), ("b", 1), ("c", 2), ("d", 0)];
        let changed = [("a", 1), ("b", 2), ("c", 0)];
        let expected = [(2, 1), (1, 1)];
        for (revision, (rows, counts)) in
            (1..).zip([(&put[..], expected[0]), (&changed, expected[1])])
        {
            snapshot = with(&snapshot, revision, |batch| {
                for (key, number) in rows {
                    batch.put(&COUNTED, Key::of(&[key]), Number(*number));
                }
            });
            let found = (
                snapshot.count(&COUNTED, &one),
                snapshot.count(&COUNTED, &two),
            );
            assert_eq!(found, counts, "{revision}");
        }
        let emptied = with(&snapshot, 3, |batch| {
            for key in ["a", "b", "d", "unknown"] {
                batch.delete(&COUNTED, Key::of(&[key]));
            }
        });
        assert_eq!(
            (emptied.count(&COUNTED, &one), emptied.count(&COUNTED, &two)),
            (0, 0)
        );
        assert_eq!(snapshot.count(&COUNTED, &one), 1);
        assert_eq!(empty().count(&NUMBERS, &one), 0);
    }

    #[test]
    fn rows_are_listed_by_entries_through_changes_and_deletions() {
        static LISTED: Table<Number> = Table::with_history("listed").listed_by(|row| {
            let digits = row.0.to_string();
            let digits = digits.char_indices();
            let entry = |(place, digit): (usize, char)| {
                Key::of(&[&digit.to_string(), &format!("{}.{place}", row.0)])
            };
            digits.map(entry).collect()
        });
        let found = |snapshot: &Snapshot, digit: &str| -> Vec<u32> {
            let prefix = Key::of(&[digit]);
            let rows = snapshot.listed(&LISTED, &prefix, None);
            rows.map(|(entry, key, row)| {
                assert!(entry.starts_with(&prefix));
                assert_eq!(snapshot.get(&LISTED, key).unwrap().record.0, row.0);
                row.0
            })
            .collect()
        };
        let empty = SnapshotBuilder::new(&[&LISTED]).build(0);
        let first = with(&empty, 1, |batch| {
            for (key, number) in [("a", 12), ("b", 23), ("c", 31)] {
                batch.put(&LISTED, Key::of(&[key]), Number(number));
            }
        });
        let second = with(&first, 2, |batch| {
            batch.put(&LISTED, Key::of(&["a"]), Number(42));
            batch.put(&LISTED, Key::of(&["b"]), Number(23));
            batch.delete(&LISTED, Key::of(&["c"]));
            batch.delete(&LISTED, Key::of(&["unknown"]));
        });
        let by_digit = |snapshot| ["1", "2", "3", "4"].map(|digit| found(snapshot, digit));
        assert_eq!(
            by_digit(&second),
            [vec![], vec![23, 42], vec![23], vec![42]]
        );
        assert_eq!(
            by_digit(&first),
            [vec![12, 31], vec![12, 23], vec![23, 31], vec![]]
        );
        let after = Key::of(&["2", "12.1"]);
        let two = Key::of(&["2"]);
        let rest = first.listed(&LISTED, &two, Some(&after));
        assert_eq!(rest.map(|(_, _, row)| row.0).collect::<Vec<_>>(), [23]);
        assert_eq!(first.listed(&NUMBERS, &two, None).count(), 0);
    }

    #[test]
    fn the_state_of_a_prefix_tells_additions_changes_and_deletions() {
        let prefix = Key::of(&["a"]);
        let one = with(&empty(), 1, |batch| {
            batch.put(&NUMBERS, Key::of(&["a", "1"]), Number(0));
        });
        let two = with(&one, 2, |batch| {
            batch.put(&NUMBERS, Key::of(&["a", "2"]), Number(0));
        });
        let three = with(&two, 3, |batch| {
            batch.delete(&NUMBERS, Key::of(&["a", "1"]));
        });
        let states = [&one, &two, &three].map(|snapshot| snapshot.prefix_state(&NUMBERS, &prefix));
        assert_eq!(states, [(1, 1), (2, 2), (2, 1)]);
    }
}
