//! `GetRecord`: reads one record.

use pipeline::{Ctx, EventDetail, Kind, Needs, Operation, Permit, Reply};
use policy::Action;
use shapes::featurestore_runtime::{ExpirationTimeResponse, GetRecordRequest};
use types::Service;

use crate::actions::{DECRYPT, GET_RECORD};
use crate::answer::{JsonBody, Selection};
use crate::calls::Counted;
use crate::data_keys::Keys;
use crate::input::SharedRequest;
use crate::meter::Side;
use crate::name::Found;
use crate::opened::Opened;
use crate::put::identifier_of;
use crate::{Runtime, RuntimeError, event};

/// Returns the latest version of a record from the online store.
///
/// The answer has no `Record` if there is none, if it was deleted or has expired, or if all
/// features that are asked for are null; those that are null are left out. Fails with
/// `ResourceNotFound` if the group does not exist, with `ValidationError` for features that it does
/// not have, with `AccessForbidden` if its key cannot be used, with `ThrottlingException` beyond
/// its provisioned throughput.
#[derive(Debug)]
pub struct GetRecord;

impl Operation for GetRecord {
    const SERVICE: Service = Service::FeatureStoreRuntime;
    const NAME: &'static str = "GetRecord";
    const ACTIONS: &'static [&'static Action] = &[&GET_RECORD, &DECRYPT];
    const KIND: Kind = Kind::DataRead;
    const DENIED_CODE: Option<&'static str> = Some("AccessForbidden");
    type Input = SharedRequest<GetRecordRequest>;
    type Output = JsonBody;
    type Target = Found;
    type Error = RuntimeError;

    async fn resolve(ctx: &Ctx, input: &Self::Input) -> Result<(Needs, Found), RuntimeError> {
        let found = Found::find(ctx, &input.feature_group_name)?;
        Ok((super::record_needs(&GET_RECORD, &found), found))
    }

    async fn handle(
        ctx: &Ctx,
        permit: Permit<Self>,
        input: Self::Input,
    ) -> Result<Reply<JsonBody>, RuntimeError> {
        let runtime: &Runtime = ctx.part()?;
        runtime.calls.admit(ctx, Counted::GetRecord)?;
        let group = permit.target().group(&input.feature_group_name)?;
        group.check_online()?;
        let selection = Selection::of(group, input.feature_names.as_deref())?;
        let identifier = identifier_of(group, &input.record_identifier_value_as_string)?;
        let meters = &runtime.meters;
        meters.admit(ctx, group, (Side::Read, Self::NAME), 0)?;
        let mut keys = Keys::reading(ctx, runtime, permit.conditions());
        let mut opened = Opened::new(ctx, runtime, &mut keys, group).await?;
        let key = opened.place(&identifier).await?;
        let rates = &runtime.rates;
        rates.admit(ctx, (group, &key), Side::Read)?;
        let Some(cell) = opened.visible(&key).await? else {
            let mut body = JsonBody::default();
            body.raw("{}");
            return Ok(Reply::read(body.with_fresh(keys.into_fresh())));
        };
        let expires_at = cell.header().expires_at;
        let payload = opened.open_record(cell, &key, &identifier).await?;
        meters.charge_read(ctx, group, payload.size());
        rates.charge_read(ctx, &key, payload.size());
        let record = payload.record()?;
        let mut body =
            JsonBody::with_capacity(payload.size() + 48 * group.schema.len().min(64) + 64);
        body.raw(r#"{"Record":"#);
        if !body.record(group, &record, &selection)? {
            // A list without features is no answer at AWS.
            body.truncate(0);
            body.raw("{}");
            return Ok(Reply::read(body.with_fresh(keys.into_fresh())));
        }
        if input.expiration_time_response == Some(ExpirationTimeResponse::Enabled) {
            body.expires_at(expires_at);
        }
        body.raw("}");
        Ok(Reply::read(body.with_fresh(keys.into_fresh())))
    }

    fn event(input: &Self::Input, _output: Option<&JsonBody>) -> EventDetail {
        event::of_record_call(&input.feature_group_name)
    }
}
