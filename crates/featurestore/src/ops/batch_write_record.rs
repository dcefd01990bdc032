//! `BatchWriteRecord`: writes records of several groups.

use online::CellKey;
use pipeline::{Ctx, EventDetail, Kind, Needs, Operation, Permit, Reply};
use policy::Action;
use shapes::featurestore_runtime::{
    BatchWriteRecordEntry, BatchWriteRecordError, BatchWriteRecordRequest, TtlDuration,
};
use store::{Batch, Lane};
use types::Service;

use crate::actions::{BATCH_WRITE_RECORD, DECRYPT, PUT_RECORD};
use crate::answer::JsonBody;
use crate::calls::Counted;
use crate::data_keys::Keys;
use crate::input::SharedRequest;
use crate::meter::{Charge, Side};
use crate::name::Found;
use crate::opened::Opened;
use crate::put::{Stores, accept};
use crate::ttl::Ttl;
use crate::{Error, Runtime, RuntimeError, batch};

/// Writes up to 25 records, each as `PutRecord` does and whatever becomes of the others.
///
/// An entry with an older event time than the stored record's changes nothing and succeeds.
/// Its time to live is the entry's, else the request's, else the group's; the request's counts for
/// groups with an online store only. Entries that break a
/// rule, whose group does not exist, or whose group's key the caller may not use or cannot be
/// used, come back as errors. A caller who may not write to one of the groups writes nothing:
/// each needs both `sagemaker:BatchWriteRecord` and `sagemaker:PutRecord`. What would make the
/// call write more than 3 MiB, and every entry behind it, comes back unprocessed, and so does
/// what KMS or the throughput of a group throttles.
#[derive(Debug)]
pub struct BatchWriteRecord;

/// What one call writes at most; the rest comes back unprocessed. A commit takes 4 MiB.
const MOST_BYTES: usize = 3 * 1024 * 1024;

impl Operation for BatchWriteRecord {
    const SERVICE: Service = Service::FeatureStoreRuntime;
    const NAME: &'static str = "BatchWriteRecord";
    const ACTIONS: &'static [&'static Action] = &[&BATCH_WRITE_RECORD, &PUT_RECORD, &DECRYPT];
    const KIND: Kind = Kind::DataWrite;
    const DENIED_CODE: Option<&'static str> = Some("AccessForbidden");
    type Input = SharedRequest<BatchWriteRecordRequest>;
    type Output = JsonBody;
    type Target = Vec<Found>;
    type Error = RuntimeError;

    async fn resolve(ctx: &Ctx, input: &Self::Input) -> Result<(Needs, Vec<Found>), RuntimeError> {
        let mut needs = Needs::nothing();
        let mut found = Vec::with_capacity(input.entries.len());
        for (number, entry) in input.entries.iter().enumerate() {
            let group = Found::find(ctx, &entry.feature_group_name)?;
            needs.push(super::shared_need(&BATCH_WRITE_RECORD, &group));
            needs.push(super::shared_need(&PUT_RECORD, &group));
            if let Some(need) = super::key_need(&group) {
                needs.push(need.for_item(number));
            }
            found.push(group);
        }
        Ok((needs, found))
    }

    async fn handle(
        ctx: &Ctx,
        permit: Permit<Self>,
        input: Self::Input,
    ) -> Result<Reply<JsonBody>, RuntimeError> {
        let runtime: &Runtime = ctx.part()?;
        runtime.calls.admit(ctx, Counted::BatchWriteRecord)?;
        let mut keys = Keys::new(ctx, runtime);
        let mut batch = Batch::new(Lane::Data);
        let (mut errors, mut bytes) = (Vec::new(), 0);
        let mut unprocessed: Vec<&BatchWriteRecordEntry> = Vec::new();
        let mut charges = Vec::new();
        let ttl = input.ttl_duration.as_ref();
        for (number, (entry, found)) in input.entries.iter().zip(permit.target()).enumerate() {
            let staged = match permit.denied(number) {
                Some(denial) => Err(RuntimeError(Error::KeyDenied {
                    message: denial.message.clone(),
                })),
                None => staged(ctx, (&mut keys, &charges), (entry, found), ttl).await,
            };
            match staged {
                Ok((write, _)) if bytes + size_of(&write) > MOST_BYTES => {
                    unprocessed.extend(input.entries.iter().skip(number));
                    break;
                }
                Ok((write, charge)) => {
                    bytes += size_of(&write);
                    charges.push(charge);
                    batch.merge(write);
                }
                Err(error) if error.0.is_for_now() => unprocessed.push(entry),
                Err(error) => errors.push(failed(entry, &error)),
            }
        }
        runtime.outbox.count(ctx, &batch);
        for charge in charges {
            charge.follows(ctx);
        }
        let mut body = JsonBody::default();
        body.raw(r#"{"Errors":"#);
        body.value(&errors)?;
        body.raw(r#","UnprocessedEntries":"#);
        body.value(&unprocessed)?;
        body.raw("}");
        Ok(Reply::write(body.with_fresh(keys.into_fresh()), batch))
    }

    fn event(input: &Self::Input, _output: Option<&JsonBody>) -> EventDetail {
        let groups = input.entries.iter();
        batch::in_event(groups.map(|entry| &entry.feature_group_name))
    }
}

/// The change that writes one entry, and what it costs beside `charges`; `ttl` is the request's.
async fn staged<'a>(
    ctx: &'a Ctx,
    (keys, charges): (&mut Keys<'a>, &[Charge]),
    (entry, found): (&BatchWriteRecordEntry, &Found),
    ttl: Option<&TtlDuration>,
) -> Result<(Batch, Charge), RuntimeError> {
    let group = found.group(&entry.feature_group_name)?;
    let stores = Stores::of(group, entry.target_stores.as_deref())?;
    // The request's is for the entries that live in an online store.
    let ttl = ttl.filter(|_| group.online.is_some());
    let ttl = Ttl::of_put(entry.ttl_duration.as_ref().or(ttl), group)?;
    let accepted = accept(group, &entry.record)?;
    let runtime: &Runtime = ctx.part()?;
    let pending = charges.iter().map(|charge| charge.units_of(group.number));
    let side = (Side::Write, BatchWriteRecord::NAME);
    (runtime.meters).admit(ctx, group, side, pending.sum())?;
    let mut opened = Opened::new(ctx, runtime, keys, group).await?;
    let write = opened.stage(accepted.version(stores, ttl)).await?;
    // What is damaged where an entry goes is that entry's error: the commit of all would fail.
    let keys = write.cells().iter();
    let keys: Vec<CellKey> = keys
        .filter_map(|cell| CellKey::from_bytes(&cell.key))
        .collect();
    for key in keys {
        runtime.cells.get(&key).await.map_err(Error::from)?;
    }
    let charge = (runtime.meters).write(ctx, group, accepted.payload.size());
    Ok((write, charge))
}

/// The bytes of the cells and of the outbox's entries that a change writes.
fn size_of(write: &Batch) -> usize {
    let cells = write.cells().iter();
    let cells = cells.map(|cell| cell.key.len() + cell.value.as_ref().map_or(0, Vec::len));
    let entries = write.appends().iter().map(|entry| entry.payload.len());
    cells.chain(entries).sum()
}

fn failed(entry: &BatchWriteRecordEntry, error: &RuntimeError) -> BatchWriteRecordError {
    let (error_code, error_message) = batch::told(error, "a record of a batch cannot be written");
    BatchWriteRecordError {
        entry: entry.clone(),
        error_code,
        error_message,
    }
}
