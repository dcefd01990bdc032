//! A running deployment without its network.

use std::collections::HashMap;
use std::future::{Future, poll_fn};
use std::sync::{Arc, Mutex};
use std::task::Poll;
use std::time::Duration;

use audit::Record;
use pipeline::{Caller, Ctx, Origin, Services};
use serde_json::Value;
use store::{Batch, View};
use types::{AccessKeyId, AccountId, Clock as _, ManualClock, Region, RequestId, SystemClock};

use crate::{Operations, Outcome, Running};

/// How long what goes on behind the calls may take.
const PATIENCE: Duration = Duration::from_mins(1);

/// Services, the operations that run on them, and the clock that they read.
#[derive(Debug)]
pub struct Deployment {
    /// What the operations run on.
    pub services: Arc<Services>,
    /// The time of everything in it.
    pub clock: Arc<ManualClock>,
    /// The region of calls that name none.
    pub region: Region,
    operations: Operations,
    runtime: tokio::runtime::Runtime,
    callers: Mutex<HashMap<AccessKeyId, Arc<Caller>>>,
}

impl Deployment {
    /// A deployment on one thread; `start` opens its services there.
    pub fn start<F>(
        clock: Arc<ManualClock>,
        region: Region,
        operations: Operations,
        start: F,
    ) -> Self
    where
        F: Future<Output = Arc<Services>>,
    {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_time()
            .build()
            .unwrap();
        Self {
            services: runtime.block_on(start),
            clock,
            region,
            operations,
            runtime,
            callers: Mutex::default(),
        }
    }

    /// The same after a restart: everything is dropped before `start` opens it again.
    #[must_use]
    pub fn restarted<F>(self, start: F) -> Self
    where
        F: Future<Output = Arc<Services>>,
    {
        let Self {
            services,
            clock,
            region,
            operations,
            runtime,
            callers,
        } = self;
        drop(services);
        Self {
            services: runtime.block_on(start),
            clock,
            region,
            operations,
            runtime,
            callers,
        }
    }

    /// Runs `future` to its end.
    pub fn block_on<F: Future>(&self, future: F) -> F::Output {
        self.runtime.block_on(future)
    }

    /// Calls `operation` as `caller`.
    pub fn call_as(&self, caller: &Caller, operation: &str, input: Value) -> Outcome {
        self.block_on(self.begin(caller, operation, input))
    }

    /// Calls `operation` as `caller`, in a request that comes from `origin`.
    pub fn call_from(
        &self,
        origin: Origin,
        caller: &Caller,
        operation: &str,
        input: Value,
    ) -> Outcome {
        let ctx = Ctx::new(
            Arc::clone(&self.services),
            view(&self.services),
            self.kept(caller),
            origin,
            self.region.clone(),
            RequestId::generate(self.services.entropy()),
        );
        self.block_on(self.operations.run(operation, ctx, input))
    }

    /// Calls all at once as `caller`, on one thread.
    pub fn call_together(&self, caller: &Caller, calls: Vec<(&str, Value)>) -> Vec<Outcome> {
        let local = tokio::task::LocalSet::new();
        let started: Vec<_> = calls
            .into_iter()
            .map(|(operation, input)| local.spawn_local(self.begin(caller, operation, input)))
            .collect();
        self.block_on(local.run_until(async {
            let mut outcomes = Vec::new();
            for call in started {
                outcomes.push(call.await.unwrap());
            }
            outcomes
        }))
    }

    /// Does `work` of the server's, and calls all beside it as `caller`, on one thread: where the
    /// work waits, the calls go on.
    pub fn call_beside<F: Future>(
        &self,
        work: F,
        caller: &Caller,
        calls: Vec<(&str, Value)>,
    ) -> (F::Output, Vec<Outcome>) {
        let local = tokio::task::LocalSet::new();
        let started: Vec<_> = calls
            .into_iter()
            .map(|(operation, input)| local.spawn_local(self.begin(caller, operation, input)))
            .collect();
        self.block_on(local.run_until(async {
            let done = work.await;
            let mut outcomes = Vec::new();
            for call in started {
                outcomes.push(call.await.unwrap());
            }
            (done, outcomes)
        }))
    }

