//! A damaged or shortened journal never brings back an older state silently.

use std::fs::{self, OpenOptions};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

use store::{Key, Lane, OpenError, Store};

use crate::common::{CELLS, EVENTS, Home, NOTES, cell, commit, event, note, read_note};

const COMMITS: u64 = 12;

/// A crash image of a store with some commits, each of which takes a right away anew.
fn image() -> Home {
    let home = Home::new();
    let store = home.open();
    write(&store, 1..=COMMITS);
    home.image(COMMITS)
}

fn write(store: &dyn Store, commits: std::ops::RangeInclusive<u64>) {
    for number in commits {
        commit(store, Lane::Metadata, |batch| {
            batch.put(&NOTES, Key::of(&["state"]), note(&number.to_string()));
            batch.put(&NOTES, Key::of(&["n", &number.to_string()]), note("there"));
            batch.cell(cell(&number.to_be_bytes(), Some(&[7; 300])));
            batch.append(event(1, 1, &number.to_be_bytes()));
        })
        .unwrap();
    }
}

fn assert_whole(store: &dyn Store, commits: u64) {
    assert_eq!(store.snapshot().revision(), commits);
    assert_eq!(read_note(store, "state").unwrap(), commits.to_string());
    for number in 1..=commits {
        let key = Key::of(&["n", &number.to_string()]);
        assert!(store.snapshot().row_revision(&NOTES, &key).is_some());
        assert!(store.cell(CELLS, &number.to_be_bytes()).unwrap().is_some());
    }
    let entries = store.log_oldest_first(&EVENTS, 1, None, 999).unwrap();
    assert_eq!(u64::try_from(entries.len()).unwrap(), commits);
    let history = store.history(&NOTES, &Key::of(&["state"])).unwrap();
    assert_eq!(u64::try_from(history.len()).unwrap(), commits);
}

/// How far a journal is written.
fn end_of(journal: &Path) -> u64 {
    let bytes = fs::read(journal).unwrap();
    u64::try_from(bytes.iter().rposition(|byte| *byte != 0).unwrap() + 1).unwrap()
}

fn overwrite(journal: &Path, offset: u64, bytes: &[u8]) {
    let file = OpenOptions::new().write(true).open(journal).unwrap();
    file.write_all_at(bytes, offset).unwrap();
}

fn flip(journal: &Path, offset: u64) {
    let byte = fs::read(journal).unwrap()[usize::try_from(offset).unwrap()];
    overwrite(journal, offset, &[byte ^ 0x41]);
}

fn cut(journal: &Path, offset: u64) {
    let file = OpenOptions::new().write(true).open(journal).unwrap();
    file.set_len(offset).unwrap();
}

/// Damages the journal everywhere in turn: the store is whole or refuses to open.
fn check_every_region(regions: u64, damage: impl Fn(&Path, u64)) {
    let image = image();
    let journal = image.journals().pop().unwrap();
    let end = end_of(&journal);
    // Only the part that was written is worth copying.
    cut(&journal, end + 64);
    let mut refused = 0;
    for region in 0..regions {
        let copy = image.copy();
        let offset = end * region / regions;
        damage(&copy.journals()[0], offset);
        match copy.try_open() {
            Ok(store) => assert_whole(&store, COMMITS),
            Err(OpenError::Lost { found, expected }) => {
                assert!(found < COMMITS && expected == COMMITS, "{found} {expected}");
                refused += 1;
            }
            Err(OpenError::Damaged { .. }) => refused += 1,
            Err(error) => panic!("at {offset}: {error}"),
        }
    }
    assert_eq!(refused, regions);
}

#[test]
fn a_flipped_byte_is_noticed_in_every_region() {
    check_every_region(50, flip);
}

#[test]
fn a_zeroed_stretch_is_noticed_in_every_region() {
    check_every_region(24, |journal, offset| overwrite(journal, offset, &[0; 200]));
}

#[test]
fn an_overwritten_sector_is_noticed_in_every_region() {
    check_every_region(24, |journal, offset| {
        overwrite(journal, offset / 512 * 512, &[0xA5; 512]);
    });
}

#[test]
fn a_shortened_journal_is_noticed_at_every_length() {
    check_every_region(24, cut);
}

#[test]
fn a_journal_zeroed_from_somewhere_on_is_noticed() {
    check_every_region(12, |journal, offset| {
        cut(journal, offset);
        cut(journal, offset + 100_000);
    });
}

