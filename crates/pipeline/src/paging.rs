//! Pages of listings. What a service calls marker and limit, and what it answers to a marker that is none,
//! is its own.

use std::collections::BTreeMap;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

/// How many items a page has if the caller does not say.
const DEFAULT_ITEMS: usize = 100;

/// Which part of a listing a caller wants.
#[derive(Debug)]
pub struct Page {
    listing: u64,
    after: Option<String>,
    limit: usize,
}

/// One page.
#[derive(Debug)]
pub struct Cut<T> {
    /// The items, in order.
    pub items: Vec<T>,
    /// Where the next page begins; `None` on the last one.
    pub marker: Option<String>,
}

/// A marker was made by another listing, or by nobody.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the marker was not made by this listing")]
pub struct ForeignMarker;

impl Page {
    /// The page behind `marker` with at most `max_items` (1 to 1,000, as checked on reading).
    ///
    /// `listing` names the listing and all that selects its items: a marker is good for
    /// exactly the listing that made it. Fails for any other.
    pub fn new(
        listing: &[&str],
        marker: Option<&str>,
        max_items: Option<i32>,
    ) -> Result<Self, ForeignMarker> {
        let listing = fingerprint(listing);
        let after = match marker {
            Some(marker) => Some(open(listing, marker).ok_or(ForeignMarker)?),
            None => None,
        };
        let limit = max_items.and_then(|items| usize::try_from(items).ok());
        Ok(Self {
            listing,
            after,
            limit: limit.unwrap_or(DEFAULT_ITEMS).max(1),
        })
    }

    /// The place of the last item of the page before.
    fn after(&self) -> Option<&str> {
        self.after.as_deref()
    }

    /// Cuts the page out of `items`, which come with their places, in order of their places.
    pub fn cut<T>(&self, items: impl IntoIterator<Item = (String, T)>) -> Cut<T> {
        let behind = |place: &str| self.after().is_none_or(|after| place > after);
        let mut items = items.into_iter().filter(|(place, _)| behind(place));
        let mut page = Vec::new();
        let mut last = String::new();
        for (place, item) in items.by_ref().take(self.limit) {
            page.push(item);
            last = place;
        }
        let marker = items.next().map(|_| self.marker(&last));
        Cut {
            items: page,
            marker,
        }
    }

    /// Adds an item at its place to those that are `kept` for [`Self::cut`]: of all that are added,
    /// those on the page and the first behind it stay.
    pub fn keep<T>(&self, kept: &mut BTreeMap<String, T>, place: String, item: T) {
        let before = self.after().is_some_and(|after| *place <= *after);
        let is_full = kept.len() > self.limit;
        let beyond = is_full && kept.last_key_value().is_some_and(|(last, _)| place > *last);
        if before || beyond {
            return;
        }
        kept.insert(place, item);
        if kept.len() > self.limit.saturating_add(1) {
            kept.pop_last();
        }
    }

    fn marker(&self, place: &str) -> String {
        let mut bytes = self.listing.to_be_bytes().to_vec();
        bytes.extend_from_slice(place.as_bytes());
        URL_SAFE_NO_PAD.encode(bytes)
    }
}

impl<T> Cut<T> {
    /// Whether there are more.
    pub fn is_truncated(&self) -> bool {
        self.marker.is_some()
    }
}

fn open(listing: u64, marker: &str) -> Option<String> {
    let bytes = URL_SAFE_NO_PAD.decode(marker).ok()?;
    let (made_by, place) = bytes.split_at_checked(8)?;
    (made_by == listing.to_be_bytes()).then(|| String::from_utf8(place.to_vec()).ok())?
}

/// FNV-1a over the parts. Not a secret: a marker that somebody makes up still selects nothing
/// but items of the listing that it is given to.
fn fingerprint(parts: &[&str]) -> u64 {
    let bytes = parts.iter().flat_map(|part| part.bytes().chain([0]));
    bytes.fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn places(count: usize) -> Vec<(String, usize)> {
        (0..count)
            .map(|number| (format!("{number:04}"), number))
            .collect()
    }

    fn walk(count: usize, limit: i32) -> Vec<usize> {
        let (mut all, mut marker) = (Vec::new(), None);
        loop {
            let page = Page::new(&["L", "a"], marker.as_deref(), Some(limit)).unwrap();
            let cut = page.cut(places(count));
            all.extend(cut.items);
            marker = cut.marker;
            if marker.is_none() {
                return all;
            }
        }
    }

    #[test]
    fn pages_give_every_item_once() {
        for (count, limit) in [(0, 1), (1, 1), (7, 3), (6, 3), (5, 1000)] {
            assert_eq!(
                walk(count, limit),
                (0..count).collect::<Vec<_>>(),
                "{count} by {limit}"
            );
        }
    }

    #[test]
    fn a_page_is_kept_from_items_in_any_order_and_no_more_than_it() {
        for (count, limit) in [(0, 1), (1, 1), (7, 3), (6, 3)] {
            let (mut all, mut marker) = (Vec::new(), None);
            loop {
                let page = Page::new(&["L"], marker.as_deref(), Some(limit)).unwrap();
                let mut kept = BTreeMap::new();
                let (even, odd): (Vec<_>, Vec<_>) = places(count)
                    .into_iter()
                    .partition(|(_, item)| item % 2 == 0);
                for (place, item) in even.into_iter().chain(odd.into_iter().rev()) {
                    page.keep(&mut kept, place, item);
                    assert!(kept.len() <= page.limit + 1);
                }
                let cut = page.cut(kept);
                all.extend(cut.items);
                marker = cut.marker;
                if marker.is_none() {
                    break;
                }
            }
            assert_eq!(all, (0..count).collect::<Vec<_>>(), "{count} by {limit}");
        }
    }

    #[test]
    fn a_hundred_items_are_the_default() {
        let cut = Page::new(&["L"], None, None).unwrap().cut(places(101));
        assert_eq!((cut.items.len(), cut.is_truncated()), (100, true));
    }

    #[test]
    fn a_marker_is_good_for_its_own_listing_only() {
        let marker = Page::new(&["L", "a"], None, Some(1))
            .unwrap()
            .cut(places(2))
            .marker;
        for listing in [&["L", "b"][..], &["M", "a"], &["La"]] {
            let refused = Page::new(listing, marker.as_deref(), None);
            assert!(matches!(refused, Err(ForeignMarker)), "{listing:?}");
        }
    }

    #[test]
    fn made_up_markers_are_refused() {
        for marker in ["", "x", "AAAA", "!!!!", "AAAAAAAAAAAAAAAA"] {
            assert!(Page::new(&["L"], Some(marker), None).is_err(), "{marker}");
        }
    }
}
