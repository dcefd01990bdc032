//! Tags of roots, units, accounts and policies.

use pipeline::KeySet;
use shapes::organizations::Tag;

use super::error::{Constraint, Error, Invalid};
use crate::tags;

/// Tags that a resource can have.
const MOST: usize = 50;

/// Checks and takes over the tags of a request.
///
/// Fails with `InvalidInputException` for a key that appears twice or that is AWS's, and with
/// `ConstraintViolationException` beyond fifty.
pub(crate) fn read(tags: Option<&[Tag]>) -> Result<Vec<(String, String)>, Error> {
    let mut read: Vec<(String, String)> = Vec::new();
    for tag in tags.unwrap_or_default() {
        if is_aws(&tag.key) {
            return Err(Invalid::SystemTag.into());
        }
        if read.iter().any(|(key, _)| *key == tag.key) {
            return Err(Invalid::DuplicateTag.into());
        }
        read.push((tag.key.clone(), tag.value.clone()));
    }
    fits(&read)?;
    Ok(read)
}

/// `old` with `new` on top.
///
/// Fails with `ConstraintViolationException` beyond fifty.
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
    fits(&all)?;
    Ok(all)
}

/// `old` without `keys`. Fails with `InvalidInputException` for a key that is AWS's.
pub(crate) fn without(
    old: &[(String, String)],
    keys: &[String],
) -> Result<Vec<(String, String)>, Error> {
    if keys.iter().any(|key| is_aws(key)) {
        return Err(Invalid::SystemTag.into());
    }
    let left = old.iter().filter(|(key, _)| !keys.contains(key));
    Ok(left.cloned().collect())
}

/// `aws:RequestTag/…` and `aws:TagKeys`.
pub(crate) fn request_keys(tags: &[(String, String)]) -> KeySet {
    tags::request_keys(tags)
}

fn is_aws(key: &str) -> bool {
    key.to_lowercase().starts_with("aws:")
}

fn fits(tags: &[(String, String)]) -> Result<(), Error> {
    if tags.len() > MOST {
        return Err(Constraint::Tags.into());
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

    fn check(keys: &[&str], expected: Result<usize, &str>) {
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
        check(&["a", "A"], Ok(2));
        check(&["a", "a"], Err("DUPLICATE_TAG_KEY"));
        check(&["AWS:a"], Err("INVALID_SYSTEM_TAGS_PARAMETER"));
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