#[test]
fn a_kill_right_after_an_answer_hides_no_loss() {
    let home = Home::new();
    let store = home.open();
    let journal = home.journals().pop().unwrap();
    for number in 1..=COMMITS {
        let before = end_of(&journal);
        write(&store, number..=number);
        let image = home.image(number);
        // Exactly the last commit, as if it had never been written.
        cut(&image.journals()[0], before);
        let opened = image.try_open().map(drop);
        assert!(
            matches!(opened, Err(OpenError::Lost { found, expected })
                if found == number - 1 && expected == number),
            "{number}: {opened:?}"
        );
    }
}

#[test]
fn a_missing_journal_is_noticed() {
    let image = image();
    fs::remove_file(image.journals().pop().unwrap()).unwrap();
    assert!(matches!(
        image.try_open(),
        Err(OpenError::Lost {
            found: 0,
            expected: COMMITS
        })
    ));
}

/// The image with a mark that is not newer than the first commit.
fn with_old_mark() -> Home {
    let home = Home::new();
    let store = home.open();
    write(&store, 1..=1);
    let old = home.image(1);
    write(&store, 2..=COMMITS);
    let image = home.image(COMMITS);
    fs::copy(
        old.path().join("commit.mark"),
        image.path().join("commit.mark"),
    )
    .unwrap();
    let journal = image.journals().pop().unwrap();
    cut(&journal, end_of(&journal) + 64);
    image
}

#[test]
fn batches_behind_the_damage_prove_the_loss_even_if_the_mark_is_old() {
    let image = with_old_mark();
    let end = end_of(&image.journals()[0]);
    // Everywhere before the last two batches, of which the first proves the loss.
    for region in 2..10 {
        let copy = image.copy();
        flip(&copy.journals()[0], end * region / 13);
        match copy.try_open() {
            Err(
                OpenError::Lost {
                    expected: COMMITS, ..
                }
                | OpenError::Damaged { .. },
            ) => {}
            other => panic!("{region}: {other:?}"),
        }
        // Refusing has changed nothing: the second attempt says the same.
        assert!(copy.try_open().is_err());
    }
}

#[test]
fn a_torn_last_batch_is_removed_if_it_was_never_acknowledged() {
    let image = with_old_mark();
    let journal = image.journals().pop().unwrap();
    let end = end_of(&journal);
    for missing in [1, 5, 13, 14, 100, 250, 300, 600] {
        let copy = image.copy();
        cut(&copy.journals()[0], end - missing);
        assert_whole(&copy.open(), COMMITS - 1);
    }
    for hole in [20, 100, 300, 600] {
        let copy = image.copy();
        overwrite(&copy.journals()[0], end - hole, &[0; 12]);
        let store = copy.open();
        assert_whole(&store, COMMITS - 1);
        write(&store, COMMITS..=COMMITS + 3);
        drop(store);
        assert_whole(&copy.open(), COMMITS + 3);
    }
}

#[test]
fn journals_of_another_time_are_refused() {
    let home = Home::new();
    let store = home.open();
    write(&store, 1..=4);
    let old = home.image(4);
    write(&store, 5..=8);
    let new = home.image(8);
    // The whole engine set back, only the mark is of today.
    fs::copy(
        new.path().join("commit.mark"),
        old.path().join("commit.mark"),
    )
    .unwrap();
    assert!(matches!(
        old.try_open(),
        Err(OpenError::Lost {
            found: 4,
            expected: 8
        })
    ));
}

#[test]
fn a_store_that_went_another_way_is_refused() {
    let home = Home::new();
    let store = home.open();
    write(&store, 1..=2);
    let fork = home.image(2);
    write(&store, 3..=3);
    let image = home.image(3);
    let forked = fork.open();
    write(&forked, 3..=5);
    let forked_image = fork.image(5);
    fs::copy(
        image.path().join("commit.mark"),
        forked_image.path().join("commit.mark"),
    )
    .unwrap();
    assert!(matches!(
        forked_image.try_open(),
        Err(OpenError::Damaged { .. })
    ));
}

#[test]
fn a_missing_mark_is_refused() {
    let image = image();
    fs::remove_file(image.path().join("commit.mark")).unwrap();
    assert!(matches!(image.try_open(), Err(OpenError::NoMark)));
}

