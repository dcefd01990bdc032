//! The envelope: which service, protocol and operation a request is for.
//!
//! The credential scope names the service; what else names one must agree. `sagemaker` is
//! the signing name of two services: with `X-Amz-Target` it is the control plane, without
//! it the feature-store runtime. Query requests name their operation in the body, so only
//! [`Envelope::call`] knows it.

use std::borrow::Cow;

use http::header::CONTENT_TYPE;
use http::request::Parts;
use http::{HeaderName, Method};
use shapes::{OperationModel, Protocol, ServiceModel, service_model};
use types::Service;

use crate::Error;
use crate::decode::{self, Call};
use crate::escape::{self, Plus};
use crate::sigv4::{AuthError, Scope};

static TARGET: HeaderName = HeaderName::from_static("x-amz-target");

/// What the head of a request says about its operation.
#[derive(Debug, Clone)]
pub struct Envelope<'r> {
    parts: &'r Parts,
    service: Service,
    protocol: Protocol,
    target: Target<'r>,
}

/// What is known of the operation before the body is read.
#[derive(Debug, Clone)]
pub(crate) enum Target<'r> {
    /// JSON 1.1: named in a header. Our own service has no models.
    Named(&'r str),
    /// REST-JSON: found by method and path.
    Routed(&'static OperationModel, Vec<Label<'r>>),
    /// Query: named by `Action`.
    Form(&'static ServiceModel),
    /// Nothing that this deployment has; known before the signature is verified, told after.
    Unknown(Error),
}

/// A member whose value is a segment of the path, decoded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Label<'r> {
    pub(crate) name: &'static str,
    pub(crate) value: Cow<'r, str>,
}

/// The protocol that an answer to this head is best written in, whoever sent it.
///
/// Only for limits and for errors before the service is known.
pub fn protocol_of(parts: &Parts) -> Protocol {
    let path = parts.uri.path();
    if parts.headers.contains_key(&TARGET) {
        Protocol::Json
    } else if path != "/" && !path.is_empty() {
        Protocol::RestJson
    } else if has_content_type(parts, "application/x-www-form-urlencoded")
        || parts.uri.query().is_some()
    {
        Protocol::Query
    } else {
        Protocol::Json
    }
}

/// Whether a request without a target is routed to an operation of `service`.
pub(crate) fn is_addressed(parts: &Parts, service: Service) -> bool {
    let model = service_model(service);
    let target = model.and_then(|model| route(parts, model).ok());
    matches!(target, Some(Target::Routed(..)))
}

/// The service and the operation that an unsigned request is meant for, as far as its head
/// tells: for its record.
pub fn addressed(parts: &Parts) -> Option<(Service, &'static str)> {
    if let Some(target) = single_text(parts, &TARGET).ok()? {
        let (prefix, name) = target.rsplit_once('.')?;
        let mut services = Service::ALL.into_iter();
        let service = services.find(|service| target_prefix(*service) == Some(prefix))?;
        let operation = service_model(service)?.operation(name)?;
        return Some((service, operation.name));
    }
    let routed = [Service::FeatureStoreRuntime, Service::Ram];
    routed.into_iter().find_map(|service| {
        let target = route(parts, service_model(service)?).ok()?;
        match target {
            Target::Routed(operation, _) => Some((service, operation.name)),
            Target::Named(_) | Target::Form(_) | Target::Unknown(_) => None,
        }
    })
}

