//! Runs one operation: resolve → authorize → handle → record.

use std::any::Any;
use std::borrow::Cow;
use std::future::Future;
use std::panic::AssertUnwindSafe;
use std::pin::{Pin, pin};
use std::task::{Context, Poll};
use std::time::Duration;

use store::{Batch, CellOutcome, CommitError, Lane, Revision, View};
use tracing::{error, warn};
use types::{Causes, ErrorKind, Principal};

use crate::authorize::{Authorization, authorize};
use crate::error::Denial;
use crate::operation::EventDetail;
use crate::pace::Class;
use crate::unbroken::Unbroken;
use crate::written::Share;
use crate::{Ctx, Failure, Kind, Needs, Operation, Permit, Reply};
use crate::{record, session};

/// How often a call is decided anew because something it read has changed meanwhile.
const ATTEMPTS: usize = 32;

/// How many conflicts of a call cost it nothing: two that meet are both done at once.
const FREE_REPEATS: usize = 2;

/// A wait for others is up to 256 times as long: 51 ms at most.
const SHORTEST_WAIT: Duration = Duration::from_micros(200);

/// The end of a call.
#[derive(Debug)]
pub struct Executed<T> {
    /// What the caller gets.
    pub result: Result<T, Failure>,
    /// The metadata revision that decided, or that the call's change made.
    pub revision: Revision,
}

/// Executes `O` for an authenticated request.
///
/// Every attempt decides from one snapshot, the newest when it starts; a mutating call is
/// committed only if nothing that it read has changed since. The answer is given when the
/// effect and the audit record are durable. An attempt that has begun to commit comes to its end,
/// with all that follows, also if this is dropped.
pub async fn execute<O: Operation>(ctx: Ctx, input: O::Input) -> Executed<O::Output> {
    let (mut ctx, mut input) = (ctx, input);
    let mut conflicts = 0;
    for number in 0..ATTEMPTS {
        // A call that reads decides on the snapshot that it was authenticated in.
        if number > 0 || may_write::<O>() || ctx.view().is_recording() {
            ctx = ctx.again(view::<O>(&ctx));
        }
        let tried = attempt::<O>(&ctx, input.clone()).await;
        if ctx.is_outdated() && number + 1 < ATTEMPTS {
            ctx = ctx.repeated();
            yield_once().await;
            continue;
        }
        if tried.batch.is_empty() {
            if tried.result.is_ok() {
                ctx.committed();
            }
            return Executed {
                result: tried.result,
                revision: ctx.view().revision(),
            };
        }
        // From here on it makes no difference whether the caller stays.
        match Unbroken::new(finish::<O>(ctx, input, tried)).await {
            Finished::Done(executed) => return executed,
            Finished::Again(again) => {
                (ctx, input) = *again;
                conflicts = number + 1;
                // Behind a pointer: every call would have room for it.
                if !Box::pin(give_way::<O>(&ctx, &input, number)).await {
                    break;
                }
            }
        }
    }
    warn!(request = %ctx.id(), operation = O::NAME, "gave up after {conflicts} conflicts");
    let failure = Failure::lost_to_others(O::SERVICE, O::NAME);
    record_lost::<O>(&ctx, &input, &failure).await;
    Executed {
        revision: ctx.view().revision(),
        result: Err(failure),
    }
}

/// Lets others finish first what attempt `number`, from 0 on, has lost to. Whether the call may
/// then be tried again: management calls that conflict more than once wait for a while, not all for
/// the same, and are taken from what their caller and its account may have tried again. A conflict
/// costs the committer as much as a change, and whoever loses it has written nothing that a
/// budget would count.
async fn give_way<O: Operation>(ctx: &Ctx, input: &O::Input, number: usize) -> bool {
    yield_once().await;
    if number < FREE_REPEATS || O::KIND.is_data() {
        return true;
    }
    if let Some(account) = ctx.home().filter(|_| !is_of_a_service(ctx)) {
        let principal = ctx.caller().principal.standing_name();
        let class = if O::only_takes_away(input) {
            Class::TakesAway
        } else {
            Class::Changes
        };
        // Not the time when the call arrived: it may have waited since.
        let now = ctx.services().clock.monotonic();
        let repeats = &ctx.services().sources.repeats;
        if !repeats.admit(&principal, Some(account), class, now) {
            count_throttled::<O>();
            return false;
        }
    }
    let mut parts = [0];
    ctx.entropy().fill_id(&mut parts);
    tokio::time::sleep(SHORTEST_WAIT * (u32::from(u8::from_be_bytes(parts)) + 1)).await;
    true
}

