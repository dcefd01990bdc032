//! The properties of feature groups and features that can be searched, by their names.

use std::borrow::Cow;

use shapes::sagemaker::{self, LastUpdateStatusValue, OfflineStoreStatusValue};

use super::{Entity, Kind, Value};
use crate::collections::Collection;
use crate::features;
use crate::offline::OfflineStore;
use crate::records::{Definition, GroupRecord};
use crate::shape::{self, Reasons};

/// A property.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Property {
    /// One that has a name of its own.
    Fixed(Fixed),
    /// `Tags.<key>` of a group.
    Tag(String),
    /// `Parameters.<key>` of a feature.
    Parameter(String),
}

/// How the values of a property are compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Type {
    Text,
    Time,
    Number,
}

/// A property that has a name of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fixed {
    GroupArn,
    GroupName,
    Created,
    Modified,
    Description,
    // Of groups only.
    RecordIdentifier,
    EventTime,
    RoleArn,
    Status,
    LastUpdateStatus,
    FailureReason,
    OnlineEnabled,
    OnlineKey,
    StorageType,
    TtlUnit,
    TtlValue,
    OfflineUri,
    OfflineResolved,
    OfflineKey,
    OfflineTableOff,
    OfflineCatalog,
    OfflineDatabase,
    OfflineTable,
    OfflineFormat,
    /// Changes by itself, and is looked at only for a search that asks for it.
    OfflineStatus,
    /// Names and types of all features.
    Definitions,
    DefinedNames,
    DefinedTypes,
    DefinedCollections,
    /// Keys and values of all tags.
    AllTags,
    // Of features only.
    FeatureName,
    FeatureType,
    /// Keys and values of all parameters.
    AllParameters,
}

const OF_GROUPS: &[(&str, Fixed)] = &[
    ("AllTags", Fixed::AllTags),
    ("CreationTime", Fixed::Created),
    ("Description", Fixed::Description),
    ("EventTimeFeatureName", Fixed::EventTime),
    ("FailureReason", Fixed::FailureReason),
    ("FeatureDefinitions", Fixed::Definitions),
    (
        "FeatureDefinitions.CollectionType",
        Fixed::DefinedCollections,
    ),
    ("FeatureDefinitions.FeatureName", Fixed::DefinedNames),
    ("FeatureDefinitions.FeatureType", Fixed::DefinedTypes),
    ("FeatureGroupArn", Fixed::GroupArn),
    ("FeatureGroupName", Fixed::GroupName),
    ("FeatureGroupStatus", Fixed::Status),
    ("LastModifiedTime", Fixed::Modified),
    ("LastUpdateStatus", Fixed::LastUpdateStatus),
    ("LastUpdateStatus.Status", Fixed::LastUpdateStatus),
    ("OfflineStoreConfig", Fixed::OfflineUri),
    (
        "OfflineStoreConfig.DataCatalogConfig.Catalog",
        Fixed::OfflineCatalog,
    ),
    (
        "OfflineStoreConfig.DataCatalogConfig.Database",
        Fixed::OfflineDatabase,
    ),
    (
        "OfflineStoreConfig.DataCatalogConfig.TableName",
        Fixed::OfflineTable,
    ),
    (
        "OfflineStoreConfig.DisableGlueTableCreation",
        Fixed::OfflineTableOff,
    ),
    (
        "OfflineStoreConfig.S3StorageConfig.KmsKeyId",
        Fixed::OfflineKey,
    ),
    (
        "OfflineStoreConfig.S3StorageConfig.ResolvedOutputS3Uri",
        Fixed::OfflineResolved,
    ),
    (
        "OfflineStoreConfig.S3StorageConfig.S3Uri",
        Fixed::OfflineUri,
    ),
    ("OfflineStoreConfig.TableFormat", Fixed::OfflineFormat),
    ("OfflineStoreStatus", Fixed::OfflineStatus),
    ("OfflineStoreStatus.Status", Fixed::OfflineStatus),
    ("OnlineStoreConfig.EnableOnlineStore", Fixed::OnlineEnabled),
    (
        "OnlineStoreConfig.SecurityConfig.KmsKeyId",
        Fixed::OnlineKey,
    ),
    ("OnlineStoreConfig.StorageType", Fixed::StorageType),
    ("OnlineStoreConfig.TtlDuration.Unit", Fixed::TtlUnit),
    ("OnlineStoreConfig.TtlDuration.Value", Fixed::TtlValue),
    ("RecordIdentifierFeatureName", Fixed::RecordIdentifier),
    ("RoleArn", Fixed::RoleArn),
];

