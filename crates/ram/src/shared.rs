//! What follows from shares: one resource policy for each resource that is shared.
//!
//! It is derived, never edited: every change of a share derives the policies of its resources
//! anew, and writes those that differ, in the same commit. A statement allows the actions of a permission to those who take
//! part in a share. Whoever takes part because of an organization does so only while both its
//! account and the resource's are in that organization: this is a condition of the statement, so
//! that leaving counts on the next request and needs no further change.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use pipeline::Ctx;
use pipeline::sources::Principals;
use policy::Document;
use serde_json::{Value, json};
use store::{Batch, Revision, Snapshot, View};
use types::{AccountId, Arn, Region, Timestamp, UniqueId};

use crate::Error;
use crate::members::Member;
use crate::permissions::{Permission, ResourceType};
use crate::records::{
    POLICIES, PolicyRecord, SHARES, SharePrincipal, ShareRecord, SharedPolicy, Standing,
    policy_row, shares_of,
};
use crate::turns::Turns;

/// The policy that shares give the resource at `arn`, as `view` shows it; `None` if it is not
/// shared with anybody.
///
/// It never allows anything to the account that owns the resource.
pub fn policy_of(view: &View, arn: &Arn) -> Option<Arc<Document>> {
    let row = view.get(&POLICIES, &policy_row(arn))?;
    Some(Arc::clone(row.record.policy.document()))
}

/// The last change of any policy that shares give a resource: as long as it stays the same, so does
/// what [`policy_of`] finds.
pub fn policies_changed(snapshot: &Snapshot) -> Revision {
    snapshot.table_changed(&POLICIES)
}

/// The ARNs of the resources in `region` whose resource part begins with `kind/` and that others
/// share with somebody in `account`, in the order of their ARNs.
///
/// Whether a certain caller is among those is decided by [`policy_of`], for each as for any need:
/// Search asks so which catalogs its caller may look into. Shares in which nobody in `account` takes
/// part are not looked at.
pub async fn shared_with(
    view: &View,
    (account, region): (AccountId, &Region),
    service: &str,
    kind: &str,
) -> BTreeSet<Arn> {
    let (mut found, mut turns) = (BTreeSet::new(), Turns::default());
    for share in Member::of(view, account).shares(region).await {
        turns.look(1).await;
        // What is shared is its owner's, so what is of one kind stands together.
        let first = Arn::new(
            service,
            Some(region),
            Some(share.owner),
            &format!("{kind}/"),
        );
        let behind = share.resources.range(first..).map(|(arn, _)| arn);
        let of_kind =
            behind.take_while(|arn| arn.service() == service && arn.resource_of(kind).is_some());
        found.extend(of_kind.cloned());
    }
    found
}

/// Adds to `batch` that the resource at `arn` is gone: no share has it any more, so that another
/// one that gets its ARN is shared with nobody.
pub fn forget(batch: &mut Batch, view: &View, arn: &Arn, now: Timestamp) {
    let row = policy_row(arn);
    if view.get(&POLICIES, &row).is_some() {
        batch.delete(&POLICIES, row);
    }
    let owned = store::Key::of(&[arn.account_text(), arn.region()]);
    for (key, row) in view.scan(&SHARES, &owned, None) {
        if row.record.resources.contains_key(arn) {
            let mut share = row.record.clone();
            share.resources.remove(arn);
            share.updated = now;
            batch.put(&SHARES, key.clone(), share);
        }
    }
}

