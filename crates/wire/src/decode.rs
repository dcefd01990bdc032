//! Inputs: bodies, forms, labels and parameters as one tree by AWS's member names.
//!
//! Stricter than AWS where leniency would let two readers see two requests: a name that
//! comes twice in a JSON object or form is refused, and so is a body member that says
//! something else than the path or query string.

mod form;
mod json;
mod rest;

use http::request::Parts;
use shapes::{OperationModel, Protocol, ReadError, ScalarForm, ServiceModel, Tree};
use types::Service;

use crate::Error;
use crate::envelope::Label;

/// A request whose operation is known and whose input is read but not yet checked.
#[derive(Debug, Clone, PartialEq)]
pub struct Call<'b> {
    service: Service,
    protocol: Protocol,
    operation: &'b str,
    input: Tree<'b>,
}

impl<'b> Call<'b> {
    /// The service.
    pub fn service(&self) -> Service {
        self.service
    }

    /// The protocol to answer in.
    pub fn protocol(&self) -> Protocol {
        self.protocol
    }

    /// AWS's name of the operation; a name of our own service is not checked yet.
    pub fn operation(&self) -> &'b str {
        self.operation
    }

    /// The input: always an object.
    pub fn input(&self) -> &Tree<'b> {
        &self.input
    }

    /// How the protocol carries scalars.
    pub fn form(&self) -> ScalarForm {
        match self.protocol {
            Protocol::Json | Protocol::RestJson => ScalarForm::Json,
            Protocol::Query => ScalarForm::Text,
        }
    }

    /// Reads and checks the input.
    ///
    /// Fails with AWS's text for what is wrong with it.
    pub fn read<T: shapes::Input>(&self) -> Result<T, Error> {
        Ok(T::read_tree(&self.input, self.form())?)
    }
}

/// A JSON 1.1 call; an empty body is an empty object.
pub(crate) fn json<'b>(
    service: Service,
    operation: &'b str,
    body: &'b [u8],
) -> Result<Call<'b>, Error> {
    Ok(Call {
        service,
        protocol: Protocol::Json,
        operation,
        input: Tree::Object(json::members(body)?),
    })
}

/// A REST-JSON call: labels, query parameters and headers join the members of the body.
pub(crate) fn rest<'b>(
    parts: &'b Parts,
    model: &'static OperationModel,
    labels: &[Label<'b>],
    body: &'b [u8],
) -> Result<Call<'b>, Error> {
    let members = if model.service == Service::FeatureStoreRuntime {
        json::members_of_records(body)?
    } else {
        json::members(body)?
    };
    Ok(Call {
        service: model.service,
        protocol: Protocol::RestJson,
        operation: model.name,
        input: rest::input(parts, model, labels, members)?,
    })
}

/// A Query call, from the form in the body or, without a body, from the query string.
pub(crate) fn form<'b>(
    parts: &'b Parts,
    model: &'static ServiceModel,
    body: &'b [u8],
) -> Result<Call<'b>, Error> {
    let (operation, input) = form::input(parts, model, body)?;
    Ok(Call {
        service: model.service,
        protocol: Protocol::Query,
        operation: operation.name,
        input,
    })
}

/// The error for an input that cannot be read.
fn malformed(problem: impl Into<String>) -> Error {
    Error::Input(ReadError::Serialization(problem.into()))
}

#[cfg(test)]
mod tests;
