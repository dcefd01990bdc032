//! `ListRecords`: the identifiers of a group's records.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use online::{CellKey, GroupNumber, Payload};
use pipeline::{Ctx, EventDetail, Kind, Needs, Operation, Permit, Reply};
use policy::Action;
use shapes::featurestore_runtime::ListRecordsRequest;
use types::Service;

use crate::actions::{DECRYPT, LIST_RECORDS};
use crate::answer::JsonBody;
use crate::calls::Counted;
use crate::data_keys::Keys;
use crate::input::SharedRequest;
use crate::meter::Side;
use crate::name::Found;
use crate::opened::Opened;
use crate::records::GroupRecord;
use crate::{Error, Runtime, RuntimeError, event};

/// Lists the identifiers of the records in the online store, in no order, ten to a page unless
/// told otherwise; those of softly deleted records only if asked for.
///
/// A page may have fewer, and none, though more follow: there is another as long as there is a
/// token. A token is good for the group that it was given for, and not for a later one of the
/// same name. Fails with `ResourceNotFound` if the group does not exist, with
/// `ValidationError` for another token, with `AccessForbidden` if the group's key cannot be
/// used, with `ThrottlingException` beyond its provisioned throughput.
#[derive(Debug)]
pub struct ListRecords;

const PAGE: usize = 10;

/// How many cells are looked at for one page.
const MOST_LOOKED_AT: usize = 2_000;

/// How many of them at once, before their sizes are looked at.
const MOST_AT_ONCE: usize = 16;

/// How many bytes of cells that are passed over, for they have expired or were deleted.
const MOST_PASSED: usize = 8 << 20;

impl Operation for ListRecords {
    const SERVICE: Service = Service::FeatureStoreRuntime;
    const NAME: &'static str = "ListRecords";
    const ACTIONS: &'static [&'static Action] = &[&LIST_RECORDS, &DECRYPT];
    const KIND: Kind = Kind::DataRead;
    const DENIED_CODE: Option<&'static str> = Some("AccessForbidden");
    type Input = SharedRequest<ListRecordsRequest>;
    type Output = JsonBody;
    type Target = Found;
    type Error = RuntimeError;

    async fn resolve(ctx: &Ctx, input: &Self::Input) -> Result<(Needs, Found), RuntimeError> {
        let found = Found::find(ctx, &input.feature_group_name)?;
        Ok((super::record_needs(&LIST_RECORDS, &found), found))
    }

    async fn handle(
        ctx: &Ctx,
        permit: Permit<Self>,
        input: Self::Input,
    ) -> Result<Reply<JsonBody>, RuntimeError> {
        let runtime: &Runtime = ctx.part()?;
        runtime.calls.admit(ctx, Counted::ListRecords)?;
        let group = permit.target().group(&input.feature_group_name)?;
        group.check_online()?;
        let token = input.next_token.as_deref();
        let mut after = token.map(|token| read_token(group, token)).transpose()?;
        let wanted = input
            .max_results
            .and_then(|size| usize::try_from(size).ok());
        let wanted = wanted.unwrap_or(PAGE);
        let deleted_too = input.include_soft_deleted_records == Some(true);
        let meters = &runtime.meters;
        meters.admit(ctx, group, (Side::Read, Self::NAME), 0)?;
        let mut bytes = 0;
        let mut keys = Keys::reading(ctx, runtime, permit.conditions());
        let mut opened = Opened::new(ctx, runtime, &mut keys, group).await?;
        let (mut identifiers, mut looked_at, mut passed) = (Vec::new(), 0, 0);
        let more = loop {
            let step = wanted.saturating_sub(identifiers.len());
            let step = step.clamp(1, MOST_AT_ONCE);
            let number = GroupNumber(group.number);
            let cells = runtime.cells.scan(number, after, step).await?;
            let last = cells.len() < step;
            looked_at += cells.len();
            for (key, cell) in cells {
                after = Some(key);
                let header = cell.header();
                if header.is_expired(ctx.time()) || (header.deleted && !deleted_too) {
                    passed += cell.as_stored().len();
                    continue;
                }
                let payload = opened.open(cell, &key).await?;
                bytes += payload.size();
                identifiers.push(identifier(&payload)?);
            }
            if last {
                break false;
            }
            let enough = looked_at >= MOST_LOOKED_AT || passed >= MOST_PASSED;
            if identifiers.len() >= wanted || enough {
                break true;
            }
            // Other requests of this thread have their turn.
            pipeline::yield_once().await;
        };
        meters.charge_read(ctx, group, bytes);
        let mut body = JsonBody::default();
        body.raw(r#"{"RecordIdentifiers":"#);
        body.value(&identifiers)?;
        if let Some(after) = after.filter(|_| more) {
            body.raw(r#","NextToken":"#);
            body.string(&token_at(group, &after));
        }
        body.raw("}");
        Ok(Reply::read(body.with_fresh(keys.into_fresh())))
    }

    fn event(input: &Self::Input, _output: Option<&JsonBody>) -> EventDetail {
        event::of_record_call(&input.feature_group_name)
    }
}

/// The identifier of an opened record.
fn identifier(payload: &Payload) -> Result<String, Error> {
    let identifier = payload.record()?.identifier().to_vec();
    String::from_utf8(identifier)
        .map_err(|source| Error::internal("an identifier is no text", source))
}

/// The group's random id, and where the page ended. Neither says anything of a record.
fn token_at(group: &GroupRecord, after: &CellKey) -> String {
    let mut bytes = group.id.clone().into_bytes();
    bytes.extend_from_slice(&after.as_bytes()[..]);
    URL_SAFE_NO_PAD.encode(bytes)
}

fn read_token(group: &GroupRecord, token: &str) -> Result<CellKey, Error> {
    let bytes = URL_SAFE_NO_PAD.decode(token).ok();
    let key = bytes.and_then(|bytes| {
        let key = bytes.strip_prefix(group.id.as_bytes())?;
        CellKey::from_bytes(key)
    });
    key.filter(|key| key.group() == GroupNumber(group.number))
        .ok_or_else(|| Error::validation("the NextToken is not valid for this feature group."))
}
