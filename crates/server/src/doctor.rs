//! `strongroom doctor`: which feature groups cannot be maintained, and what helps.

use std::fmt::Write as _;
use std::time::Duration;

use anyhow::bail;
use serde_json::{Value, json};

use crate::cli::DoctorArgs;
use crate::client::{self, number, print, text};
use crate::signed;

/// How long the subcommand waits for the server.
const PATIENCE: Duration = Duration::from_mins(5);

/// How long it waits before it asks again, where pages come too fast.
const PAUSE: Duration = Duration::from_millis(250);

/// Runs the subcommand; fails if background work is stopped for a group.
pub fn run(args: &DoctorArgs) -> anyhow::Result<()> {
    let groups = client::answer(PATIENCE, ask(args))?;
    let shown = if args.ask.json {
        serde_json::to_string_pretty(&groups)? + "\n"
    } else {
        groups.iter().map(lines).collect()
    };
    print(&shown)?;
    let stopped = groups.iter().filter(|group| is_stopped(group)).count();
    let blocked = groups.iter().filter(|group| is_blocked(group)).count();
    match (stopped, blocked) {
        (0, 0) => Ok(()),
        (0, 1) => bail!("the offline store of one feature group is blocked"),
        (0, _) => bail!("the offline stores of {blocked} feature groups are blocked"),
        (1, _) => bail!("background work is stopped for one feature group"),
        _ => bail!("background work is stopped for {stopped} feature groups"),
    }
}

async fn ask(args: &DoctorArgs) -> anyhow::Result<Vec<Value>> {
    let (mut groups, mut token) = (Vec::new(), Value::Null);
    loop {
        let input = json!({ "NextToken": token });
        let asked = signed::own(&args.ask.at, "DiagnoseFeatureGroups", &input).await;
        let mut page = match asked {
            Err(refused) if signed::is_throttled(&refused) => {
                tokio::time::sleep(PAUSE).await;
                continue;
            }
            asked => asked?,
        };
        if let Some(Value::Array(found)) = page.get_mut("FeatureGroups").map(Value::take) {
            groups.extend(found);
        }
        token = page.get_mut("NextToken").map_or(Value::Null, Value::take);
        if token.is_null() {
            return Ok(groups);
        }
    }
}

fn is_stopped(group: &Value) -> bool {
    text(group, "BackgroundWork") != "Running"
}

fn is_blocked(group: &Value) -> bool {
    let offline = group.get("OfflineStore");
    offline.is_some_and(|offline| text(offline, "Status") != "Active")
}

/// A line for the group, and two below it for each finding.
fn lines(group: &Value) -> String {
    let mut lines = text(group, "FeatureGroupArn").to_owned();
    if let health @ ("Healthy" | "Unhealthy" | "Unknown") = text(group, "KeyHealth") {
        lines.extend(["\tkey ", &health.to_lowercase()]);
    }
    let work = text(group, "BackgroundWork").to_lowercase();
    lines.extend(["\tbackground work ", &work]);
    if let Some(offline) = group.get("OfflineStore") {
        let status = text(offline, "Status").to_lowercase();
        let (records, bytes) = (
            number(offline, "WaitingRecords"),
            number(offline, "WaitingBytes"),
        );
        let _infallible = write!(
            lines,
            "\toffline store {status}, {records} records wait ({bytes} bytes)"
        );
    }
    lines.push('\n');
    for finding in client::list(group, "Findings") {
        let (problem, cure) = (text(finding, "Problem"), text(finding, "Cure"));
        lines.extend(["  ", problem, "\n  cure: ", cure, "\n"]);
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_group_with_a_finding_shows_its_cure() {
        let group = json!({
            "FeatureGroupArn": "arn:g", "KeyHealth": "Unhealthy", "BackgroundWork": "Stopped",
            "Findings": [{ "Problem": "p", "Cure": "c" }],
        });
        assert!(is_stopped(&group));
        assert!(!is_blocked(&group));
        let expected = "arn:g\tkey unhealthy\tbackground work stopped\n  p\n  cure: c\n";
        assert_eq!(lines(&group), expected);
    }
}
