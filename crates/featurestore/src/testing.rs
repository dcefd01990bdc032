//! What the unit tests of this crate share.

use std::collections::BTreeMap;

use shapes::featurestore_runtime::FeatureValue;
use store::Record;
use types::Timestamp;

use crate::records::{Definition, GroupRecord, OnlineStore, Status, Storage, group_arn};
use crate::schema::Schema;
use crate::throughput::Throughput;
use crate::ttl::{Ttl, TtlUnit};
use crate::values::FeatureType;

/// A group with these features, the first of which identifies and the second orders.
pub(crate) fn group(features: &[(&str, FeatureType)]) -> GroupRecord {
    let account = "111122223333".parse().unwrap();
    let region = "us-east-1".parse().unwrap();
    let definition = |(name, kind): &(&str, FeatureType)| Definition {
        name: (*name).to_owned(),
        kind: *kind,
        collection: None,
        added: None,
        changed: None,
        description: None,
        parameters: BTreeMap::new(),
    };
    let mut group = GroupRecord {
        account,
        arn: group_arn(account, &region, "Weather"),
        region,
        name: "Weather".to_owned(),
        number: 7,
        id: "000102030405060708090a0b0c0d0e0f".to_owned(),
        definitions: features.iter().map(definition).collect(),
        identifier: features[0].0.to_owned(),
        event_time: features[1].0.to_owned(),
        online: Some(OnlineStore {
            ttl: Some(Ttl {
                unit: TtlUnit::Days,
                value: 3,
            }),
            key: "arn:aws:kms:us-east-1:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab"
                .parse()
                .ok(),
            storage: Storage::StandardV2,
        }),
        offline: None,
        role_arn: None,
        description: Some("hourly".to_owned()),
        tags: BTreeMap::from([("team".to_owned(), "met".to_owned())]),
        status: Status::Created,
        created: Timestamp::new(1_700_000_000, 5),
        data_key: 1,
        data_key_made: Timestamp::new(1_700_000_000, 5),
        former: Vec::new(),
        keys: None,
        grant: None,
        failure: None,
        updated: None,
        update: None,
        throughput: Throughput::default(),
        schema: Schema::default(),
    };
    group.loaded();
    group
}

/// The usual group, whose records live for ever.
pub(crate) fn group_without_ttl() -> GroupRecord {
    let mut group = group(&[("id", FeatureType::String), ("at", FeatureType::String)]);
    group.online.as_mut().unwrap().ttl = None;
    group
}

/// A feature on the wire.
pub(crate) fn feature(name: &str, value: &str) -> FeatureValue {
    FeatureValue {
        feature_name: name.to_owned(),
        value_as_string: Some(value.to_owned()),
        value_as_string_list: None,
    }
}
