//! What the models say about services, operations and errors, as static tables.

use types::Service;

use crate::generated;

/// The wire protocol of a service.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Protocol {
    /// JSON bodies, operation in `X-Amz-Target`.
    Json,
    /// JSON bodies, operation in method and path.
    RestJson,
    /// Form bodies with `Action`, answers in XML.
    Query,
}

/// A service of AWS.
#[derive(Debug)]
pub struct ServiceModel {
    /// Which service.
    pub service: Service,
    /// Its protocol.
    pub protocol: Protocol,
    /// Its version, which Query requests name in `Version`.
    pub api_version: &'static str,
    /// The version of the JSON protocol, as in `application/x-amz-json-1.1`.
    pub json_version: Option<&'static str>,
    /// What stands before the operation in `X-Amz-Target`, without the dot.
    pub target_prefix: Option<&'static str>,
    /// The namespace of XML answers.
    pub xml_namespace: Option<&'static str>,
    /// The operations that exist here, sorted by name.
    pub operations: &'static [&'static OperationModel],
    /// The errors that those operations declare, sorted by shape.
    pub errors: &'static [&'static ErrorModel],
    /// Every operation that AWS has, sorted by name.
    pub known: &'static [KnownOperation],
}

/// An operation that AWS has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct KnownOperation {
    /// AWS's name.
    pub name: &'static str,
    /// Whether its shapes are generated, so that it can exist here.
    pub generated: bool,
}

/// An operation whose shapes are generated.
#[derive(Debug)]
pub struct OperationModel {
    /// AWS's name.
    pub name: &'static str,
    /// The service it belongs to.
    pub service: Service,
    /// The HTTP method.
    pub http_method: &'static str,
    /// The path, with `{Member}` where a member's value stands.
    pub uri: &'static str,
    /// Where the request's members travel; empty if all are in the body.
    pub bindings: &'static [Binding],
    /// The errors it declares.
    pub errors: &'static [&'static ErrorModel],
    /// Whether it answers with a structure; without one the body is empty.
    pub has_output: bool,
    /// The element around the output in Query answers, as `CreateUserResult`.
    pub result_wrapper: Option<&'static str>,
    /// Whether the model calls it idempotent; many models do not say.
    pub idempotent: bool,
    /// Whether the model calls it read-only; many models do not say.
    pub read_only: bool,
}

/// Where a member of a request travels.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Binding {
    /// The member's name, under which the reader expects it.
    pub member: &'static str,
    /// Where it travels.
    pub location: Location,
    /// Its name there.
    pub name: &'static str,
    /// Whether it is a list: repeated where it travels in the query.
    pub list: bool,
}

/// A part of an HTTP request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Location {
    /// A segment of the path.
    Uri,
    /// The query.
    Query,
    /// A header.
    Header,
    /// The body.
    Body,
}

/// An error that operations declare.
#[derive(Debug, PartialEq, Eq)]
pub struct ErrorModel {
    /// The name of its shape.
    pub shape: &'static str,
    /// The code on the wire, which Query services may name differently.
    pub code: &'static str,
    /// The HTTP status, where the model fixes one.
    pub http_status: Option<u16>,
    /// Whether the service is at fault, not the caller.
    pub server_fault: bool,
}

impl KnownOperation {
    pub(crate) const fn generated(name: &'static str) -> Self {
        Self {
            name,
            generated: true,
        }
    }

    pub(crate) const fn missing(name: &'static str) -> Self {
        Self {
            name,
            generated: false,
        }
    }
}

impl ErrorModel {
    /// The modelled HTTP status, else 500 for the service's faults and 400 for the caller's.
    pub fn status(&self) -> u16 {
        let default = if self.server_fault { 500 } else { 400 };
        self.http_status.unwrap_or(default)
    }
}

impl ServiceModel {
    /// The operation `name`, if its shapes are generated.
    pub fn operation(&self, name: &str) -> Option<&'static OperationModel> {
        let at = self
            .operations
            .binary_search_by(|operation| operation.name.cmp(name))
            .ok()?;
        self.operations.get(at).copied()
    }

    /// What AWS has under `name`, whether it exists here or not.
    pub fn known(&self, name: &str) -> Option<&'static KnownOperation> {
        let at = self
            .known
            .binary_search_by(|known| known.name.cmp(name))
            .ok()?;
        self.known.get(at)
    }

    /// The error that has `code` on the wire.
    pub fn error(&self, code: &str) -> Option<&'static ErrorModel> {
        self.errors.iter().copied().find(|error| error.code == code)
    }
}

/// The model of `service`; `None` for our own service, which has no model of AWS.
pub fn service_model(service: Service) -> Option<&'static ServiceModel> {
    generated::SERVICES
        .iter()
        .copied()
        .find(|model| model.service == service)
}

/// The operation `name` of `service`, if its shapes are generated.
pub fn operation(service: Service, name: &str) -> Option<&'static OperationModel> {
    service_model(service)?.operation(name)
}