/// What a call does to a share.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Change<'a> {
    /// It is to be like this.
    Put(&'a ShareRecord),
    /// It is to be gone.
    Delete(&'a ShareRecord),
}

/// Bytes of policies that a change may write anew. They stay in the history, too.
const MOST_WRITTEN: usize = 12 << 20;

/// Bytes of the policies of all resources of a share, after a change that makes policies longer: so
/// that what was given, in however many steps, can be taken away in one.
const MOST_OF_A_SHARE: usize = MOST_WRITTEN / 2;

/// Adds to `batch` what `change` makes of the policies of `resources`: nothing where they stay as
/// they are.
///
/// Fails with `ResourceShareLimitExceededException` if a policy would be longer than one can be, if
/// those of a share that get longer would be together, or if all that are to be written are longer
/// than a commit should be.
pub(crate) fn write_policies<'a>(
    batch: &mut Batch,
    ctx: &Ctx,
    change: Change<'_>,
    resources: impl IntoIterator<Item = &'a Arn>,
) -> Result<(), Error> {
    let view = ctx.view();
    let Principals(directory) = ctx.part()?;
    let is_there = |arn: &Arn, id: &UniqueId| directory.unique_id(view, arn).as_ref() == Some(id);
    let (of, now) = match change {
        Change::Put(share) => (share, Some(share)),
        Change::Delete(share) => (share, None),
    };
    let prefix = shares_of(of.owner, &of.region);
    let others: Vec<&ShareRecord> = view
        .scan(&SHARES, &prefix, None)
        .map(|(_, row)| row.record)
        .filter(|share| share.id != of.id)
        .collect();
    let shares = || others.iter().copied().chain(now);
    let mut sizes = Sizes::default();
    for resource in resources {
        let having = shares().filter(|share| share.resources.contains_key(resource));
        let row = policy_row(resource);
        let known = view.get(&POLICIES, &row);
        let known = known.as_ref().map(|row| &row.record.policy);
        let before = known.map_or(0, SharedPolicy::size);
        let Some(derived) = Derived::of(of.owner, resource, having, &is_there)? else {
            if known.is_some() {
                batch.delete(&POLICIES, row);
            }
            sizes.change(resource, before, 0);
            continue;
        };
        if known.is_some_and(|known| known.is(&derived.text, &derived.bound)) {
            continue;
        }
        let policy = derived.compiled()?;
        sizes.change(resource, before, policy.size());
        sizes.within(MOST_WRITTEN)?;
        let resource = resource.clone();
        batch.put(&POLICIES, row, PolicyRecord { resource, policy });
    }
    sizes.of_shares_within(MOST_OF_A_SHARE, view.snapshot(), shares())
}

/// How long policies are that a change writes anew.
#[derive(Default)]
struct Sizes<'a> {
    /// Afterwards; none where there is no policy any more.
    after: BTreeMap<&'a Arn, usize>,
    /// Those that got longer.
    longer: BTreeSet<&'a Arn>,
    /// How long all are together.
    written: usize,
    /// By how much all got longer, and by how much shorter.
    more: usize,
    less: usize,
}

impl<'a> Sizes<'a> {
    fn change(&mut self, resource: &'a Arn, before: usize, after: usize) {
        self.after.insert(resource, after);
        if after > before {
            self.longer.insert(resource);
        }
        self.written += after;
        self.more += after.saturating_sub(before);
        self.less += before.saturating_sub(after);
    }

    /// Fails if all together are longer than `limit`.
    fn within(&self, limit: usize) -> Result<(), Error> {
        if self.written > limit {
            let what = "the bytes of all policies that the change writes";
            return Err(Error::ShareLimit { what, limit });
        }
        Ok(())
    }

    /// Fails if policies got longer, and those of all resources of one of `shares` that has such a
    /// resource are longer than `limit`.
    ///
    /// INVARIANT: policies of an account's resources change with its shares only, all of which the
    /// change has read: so do those that are looked up here, without their being read one by one.
    fn of_shares_within<'s>(
        &self,
        limit: usize,
        snapshot: &Snapshot,
        shares: impl Iterator<Item = &'s ShareRecord>,
    ) -> Result<(), Error> {
        if self.more <= self.less {
            return Ok(());
        }
        let mut unchanged: BTreeMap<&Arn, usize> = BTreeMap::new();
        let has_longer = |share: &&ShareRecord| {
            let mut resources = share.resources.keys();
            resources.any(|resource| self.longer.contains(resource))
        };
        for share in shares.filter(has_longer) {
            let mut whole = 0;
            for resource in share.resources.keys() {
                let changed = self.after.get(resource).copied();
                whole += changed.unwrap_or_else(|| {
                    *unchanged.entry(resource).or_insert_with(|| {
                        let row = snapshot.get(&POLICIES, &policy_row(resource));
                        row.map_or(0, |row| row.record.policy.size())
                    })
                });
            }
            if whole > limit {
                let what = "the bytes of the policies of all resources of a share";
                return Err(Error::ShareLimit { what, limit });
            }
        }
        Ok(())
    }
}

/// The policy of a resource that follows from shares, not compiled yet.
struct Derived {
    text: String,
    /// The ids of those whom it names.
    bound: BTreeMap<Arn, UniqueId>,
}

