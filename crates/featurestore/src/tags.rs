//! The tags of groups.

use std::collections::BTreeMap;

use pipeline::KeySet;
use shapes::sagemaker::Tag;

use crate::Error;

/// Tags of one group.
pub(crate) const MOST_TAGS: usize = 50;

/// The tags, each key once.
pub(crate) fn checked(tags: &[Tag]) -> Result<BTreeMap<String, String>, Error> {
    let mut map = BTreeMap::new();
    for tag in tags {
        check_key(&tag.key)?;
        if map.insert(tag.key.clone(), tag.value.clone()).is_some() {
            return Err(Error::validation(format!(
                "tag key `{}` appears more than once.",
                tag.key
            )));
        }
    }
    Ok(map)
}

fn check_key(key: &str) -> Result<(), Error> {
    if key.to_lowercase().starts_with("aws:") {
        return Err(Error::validation(
            "tag keys that begin with aws: are reserved.",
        ));
    }
    Ok(())
}

/// The condition keys of a request that sets these tags.
pub(crate) fn condition_keys(tags: &BTreeMap<String, String>) -> KeySet {
    KeySet::default()
        .map("aws:requesttag", tags)
        .many("aws:tagkeys", tags.keys().cloned().collect())
}

/// The tags as AWS shows them.
pub(crate) fn shape(tags: &BTreeMap<String, String>) -> Vec<Tag> {
    let tag = |(key, value): (&String, &String)| Tag {
        key: key.clone(),
        value: value.clone(),
    };
    tags.iter().map(tag).collect()
}
