//! `ExplainRequest`: why a recorded request was allowed or denied, and whether it would be now.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use audit::{Lookups, Record};
use pipeline::{
    Ctx, Evaluated, EventDetail, Kind, Need, Needs, Operation, Permit, Reply, Services, replay,
};
use policy::Action;
use serde_json::{Value, json};
use shapes::strongroom::{ExplainRequestInput, ExplainRequestOutput, ExplainedCall};
use store::{Moment, Snapshot};
use types::{AccountId, Region, Service, Timestamp};

use crate::{Error, words};

static EXPLAIN_REQUEST: Action = Action::from_static("strongroom:ExplainRequest");

/// Requests that each account may have explained a second in a region.
const PER_SECOND: u32 = 20;

/// What bounds explanations: how often they are asked for, and how many are made at a time. A
/// shared part.
#[derive(Debug)]
pub struct Explanations(Lookups);

impl Default for Explanations {
    fn default() -> Self {
        Self(Lookups::new(PER_SECOND))
    }
}

/// Records that are looked through for the request.
const LOOKED: usize = 20_000;

/// The policies of when the request was decided.
const REQUEST: &str = "request";

/// The policies of now.
const NOW: &str = "now";

/// Decides the calls of a recorded request again, each need by itself, and says what matched,
/// what nearly did, what is missing, and the smallest change that would allow it.
///
/// By today's policies, or those of when the request was decided or of another time. Only
/// requests of principals of the caller's own account, or of those for whom its identity
/// providers vouch; about another account's resource only the own side is decided, so that
/// nothing of the other shows. The history is read apart from other requests' work. Fails with `RequestNotFoundException` if the history has no
/// record of the request, and with `ValidationException` for a time that is none.
#[derive(Debug)]
pub(crate) struct ExplainRequest;

impl Operation for ExplainRequest {
    const SERVICE: Service = Service::Strongroom;
    const NAME: &'static str = "ExplainRequest";
    const ACTIONS: &'static [&'static Action] = &[&EXPLAIN_REQUEST];
    const KIND: Kind = Kind::ReadOnly;
    type Input = ExplainRequestInput;
    type Output = ExplainRequestOutput;
    type Target = ();
    type Error = Error;

    async fn resolve(_ctx: &Ctx, _input: &Self::Input) -> Result<(Needs, ()), Error> {
        Ok((Needs::one(Need::anywhere(&EXPLAIN_REQUEST)), ()))
    }

    async fn handle(
        ctx: &Ctx,
        _permit: Permit<Self>,
        input: Self::Input,
    ) -> Result<Reply<Self::Output>, Error> {
        let account = ctx.account().ok_or(Error::NoAccount)?;
        let at = When::of(input.at.as_deref().unwrap_or(NOW))?;
        let near = input.near.as_deref();
        let near = near.map(|text| time("Near", text, "")).transpose()?;
        let Explanations(bounds) = ctx.part()?;
        if !bounds.admit(account, ctx.region(), ctx.monotonic()) {
            return Err(Error::Throttled);
        }
        let turn = bounds.turn(account).await.ok_or(Error::Throttled)?;
        let caller = Waiting::default();
        let asked = Asked {
            services: Arc::clone(ctx.services()),
            account,
            region: ctx.region().clone(),
            now: ctx.time(),
            id: input.request_id.clone(),
            near,
            at,
            gone: Arc::clone(&caller.0),
        };
        let explain = move || {
            let _turn = turn;
            asked.calls()
        };
        let calls = tokio::task::spawn_blocking(explain).await??;
        Ok(Reply::read(ExplainRequestOutput {
            request_id: input.request_id,
            at: input.at.unwrap_or_else(|| NOW.to_owned()),
            calls,
        }))
    }

    /// The answer says more than readers of the trail may know.
    fn event(input: &Self::Input, _output: Option<&Self::Output>) -> EventDetail {
        let mut request = serde_json::Map::new();
        request.insert("requestId".to_owned(), json!(input.request_id));
        for (name, value) in [("at", &input.at), ("near", &input.near)] {
            if let Some(value) = value {
                request.insert(name.to_owned(), json!(value));
            }
        }
        EventDetail {
            request: Value::Object(request),
            ..EventDetail::default()
        }
    }
}

/// Whose policies decide: of when.
#[derive(Debug, Clone, Copy)]
enum When {
    Now,
    Request,
    Time(Timestamp),
}

impl When {
    fn of(text: &str) -> Result<Self, Error> {
        match text {
            NOW => Ok(Self::Now),
            REQUEST => Ok(Self::Request),
            text => Ok(Self::Time(time("At", text, ", `now` or `request`")?)),
        }
    }
}

fn time(member: &'static str, text: &str, more: &'static str) -> Result<Timestamp, Error> {
    Timestamp::parse_iso8601(text).map_err(|_not_a_time| Error::Time {
        member,
        value: text.to_owned(),
        more,
    })
}

