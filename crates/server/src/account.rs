//! `strongroom account`: creates and lists accounts through Organizations.

use std::io::Write as _;
use std::time::Duration;

use anyhow::{Context as _, bail};
use serde_json::{Value, json};

use crate::cli::{AccountCommand, ClientArgs};
use crate::signed::{self, Api, GLOBAL};

/// The service that both subcommands call.
const ORGANIZATIONS: Api<'static> = Api {
    service: "organizations",
    target: "AWSOrganizationsV20161128",
    region: GLOBAL,
};

/// How long a subcommand waits for the server.
const PATIENCE: Duration = Duration::from_mins(1);

/// Runs the subcommand.
pub fn run(command: &AccountCommand) -> anyhow::Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .context("starting the runtime failed")?;
    let text = runtime.block_on(async {
        let work = async {
            match command {
                AccountCommand::Create {
                    client,
                    name,
                    email,
                    role_name,
                } => create(client, name, email, role_name.as_deref()).await,
                AccountCommand::List { client } => list(client).await,
            }
        };
        let done = tokio::time::timeout(PATIENCE, work).await;
        done.context("the server did not answer in time")?
    })?;
    std::io::stdout()
        .write_all(text.as_bytes())
        .context("writing to standard output failed")
}

/// The id of the new account.
async fn create(
    client: &ClientArgs,
    name: &str,
    email: &str,
    role: Option<&str>,
) -> anyhow::Result<String> {
    let mut input = json!({ "AccountName": name, "Email": email });
    if let (Some(role), Some(input)) = (role, input.as_object_mut()) {
        input.insert("RoleName".to_owned(), role.into());
    }
    let answer = signed::call(client, ORGANIZATIONS, "CreateAccount", &input).await?;
    let status = answer.get("CreateAccountStatus").unwrap_or(&Value::Null);
    match part(status, "AccountId") {
        "" => bail!("no account was made: {}", part(status, "FailureReason")),
        account => Ok(format!("{account}\n")),
    }
}

/// A line for each account: its id, status, name and address.
async fn list(client: &ClientArgs) -> anyhow::Result<String> {
    let (mut text, mut token) = (String::new(), Value::Null);
    loop {
        let input = if token.is_null() {
            json!({})
        } else {
            json!({ "NextToken": token })
        };
        let mut page = signed::call(client, ORGANIZATIONS, "ListAccounts", &input).await?;
        let accounts = page.get("Accounts").and_then(Value::as_array);
        for account in accounts.into_iter().flatten() {
            let parts = ["Id", "Status", "Name", "Email"].map(|name| part(account, name));
            text.push_str(parts.join("\t").trim_end());
            text.push('\n');
        }
        token = page.get_mut("NextToken").map_or(Value::Null, Value::take);
        if token.is_null() {
            return Ok(text);
        }
    }
}

fn part<'a>(value: &'a Value, name: &str) -> &'a str {
    value.get(name).and_then(Value::as_str).unwrap_or_default()
}
