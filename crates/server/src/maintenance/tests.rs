//! What the duties do, and that what they could not do is counted.

use metrics_exporter_prometheus::{PrometheusBuilder, PrometheusRecorder};
use pipeline::sources::Sources;
use pipeline::{Parts, ServicesBuilder};
use serde::{Deserialize, Serialize};
use store::embedded::Options;
use store::{AnyTable, Batch, EmbeddedStore, Key, Log, Record, Table};
use types::{Clock, ManualClock, SystemClock};

use super::*;

/// Whether that many failures of `duty` were counted, and nothing else.
fn check_counted(recorder: &PrometheusRecorder, duty: &str, times: u64) {
    let text = recorder.handle().render();
    let told: Vec<&str> = text.lines().filter(|line| !line.starts_with('#')).collect();
    let expected = format!("strongroom_maintenance_failures_total{{duty=\"{duty}\"}} {times}");
    assert_eq!(told.concat(), expected);
}

#[tokio::test]
async fn a_duty_that_panics_holds_up_no_other() {
    let recorder = PrometheusBuilder::new().build_recorder();
    let _recorded = metrics::set_default_local_recorder(&recorder);
    let (_end, stop) = watch::channel(false);
    duty("first", &stop, async { panic!("a bug") }).await;
    let (done, is_done) = tokio::sync::oneshot::channel();
    duty("second", &stop, async move {
        done.send(7).unwrap();
        0
    })
    .await;
    assert_eq!(is_done.await, Ok(7));
    check_counted(&recorder, "first", 1);
}

#[tokio::test]
async fn what_a_duty_could_not_do_is_counted() {
    let recorder = PrometheusBuilder::new().build_recorder();
    let _recorded = metrics::set_default_local_recorder(&recorder);
    let (_end, stop) = watch::channel(false);
    duty("imports", &stop, async { 2 }).await;
    duty("imports", &stop, async { 0 }).await;
    duty("imports", &stop, async { 1 }).await;
    check_counted(&recorder, "imports", 3);
}

#[tokio::test(start_paused = true)]
async fn a_duty_that_hangs_is_ended_when_the_server_stops() {
    let (end, stop) = watch::channel(false);
    let (held, is_dropped) = tokio::sync::oneshot::channel::<()>();
    let hanging = async move {
        let _held = held;
        std::future::pending().await
    };
    let ending = async {
        end.send_replace(true);
    };
    tokio::join!(duty("records", &stop, hanging), ending);
    is_dropped.await.unwrap_err();
}

/// Services without the log and the parts that the duties need.
fn wanting(directory: &tempfile::TempDir) -> Arc<Services> {
    services(directory, Arc::new(SystemClock::new()), Vec::new(), &[])
}

