//! Client tokens: a call that is made again with the same token changes nothing more and is
//! answered with what is there now.

use std::fmt::Write as _;
use std::time::Duration;

use pipeline::{Ctx, EventDetail};
use store::{Batch, Key};
use types::AccountId;

use crate::Error;
use crate::records::{TOKENS, TokenRecord};

/// How long a token counts.
const LIFETIME: Duration = Duration::from_hours(24);

/// How many tokens of one operation an account has in a region; the oldest are forgotten first.
const MOST: usize = 256;

/// The client token of a call, and whether it was used before.
#[derive(Debug)]
pub(crate) struct Token {
    operation: &'static str,
    row: Key,
    parameters: String,
    /// What the first call with it was about.
    pub(crate) used_for: Option<String>,
}

impl Token {
    /// Looks up the token of a call of `operation`, if it has one; `detail` has its parameters.
    ///
    /// Fails with `InvalidClientTokenException` for what cannot be a token, and with
    /// `IdempotentParameterMismatchException` if it was used with other parameters.
    pub(crate) fn find(
        ctx: &Ctx,
        account: AccountId,
        operation: &'static str,
        token: Option<&str>,
        detail: &EventDetail,
    ) -> Result<Option<Self>, Error> {
        let Some(token) = token else {
            return Ok(None);
        };
        let is_one = (1..=64).contains(&token.len()) && token.bytes().all(|b| b.is_ascii_graphic());
        if !is_one {
            return Err(Error::InvalidClientToken);
        }
        let row = Key::of(&[account.as_str(), ctx.region().as_str(), operation, token]);
        let parameters = digest(&detail.request.to_string());
        let known = ctx.view().get(&TOKENS, &row).map(|row| row.record);
        let known = known.filter(|known| known.at.saturating_add(LIFETIME) > ctx.time());
        match known {
            Some(known) if known.parameters != parameters => Err(Error::TokenMismatch),
            known => Ok(Some(Self {
                operation,
                row,
                parameters,
                used_for: known.map(|known| known.about.clone()),
            })),
        }
    }

    /// Adds to `batch` that the token was used for `about`, and forgets those of the account for
    /// the same operation that are too old or too many.
    pub(crate) fn keep(self, ctx: &Ctx, account: AccountId, batch: &mut Batch, about: &str) {
        let prefix = Key::of(&[account.as_str(), ctx.region().as_str(), self.operation]);
        let rows = ctx.view().scan(&TOKENS, &prefix, None);
        let others = rows.filter(|(key, _)| **key != self.row);
        let mut others: Vec<_> = others.map(|(key, row)| (row.record.at, key)).collect();
        others.sort();
        let surplus = (others.len() + 1).saturating_sub(MOST);
        for (number, (at, key)) in others.into_iter().enumerate() {
            if number < surplus || at.saturating_add(LIFETIME) <= ctx.time() {
                batch.delete(&TOKENS, key.clone());
            }
        }
        batch.put(
            &TOKENS,
            self.row,
            TokenRecord {
                parameters: self.parameters,
                about: about.to_owned(),
                at: ctx.time(),
            },
        );
    }
}

fn digest(text: &str) -> String {
    let mut hexadecimal = String::with_capacity(64);
    for byte in crypto::digest::sha256(text.as_bytes()) {
        let _infallible = write!(hexadecimal, "{byte:02x}");
    }
    hexadecimal
}