const OF_FEATURES: &[(&str, Fixed)] = &[
    ("AllParameters", Fixed::AllParameters),
    ("CreationTime", Fixed::Created),
    ("Description", Fixed::Description),
    ("FeatureGroupArn", Fixed::GroupArn),
    ("FeatureGroupName", Fixed::GroupName),
    ("FeatureName", Fixed::FeatureName),
    ("FeatureType", Fixed::FeatureType),
    ("LastModifiedTime", Fixed::Modified),
];

/// The properties of `kind` that have names of their own, in the order of these.
pub(crate) fn names(kind: Kind) -> impl Iterator<Item = &'static str> {
    table(kind).iter().map(|(name, _)| *name)
}

fn table(kind: Kind) -> &'static [(&'static str, Fixed)] {
    match kind {
        Kind::Groups => OF_GROUPS,
        Kind::Features => OF_FEATURES,
    }
}

impl Property {
    /// The property of `kind` called `name`; `None` if there is none.
    pub(crate) fn parse(kind: Kind, name: &str) -> Option<Self> {
        let found = table(kind).iter().find(|(known, _)| *known == name);
        if let Some((_, fixed)) = found {
            return Some(Self::Fixed(*fixed));
        }
        let key = |prefix| {
            name.strip_prefix(prefix)
                .filter(|key: &&str| !key.is_empty())
        };
        match kind {
            Kind::Groups => key("Tags.").map(|key| Self::Tag(key.to_owned())),
            Kind::Features => key("Parameters.").map(|key| Self::Parameter(key.to_owned())),
        }
    }

    /// How its values are compared.
    pub(crate) fn kind(&self) -> Type {
        match self {
            Self::Fixed(Fixed::Created | Fixed::Modified) => Type::Time,
            Self::Fixed(Fixed::TtlValue) => Type::Number,
            Self::Fixed(_) | Self::Tag(_) | Self::Parameter(_) => Type::Text,
        }
    }

    /// Whether others' groups can be searched by it: at AWS not by their tags, features, keys and
    /// places, nor by what has gone wrong.
    pub(crate) fn is_across_accounts(&self, kind: Kind) -> bool {
        let of_groups = matches!(
            self,
            Self::Fixed(
                Fixed::GroupName
                    | Fixed::Created
                    | Fixed::Modified
                    | Fixed::Description
                    | Fixed::RecordIdentifier
                    | Fixed::Status
                    | Fixed::OfflineStatus
            )
        );
        of_groups || kind == Kind::Features
    }

    /// Whether its value has to be looked up by deciding policies.
    pub(crate) fn is_offline_status(&self) -> bool {
        *self == Self::Fixed(Fixed::OfflineStatus)
    }

    /// Whether it may have several values.
    pub(crate) fn is_list(&self) -> bool {
        matches!(
            self,
            Self::Fixed(
                Fixed::Definitions
                    | Fixed::DefinedNames
                    | Fixed::DefinedTypes
                    | Fixed::DefinedCollections
                    | Fixed::AllTags
                    | Fixed::AllParameters
            )
        )
    }

