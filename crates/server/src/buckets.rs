//! `strongroom bucket`: sets up the buckets that offline stores are in.

use std::io::{Read as _, Write as _};
use std::path::Path;
use std::time::Duration;

use anyhow::Context as _;
use serde_json::{Value, json};

use crate::cli::{BucketCommand, RegionalArgs};
use crate::signed;

/// How long a subcommand waits for the server.
const PATIENCE: Duration = Duration::from_mins(1);

/// Runs the subcommand.
pub fn run(command: &BucketCommand) -> anyhow::Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .context("starting the runtime failed")?;
    let text = runtime.block_on(async {
        let done = tokio::time::timeout(PATIENCE, answer(command)).await;
        done.context("the server did not answer in time")?
    })?;
    std::io::stdout()
        .write_all(text.as_bytes())
        .context("writing to standard output failed")
}

async fn answer(command: &BucketCommand) -> anyhow::Result<String> {
    match command {
        BucketCommand::Create { at, name } => {
            let made = signed::own(at, "CreateBucket", &json!({ "Bucket": name })).await?;
            Ok(format!("{}\n", part(&made, "BucketArn")))
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
    let (mut text, mut token) = (String::new(), Value::Null);
    loop {
        let mut page =
            signed::own(at, "ListBuckets", &json!({ "ContinuationToken": token })).await?;
        let buckets = page.get("Buckets").and_then(Value::as_array);
        for bucket in buckets.into_iter().flatten() {
            let parts = ["Name", "BucketRegion", "CreationDate"].map(|name| part(bucket, name));
            text.push_str(&parts.join("\t"));
            text.push('\n');
        }
        token = page
            .get_mut("ContinuationToken")
            .map_or(Value::Null, Value::take);
        if token.is_null() {
            return Ok(text);
        }
    }
}

/// Prints the policy, or sets it to what the file says, `-` being standard input.
async fn policy(at: &RegionalArgs, name: &str, set: Option<&Path>) -> anyhow::Result<String> {
    let Some(file) = set else {
        let found = signed::own(at, "GetBucketPolicy", &json!({ "Bucket": name })).await?;
        return Ok(format!("{}\n", part(&found, "Policy")));
    };
    let mut text = String::new();
    if file == Path::new("-") {
        std::io::stdin()
            .read_to_string(&mut text)
            .context("reading standard input failed")?;
    } else {
        text = std::fs::read_to_string(file)
            .with_context(|| format!("reading {} failed", file.display()))?;
    }
    let input = json!({ "Bucket": name, "Policy": text });
    signed::own(at, "PutBucketPolicy", &input).await?;
    Ok(String::new())
}

fn part<'a>(value: &'a Value, name: &str) -> &'a str {
    value.get(name).and_then(Value::as_str).unwrap_or_default()
}
