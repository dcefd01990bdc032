//! Structured logs on standard error: text for people, JSON lines for machines.

use tracing_subscriber::EnvFilter;
use tracing_subscriber::filter::LevelFilter;
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
    let refused = |()| BadFilter {
        filter: text.to_owned(),
    };
    // A word that is no level would be a target, of which all is logged, and of nothing else.
    let is_level = |word: &str| !word.is_empty() && word.parse::<LevelFilter>().is_ok();
    if !text
        .split(',')
        .all(|part| part.contains('=') || is_level(part))
    {
        return Err(refused(()));
    }
    // The engine and the TLS stack are quiet unless asked for.
    let directives = format!("fjall=warn,lsm_tree=warn,hyper=warn,rustls=warn,{text}");
    let filter = EnvFilter::builder().parse(directives);
    filter.map_err(|_source| refused(()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn levels_and_targets_with_levels_are_filters() {
        for text in [
            "info",
            "WARN",
            "off",
            "debug,strongroom_store=trace",
            "a=info,warn",
        ] {
            assert!(filter(text).is_ok(), "{text}");
        }
    }

    #[test]
    fn a_misspelt_level_is_refused() {
        for text in [
            "inof",
            "wran",
            "",
            "info,",
            "info,strongroom_store",
            "a=inof",
            "==",
        ] {
            assert!(filter(text).is_err(), "{text}");
        }
    }
}