impl<'r> Envelope<'r> {
    /// Finds the service and, unless the body names it, the operation.
    ///
    /// Fails with [`AuthError::NoService`] if the scope's service is not here, and with
    /// [`AuthError::Scope`] if it is not the one that the request addresses. That there is no such operation is not said here but by
    /// [`Self::call`], so that it is told, and recorded, only once the caller is known.
    pub fn from_request(parts: &'r Parts, scope: &Scope<'_>) -> Result<Self, Error> {
        let target = single_text(parts, &TARGET)?;
        let service = match (scope.service(), target) {
            ("sagemaker", Some(_)) => Service::SageMaker,
            ("sagemaker", None) => Service::FeatureStoreRuntime,
            ("kms", _) => Service::Kms,
            ("iam", _) => Service::Iam,
            ("sts", _) => Service::Sts,
            ("organizations", _) => Service::Organizations,
            ("cloudtrail", _) => Service::CloudTrail,
            ("ram", _) => Service::Ram,
            ("strongroom", _) => Service::Strongroom,
            (elsewhere, _) => return Err(AuthError::no_service(elsewhere).into()),
        };
        let protocol = service_model(service).map_or(Protocol::Json, |model| model.protocol);
        let target = match (protocol, service_model(service), target) {
            (Protocol::Json, model, target) => named(parts, service, target.unwrap_or_default())
                .and_then(|name| found(model, name).map(|_known| Target::Named(name))),
            (Protocol::RestJson, Some(model), None) => route(parts, model),
            (Protocol::Query, Some(model), None) => Ok(Target::Form(model)),
            (Protocol::RestJson | Protocol::Query, _, _) => Err(AuthError::wrong_service().into()),
        };
        let target = match target {
            Ok(target) => target,
            Err(refused @ Error::Auth(_)) => return Err(refused),
            Err(unknown) => Target::Unknown(unknown),
        };
        Ok(Self {
            parts,
            service,
            protocol,
            target,
        })
    }

    /// The envelope of a request without a signature, if it could be a Query call of `service`: a
    /// form that is sent to the root.
    pub fn unsigned(parts: &'r Parts, service: Service) -> Option<Self> {
        let model = service_model(service)?;
        let is_form = has_content_type(parts, "application/x-www-form-urlencoded");
        let plain = parts.uri.query().is_none() && !parts.headers.contains_key(&TARGET);
        let posted = parts.method == Method::POST && is_root(parts);
        (model.protocol == Protocol::Query && is_form && plain && posted).then_some(Self {
            parts,
            service,
            protocol: model.protocol,
            target: Target::Form(model),
        })
    }

    /// The service.
    pub fn service(&self) -> Service {
        self.service
    }

    /// Its protocol.
    pub fn protocol(&self) -> Protocol {
        self.protocol
    }

    /// The operation's name, unless the body names it or it does not exist.
    pub fn operation(&self) -> Option<&str> {
        match &self.target {
            Target::Named(name) => Some(name),
            Target::Routed(model, _) => Some(model.name),
            Target::Form(_) | Target::Unknown(_) => None,
        }
    }

    /// Reads the whole body: the operation, and its input as a tree.
    ///
    /// Call it after the signature is verified. Fails with [`Error::Input`] if the input
    /// cannot be read, with [`Error::UnknownOperation`], [`Error::Unsupported`] or, for Query,
    /// [`Error::InvalidAction`] or [`Error::MissingAction`] if there is no such operation, and
    /// with [`Error::Head`] if the path cannot be read.
    pub fn call<'b>(&self, body: &'b [u8]) -> Result<Call<'b>, Error>
    where
        'r: 'b,
    {
        match &self.target {
            Target::Named(name) => decode::json(self.service, name, body),
            Target::Routed(model, labels) => decode::rest(self.parts, model, labels, body),
            Target::Form(model) => decode::form(self.parts, model, body),
            Target::Unknown(error) => Err(error.clone()),
        }
    }
}

/// The operation in `X-Amz-Target`, which stands behind the service's prefix.
fn named<'r>(parts: &Parts, service: Service, target: &'r str) -> Result<&'r str, Error> {
    let unknown = || Error::UnknownOperation {
        operation: shown(target),
    };
    let (prefix, name) = target.rsplit_once('.').ok_or_else(unknown)?;
    if Some(prefix) != target_prefix(service) {
        let mut services = Service::ALL.into_iter();
        return Err(
            if services.any(|other| Some(prefix) == target_prefix(other)) {
                AuthError::wrong_service().into()
            } else {
                unknown()
            },
        );
    }
    let is_json = has_content_type(parts, "application/x-amz-json-1.1");
    if parts.method != Method::POST || !is_root(parts) || !is_json {
        return Err(unknown());
    }
    Ok(name)
}

fn target_prefix(service: Service) -> Option<&'static str> {
    match service {
        Service::Strongroom => Some("Strongroom"),
        _ => service_model(service)?.target_prefix,
    }
}

