//! Calls a running server with the AWS SDK for Rust, as a program of a user would, and says `ok` if
//! every answer is what AWS documents.
//!
//! Takes `AWS_ENDPOINT_URL`, `AWS_ACCESS_KEY_ID` and `AWS_SECRET_ACCESS_KEY` from the environment, and
//! in `FEATURE_GROUP` the name of a group with the features `id` and `time`.

mod kms;
mod records;

use std::env;

use anyhow::{Context as _, Result};
use aws_sdk_kms::config::{Credentials, Region, SharedCredentialsProvider, SharedHttpClient};

/// How both services are reached.
struct Access {
    endpoint: String,
    region: Region,
    credentials: SharedCredentialsProvider,
    http: SharedHttpClient,
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<()> {
    let access = access()?;
    kms::run(&access).await.context("KMS")?;
    records::run(&access, &variable("FEATURE_GROUP")?)
        .await
        .context("records")?;
    println!("ok");
    Ok(())
}

fn access() -> Result<Access> {
    let credentials = Credentials::new(
        variable("AWS_ACCESS_KEY_ID")?,
        variable("AWS_SECRET_ACCESS_KEY")?,
        None,
        None,
        "environment",
    );
    Ok(Access {
        endpoint: variable("AWS_ENDPOINT_URL")?,
        region: Region::new("us-east-1"),
        credentials: SharedCredentialsProvider::new(credentials),
        http: aws_smithy_http_client::Builder::new().build_http(),
    })
}

fn variable(name: &str) -> Result<String> {
    env::var(name).with_context(|| format!("{name} is not set"))
}
