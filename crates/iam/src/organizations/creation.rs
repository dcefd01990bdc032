//! Making accounts, and closing them.

use pipeline::Ctx;
use store::{Batch, View};
use types::AccountId;

use super::error::{Conflict, Constraint, Error, Invalid, Missing};
use super::records::{CreationRecord, NodeKind, OrganizationRecord};
use super::{ids, quota, tables, tree};
use crate::managed::{ADMINISTRATOR_ACCESS, read_arn};
use crate::quota::make_room;
use crate::records::{AccountRecord, EntityKind, RoleRecord, TrustPolicy};
use crate::tables::{self as iam_tables, Use};
use crate::{attachments, lookup};

/// The role of new accounts if the caller does not say.
pub(crate) const ROLE: &str = "OrganizationAccountAccessRole";

/// Names that are kept for the roles of services.
const RESERVED: &str = "AWSServiceRoleFor";

/// Accounts that an organization may always close within thirty days.
const CLOSINGS: usize = 250;

/// Requests to create accounts that came to nothing and are remembered; those that did not are as
/// many as accounts.
const FAILURES: usize = 100;

/// Thirty days, in seconds.
const CLOSING_WINDOW: i64 = 30 * 24 * 60 * 60;

/// What a new account is to be like.
#[derive(Debug)]
pub(crate) struct Wanted<'a> {
    pub(crate) name: &'a str,
    pub(crate) email: &'a str,
    /// The name of its first role.
    pub(crate) role: &'a str,
    pub(crate) tags: Vec<(String, String)>,
}

/// Makes an account below the root with its first role, and says what became of it.
///
/// Nothing but the failed request is written if another account has the address, and the oldest of
/// a hundred such requests forgotten. Fails with
/// `ConstraintViolationException` if there are too many accounts, and with
/// `InvalidInputException` for a reserved role name.
pub(crate) fn create(
    ctx: &Ctx,
    organization: &OrganizationRecord,
    wanted: Wanted<'_>,
) -> Result<(CreationRecord, Batch), Error> {
    let (view, now) = (ctx.view(), ctx.time());
    if wanted.role.starts_with(RESERVED) {
        return Err(Invalid::RoleName.into());
    }
    quota::another_account(view)?;
    let mut batch = Batch::default();
    let account = if has_address(view, wanted.email) {
        None
    } else {
        Some(unused_account(ctx)?)
    };
    if let Some(id) = account {
        let record = AccountRecord {
            id,
            name: wanted.name.to_owned(),
            email: Some(wanted.email.to_owned()),
            created: now,
            management: false,
            closed: None,
            root_keys: Vec::new(),
        };
        batch.put(&iam_tables::ACCOUNTS, iam_tables::account(id), record);
        let above = Some(organization.root.clone());
        let mut node = tree::new_node(id.to_string(), NodeKind::Account, above, String::new());
        node.tags = wanted.tags;
        tree::put_below(&mut batch, node);
        put_role(ctx, &mut batch, organization.management, id, wanted.role)?;
    }
    let record = CreationRecord {
        id: ids::creation(ctx.entropy()),
        name: wanted.name.to_owned(),
        at: now,
        account,
    };
    if account.is_none() {
        let failed = |record: &CreationRecord| record.account.is_none();
        let creations = (&tables::CREATIONS, &tables::all());
        make_room(view, &mut batch, creations, FAILURES, failed);
    }
    batch.put(
        &tables::CREATIONS,
        tables::by_id(&record.id),
        record.clone(),
    );
    Ok((record, batch))
}

/// Whether an account has this address. Addresses are the same without regard to case.
fn has_address(view: &View, email: &str) -> bool {
    let everything = tables::all();
    let mut accounts = view.scan(&iam_tables::ACCOUNTS, &everything, None);
    accounts.any(|(_, row)| {
        let known = row.record.email.as_deref();
        known.is_some_and(|known| known.eq_ignore_ascii_case(email))
    })
}

/// An account id that nothing has; that becomes a precondition.
fn unused_account(ctx: &Ctx) -> Result<AccountId, Error> {
    loop {
        let id = ids::account(ctx.entropy()).ok_or(Error::Missing(Missing::Account))?;
        let row = iam_tables::account(id);
        if ctx.view().get(&iam_tables::ACCOUNTS, &row).is_none() {
            return Ok(id);
        }
    }
}

/// The role through which the management account's administrators get in: it trusts that
/// account, and may do everything.
fn put_role(
    ctx: &Ctx,
    batch: &mut Batch,
    management: AccountId,
    account: AccountId,
    name: &str,
) -> Result<(), Error> {
    let trust = serde_json::json!({
        "Version": "2012-10-17",
        "Statement": [{
            "Effect": "Allow",
            "Principal": { "AWS": format!("arn:aws:iam::{management}:root") },
            "Action": "sts:AssumeRole",
        }],
    });
    let policy = read_arn(ADMINISTRATOR_ACCESS)?;
    let id = lookup::unused_id(ctx.view(), ctx.entropy(), EntityKind::Role);
    let trust = TrustPolicy::accept(&trust.to_string(), ctx.view())?;
    let mut role = RoleRecord::new(account, (name.to_owned(), id), trust, ctx.time());
    role.attached.push(policy.clone());
    attachments::put_use(batch, &role, &policy, Use::Permissions);
    lookup::put_new(batch, role);
    Ok(())
}

/// Closes the account with this id.
///
/// Fails with `AccountNotFoundException`, with `AccountAlreadyClosedException`, and with
/// `ConstraintViolationException` for the management account or if too many were closed.
pub(crate) fn close(
    ctx: &Ctx,
    organization: &OrganizationRecord,
    id: &str,
) -> Result<Batch, Error> {
    let (view, now) = (ctx.view(), ctx.time());
    let id: AccountId = id.parse().map_err(|_no_account| Missing::Account)?;
    if id == organization.management {
        return Err(Constraint::CloseManagement.into());
    }
    let row = iam_tables::account(id);
    let account = view.get(&iam_tables::ACCOUNTS, &row);
    let mut account = account.ok_or(Missing::Account)?.record.clone();
    if account.closed.is_some() {
        return Err(Conflict::AccountClosed.into());
    }
    let everything = tables::all();
    let (mut all, mut closed) = (0, 0);
    for (_, row) in view.scan(&iam_tables::ACCOUNTS, &everything, None) {
        all += 1;
        let since = row.record.closed.map(|at| now.seconds() - at.seconds());
        closed += usize::from(since.is_some_and(|age| age < CLOSING_WINDOW));
    }
    if closed >= CLOSINGS.max(all / 5) {
        return Err(Constraint::CloseQuota.into());
    }
    account.closed = Some(now);
    let mut batch = Batch::default();
    batch.put(&iam_tables::ACCOUNTS, row, account);
    Ok(batch)
}
