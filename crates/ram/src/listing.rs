//! Pages of listings: `nextToken`, `maxResults`.

use std::collections::BTreeMap;

use pipeline::{Cut, EventDetail, Page};
use serde_json::Value;

use crate::Error;
use crate::turns::Turns;

/// How many items a page has if the caller does not say: the most that one may ask for.
const ITEMS: i32 = 500;

/// A page that is filled while going through what there is: it keeps what may be on it and no more.
pub(crate) struct Listing<T> {
    page: Page,
    kept: BTreeMap<String, T>,
    turns: Turns,
}

impl<T> Listing<T> {
    /// A page of the listing of `operation`.
    ///
    /// `detail` has the parameters of the call, all of which the token is bound to but the page
    /// itself. Fails with `InvalidNextTokenException` for a token that another listing made.
    pub(crate) fn new(
        operation: &str,
        detail: EventDetail,
        (token, max_results): (Option<&str>, Option<i32>),
    ) -> Result<Self, Error> {
        let mut parameters = detail.request;
        if let Value::Object(members) = &mut parameters {
            members.retain(|name, _| !matches!(name.as_str(), "nextToken" | "maxResults"));
        }
        let parameters = parameters.to_string();
        let listing = [operation, parameters.as_str()];
        let page = Page::new(&listing, token, Some(max_results.unwrap_or(ITEMS)));
        Ok(Self {
            page: page.map_err(|_made_by_another| Error::InvalidNextToken)?,
            kept: BTreeMap::new(),
            turns: Turns::default(),
        })
    }

    /// Counts what is looked at, and lets others have their turn.
    pub(crate) async fn look(&mut self, looks: usize) {
        self.turns.look(looks).await;
    }

    /// Adds an item at its place, which no other has.
    pub(crate) fn add(&mut self, place: String, item: T) {
        self.page.keep(&mut self.kept, place, item);
    }

    /// The page.
    pub(crate) fn cut(self) -> Cut<T> {
        self.page.cut(self.kept)
    }
}

/// Cuts a page out of `items`, which come with their places.
///
/// Fails as [`Listing::new`] does.
pub(crate) fn page<T>(
    operation: &str,
    detail: EventDetail,
    page: (Option<&str>, Option<i32>),
    items: impl IntoIterator<Item = (String, T)>,
) -> Result<Cut<T>, Error> {
    let mut listing = Listing::new(operation, detail, page)?;
    for (place, item) in items {
        listing.add(place, item);
    }
    Ok(listing.cut())
}