    /// Whether `test` is true of one of the values that `entity` has.
    pub(crate) fn any<'a>(
        &self,
        entity: &Entity<'a>,
        test: &mut dyn FnMut(Value<'a>) -> bool,
    ) -> bool {
        match (self, entity) {
            (
                Self::Fixed(Fixed::OfflineStatus),
                Entity::Group {
                    offline: Some(status),
                    ..
                },
            ) => test(text(OfflineStoreStatusValue::as_str(*status))),
            (Self::Fixed(Fixed::AllTags), _) => entity.tags().is_some_and(|tags| pairs(tags, test)),
            (Self::Fixed(fixed), Entity::Group { group, reasons, .. }) => {
                of_group(*fixed, group, reasons, test)
            }
            (Self::Fixed(fixed), Entity::Feature(group, feature)) => {
                of_feature(*fixed, group, feature, test)
            }
            (Self::Tag(key), _) => one(entity.tags().and_then(|tags| tags.get(key)), test),
            (Self::Parameter(key), Entity::Feature(_, feature)) => {
                one(feature.parameters.get(key), test)
            }
            (Self::Parameter(_), Entity::Group { .. }) => false,
        }
    }
}

impl Property {
    /// The same of one feature of a group, for what is within `FeatureDefinitions`.
    pub(crate) fn any_of_definition<'a>(
        &self,
        feature: &'a Definition,
        test: &mut dyn FnMut(Value<'a>) -> bool,
    ) -> bool {
        match self {
            Self::Fixed(Fixed::DefinedNames) => test(text(&feature.name)),
            Self::Fixed(Fixed::DefinedTypes) => test(type_of(feature)),
            Self::Fixed(Fixed::DefinedCollections) => collection(feature, test),
            Self::Fixed(_) | Self::Tag(_) | Self::Parameter(_) => false,
        }
    }
}

type Test<'t, 'a> = &'t mut dyn FnMut(Value<'a>) -> bool;

fn text(value: &str) -> Value<'_> {
    Value::Text(Cow::Borrowed(value))
}

fn one<'a>(value: Option<&'a String>, test: Test<'_, 'a>) -> bool {
    value.is_some_and(|value| test(text(value)))
}

fn of_group<'a>(
    fixed: Fixed,
    group: &'a GroupRecord,
    reasons: &Reasons,
    test: Test<'_, 'a>,
) -> bool {
    // A group without an online store has nothing to say of one.
    let online = group.online.as_ref();
    match fixed {
        Fixed::GroupArn => test(text(group.arn.as_str())),
        Fixed::GroupName => test(text(&group.name)),
        Fixed::Created => test(Value::Time(group.created)),
        Fixed::Modified => test(Value::Time(group.updated.unwrap_or(group.created))),
        Fixed::Description => one(group.description.as_ref(), test),
        Fixed::RecordIdentifier => test(text(&group.identifier)),
        Fixed::EventTime => test(text(&group.event_time)),
        Fixed::RoleArn => one(group.role_arn.as_ref(), test),
        Fixed::Status => test(text(shape::status(group).as_str())),
        Fixed::LastUpdateStatus => shape::last_update(group, reasons)
            .is_some_and(|update| test(text(LastUpdateStatusValue::as_str(update.status)))),
        Fixed::FailureReason => shape::failure(group, reasons)
            .is_some_and(|reason| test(Value::Text(Cow::Owned(reason)))),
        Fixed::OnlineEnabled => test(text(if online.is_some() { "true" } else { "false" })),
        Fixed::OnlineKey => {
            let key = online.and_then(|online| online.key.as_ref());
            key.is_some_and(|key| test(text(key.as_str())))
        }
        Fixed::StorageType => {
            online.is_some_and(|online| test(text(shape::storage(online.storage).as_str())))
        }
        Fixed::TtlUnit => {
            let unit = online.and_then(|online| online.ttl?.shape().unit);
            unit.is_some_and(|unit| test(text(unit.as_str())))
        }
        Fixed::TtlValue => {
            let ttl = online.and_then(|online| online.ttl);
            ttl.is_some_and(|ttl| test(Value::Number(i64::from(ttl.value))))
        }
        Fixed::Definitions => group.definitions.iter().any(|feature| {
            test(text(&feature.name)) || test(type_of(feature)) || collection(feature, test)
        }),
        Fixed::DefinedNames => (group.definitions.iter()).any(|feature| test(text(&feature.name))),
        Fixed::DefinedTypes => (group.definitions.iter()).any(|feature| test(type_of(feature))),
        Fixed::DefinedCollections => {
            (group.definitions.iter()).any(|feature| collection(feature, test))
        }
        Fixed::OfflineUri
        | Fixed::OfflineResolved
        | Fixed::OfflineKey
        | Fixed::OfflineTableOff
        | Fixed::OfflineCatalog
        | Fixed::OfflineDatabase
        | Fixed::OfflineTable
        | Fixed::OfflineFormat => {
            let store = group.offline.as_ref();
            store
                .and_then(|store| of_offline(fixed, store))
                .is_some_and(|value| test(Value::Text(Cow::Owned(value))))
        }
        // Tags and the status of the offline store are no part of the record, or not for everybody.
        Fixed::AllTags
        | Fixed::OfflineStatus
        | Fixed::FeatureName
        | Fixed::FeatureType
        | Fixed::AllParameters => false,
    }
}

