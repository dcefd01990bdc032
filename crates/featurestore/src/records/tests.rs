//! The stored form: a fixture of every version, and names that must not change.

use store::ErasedRecord;

use super::*;
use crate::testing;

const FIXTURE: &str = include_str!("../../testdata/group-version-3.json");
const FIXTURE_2: &str = include_str!("../../testdata/group-version-2.json");
const OFFLINE_FIXTURE_2: &str = include_str!("../../testdata/group-version-2-offline.json");
const OLD_FIXTURE: &str = include_str!("../../testdata/group-version-1.json");
const KEYS_FIXTURE: &str = include_str!("../../testdata/group-keys-version-1.json");

fn sample() -> GroupRecord {
    testing::group(&[
        ("station", FeatureType::String),
        ("hour", FeatureType::Fractional),
        ("wind", FeatureType::Integral),
    ])
}

#[test]
fn a_group_as_version_1_stored_it_keeps_its_keys() {
    let record = GROUPS.decode(OLD_FIXTURE.trim().as_bytes()).unwrap();
    let group = record.downcast_ref::<GroupRecord>().unwrap();
    let keys = group.keys.as_ref().unwrap();
    let stored = KEYS_FIXTURE.trim();
    let separate = GROUP_KEYS.decode(stored.as_bytes()).unwrap();
    assert_eq!(Some(keys), separate.downcast_ref::<GroupKeys>());
    assert_eq!(&**GROUP_KEYS.encode(&separate).unwrap(), stored.as_bytes());
    assert_eq!((group.data_key, group.data_key_made), (1, group.created));
    let again = GROUPS.decode(&GROUPS.encode(&record).unwrap()).unwrap();
    let again = again.downcast_ref::<GroupRecord>().unwrap();
    assert_eq!(again.keys.as_ref(), Some(keys));
}

#[test]
fn a_data_key_is_under_the_first_former_key_that_reaches_it() {
    let mut group = sample();
    let former = |last| FormerKey { key: None, last };
    (group.data_key, group.former) = (6, vec![former(2), former(5)]);
    let found = [1, 2, 3, 5, 6, 7].map(|number| group.former_of(number));
    assert_eq!(found, [Some(0), Some(0), Some(1), Some(1), None, None]);
}

#[test]
fn a_group_as_version_2_stored_it_is_the_same() {
    let record = GROUPS.decode(FIXTURE_2.trim().as_bytes()).unwrap();
    assert_eq!(
        &**GROUPS.encode(&record).unwrap(),
        FIXTURE.trim().as_bytes()
    );
}

#[test]
fn a_group_that_version_2_stored_with_an_offline_store_only_has_no_online_store() {
    let record = GROUPS.decode(OFFLINE_FIXTURE_2.trim().as_bytes()).unwrap();
    let group = record.downcast_ref::<GroupRecord>().unwrap();
    assert_eq!((&group.online, group.storage()), (&None, None));
    assert!(group.offline.is_some());
    let again = GROUPS.decode(&GROUPS.encode(&record).unwrap()).unwrap();
    let again = again.downcast_ref::<GroupRecord>().unwrap();
    assert_eq!(
        (&again.online, &again.offline),
        (&group.online, &group.offline)
    );
}

#[test]
fn a_key_of_an_online_store_that_was_none_is_not_forgotten() {
    let key = "arn:aws:kms:us-east-1:111122223333:key/2345abcd-12ab-34cd-56ef-1234567890ab";
    let none = r#""online":{"ttl":null,"key":null"#;
    assert!(OFFLINE_FIXTURE_2.contains(none));
    let some = none.replace(r#""key":null"#, &format!(r#""key":"{key}""#));
    let stored = OFFLINE_FIXTURE_2.replace(none, &some);
    let failed = GROUPS.decode(stored.trim().as_bytes()).unwrap_err();
    assert!(matches!(failed, RecordError::Unreadable { .. }), "{failed}");
}

#[test]
fn a_group_as_it_is_stored_loads_ready_to_use() {
    let record = GROUPS.decode(FIXTURE.trim().as_bytes()).unwrap();
    let group = record.downcast_ref::<GroupRecord>().unwrap();
    assert_eq!(
        &**GROUPS.encode(&record).unwrap(),
        FIXTURE.trim().as_bytes()
    );
    assert_eq!(group.schema.find("wind", 0), Some(2));
    assert_eq!(
        (group.schema.identifier(), group.schema.event_time()),
        (0, 1)
    );
    assert_eq!(
        group.schema.context["aws:sagemaker:featureGroupId"],
        group.id
    );
}

#[test]
fn a_group_is_stored_as_the_fixture_says() {
    let record: ErasedRecord = Arc::new(sample());
    let stored = GROUPS.encode(&record).unwrap();
    assert_eq!(std::str::from_utf8(&stored).unwrap(), FIXTURE.trim());
}

#[test]
fn a_group_without_a_key_loads() {
    let stored = FIXTURE.trim();
    let key = "\"arn:aws:kms:us-east-1:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab\"";
    let record = GROUPS
        .decode(stored.replace(key, "null").as_bytes())
        .unwrap();
    assert_eq!(
        record.downcast_ref::<GroupRecord>().unwrap().kms_key(),
        None
    );
}

#[test]
fn rows_are_found_by_the_name_in_lower_case() {
    assert_eq!(
        sample().row(),
        Key::of(&["111122223333", "us-east-1", "weather"])
    );
    assert_eq!(
        sample().arn.as_str(),
        "arn:aws:sagemaker:us-east-1:111122223333:feature-group/weather"
    );
}
