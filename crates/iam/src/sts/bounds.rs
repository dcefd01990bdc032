//! Session policies and session tags: reading what a request passes, and its measure.

use pipeline::Session;
use policy::{Document, DocumentKind};
use shapes::sts::{PolicyDescriptorType, Tag};
use store::View;
use types::{AccountId, differ_in_case_only, is_reserved_tag, same_but_for_case};

use super::error::Error;
use super::token::Bounds;
use crate::managed::{self, Managed};

/// Managed session policies of one session.
const MOST_POLICIES: usize = 10;

/// Characters of all session policies: the inline document and the ARNs of managed ones.
const POLICY_SPACE: usize = 2048;

/// Bytes of session policies and tags as a token carries them.
const PACKED_SPACE: usize = 4096;

/// Session policies as a request passes them.
///
/// Fails with `MalformedPolicyDocument`, and with `ValidationError` for more than ten managed
/// policies or a text that is no ARN.
pub(crate) fn policies(
    policy: Option<&str>,
    managed: Option<&[PolicyDescriptorType]>,
) -> Result<Bounds, Error> {
    if let Some(text) = policy {
        Document::parse(text, DocumentKind::Session).map_err(Error::MalformedPolicy)?;
    }
    let named = managed.unwrap_or_default();
    if named.len() > MOST_POLICIES {
        return Err(Error::TooManyPolicies(named.len()));
    }
    let arns = named.iter().filter_map(|policy| policy.arn.as_deref());
    let arns: Result<Vec<_>, _> = arns.map(managed::read_arn).collect();
    Ok(Bounds {
        policy: policy.map(str::to_owned),
        managed: arns?,
        ..Bounds::default()
    })
}

/// Session tags as a request passes them. Their number and the characters of keys and values
/// were checked when the request was read.
///
/// Fails with `InvalidParameterValue` if two keys differ in case only, and with
/// `ValidationError` if one is reserved.
pub(crate) fn tags(tags: Option<&[Tag]>) -> Result<Vec<(String, String)>, Error> {
    let tags = tags.unwrap_or_default();
    if let Some(tag) = tags.iter().find(|tag| is_reserved_tag(&tag.key)) {
        return Err(Error::Reserved(tag.key.clone()));
    }
    if differ_in_case_only(tags.iter().map(|tag| tag.key.as_str())) {
        return Err(Error::DuplicateTags);
    }
    let pair = |tag: &Tag| (tag.key.clone(), tag.value.clone());
    Ok(tags.iter().map(pair).collect())
}

/// Adds to `bounds` the tags of a request with the keys that it calls transitive, and what the
/// calling session hands down.
///
/// Fails with `InvalidParameterValue` for a transitive key that is not among the tags, and for a
/// tag that is inherited.
pub(crate) fn add_tags(
    bounds: &mut Bounds,
    tags: &[(String, String)],
    transitive: &[String],
    from: Option<&Session>,
) -> Result<(), Error> {
    let has = |tags: &[(String, String)], wanted: &str| {
        tags.iter().any(|(key, _)| same_but_for_case(key, wanted))
    };
    if transitive.iter().any(|key| !has(tags, key)) {
        return Err(Error::TransitiveWithoutTag);
    }
    let inherited = from.map(inherited).unwrap_or_default();
    if tags.iter().any(|(key, _)| has(&inherited, key)) {
        return Err(Error::Inherited);
    }
    bounds.transitive = inherited.iter().map(|(key, _)| key.clone()).collect();
    for key in transitive {
        if !bounds.transitive.contains(key) {
            bounds.transitive.push(key.clone());
        }
    }
    bounds.tags = inherited;
    bounds.tags.extend_from_slice(tags);
    Ok(())
}

/// The tags that `session` hands down to sessions that are made with it.
pub(crate) fn inherited(session: &Session) -> Vec<(String, String)> {
    let handed_down = |key: &str| {
        let mut keys = session.transitive.iter();
        keys.any(|other| same_but_for_case(other, key))
    };
    let tags = session.tags.iter().filter(|(key, _)| handed_down(key));
    tags.cloned().collect()
}

/// How much of their space session policies and tags take, in percent; `None` if there are
/// none.
///
/// Fails with `PackedPolicyTooLarge` if they take more than all of it.
pub(crate) fn packed_size(bounds: &Bounds) -> Result<Option<i32>, Error> {
    if *bounds == Bounds::default() {
        return Ok(None);
    }
    let text = bounds
        .policy
        .as_ref()
        .map_or(0, |text| text.chars().count());
    let arns: usize = bounds.managed.iter().map(|arn| arn.as_str().len()).sum();
    let packed = serde_json::to_vec(bounds).map_err(Error::Token)?.len();
    let of = |taken: usize, space: usize| (taken * 100).div_ceil(space);
    let percent = of(text + arns, POLICY_SPACE).max(of(packed, PACKED_SPACE));
    if percent > 100 {
        return Err(Error::TooLarge { percent });
    }
    Ok(i32::try_from(percent).ok())
}

/// Checks that the managed session policies exist in `account`, or are AWS's.
pub(crate) fn exist(view: &View, account: AccountId, bounds: &Bounds) -> Result<(), Error> {
    for arn in &bounds.managed {
        if Managed::find(view, account, arn).is_none() {
            return Err(Error::NoSuchPolicy {
                arn: arn.to_string(),
            });
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests;