/// What an offline store has under this name.
fn of_offline(fixed: Fixed, store: &OfflineStore) -> Option<String> {
    let config = store.config();
    let (storage, table) = (config.s3_storage_config, config.data_catalog_config);
    match fixed {
        Fixed::OfflineUri => Some(storage.s3_uri),
        Fixed::OfflineResolved => storage.resolved_output_s3_uri,
        Fixed::OfflineKey => storage.kms_key_id,
        Fixed::OfflineTableOff => config
            .disable_glue_table_creation
            .map(|off| off.to_string()),
        Fixed::OfflineCatalog => table.map(|table| table.catalog),
        Fixed::OfflineDatabase => table.map(|table| table.database),
        Fixed::OfflineTable => table.map(|table| table.table_name),
        Fixed::OfflineFormat => config.table_format.map(|format| format.to_string()),
        _ => None,
    }
}

fn of_feature<'a>(
    fixed: Fixed,
    group: &'a GroupRecord,
    feature: &'a Definition,
    test: Test<'_, 'a>,
) -> bool {
    match fixed {
        Fixed::GroupArn => test(text(group.arn.as_str())),
        Fixed::GroupName => test(text(&group.name)),
        Fixed::FeatureName => test(text(&feature.name)),
        Fixed::FeatureType => test(type_of(feature)),
        Fixed::Created => test(Value::Time(feature.created(group))),
        Fixed::Modified => test(Value::Time(feature.modified(group))),
        Fixed::Description => one(feature.description.as_ref(), test),
        Fixed::AllParameters => pairs(&feature.parameters, test),
        Fixed::RecordIdentifier
        | Fixed::EventTime
        | Fixed::RoleArn
        | Fixed::Status
        | Fixed::LastUpdateStatus
        | Fixed::FailureReason
        | Fixed::OnlineEnabled
        | Fixed::OnlineKey
        | Fixed::StorageType
        | Fixed::TtlUnit
        | Fixed::TtlValue
        | Fixed::OfflineUri
        | Fixed::OfflineResolved
        | Fixed::OfflineKey
        | Fixed::OfflineTableOff
        | Fixed::OfflineCatalog
        | Fixed::OfflineDatabase
        | Fixed::OfflineTable
        | Fixed::OfflineFormat
        | Fixed::OfflineStatus
        | Fixed::Definitions
        | Fixed::DefinedNames
        | Fixed::DefinedTypes
        | Fixed::DefinedCollections
        | Fixed::AllTags => false,
    }
}

fn type_of(feature: &Definition) -> Value<'static> {
    text(sagemaker::FeatureType::as_str(features::shape(
        feature.kind,
    )))
}

fn collection(feature: &Definition, test: Test<'_, '_>) -> bool {
    let shape = feature.collection.map(Collection::shape);
    shape.is_some_and(|shape| test(text(shape.as_str())))
}

fn pairs<'a>(pairs: &'a std::collections::BTreeMap<String, String>, test: Test<'_, 'a>) -> bool {
    (pairs.iter()).any(|(key, value)| test(text(key)) || test(text(value)))
}