/// What became of an attempt.
enum Finished<O: Operation> {
    Done(Executed<O::Output>),
    /// The call is to be decided anew.
    Again(Box<(Ctx, O::Input)>),
}

/// Commits an attempt, and does what follows.
async fn finish<O: Operation>(
    ctx: Ctx,
    input: O::Input,
    attempt: Attempt<O::Output>,
) -> Finished<O> {
    let Attempt {
        result,
        mut batch,
        share,
        insists,
        depends,
    } = attempt;
    if depends || !batch.metadata().is_empty() || !batch.cells().is_empty() {
        batch.require_all(ctx.view().reads());
    }
    match ctx.commit(batch, share).await {
        Ok(committed) if insists && committed.cells.contains(&CellOutcome::Kept) => {
            Finished::Again(Box::new((ctx, input)))
        }
        Ok(committed) => {
            match &result {
                Ok(output) => {
                    ctx.committed();
                    let follow = pin!(O::follow(&ctx, &input, output));
                    if let Err(panicked) = CatchPanic(follow).await {
                        log_failure::<O>(&ctx, &panicked);
                    }
                }
                Err(_) => ctx.recorded(),
            }
            Finished::Done(Executed {
                result,
                revision: committed.revision,
            })
        }
        Err(CommitError::Conflict) => Finished::Again(Box::new((ctx.repeated(), input))),
        Err(failed) if O::EMERGENCY && result.is_ok() => {
            log_unrecorded::<O>(&ctx, &failed);
            ctx.committed();
            Finished::Done(Executed {
                result,
                revision: ctx.view().revision(),
            })
        }
        Err(failed) => {
            if matches!(failed, CommitError::Unknown { .. }) {
                match &result {
                    Ok(_) => ctx.in_doubt(),
                    Err(_) => ctx.recorded(),
                }
            }
            ctx.log_uncommitted(O::NAME, &failed);
            // A failure stays what it was; a success that cannot be recorded is none.
            Finished::Done(Executed {
                result: result.and_then(|_| Err(Failure::from(failed))),
                revision: ctx.view().revision(),
            })
        }
    }
}

/// Records a call that was never committed, since others always came first.
async fn record_lost<O: Operation>(ctx: &Ctx, input: &O::Input, failure: &Failure) {
    // What waits for the attempts that were in vain is not done.
    let ctx = &ctx.again(view::<O>(ctx));
    let mut batch = record::batch_of_failure(&ctx.caller().principal);
    let detail = detail::<O>(input, None);
    let granted = Authorization {
        granted: true,
        ..Authorization::default()
    };
    let damped = record::is_damped(ctx, &granted, failure, is_beyond::<O>(ctx, input));
    let recorded = record::failure::<O>(ctx, detail, &granted, failure, damped, &mut batch);
    if let Err(unrecorded) = recorded {
        error!(request = %ctx.id(), error = %unrecorded, "audit record could not be made");
    } else if !batch.is_empty() {
        match ctx.commit(batch, Share::of_failure(&granted, damped)).await {
            Ok(_) => ctx.recorded(),
            Err(failed) => {
                if matches!(failed, CommitError::Unknown { .. }) {
                    ctx.recorded();
                }
                ctx.log_uncommitted(O::NAME, &failed);
            }
        }
    }
}

fn may_write<O: Operation>() -> bool {
    matches!(O::KIND, Kind::Mutating | Kind::DataWrite)
}

fn view<O: Operation>(ctx: &Ctx) -> View {
    let snapshot = ctx.services().store.snapshot();
    if may_write::<O>() {
        View::recording(snapshot)
    } else {
        View::plain(snapshot)
    }
}

/// One attempt at a call.
pub(crate) struct Attempt<T> {
    pub(crate) result: Result<T, Failure>,
    /// What must be committed for the result to be true, record included.
    pub(crate) batch: Batch,
    /// What its records are taken from.
    pub(crate) share: Share,
    /// Whether every cell must have been written, too.
    pub(crate) insists: bool,
    /// Whether what was read must still hold when the batch commits, though it may append
    /// only: what is appended beside the record is an effect of the call like any other.
    pub(crate) depends: bool,
}

