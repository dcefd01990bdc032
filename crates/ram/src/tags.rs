//! Tags of shares: what is accepted, and what policies see of them.

use std::collections::BTreeMap;

use pipeline::KeySet;
use shapes::ram::Tag;
use types::{differ_in_case_only, fold_case};

use crate::Error;

/// Tags of one share.
const MOST_TAGS: usize = 50;

/// Checks the tags of a request.
///
/// Fails with `InvalidParameterException` for a key that is missing, too long, reserved or sent
/// twice, be it in another case, and for a value that is too long; one that is missing is empty.
pub(crate) fn checked(tags: Option<&[Tag]>) -> Result<BTreeMap<String, String>, Error> {
    let mut checked = BTreeMap::new();
    for tag in tags.unwrap_or_default() {
        let key = tag.key.clone().unwrap_or_default();
        let value = tag.value.clone().unwrap_or_default();
        check_key(&key)?;
        if value.chars().count() > 256 {
            return Err(Error::invalid("a tag value has at most 256 characters"));
        }
        if checked.insert(key, value).is_some() {
            return Err(Error::invalid("a tag key is given more than once"));
        }
    }
    check_case(&checked)?;
    Ok(checked)
}

/// Checks a tag key.
fn check_key(key: &str) -> Result<(), Error> {
    if !(1..=128).contains(&key.chars().count()) {
        return Err(Error::invalid("a tag key has 1 to 128 characters"));
    }
    if fold_case(key).starts_with("aws:") {
        return Err(Error::invalid("tag keys that begin with aws: are reserved"));
    }
    Ok(())
}

/// Checks that a share may have this many tags. Fails with `TagLimitExceededException`.
pub(crate) fn check_count(tags: &BTreeMap<String, String>) -> Result<(), Error> {
    if tags.len() > MOST_TAGS {
        return Err(Error::TagLimit { limit: MOST_TAGS });
    }
    Ok(())
}

/// `own` with `added`, which replace tags of exactly the same keys.
///
/// Fails as [`check_count`] does, and with `InvalidParameterException` for keys that then differ in
/// case only.
pub(crate) fn with(
    own: &BTreeMap<String, String>,
    added: BTreeMap<String, String>,
) -> Result<BTreeMap<String, String>, Error> {
    let mut tags = own.clone();
    tags.extend(added);
    check_count(&tags)?;
    check_case(&tags)?;
    Ok(tags)
}

/// Condition keys do not tell keys apart that differ in case only: of two such tags nobody could
/// say which one `aws:ResourceTag` and `aws:RequestTag` decide on.
fn check_case(tags: &BTreeMap<String, String>) -> Result<(), Error> {
    if differ_in_case_only(tags.keys().map(String::as_str)) {
        return Err(Error::invalid(
            "tag keys must differ in more than the case of their letters",
        ));
    }
    Ok(())
}

/// What policies see of the tags of a request.
pub(crate) fn condition_keys(tags: &BTreeMap<String, String>) -> KeySet {
    KeySet::default()
        .map("aws:requesttag", tags)
        .many("aws:tagkeys", tags.keys().cloned().collect())
}

/// The tags as answers show them.
pub(crate) fn shape(tags: &BTreeMap<String, String>) -> Vec<Tag> {
    let tags = tags.iter();
    tags.map(|(key, value)| Tag {
        key: Some(key.clone()),
        value: Some(value.clone()),
    })
    .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(own: &[&str], added: &[&str], expected: Option<usize>) {
        let tag = |key: &&str| Tag {
            key: Some((*key).to_owned()),
            value: Some("v".to_owned()),
        };
        let read = |keys: &[&str]| checked(Some(&keys.iter().map(tag).collect::<Vec<_>>()));
        let own = read(own).unwrap();
        let with = read(added).and_then(|added| with(&own, added));
        assert_eq!(with.ok().map(|tags| tags.len()), expected, "{added:?}");
    }

    #[test]
    fn keys_differ_in_more_than_case() {
        check(&[], &["team", "cost"], Some(2));
        check(&[], &["team", "Team"], None);
        check(&["team"], &["Team"], None);
        check(&["équipe"], &["ÉQUIPE"], None);
        check(&["team"], &["team"], Some(1));
        check(&[], &["AWS:x"], None);
    }
}
