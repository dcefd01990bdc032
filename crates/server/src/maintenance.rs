//! What the server does of its own accord: counts, expiry, retention. One task, once a second.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use pipeline::Services;
use tokio::sync::watch;
use tracing::{error, warn};

/// Ticks between runs of the slower duties.
const SLOW: u64 = 60;

/// Runs until `stop` changes.
pub(crate) async fn run(services: Arc<Services>, mut stop: watch::Receiver<bool>) {
    let key_stores = tokio::spawn(tend_key_stores(Arc::clone(&services), stop.clone()));
    let mut ticks: u64 = 0;
    let mut timer = tokio::time::interval(Duration::from_secs(1));
    timer.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            _now = timer.tick() => {}
            _changed = stop.changed() => break,
        }
        if let Ok(keyring) = services.part::<kms::Keyring>() {
            keyring.sweep(&services.store().snapshot());
        }
        for undone in kms::maintain(&services).await {
            let what = &undone.what;
            warn!(what, error = %Causes(&undone.source), "key maintenance will be tried again");
            count_undone("keys");
        }
        for undone in kms::expire_imports(&services).await {
            let what = &undone.what;
            warn!(what, error = %Causes(&undone.source), "expired key material will be destroyed later");
            count_undone("imports");
        }
        pipeline::flush_damped(&services).await;
        for undone in featurestore::maintain(&services).await {
            let what = &undone.what;
            warn!(what, error = %Causes(&undone.source), "feature store maintenance will be tried again");
            count_undone("records");
        }
        if ticks.is_multiple_of(SLOW) {
            slow_duties(&services).await;
        }
        ticks = ticks.wrapping_add(1);
    }
    keep_last_used(&services).await;
    if let Err(failed) = key_stores.await {
        error!(error = %failed, "tending key stores ended early");
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
        if let Err(failed) = kms::tend_key_stores(&services).await {
            warn!(error = %failed, "key stores will be tended again");
        }
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

async fn slow_duties(services: &Arc<Services>) {
    keep_last_used(services).await;
    let oldest = audit::oldest_kept_segment(services.clock().now());
    if let Err(failed) = services.store().drop_log_segments(&audit::EVENTS, oldest) {
        error!(error = %failed, "old audit segments could not be dropped");
    }
}

/// Persists when access keys and KMS keys were last used, and how often KMS keys and data keys
/// were.
async fn keep_last_used(services: &Arc<Services>) {
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
    if let Err(failed) = kms::keep_usage(services).await {
        warn!(error = %failed, "the usage of keys will be written down later");
    }
    if let Err(failed) = featurestore::keep_counts(services).await {
        warn!(error = %failed, "the usage of data keys will be written down later");
    }
}