/// One attempt.
pub(crate) async fn attempt<O: Operation>(ctx: &Ctx, input: O::Input) -> Attempt<O::Output> {
    let mut authorization = Authorization::default();
    let outcome = decide_and_handle::<O>(ctx, input.clone(), &mut authorization).await;
    let (mut insists, mut depends, mut is_counted) = (false, false, false);
    let is_beyond = is_beyond::<O>(ctx, &input);
    let result = match outcome {
        Ok(reply) => {
            insists = reply.insists;
            depends = !reply.effect.is_empty();
            let mut batch = reply.effect;
            batch.tell_of_changes(0);
            batch.merge(ctx.take_effects());
            let changes = depends || !batch.metadata().is_empty() || !batch.cells().is_empty();
            is_counted = is_beyond && !changes && is_counted_beyond(ctx);
            let recorded = batch.appends().len();
            let mut detail = detail::<O>(&input, Some(&reply.output));
            for (name, note) in reply.notes {
                record::add(&mut detail.additional, name, note);
            }
            let done = if is_counted {
                record::removal_of_nothing::<O>(ctx, detail, &authorization, &mut batch)
            } else {
                record::success::<O>(ctx, detail, &authorization, &mut batch)
            };
            done.map(|()| {
                // If this is an inner call and the outer one fails, what never was is not told.
                if depends {
                    batch.tell_of_changes(recorded);
                }
                if O::only_takes_away(&input) {
                    batch = batch.revoking();
                }
                if O::EMERGENCY {
                    let mut last = Batch::new(Lane::Emergency);
                    last.merge(batch);
                    batch = last;
                }
                (reply.output, batch)
            })
        }
        Err(failure) => Err(failure),
    };
    match result {
        Ok((output, batch)) => Attempt {
            result: Ok(output),
            batch,
            share: if is_counted {
                Share::Refused
            } else {
                Share::of_success(&authorization, is_beyond)
            },
            insists,
            depends,
        },
        Err(failure) => {
            let mut batch = record::batch_of_failure(&ctx.caller().principal);
            batch.merge(ctx.take_effects().only_appends());
            let detail = detail::<O>(&input, None);
            let damped = record::is_damped(ctx, &authorization, &failure, is_beyond);
            let recorded =
                record::failure::<O>(ctx, detail, &authorization, &failure, damped, &mut batch);
            log_failure::<O>(ctx, &failure);
            if let Err(unrecorded) = recorded {
                error!(request = %ctx.id(), error = %unrecorded, "audit record could not be made");
            }
            Attempt {
                share: Share::of_failure(&authorization, damped),
                result: Err(failure),
                batch,
                insists: false,
                depends: false,
            }
        }
    }
}

/// Whether the call takes rights away and goes on for that alone: its account has recorded all it
/// may. If it fails it is [damped](record::is_damped), and if it changes nothing when what is kept for
/// its like is used up too, it is [counted](is_counted_beyond).
fn is_beyond<O: Operation>(ctx: &Ctx, input: &O::Input) -> bool {
    let (written, now) = (&ctx.services().sources.written, ctx.monotonic());
    O::only_takes_away(input)
        && ctx
            .home()
            .is_some_and(|account| written.is_used_up(account, now))
}

/// Whether such a call is damped if it changes nothing: nothing is left of what the account may
/// record of its like. It is answered all the same, for whoever takes rights away must not be stopped
/// by one that is taken away already. What services do on the way is not damped.
fn is_counted_beyond(ctx: &Ctx) -> bool {
    let (written, now) = (&ctx.services().sources.written, ctx.monotonic());
    let has_room = |account| written.has_room(account, Share::Removals, now);
    !is_of_a_service(ctx) && !ctx.home().is_none_or(has_room)
}

/// What the record tells of the call; data calls are recorded by trails, and not here.
fn detail<O: Operation>(input: &O::Input, output: Option<&O::Output>) -> EventDetail {
    if O::KIND.is_data() {
        return EventDetail::default();
    }
    O::event(input, output)
}

