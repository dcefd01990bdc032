//! Searching feature groups and features: properties, expressions over them, and order.

mod expression;
mod page;
mod property;
mod visibility;
mod work;

pub(crate) use expression::{Expression, check_across, check_size};
pub(crate) use page::Page;
pub(crate) use property::{Property, names};
pub(crate) use visibility::Visibility;
pub(crate) use work::{Spent, Work};

use std::borrow::Cow;
use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use shapes::sagemaker::OfflineStoreStatusValue;
use types::Timestamp;

use crate::records::{Definition, GroupRecord};
use crate::shape::Reasons;

/// What is searched for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// Feature groups.
    Groups,
    /// The features of feature groups.
    Features,
}

/// Something that may be found.
#[derive(Debug, Clone)]
pub(crate) enum Entity<'a> {
    /// A feature group.
    Group {
        /// The group.
        group: &'a GroupRecord,
        /// Whether it is the caller's account's. Tags of other accounts' groups are nobody else's
        /// business: to a search they have none.
        own: bool,
        /// What the caller may know of why something has failed.
        reasons: Reasons,
        /// The status of its offline store, if the search asks for that.
        offline: Option<OfflineStoreStatusValue>,
    },
    /// A feature, and the group that it belongs to.
    Feature(&'a GroupRecord, &'a Definition),
}

impl<'a> Entity<'a> {
    /// The group itself, or that of the feature.
    pub(crate) fn group(&self) -> &'a GroupRecord {
        match self {
            Self::Group { group, .. } | Self::Feature(group, _) => group,
        }
    }

    /// The tags of the group itself, as far as they are the caller's to see. A feature has none.
    pub(crate) fn tags(&self) -> Option<&'a BTreeMap<String, String>> {
        match self {
            Self::Group {
                group, own: true, ..
            } => Some(&group.tags),
            Self::Group { own: false, .. } | Self::Feature(..) => None,
        }
    }
}

/// One value of a property.
///
/// Ordered within a kind; absent values come before all others.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub(crate) enum Value<'a> {
    /// A number.
    Number(i64),
    /// A point in time.
    Time(Timestamp),
    /// A text.
    Text(Cow<'a, str>),
}

/// Where something found stands in the order: what is sorted by, then its name.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub(crate) struct Place<'a> {
    by: Option<Value<'a>>,
    group: Cow<'a, str>,
    /// Groups of several accounts may have one name.
    arn: Cow<'a, str>,
    feature: Option<Cow<'a, str>>,
}

impl<'a> Place<'a> {
    /// The place of `entity` if it is sorted by `property`.
    pub(crate) fn of(entity: &Entity<'a>, property: &Property) -> Self {
        let mut by = None;
        property.any(entity, &mut |value| {
            by = Some(value);
            true
        });
        Self {
            by,
            group: Cow::Borrowed(&entity.group().name),
            arn: Cow::Borrowed(entity.group().arn.as_str()),
            feature: match entity {
                Entity::Group { .. } => None,
                Entity::Feature(_, feature) => Some(Cow::Borrowed(&feature.name)),
            },
        }
    }
}
