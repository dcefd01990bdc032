//! `GetAccessKeyInfo`: the account that an access key belongs to.

use pipeline::{Ctx, EventDetail, Kind, Need, Needs, Operation, Permit, Reply};
use policy::Action;
use shapes::sts::{GetAccessKeyInfoRequest, GetAccessKeyInfoResponse};
use types::{AccessKeyId, AccountId, Service};

use super::actions;
use super::error::Error;
use crate::event::{self, Fields};
use crate::{lookup, tables};

/// Returns the account of an access key, long-term or temporary; whether the key can still sign
/// is not said.
///
/// Fails with `ValidationError` for a key that no account here has.
#[derive(Debug)]
pub(crate) struct GetAccessKeyInfo;

impl Operation for GetAccessKeyInfo {
    const SERVICE: Service = Service::Sts;
    const NAME: &'static str = "GetAccessKeyInfo";
    const ACTIONS: &'static [&'static Action] = &[&actions::GET_ACCESS_KEY_INFO];
    const KIND: Kind = Kind::ReadOnly;
    const DENIED_CODE: Option<&'static str> = Some(crate::ops::ACCESS_DENIED);
    type Input = GetAccessKeyInfoRequest;
    type Output = GetAccessKeyInfoResponse;
    type Target = ();
    type Error = Error;

    async fn resolve(ctx: &Ctx, _input: &Self::Input) -> Result<(Needs, ()), Error> {
        lookup::account(ctx)?;
        let need = Need::anywhere(&actions::GET_ACCESS_KEY_INFO);
        Ok((Needs::one(need), ()))
    }

    async fn handle(
        ctx: &Ctx,
        _permit: Permit<Self>,
        input: Self::Input,
    ) -> Result<Reply<Self::Output>, Error> {
        let account = account_of(ctx, &input.access_key_id).ok_or(Error::UnknownKey)?;
        Ok(Reply::read(GetAccessKeyInfoResponse {
            account: Some(account.to_string()),
        }))
    }

    fn event(input: &Self::Input, _output: Option<&Self::Output>) -> EventDetail {
        event::request(Fields::default().with("accessKeyId", input.access_key_id.as_str()))
    }
}

/// The account of the key: from its record, or from the id of a temporary one.
fn account_of(ctx: &Ctx, id: &str) -> Option<AccountId> {
    let id: AccessKeyId = id.parse().ok()?;
    let view = ctx.view();
    if let Some(row) = view.get(&tables::ACCESS_KEYS, &tables::access_key(&id)) {
        return Some(row.record.account);
    }
    let account = id.temporary_account()?;
    view.get(&tables::ACCOUNTS, &tables::account(account))?;
    Some(account)
}