/// The model of operation `name`; `None` only for our own service.
pub(crate) fn found(
    model: Option<&'static ServiceModel>,
    name: &str,
) -> Result<Option<&'static OperationModel>, Error> {
    let Some(model) = model else {
        // Our own service has no model: the router knows its names, this bounds them.
        let fits =
            (1..=64).contains(&name.len()) && name.bytes().all(|b| b.is_ascii_alphanumeric());
        let operation = shown(name);
        return if fits {
            Ok(None)
        } else {
            Err(Error::UnknownOperation { operation })
        };
    };
    if let Some(operation) = model.operation(name) {
        return Ok(Some(operation));
    }
    let operation = shown(name);
    Err(if model.known(name).is_some() {
        Error::Unsupported { operation }
    } else {
        Error::UnknownOperation { operation }
    })
}

/// Finds the operation by method and path.
///
/// Fixed segments match as they are sent, never decoded, so that every operation has one
/// spelling; labels are decoded once and must be UTF-8 and not empty.
fn route<'r>(parts: &'r Parts, model: &'static ServiceModel) -> Result<Target<'r>, Error> {
    let path = parts.uri.path();
    for operation in model.operations {
        if operation.http_method != parts.method.as_str() {
            continue;
        }
        if let Some(labels) = labels_of(operation.uri, path) {
            let labels = labels
                .into_iter()
                .map(|(name, raw)| label(name, raw))
                .collect::<Result<_, _>>()?;
            return Ok(Target::Routed(operation, labels));
        }
    }
    Err(Error::UnknownOperation {
        operation: shown(&format!("{} {path}", parts.method)),
    })
}

/// The labels of `path` if it has the form of `template`.
fn labels_of<'r>(template: &'static str, path: &'r str) -> Option<Vec<(&'static str, &'r str)>> {
    let mut labels = Vec::new();
    let (mut wanted, mut given) = (template.split('/'), path.split('/'));
    loop {
        match (wanted.next(), given.next()) {
            (None, None) => return Some(labels),
            (Some(wanted), Some(given)) => {
                let name = wanted.strip_prefix('{').and_then(|it| it.strip_suffix('}'));
                match name {
                    Some(name) if !given.is_empty() => labels.push((name, given)),
                    None if wanted == given => {}
                    Some(_) | None => return None,
                }
            }
            (Some(_), None) | (None, Some(_)) => return None,
        }
    }
}

fn label<'r>(name: &'static str, raw: &'r str) -> Result<Label<'r>, Error> {
    let bytes = escape::decode(raw.as_bytes(), Plus::Literal)
        .map_err(|_source| Error::Head("the path has an incomplete percent escape"))?;
    let value = escape::text(bytes).ok_or(Error::Head("the path is not UTF-8"))?;
    Ok(Label { name, value })
}

/// The only value of a header, as text.
fn single_text<'r>(parts: &'r Parts, name: &'static HeaderName) -> Result<Option<&'r str>, Error> {
    let mut values = parts.headers.get_all(name).iter();
    match (values.next(), values.next()) {
        (None, _) => Ok(None),
        (Some(value), None) => value
            .to_str()
            .map(Some)
            .map_err(|_source| Error::Head("a header that names the operation is not ASCII")),
        (Some(_), Some(_)) => Err(AuthError::Ambiguous(name.as_str()).into()),
    }
}

/// Whether the media type of the body is `wanted`, whatever its parameters.
pub(crate) fn has_content_type(parts: &Parts, wanted: &str) -> bool {
    parts
        .headers
        .get(CONTENT_TYPE)
        .and_then(|value| value.to_str().ok())
        .and_then(|text| text.split(';').next())
        .is_some_and(|media| media.trim().eq_ignore_ascii_case(wanted))
}

pub(crate) fn is_root(parts: &Parts) -> bool {
    matches!(parts.uri.path(), "" | "/")
}

/// A name from the request, short enough for an error and without control characters.
pub(crate) fn shown(name: &str) -> String {
    name.chars()
        .filter(|letter| !letter.is_control())
        .take(128)
        .collect()
}

#[cfg(test)]
mod tests;
