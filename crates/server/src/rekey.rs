//! `strongroom rekey`: moves a feature group to another KMS key, and shows how far that has come.

use std::time::Duration;

use anyhow::bail;
use serde_json::{Value, json};

use crate::cli::RekeyArgs;
use crate::client::{self, number, print, text};
use crate::signed;

/// How long the subcommand waits for one answer.
const PATIENCE: Duration = Duration::from_mins(1);

/// How long it waits before it looks again.
const PAUSE: Duration = Duration::from_secs(1);

/// Runs the subcommand; fails if moving or renewing cannot go on.
pub fn run(args: &RekeyArgs) -> anyhow::Result<()> {
    client::runtime()?.block_on(rekey(args))
}

async fn rekey(args: &RekeyArgs) -> anyhow::Result<()> {
    if args.to.status {
        return settled(args, &look(args).await?).map(drop);
    }
    let input = match &args.to.key {
        Some(key) => json!({ "FeatureGroupName": args.group, "KmsKeyId": key }),
        None => json!({ "FeatureGroupName": args.group, "AwsOwnedKey": true }),
    };
    let answer = ask(args, "RekeyFeatureGroup", &input).await?;
    if args.ask.json {
        print(&format!("{answer}\n"))?;
    } else {
        print(&format!("{} is under {}\n", args.group, key(&answer)))?;
    }
    while args.wait && !settled(args, &look(args).await?)? {
        tokio::time::sleep(PAUSE).await;
    }
    Ok(())
}

async fn look(args: &RekeyArgs) -> anyhow::Result<Value> {
    let input = json!({ "FeatureGroupName": args.group });
    ask(args, "DescribeFeatureGroupKeys", &input).await
}

async fn ask(args: &RekeyArgs, operation: &str, input: &Value) -> anyhow::Result<Value> {
    client::in_time(PATIENCE, signed::own(&args.ask.at, operation, input)).await
}

/// Prints what was seen; says whether nothing is left to do, and fails if it cannot be done.
fn settled(args: &RekeyArgs, seen: &Value) -> anyhow::Result<bool> {
    if args.ask.json {
        print(&format!("{seen}\n"))?;
    } else {
        print(&lines(seen))?;
    }
    match text(seen, "State") {
        "Stopped" => match text(seen, "Reason") {
            "" => bail!("it cannot go on"),
            reason => bail!("{reason}"),
        },
        state => Ok(state == "Settled"),
    }
}

/// A line for the group, and one for each former key.
fn lines(seen: &Value) -> String {
    let data_key = seen.get("DataKey").cloned().unwrap_or_default();
    let mut lines = format!(
        "{}\tunder {}\t{}\tdata key {} of {}, {} records\n",
        text(seen, "FeatureGroupArn"),
        key(seen),
        text(seen, "State").to_lowercase(),
        number(&data_key, "Number"),
        text(&data_key, "Created"),
        number(&data_key, "RecordsSealed"),
    );
    if let Some(progress) = seen.get("Progress") {
        let progress = format!(
            "  {}% since {}: {} records moved, {} cannot be\n",
            number(progress, "Percent"),
            text(progress, "Began"),
            number(progress, "RecordsMoved"),
            number(progress, "RecordsLost"),
        );
        lines.push_str(&progress);
    }
    for former in client::list(seen, "FormerKeys") {
        lines.extend(["  still in use: ", key(former), "\n"]);
    }
    match text(seen, "Reason") {
        "" => {}
        why => lines.extend(["  does not go on now: ", why, "\n"]),
    }
    lines
}

/// The key that an answer names, or that it is none of a customer's.
fn key(of: &Value) -> &str {
    match text(of, "KmsKeyArn") {
        "" => "the AWS owned key",
        arn => arn,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_group_on_its_way_shows_how_far_it_has_come() {
        let seen = json!({
            "FeatureGroupArn": "arn:g", "KmsKeyArn": "arn:new", "State": "Moving",
            "DataKey": { "Number": 2, "Created": "2026-11-27T00:00:00Z", "RecordsSealed": 5 },
            "FormerKeys": [{ "KmsKeyArn": "arn:old" }, {}],
            "Progress": { "Began": "2026-11-27T00:00:00Z", "Percent": 40, "RecordsMoved": 7,
                          "RecordsLost": 0 },
            "Reason": "KeyUnavailableException: no answer",
        });
        let expected = "arn:g\tunder arn:new\tmoving\tdata key 2 of 2026-11-27T00:00:00Z, 5 records\n\
            \x20 40% since 2026-11-27T00:00:00Z: 7 records moved, 0 cannot be\n\
            \x20 still in use: arn:old\n  still in use: the AWS owned key\n\
            \x20 does not go on now: KeyUnavailableException: no answer\n";
        assert_eq!(lines(&seen), expected);
    }
}
