//! Structured logs on standard error: text for people, JSON lines for machines.

use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt::format::FmtSpan;

/// The log filter is not understood.
#[derive(Debug, thiserror::Error)]
#[error("`{filter}` is not a log filter: use a level (info) or target=level,…")]
pub(crate) struct BadFilter {
    filter: String,
}

/// Starts logging with `filter`, as JSON lines if `json`.
pub(crate) fn start(filter: &str, json: bool) -> Result<(), BadFilter> {
    let logs = tracing_subscriber::fmt()
        .with_env_filter(self::filter(filter)?)
        .with_writer(std::io::stderr)
        .with_span_events(FmtSpan::NONE);
    // A second start in one process (tests) keeps the first.
    let _already_started = if json {
        logs.json().flatten_event(true).try_init()
    } else {
        logs.with_target(false).try_init()
    };
    Ok(())
}

/// Reads a filter: a level, or targets with levels.
pub(crate) fn filter(text: &str) -> Result<EnvFilter, BadFilter> {
    let refused = |_source| BadFilter {
        filter: text.to_owned(),
    };
    // The engine and the TLS stack are quiet unless asked for.
    let directives = format!("fjall=warn,lsm_tree=warn,hyper=warn,rustls=warn,{text}");
    EnvFilter::builder().parse(directives).map_err(refused)
}
