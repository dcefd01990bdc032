//! `strongroom bucket`: sets up the buckets that offline stores are in.

use std::io::Read as _;
use std::path::Path;
use std::time::Duration;

use anyhow::Context as _;
use serde_json::{Value, json};

use crate::cli::{BucketCommand, RegionalArgs};
use crate::client::{self, print, text};
use crate::signed;

/// How long a subcommand waits for the server.
const PATIENCE: Duration = Duration::from_mins(1);

/// Runs the subcommand.
pub fn run(command: &BucketCommand) -> anyhow::Result<()> {
    print(&client::answer(PATIENCE, answer(command))?)
}

async fn answer(command: &BucketCommand) -> anyhow::Result<String> {
    match command {
        BucketCommand::Create { at, name } => {
            let made = signed::own(at, "CreateBucket", &json!({ "Bucket": name })).await?;
            Ok(format!("{}\n", text(&made, "BucketArn")))
        }
        BucketCommand::Delete { at, name } => {
            signed::own(at, "DeleteBucket", &json!({ "Bucket": name })).await?;
            Ok(String::new())
        }
        BucketCommand::List { at } => list(at).await,
        BucketCommand::Policy { at, name, set } => policy(at, name, set.as_deref()).await,
        BucketCommand::Encryption {
            at,
            name,
            algorithm,
            key,
            bucket_key,
        } => {
            let Some(algorithm) = algorithm else {
                let found =
                    signed::own(at, "GetBucketEncryption", &json!({ "Bucket": name })).await?;
                return Ok(serde_json::to_string_pretty(&found)? + "\n");
            };
            let input = json!({
                "Bucket": name, "SSEAlgorithm": algorithm, "KMSMasterKeyID": key,
                "BucketKeyEnabled": bucket_key,
            });
            signed::own(at, "PutBucketEncryption", &input).await?;
            Ok(String::new())
        }
    }
}

/// A line for each bucket: its name, region and time of creation.
async fn list(at: &RegionalArgs) -> anyhow::Result<String> {
    let (mut lines, mut token) = (String::new(), Value::Null);
    loop {
        let mut page =
            signed::own(at, "ListBuckets", &json!({ "ContinuationToken": token })).await?;
        for bucket in client::list(&page, "Buckets") {
            let parts = ["Name", "BucketRegion", "CreationDate"].map(|name| text(bucket, name));
            lines.push_str(&parts.join("\t"));
            lines.push('\n');
        }
        token = page
            .get_mut("ContinuationToken")
            .map_or(Value::Null, Value::take);
        if token.is_null() {
            return Ok(lines);
        }
    }
}

/// Prints the policy, or sets it to what the file says, `-` being standard input.
async fn policy(at: &RegionalArgs, name: &str, set: Option<&Path>) -> anyhow::Result<String> {
    let Some(file) = set else {
        let found = signed::own(at, "GetBucketPolicy", &json!({ "Bucket": name })).await?;
        return Ok(format!("{}\n", text(&found, "Policy")));
    };
    let mut document = String::new();
    if file == Path::new("-") {
        std::io::stdin()
            .read_to_string(&mut document)
            .context("reading standard input failed")?;
    } else {
        document = std::fs::read_to_string(file)
            .with_context(|| format!("reading {} failed", file.display()))?;
    }
    let input = json!({ "Bucket": name, "Policy": document });
    signed::own(at, "PutBucketPolicy", &input).await?;
    Ok(String::new())
}
