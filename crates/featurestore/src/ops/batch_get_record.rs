//! `BatchGetRecord`: reads records of several groups.

use std::sync::Arc;

use online::{EventTime, Payload};
use pipeline::{Ctx, EventDetail, Kind, Needs, Operation, Permit, Reply};
use policy::Action;
use shapes::featurestore_runtime::{
    BatchGetRecordError, BatchGetRecordIdentifier, BatchGetRecordRequest, ExpirationTimeResponse,
};
use types::Service;

use crate::actions::{BATCH_GET_RECORD, DECRYPT};
use crate::answer::{JsonBody, Selection};
use crate::calls::Counted;
use crate::data_keys::Keys;
use crate::input::SharedRequest;
use crate::meter::Side;
use crate::name::Found;
use crate::opened::Opened;
use crate::put::identifier_of;
use crate::records::GroupRecord;
use crate::{Error, Runtime, RuntimeError, batch};

/// Returns the latest versions of up to 100 records.
///
/// Records that do not exist are left out, and those of which all features that are asked for are
/// null. A group that does not exist, or whose key the
/// caller may not use or cannot be used, makes errors of its identifiers and of no others; a
/// caller who may not read one of the groups gets nothing. What would make the answer larger
/// than 16 MiB comes back unprocessed, and so does what KMS or the throughput of a group
/// throttles.
#[derive(Debug)]
pub struct BatchGetRecord;

const MOST_RECORDS: usize = 100;
const MOST_BYTES: usize = 16 * 1024 * 1024;

impl Operation for BatchGetRecord {
    const SERVICE: Service = Service::FeatureStoreRuntime;
    const NAME: &'static str = "BatchGetRecord";
    const ACTIONS: &'static [&'static Action] = &[&BATCH_GET_RECORD, &DECRYPT];
    const KIND: Kind = Kind::DataRead;
    const DENIED_CODE: Option<&'static str> = Some("AccessForbidden");
    type Input = SharedRequest<BatchGetRecordRequest>;
    type Output = JsonBody;
    type Target = Vec<Found>;
    type Error = RuntimeError;

    async fn resolve(ctx: &Ctx, input: &Self::Input) -> Result<(Needs, Vec<Found>), RuntimeError> {
        let records: usize = input
            .identifiers
            .iter()
            .map(|item| item.record_identifiers_value_as_string.len())
            .sum();
        if records > MOST_RECORDS {
            return Err(Error::validation(format!(
                "{records} records are asked for; at most {MOST_RECORDS} are allowed."
            ))
            .into());
        }
        let mut needs = Needs::nothing();
        let mut found = Vec::with_capacity(input.identifiers.len());
        for (number, item) in input.identifiers.iter().enumerate() {
            let group = Found::find(ctx, &item.feature_group_name)?;
            needs.push(super::shared_need(&BATCH_GET_RECORD, &group));
            if let Some(need) = super::key_need(&group) {
                needs.push(need.for_item(number));
            }
            super::former_needs(&group, &mut needs);
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
        runtime.calls.admit(ctx, Counted::BatchGetRecord)?;
        let mut keys = Keys::reading(ctx, runtime, permit.conditions());
        let mut answer = Answer::new(input.expiration_time_response);
        for (number, (item, found)) in input.identifiers.iter().zip(permit.target()).enumerate() {
            if let Some(denial) = permit.denied(number) {
                let message = denial.message.clone();
                answer.fail(item, &RuntimeError(Error::KeyDenied { message }));
            } else if let Err(error) = read(ctx, &mut keys, found, item, &mut answer).await {
                answer.fail(item, &error);
            }
        }
        Ok(Reply::read(answer.finish()?.with_fresh(keys.into_fresh())))
    }

    fn event(input: &Self::Input, _output: Option<&JsonBody>) -> EventDetail {
        let groups = input.identifiers.iter();
        batch::in_event(groups.map(|item| &item.feature_group_name))
    }
}

/// The answer, as far as it is written.
struct Answer {
    body: JsonBody,
    any: bool,
    with_expiry: bool,
    errors: Vec<BatchGetRecordError>,
    unprocessed: Vec<BatchGetRecordIdentifier>,
}

