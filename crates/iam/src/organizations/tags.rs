//! Tags of roots, units, accounts and policies.

use pipeline::KeySet;
use serde_json::{Value, json};
use shapes::organizations::Tag;
use types::{differ_in_case_only, is_reserved_tag};

use super::error::{Constraint, Error, Invalid};
use crate::tags;

/// Tags that a resource can have.
const MOST: usize = 50;

/// Checks and takes over the tags of a request.
///
/// Fails with `InvalidInputException` for a key that is AWS's or that appears twice, be it in
/// another case, and with `ConstraintViolationException` beyond fifty.
pub(crate) fn read(given: Option<&[Tag]>) -> Result<Vec<(String, String)>, Error> {
    let given = given.unwrap_or_default();
    if given.iter().any(|tag| is_reserved_tag(&tag.key)) {
        return Err(Invalid::SystemTag.into());
    }
    let pair = |tag: &Tag| (tag.key.clone(), tag.value.clone());
    let read: Vec<_> = given.iter().map(pair).collect();
    check(&read)?;
    Ok(read)
}

/// The tags of a request as its audit record shows them.
pub(crate) fn in_event(tags: &[Tag]) -> Vec<Value> {
    let tag = |tag: &Tag| json!({ "key": tag.key, "value": tag.value });
    tags.iter().map(tag).collect()
}

/// `old` with `new` on top, which replace tags of exactly the same keys.
///
/// Fails with `InvalidInputException` for keys that then differ in case only, and with
/// `ConstraintViolationException` beyond fifty.
pub(crate) fn merged(
    old: &[(String, String)],
    new: Vec<(String, String)>,
) -> Result<Vec<(String, String)>, Error> {
    let mut all = old.to_vec();
    for (key, value) in new {
        match all.iter_mut().find(|(known, _)| *known == key) {
            Some((_, known)) => *known = value,
            None => all.push((key, value)),
        }
    }
    check(&all)?;
    Ok(all)
}

/// `old` without `keys`. Fails with `InvalidInputException` for a key that is AWS's.
pub(crate) fn without(
    old: &[(String, String)],
    keys: &[String],
) -> Result<Vec<(String, String)>, Error> {
    if keys.iter().any(|key| is_reserved_tag(key)) {
        return Err(Invalid::SystemTag.into());
    }
    let left = old.iter().filter(|(key, _)| !keys.contains(key));
    Ok(left.cloned().collect())
}

/// `aws:RequestTag/…` and `aws:TagKeys`.
pub(crate) fn request_keys(tags: &[(String, String)]) -> KeySet {
    tags::request_keys(tags)
}

/// Condition keys do not tell keys apart that differ in case only: of two such tags nobody could
/// say which one `aws:ResourceTag` and `aws:RequestTag` decide on.
fn check(tags: &[(String, String)]) -> Result<(), Error> {
    if tags.len() > MOST {
        return Err(Constraint::Tags.into());
    }
    if differ_in_case_only(tags.iter().map(|(key, _)| key.as_str())) {
        return Err(Invalid::DuplicateTag.into());
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pairs(count: usize) -> Vec<(String, String)> {
        let pair = |number: usize| (format!("k{number}"), "v".to_owned());
        (0..count).map(pair).collect()
    }

    fn check_read(keys: &[&str], expected: Result<usize, &str>) {
        let tag = |key: &&str| Tag {
            key: (*key).to_owned(),
            value: String::new(),
        };
        let tags: Vec<Tag> = keys.iter().map(tag).collect();
        let read = read(Some(&tags)).map(|tags| tags.len());
        assert_eq!(
            read.map_err(|error| types::ServiceError::reason(&error).unwrap()),
            expected
        );
    }

    #[test]
    fn keys_differ_and_are_not_those_of_aws() {
        check_read(&["a", "b"], Ok(2));
        check_read(&["a", "a"], Err("DUPLICATE_TAG_KEY"));
        check_read(&["a", "A"], Err("DUPLICATE_TAG_KEY"));
        check_read(&["é", "É"], Err("DUPLICATE_TAG_KEY"));
        check_read(&["AWS:a"], Err("INVALID_SYSTEM_TAGS_PARAMETER"));
    }

    #[test]
    fn a_tag_is_not_added_beside_one_that_differs_in_case_only() {
        let blue = vec![("team".to_owned(), "blue".to_owned())];
        let added = |key: &str| merged(&blue, vec![(key.to_owned(), "red".to_owned())]);
        assert!(added("Team").is_err());
        assert_eq!(added("team").unwrap()[0].1, "red");
        assert_eq!(added("teams").unwrap().len(), 2);
    }

    #[test]
    fn a_resource_has_fifty_tags_at_most() {
        assert!(merged(&pairs(50), pairs(50)).is_ok());
        assert!(merged(&pairs(49), vec![("x".into(), "y".into())]).is_ok());
        assert!(merged(&pairs(50), vec![("x".into(), "y".into())]).is_err());
    }

    #[test]
    fn a_tag_is_replaced_in_its_place() {
        let all = merged(&pairs(2), vec![("k0".into(), "new".into())]).unwrap();
        assert_eq!(all[0], ("k0".to_owned(), "new".to_owned()));
    }

    #[test]
    fn the_tags_of_aws_cannot_be_taken_off() {
        assert_eq!(without(&pairs(2), &["k0".into()]).unwrap().len(), 1);
        assert!(without(&pairs(2), &["aws:x".into()]).is_err());
    }
}