    /// Calls `operation` as `caller`, whose client hangs up as soon as the call waits for something,
    /// as for its commit; says whether it came to that before the answer.
    pub fn hang_up(&self, caller: &Caller, operation: &str, input: Value) -> bool {
        let mut call = self.begin(caller, operation, input);
        self.block_on(async move {
            let waits = poll_fn(|cx| Poll::Ready(call.as_mut().poll(cx).is_pending())).await;
            drop(call);
            waits
        })
    }

    /// Lets what goes on behind the calls come to its end.
    pub fn settle(&self) {
        let tasks = self.runtime.metrics();
        self.until(|| tasks.num_alive_tasks() == 0);
    }

    /// Lets what goes on behind the calls go on until `done`.
    pub fn until(&self, done: impl Fn() -> bool) {
        let clock = SystemClock::new();
        let end = clock.monotonic().0 + PATIENCE;
        self.block_on(async {
            while !done() {
                assert!(clock.monotonic().0 < end, "something does not end");
                tokio::task::yield_now().await;
            }
        });
    }

    /// Begins a call of `operation` as `caller`, which goes on as it is polled.
    pub fn begin(&self, caller: &Caller, operation: &str, input: Value) -> Running {
        let ctx = context_of(&self.services, self.kept(caller), &self.region);
        self.operations.run(operation, ctx, input)
    }

    /// The caller as it is kept for every request that its access key signs, as the server does.
    fn kept(&self, caller: &Caller) -> Arc<Caller> {
        let Some(id) = caller
            .access_key
            .clone()
            .filter(|_| caller.session.is_none())
        else {
            return Arc::new(caller.clone());
        };
        let mut callers = self.callers.lock().unwrap();
        let kept = callers
            .get(&id)
            .filter(|kept| kept.principal == caller.principal);
        if let Some(kept) = kept {
            return Arc::clone(kept);
        }
        let kept = Arc::new(caller.clone());
        callers.insert(id, Arc::clone(&kept));
        kept
    }

    /// What the store holds now.
    pub fn view(&self) -> View {
        view(&self.services)
    }

    /// Commits what a part of the server prepared.
    pub fn commit(&self, batch: Batch) {
        self.block_on(self.services.store().commit(batch)).unwrap();
    }

    /// All audit records of an account, newest first.
    pub fn records_of(&self, account: AccountId) -> Vec<Record> {
        records(&self.services, account, &self.region)
    }

    /// Lets time pass.
    pub fn wait(&self, seconds: u64) {
        self.clock.advance(Duration::from_secs(seconds));
    }
}

/// A request of `caller` in `region`, on what the store holds now.
pub fn context(services: &Arc<Services>, caller: &Caller, region: &Region) -> Ctx {
    context_of(services, Arc::new(caller.clone()), region)
}

/// The same of a caller who is kept from request to request, as the server keeps those whose
/// credentials it knows.
pub fn context_of(services: &Arc<Services>, caller: Arc<Caller>, region: &Region) -> Ctx {
    Ctx::new(
        Arc::clone(services),
        view(services),
        caller,
        Origin::default(),
        region.clone(),
        RequestId::generate(services.entropy()),
    )
}

/// What the store holds now.
pub fn view(services: &Services) -> View {
    View::plain(services.store().snapshot())
}

/// All audit records of an account in a region, newest first.
pub fn records(services: &Services, account: AccountId, region: &Region) -> Vec<Record> {
    let (store, now) = (&**services.store(), services.clock().now());
    let page = audit::newest_first(store, account, region, None, now, 10_000);
    let events = page.unwrap().events;
    events.into_iter().map(|(_, record)| record).collect()
}
