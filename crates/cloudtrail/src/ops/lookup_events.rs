//! `LookupEvents`: management events of the last 90 days, newest first.

use std::sync::Arc;

use audit::Record;
use pipeline::{Ctx, EventDetail, Kind, Need, Needs, Operation, Permit, Reply};
use policy::Action;
use serde_json::json;
use shapes::cloudtrail::{
    Event, LookupAttribute, LookupAttributeKey, LookupEventsRequest, LookupEventsResponse, Resource,
};
use store::{LogCursor, Store};
use types::{AccountId, Region, Service, Timestamp};

use crate::{Error, Lookups, token};

static LOOKUP: Action = Action::from_static("cloudtrail:LookupEvents");

/// Events of a page when the caller names no number, and the most there can be.
const PAGE: usize = 50;

/// Entries opened for one page; a rare match continues with the next token.
const OPENED: usize = 5000;

/// Lists management events of the caller's account in the request's region.
///
/// Fails with `InvalidLookupAttributesException` for more than one attribute, with
/// `InvalidTimeRangeException` for a start behind the end, and with
/// `InvalidNextTokenException` for a token of another listing; with `ThrottlingException` if
/// the account has asked too often in the region.
#[derive(Debug)]
pub struct LookupEvents;

impl Operation for LookupEvents {
    const SERVICE: Service = Service::CloudTrail;
    const NAME: &'static str = "LookupEvents";
    const ACTIONS: &'static [&'static Action] = &[&LOOKUP];
    const KIND: Kind = Kind::ReadOnly;
    type Input = LookupEventsRequest;
    type Output = LookupEventsResponse;
    type Target = ();
    type Error = Error;

    async fn resolve(_ctx: &Ctx, _input: &Self::Input) -> Result<(Needs, Self::Target), Error> {
        Ok((Needs::one(Need::anywhere(&LOOKUP)), ()))
    }

    async fn handle(
        ctx: &Ctx,
        _permit: Permit<Self>,
        input: Self::Input,
    ) -> Result<Reply<Self::Output>, Error> {
        let account = ctx.account().ok_or(Error::NoAccount)?;
        let lookups: &Lookups = ctx.part()?;
        if !lookups.admit(account, ctx.region(), ctx.monotonic()) {
            return Err(Error::Throttled);
        }
        let query = Query::of(account, &input)?;
        let before = match &input.next_token {
            Some(text) => Some(token::decode(text, &query.binding).ok_or(Error::NextToken)?),
            None => None,
        };
        let page = input
            .max_results
            .map_or(PAGE, |number| usize::try_from(number).unwrap_or(PAGE));
        let history = History {
            store: Arc::clone(ctx.services().store()),
            account,
            region: ctx.region().clone(),
            now: ctx.time(),
        };
        // The reading must not hold up the requests of its thread, and keeps its turn to its end.
        let turn = lookups.turn().await;
        let binding = query.binding.clone();
        let read = move || {
            let _turn = turn;
            history.page(&query, before, page)
        };
        let (events, next) = tokio::task::spawn_blocking(read).await??;
        Ok(Reply::read(LookupEventsResponse {
            events: Some(events),
            next_token: next.map(|cursor| token::encode(cursor, &binding)),
        }))
    }

    fn event(input: &Self::Input, _output: Option<&Self::Output>) -> EventDetail {
        let attributes: Vec<_> = input
            .lookup_attributes
            .iter()
            .flatten()
            .map(|attribute| {
                json!({
                    "attributeKey": attribute.attribute_key.as_str(),
                    "attributeValue": attribute.attribute_value,
                })
            })
            .collect();
        let mut request = serde_json::Map::new();
        if !attributes.is_empty() {
            request.insert("lookupAttributes".to_owned(), attributes.into());
        }
        for (name, time) in [
            ("startTime", &input.start_time),
            ("endTime", &input.end_time),
        ] {
            if let Some(time) = time {
                let text = audit::timestamp_text(*time);
                request.insert(name.to_owned(), text.into());
            }
        }
        if let Some(number) = input.max_results {
            request.insert("maxResults".to_owned(), number.into());
        }
        EventDetail {
            request: request.into(),
            ..EventDetail::default()
        }
    }
}

