//! Prometheus metrics, on an address of their own.

use std::net::SocketAddr;

use anyhow::Context as _;
use metrics_exporter_prometheus::{Matcher, PrometheusBuilder};

/// Upper bounds, in seconds, of what calls of key store proxies take: AWS waits for 250 ms.
const PROXY_SECONDS: [f64; 9] = [0.005, 0.01, 0.025, 0.05, 0.1, 0.15, 0.2, 0.25, 1.0];

/// Serves `/metrics` at `listen`, without signatures: keep the address private.
pub(crate) fn serve_metrics(listen: SocketAddr) -> anyhow::Result<()> {
    let proxies = Matcher::Full("strongroom_xks_request_seconds".to_owned());
    PrometheusBuilder::new()
        .set_buckets_for_metric(proxies, &PROXY_SECONDS)
        .context("the buckets of a histogram cannot be set")?
        .with_http_listener(listen)
        .install()
        .with_context(|| format!("serving metrics on {listen} failed"))
}