impl Derived {
    /// The policy that `shares` give to a resource of `owner`; `None` if nobody takes part. Of users
    /// and roles only those do of whom it says that they are there.
    fn of<'a>(
        owner: AccountId,
        resource: &Arn,
        shares: impl Iterator<Item = &'a ShareRecord>,
        is_there: &dyn Fn(&Arn, &UniqueId) -> bool,
    ) -> Result<Option<Self>, Error> {
        let Some(kind) = ResourceType::of(resource) else {
            return Ok(None);
        };
        let mut statements: Vec<Statement> = Vec::new();
        let mut bound = BTreeMap::new();
        for share in shares {
            let permission = share.permissions.get(kind.name);
            let Some(permission) = permission.and_then(|name| Permission::named(name)) else {
                continue;
            };
            for participant in &share.principals {
                let Standing::Joined { organization } = &participant.standing else {
                    continue;
                };
                let organization = organization.as_deref();
                let organization = organization.filter(|_| !share.outlasts_organization);
                if let SharePrincipal::Individual { arn, id, .. } = &participant.principal {
                    // One that was deleted gets nothing any more, and leaves nothing to a later one
                    // of its name: so every ARN in the policy stands for one id.
                    if !is_there(arn, id) {
                        continue;
                    }
                    bound.insert(arn.clone(), id.clone());
                }
                let (principal, condition) = who(owner, &participant.principal, organization);
                let mut alike = statements.iter_mut();
                let alike =
                    alike.find(|it| it.actions == permission.actions && it.condition == condition);
                match alike {
                    Some(statement) if statement.principals.contains(&principal) => {}
                    Some(statement) => statement.principals.push(principal),
                    None => statements.push(Statement {
                        actions: permission.actions,
                        principals: vec![principal],
                        condition,
                    }),
                }
            }
        }
        if statements.is_empty() {
            return Ok(None);
        }
        let statements = statements.iter().map(|it| it.json(resource));
        let statements: Vec<Value> = statements.collect();
        let text = json!({ "Version": "2012-10-17", "Statement": statements }).to_string();
        let limit = policy::DocumentKind::Resource.quota();
        if text.len() > limit {
            return Err(Error::ShareLimit {
                what: "the characters of the resource's policy",
                limit,
            });
        }
        Ok(Some(Self { text, bound }))
    }

    fn compiled(self) -> Result<SharedPolicy, Error> {
        SharedPolicy::compile(&self.text, self.bound)
            .map_err(|source| Error::internal("the policy of a shared resource is not one", source))
    }
}

/// A statement of a policy that is being put together.
struct Statement {
    actions: &'static [&'static str],
    /// Whom it allows them.
    principals: Vec<String>,
    condition: Option<Value>,
}

/// Everybody, as far as the condition of the statement lets them.
const EVERYBODY: &str = "*";

impl Statement {
    fn json(&self, resource: &Arn) -> Value {
        let principal = match self.principals.as_slice() {
            [only] if only == EVERYBODY => json!(EVERYBODY),
            several => json!({ "AWS": several }),
        };
        let mut statement = json!({
            "Effect": "Allow",
            "Principal": principal,
            "Action": self.actions,
            "Resource": resource,
        });
        if let (Some(statement), Some(condition)) = (statement.as_object_mut(), &self.condition) {
            statement.insert("Condition".to_owned(), condition.clone());
        }
        statement
    }
}

/// Whom a statement for `principal` allows something, and on which condition.
fn who(
    owner: AccountId,
    principal: &SharePrincipal,
    organization: Option<&str>,
) -> (String, Option<Value>) {
    // Both accounts belong to it still.
    let both = |id: &str| json!({ "aws:PrincipalOrgID": id, "aws:ResourceOrgID": id });
    let within = organization.map(|id| json!({ "StringEquals": both(id) }));
    let not_the_owner = json!({ "aws:PrincipalAccount": owner });
    match principal {
        SharePrincipal::Account(account) => (format!("arn:aws:iam::{account}:root"), within),
        SharePrincipal::Individual { arn, .. } => (arn.to_string(), within),
        SharePrincipal::Organization { id, .. } => (
            EVERYBODY.to_owned(),
            Some(json!({
                "StringEquals": both(id),
                "StringNotEquals": not_the_owner,
            })),
        ),
        SharePrincipal::Unit {
            organization, id, ..
        } => (
            EVERYBODY.to_owned(),
            Some(json!({
                "StringEquals": both(organization),
                "StringNotEquals": not_the_owner,
                "ForAnyValue:StringLike": {
                    "aws:PrincipalOrgPaths": format!("{organization}/*/{id}/*"),
                },
            })),
        ),
    }
}
