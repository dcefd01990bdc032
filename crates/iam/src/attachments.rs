//! Managed policies of users, groups and roles: attaching, detaching, listing, bounding.

use pipeline::{Ctx, Cut, KeySet, Need, Page};
use policy::Action;
use shapes::iam::AttachedPolicy;
use store::{Batch, View};
use types::{AccountId, Arn};

use crate::lookup::{self, Named};
use crate::managed::{self, Managed};
use crate::records::{AttachmentRecord, Entity, EntityKind, Principal};
use crate::tables::{self, Use};
use crate::{Error, quota};

/// A managed policy, and whom it is to be attached to or detached from.
#[derive(Debug)]
pub(crate) struct Pair<E> {
    pub(crate) named: Named<E>,
    pub(crate) arn: Arn,
}

impl<E: Entity> Pair<E> {
    /// Looks both up. Fails with `ValidationError` if the ARN is none.
    pub(crate) fn of(ctx: &Ctx, name: &str, arn: &str) -> Result<Self, Error> {
        let arn = managed::read_arn(arn)?;
        let named = Named::of(ctx, name)?;
        Ok(Self { named, arn })
    }

    /// The need of attaching or detaching.
    pub(crate) fn need(&self, action: &'static Action) -> Need {
        let keys = KeySet::default()
            .one("iam:policyarn", self.arn.as_str())
            .maybe("iam:permissionsboundary", self.named.boundary());
        self.named.need(action).with(keys)
    }

    /// Attaches the policy. Attaching it again changes nothing.
    ///
    /// Fails with `NoSuchEntity` if there is no such user, group, role or policy, and with
    /// `LimitExceeded` beyond ten policies.
    pub(crate) fn attach(self, view: &View) -> Result<Batch, Error> {
        let record = self.named.changeable()?;
        attachable(view, record.account(), &self.arn)?;
        let mut batch = Batch::default();
        if record.attached().contains(&self.arn) {
            return Ok(batch);
        }
        let attached = record.attached().len();
        quota::room(attached, policies_of(E::KIND), quota::ATTACHED_POLICIES)?;
        put_use(&mut batch, &**record, &self.arn, Use::Permissions);
        let mut record = E::clone(record);
        record.attached_mut().push(self.arn);
        lookup::put(&mut batch, record);
        Ok(batch)
    }

    /// Detaches the policy.
    ///
    /// Fails with `NoSuchEntity` if there is no such user, group or role, or if the policy is
    /// not attached.
    pub(crate) fn detach(&self) -> Result<Batch, Error> {
        let record = self.named.changeable()?;
        if !record.attached().contains(&self.arn) {
            return Err(Error::NotAttached {
                arn: self.arn.to_string(),
            });
        }
        let mut batch = Batch::default();
        delete_use(&mut batch, &**record, &self.arn, Use::Permissions);
        let mut record = E::clone(record);
        record
            .attached_mut()
            .retain(|attached| *attached != self.arn);
        lookup::put(&mut batch, record);
        Ok(batch)
    }
}

/// Whether principals of `account` can have the policy at `arn`.
///
/// Fails with `NoSuchEntity` if there is none.
pub(crate) fn attachable(view: &View, account: AccountId, arn: &Arn) -> Result<(), Error> {
    match Managed::find(view, account, arn) {
        Some(_) => Ok(()),
        None => Err(Error::NotAttachable {
            what: arn.to_string(),
        }),
    }
}

/// Whether the policy at `arn` can bound principals of `account`.
///
/// Fails with `NoSuchEntity` if there is none.
pub(crate) fn can_bound(view: &View, account: AccountId, arn: &Arn) -> Result<(), Error> {
    match Managed::find(view, account, arn) {
        Some(_) => Ok(()),
        None => Err(Error::NoSuchBoundary {
            arn: arn.to_string(),
        }),
    }
}

/// Bounds a user or role by `boundary`, or by nothing any more.
pub(crate) fn bound<E: Principal>(record: &E, boundary: Option<Arn>) -> Batch {
    let mut batch = Batch::default();
    if record.boundary() == boundary.as_ref() {
        return batch;
    }
    if let Some(old) = record.boundary() {
        delete_use(&mut batch, record, old, Use::Boundary);
    }
    let mut record = record.clone();
    if let Some(new) = &boundary {
        put_use(&mut batch, &record, new, Use::Boundary);
    }
    *record.boundary_mut() = boundary;
    lookup::put(&mut batch, record);
    batch
}

/// Marks that `record` uses the policy at `arn`.
pub(crate) fn put_use<E: Entity>(batch: &mut Batch, record: &E, arn: &Arn, usage: Use) {
    let row = tables::attachment(record.account(), arn, usage, record.id());
    let mark = AttachmentRecord {
        kind: E::KIND,
        id: record.id().clone(),
    };
    batch.put(&tables::ATTACHMENTS, row, mark);
}

fn delete_use<E: Entity>(batch: &mut Batch, record: &E, arn: &Arn, usage: Use) {
    let row = tables::attachment(record.account(), arn, usage, record.id());
    batch.delete(&tables::ATTACHMENTS, row);
}

/// A page of the managed policies of `record`, by name: all, or those below a path.
///
/// Fails with `ValidationError` for a marker that another listing made.
pub(crate) fn list<E: Entity>(
    view: &View,
    record: &E,
    (operation, path): (&str, Option<&str>),
    (marker, max_items): (Option<&str>, Option<i32>),
) -> Result<Cut<AttachedPolicy>, Error> {
    let path = path.unwrap_or("/");
    let listing = [operation, record.id().as_str(), path];
    let page = Page::new(&listing, marker, max_items)?;
    let mut policies: Vec<(String, AttachedPolicy)> = of(view, record)
        .filter(|policy| policy.path().starts_with(path))
        .map(|policy| (place(&policy), shape(&policy)))
        .collect();
    policies.sort_by(|(one, _), (other, _)| one.cmp(other));
    Ok(page.cut(policies))
}

/// The managed policies of `record`, in the order of attachment.
pub(crate) fn of<'a, E: Entity>(
    view: &'a View,
    record: &'a E,
) -> impl Iterator<Item = Managed> + 'a {
    let attached = record.attached().iter();
    attached.filter_map(|arn| Managed::find(view, record.account(), arn))
}

/// A managed policy in a listing of what is attached.
pub(crate) fn shape(policy: &Managed) -> AttachedPolicy {
    AttachedPolicy {
        policy_name: Some(policy.name().to_owned()),
        policy_arn: Some(policy.arn()),
    }
}

/// By name; AWS may have a policy of the name of one of the account's.
fn place(policy: &Managed) -> String {
    let owner = match policy {
        Managed::Aws(_) => "aws",
        Managed::Customer(_) => "local",
    };
    format!("{}/{owner}", policy.name().to_lowercase())
}

/// AWS's name of the quota.
fn policies_of(kind: EntityKind) -> &'static str {
    match kind {
        EntityKind::User => "PoliciesPerUser",
        EntityKind::Group => "PoliciesPerGroup",
        EntityKind::Role => "PoliciesPerRole",
    }
}