/// Reads the records of one item.
///
/// Fails with what concerns all of them; what concerns one goes into the answer.
async fn read<'a>(
    ctx: &'a Ctx,
    keys: &mut Keys<'a>,
    found: &Found,
    item: &BatchGetRecordIdentifier,
    answer: &mut Answer,
) -> Result<(), RuntimeError> {
    let group = found.group(&item.feature_group_name)?;
    group.check_online()?;
    let selection = Selection::of(group, item.feature_names.as_deref())?;
    let runtime: &Runtime = ctx.part()?;
    let (meters, side) = (&runtime.meters, (Side::Read, BatchGetRecord::NAME));
    meters.admit(ctx, group, side, 0)?;
    let mut opened = Opened::new(ctx, runtime, keys, group).await?;
    let (mut asked, mut places, mut wrong) = (Vec::new(), Vec::new(), Vec::new());
    for text in &item.record_identifiers_value_as_string {
        match identifier_of(group, text) {
            Ok(identifier) => {
                places.push(opened.place(&identifier).await?);
                asked.push((identifier, text));
            }
            Err(error) => wrong.push((text, error)),
        }
    }
    for (text, error) in wrong {
        answer.fail_one(item, text, &error.into());
    }
    let cells = runtime.cells.multi_get(&places).await?;
    for ((cell, place), (identifier, text)) in cells.into_iter().zip(&places).zip(asked) {
        let Some(cell) = cell.filter(|cell| cell.header().is_visible(ctx.time())) else {
            continue;
        };
        if answer.body.len() >= MOST_BYTES {
            answer.postpone(item, text);
            continue;
        }
        let expires_at = cell.header().expires_at;
        let admitted = meters.admit(ctx, group, side, 0);
        let admitted = admitted.and_then(|()| runtime.rates.admit(ctx, (group, place), Side::Read));
        let opening = match admitted {
            Ok(()) => opened.open_record(cell, place, &identifier).await,
            Err(throttled) => Err(throttled),
        };
        let written = opening.and_then(|payload| {
            meters.charge_read(ctx, group, payload.size());
            runtime.rates.charge_read(ctx, place, payload.size());
            answer.write((item, text), (group, &selection), &payload, expires_at)
        });
        if let Err(error) = written {
            if let Error::KeyDenied { message } = &error {
                denied(ctx, message);
            }
            answer.fail_one(item, text, &error.into());
        }
    }
    Ok(())
}

/// Counts and logs that one record was denied, as the pipeline does with an item: its group is
/// moving, and the caller may not use the key that the record is still under.
fn denied(ctx: &Ctx, reason: &str) {
    let (service, operation) = (BatchGetRecord::SERVICE.model_name(), BatchGetRecord::NAME);
    metrics::counter!("strongroom_denied_total", "service" => service, "operation" => operation)
        .increment(1);
    tracing::debug!(request = %ctx.id(), operation, reason, "a record of a batch is denied");
}

impl Answer {
    fn new(expiration: Option<ExpirationTimeResponse>) -> Self {
        let mut body = JsonBody::with_capacity(4096);
        body.raw(r#"{"Records":["#);
        Self {
            body,
            any: false,
            with_expiry: expiration == Some(ExpirationTimeResponse::Enabled),
            errors: Vec::new(),
            unprocessed: Vec::new(),
        }
    }

    /// Writes one record; nothing of it, if that fails.
    fn write(
        &mut self,
        (item, text): (&BatchGetRecordIdentifier, &str),
        (group, selection): (&Arc<GroupRecord>, &Selection),
        payload: &Payload,
        expires_at: Option<EventTime>,
    ) -> Result<(), Error> {
        let record = payload.record()?;
        let (any, with_expiry) = (self.any, self.with_expiry);
        let body = &mut self.body;
        let start = body.len();
        body.raw(if any { ",{" } else { "{" });
        body.raw(r#""FeatureGroupName":"#);
        body.string(&item.feature_group_name);
        body.raw(r#","RecordIdentifierValueAsString":"#);
        body.string(text);
        body.raw(r#","Record":"#);
        let any = body.record(group, &record, selection);
        if !matches!(any, Ok(true)) {
            body.truncate(start);
            return any.map(|_nothing_selected| ());
        }
        if with_expiry {
            body.expires_at(expires_at);
        }
        body.raw("}");
        self.any = true;
        Ok(())
    }

    /// All identifiers of `item` failed.
    fn fail(&mut self, item: &BatchGetRecordIdentifier, error: &RuntimeError) {
        for text in &item.record_identifiers_value_as_string {
            self.fail_one(item, text, error);
        }
    }

    /// One identifier of `item` failed; it may be sent again, if only too much was asked for.
    fn fail_one(&mut self, item: &BatchGetRecordIdentifier, text: &str, error: &RuntimeError) {
        if error.0.is_for_now() {
            return self.postpone(item, text);
        }
        let (error_code, error_message) = batch::told(error, "a record of a batch cannot be read");
        self.errors.push(BatchGetRecordError {
            feature_group_name: item.feature_group_name.clone(),
            record_identifier_value_as_string: text.to_owned(),
            error_code,
            error_message,
        });
    }

    fn postpone(&mut self, item: &BatchGetRecordIdentifier, text: &str) {
        let same = |last: &&mut BatchGetRecordIdentifier| {
            last.feature_group_name == item.feature_group_name
                && last.feature_names == item.feature_names
        };
        match self.unprocessed.last_mut().filter(same) {
            Some(last) => last
                .record_identifiers_value_as_string
                .push(text.to_owned()),
            None => self.unprocessed.push(BatchGetRecordIdentifier {
                record_identifiers_value_as_string: vec![text.to_owned()],
                ..item.clone()
            }),
        }
    }

    fn finish(self) -> Result<JsonBody, Error> {
        let mut body = self.body;
        body.raw(r#"],"Errors":"#);
        body.value(&self.errors)?;
        body.raw(r#","UnprocessedIdentifiers":"#);
        body.value(&self.unprocessed)?;
        body.raw("}");
        Ok(body)
    }
}
