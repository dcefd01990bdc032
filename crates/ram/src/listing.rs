//! Pages of listings: `nextToken`, `maxResults`.

use pipeline::{Cut, EventDetail, Page};
use serde_json::Value;

use crate::Error;

/// How many items a page has if the caller does not say: the most that one may ask for.
const ITEMS: i32 = 500;

/// Cuts a page out of `items`, which come with their places.
///
/// `detail` has the parameters of the call, all of which the token is bound to but the page itself.
/// Fails with `InvalidNextTokenException` for a token that another listing made.
pub(crate) fn page<T>(
    operation: &str,
    detail: EventDetail,
    (token, max_results): (Option<&str>, Option<i32>),
    items: impl IntoIterator<Item = (String, T)>,
) -> Result<Cut<T>, Error> {
    let mut parameters = detail.request;
    if let Value::Object(members) = &mut parameters {
        members.retain(|name, _| !matches!(name.as_str(), "nextToken" | "maxResults"));
    }
    let parameters = parameters.to_string();
    let listing = [operation, parameters.as_str()];
    let page = Page::new(&listing, token, Some(max_results.unwrap_or(ITEMS)));
    let page = page.map_err(|_made_by_another| Error::InvalidNextToken)?;
    let mut items: Vec<(String, T)> = items.into_iter().collect();
    items.sort_by(|(one, _), (other, _)| one.cmp(other));
    Ok(page.cut(items))
}
