//! Answers: outputs and errors in the caller's protocol.
//!
//! Where AWS's models fix an error's status, that counts; else the failure's own; else the
//! kind decides by the table in [`status_of`], the only one of its kind.

mod xml;

use bytes::Bytes;
use http::header::{CONTENT_TYPE, HeaderName, HeaderValue};
use http::{Response, StatusCode};
use serde::Serialize;
use shapes::{OperationModel, Output, Protocol, service_model};
use types::{ErrorKind, RequestId, Service};

use crate::{Error, Refusal};

/// What an answer must know about its request.
#[derive(Debug, Clone, Copy)]
pub struct ReplyTo {
    service: Service,
    protocol: Protocol,
    model: Option<&'static OperationModel>,
    id: RequestId,
}

impl ReplyTo {
    /// An answer for operation `name` of `service`.
    pub fn operation(service: Service, name: &str, id: RequestId) -> Self {
        let model = shapes::operation(service, name);
        let protocol = service_model(service).map_or(Protocol::Json, |it| it.protocol);
        Self {
            service,
            protocol,
            model,
            id,
        }
    }

    /// An answer while no operation is known, in the protocol that fits the head best.
    pub fn unknown(service: Option<Service>, protocol: Protocol, id: RequestId) -> Self {
        let typical = match protocol {
            Protocol::Json => Service::Kms,
            Protocol::RestJson => Service::FeatureStoreRuntime,
            Protocol::Query => Service::Sts,
        };
        Self {
            service: service.unwrap_or(typical),
            protocol,
            model: None,
            id,
        }
    }

    /// The protocol of the answer.
    pub fn protocol(&self) -> Protocol {
        self.protocol
    }

    /// The answer with `output`.
    ///
    /// Operations that AWS gives no output answer with an empty body or, in Query, with
    /// metadata only. Fails with [`Error::Answer`] if `output` cannot be serialised.
    pub fn output<T: Output>(&self, output: &T) -> Result<Response<Bytes>, Error> {
        if self.model.is_some_and(|model| !model.has_output) && self.protocol != Protocol::Query {
            return Ok(self.respond(StatusCode::OK, Bytes::new()));
        }
        let body = match self.protocol {
            Protocol::Json | Protocol::RestJson => {
                serde_json::to_vec(output).map_err(|error| Error::Answer(error.to_string()))?
            }
            Protocol::Query => self.document(output)?,
        };
        Ok(self.respond(StatusCode::OK, body.into()))
    }

    /// The answer with a body that the service wrote itself in the right protocol.
    pub fn written(&self, body: Bytes) -> Response<Bytes> {
        self.respond(StatusCode::OK, body)
    }

    /// The answer for a failure.
    pub fn error(&self, refusal: &Refusal) -> Response<Bytes> {
        let status = self.status(refusal);
        let code = self.code(refusal);
        let body = match self.protocol {
            _ if self.is_s3() => self.s3_error_document(code, &refusal.message),
            Protocol::Json => json_bytes(&JsonError {
                kind: code,
                message: &refusal.message,
                reason: refusal.reason,
            }),
            Protocol::RestJson if self.service == Service::Ram => json_bytes(&ShareError {
                message: &refusal.message,
            }),
            Protocol::RestJson => json_bytes(&RestError {
                message: &refusal.message,
            }),
            Protocol::Query => self.error_document(code, &refusal.message, status),
        };
        let mut response = self.respond(status, body.into());
        if self.protocol == Protocol::RestJson
            && !self.is_s3()
            && let Ok(code) = HeaderValue::from_str(code)
        {
            response.headers_mut().insert(ERROR_TYPE, code);
        }
        response
    }

    /// [`Self::error`] for an error of this crate.
    pub fn refuse(&self, error: &Error) -> Response<Bytes> {
        self.error(&error.refusal(self.protocol, Some(self.service)))
    }

