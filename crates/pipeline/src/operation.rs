//! The trait that every operation of every service implements.

use std::fmt;
use std::future::Future;

use audit::Resource;
use policy::Action;
use serde_json::Value;
use store::{Batch, Lane};
use types::{Service, ServiceError};

use crate::{Ctx, Needs, Permit};

/// How an operation is recorded and whether it may change anything.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// A management call that reads.
    ReadOnly,
    /// A management call that changes something.
    Mutating,
    /// A data call that reads: recorded only where a trail selects it.
    DataRead,
    /// A data call that writes: recorded only where a trail selects it.
    DataWrite,
}

impl Kind {
    /// Whether records carry `readOnly: true`.
    pub fn is_read_only(self) -> bool {
        matches!(self, Self::ReadOnly | Self::DataRead)
    }

    /// Whether the call is a data event.
    pub fn is_data(self) -> bool {
        matches!(self, Self::DataRead | Self::DataWrite)
    }
}

/// What a handler answers: the output, and the changes that make it true.
#[derive(Debug)]
pub struct Reply<T> {
    pub(crate) output: T,
    pub(crate) effect: Batch,
    /// Whether every cell must have been written for the answer to be true.
    pub(crate) insists: bool,
    /// What the record says beside what input and output tell.
    pub(crate) notes: Vec<(&'static str, Value)>,
}

impl<T> Reply<T> {
    /// An answer that changes nothing.
    ///
    /// Its record takes nothing of the disk that is reserved for changes.
    pub fn read(output: T) -> Self {
        Self {
            output,
            effect: Batch::new(Lane::Events),
            insists: false,
            notes: Vec::new(),
        }
    }

    /// An answer that holds once `effect` is committed.
    pub fn write(output: T, effect: Batch) -> Self {
        Self {
            output,
            effect,
            insists: false,
            notes: Vec::new(),
        }
    }

    /// The call is made anew, from `resolve` on, if a rule of a cell keeps what is stored: for
    /// changes to what was read.
    ///
    /// Only for answers whose effect is one cell: else the others would have been written.
    pub fn or_again(mut self) -> Self {
        self.insists = true;
        self
    }

    /// Adds to `additionalEventData` of the record what neither input nor output tells.
    pub fn noting(mut self, name: &'static str, value: impl Into<Value>) -> Self {
        self.notes.push((name, value.into()));
        self
    }
}

/// What an operation contributes to its audit record.
#[derive(Debug, Default, Clone)]
pub struct EventDetail {
    /// `requestParameters`, without anything secret.
    pub request: Value,
    /// `responseElements`; null for calls that read.
    pub response: Value,
    /// `additionalEventData` of the service.
    pub additional: Option<Value>,
    /// What the call was about; empty means: the resources of its needs.
    pub resources: Vec<Resource>,
}

/// One API operation. See `docs/adding-an-operation.md`.
pub trait Operation: fmt::Debug + Sized + Send + Sync + 'static {
    /// The service.
    const SERVICE: Service;

    /// AWS's name of the operation.
    const NAME: &'static str;

    /// Every action it can ever need; feeds `docs/permissions.md` and the coverage test.
    const ACTIONS: &'static [&'static Action];

    /// How it is recorded.
    const KIND: Kind;

    /// The request.
    type Input: shapes::Input + Clone + Sync + 'static;

    /// The answer.
    type Output: shapes::Output + 'static;

    /// What `resolve` loads for `handle`.
    type Target: Send + Sync + 'static;

    /// The service's error.
    type Error: ServiceError;

    /// Loads the target and says everything that the call needs.
    ///
    /// Must not leak existence: for a missing resource it names the ARN that the caller
    /// named. Changes nothing.
    fn resolve(
        ctx: &Ctx,
        input: &Self::Input,
    ) -> impl Future<Output = Result<(Needs, Self::Target), Self::Error>> + Send;

    /// Does the work, and returns what to commit. Runs again from `resolve` on if something
    /// that it read has changed when it commits.
    fn handle(
        ctx: &Ctx,
        permit: Permit<Self>,
        input: Self::Input,
    ) -> impl Future<Output = Result<Reply<Self::Output>, Self::Error>> + Send;

    /// Goes on with what the call has begun, once it is durable: the answer waits for it, and it
    /// comes to its end also if the caller goes away. What a crash interrupts here the service must
    /// find and finish in the background; what fails is not the call's failure.
    fn follow(
        _ctx: &Ctx,
        _input: &Self::Input,
        _output: &Self::Output,
    ) -> impl Future<Output = ()> + Send {
        std::future::ready(())
    }

    /// Whether this call can do nothing but take rights away or remove. While the disk has no room
    /// for changes such calls still have some ([`store::Lane::Revocation`]), and so do accounts that
    /// have written all they may.
    fn only_takes_away(_input: &Self::Input) -> bool {
        false
    }

    /// Whether it is the way out of an emergency. Then no rate and no budget refuses it (only calls
    /// that fail count), its record is accepted as long as those of what takes rights away are, and
    /// if the store does not take the record all the same, what waits for it is done without, which
    /// the log of the server says: the one exception to "no effect without its record".
    const EMERGENCY: bool = false;

    /// The operation's part of the audit record. `output` is `None` if the call failed.
    ///
    /// There is no default: each operation decides what may be shown.
    fn event(input: &Self::Input, output: Option<&Self::Output>) -> EventDetail;

    /// The code that a denial carries, where the service has one of its own.
    const DENIED_CODE: Option<&'static str> = None;
}

/// Takes the operations of a service: the router, the documents, the coverage test.
pub trait Registry {
    /// Adds one operation.
    fn add<O: Operation>(&mut self);
}
