//! `strongroom credentials reset`: a new access key for the administrator or the root user, with
//! the seal.

use std::fmt::Write as _;

use anyhow::Context as _;
use iam::Reset;
use serde_json::json;
use store::{Batch, Store, View};
use types::{Entropy, Region, Timestamp};

use crate::bootstrap::{self, BootstrapError};
use crate::cli::ResetArgs;
use crate::offline::Offline;
use crate::{client, file};

/// The users that get in again.
#[derive(Debug, Clone, Copy)]
enum Who {
    Administrator,
    Root,
}

impl Who {
    fn name(self) -> &'static str {
        match self {
            Self::Administrator => "Administrator",
            Self::Root => "root",
        }
    }
}

/// Gives the first account's administrator, or its root user, a new access key in the place of
/// all others, and writes it to `credentials` in the data directory.
pub fn run(args: &ResetArgs) -> anyhow::Result<()> {
    let who = if args.root {
        Who::Root
    } else {
        Who::Administrator
    };
    let offline = Offline::open(&args.directory)?;
    let now = offline.clock.now();
    let done = commit(&offline.store, who, now, &*offline.entropy);
    let reset = client::runtime()?.block_on(done)?;
    offline.store.close();
    let path = offline.directory.credentials();
    let text = bootstrap::shared_credentials(reset.key.id.as_str(), &reset.key.secret);
    // The key counts from its commit on, and its secret is nowhere else: if the file cannot be
    // written, the next run makes another.
    file::write_durably(&path, text.as_bytes())
        .context("the new key is lost: run the command again")?;
    client::print(&describe(who, &reset, &path.display().to_string()))
}

async fn commit(
    store: &dyn Store,
    who: Who,
    now: Timestamp,
    entropy: &dyn Entropy,
) -> anyhow::Result<Reset> {
    let mut batch = Batch::default();
    let view = View::recording(store.snapshot());
    let reset = match who {
        Who::Administrator => iam::reset_administrator(&mut batch, &view, now, entropy)?,
        Who::Root => iam::reset_root(&mut batch, &view, now, entropy),
    };
    let reset = reset.ok_or(BootstrapError::Lost)?;
    let response = json!({
        "accountId": reset.account,
        "userName": who.name(),
        "accessKeyId": reset.key.id,
        "deletedAccessKeyIds": reset.deleted,
        "userCreated": reset.made_user,
        "policyAttached": reset.attached_policy,
    });
    // Its history tells of what happens to users.
    let region = Region::global();
    let about = (reset.account, "ResetCredentials");
    let record = bootstrap::internal_record(about, response, &region, now, entropy);
    audit::append(&mut batch, Some(reset.account), &region, now, &record)?;
    store.commit(batch).await?;
    Ok(reset)
}

fn describe(who: Who, reset: &Reset, path: &str) -> String {
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
        "the access key of {} in account {account} is in {path}",
        who.name()
    );
    text
}
