//! `strongroom audit verify`: whether the audit log is whole.

use std::fmt::Write as _;

use anyhow::bail;
use store::{LogFault, LogReport, SegmentReport};
use types::Timestamp;

use crate::cli::DirectoryArgs;
use crate::client;
use crate::offline::Offline;

/// Checks every record of the kept history, prints a line for each day, and fails if one of
/// them is not whole.
pub fn verify(args: &DirectoryArgs) -> anyhow::Result<()> {
    let Offline { store, clock, .. } = Offline::open(args)?;
    let report = audit::verify(&store, clock.now())?;
    store.close();
    client::print(&describe(&report))?;
    if !report.is_whole() {
        bail!("the audit log is not whole");
    }
    Ok(())
}

fn describe(report: &LogReport) -> String {
    let mut text = String::new();
    for day in &report.segments {
        let _infallible = writeln!(
            text,
            "{}  {:>9} records  {}",
            date(day.segment),
            day.entries,
            finding(day)
        );
    }
    let records: u64 = report.segments.iter().map(|day| day.entries).sum();
    let days = report.segments.len();
    let broken = report.segments.iter().filter(|day| day.fault.is_some());
    let result = match broken.count() {
        0 => "all of them whole".to_owned(),
        some => format!("{some} of them not whole"),
    };
    let _infallible = writeln!(text, "{days} days, {records} records: {result}");
    text
}

fn finding(day: &SegmentReport) -> String {
    match day.fault {
        None => "whole".to_owned(),
        Some(LogFault::Missing { sequence }) => format!("NOT WHOLE: record {sequence} is missing"),
        Some(LogFault::Damaged { sequence }) => {
            format!("NOT WHOLE: record {sequence} was edited, moved or exchanged")
        }
        Some(LogFault::Surplus { entries }) => {
            format!("NOT WHOLE: {entries} more are there that are not part of the chain")
        }
        Some(LogFault::Head) => {
            "NOT WHOLE: how far the day goes is missing, edited or set back".to_owned()
        }
    }
}

/// The day of a segment, which is numbered from the epoch.
fn date(segment: u64) -> String {
    let seconds = i64::try_from(segment).map_or(i64::MAX, |day| day.saturating_mul(86_400));
    let text = Timestamp::new(seconds, 0).to_iso8601();
    text.split('T').next().unwrap_or_default().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn day(segment: u64, entries: u64, fault: Option<LogFault>) -> SegmentReport {
        SegmentReport {
            segment,
            entries,
            fault,
        }
    }

    #[test]
    fn each_day_has_a_line_and_the_last_says_how_it_is() {
        let whole = LogReport {
            segments: vec![day(20_783, 7, None), day(20_784, 12, None)],
        };
        assert_eq!(
            describe(&whole),
            "2026-11-26          7 records  whole\n\
             2026-11-27         12 records  whole\n\
             2 days, 19 records: all of them whole\n"
        );
        let faults = [
            (LogFault::Missing { sequence: 3 }, "record 3 is missing"),
            (
                LogFault::Damaged { sequence: 4 },
                "record 4 was edited, moved or exchanged",
            ),
            (
                LogFault::Surplus { entries: 2 },
                "2 more are there that are not part of the chain",
            ),
            (
                LogFault::Head,
                "how far the day goes is missing, edited or set back",
            ),
        ];
        for (fault, expected) in faults {
            let broken = LogReport {
                segments: vec![day(20_783, 7, Some(fault)), day(20_784, 12, None)],
            };
            let text = describe(&broken);
            assert!(text.contains(&format!("NOT WHOLE: {expected}\n")), "{text}");
            assert!(text.ends_with("2 days, 19 records: 1 of them not whole\n"));
        }
    }
}
