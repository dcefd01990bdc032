//! Pages of lists: `Limit`, `Marker`, `NextMarker`, `Truncated`.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use store::Key;
use types::{AccountId, Region};

use crate::Error;

/// One list, as its markers know it: a marker of one list is refused by every other.
#[derive(Debug, Clone, Copy)]
pub(crate) struct List<'a> {
    /// The operation.
    pub(crate) operation: &'static str,
    /// The account whose rows are listed.
    pub(crate) account: AccountId,
    /// The region.
    pub(crate) region: &'a Region,
    /// What the list was narrowed to, empty if to nothing.
    pub(crate) filter: &'a str,
}

/// One page.
#[derive(Debug)]
pub(crate) struct Page<T> {
    pub(crate) items: Vec<T>,
    /// The marker of the next page, if there is one.
    pub(crate) next: Option<String>,
}

impl List<'_> {
    /// Takes up to `limit` of `rows`, each with the name under which the list goes on.
    pub(crate) fn page<T>(
        &self,
        limit: usize,
        mut rows: impl Iterator<Item = (String, T)>,
    ) -> Page<T> {
        let mut items = Vec::new();
        let mut last = None;
        for (name, item) in rows.by_ref().take(limit) {
            items.push(item);
            last = Some(name);
        }
        let more = rows.next().is_some();
        Page {
            items,
            next: last.filter(|_| more).map(|name| self.marker(&name)),
        }
    }

    /// The name that a marker continues behind; `None` without a marker.
    ///
    /// Fails with `InvalidMarkerException` unless the marker is one of this list.
    pub(crate) fn after(&self, marker: Option<&str>) -> Result<Option<String>, Error> {
        let Some(marker) = marker else {
            return Ok(None);
        };
        let bytes = URL_SAFE_NO_PAD
            .decode(marker)
            .map_err(|_source| Error::InvalidMarker)?;
        let mut parts = Key::from_encoded(&bytes).text_parts();
        let last = parts.pop().ok_or(Error::InvalidMarker)?;
        // Building it again refuses every other spelling of the same parts.
        if self.marker(&last) == marker {
            Ok(Some(last))
        } else {
            Err(Error::InvalidMarker)
        }
    }

    fn marker(&self, last: &str) -> String {
        let (account, region) = (self.account.as_str(), self.region.as_str());
        let key = Key::of(&[self.operation, account, region, self.filter, last]);
        URL_SAFE_NO_PAD.encode(key.as_bytes())
    }
}

/// The number of items of a page.
///
/// The service model has one range for all lists of KMS; this checks the list's own.
pub(crate) fn limit(asked: Option<i32>, default: usize, most: usize) -> Result<usize, Error> {
    let Some(asked) = asked else {
        return Ok(default);
    };
    let rule = |bound: &str, most: usize| {
        let rule = format!("Member must have value {bound} than or equal to {most}");
        Error::constraint(&format!("'{asked}'"), "limit", &rule)
    };
    match usize::try_from(asked) {
        Err(_) | Ok(0) => Err(rule("greater", 1)),
        Ok(limit) if limit > most => Err(rule("less", most)),
        Ok(limit) => Ok(limit),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn list<'a>(region: &'a Region, filter: &'a str) -> List<'a> {
        List {
            operation: "ListAliases",
            account: "111122223333".parse().unwrap(),
            region,
            filter,
        }
    }

    fn rows(names: &[&str]) -> impl Iterator<Item = (String, String)> {
        names
            .iter()
            .map(|name| ((*name).to_owned(), (*name).to_owned()))
            .collect::<Vec<_>>()
            .into_iter()
    }

    #[test]
    fn a_full_page_has_a_marker_only_if_more_follows() {
        let region = "us-east-1".parse().unwrap();
        let list = list(&region, "");
        assert!(list.page(2, rows(&["a", "b"])).next.is_none());
        let page = list.page(2, rows(&["a", "b", "c"]));
        assert_eq!(page.items, ["a", "b"]);
        assert_eq!(
            list.after(page.next.as_deref()).unwrap().as_deref(),
            Some("b")
        );
    }

    #[test]
    fn markers_of_other_lists_are_refused() {
        let (here, there) = ("us-east-1".parse().unwrap(), "eu-west-1".parse().unwrap());
        let marker = list(&here, "").marker("b");
        for other in [list(&here, "x"), list(&there, "")] {
            assert!(matches!(
                other.after(Some(&marker)),
                Err(Error::InvalidMarker)
            ));
        }
        let other = List {
            operation: "ListKeys",
            ..list(&here, "")
        };
        assert!(matches!(
            other.after(Some(&marker)),
            Err(Error::InvalidMarker)
        ));
    }

    #[test]
    fn what_is_no_marker_is_refused() {
        let region = "us-east-1".parse().unwrap();
        let list = list(&region, "");
        let good = list.marker("b");
        for marker in [
            "",
            "!",
            "AAAA",
            good.get(1..).unwrap(),
            &format!("{good}A"),
            &format!("{good}="),
        ] {
            assert!(
                matches!(list.after(Some(marker)), Err(Error::InvalidMarker)),
                "{marker}"
            );
        }
    }

    fn check_limit(asked: Option<i32>, expected: Result<usize, &str>) {
        let found = limit(asked, 50, 100).map_err(|error| error.to_string());
        assert_eq!(
            found,
            expected.map_err(|rule| {
                format!(
                    "1 validation error detected: Value '{}' at 'limit' failed to satisfy \
                 constraint: Member must have value {rule}",
                    asked.unwrap()
                )
            })
        );
    }

    #[test]
    fn limits_stay_in_the_range_of_their_list() {
        check_limit(None, Ok(50));
        check_limit(Some(1), Ok(1));
        check_limit(Some(100), Ok(100));
        check_limit(Some(101), Err("less than or equal to 100"));
        check_limit(Some(0), Err("greater than or equal to 1"));
        check_limit(Some(-1), Err("greater than or equal to 1"));
    }
}
