//! `PutRecord`: writes one record.

use std::sync::Arc;
use std::sync::LazyLock;

use pipeline::{Ctx, EventDetail, KeySet, Kind, Needs, Operation, Permit, Reply};
use policy::Action;
use shapes::featurestore_runtime::PutRecordRequest;
use types::Service;

use crate::actions::{DECRYPT, PUT_RECORD};
use crate::answer::NoBody;
use crate::calls::Counted;
use crate::data_keys::Keys;
use crate::input::SharedRequest;
use crate::meter::Side;
use crate::name::Found;
use crate::opened::Opened;
use crate::put::{Stores, accept};
use crate::ttl::Ttl;
use crate::{Error, Runtime, RuntimeError, event};

/// Writes a record to the stores of its group, whole: features that are not sent become null.
///
/// A record with an event time equal to or later than the stored one replaces it; an older
/// one changes nothing online and succeeds. The offline store gets every version, in the
/// background. Its time to live is the request's, else the group's.
/// Fails with `ValidationError` for a record that breaks a rule of its group, and, as at AWS,
/// for a group that does not exist; with `AccessForbidden` if the group's key cannot be used;
/// with `ThrottlingException` beyond the group's provisioned throughput.
#[derive(Debug)]
pub struct PutRecord;

/// Tells `PutRecord` from `UpdateRecord`, which needs the same action.
static NO_UPDATE: LazyLock<Arc<KeySet>> =
    LazyLock::new(|| Arc::new(KeySet::default().one("sagemaker:isupdaterecord", "false")));

impl Operation for PutRecord {
    const SERVICE: Service = Service::FeatureStoreRuntime;
    const NAME: &'static str = "PutRecord";
    const ACTIONS: &'static [&'static Action] = &[&PUT_RECORD, &DECRYPT];
    const KIND: Kind = Kind::DataWrite;
    const DENIED_CODE: Option<&'static str> = Some("AccessForbidden");
    type Input = SharedRequest<PutRecordRequest>;
    type Output = NoBody;
    type Target = Found;
    type Error = RuntimeError;

    async fn resolve(ctx: &Ctx, input: &Self::Input) -> Result<(Needs, Found), RuntimeError> {
        let found = Found::find(ctx, &input.feature_group_name)?;
        let keys = Arc::clone(&NO_UPDATE);
        let need = super::shared_need(&PUT_RECORD, &found).with_shared(keys);
        Ok((super::with_key_need(need, &found), found))
    }

    async fn handle(
        ctx: &Ctx,
        permit: Permit<Self>,
        input: Self::Input,
    ) -> Result<Reply<NoBody>, RuntimeError> {
        let runtime: &Runtime = ctx.part()?;
        runtime.calls.admit(ctx, Counted::PutRecord)?;
        let found = permit.into_target();
        let name = &input.feature_group_name;
        let group = found
            .group
            .ok_or_else(|| Error::not_found_undeclared(name))?;
        let stores = Stores::of(&group, input.target_stores.as_deref())?;
        let ttl = Ttl::of_put(input.ttl_duration.as_ref(), &group)?;
        let accepted = accept(&group, &input.record)?;
        let meters = &runtime.meters;
        meters.admit(ctx, &group, (Side::Write, Self::NAME), 0)?;
        let charge = meters.write(ctx, &group, accepted.payload.size());
        let mut keys = Keys::new(ctx, runtime);
        let mut opened = Opened::new(ctx, runtime, &mut keys, &group).await?;
        let batch = opened.stage(accepted.version(stores, ttl)).await?;
        runtime.outbox.count(ctx, &batch);
        charge.follows(ctx);
        Ok(Reply::write(NoBody::new(keys.into_fresh()), batch))
    }

    fn event(input: &Self::Input, _output: Option<&NoBody>) -> EventDetail {
        event::of_record_call(&input.feature_group_name)
    }
}
