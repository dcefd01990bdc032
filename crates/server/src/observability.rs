//! Prometheus metrics, on an address of their own.

use std::net::SocketAddr;

use anyhow::Context as _;
use metrics_exporter_prometheus::PrometheusBuilder;

/// Serves `/metrics` at `listen`, without signatures: keep the address private.
pub(crate) fn serve_metrics(listen: SocketAddr) -> anyhow::Result<()> {
    PrometheusBuilder::new()
        .with_http_listener(listen)
        .install()
        .with_context(|| format!("serving metrics on {listen} failed"))
}
