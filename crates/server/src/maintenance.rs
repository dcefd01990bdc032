//! What the server does of its own accord: counts, expiry, retention. Once a second, in a task for what
//! needs nobody else, one for the feature store, and one each for tending key stores and for their
//! health, which may have to wait for others.

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use pipeline::Services;
use store::{HistoryBounds, Pruned};
use tokio::sync::watch;
use tokio::time::Interval;
use tracing::{error, info, warn};
use types::{Causes, Timestamp};

/// Ticks between runs of the slower duties.
const SLOW: u64 = 60;

/// For how long a duty goes on that is under way when the server stops. None is begun then but the
/// last one.
const LAST: Duration = Duration::from_secs(1);

/// Runs until `stop` changes, and what is under way then for a second longer. Of the history of metadata it keeps what
/// `kept` says.
pub(crate) async fn run(
    services: Arc<Services>,
    kept: HistoryBounds,
    mut stop: watch::Receiver<bool>,
) {
    let key_stores = tokio::spawn(tend_key_stores(Arc::clone(&services), stop.clone()));
    let proxies = tokio::spawn(watch_key_stores(Arc::clone(&services), stop.clone()));
    let groups = tokio::spawn(tend_groups(Arc::clone(&services), stop.clone()));
    let mut ticks: u64 = 0;
    let mut timer = every_second();
    let mut clock = ClockWatch::default();
    loop {
        tokio::select! {
            _now = timer.tick() => {}
            _changed = stop.changed() => break,
        }
        clock.look(&services);
        let unwrapped = Arc::clone(&services);
        duty("unwrapped", &stop, async move { wipe(&unwrapped) }).await;
        duty("keys", &stop, keys(Arc::clone(&services))).await;
        duty("imports", &stop, imports(Arc::clone(&services))).await;
        duty("floods", &stop, floods(Arc::clone(&services))).await;
        if ticks.is_multiple_of(SLOW) {
            duty("log", &stop, old_events(Arc::clone(&services))).await;
            duty("history", &stop, old_versions(Arc::clone(&services), kept)).await;
            duty("usage", &stop, usage(Arc::clone(&services))).await;
        }
        ticks = ticks.wrapping_add(1);
        note_run(&services, "keys");
    }
    for tended in [key_stores, proxies, groups] {
        if let Err(failed) = tended.await {
            error!(error = %failed, "a task of the background ended early");
        }
    }
    last_duty("usage", &stop, usage(services)).await;
}

/// A timer that is late rather than often.
fn every_second() -> Interval {
    let mut timer = tokio::time::interval(Duration::from_secs(1));
    timer.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    timer
}

/// How many things a duty could not do, each of which it has told.
type Undone = u64;

/// Does one duty to its end and counts what it could not do, so that who watches hears of what
/// goes on failing, unless the server has been told to `stop`. One that panics, which is a bug, is told
/// and counted, and holds up no other: it is begun anew the next time. One that goes on when the server
/// is to stop is ended wherever it is, as a stop of the process would.
async fn duty(
    name: &'static str,
    stop: &watch::Receiver<bool>,
    work: impl Future<Output = Undone> + Send + 'static,
) {
    if !*stop.borrow() {
        last_duty(name, stop, work).await;
    }
}

/// Does a duty though the server has been told to `stop`.
async fn last_duty(
    name: &'static str,
    stop: &watch::Receiver<bool>,
    work: impl Future<Output = Undone> + Send + 'static,
) {
    let mut work = tokio::spawn(work);
    let done = tokio::select! {
        done = &mut work => done,
        () = stopped(stop.clone()) => {
            work.abort();
            work.await
        }
    };
    let undone = match done {
        Ok(undone) => undone,
        Err(ended) if ended.is_cancelled() => {
            warn!(duty = name, "maintenance was ended before it was through");
            0
        }
        Err(panicked) => {
            error!(duty = name, error = %panicked, "maintenance ran into a bug");
            1
        }
    };
    count_undone(name, undone);
}

/// Ends when a duty is to be over, after the server was told to stop.
async fn stopped(mut stop: watch::Receiver<bool>) {
    // Whoever could tell is gone: that is a stop too.
    drop(stop.wait_for(|stopped| *stopped).await);
    tokio::time::sleep(LAST).await;
}

fn count_undone(duty: &'static str, undone: Undone) {
    if undone > 0 {
        metrics::counter!("strongroom_maintenance_failures_total", "duty" => duty)
            .increment(undone);
    }
}