async fn decide_and_handle<O: Operation>(
    ctx: &Ctx,
    input: O::Input,
    authorization: &mut Authorization,
) -> Result<Reply<O::Output>, Failure> {
    let identities = &ctx.services().sources.identities;
    // A role that a service assumed here was let in by this very snapshot.
    let good = ctx.is_freshly_authenticated() || ctx.assumed().is_some();
    if !good && !identities.is_active(ctx.view(), ctx.caller()) {
        return Err(inactive());
    }
    session::check(ctx, O::SERVICE, O::NAME)?;
    let bounds = ctx.caller_bounds();
    if bounds.as_ref().is_some_and(|bounds| bounds.closed) {
        return Err(inactive());
    }
    let resolved = {
        let resolve = pin!(O::resolve(ctx, &input));
        CatchPanic(resolve).await?
    };
    let (needs, target) = resolved.map_err(Failure::of)?;
    check_denials::<O>(ctx)?;
    match authorize(ctx, &needs, bounds.as_ref(), !O::KIND.is_data()).await {
        Ok(granted) => *authorization = granted,
        Err(denial) => {
            record_on_behalf::<O>(ctx, &denial, &needs);
            authorization.needs = needs.without_withheld(&[]);
            count_against::<O>(ctx);
            let mut failure = Failure::denied(denial);
            if let Some(code) = O::DENIED_CODE {
                failure.code = Cow::Borrowed(code);
            }
            return Err(failure);
        }
    }
    for (item, denial) in &authorization.denied_items {
        count_denial::<O>();
        record_on_behalf::<O>(ctx, denial, &needs);
        if ctx.log_admits("item") {
            warn!(request = %ctx.id(), operation = O::NAME, item, reason = ?denial.message, "item denied");
        }
    }
    let class = Class::of::<O>(&needs, &input);
    if !O::EMERGENCY {
        count_request::<O>(ctx, &needs, class)?;
    }
    if !O::KIND.is_data() {
        authorization.needs = needs.without_withheld(&authorization.conditional);
    }
    let denied_items = std::mem::take(&mut authorization.denied_items);
    let conditional = std::mem::take(&mut authorization.conditional);
    let permit = Permit::granted(target, denied_items, conditional);
    let handle = pin!(O::handle(ctx, permit, input));
    let handled = CatchPanic(handle).await?.map_err(Failure::of);
    if O::EMERGENCY && handled.is_err() {
        count_request::<O>(ctx, &authorization.needs, class)?;
    }
    handled
}

/// Takes the call from the quotas of its service, or, if none of them counts it, from what its
/// caller and its account may make of such calls; and fails if the account has written too much for
/// it. Those that are denied are not counted here: who may nothing cannot use up what others of the
/// account need ([`check_denials`]).
fn count_request<O: Operation>(ctx: &Ctx, needs: &Needs, class: Class) -> Result<(), Failure> {
    if ctx.is_repeated() {
        return Ok(());
    }
    let sources = &ctx.services().sources;
    let quotas = sources.quotas_of(O::SERVICE);
    let counted = quotas.map_or(Ok(false), |quotas| quotas.admit(ctx, O::NAME, needs));
    let admitted = counted.and_then(|counted| {
        if O::KIND.is_data() || is_of_a_service(ctx) {
            return Ok(());
        }
        let principal = ctx.caller().principal.standing_name();
        let (account, now) = (ctx.home(), ctx.monotonic());
        if !counted && !sources.pace.admit(&principal, account, class, now) {
            return Err(Failure::throttled());
        }
        let written = &sources.written;
        let has_room = account.is_none_or(|it| written.admit(&principal, it, class, now));
        has_room.then_some(()).ok_or_else(Failure::over_budget)
    });
    admitted.inspect_err(|_| count_throttled::<O>())
}

fn count_throttled<O: Operation>() {
    let (service, operation) = (O::SERVICE.model_name(), O::NAME);
    metrics::counter!("strongroom_throttled_total", "service" => service, "operation" => operation)
        .increment(1);
}

/// Fails if the principal was denied more calls of services with quotas than it may be in a
/// second. Its next ones are then not decided: to find that nothing allows a call can take many
/// looks, at a thousand grants for example. Nobody else of the account is held up by it.
fn check_denials<O: Operation>(ctx: &Ctx) -> Result<(), Failure> {
    let sources = &ctx.services().sources;
    let Some(quotas) = sources.quotas_of(O::SERVICE) else {
        return Ok(());
    };
    if O::EMERGENCY || ctx.is_repeated() || is_of_a_service(ctx) {
        return Ok(());
    }
    let principal = ctx.caller().principal.standing_name();
    if sources.denials.would_admit(&principal, ctx.monotonic()) {
        return Ok(());
    }
    count_throttled::<O>();
    Err(quotas.exceeded())
}

