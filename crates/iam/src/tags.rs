//! Tags of users, roles and policies.

use std::borrow::Cow;
use std::collections::BTreeMap;

use pipeline::KeySet;
use policy::{ConditionKey, ConditionKeys, Values};
use shapes::iam::Tag;
use types::{differ_in_case_only, is_reserved_tag, same_but_for_case};

use crate::{Error, quota};

/// Checks and takes over the tags of a request. Their number and the characters of keys and
/// values were checked when the request was read.
///
/// Fails with `InvalidInput` if two keys differ in case only, or if one is reserved.
pub(crate) fn read(tags: Option<&[Tag]>) -> Result<Vec<(String, String)>, Error> {
    let tags = tags.unwrap_or_default();
    if let Some(tag) = tags.iter().find(|tag| is_reserved_tag(&tag.key)) {
        return Err(Error::ReservedTag {
            key: tag.key.clone(),
        });
    }
    if differ_in_case_only(tags.iter().map(|tag| tag.key.as_str())) {
        return Err(Error::DuplicateTags);
    }
    let pair = |tag: &Tag| (tag.key.clone(), tag.value.clone());
    Ok(tags.iter().map(pair).collect())
}

/// Adds `new` to `tags`. A key that differs from an existing one in case only replaces it, in
/// its place.
///
/// Fails with `LimitExceeded` beyond 50 tags.
pub(crate) fn merge(
    tags: &mut Vec<(String, String)>,
    new: Vec<(String, String)>,
    quota: &'static str,
) -> Result<(), Error> {
    for tag in new {
        let same = |known: &&mut (String, String)| same_but_for_case(&known.0, &tag.0);
        if let Some(known) = tags.iter_mut().find(same) {
            *known = tag;
        } else {
            quota::room(tags.len(), quota, quota::TAGS)?;
            tags.push(tag);
        }
    }
    Ok(())
}

/// Removes the tags with these keys, without regard to case.
pub(crate) fn remove(tags: &mut Vec<(String, String)>, keys: &[String]) {
    let gone = |key: &str| keys.iter().any(|gone| same_but_for_case(gone, key));
    tags.retain(|(key, _)| !gone(key));
}

/// The tags with their keys as places, for a listing.
pub(crate) fn by_key(tags: &[(String, String)]) -> Vec<(String, Tag)> {
    let mut places: Vec<(String, Tag)> = shape(tags)
        .into_iter()
        .flatten()
        .map(|tag| (tag.key.clone(), tag))
        .collect();
    places.sort_by(|(one, _), (other, _)| one.cmp(other));
    places
}

/// The tags as a response has them; none at all are left out.
pub(crate) fn shape(tags: &[(String, String)]) -> Option<Vec<Tag>> {
    let tag = |(key, value): &(String, String)| Tag {
        key: key.clone(),
        value: value.clone(),
    };
    (!tags.is_empty()).then(|| tags.iter().map(tag).collect())
}

/// `aws:RequestTag/…` and `aws:TagKeys`; a request without tags has neither.
pub(crate) fn request_keys(tags: &[(String, String)]) -> KeySet {
    let tags: BTreeMap<String, String> = tags.iter().cloned().collect();
    KeySet::default().requested_tags(&tags)
}

/// The tags of a user or policy as condition keys: `aws:ResourceTag/…`, `iam:ResourceTag/…`.
#[derive(Debug)]
pub(crate) struct ResourceTags(pub(crate) Vec<(String, String)>);

impl ConditionKeys for ResourceTags {
    fn lookup(&self, key: &ConditionKey) -> Option<Values<'_>> {
        if !matches!(key.name(), "aws:resourcetag" | "iam:resourcetag") {
            return None;
        }
        let wanted = key.suffix()?;
        let (_, value) = self
            .0
            .iter()
            .find(|(name, _)| same_but_for_case(name, wanted))?;
        Some(Values::One(Cow::Borrowed(value)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(keys: &[&str], expected: Result<usize, &str>) {
        let tags: Vec<Tag> = keys
            .iter()
            .map(|key| Tag {
                key: (*key).to_owned(),
                value: "v".to_owned(),
            })
            .collect();
        let read = read(Some(&tags)).map(|tags| tags.len());
        assert_eq!(
            read.map_err(|error| error.to_string()),
            expected.map_err(str::to_owned)
        );
    }

    #[test]
    fn tags_are_taken_over() {
        check(&[], Ok(0));
        check(&["team", "stage"], Ok(2));
    }

    #[test]
    fn keys_that_differ_in_case_only_are_duplicates() {
        check(&["team", "TEAM"], Err("a tag key appears twice"));
    }

    #[test]
    fn keys_of_aws_are_reserved() {
        check(&["aws:x"], Err("the tag key `aws:x` is reserved"));
        check(&["AWS:x"], Err("the tag key `AWS:x` is reserved"));
    }

    #[test]
    fn resource_tags_answer_to_both_names_without_regard_to_case() {
        let tags = ResourceTags(vec![("Team".to_owned(), "red".to_owned())]);
        let value = |name: &str| {
            let values = tags.lookup(&ConditionKey::new(name))?;
            Some(values.as_slice()[0].to_string())
        };
        assert_eq!(value("aws:ResourceTag/team").as_deref(), Some("red"));
        assert_eq!(value("iam:ResourceTag/TEAM").as_deref(), Some("red"));
        assert_eq!(value("aws:ResourceTag/other"), None);
        assert_eq!(value("aws:PrincipalTag/team"), None);
    }
}