/// Says when all duties of a task were last done, so that who watches sees if they are not any more.
fn note_run(services: &Services, task: &'static str) {
    let now = services.clock().now();
    metrics::gauge!("strongroom_maintenance_run_timestamp_seconds", "task" => task)
        .set(now.as_epoch_seconds());
}

/// What was said of the clock.
#[derive(Debug, Default)]
struct ClockWatch {
    is_disbelieved: bool,
}

impl ClockWatch {
    /// Says when nothing is destroyed by the clock, and when it is again.
    fn look(&mut self, services: &Services) {
        let settled = services.settled_time();
        let ahead = services.clock().now().since(settled).as_secs();
        let seconds = u32::try_from(ahead).unwrap_or(u32::MAX);
        metrics::gauge!("strongroom_clock_ahead_seconds").set(f64::from(seconds));
        match (self.is_disbelieved, ahead > 0) {
            (false, true) => error!(
                ahead_seconds = ahead,
                "the clock is suddenly ahead: until it has kept to that for an hour, nothing is \
                 destroyed by it"
            ),
            (true, false) => info!("the clock is believed again"),
            (true, true) | (false, false) => {}
        }
        self.is_disbelieved = ahead > 0;
    }
}

fn wipe(services: &Services) -> Undone {
    if let Ok(keyring) = services.part::<kms::Keyring>() {
        keyring.sweep(&services.store().snapshot());
    }
    featurestore::wipe(services);
    0
}

async fn keys(services: Arc<Services>) -> Undone {
    let mut left = 0;
    for undone in kms::maintain(&services).await {
        let what = &undone.what;
        warn!(what, error = %Causes(&undone.source), "key maintenance will be tried again");
        left += 1;
    }
    left
}

async fn imports(services: Arc<Services>) -> Undone {
    let mut left = 0;
    for undone in kms::expire_imports(&services).await {
        let what = &undone.what;
        warn!(what, error = %Causes(&undone.source), "expired key material will be destroyed later");
        left += 1;
    }
    left
}

async fn floods(services: Arc<Services>) -> Undone {
    pipeline::flush_damped(&services).await;
    0
}

async fn records(services: Arc<Services>) -> Undone {
    let mut left = 0;
    for undone in featurestore::maintain(&services).await {
        let what = &undone.what;
        warn!(what, error = %Causes(&undone.source), "feature store maintenance will be tried again");
        left += 1;
    }
    left
}

/// Does what there is to do for feature groups until `stop` changes: that is much at times, and
/// nothing else is to wait for it.
async fn tend_groups(services: Arc<Services>, mut stop: watch::Receiver<bool>) {
    let mut timer = every_second();
    loop {
        tokio::select! {
            _now = timer.tick() => {}
            _changed = stop.changed() => break,
        }
        duty("records", &stop, Box::pin(records(Arc::clone(&services)))).await;
        note_run(&services, "records");
    }
    featurestore::end(&services).await;
}

/// Connects and disconnects key stores until `stop` changes. What is behind them may take its
/// time, which nothing else is to wait for, nor another store.
async fn tend_key_stores(services: Arc<Services>, mut stop: watch::Receiver<bool>) {
    let (mut timer, mut tending) = (every_second(), kms::Tending::default());
    loop {
        let done = tokio::select! {
            _now = timer.tick() => tending.begin(&services),
            done = tending.next() => done,
            _changed = stop.changed() => return,
        };
        if let Err(failed) = done {
            warn!(error = %Causes(&failed), "key stores will be tended again");
            count_undone("key_stores", 1);
        }
    }
}

/// Asks proxies of external key stores for their health until `stop` changes, which no look that
/// is under way holds up.
async fn watch_key_stores(services: Arc<Services>, mut stop: watch::Receiver<bool>) {
    let mut timer = every_second();
    loop {
        tokio::select! {
            _now = timer.tick() => {}
            _changed = stop.changed() => return,
        }
        let changes = tokio::select! {
            changes = kms::watch_key_stores(&services) => changes,
            _changed = stop.changed() => return,
        };
        match changes {
            Ok(changes) => changes.iter().for_each(tell_health),
            Err(failed) => {
                warn!(error = %Causes(&failed), "the health of key store proxies will be asked again");
                count_undone("proxies", 1);
            }
        }
    }
}

fn tell_health(change: &kms::HealthChange) {
    let store = &change.store;
    if let Some(fault) = change.fault {
        warn!(store, reason = %fault, "the proxy of an external key store is out of order");
    } else {
        info!(
            store,
            "the proxy of an external key store is in order again"
        );
    }
}

