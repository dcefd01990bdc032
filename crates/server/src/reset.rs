//! `strongroom credentials reset`: a new access key for the administrator, with the seal.

use std::fmt::Write as _;

use anyhow::Context as _;
use iam::Reset;
use serde_json::json;
use store::{Batch, Store, View};
use types::{Entropy, Region, Timestamp};

use crate::bootstrap::{self, BootstrapError};
use crate::cli::DirectoryArgs;
use crate::offline::Offline;
use crate::{client, file};

/// The region whose history tells of what happens to users.
const REGION: &str = "us-east-1";

/// Gives the first account's administrator a new access key in the place of all others, and
/// writes it to `credentials` in the data directory.
pub fn run(args: &DirectoryArgs) -> anyhow::Result<()> {
    let offline = Offline::open(args)?;
    let now = offline.clock.now();
    let reset = client::runtime()?.block_on(commit(&offline.store, now, &*offline.entropy))?;
    offline.store.close();
    let path = offline.directory.credentials();
    let text = bootstrap::shared_credentials(reset.key.id.as_str(), &reset.key.secret);
    // The key counts from its commit on, and its secret is nowhere else: if the file cannot be
    // written, the next run makes another.
    file::write_durably(&path, text.as_bytes())
        .context("the new key is lost: run the command again")?;
    client::print(&describe(&reset, &path.display().to_string()))
}

async fn commit(store: &dyn Store, now: Timestamp, entropy: &dyn Entropy) -> anyhow::Result<Reset> {
    let mut batch = Batch::default();
    let view = View::recording(store.snapshot());
    let reset = iam::reset_administrator(&mut batch, &view, now, entropy)?;
    let reset = reset.ok_or(BootstrapError::Lost)?;
    let response = json!({
        "accountId": reset.account,
        "userName": "Administrator",
        "accessKeyId": reset.key.id,
        "deletedAccessKeyIds": reset.deleted,
        "userCreated": reset.made_user,
        "policyAttached": reset.attached_policy,
    });
    let region: Region = REGION.parse()?;
    let about = (reset.account, "ResetCredentials");
    let record = bootstrap::internal_record(about, response, &region, now, entropy);
    audit::append(&mut batch, Some(reset.account), &region, now, &record)?;
    store.commit(batch).await?;
    Ok(reset)
}

fn describe(reset: &Reset, path: &str) -> String {
    let account = reset.account;
    let mut text = String::new();
    if reset.made_user {
        let _infallible = writeln!(text, "the user Administrator was gone and is made again");
    }
    if reset.attached_policy {
        text.push_str("the policy AdministratorAccess was not attached and is\n");
    }
    for id in &reset.deleted {
        let _infallible = writeln!(text, "deleted: {id}");
    }
    let _infallible = writeln!(
        text,
        "the access key of Administrator in account {account} is in {path}"
    );
    text
}
