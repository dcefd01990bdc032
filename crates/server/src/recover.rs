//! `strongroom recover`: shows what a damaged store has lost, and accepts it if told to.

use std::fmt::Write as _;

use store::embedded::{FoundEntry, Recovery};

use crate::cli::RecoverArgs;
use crate::{client, compose, offline};

/// Reports the state of the directory; with `--accept-loss` makes it usable again.
pub fn run(args: &RecoverArgs) -> anyhow::Result<()> {
    let directory = offline::directory(&args.directory)?;
    let (clock, entropy) = offline::surroundings();
    let options = compose::options(&directory, &clock, &entropy);
    let report = store::embedded::recover(&options, args.accept_loss)?;
    client::print(&describe(&report, args.accept_loss))
}

fn describe(report: &Recovery, accepted: bool) -> String {
    if !report.needed {
        return format!(
            "nothing is missing: the store ends at commit {}\n",
            report.found
        );
    }
    let mut text = format!("last commit in the store:  {}\n", report.found);
    let expected = match report.expected {
        Some(expected) => expected.to_string(),
        None => "unknown, the mark is unreadable".to_owned(),
    };
    let _infallible = writeln!(text, "last commit acknowledged:  {expected}");
    if !report.rows_match {
        text.push_str("some rows are older than the last commit in the store\n");
    }
    describe_left(report, &mut text);
    describe_loss(report, accepted, &mut text);
    if let Some(place) = &report.set_aside {
        let _infallible = writeln!(text, "what could not be read is in {}", place.display());
    }
    text.push_str(if accepted {
        "the loss is accepted; `serve` starts again\n"
    } else {
        "acknowledged changes are missing: rights that they took away would be back.\n\
         Restore a backup, or accept the loss with --accept-loss. Nothing was changed.\n"
    });
    text
}

/// How much there is, and what the audit log has last.
fn describe_left(report: &Recovery, text: &mut String) {
    let counts = report.left.iter().filter(|(_, rows)| **rows > 0);
    let counts: Vec<String> = counts
        .map(|(table, rows)| format!("{rows} {table}"))
        .collect();
    if !counts.is_empty() {
        let _infallible = writeln!(text, "what is left: {}", counts.join(", "));
    }
    for entry in report.last_entries.iter().filter_map(told) {
        let _infallible = writeln!(text, "last record that is left: {entry}");
    }
}

/// Which commits go, and what is known of them.
fn describe_loss(report: &Recovery, accepted: bool, text: &mut String) {
    let Some(expected) = report.expected.filter(|expected| *expected > report.found) else {
        return;
    };
    let (first, loss) = (report.found + 1, &report.loss);
    let verb = if accepted { "are" } else { "would be" };
    let _infallible = writeln!(
        text,
        "commits {first} to {expected} {verb} lost; {} of them can still be read{}",
        loss.readable,
        if loss.readable == 0 {
            ""
        } else {
            " and did this:"
        }
    );
    for (name, changes) in &loss.changes {
        let (written, removed) = (changes.written, changes.removed);
        let _infallible = writeln!(text, "  {name}: {written} written, {removed} removed");
    }
    for entry in loss.entries.iter().filter_map(told) {
        let _infallible = writeln!(text, "  {entry}");
    }
}

/// An audit record in one line: when, what, who.
fn told(entry: &FoundEntry) -> Option<String> {
    let record: audit::Record = serde_json::from_slice(&entry.payload).ok()?;
    let identity = &record.user_identity;
    let who = identity.lookup_name().or(identity.arn.as_deref());
    let outcome = record.error_code.as_deref().unwrap_or("ok");
    // What callers chose is shown without what a terminal would obey.
    let line = format!(
        "{}  {}  {} {}  {outcome}",
        record.event_time,
        who.unwrap_or(&identity.kind),
        record.event_source,
        record.event_name,
    );
    Some(line.chars().filter(|letter| !letter.is_control()).collect())
}
