//! `GetKeyUsage`: how often the keys of an account were used in a month, and what that costs.
//! Our own.

use pipeline::{Ctx, EventDetail, Kind, Need, Needs, Operation, Permit, Reply};
use policy::Action;
use shapes::strongroom::{GetKeyUsageInput, GetKeyUsageOutput, UsageOfKey, UseOfKey};
use types::{Arn, Service};

use crate::event::Fields;
use crate::prices::{Money, Prices};
use crate::usage::{self, KeyUsage, UsageQuery};
use crate::{Error, actions};

/// Keys of a page.
const PAGE: usize = 100;

/// Says of each key of the account and region, and of each other key that was used from it, who
/// used it for what and how often in one month, with the cost by the table of prices in the
/// configuration, in pages of 100 keys. Uses are in it within about a minute, and for thirteen
/// months. Beyond 10,000 rows of a month the callers of an account are one, `arn:aws:iam::…:*`,
/// and beyond as many again the keys, `…:key/*`.
///
/// Fails with `ValidationException` for a month that is none or not kept any more, and for an ARN
/// or a token that is not that of a key of this region, and with `ThrottlingException` beyond five
/// calls a second of an account (`kms.requests_per_second`).
#[derive(Debug)]
pub struct GetKeyUsage;

impl Operation for GetKeyUsage {
    const SERVICE: Service = Service::Strongroom;
    const NAME: &'static str = "GetKeyUsage";
    const ACTIONS: &'static [&'static Action] = &[&actions::GET_KEY_USAGE];
    const KIND: Kind = Kind::ReadOnly;
    type Input = GetKeyUsageInput;
    type Output = GetKeyUsageOutput;
    type Target = ();
    type Error = Error;

    async fn resolve(_ctx: &Ctx, _input: &Self::Input) -> Result<(Needs, ()), Error> {
        Ok((Needs::one(Need::anywhere(&actions::GET_KEY_USAGE)), ()))
    }

    async fn handle(
        ctx: &Ctx,
        _permit: Permit<Self>,
        input: Self::Input,
    ) -> Result<Reply<Self::Output>, Error> {
        let account = ctx.account().ok_or(Error::NoAccount)?;
        let month = (input.month).unwrap_or_else(|| usage::month_of(ctx.time()));
        if !usage::is_kept_month(&month, ctx.time()) {
            let text = format!(
                "`{month}` at `Month` is no month of the last thirteen: write one as 2026-11"
            );
            return Err(Error::Validation(text.into()));
        }
        let key = key_at(ctx, "KeyArn", input.key_arn.as_deref())?;
        let after = key_at(ctx, "NextToken", input.next_token.as_deref())?;
        let prices = ctx.part::<Prices>()?;
        let query = UsageQuery {
            account,
            region: ctx.region(),
            month: &month,
            key: key.as_ref(),
            after: after.as_ref(),
            limit: PAGE + 1,
        };
        let mut keys = usage::usage(ctx.view().snapshot(), prices, ctx.time(), query);
        let more = keys.len() > PAGE;
        keys.truncate(PAGE);
        let last = keys.last().filter(|_| more);
        Ok(Reply::read(GetKeyUsageOutput {
            next_token: last.map(|last| last.key.to_string()),
            currency: prices.currency.clone(),
            keys: keys.into_iter().map(shown).collect(),
            month,
        }))
    }

    fn event(input: &Self::Input, _output: Option<&Self::Output>) -> EventDetail {
        Fields::default()
            .maybe("month", input.month.clone())
            .maybe("keyArn", input.key_arn.clone())
            .maybe("nextToken", input.next_token.clone())
            .request()
    }
}

/// A key that the caller names. A token is the last key of its page: it tells nothing, and
/// whatever it is, the report is of the caller's account.
fn key_at(ctx: &Ctx, member: &str, text: Option<&str>) -> Result<Option<Arn>, Error> {
    let Some(text) = text else { return Ok(None) };
    let arn = text.parse::<Arn>().ok().filter(|arn| {
        arn.service() == "kms"
            && arn.region() == ctx.region().as_str()
            && arn.account().is_some()
            && arn.resource_of("key").is_some()
    });
    arn.map(Some).ok_or_else(|| {
        let text = format!("`{text}` at `{member}` is not the ARN of a key in this region");
        Error::Validation(text.into())
    })
}

fn shown(usage: KeyUsage) -> UsageOfKey {
    let calls = usage.uses.iter().map(|used| used.count).sum();
    let cost: Money = usage.uses.iter().map(|used| used.cost).sum();
    let uses = usage.uses.into_iter().map(|used| UseOfKey {
        caller: used.caller,
        operation: used.operation,
        calls: used.count,
        cost: used.cost.to_string(),
    });
    UsageOfKey {
        key_arn: usage.key.to_string(),
        key_manager: usage.manager.map(|manager| manager.as_str().to_owned()),
        calls,
        cost_of_calls: cost.to_string(),
        cost_of_key: usage.storage.to_string(),
        uses: uses.collect(),
    }
}
