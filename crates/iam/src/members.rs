//! Who is in which group.
//!
//! A user's record names its groups, so that a request finds their policies; the table of
//! members repeats that the other way round, for listings.

use std::sync::Arc;

use store::{Batch, View};

use crate::records::{GroupRecord, MemberRecord, UserRecord};
use crate::{Error, lookup, quota, tables};

/// Makes `user` a member of `group`; if it is one, changes nothing.
///
/// Fails with `LimitExceeded` beyond ten groups.
pub(crate) fn join(group: &GroupRecord, user: &UserRecord) -> Result<Batch, Error> {
    let mut batch = Batch::default();
    if user.groups.contains(&group.id) {
        return Ok(batch);
    }
    quota::room(user.groups.len(), "GroupsPerUser", quota::GROUPS_OF_USER)?;
    let member = MemberRecord {
        user: user.id.clone(),
    };
    let row = tables::member(group.account, &group.id, &user.id);
    batch.put(&tables::MEMBERS, row, member);
    let mut user = user.clone();
    user.groups.push(group.id.clone());
    lookup::put(&mut batch, user);
    Ok(batch)
}

/// Ends the membership of `user` in `group`.
///
/// Fails with `NoSuchEntity` if there is none.
pub(crate) fn leave(group: &GroupRecord, user: &UserRecord) -> Result<Batch, Error> {
    if !user.groups.contains(&group.id) {
        return Err(Error::NotMember {
            user: user.name.clone(),
            group: group.name.clone(),
        });
    }
    let mut batch = Batch::default();
    let row = tables::member(group.account, &group.id, &user.id);
    batch.delete(&tables::MEMBERS, row);
    let mut user = user.clone();
    user.groups.retain(|id| *id != group.id);
    lookup::put(&mut batch, user);
    Ok(batch)
}

/// The members of `group`, in no particular order.
pub(crate) fn of_group(view: &View, group: &GroupRecord) -> Vec<Arc<UserRecord>> {
    let prefix = tables::members_of(group.account, &group.id);
    let members = view.scan(&tables::MEMBERS, &prefix, None);
    members
        .filter_map(|(_, row)| lookup::with_id(view, &row.record.user))
        .collect()
}

/// The groups of `user`, in the order of joining.
pub(crate) fn of_user(view: &View, user: &UserRecord) -> Vec<Arc<GroupRecord>> {
    let groups = user.groups.iter();
    groups.filter_map(|id| lookup::with_id(view, id)).collect()
}