fn services(
    directory: &tempfile::TempDir,
    clock: Arc<dyn Clock>,
    tables: Vec<&'static dyn AnyTable>,
    logs: &[&'static Log],
) -> Arc<Services> {
    let entropy = Arc::new(crypto::SystemEntropy);
    let key = crypto::secret::Key32::generate(&*entropy);
    let mut options = Options::new(directory.path(), &key, clock.clone(), entropy.clone());
    options.tables = tables;
    options.logs = logs.to_vec();
    let builder = ServicesBuilder {
        store: Arc::new(EmbeddedStore::open(&options).unwrap()),
        clock,
        entropy,
        sources: Sources::new(
            Arc::new(iam::Identities::default()),
            Arc::new(iam::OrganizationTree::default()),
        ),
        parts: Parts::default(),
    };
    builder.build()
}

static NOTES: Table<Note> = Table::with_history("notes");

#[derive(Debug, Serialize, Deserialize)]
struct Note(u32);

impl Record for Note {
    const VERSION: u16 = 1;
}

/// Services of which a test moves the clock.
fn on(clock: &Arc<ManualClock>, directory: &tempfile::TempDir) -> Arc<Services> {
    let services = services(directory, clock.clone(), vec![&NOTES], &[&audit::EVENTS]);
    services.resume(clock.now());
    services
}

/// Does both duties that destroy the past; says how many events and versions are left.
async fn left(services: &Arc<Services>) -> (usize, usize) {
    const DAY: Duration = Duration::from_hours(24);
    let kept = HistoryBounds {
        least: DAY,
        most: Some(DAY),
        versions: None,
    };
    assert_eq!(old_events(Arc::clone(services)).await, 0);
    assert_eq!(old_versions(Arc::clone(services), kept).await, 0);
    let (store, row) = (services.store(), Key::of(&["a"]));
    let events = store.verify_log(&audit::EVENTS, 0).unwrap();
    (
        events.segments.len(),
        store.history(&NOTES, &row).unwrap().len(),
    )
}

#[tokio::test]
async fn a_clock_that_leaps_destroys_nothing_of_the_past() {
    let directory = tempfile::tempdir().unwrap();
    let clock = Arc::new(ManualClock::new(Timestamp::new(1_795_000_000, 0)));
    let services = on(&clock, &directory);
    for number in 0..2 {
        let mut batch = Batch::default();
        batch.put(&NOTES, Key::of(&["a"]), Note(number));
        let account = "111122223333".parse().unwrap();
        let identity = audit::UserIdentity::internal(account);
        let record = audit::Record::new(identity, clock.now());
        let region = "eu-west-3".parse().unwrap();
        audit::append(&mut batch, Some(account), &region, clock.now(), &record).unwrap();
        services.store().commit(batch).await.unwrap();
    }
    assert_eq!(left(&services).await, (1, 2));
    clock.set_ahead(Duration::from_hours(24 * 365));
    assert_eq!(left(&services).await, (1, 2));
    clock.advance(Duration::from_mins(61));
    // The history is dated by a clock that was not set for an hour only, and goes a day later.
    assert_eq!(left(&services).await, (0, 2));
    clock.advance(Duration::from_hours(24));
    assert_eq!(left(&services).await, (0, 1));
}

#[tokio::test]
async fn events_that_cannot_be_dropped_are_a_failure() {
    let directory = tempfile::tempdir().unwrap();
    assert_eq!(old_events(wanting(&directory)).await, 1);
}

#[tokio::test]
async fn usage_that_cannot_be_written_down_is_a_failure() {
    let directory = tempfile::tempdir().unwrap();
    assert_eq!(usage(wanting(&directory)).await, 1);
}

async fn commit(services: &Services, fill: impl FnOnce(&mut Batch)) {
    let mut batch = Batch::default();
    fill(&mut batch);
    services.store().commit(batch).await.unwrap();
}

#[tokio::test]
async fn history_is_dropped_by_notes_of_a_clock_that_was_not_set_and_not_before_a_resume() {
    const DAY: Duration = Duration::from_hours(24);
    let directory = tempfile::tempdir().unwrap();
    let clock = Arc::new(ManualClock::new(Timestamp::new(1_600_000_000, 0)));
    let mut tables = kms::tables().to_vec();
    tables.push(&NOTES);
    let services = services(&directory, clock.clone(), tables, &[]);
    let kept = HistoryBounds {
        least: 10 * DAY,
        most: Some(20 * DAY),
        versions: None,
    };
    let versions = || {
        let versions = services.store().history(&NOTES, &Key::of(&["a"]));
        versions.unwrap().len()
    };
    // After a restore nothing is dated, and nothing dropped.
    commit(&services, |batch| kms::hold(batch, clock.now())).await;
    for number in 0..2 {
        commit(&services, |batch| {
            batch.put(&NOTES, Key::of(&["a"]), Note(number));
        })
        .await;
    }
    for _ in 0..60 {
        assert_eq!(old_versions(Arc::clone(&services), kept).await, 0);
        clock.advance(DAY);
    }
    assert_eq!(versions(), 2);
    commit(&services, kms::release).await;
    // A clock that was just set right was behind: what is new does not look old.
    clock.set_ahead(365 * DAY);
    for _ in 0..59 {
        assert_eq!(old_versions(Arc::clone(&services), kept).await, 0);
        clock.advance(Duration::from_mins(1));
    }
    for _ in 0..20 {
        assert_eq!(old_versions(Arc::clone(&services), kept).await, 0);
        clock.advance(DAY);
        assert_eq!(versions(), 2);
    }
    for _ in 0..2 {
        assert_eq!(old_versions(Arc::clone(&services), kept).await, 0);
        clock.advance(DAY);
    }
    assert_eq!(versions(), 1);
}

#[test]
fn a_history_that_is_dated_in_the_future_is_told() {
    let recorder = PrometheusBuilder::new().build_recorder();
    let _recorded = metrics::set_default_local_recorder(&recorder);
    let pruned = Pruned {
        dated: Some(Timestamp::new(2_000_000_000, 0)),
        ..Pruned::default()
    };
    tell_pruned(&pruned);
    let text = recorder.handle().render();
    assert!(text.contains("strongroom_history_dated_timestamp_seconds 2000000000\n"));
    assert!(is_dated_after(&pruned, Timestamp::new(1_999_999_999, 0)));
    assert!(!is_dated_after(&pruned, Timestamp::new(2_000_000_000, 0)));
}
