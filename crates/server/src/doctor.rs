//! `strongroom doctor`: which feature groups cannot be maintained, and what helps.

use std::io::Write as _;
use std::time::Duration;

use anyhow::{Context as _, bail};
use serde_json::{Value, json};

use crate::cli::DoctorArgs;
use crate::signed::{self, Api};

/// How long the subcommand waits for the server.
const PATIENCE: Duration = Duration::from_mins(5);

/// How long it waits before it asks again, where pages come too fast.
const PAUSE: Duration = Duration::from_millis(250);

/// Runs the subcommand; fails if background work is stopped for a group.
pub fn run(args: &DoctorArgs) -> anyhow::Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .context("starting the runtime failed")?;
    let groups = runtime.block_on(async {
        let asked = tokio::time::timeout(PATIENCE, ask(args)).await;
        asked.context("the server did not answer in time")?
    })?;
    let text = if args.json {
        serde_json::to_string_pretty(&groups)? + "\n"
    } else {
        groups.iter().map(lines).collect()
    };
    std::io::stdout()
        .write_all(text.as_bytes())
        .context("writing to standard output failed")?;
    let stopped = groups.iter().filter(|group| is_stopped(group)).count();
    match stopped {
        0 => Ok(()),
        1 => bail!("background work is stopped for one feature group"),
        _ => bail!("background work is stopped for {stopped} feature groups"),
    }
}

async fn ask(args: &DoctorArgs) -> anyhow::Result<Vec<Value>> {
    let api = Api {
        service: "strongroom",
        target: "Strongroom",
        region: args.region.as_str(),
    };
    let (mut groups, mut token) = (Vec::new(), Value::Null);
    loop {
        let input = json!({ "NextToken": token });
        let asked = signed::call(&args.client, api, "DiagnoseFeatureGroups", &input).await;
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

/// A line for the group, and two below it for each finding.
fn lines(group: &Value) -> String {
    let mut lines = format!(
        "{}\tkey {}\tbackground work {}\n",
        text(group, "FeatureGroupArn"),
        text(group, "KeyHealth").to_lowercase(),
        text(group, "BackgroundWork").to_lowercase(),
    );
    let findings = group.get("Findings").and_then(Value::as_array);
    for finding in findings.into_iter().flatten() {
        let (problem, cure) = (text(finding, "Problem"), text(finding, "Cure"));
        lines.extend(["  ", problem, "\n  cure: ", cure, "\n"]);
    }
    lines
}

fn text<'a>(value: &'a Value, name: &str) -> &'a str {
    value.get(name).and_then(Value::as_str).unwrap_or_default()
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
        let expected = "arn:g\tkey unhealthy\tbackground work stopped\n  p\n  cure: c\n";
        assert_eq!(lines(&group), expected);
    }
}
