//! Inline policies of users, groups and roles.

use pipeline::{Cut, Page};
use policy::non_whitespace_len;
use store::{Batch, View};

use crate::error::Dependent;
use crate::records::{Entity, EntityKind, InlinePolicyRecord};
use crate::{Error, documents, quota, tables};

/// Puts the inline policy `name` of `record`, or replaces the one of that name.
///
/// Fails with `MalformedPolicyDocument`, and with `LimitExceeded` if the inline policies
/// together would have more characters that are not white space than the quota.
pub(crate) fn put<E: Entity>(
    view: &View,
    record: &E,
    name: String,
    document: &str,
) -> Result<Batch, Error> {
    let policy = documents::read(document)?;
    let others: usize = all(view, record)
        .iter()
        .filter(|other| other.name != name)
        .map(|other| non_whitespace_len(other.policy.text()))
        .sum();
    let limit = quota::inline_size(E::KIND);
    if others.saturating_add(non_whitespace_len(policy.text())) > limit {
        return Err(Error::InlineTooLarge {
            kind: E::KIND,
            name: record.name().to_owned(),
            limit,
        });
    }
    let row = tables::inline(record.account(), record.id(), &name);
    let mut batch = Batch::default();
    batch.put(&tables::INLINE, row, InlinePolicyRecord { name, policy });
    Ok(batch)
}

/// The inline policies of `record`, by name.
pub(crate) fn all<'a, E: Entity>(view: &'a View, record: &E) -> Vec<&'a InlinePolicyRecord> {
    let prefix = tables::inline_of(record.account(), record.id());
    let rows = view.scan(&tables::INLINE, &prefix, None);
    rows.map(|(_, row)| row.record).collect()
}

/// The inline policy `name` of `record`.
///
/// Fails with `NoSuchEntity` if there is none.
pub(crate) fn find<'a, E: Entity>(
    view: &'a View,
    record: &E,
    name: &str,
) -> Result<&'a InlinePolicyRecord, Error> {
    let row = tables::inline(record.account(), record.id(), name);
    let found = view.get(&tables::INLINE, &row).map(|row| row.record);
    found.ok_or_else(|| missing(E::KIND, name))
}

/// Deletes the inline policy `name` of `record`.
///
/// Fails with `NoSuchEntity` if there is none.
pub(crate) fn delete<E: Entity>(view: &View, record: &E, name: &str) -> Result<Batch, Error> {
    find(view, record, name)?;
    let mut batch = Batch::default();
    let row = tables::inline(record.account(), record.id(), name);
    batch.delete(&tables::INLINE, row);
    Ok(batch)
}

/// A page of the names of `record`'s inline policies.
///
/// Fails with `ValidationError` for a marker that another listing made.
pub(crate) fn names<E: Entity>(
    view: &View,
    record: &E,
    operation: &str,
    (marker, max_items): (Option<&str>, Option<i32>),
) -> Result<Cut<String>, Error> {
    let page = Page::new(&[operation, record.id().as_str()], marker, max_items)?;
    let names = all(view, record)
        .into_iter()
        .map(|policy| policy.name.clone());
    Ok(page.cut(names.map(|name| (name.clone(), name))))
}

/// Fails with `DeleteConflict` while `record` has inline policies or attached policies.
pub(crate) fn without_policies<E: Entity>(view: &View, record: &E) -> Result<(), Error> {
    if !all(view, record).is_empty() {
        return Err(Error::InUse(Dependent::InlinePolicies));
    }
    if !record.attached().is_empty() {
        return Err(Error::InUse(Dependent::AttachedPolicies));
    }
    Ok(())
}

fn missing(kind: EntityKind, name: &str) -> Error {
    Error::NoSuchInlinePolicy {
        kind,
        name: name.to_owned(),
    }
}
