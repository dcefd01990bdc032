//! Pages of listings: `NextToken`, `MaxResults`.

use pipeline::{Cut, Page};

use super::error::{Error, Invalid};

/// How many items a page has if the caller does not say: the most that one may ask for.
const ITEMS: i32 = 20;

/// Cuts a page out of `items`, which come with their places.
///
/// `listing` names the listing and all that selects its items. Fails with
/// `InvalidInputException` for a token that another listing made.
pub(crate) fn page<T>(
    listing: &[&str],
    (token, max_results): (Option<&str>, Option<i32>),
    items: impl IntoIterator<Item = (String, T)>,
) -> Result<Cut<T>, Error> {
    let page = Page::new(listing, token, Some(max_results.unwrap_or(ITEMS)));
    let page = page.map_err(|_made_by_another| Error::Invalid(Invalid::PagingToken))?;
    let mut items: Vec<(String, T)> = items.into_iter().collect();
    items.sort_by(|(one, _), (other, _)| one.cmp(other));
    Ok(page.cut(items))
}
