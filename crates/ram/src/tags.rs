//! Tags of shares: what is accepted, and what policies see of them.

use std::collections::BTreeMap;

use pipeline::KeySet;
use shapes::ram::Tag;

use crate::Error;

/// Tags of one share.
const MOST_TAGS: usize = 50;

/// Checks the tags of a request.
///
/// Fails with `InvalidParameterException` for a key that is missing, too long, reserved or sent
/// twice, and for a value that is missing or too long.
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
    Ok(checked)
}

/// Checks a tag key.
fn check_key(key: &str) -> Result<(), Error> {
    if !(1..=128).contains(&key.chars().count()) {
        return Err(Error::invalid("a tag key has 1 to 128 characters"));
    }
    if key.to_lowercase().starts_with("aws:") {
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
