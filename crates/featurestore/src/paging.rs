//! Tokens of lists: where a page ended, bound to the list that it belongs to.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use types::{AccountId, Region};

use crate::Error;

/// One list: what was asked for, by whom and where. Its tokens are of no use for another.
#[derive(Debug)]
pub(crate) struct List {
    /// The SHA-256 of all that.
    digest: String,
}

/// What a token says, as JSON in base64. Nothing of it is secret: a caller may read it, and
/// whoever writes one sees no more than the list has.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Token<P> {
    of: String,
    after: P,
}

impl List {
    /// The list that a call of `operation` with these parameters asks for, which page of it ever.
    ///
    /// What is hashed has the form that the audit record shows, which is AWS's: a release that
    /// changes a type here leaves the tokens good that clients hold.
    pub(crate) fn of(
        (account, region): (AccountId, &Region),
        operation: &str,
        mut parameters: Value,
    ) -> Self {
        if let Value::Object(members) = &mut parameters {
            members.retain(|name, _| !matches!(name.as_str(), "nextToken" | "maxResults"));
        }
        let asked = json!([account.as_str(), region.as_str(), operation, parameters]);
        let asked = asked.to_string();
        Self {
            digest: URL_SAFE_NO_PAD.encode(crypto::digest::sha256(asked.as_bytes())),
        }
    }

    /// The token of a page that ended at `after`.
    pub(crate) fn token(&self, after: &impl Serialize) -> Result<String, Error> {
        let token = Token {
            of: self.digest.clone(),
            after,
        };
        let json = serde_json::to_vec(&token)
            .map_err(|source| Error::internal("a token cannot be written", source))?;
        Ok(URL_SAFE_NO_PAD.encode(json))
    }

    /// Where the page ended that `token` was given with.
    ///
    /// Fails if it is no token of this list.
    pub(crate) fn read<P: DeserializeOwned>(&self, token: &str) -> Result<P, Error> {
        let bytes = URL_SAFE_NO_PAD.decode(token).ok();
        let token: Option<Token<P>> = bytes.and_then(|bytes| serde_json::from_slice(&bytes).ok());
        token
            .filter(|token| token.of == self.digest)
            .map(|token| token.after)
            .ok_or_else(|| Error::validation("the NextToken is not valid for this list."))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn list_of(account: &str, region: &str, operation: &str, name: &str) -> List {
        let of = (account.parse().unwrap(), &region.parse().unwrap());
        List::of(of, operation, json!({ "nameContains": name }))
    }

    fn list(name: &str) -> List {
        list_of("111122223333", "us-east-1", "ListFeatureGroups", name)
    }

    #[test]
    fn a_token_reads_back_in_its_own_list_only() {
        let token = list("a").token(&("x", 7)).unwrap();
        assert_eq!(
            list("a").read::<(String, u8)>(&token).unwrap(),
            ("x".to_owned(), 7)
        );
        for other in [
            list("b"),
            list_of("444455556666", "us-east-1", "ListFeatureGroups", "a"),
            list_of("111122223333", "eu-west-1", "ListFeatureGroups", "a"),
            list_of("111122223333", "us-east-1", "Search", "a"),
        ] {
            assert!(other.read::<(String, u8)>(&token).is_err());
        }
    }

    #[test]
    fn the_pages_of_one_list_may_differ_in_size() {
        let account = "111122223333".parse().unwrap();
        let region = "us-east-1".parse().unwrap();
        let parameters = json!({ "nameContains": "a", "maxResults": 3, "nextToken": "x" });
        let of_a_page = List::of((account, &region), "ListFeatureGroups", parameters);
        assert_eq!(of_a_page.digest, list("a").digest);
    }

    #[test]
    fn a_token_of_an_earlier_release_is_good() {
        let token = "eyJvZiI6Il9RazhwNmRNejBWSFc5ZVNfZTVmSDFyWmJkWnhuNl9hYUhlV1UxNWVwTlUiLCJhZnRlciI6WyJ4Iiw3XX0";
        assert_eq!(list("a").token(&("x", 7)).unwrap(), token);
    }

    #[test]
    fn what_is_no_token_is_refused() {
        for text in ["", "x", "e30", "!"] {
            assert!(list("a").read::<u8>(text).is_err());
        }
    }
}
