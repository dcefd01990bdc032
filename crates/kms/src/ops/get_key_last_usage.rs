//! `GetKeyLastUsage`: when a key was last used, and for what.

use pipeline::{Ctx, EventDetail, Kind, Needs, Operation, Permit, Reply};
use policy::Action;
use shapes::kms::{GetKeyLastUsageRequest, GetKeyLastUsageResponse};
use types::Service;

use crate::event::Fields;
use crate::identifiers::{Forms, KeyTarget};
use crate::{Error, Keyring, actions, last_usage};

/// Says which cryptographic call last succeeded with a key, with the ids of the request and of
/// its record; nothing of the kind if the key was never used.
///
/// Fails with `NotFoundException` if the key does not exist.
#[derive(Debug)]
pub struct GetKeyLastUsage;

impl Operation for GetKeyLastUsage {
    const SERVICE: Service = Service::Kms;
    const NAME: &'static str = "GetKeyLastUsage";
    const ACTIONS: &'static [&'static Action] = &[&actions::GET_KEY_LAST_USAGE];
    const KIND: Kind = Kind::ReadOnly;
    type Input = GetKeyLastUsageRequest;
    type Output = GetKeyLastUsageResponse;
    type Target = KeyTarget;
    type Error = Error;

    async fn resolve(ctx: &Ctx, input: &Self::Input) -> Result<(Needs, Self::Target), Error> {
        let target = KeyTarget::find(ctx, &input.key_id, Forms::Keys)?;
        let need = target.need(&actions::GET_KEY_LAST_USAGE);
        Ok((Needs::one(need), target))
    }

    async fn handle(
        ctx: &Ctx,
        permit: Permit<Self>,
        _input: Self::Input,
    ) -> Result<Reply<Self::Output>, Error> {
        let key = &permit.target().key()?.record;
        let usage = ctx.part::<Keyring>()?.usage().of(ctx.view(), key);
        Ok(Reply::read(GetKeyLastUsageResponse {
            key_id: Some(key.id.to_string()),
            key_last_usage: usage.as_ref().map(last_usage::shown),
            // Uses are noted from the beginning.
            tracking_start_date: Some(key.created),
            key_creation_date: Some(key.created),
        }))
    }

    fn event(input: &Self::Input, _output: Option<&Self::Output>) -> EventDetail {
        Fields::default()
            .with("keyId", input.key_id.clone())
            .request()
    }
}