    /// The error as the operation declares it.
    fn declared(&self, refusal: &Refusal) -> Option<&'static shapes::ErrorModel> {
        let mut errors = self.model?.errors.iter();
        errors.find(|error| error.code == refusal.code).copied()
    }

    /// The code: what the operation declares is not a common error, whatever its name; some
    /// services have names of their own for what every call of theirs can fail with.
    fn code<'r>(&self, refusal: &'r Refusal) -> &'r str {
        match self.declared(refusal) {
            Some(_) => &refusal.code,
            None => match (self.model.map(|_| self.service), &*refusal.code) {
                (Some(Service::Ram), "ServiceUnavailable") => "ServiceUnavailableException",
                (Some(Service::Ram), "InternalFailure") => "ServerInternalException",
                (Some(Service::FeatureStoreRuntime), "ValidationException") => "ValidationError",
                (_, code) => spelled(self.protocol, code),
            },
        }
    }

    fn status(&self, refusal: &Refusal) -> StatusCode {
        let modelled = self
            .declared(refusal)
            .or_else(|| service_model(self.service)?.error(&refusal.code))
            .map(shapes::ErrorModel::status);
        let status = modelled.or(refusal.status);
        let status = status.unwrap_or_else(|| status_of(self.protocol, refusal.kind));
        StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
    }

    fn respond(&self, status: StatusCode, body: Bytes) -> Response<Bytes> {
        let mut response = Response::new(body);
        *response.status_mut() = status;
        let media = match self.protocol {
            _ if self.is_s3() => "application/xml",
            Protocol::Json => "application/x-amz-json-1.1",
            Protocol::RestJson => "application/json",
            Protocol::Query => "text/xml",
        };
        let headers = response.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static(media));
        if let Ok(id) = HeaderValue::from_str(self.id.as_str()) {
            if self.is_s3() {
                headers.insert(S3_REQUEST_ID, id.clone());
            }
            headers.insert(REQUEST_ID, id);
        }
        response
    }

    /// Whether the answer is for a client of S3, whose errors have a form of their own. It has no
    /// endpoint here, so errors are all that it is answered with.
    fn is_s3(&self) -> bool {
        self.service == Service::S3
    }

    fn s3_error_document(&self, code: &str, message: &str) -> Vec<u8> {
        let mut text = String::with_capacity(256);
        text.push_str("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<Error><Code>");
        xml::escape(code, &mut text);
        text.push_str("</Code><Message>");
        xml::escape(message, &mut text);
        text.extend(["</Message><RequestId>", self.id.as_str()]);
        text.push_str("</RequestId></Error>");
        text.into_bytes()
    }

    fn namespace(&self) -> &'static str {
        service_model(self.service)
            .and_then(|model| model.xml_namespace)
            .unwrap_or_default()
    }

    fn document<T: Serialize>(&self, output: &T) -> Result<Vec<u8>, Error> {
        let name = self.model.map_or("", |model| model.name);
        let mut text = String::with_capacity(512);
        text.extend(["<", name, "Response xmlns=\"", self.namespace(), "\">"]);
        if let Some(wrapper) = self.model.and_then(|model| model.result_wrapper) {
            xml::element(wrapper, output, &mut text)
                .map_err(|error| Error::Answer(error.to_string()))?;
        }
        text.push_str("<ResponseMetadata><RequestId>");
        text.push_str(self.id.as_str());
        text.extend(["</RequestId></ResponseMetadata></", name, "Response>"]);
        Ok(text.into_bytes())
    }

    fn error_document(&self, code: &str, message: &str, status: StatusCode) -> Vec<u8> {
        let side = if status.is_server_error() {
            "Receiver"
        } else {
            "Sender"
        };
        let mut text = String::with_capacity(512);
        text.extend([
            "<ErrorResponse xmlns=\"",
            self.namespace(),
            "\"><Error><Type>",
            side,
        ]);
        text.push_str("</Type><Code>");
        xml::escape(code, &mut text);
        text.push_str("</Code><Message>");
        xml::escape(message, &mut text);
        text.push_str("</Message></Error><RequestId>");
        text.push_str(self.id.as_str());
        text.push_str("</RequestId></ErrorResponse>");
        text.into_bytes()
    }
}

/// The error body of JSON 1.1.
#[derive(Serialize)]
struct JsonError<'a> {
    #[serde(rename = "__type")]
    kind: &'a str,
    /// Not there if the failure has no text, as at AWS: SDKs show what is there.
    #[serde(skip_serializing_if = "str::is_empty")]
    message: &'a str,
    #[serde(rename = "Reason", skip_serializing_if = "Option::is_none")]
    reason: Option<&'static str>,
}

/// The error body of the feature-store runtime; the code travels in a header.
#[derive(Serialize)]
struct RestError<'a> {
    #[serde(rename = "Message")]
    message: &'a str,
}

/// The error body of RAM; the code travels in a header.
#[derive(Serialize)]
struct ShareError<'a> {
    message: &'a str,
}

/// Two strings always serialise; should that change, the status still tells.
fn json_bytes<T: Serialize>(error: &T) -> Vec<u8> {
    serde_json::to_vec(error).unwrap_or_else(|_| b"{}".to_vec())
}

/// The code as the protocol spells it: Query has its own names for AWS's common errors.
fn spelled(protocol: Protocol, code: &str) -> &str {
    match (protocol, code) {
        (Protocol::Query, "AccessDeniedException") => "AccessDenied",
        (Protocol::Query, "ExpiredTokenException") => "ExpiredToken",
        (Protocol::Query, "ThrottlingException") => "Throttling",
        (Protocol::Query, "UnrecognizedClientException") => "InvalidClientTokenId",
        (Protocol::Query, "ValidationException") => "ValidationError",
        (Protocol::Json | Protocol::RestJson | Protocol::Query, code) => code,
    }
}

/// The status of a failure whose code no model knows.
fn status_of(protocol: Protocol, kind: ErrorKind) -> u16 {
    match (kind, protocol) {
        (ErrorKind::Internal, _) => 500,
        (ErrorKind::Unavailable, _) => 503,
        (
            ErrorKind::Validation
            | ErrorKind::NotFound
            | ErrorKind::Conflict
            | ErrorKind::Denied
            | ErrorKind::Unauthenticated
            | ErrorKind::LimitExceeded
            | ErrorKind::Throttled
            | ErrorKind::Unsupported,
            Protocol::Json,
        )
        | (ErrorKind::Validation, _)
        | (ErrorKind::LimitExceeded, Protocol::RestJson)
        | (ErrorKind::Throttled | ErrorKind::Unsupported, Protocol::Query) => 400,
        (ErrorKind::Denied | ErrorKind::Unauthenticated, _) => 403,
        (ErrorKind::NotFound, _) | (ErrorKind::Unsupported, Protocol::RestJson) => 404,
        (ErrorKind::Conflict, _) | (ErrorKind::LimitExceeded, Protocol::Query) => 409,
        (ErrorKind::Throttled, Protocol::RestJson) => 429,
    }
}

const REQUEST_ID: HeaderName = HeaderName::from_static("x-amzn-requestid");
/// Where S3 has it.
const S3_REQUEST_ID: HeaderName = HeaderName::from_static("x-amz-request-id");
const ERROR_TYPE: HeaderName = HeaderName::from_static("x-amzn-errortype");

#[cfg(test)]
mod tests;
