//! What the server does of its own accord: counts, expiry, retention. One task, once a second.

use std::fmt;
use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use pipeline::Services;
use tokio::sync::watch;
use tracing::{error, info, warn};

/// Ticks between runs of the slower duties.
const SLOW: u64 = 60;

/// Runs until `stop` changes.
pub(crate) async fn run(services: Arc<Services>, mut stop: watch::Receiver<bool>) {
    let key_stores = tokio::spawn(tend_key_stores(Arc::clone(&services), stop.clone()));
    let proxies = tokio::spawn(watch_key_stores(Arc::clone(&services), stop.clone()));
    let mut ticks: u64 = 0;
    let mut timer = tokio::time::interval(Duration::from_secs(1));
    timer.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    let mut clock = ClockWatch::default();
    loop {
        tokio::select! {
            _now = timer.tick() => {}
            _changed = stop.changed() => break,
        }
        clock.look(&services);
        let unwrapped = Arc::clone(&services);
        duty("unwrapped", async move { wipe(&unwrapped) }).await;
        duty("keys", keys(Arc::clone(&services))).await;
        duty("imports", imports(Arc::clone(&services))).await;
        duty("floods", floods(Arc::clone(&services))).await;
        duty("records", records(Arc::clone(&services))).await;
        if ticks.is_multiple_of(SLOW) {
            duty("log", old_events(Arc::clone(&services))).await;
            duty("usage", last_used(Arc::clone(&services))).await;
        }
        ticks = ticks.wrapping_add(1);
        note_run(&services);
    }
    duty("usage", last_used(services)).await;
    for tended in [key_stores, proxies] {
        if let Err(failed) = tended.await {
            error!(error = %failed, "tending key stores ended early");
        }
    }
}

/// Does one duty to its end. One that panics, which is a bug, is told and counted, and holds up
/// no other: it is begun anew the next time.
async fn duty(name: &'static str, work: impl Future<Output = ()> + Send + 'static) {
    if let Err(panicked) = tokio::spawn(work).await {
        error!(duty = name, error = %panicked, "maintenance ran into a bug");
        count_undone(name);
    }
}

/// Says when all duties were last done, so that who watches sees if they are not any more.
fn note_run(services: &Services) {
    let now = services.clock().now();
    metrics::gauge!("strongroom_maintenance_run_timestamp_seconds").set(now.as_epoch_seconds());
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

fn wipe(services: &Services) {
    if let Ok(keyring) = services.part::<kms::Keyring>() {
        keyring.sweep(&services.store().snapshot());
    }
}

async fn keys(services: Arc<Services>) {
    for undone in kms::maintain(&services).await {
        let what = &undone.what;
        warn!(what, error = %Causes(&undone.source), "key maintenance will be tried again");
        count_undone("keys");
    }
}

async fn imports(services: Arc<Services>) {
    for undone in kms::expire_imports(&services).await {
        let what = &undone.what;
        warn!(what, error = %Causes(&undone.source), "expired key material will be destroyed later");
        count_undone("imports");
    }
}

async fn floods(services: Arc<Services>) {
    pipeline::flush_damped(&services).await;
}

async fn records(services: Arc<Services>) {
    for undone in featurestore::maintain(&services).await {
        let what = &undone.what;
        warn!(what, error = %Causes(&undone.source), "feature store maintenance will be tried again");
        count_undone("records");
    }
}

/// Connects and disconnects key stores until `stop` changes. What is behind them may take its
/// time, which nothing else is to wait for.
async fn tend_key_stores(services: Arc<Services>, mut stop: watch::Receiver<bool>) {
    let mut timer = tokio::time::interval(Duration::from_secs(1));
    timer.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            _now = timer.tick() => {}
            _changed = stop.changed() => return,
        }
        duty("key_stores", key_stores(Arc::clone(&services))).await;
    }
}

async fn key_stores(services: Arc<Services>) {
    if let Err(failed) = kms::tend_key_stores(&services).await {
        warn!(error = %failed, "key stores will be tended again");
    }
}

/// Asks proxies of external key stores for their health until `stop` changes, which no look that
/// is under way holds up.
async fn watch_key_stores(services: Arc<Services>, mut stop: watch::Receiver<bool>) {
    let mut timer = tokio::time::interval(Duration::from_secs(1));
    timer.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
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
                warn!(error = %failed, "the health of key store proxies will be asked again");
                count_undone("proxies");
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

/// Counts something that a run could not do, so that who watches hears of what goes on failing.
fn count_undone(duty: &'static str) {
    metrics::counter!("strongroom_maintenance_failures_total", "duty" => duty).increment(1);
}

/// An error and what caused it, for the log.
struct Causes<'a>(&'a (dyn std::error::Error + 'static));

impl fmt::Display for Causes<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)?;
        let mut cause = self.0.source();
        while let Some(error) = cause {
            write!(f, ": {error}")?;
            cause = error.source();
        }
        Ok(())
    }
}

/// Drops the events that are older than the history reaches.
async fn old_events(services: Arc<Services>) {
    // The committer answers, and files are removed: nothing for a thread that serves requests.
    let dropping = tokio::task::spawn_blocking(move || {
        let oldest = audit::oldest_kept_segment(services.settled_time());
        services.store().drop_log_segments(&audit::EVENTS, oldest)
    });
    let failed = match dropping.await {
        Ok(Ok(())) => return,
        Ok(Err(failed)) => failed.to_string(),
        Err(panicked) => panicked.to_string(),
    };
    error!(error = failed, "old audit segments could not be dropped");
}

/// Persists when access keys and KMS keys were last used, and how often KMS keys and data keys
/// were.
async fn last_used(services: Arc<Services>) {
    let snapshot = services.store().snapshot();
    let access_keys = services.part::<iam::LastUsed>().ok();
    let access_keys = access_keys.and_then(|used| used.flush(&snapshot));
    let kms_keys = services.part::<kms::Keyring>().ok();
    let kms_keys = kms_keys.and_then(|keyring| keyring.usage().flush(&snapshot));
    for batch in access_keys.into_iter().chain(kms_keys) {
        if let Err(failed) = services.store().commit(batch).await {
            warn!(error = %failed, "last-used times of keys could not be kept");
        }
    }
    if let Err(failed) = kms::keep_usage(&services).await {
        warn!(error = %failed, "the usage of keys will be written down later");
    }
    if let Err(failed) = featurestore::keep_counts(&services).await {
        warn!(error = %failed, "the usage of data keys will be written down later");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_duty_that_panics_holds_up_no_other() {
        duty("first", async { panic!("a bug") }).await;
        let (done, is_done) = tokio::sync::oneshot::channel();
        duty("second", async move { done.send(7).unwrap() }).await;
        assert_eq!(is_done.await, Ok(7));
    }
}
