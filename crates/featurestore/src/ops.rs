//! The operations, one file each, named as at AWS.

mod add_tags;
mod batch_get_record;
mod batch_write_record;
mod create_feature_group;
mod delete_feature_group;
mod delete_record;
mod delete_tags;
mod describe_feature_group;
mod describe_feature_group_keys;
mod describe_feature_metadata;
mod diagnose_feature_groups;
mod get_record;
mod get_search_suggestions;
mod list_feature_groups;
mod list_records;
mod list_resource_catalogs;
mod list_tags;
mod put_record;
mod rekey_feature_group;
mod search;
mod update_feature_group;
mod update_feature_metadata;
mod update_record;

pub use add_tags::AddTags;
pub use batch_get_record::BatchGetRecord;
pub use batch_write_record::BatchWriteRecord;
pub use create_feature_group::CreateFeatureGroup;
pub use delete_feature_group::DeleteFeatureGroup;
pub use delete_record::DeleteRecord;
pub use delete_tags::DeleteTags;
pub use describe_feature_group::DescribeFeatureGroup;
pub use describe_feature_group_keys::DescribeFeatureGroupKeys;
pub use describe_feature_metadata::DescribeFeatureMetadata;
pub use diagnose_feature_groups::DiagnoseFeatureGroups;
pub use get_record::GetRecord;
pub use get_search_suggestions::GetSearchSuggestions;
pub use list_feature_groups::ListFeatureGroups;
pub use list_records::ListRecords;
pub use list_resource_catalogs::ListResourceCatalogs;
pub use list_tags::ListTags;
pub use put_record::PutRecord;
pub use rekey_feature_group::RekeyFeatureGroup;
pub use search::Search;
pub use update_feature_group::UpdateFeatureGroup;
pub use update_feature_metadata::UpdateFeatureMetadata;
pub use update_record::UpdateRecord;

use std::sync::Arc;

use pipeline::sources::ResourceFacts;
use pipeline::{Need, Needs};
use policy::Action;
use types::{Arn, Service};

use crate::actions::DECRYPT;
use crate::data_keys::condition_of;
use crate::name::Found;
use crate::records::GroupRecord;
use crate::source::{facts_of, rule_of};

/// What every call about the records of a group needs: the action on the group and, if the
/// group has a key of its own, `kms:Decrypt` on that through SageMaker.
fn record_needs(action: &'static Action, found: &Found) -> Needs {
    let mut needs = with_key_need(shared_need(action, found), found);
    former_needs(found, &mut needs);
    needs
}

/// `need`, and that of the group's own key.
fn with_key_need(need: Need, found: &Found) -> Needs {
    let mut needs = Needs::with_capacity(2).and(need);
    if let Some(need) = key_need(found) {
        needs.push(need);
    }
    needs
}

/// What reading a record needs that is still under a KMS key which its group moves away from:
/// `kms:Decrypt` on that too. Which records those are shows when they have been read.
fn former_needs(found: &Found, needs: &mut Needs) {
    let Some(group) = &found.group else {
        return;
    };
    for (place, former) in group.former.iter().enumerate() {
        if let Some(key) = &former.key {
            needs.push(decrypt_need(group, key).if_used(condition_of(group, place)));
        }
    }
}

/// The need of `action` on the group itself, whose account may have shared it with the caller's.
fn shared_need(action: &'static Action, found: &Found) -> Need {
    group_need(action, found).across_accounts()
}

/// The need of `action` on the group itself, for its own account.
fn group_need(action: &'static Action, found: &Found) -> Need {
    let need = Need::on(action, found.arn.clone());
    match &found.group {
        Some(group) => need.known(ResourceFacts {
            rule: rule_of(found.shared.clone()),
            ..facts_of(group)
        }),
        None => need,
    }
}

fn key_need(found: &Found) -> Option<Need> {
    let group = found.group.as_ref()?;
    let key = group.kms_key()?;
    Some(decrypt_need(group, key))
}

/// The need of `kms:Decrypt` through SageMaker on a KMS key that keys of `group` are under.
fn decrypt_need(group: &GroupRecord, key: &Arn) -> Need {
    let keys = Arc::clone(&group.schema.decrypt_keys);
    let need = Need::on(&DECRYPT, key.clone()).via(Service::SageMaker);
    need.with_shared(keys).across_accounts()
}
