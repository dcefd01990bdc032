//! The tags of groups.

use std::collections::BTreeMap;

use pipeline::KeySet;
use shapes::sagemaker::Tag;
use types::{differ_in_case_only, fold_case};

use crate::Error;

/// Tags of one group.
const MOST_TAGS: usize = 50;

/// The tags, each key once.
///
/// Fails with `ValidationException` for a key that is reserved or appears twice, be it in another
/// case.
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
    check_case(&map)?;
    Ok(map)
}

/// `own` with `added`, which replace tags of exactly the same keys.
///
/// Fails with `ValidationException` beyond 50, and for keys that then differ in case only.
pub(crate) fn with(
    own: &BTreeMap<String, String>,
    added: BTreeMap<String, String>,
) -> Result<BTreeMap<String, String>, Error> {
    let mut tags = own.clone();
    tags.extend(added);
    if tags.len() > MOST_TAGS {
        return Err(Error::validation(format!(
            "a feature group has at most {MOST_TAGS} tags."
        )));
    }
    check_case(&tags)?;
    Ok(tags)
}

/// Condition keys do not tell keys apart that differ in case only: of two such tags nobody could
/// say which one `aws:ResourceTag` and `aws:RequestTag` decide on.
fn check_case(tags: &BTreeMap<String, String>) -> Result<(), Error> {
    if differ_in_case_only(tags.keys().map(String::as_str)) {
        return Err(Error::validation(
            "tag keys must differ in more than the case of their letters.",
        ));
    }
    Ok(())
}

fn check_key(key: &str) -> Result<(), Error> {
    if fold_case(key).starts_with("aws:") {
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