/// What the caller looks for.
#[derive(Debug)]
struct Query {
    attribute: Option<LookupAttribute>,
    start: Option<Timestamp>,
    end: Option<Timestamp>,
    /// What a next token is bound to.
    binding: Vec<u8>,
}

impl Query {
    fn of(account: AccountId, input: &LookupEventsRequest) -> Result<Self, Error> {
        let attribute = match input.lookup_attributes.as_deref() {
            None | Some([]) => None,
            Some([attribute]) => Some(attribute.clone()),
            Some(_) => return Err(Error::TooManyAttributes),
        };
        if input.event_category.is_some() {
            return Err(Error::NoInsights);
        }
        let start = input.start_time;
        let end = input.end_time;
        if start.zip(end).is_some_and(|(start, end)| start > end) {
            return Err(Error::TimeRange);
        }
        let binding = format!("{account:?}{attribute:?}{start:?}{end:?}").into_bytes();
        Ok(Self {
            attribute,
            start,
            end,
            binding,
        })
    }

    fn matches(&self, record: &Record) -> bool {
        self.attribute.as_ref().is_none_or(|wanted| {
            let value = wanted.attribute_value.as_str();
            match wanted.attribute_key {
                LookupAttributeKey::EventId => record.event_id == value,
                LookupAttributeKey::EventName => record.event_name == value,
                LookupAttributeKey::EventSource => record.event_source == value,
                LookupAttributeKey::ReadOnly => record.read_only.to_string() == value,
                LookupAttributeKey::Username => record.user_identity.lookup_name() == Some(value),
                LookupAttributeKey::AccessKeyId => {
                    record.user_identity.access_key_id.as_deref() == Some(value)
                }
                LookupAttributeKey::ResourceName => record
                    .resources
                    .iter()
                    .any(|resource| resource.arn == value),
                LookupAttributeKey::ResourceType => record
                    .resources
                    .iter()
                    .any(|resource| resource.kind == value),
            }
        })
    }
}

/// The event history of an account in a region.
struct History {
    store: Arc<dyn Store>,
    account: AccountId,
    region: Region,
    now: Timestamp,
}

impl History {
    /// Up to `page` matching events older than `before`, and where the next page starts.
    fn page(
        &self,
        query: &Query,
        before: Option<LogCursor>,
        page: usize,
    ) -> Result<(Vec<Event>, Option<LogCursor>), Error> {
        let mut events = Vec::new();
        let mut cursor = before;
        let mut opened = 0;
        while opened < OPENED {
            let (store, account, region) = (&*self.store, self.account, &self.region);
            let chunk = audit::newest_first(store, account, region, cursor, self.now, 2 * page)?;
            for (at, record) in chunk.events {
                let time = Timestamp::parse_iso8601(&record.event_time).unwrap_or(Timestamp::EPOCH);
                if query.start.is_some_and(|start| time < start) {
                    return Ok((events, None));
                }
                cursor = Some(at);
                if query.end.is_none_or(|end| time <= end) && query.matches(&record) {
                    events.push(event(&record, time));
                    if events.len() == page {
                        return Ok((events, cursor));
                    }
                }
            }
            match (chunk.more, chunk.oldest) {
                (true, Some(oldest)) => cursor = Some(oldest),
                _ => return Ok((events, None)),
            }
            opened += 2 * page;
        }
        Ok((events, cursor))
    }
}

fn event(record: &Record, time: Timestamp) -> Event {
    Event {
        event_id: Some(record.event_id.clone()),
        event_name: Some(record.event_name.clone()),
        read_only: Some(record.read_only.to_string()),
        access_key_id: record.user_identity.access_key_id.clone(),
        event_time: Some(time),
        event_source: Some(record.event_source.clone()),
        username: record.user_identity.lookup_name().map(str::to_owned),
        resources: Some(record.resources.iter().map(resource).collect()),
        cloud_trail_event: serde_json::to_string(record).ok(),
    }
}

fn resource(resource: &audit::Resource) -> Resource {
    Resource {
        resource_type: Some(resource.kind.clone()),
        resource_name: Some(resource.arn.clone()),
    }
}
