//! Writers that are killed at a random moment: what they were answered is there afterwards.
//!
//! The writer is this test binary again, told by its environment to be one.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;

use store::embedded::{EmbeddedStore, SystemDisk, Tuning};
use store::{CellOutcome, CellWrite, Key, Lane, LogAppend, Store};
use types::SystemClock;

use crate::common::{
    CELLS, EVENTS, Home, NOTES, OUTBOX, cell, commit, data_key, event, note, options, read_note,
};

const DIRECTORY: &str = "STRONGROOM_TEST_WRITER_DIRECTORY";
const WRITERS: u32 = 4;

/// Small memtables, so that flushes and compactions are hit as well.
fn tuning() -> Tuning {
    Tuning {
        data_memtable_bytes: 96 * 1024,
        small_memtable_bytes: 48 * 1024,
        upkeep_interval: std::time::Duration::from_millis(5),
        ..Tuning::default()
    }
}

fn open(directory: &Path) -> EmbeddedStore {
    let data_key = data_key();
    let clock = Arc::new(SystemClock::new());
    EmbeddedStore::open(&options(
        directory,
        &data_key,
        clock,
        Arc::new(SystemDisk),
        tuning(),
    ))
    .unwrap()
}

/// The key of step `number` of `writer`.
fn key(writer: u32, number: u64) -> Vec<u8> {
    [writer.to_be_bytes().as_slice(), &number.to_be_bytes()].concat()
}

/// One step: a row, a cell, a conditional cell and two log entries that belong together.
fn step(store: &dyn Store, writer: u32, number: u64) {
    let lane = if number.is_multiple_of(3) {
        Lane::Metadata
    } else {
        Lane::Data
    };
    let committed = commit(store, lane, |batch| {
        if lane == Lane::Metadata {
            batch.put(
                &NOTES,
                Key::of(&[&writer.to_string()]),
                note(&number.to_string()),
            );
        }
        batch.cell(cell(&key(writer, number), Some(&[7; 700])));
        batch.cell(CellWrite {
            rule: Some(Box::new(move |stored: Option<&[u8]>| {
                stored.is_none_or(|stored| stored < number.to_be_bytes().as_slice())
            })),
            ..cell(&writer.to_be_bytes(), Some(&number.to_be_bytes()))
        });
        batch.append(event(number / 50, writer, &number.to_be_bytes()));
        batch.append(LogAppend {
            log: &OUTBOX,
            ..event(number / 200, writer, &[3; 200])
        });
    })
    .unwrap();
    assert_eq!(committed.cells, [CellOutcome::Applied]);
}

/// How far each writer came, and that all of it is there and nothing more.
fn check(store: &dyn Store) -> BTreeMap<u32, u64> {
    let mut reached = BTreeMap::new();
    for writer in 0..WRITERS {
        let entries = store
            .log_oldest_first(&EVENTS, writer, None, usize::MAX)
            .unwrap();
        let numbers: Vec<u64> = entries
            .iter()
            .map(|entry| u64::from_be_bytes(entry.payload.as_slice().try_into().unwrap()))
            .collect();
        let count = u64::try_from(numbers.len()).unwrap();
        assert_eq!(numbers, (1..=count).collect::<Vec<_>>());
        let outbox = store
            .log_newest_first(&OUTBOX, writer, None, 0, usize::MAX)
            .unwrap();
        assert_eq!(outbox.len(), numbers.len());
        for number in 1..=count {
            assert!(store.cell(CELLS, &key(writer, number)).unwrap().is_some());
        }
        assert_eq!(store.cell(CELLS, &key(writer, count + 1)).unwrap(), None);
        let newest = store.cell(CELLS, &writer.to_be_bytes()).unwrap();
        assert_eq!(newest, (count > 0).then(|| count.to_be_bytes().to_vec()));
        let row = read_note(store, &writer.to_string()).map_or(0, |text| text.parse().unwrap());
        assert_eq!(row, count - count % 3);
        reached.insert(writer, count);
    }
    reached
}

/// Writes steps until `more` says no, calling it after each answer.
fn write(store: &EmbeddedStore, more: impl Fn(u32, u64) -> bool + Send + Sync) {
    let reached = check(store);
    std::thread::scope(|scope| {
        for (writer, reached) in reached {
            let more = &more;
            scope.spawn(move || {
                let mut number = reached + 1;
                loop {
                    step(store, writer, number);
                    if !more(writer, number) {
                        return;
                    }
                    number += 1;
                }
            });
        }
    });
}

/// Run by itself this writes a few steps and checks them; as a child it writes until killed.
#[test]
fn a_writer_finds_what_it_wrote() {
    let Some(directory) = std::env::var_os(DIRECTORY) else {
        let home = Home::new();
        write(&open(home.path()), |_, number| number < 10);
        assert!(
            check(&open(home.path()))
                .into_values()
                .all(|reached| reached == 10)
        );
        return;
    };
    write(&open(Path::new(&directory)), |writer, number| {
        let line = format!("answered {writer} {number}\n");
        std::io::stdout().write_all(line.as_bytes()).is_ok()
    });
}

/// This test binary, running nothing but `test`.
pub(crate) fn again(test: &str) -> Command {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args(["--exact", test, "--nocapture", "--test-threads=1"]);
    command.stdout(Stdio::piped()).stderr(Stdio::null());
    command
}

fn spawn_writer(directory: &Path) -> Child {
    again("crash::a_writer_finds_what_it_wrote")
        .env(DIRECTORY, directory)
        .spawn()
        .unwrap()
}

/// Numbers that look random but are the same in every run (`SplitMix64`).
struct Seeded(u64);

impl Seeded {
    fn below(&mut self, limit: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (mixed ^ (mixed >> 31)) % limit
    }
}

#[test]
fn nothing_answered_is_lost_and_nothing_is_half_there_after_a_kill() {
    let home = Home::new();
    let mut seeded = Seeded(2);
    for _ in 0..12 {
        let mut child = spawn_writer(home.path());
        let mut answered = BTreeMap::new();
        let mut answers = BufReader::new(child.stdout.take().unwrap()).lines();
        let until = 1 + seeded.below(150);
        let mut seen = 0;
        let mut note = |line: String| {
            let words: Vec<_> = line.split(' ').collect();
            if let ["answered", writer, number] = words[..] {
                answered.insert(writer.parse().unwrap(), number.parse().unwrap());
                seen += 1;
            }
            seen < until
        };
        while note(answers.next().unwrap().unwrap()) {}
        child.kill().unwrap();
        child.wait().unwrap();
        // What was answered before the kill but not read yet counts as well.
        for line in answers.map_while(Result::ok) {
            note(line);
        }
        let reached = check(&open(home.path()));
        for (writer, number) in answered {
            assert!(
                reached[&writer] >= number,
                "writer {writer}: {number} of {reached:?}"
            );
        }
    }
}