/// What is looked for, and by which policies it is decided again.
struct Asked {
    services: Arc<Services>,
    account: AccountId,
    region: Region,
    now: Timestamp,
    id: String,
    near: Option<Timestamp>,
    at: When,
    /// Whether nobody waits for the answer any more.
    gone: Arc<AtomicBool>,
}

/// What the store held at the moment that was last asked for: to find out takes a look at the
/// history of everything, so that it is done once for all records of a request.
#[derive(Debug, Default)]
struct Past(Option<(Moment, Arc<Snapshot>)>);

impl Past {
    /// What was held at `moment`, which `read` finds out unless it is known.
    fn at<E>(
        &mut self,
        moment: Moment,
        read: impl FnOnce() -> Result<Snapshot, E>,
    ) -> Result<Arc<Snapshot>, E> {
        if let Some((known, snapshot)) = &self.0
            && *known == moment
        {
            return Ok(Arc::clone(snapshot));
        }
        // Two are not held at a time.
        self.0 = None;
        let snapshot = Arc::new(read()?);
        self.0 = Some((moment, Arc::clone(&snapshot)));
        Ok(snapshot)
    }
}

/// Says when nobody waits any more: when it is dropped.
#[derive(Debug, Default)]
struct Waiting(Arc<AtomicBool>);

impl Drop for Waiting {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

impl Asked {
    /// The calls of the request. Reads the disk and may take a while.
    fn calls(self) -> Result<Vec<ExplainedCall>, Error> {
        let store = &**self.services.store();
        let place = (self.account, &self.region);
        let when = (self.near, self.now);
        let wanted = || !self.gone.load(Ordering::Relaxed);
        let records = audit::of_request(store, place, &self.id, when, LOOKED, &wanted)?;
        if records.is_empty() {
            return Err(Error::NoSuchRequest {
                id: self.id,
                looked: LOOKED,
            });
        }
        let mut past = Past::default();
        let records = records.into_iter();
        records
            .map(|(record, evaluated)| self.explained(&record, evaluated, &mut past))
            .collect()
    }

    /// What the store held at `moment`, for nobody who has hung up.
    fn snapshot(&self, moment: Moment, past: &mut Past) -> Result<Arc<Snapshot>, Error> {
        past.at(moment, || {
            if self.gone.load(Ordering::Relaxed) {
                return Err(Error::HungUp);
            }
            let snapshot = self.services.store().past(moment);
            snapshot.map_err(|failed| Error::of_replay(Box::new(failed)))
        })
    }

    /// One call of the request, decided again.
    fn explained(
        &self,
        record: &Record,
        evaluated: Option<Value>,
        past: &mut Past,
    ) -> Result<ExplainedCall, Error> {
        let mut call = words::call(record);
        let Some(evaluated) = evaluated else {
            call.notes.push(words::NOTHING_KEPT.to_owned());
            return Ok(call);
        };
        let evaluated: Evaluated = serde_json::from_value(evaluated).map_err(Error::Unreadable)?;
        // INVARIANT: only requests of the caller's own account. The record is in its history and
        // what is kept beside it was kept for this account; this refuses anything else.
        if !evaluated.is_known() || evaluated.principal().home() != Some(self.account) {
            call.notes.push(words::NOTHING_KEPT.to_owned());
            return Ok(call);
        }
        let moment = match self.at {
            When::Now => None,
            When::Request => Some(Moment::Commit(evaluated.revision)),
            When::Time(time) => Some(Moment::Time(time)),
        };
        let snapshot = match moment {
            Some(moment) => self.snapshot(moment, past)?,
            None => self.services.store().snapshot(),
        };
        let replay = replay(&self.services, &evaluated, snapshot).map_err(Error::Replay)?;
        call.caller = evaluated.principal().display_name();
        call.decided_at_revision = Some(evaluated.revision);
        call.replayed_at_revision = Some(replay.revision);
        call.needs = replay.needs.iter().map(words::need).collect();
        if !replay.caller_exists {
            call.notes.push(words::NO_CALLER.to_owned());
        }
        if evaluated.is_shortened() {
            call.notes.push(words::SHORTENED.to_owned());
        }
        if moment.is_some() {
            call.notes.push(words::OF_THE_PAST.to_owned());
        }
        Ok(call)
    }
}

#[cfg(test)]
mod tests {
    use store::SnapshotBuilder;

    use super::*;

    #[test]
    fn the_past_is_read_once_for_a_moment() {
        let mut past = Past::default();
        let mut reads = Vec::new();
        for moment in [1, 1, 2, 2].map(Moment::Commit) {
            let read = || -> Result<Snapshot, Error> {
                reads.push(moment);
                Ok(SnapshotBuilder::new(&[]).build(1))
            };
            past.at(moment, read).unwrap();
        }
        assert_eq!(reads, [1, 2].map(Moment::Commit));
        assert!(past.at(Moment::Commit(3), || Err(Error::HungUp)).is_err());
    }
}
