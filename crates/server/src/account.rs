//! `strongroom account`: creates and lists accounts through Organizations.

use std::time::Duration;

use anyhow::bail;
use serde_json::{Value, json};
use types::Region;

use crate::cli::{AccountCommand, ClientArgs};
use crate::client::{self, print, text};
use crate::signed::{self, Api};

/// The service that both subcommands call.
const ORGANIZATIONS: Api<'static> = Api {
    service: "organizations",
    target: "AWSOrganizationsV20161128",
    region: Region::GLOBAL,
};

/// How long a subcommand waits for the server.
const PATIENCE: Duration = Duration::from_mins(1);

/// Runs the subcommand.
pub fn run(command: &AccountCommand) -> anyhow::Result<()> {
    let answer = client::answer(PATIENCE, async {
        match command {
            AccountCommand::Create {
                client,
                name,
                email,
                role_name,
            } => create(client, name, email, role_name.as_deref()).await,
            AccountCommand::List { client } => list(client).await,
        }
    })?;
    print(&answer)
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
    match text(status, "AccountId") {
        "" => bail!("no account was made: {}", text(status, "FailureReason")),
        account => Ok(format!("{account}\n")),
    }
}

/// A line for each account: its id, status, name and address.
async fn list(client: &ClientArgs) -> anyhow::Result<String> {
    let (mut lines, mut token) = (String::new(), Value::Null);
    loop {
        let input = if token.is_null() {
            json!({})
        } else {
            json!({ "NextToken": token })
        };
        let mut page = signed::call(client, ORGANIZATIONS, "ListAccounts", &input).await?;
        for account in client::list(&page, "Accounts") {
            let parts = ["Id", "Status", "Name", "Email"].map(|name| text(account, name));
            lines.push_str(parts.join("\t").trim_end());
            lines.push('\n');
        }
        token = page.get_mut("NextToken").map_or(Value::Null, Value::take);
        if token.is_null() {
            return Ok(lines);
        }
    }
}