#[test]
fn a_damaged_mark_slot_is_made_good_by_the_other_and_two_are_refused() {
    let home = Home::new();
    drop(home.open());
    let store = home.open();
    write(&store, 1..=3);
    drop(store);
    let mark = home.path().join("commit.mark");
    flip(&mark, 20);
    assert_whole(&home.open(), 3);
    // Opening may have written either slot anew or left it: a second flip could mend the first.
    overwrite(&mark, 20, &[0xff; 16]);
    overwrite(&mark, 4096 + 20, &[0xff; 16]);
    let opened = home.try_open().map(drop);
    assert!(matches!(opened, Err(OpenError::NoMark)), "{opened:?}");
}

#[test]
fn another_data_key_is_refused() {
    let image = image();
    let other = crypto::secret::Key32::try_from([8; 32].as_slice()).unwrap();
    let mut options = image.options();
    options.data_key = &other;
    let opened = store::EmbeddedStore::open(&options);
    assert!(matches!(opened, Err(OpenError::NoMark)));
}

#[test]
fn a_data_key_of_zeros_is_refused() {
    let home = Home::new();
    let zeros = crypto::secret::Key32::try_from([0; 32].as_slice()).unwrap();
    let mut options = home.options();
    options.data_key = &zeros;
    let opened = store::EmbeddedStore::open(&options);
    assert!(matches!(opened, Err(OpenError::UnusableKey)));
}

#[test]
fn an_interrupted_first_start_is_repeated() {
    let home = Home::new();
    // What a crash leaves before the engine has finished its own creation.
    fs::create_dir(home.path().join("engine")).unwrap();
    fs::write(home.path().join("engine/0.jnl"), [0; 100]).unwrap();
    fs::write(home.path().join("commit.mark"), "").unwrap();
    let store = home.open();
    assert_eq!(store.snapshot().revision(), 0);
    write(&store, 1..=1);
    drop(store);
    assert_whole(&home.open(), 1);
}

#[test]
fn an_engine_that_is_gone_is_noticed() {
    let home = Home::new();
    let store = home.open();
    write(&store, 1..=3);
    drop(store);
    fs::remove_dir_all(home.path().join("engine")).unwrap();
    assert!(matches!(
        home.try_open(),
        Err(OpenError::Lost {
            found: 0,
            expected: 3
        })
    ));
}

/// Where the engine keeps the lists of the tables of its keyspaces.
fn keyspaces(home: &Home) -> Vec<PathBuf> {
    let directory = home.path().join("engine/keyspaces");
    let entries = fs::read_dir(directory).unwrap();
    entries.map(|entry| entry.unwrap().path()).collect()
}

/// A closed store, everything of which is in tables.
fn in_tables() -> Home {
    let home = Home::new();
    let store = home.open();
    write(&store, 1..=COMMITS);
    store.close();
    home
}

#[test]
fn a_keyspace_without_its_list_of_tables_is_not_begun_again() {
    let home = in_tables();
    let mut refused = 0;
    for keyspace in keyspaces(&home) {
        let copy = home.copy();
        let name = keyspace.file_name().unwrap();
        fs::remove_file(
            copy.path()
                .join("engine/keyspaces")
                .join(name)
                .join("current"),
        )
        .unwrap();
        match copy.try_open() {
            Ok(store) => assert_whole(&store, COMMITS),
            Err(_) => refused += 1,
        }
        // The second attempt finds what the first has found.
        if let Ok(store) = copy.try_open() {
            assert_whole(&store, COMMITS);
        }
    }
    assert!(refused >= 4, "{refused}");
}

#[test]
fn what_only_journals_hold_is_not_lost_with_the_list_of_tables() {
    let home = Home::new();
    let store = home.open();
    write(&store, 1..=COMMITS);
    // As a kill leaves it: nothing is in tables yet.
    let killed = home.copy();
    store.close();
    for number in 1..=4 {
        for whole in [false, true] {
            let copy = killed.copy();
            let keyspace = copy.path().join(format!("engine/keyspaces/{number}"));
            if whole {
                fs::remove_dir_all(&keyspace).unwrap();
            } else {
                fs::remove_file(keyspace.join("current")).unwrap();
            }
            let error = copy.try_open().unwrap_err();
            let text = format!("{error:?}");
            assert!(text.contains("is missing"), "{number}: {text}");
        }
    }
    assert_whole(&killed.open(), COMMITS);
}
