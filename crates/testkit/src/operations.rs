//! Operations by their names, with JSON in and out.

use std::collections::HashMap;
use std::fmt;
use std::future::Future;
use std::marker::PhantomData;
use std::pin::Pin;

use pipeline::{Ctx, Denial, Operation, Registry};
use serde_json::Value;
use shapes::{Input, Output, ScalarForm};
use types::Service;

/// The end of a call that failed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refused {
    /// AWS's code.
    pub code: String,
    /// The HTTP status, where the code does not decide it.
    pub status: Option<u16>,
    /// What the caller reads.
    pub message: String,
    /// What some services add to their code.
    pub reason: Option<&'static str>,
    /// What was denied, if that is why.
    pub denial: Option<Box<Denial>>,
}

/// How a call ended.
pub type Outcome = Result<Value, Refused>;

/// A call that has begun.
pub type Running = Pin<Box<dyn Future<Output = Outcome>>>;

/// Every registered operation by its name, those of Organizations as `organizations:Name` and
/// those of RAM as `ram:Name`, since some are called like IAM's and KMS's.
#[derive(Default)]
pub struct Operations(HashMap<String, Box<dyn Run>>);

impl Operations {
    /// Calls `operation` with `input` in the form of AWS's JSON protocols.
    ///
    /// The answer is what would be serialised; where the operation writes its own bytes, they
    /// are checked to say the same.
    pub fn run(&self, operation: &str, ctx: Ctx, input: Value) -> Running {
        match self.0.get(operation) {
            Some(known) => known.run(ctx, input),
            None => panic!("{operation} is not registered"),
        }
    }
}

impl fmt::Debug for Operations {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.0.keys()).finish()
    }
}

impl Registry for Operations {
    fn add<O: Operation>(&mut self) {
        let name = match O::SERVICE {
            Service::Organizations | Service::Ram => {
                format!("{}:{}", O::SERVICE.action_prefix(), O::NAME)
            }
            _ => O::NAME.to_owned(),
        };
        let before = self.0.insert(name, Box::new(Typed::<O>(PhantomData)));
        assert!(before.is_none(), "{} is registered twice", O::NAME);
    }
}

trait Run {
    fn run(&self, ctx: Ctx, input: Value) -> Running;
}

struct Typed<O>(PhantomData<O>);

impl<O: Operation> Run for Typed<O> {
    fn run(&self, ctx: Ctx, input: Value) -> Running {
        Box::pin(async move {
            let input = O::Input::read(input, ScalarForm::Json).map_err(|error| Refused {
                code: error.code(O::SERVICE).to_owned(),
                status: Some(400),
                message: error.to_string(),
                reason: None,
                denial: None,
            })?;
            let executed = pipeline::execute::<O>(ctx, input).await;
            let mut output = executed.result.map_err(|failure| Refused {
                code: failure.code.into_owned(),
                status: failure.status,
                message: failure.message,
                reason: failure.reason,
                denial: failure.denial,
            })?;
            let serialised = serde_json::to_value(&output).unwrap();
            if let Some(written) = output.take_written() {
                let written: Value = serde_json::from_slice(&written).unwrap();
                assert_eq!(written, serialised, "{} writes something else", O::NAME);
            }
            Ok(serialised)
        })
    }
}
