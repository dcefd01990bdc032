//! Tags of shares: what is accepted, and what policies see of them.

use std::collections::BTreeMap;

use shapes::ram::Tag;
use types::{MOST_TAGS, TagError, check_tag_count, read_tags, with_tags};

use crate::Error;
use crate::bounds::bounded;

/// Checks the tags of a request.
///
/// Fails with `InvalidParameterException` for a key that is missing, too long, reserved or sent
/// twice, be it in another case, and for a value that is too long; one that is missing is empty.
/// Fails as [`bounded`] does, too.
pub(crate) fn checked(tags: Option<&[Tag]>) -> Result<BTreeMap<String, String>, Error> {
    let pairs = bounded("tags", tags)?.iter().map(|tag| {
        let key = tag.key.clone().unwrap_or_default();
        let value = tag.value.clone().unwrap_or_default();
        if !(1..=128).contains(&key.chars().count()) {
            return Err(Error::invalid("a tag key has 1 to 128 characters"));
        }
        if value.chars().count() > 256 {
            return Err(Error::invalid("a tag value has at most 256 characters"));
        }
        Ok((key, value))
    });
    let pairs: Vec<(String, String)> = pairs.collect::<Result<_, Error>>()?;
    read_tags(pairs).map_err(|broken| refusal(&broken))
}

/// Checks that a share may have this many tags. Fails with `TagLimitExceededException`.
pub(crate) fn check_count(tags: &BTreeMap<String, String>) -> Result<(), Error> {
    check_tag_count(tags.len()).map_err(|broken| refusal(&broken))
}

/// `own` with `added`, which replace tags of exactly the same keys.
///
/// Fails as [`check_count`] does, and with `InvalidParameterException` for keys that then differ in
/// case only.
pub(crate) fn with(
    own: &BTreeMap<String, String>,
    added: BTreeMap<String, String>,
) -> Result<BTreeMap<String, String>, Error> {
    with_tags(own, added).map_err(|broken| refusal(&broken))
}

fn refusal(broken: &TagError) -> Error {
    match broken {
        TagError::Reserved { .. } => Error::invalid("tag keys that begin with aws: are reserved"),
        TagError::Repeated { .. } => Error::invalid("a tag key is given more than once"),
        TagError::SameButForCase => {
            Error::invalid("tag keys must differ in more than the case of their letters")
        }
        TagError::TooMany => Error::TagLimit { limit: MOST_TAGS },
    }
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
    fn tags_follow_the_rules_of_ram() {
        check(&[], &["team", "cost"], Some(2));
        check(&["team"], &["Team"], None);
        check(&[], &["AWS:x"], None);
        check(&[], &[""], None);
        check(&[], &["x".repeat(129).as_str()], None);
    }
}
