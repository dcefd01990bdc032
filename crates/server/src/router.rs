//! Which operation answers: one table, built from the services' registries.

use std::collections::BTreeMap;
use std::fmt;
use std::future::Future;
use std::marker::PhantomData;
use std::pin::Pin;
use std::sync::Arc;

use bytes::Bytes;
use http::{HeaderValue, Response, StatusCode};
use metrics::Counter;
use pipeline::{Ctx, Executed, Failure, Operation, Registry, Services, execute, record_refused};
use policy::Action;
use shapes::Output;
use types::Service;
use wire::{Call, Refusal, ReplyTo};

use crate::http_service::set_revision;

/// Where a denied caller finds what `DecodeAuthorizationMessage` opens.
const AUTHORIZATION_MESSAGE: &str = "x-strongroom-authorization-message";

/// The future of an answer.
pub(crate) type Answer<'a> = Pin<Box<dyn Future<Output = Response<Bytes>> + Send + 'a>>;

/// One operation behind its wire protocol.
pub(crate) trait Route: fmt::Debug + Send + Sync {
    /// Reads and validates the input, executes, encodes the answer, and counts it.
    fn answer(&self, ctx: Ctx, call: &Call<'_>) -> Answer<'_>;

    /// The actions that the operation may need.
    fn actions(&self) -> &'static [&'static Action];

    /// How the operation is recorded.
    fn kind(&self) -> pipeline::Kind;
}

/// All operations that this server answers.
#[derive(Debug, Default)]
pub struct Router {
    /// By service and operation: a few dozen of each, sorted.
    routes: BTreeMap<Service, BTreeMap<&'static str, Box<dyn Route>>>,
}

/// Adds the operations of every service.
pub(crate) fn register(registry: &mut impl Registry) {
    iam::register(registry);
    kms::register(registry);
    cloudtrail::register(registry);
    s3::register(registry);
    featurestore::register(registry);
    ram::register(registry);
    operator::register(registry);
}

impl Router {
    /// The operations of every service.
    pub fn complete() -> Self {
        let mut router = Self::default();
        register(&mut router);
        router
    }

    /// The operation, if this server has it.
    pub(crate) fn find(&self, service: Service, operation: &str) -> Option<&dyn Route> {
        self.routes
            .get(&service)?
            .get(operation)
            .map(|route| &**route)
    }

    /// Every operation: service, name, actions, kind; sorted.
    pub fn operations(&self) -> Vec<OperationInfo> {
        let mut operations: Vec<_> = self
            .routes
            .iter()
            .flat_map(|(service, routes)| routes.iter().map(move |route| (service, route)))
            .map(|(service, (name, route))| OperationInfo {
                service: *service,
                name,
                actions: route.actions(),
                kind: route.kind(),
            })
            .collect();
        operations.sort_by_key(|operation| (operation.service, operation.name));
        operations
    }
}

/// What documents and tests know of an operation.
#[derive(Debug, Clone, Copy)]
pub struct OperationInfo {
    /// The service.
    pub service: Service,
    /// AWS's name.
    pub name: &'static str,
    /// Every action that it can need.
    pub actions: &'static [&'static Action],
    /// How it is recorded.
    pub kind: pipeline::Kind,
}

impl Registry for Router {
    fn add<O: Operation>(&mut self) {
        let routes = self.routes.entry(O::SERVICE).or_default();
        routes.insert(O::NAME, Box::new(Typed::<O>::new()));
    }
}

/// Marks the answer to a call that has changed something: no refusal may take its place.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Committed;

struct Typed<O> {
    operation: PhantomData<fn() -> O>,
    answered: Answered,
}

/// How many answers of each kind an operation has given, for Prometheus.
struct Answered {
    ok: Counter,
    client_error: Counter,
    server_error: Counter,
}

impl Answered {
    fn count(&self, status: StatusCode) {
        let counter = if status.is_success() {
            &self.ok
        } else if status.is_client_error() {
            &self.client_error
        } else {
            &self.server_error
        };
        counter.increment(1);
    }
}

impl<O: Operation> Typed<O> {
    /// The recorder of metrics must be installed before.
    fn new() -> Self {
        let counter = |result: &'static str| {
            let service = O::SERVICE.model_name();
            metrics::counter!(
                "strongroom_requests_total",
                "service" => service, "operation" => O::NAME, "result" => result
            )
        };
        Self {
            operation: PhantomData,
            answered: Answered {
                ok: counter("ok"),
                client_error: counter("client_error"),
                server_error: counter("server_error"),
            },
        }
    }
}

impl<O: Operation> fmt::Debug for Typed<O> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", O::SERVICE.model_name(), O::NAME)
    }
}

impl<O: Operation> Route for Typed<O> {
    fn answer(&self, ctx: Ctx, call: &Call<'_>) -> Answer<'_> {
        let reply = ReplyTo::operation(O::SERVICE, O::NAME, ctx.id());
        let input = call.read::<O::Input>();
        let services = Arc::clone(ctx.services());
        Box::pin(async move {
            let executed = match input {
                Ok(input) => execute::<O>(ctx, input).await,
                Err(error) => {
                    let refusal = error.refusal(reply.protocol(), Some(O::SERVICE));
                    let failure = failure_of(refusal);
                    record_refused(&ctx, O::SERVICE, O::NAME, O::KIND, &failure).await;
                    Executed {
                        revision: ctx.view().revision(),
                        result: Err(failure),
                    }
                }
            };
            let mut response = match executed.result {
                Ok(output) => {
                    let mut response = answer_with(&reply, output);
                    if !O::KIND.is_read_only() {
                        response.extensions_mut().insert(Committed);
                    }
                    response
                }
                Err(failure) => refuse(&reply, &services, failure),
            };
            set_revision(&mut response, executed.revision);
            self.answered.count(response.status());
            response
        })
    }

    fn actions(&self) -> &'static [&'static Action] {
        O::ACTIONS
    }

    fn kind(&self) -> pipeline::Kind {
        O::KIND
    }
}

/// The failure for what `wire` refuses.
pub(crate) fn failure_of(refusal: Refusal) -> Failure {
    Failure {
        kind: refusal.kind,
        code: refusal.code,
        message: refusal.message,
        status: refusal.status,
        reason: refusal.reason,
        denial: None,
        source: None,
    }
}

/// The answer to a call that failed; a denial comes with the sealed message that says why.
fn refuse(reply: &ReplyTo, services: &Services, failure: Failure) -> Response<Bytes> {
    let mut response = reply.error(&Refusal {
        kind: failure.kind,
        code: failure.code,
        message: failure.message,
        status: failure.status,
        reason: failure.reason,
    });
    let sealed = failure.denial.and_then(|denial| {
        let messages = services.part::<iam::AuthorizationMessages>().ok()?;
        messages.seal(services.entropy(), services.clock().now(), &denial)
    });
    if let Some(Ok(sealed)) = sealed.map(HeaderValue::try_from) {
        response.headers_mut().insert(AUTHORIZATION_MESSAGE, sealed);
    }
    response
}

fn answer_with<T: Output>(reply: &ReplyTo, mut output: T) -> Response<Bytes> {
    match output.take_written() {
        Some(body) => reply.written(body.into()),
        None => reply
            .output(&output)
            .unwrap_or_else(|error| reply.refuse(&error)),
    }
}
