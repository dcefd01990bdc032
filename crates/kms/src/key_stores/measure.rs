//! What is counted of the calls of proxies, for each store.

use std::time::Duration;

use types::Timestamp;

use super::fault::Fault;
use super::record::KeyStoreId;

/// The operations of the proxies' API.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Asked {
    /// `GetHealthStatus`.
    Health,
    /// `GetKeyMetadata`.
    Metadata,
    /// `Encrypt`.
    Encrypt,
    /// `Decrypt`.
    Decrypt,
}

/// How many key managers behind a proxy are in which state, as the proxy has it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Managers {
    pub(crate) active: u32,
    pub(crate) degraded: u32,
    pub(crate) unavailable: u32,
}

impl Asked {
    fn name(self) -> &'static str {
        match self {
            Self::Health => "GetHealthStatus",
            Self::Metadata => "GetKeyMetadata",
            Self::Encrypt => "Encrypt",
            Self::Decrypt => "Decrypt",
        }
    }
}

/// Counts one call; `store` is `None` while the store is being made.
pub(crate) fn note_call(
    store: Option<&KeyStoreId>,
    asked: Asked,
    took: Duration,
    failed: Option<Fault>,
) {
    let store = store.map_or_else(|| "new".to_owned(), ToString::to_string);
    let operation = asked.name();
    metrics::counter!(
        "strongroom_xks_requests_total", "store" => store.clone(), "operation" => operation
    )
    .increment(1);
    metrics::histogram!(
        "strongroom_xks_request_seconds", "store" => store.clone(), "operation" => operation
    )
    .record(took.as_secs_f64());
    if let Some(fault) = failed {
        metrics::counter!(
            "strongroom_xks_errors_total",
            "store" => store, "operation" => operation, "error" => fault.name()
        )
        .increment(1);
    }
}

/// Shows what the proxy of a store says of its key managers.
pub(crate) fn note_managers(store: &KeyStoreId, managers: Managers) {
    let states = [
        ("active", managers.active),
        ("degraded", managers.degraded),
        ("unavailable", managers.unavailable),
    ];
    for (state, number) in states {
        metrics::gauge!(
            "strongroom_xks_key_managers", "store" => store.to_string(), "state" => state
        )
        .set(f64::from(number));
    }
}

/// Shows whether a store's proxy was out of order when it was last looked at.
pub(crate) fn note_health(store: &KeyStoreId, is_unhealthy: bool) {
    metrics::gauge!("strongroom_xks_unhealthy", "store" => store.to_string())
        .set(f64::from(u8::from(is_unhealthy)));
}

/// Shows for how many days more the certificate of a store's proxy is good: no number if that is not
/// known.
pub(crate) fn note_certificate(store: &KeyStoreId, days: Option<f64>) {
    metrics::gauge!(
        "strongroom_xks_certificate_days_to_expire", "store" => store.to_string()
    )
    .set(days.unwrap_or(f64::NAN));
}

/// The whole days from `now` to `end`, below 0 if that has passed.
pub(crate) fn days_to(end: Timestamp, now: Timestamp) -> f64 {
    const DAY: f64 = 86_400.0;
    ((end.as_epoch_seconds() - now.as_epoch_seconds()) / DAY).floor()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_are_whole_and_below_zero_once_a_certificate_has_ended() {
        let now = Timestamp::new(1_795_466_820, 0);
        for (seconds, days) in [(0, 0.0), (86_399, 0.0), (86_400, 1.0), (30 * 86_400, 30.0)] {
            let end = now.saturating_add(Duration::from_secs(seconds));
            assert!((days_to(end, now) - days).abs() < 0.01, "{seconds}");
        }
        let ended = now.saturating_sub(Duration::from_secs(1));
        assert!((days_to(ended, now) + 1.0).abs() < 0.01);
    }
}