/// Drops the events that are older than the history reaches.
async fn old_events(services: Arc<Services>) -> Undone {
    // The committer answers, and files are removed: nothing for a thread that serves requests.
    let dropping = tokio::task::spawn_blocking(move || {
        let oldest = audit::oldest_kept_segment(services.settled_time());
        services.store().drop_log_segments(&audit::EVENTS, oldest)
    });
    match dropping.await {
        Ok(Ok(())) => return 0,
        Ok(Err(failed)) => {
            error!(error = %Causes(&failed), "old audit segments could not be dropped");
        }
        Err(panicked) => {
            error!(error = %panicked, "old audit segments could not be dropped");
        }
    }
    1
}

/// Drops versions of metadata that are not to be kept, a part of them each time; none after a restore
/// before whoever restored has said that it goes on.
async fn old_versions(services: Arc<Services>, kept: HistoryBounds) -> Undone {
    let wall = services.clock().now();
    // Whoever has restored a backup of long ago may want to see what was then.
    let is_held = kms::held_since(&services.store().snapshot()).is_some();
    let kept = if is_held { kept.unlimited() } else { kept };
    // The history is read and the committer answers: nothing for a thread that serves requests.
    let pruning = tokio::task::spawn_blocking(move || {
        let dated = services.dating_time().filter(|_| !is_held);
        let now = services.settled_time();
        services.store().prune_history(dated, now, &kept)
    });
    match pruning.await {
        Ok(Ok(pruned)) => {
            tell_pruned(&pruned);
            if kept.is_limited() {
                tell_dated(&pruned, wall);
            }
            return 0;
        }
        Ok(Err(failed)) => {
            warn!(error = %Causes(&failed), "old versions of metadata will be dropped later");
        }
        Err(panicked) => {
            error!(duty = "history", error = %panicked, "maintenance ran into a bug");
        }
    }
    1
}

/// Says that nothing younger is dropped: commits were dated by a clock that was ahead, or that of
/// now is behind.
fn tell_dated(pruned: &Pruned, now: Timestamp) {
    if is_dated_after(pruned, now) {
        let dated = pruned.dated.map(Timestamp::to_iso8601);
        warn!(
            dated,
            "the history of metadata is dated in the future: until then nothing younger is dropped"
        );
    }
}

fn is_dated_after(pruned: &Pruned, now: Timestamp) -> bool {
    pruned.dated.is_some_and(|dated| dated > now)
}

fn tell_pruned(pruned: &Pruned) {
    let number = |count: u64| f64::from(u32::try_from(count / 1024).unwrap_or(u32::MAX)) * 1024.0;
    metrics::gauge!("strongroom_history_bytes").set(number(pruned.bytes));
    let dated = pruned.dated.map_or(0.0, Timestamp::as_epoch_seconds);
    metrics::gauge!("strongroom_history_dated_timestamp_seconds").set(dated);
    let begins = pruned.begins.map_or(0.0, Timestamp::as_epoch_seconds);
    metrics::gauge!("strongroom_history_begin_timestamp_seconds").set(begins);
    if pruned.versions > 0 {
        let (versions, is_done) = (pruned.versions, pruned.is_done);
        metrics::counter!("strongroom_history_dropped_total").increment(versions);
        let begins = pruned.begins.map(Timestamp::to_iso8601);
        info!(
            versions,
            is_done, begins, "old versions of metadata were dropped"
        );
    }
}

/// Persists when access keys and KMS keys were last used, and how often KMS keys and data keys
/// were.
async fn usage(services: Arc<Services>) -> Undone {
    let mut left = 0;
    let snapshot = services.store().snapshot();
    let access_keys = services.part::<iam::LastUsed>().ok();
    let access_keys = access_keys.and_then(|used| used.flush(&snapshot));
    let kms_keys = services.part::<kms::Keyring>().ok();
    let kms_keys = kms_keys.and_then(|keyring| keyring.usage().flush(&snapshot));
    for batch in access_keys.into_iter().chain(kms_keys) {
        if let Err(failed) = services.store().commit(batch).await {
            warn!(error = %Causes(&failed), "last-used times of keys could not be kept");
            left += 1;
        }
    }
    if let Err(failed) = kms::keep_usage(&services).await {
        warn!(error = %Causes(&failed), "the usage of keys will be written down later");
        left += 1;
    }
    if let Err(failed) = featurestore::keep_counts(&services).await {
        warn!(error = %Causes(&failed), "the usage of data keys will be written down later");
        left += 1;
    }
    left
}

#[cfg(test)]
mod tests;