/// Takes a denied call from what its principal may be denied, see [`check_denials`].
fn count_against<O: Operation>(ctx: &Ctx) {
    let sources = &ctx.services().sources;
    if is_of_a_service(ctx) || sources.quotas_of(O::SERVICE).is_none() {
        return;
    }
    let principal = ctx.caller().principal.standing_name();
    // Beyond the rate the next call is not decided.
    let _within = (sources.denials).admit(&principal, None, Class::Reads, ctx.monotonic());
}

/// Whether a service makes the call, of its own accord or on the way: the caller was counted.
fn is_of_a_service(ctx: &Ctx) -> bool {
    ctx.via().is_some() || matches!(ctx.caller().principal, Principal::Service { .. })
}

/// A data call has no record of its own; what a service was refused on its behalf has, and
/// what a service was refused in its own name.
fn record_on_behalf<O: Operation>(ctx: &Ctx, denial: &Denial, needs: &Needs) {
    if O::KIND.is_data() {
        record::denied_on_behalf(ctx, denial, needs);
    }
}

/// The credential was good when the request was authenticated, and is no more; or its account
/// is closed.
fn inactive() -> Failure {
    Failure {
        kind: ErrorKind::Unauthenticated,
        code: Cow::Borrowed("UnrecognizedClientException"),
        message: "The security token included in the request is invalid.".to_owned(),
        status: None,
        reason: None,
        denial: None,
        source: None,
    }
}

fn log_failure<O: Operation>(ctx: &Ctx, failure: &Failure) {
    let (request, operation, code) = (ctx.id(), O::NAME, failure.code.as_ref());
    match failure.kind {
        ErrorKind::Internal if ctx.log_admits_error(code) => {
            let cause = failure.source.as_deref();
            let cause = cause
                .map(|source| Causes(source).to_string())
                .unwrap_or_default();
            error!(%request, operation, code, cause, "call failed");
        }
        ErrorKind::Denied | ErrorKind::Unauthenticated => {
            count_denial::<O>();
            if ctx.log_admits(code) {
                warn!(%request, operation, code, reason = ?failure.message, "call denied");
            }
        }
        ErrorKind::Validation
        | ErrorKind::NotFound
        | ErrorKind::Conflict
        | ErrorKind::LimitExceeded
        | ErrorKind::Throttled
        | ErrorKind::Unsupported
        | ErrorKind::Unavailable
        | ErrorKind::Internal => {
            tracing::debug!(%request, operation, code, "call failed");
        }
    }
}

/// Says that an emergency was dealt with though nothing of it is in the audit log.
fn log_unrecorded<O: Operation>(ctx: &Ctx, failed: &CommitError) {
    let caller = ctx.caller().principal.display_name();
    error!(request = %ctx.id(), operation = O::NAME, caller, error = %failed, "done without a record");
}

fn count_denial<O: Operation>() {
    let (service, operation) = (O::SERVICE.model_name(), O::NAME);
    metrics::counter!("strongroom_denied_total", "service" => service, "operation" => operation)
        .increment(1);
}

/// Lets other tasks of this thread run, once: for whoever lost to others, or looks through much.
pub async fn yield_once() {
    let mut yielded = false;
    std::future::poll_fn(|cx| {
        if std::mem::replace(&mut yielded, true) {
            return Poll::Ready(());
        }
        cx.waker().wake_by_ref();
        Poll::Pending
    })
    .await;
}

/// A future whose panic becomes an internal failure of the request.
struct CatchPanic<'a, F>(Pin<&'a mut F>);

impl<F: Future> Future for CatchPanic<'_, F> {
    type Output = Result<F::Output, Failure>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let inner = self.0.as_mut();
        match std::panic::catch_unwind(AssertUnwindSafe(|| inner.poll(cx))) {
            Ok(poll) => poll.map(Ok),
            Err(panic) => Poll::Ready(Err(Failure::internal(panic_text(&*panic)))),
        }
    }
}

fn panic_text(panic: &(dyn Any + Send)) -> String {
    let text = panic
        .downcast_ref::<&str>()
        .map(|text| (*text).to_owned())
        .or_else(|| panic.downcast_ref::<String>().cloned());
    format!("the handler panicked: {}", text.unwrap_or_default())
}
