//! What subcommands share: asking a server and waiting for its answer, reading that, and printing.

use std::io::Write as _;
use std::time::Duration;

use anyhow::Context as _;
use serde_json::Value;

/// A runtime for a subcommand, on the thread that asks for it.
pub(crate) fn runtime() -> anyhow::Result<tokio::runtime::Runtime> {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .context("starting the runtime failed")
}

/// What `work`, which asks a server, comes to; fails if that takes longer than `patience`.
pub(crate) fn answer<T>(
    patience: Duration,
    work: impl Future<Output = anyhow::Result<T>>,
) -> anyhow::Result<T> {
    runtime()?.block_on(in_time(patience, work))
}

/// The same for whoever asks more than once.
pub(crate) async fn in_time<T>(
    patience: Duration,
    work: impl Future<Output = anyhow::Result<T>>,
) -> anyhow::Result<T> {
    let answer = tokio::time::timeout(patience, work).await;
    answer.context("the server did not answer in time")?
}

/// Writes `text` to standard output, at once.
pub(crate) fn print(text: &str) -> anyhow::Result<()> {
    let mut out = std::io::stdout().lock();
    out.write_all(text.as_bytes())
        .and_then(|()| out.flush())
        .context("writing to standard output failed")
}

/// The text `name` of an answer; empty if it has none.
pub(crate) fn text<'a>(value: &'a Value, name: &str) -> &'a str {
    value.get(name).and_then(Value::as_str).unwrap_or_default()
}

/// The number `name` of an answer; 0 if it has none.
pub(crate) fn number(value: &Value, name: &str) -> u64 {
    value.get(name).and_then(Value::as_u64).unwrap_or_default()
}

/// The elements of the list `name` of an answer.
pub(crate) fn list<'a>(value: &'a Value, name: &str) -> impl Iterator<Item = &'a Value> {
    let items = value.get(name).and_then(Value::as_array);
    items.into_iter().flatten()
}
