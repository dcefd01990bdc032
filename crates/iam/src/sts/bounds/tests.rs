//! Tests of session policies and tags.

use types::Timestamp;

use super::*;

fn pairs(keys: &[&str]) -> Vec<(String, String)> {
    let pair = |key: &&str| ((*key).to_owned(), "v".to_owned());
    keys.iter().map(pair).collect()
}

fn keys(keys: &[&str]) -> Vec<String> {
    keys.iter().map(|key| (*key).to_owned()).collect()
}

fn session(tags: &[&str], transitive: &[&str]) -> Session {
    Session {
        issued: Timestamp::EPOCH,
        expires: Timestamp::EPOCH,
        policies: None,
        tags: pairs(tags),
        transitive: keys(transitive),
        source_identity: None,
        provider: None,
        issuer: None,
    }
}

fn check(
    from: Option<&Session>,
    tags: &[&str],
    transitive: &[&str],
    expected: Result<(&[&str], &[&str]), &str>,
) {
    let mut bounds = Bounds::default();
    let added = add_tags(&mut bounds, &pairs(tags), &keys(transitive), from);
    let said = added
        .map(|()| (bounds.tags, bounds.transitive))
        .map_err(|error| error.to_string());
    let expected = expected
        .map(|(tags, transitive)| (pairs(tags), keys(transitive)))
        .map_err(str::to_owned);
    assert_eq!(said, expected);
}

#[test]
fn transitive_tags_are_handed_down_and_others_are_not() {
    let from = session(&["team", "mood"], &["TEAM"]);
    check(
        Some(&from),
        &["stage"],
        &[],
        Ok((&["team", "stage"], &["team"])),
    );
    check(
        Some(&from),
        &["mood"],
        &["mood"],
        Ok((&["team", "mood"], &["team", "mood"])),
    );
    check(Some(&session(&["team"], &[])), &[], &[], Ok((&[], &[])));
}

#[test]
fn an_inherited_tag_cannot_be_set_again() {
    let from = session(&["team"], &["team"]);
    let refused = Err("a session tag is inherited already");
    check(Some(&from), &["Team"], &[], refused);
}

#[test]
fn only_tags_of_the_request_can_be_made_transitive() {
    let refused = Err("a transitive key is not among the session tags");
    check(None, &["team"], &["stage"], refused);
    check(
        Some(&session(&["stage"], &[])),
        &["team"],
        &["stage"],
        refused,
    );
    check(None, &["team"], &["TEAM"], Ok((&["team"], &["TEAM"])));
}

#[test]
fn session_tags_follow_the_rules_of_tags() {
    let tag = |key: &str| Tag {
        key: key.to_owned(),
        value: String::new(),
    };
    let read = |keys: &[&str]| {
        let list: Vec<Tag> = keys.iter().map(|key| tag(key)).collect();
        tags(Some(&list)).map(|tags| tags.len())
    };
    assert!(matches!(read(&["a", "b"]), Ok(2)));
    assert!(matches!(read(&["a", "A"]), Err(Error::DuplicateTags)));
    assert!(matches!(read(&["AWS:a"]), Err(Error::Reserved(_))));
}

#[test]
fn policies_and_tags_share_a_bounded_space() {
    let size = |bounds: &Bounds| packed_size(bounds).map_err(|error| error.to_string());
    assert_eq!(size(&Bounds::default()), Ok(None));
    let policy = |length| Bounds {
        policy: Some(" ".repeat(length)),
        ..Bounds::default()
    };
    assert_eq!(size(&policy(2048)), Ok(Some(100)));
    let refused = Err("session policies and tags take 101 % of their space".to_owned());
    assert_eq!(size(&policy(2049)), refused);
    let tags = Bounds {
        tags: vec![("k".repeat(128), "v".repeat(256)); 11],
        ..Bounds::default()
    };
    assert!(size(&tags).is_err());
    assert!(
        size(&Bounds {
            tags: pairs(&["a"]),
            ..Bounds::default()
        })
        .unwrap()
            < Some(10)
    );
}
