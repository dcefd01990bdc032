//! How much one call may name: AWS's model has no bound for any list.

use crate::Error;

/// Resources, principals, shares, invitations, tags or filters that one call may name: as many as a
/// share can have of them.
pub(crate) const MOST_NAMED: usize = 5_000;

/// The elements of a list of a request; none if it is not there.
///
/// Fails with `InvalidParameterException` for more than [`MOST_NAMED`]. To be asked before any of
/// them is read: what a call costs before policies decide about it must not depend on the size of
/// its body.
pub(crate) fn bounded<'a, T>(name: &str, list: Option<&'a [T]>) -> Result<&'a [T], Error> {
    let list = list.unwrap_or_default();
    if list.len() > MOST_NAMED {
        return Err(Error::invalid(format!(
            "{name} has {} elements, and at most {MOST_NAMED} are accepted",
            list.len()
        )));
    }
    Ok(list)
}
