//! What is counted of the calls of proxies, for each store.

use std::time::Duration;

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
