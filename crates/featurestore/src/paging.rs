//! Tokens of lists: where a page ended, bound to the list that it belongs to; and room for others
//! while a long list is looked through.

use std::fmt::Debug;
use std::task::Poll;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
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
    /// The list that `request` asks for, which must not have the token nor the size of a page.
    pub(crate) fn of(account: AccountId, region: &Region, request: &impl Debug) -> Self {
        let asked = format!("{account:?}{region:?}{request:?}");
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

/// Lets other requests of this thread run.
pub(crate) async fn give_way() {
    let mut waited = false;
    std::future::poll_fn(|cx| {
        if std::mem::replace(&mut waited, true) {
            return Poll::Ready(());
        }
        cx.waker().wake_by_ref();
        Poll::Pending
    })
    .await;
}

#[cfg(test)]
mod tests {
    use super::*;

    fn list(request: &str) -> List {
        let account = "111122223333".parse().unwrap();
        List::of(account, &"us-east-1".parse().unwrap(), &request)
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
            List::of(
                "444455556666".parse().unwrap(),
                &"us-east-1".parse().unwrap(),
                &"a",
            ),
            List::of(
                "111122223333".parse().unwrap(),
                &"eu-west-1".parse().unwrap(),
                &"a",
            ),
        ] {
            assert!(other.read::<(String, u8)>(&token).is_err());
        }
    }

    #[test]
    fn what_is_no_token_is_refused() {
        for text in ["", "x", "e30", "!"] {
            assert!(list("a").read::<u8>(text).is_err());
        }
    }
}
