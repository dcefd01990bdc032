//! `GetParametersForImport`: a wrapping key and a token, to import key material with.

use std::time::Duration;

use pipeline::{Ctx, EventDetail, KeySet, Kind, Needs, Operation, Permit, Reply};
use policy::Action;
use shapes::kms::{GetParametersForImportRequest, GetParametersForImportResponse};
use types::Service;

use crate::event::Fields;
use crate::identifiers::{Forms, KeyTarget};
use crate::import_token::{self, Wrapping};
use crate::{Error, Keyring, actions, state};

/// How long a token and its wrapping key serve.
const LIFE: Duration = Duration::from_hours(24);

/// Makes a wrapping key for one import. Its private half is in the token only, sealed.
///
/// Fails with `UnsupportedOperationException` if the key's material is not imported or the
/// wrapping is not to be had, with `ValidationException` if the material would not fit under
/// the wrapping, and with `KMSInvalidStateException`.
#[derive(Debug)]
pub struct GetParametersForImport;

impl Operation for GetParametersForImport {
    const SERVICE: Service = Service::Kms;
    const NAME: &'static str = "GetParametersForImport";
    const ACTIONS: &'static [&'static Action] = &[&actions::GET_PARAMETERS_FOR_IMPORT];
    const KIND: Kind = Kind::ReadOnly;
    type Input = GetParametersForImportRequest;
    type Output = GetParametersForImportResponse;
    type Target = KeyTarget;
    type Error = Error;

    async fn resolve(ctx: &Ctx, input: &Self::Input) -> Result<(Needs, Self::Target), Error> {
        Wrapping::of_request(input.wrapping_algorithm, input.wrapping_key_spec)?;
        let target = KeyTarget::find(ctx, &input.key_id, Forms::Keys)?;
        let keys = KeySet::default()
            .one("kms:wrappingalgorithm", input.wrapping_algorithm.as_str())
            .one("kms:wrappingkeyspec", input.wrapping_key_spec.as_str());
        let need = target.need(&actions::GET_PARAMETERS_FOR_IMPORT).with(keys);
        Ok((Needs::one(need), target))
    }

    async fn handle(
        ctx: &Ctx,
        permit: Permit<Self>,
        input: Self::Input,
    ) -> Result<Reply<Self::Output>, Error> {
        let account = ctx.account().ok_or(Error::NoAccount)?;
        let key = permit.target().key_of(account)?;
        state::check(key, Self::NAME)?;
        let wrapping = Wrapping::of_request(input.wrapping_algorithm, input.wrapping_key_spec)?;
        wrapping.check(key.spec)?;
        let pair = ctx
            .part::<Keyring>()?
            .draw_pair(Some(account), wrapping.size.pair())
            .await?;
        let valid_to = ctx.time().saturating_add(LIFE);
        let shred = ctx.part::<Keyring>()?.shred();
        let token = import_token::seal(shred, ctx.entropy(), key, (wrapping, &pair), valid_to)?;
        Ok(Reply::read(GetParametersForImportResponse {
            key_id: Some(key.arn.to_string()),
            import_token: Some(token.into()),
            public_key: Some(pair.public_key().into()),
            parameters_valid_to: Some(valid_to),
        }))
    }

    fn event(input: &Self::Input, _output: Option<&Self::Output>) -> EventDetail {
        Fields::default()
            .with("keyId", input.key_id.clone())
            .with("wrappingAlgorithm", input.wrapping_algorithm.as_str())
            .with("wrappingKeySpec", input.wrapping_key_spec.as_str())
            .request()
    }
}
