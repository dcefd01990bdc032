//! `LookupEvents`: management events of the last 90 days, newest first.

use std::sync::Arc;
use std::time::Duration;

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

/// How much older than the start of the range an event is that ends a listing, if all around it
/// are. Events stand in the order of their commits, not quite in that of their times: some wait,
/// and a clock is set back now and then.
const OLDER: Duration = Duration::from_hours(1);

/// How many such events, one behind the other, end a listing.
const OLD_ONES: usize = 1000;

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
        let turn = lookups.turn(account).await.ok_or(Error::Throttled)?;
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
    /// What a next token is bound to: in a form that no release changes, since clients hold tokens.
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
        let looked_for = attribute
            .as_ref()
            .map(|wanted| (wanted.attribute_key.as_str(), &wanted.attribute_value));
        let time = |at: Option<Timestamp>| at.map(|at| (at.seconds(), at.nanos()));
        let binding = json!([account.as_str(), looked_for, time(start), time(end)]);
        let binding = binding.to_string().into_bytes();
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
        let mut cursor = before.or_else(|| query.end.map(audit::behind));
        let (mut opened, mut old_ones) = (0, 0);
        while opened < OPENED {
            let (store, account, region) = (&*self.store, self.account, &self.region);
            let chunk = audit::newest_first(store, account, region, cursor, self.now, 2 * page)?;
            for (at, record) in chunk.events {
                let time = Timestamp::parse_iso8601(&record.event_time).unwrap_or(Timestamp::EPOCH);
                cursor = Some(at);
                if let Some(start) = query.start {
                    old_ones = if time < start.saturating_sub(OLDER) {
                        old_ones + 1
                    } else {
                        0
                    };
                    if audit::is_of_a_day_before(at, start) || old_ones >= OLD_ONES {
                        return Ok((events, None));
                    }
                    if time < start {
                        continue;
                    }
                }
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

#[cfg(test)]
mod tests {
    use audit::UserIdentity;
    use crypto::{Key32, SystemEntropy};
    use store::embedded::Options;
    use store::{Batch, EmbeddedStore};
    use types::ManualClock;

    use super::*;

    #[test]
    fn tokens_are_bound_to_what_every_release_writes_alike() {
        let account = "111122223333".parse().unwrap();
        let attribute = LookupAttribute {
            attribute_key: LookupAttributeKey::EventName,
            attribute_value: "PutKeyPolicy".to_owned(),
        };
        let asked = LookupEventsRequest {
            lookup_attributes: Some(vec![attribute]),
            start_time: Some(Timestamp::new(7, 5)),
            ..LookupEventsRequest::default()
        };
        let check = |asked: &LookupEventsRequest, expected: &str| {
            let binding = Query::of(account, asked).unwrap().binding;
            assert_eq!(String::from_utf8(binding).unwrap(), expected);
        };
        check(
            &asked,
            r#"["111122223333",["EventName","PutKeyPolicy"],[7,5],null]"#,
        );
        check(
            &LookupEventsRequest::default(),
            r#"["111122223333",null,null,null]"#,
        );
    }

    const DAY: i64 = 86_400;
    /// The beginning of a day.
    const TODAY: i64 = 20_000 * DAY;

    /// A history, and where its store is.
    struct Past(
        History,
        #[expect(dead_code, reason = "removed when dropped")] tempfile::TempDir,
    );

    fn at(seconds: i64) -> Timestamp {
        Timestamp::new(TODAY + seconds, 0)
    }

    impl Past {
        /// Events of these names and times, committed in this order, on the days of their times.
        fn of(events: impl IntoIterator<Item = (&'static str, i64)>) -> Self {
            let directory = tempfile::tempdir().unwrap();
            let clock = Arc::new(ManualClock::new(at(0)));
            let data_key = Key32::generate(&SystemEntropy);
            let mut options =
                Options::new(directory.path(), &data_key, clock, Arc::new(SystemEntropy));
            options.logs = vec![&audit::EVENTS];
            let store: Arc<dyn Store> = Arc::new(EmbeddedStore::open(&options).unwrap());
            let account: AccountId = "111122223333".parse().unwrap();
            let region: Region = "us-east-1".parse().unwrap();
            let mut batch = Batch::default();
            for (name, seconds) in events {
                let mut record = Record::new(UserIdentity::unknown(None), at(seconds));
                record.event_name = name.to_owned();
                record.recipient_account_id = account.to_string();
                record.aws_region = region.to_string();
                audit::append(&mut batch, Some(account), &region, at(seconds), &record).unwrap();
            }
            let runtime = tokio::runtime::Builder::new_current_thread().build();
            runtime.unwrap().block_on(store.commit(batch)).unwrap();
            let now = at(10 * DAY);
            let history = History {
                store,
                account,
                region,
                now,
            };
            Self(history, directory)
        }

        /// The names of the first page, and whether another follows.
        fn names(&self, start: Option<i64>, end: Option<i64>) -> (Vec<String>, bool) {
            let query = Query {
                attribute: None,
                start: start.map(at),
                end: end.map(at),
                binding: Vec::new(),
            };
            let (events, next) = self.0.page(&query, None, PAGE).unwrap();
            let names = events.into_iter().filter_map(|event| event.event_name);
            (names.collect(), next.is_some())
        }
    }

    #[test]
    fn an_event_that_waited_longer_hides_none() {
        let past = Past::of([("first", 100), ("second", 102), ("late", 98)]);
        assert_eq!(past.names(Some(99), None).0, ["second", "first"]);
        assert_eq!(past.names(Some(98), None).0, ["late", "second", "first"]);
    }

    #[test]
    fn a_clock_that_was_set_back_hides_none() {
        let now = 20 * 3600;
        let past = Past::of([
            ("before", now),
            ("while", now - 4 * 3600),
            ("while", now - 4 * 3600 + 9),
        ]);
        assert_eq!(
            past.names(Some(now - 60), None),
            (vec!["before".to_owned()], false)
        );
    }

    #[test]
    fn a_listing_ends_where_only_older_events_are_left() {
        let old = std::iter::repeat_n(("old", 100), OLD_ONES);
        let past = Past::of([("behind", 20_000)].into_iter().chain(old));
        assert_eq!(past.names(Some(19_000), None), (vec![], false));
        let past = Past::of([("yesterday", 5), ("today", DAY + 5)]);
        assert_eq!(
            past.names(Some(DAY), None),
            (vec!["today".to_owned()], false)
        );
    }

    #[test]
    fn a_look_at_last_week_does_not_read_what_has_happened_since() {
        let since = std::iter::repeat_n(("since", 7 * DAY), 2 * OPENED);
        let past = Past::of([("then", 100)].into_iter().chain(since));
        assert_eq!(
            past.names(None, Some(DAY)),
            (vec!["then".to_owned()], false)
        );
    }
}
