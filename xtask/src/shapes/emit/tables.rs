//! The tables of operations, errors and the service.

use std::fmt::Write;

use anyhow::{Result, bail};

use super::types::input_members;
use crate::shapes::model::{Kind, Operation, Reference, Shape};
use crate::shapes::names;
use crate::shapes::plan::{EMPTY, Plan};

/// The tables of a plan.
pub(super) fn write(plan: &Plan<'_>) -> Result<String> {
    let metadata = &plan.model.metadata;
    let protocol = match metadata.protocol.as_str() {
        "json" => "Json",
        "rest-json" => "RestJson",
        "query" => "Query",
        other => bail!("the protocol {other} is not supported"),
    };
    let operations: Vec<String> = plan
        .operations
        .iter()
        .map(|operation| format!("&{}", names::constant(&operation.name)))
        .collect();
    let errors: Vec<String> = plan
        .errors()
        .keys()
        .map(|name| format!("&{}", error_name(name)))
        .collect();
    let mut out = format!(
        "/// The service and its operations.\npub static SERVICE: ServiceModel = ServiceModel {{\n\
         service: Service::{}, protocol: Protocol::{protocol}, api_version: {:?}, \
         json_version: {:?}, target_prefix: {:?}, xml_namespace: {:?},\n\
         operations: &[{}],\nerrors: &[{}],\nknown: KNOWN,\n}};\n\n",
        plan.choice.service,
        metadata.api_version,
        metadata.json_version,
        metadata.target_prefix,
        metadata.xml_namespace,
        operations.join(", "),
        errors.join(", ")
    );
    for operation in &plan.operations {
        out.push_str(&operation_table(plan, operation)?);
    }
    for (name, shape) in plan.errors() {
        out.push_str(&error_table(name, shape)?);
    }
    out.push_str("/// Every operation that AWS has.\nstatic KNOWN: &[KnownOperation] = &[\n");
    for name in plan.model.operations.keys() {
        let kind = if plan.choice.operations.contains(name) {
            "generated"
        } else {
            "missing"
        };
        writeln!(out, "KnownOperation::{kind}({name:?}),")?;
    }
    out.push_str("];\n");
    Ok(out)
}

fn operation_table(plan: &Plan<'_>, operation: &Operation) -> Result<String> {
    let members = input_members(plan.model, operation);
    let in_body = members.iter().all(|(_, member)| member.location.is_none());
    let mut bindings = String::new();
    if !in_body {
        for (name, member) in members {
            bindings.push_str(&binding(plan, name, member)?);
        }
    }
    let errors: Vec<String> = operation
        .errors
        .iter()
        .map(|error| format!("&{}", error_name(&error.shape)))
        .collect();
    let wrapper = operation
        .output
        .as_ref()
        .and_then(|output| output.result_wrapper.as_ref());
    let request = operation
        .input
        .as_ref()
        .map_or_else(|| EMPTY.to_owned(), linked);
    let response = operation
        .output
        .as_ref()
        .map_or_else(|| EMPTY.to_owned(), linked);
    Ok(format!(
        "/// `{}`: [`{request}`] to [`{response}`].\n\
         pub static {}: OperationModel = OperationModel {{\n\
         name: {:?}, service: Service::{}, http_method: {:?}, uri: {:?},\n\
         bindings: &[{bindings}],\nerrors: &[{}],\nhas_output: {}, result_wrapper: {wrapper:?}, \
         idempotent: {}, read_only: {},\n}};\n\n",
        operation.name,
        names::constant(&operation.name),
        operation.name,
        plan.choice.service,
        operation.http.method,
        operation.http.uri,
        errors.join(", "),
        operation.output.is_some(),
        operation.idempotent,
        operation.readonly
    )
    .replace("[`Empty`]", "[`Empty`](crate::Empty)"))
}

fn linked(reference: &Reference) -> String {
    names::type_name(&reference.shape)
}

fn binding(plan: &Plan<'_>, name: &str, member: &Reference) -> Result<String> {
    let location = match member.location.as_deref() {
        None => "Body",
        Some("uri") => "Uri",
        Some("querystring") => "Query",
        Some("header") => "Header",
        Some(other) => bail!("{name} travels in {other}: not supported"),
    };
    let there = member.location_name.as_deref().unwrap_or(name);
    let list = plan.shape(&member.shape)?.kind == Kind::List;
    Ok(format!(
        "Binding {{ member: {name:?}, location: Location::{location}, name: {there:?}, \
         list: {list} }},\n"
    ))
}

fn error_name(shape: &str) -> String {
    format!("{}_ERROR", names::constant(shape))
}

fn error_table(name: &str, shape: &Shape) -> Result<String> {
    let error = shape.error.as_ref();
    let code = error
        .and_then(|error| error.code.as_deref())
        .unwrap_or(name);
    let status = error.and_then(|error| error.http_status_code);
    // A model without the trait still says it with the status.
    let server_fault = shape.fault || status.is_some_and(|status| status >= 500);
    if shape.kind != Kind::Structure {
        bail!("the error {name} is no structure");
    }
    Ok(format!(
        "static {}: ErrorModel = ErrorModel {{ shape: {name:?}, code: {code:?}, \
         http_status: {status:?}, server_fault: {server_fault} }};\n\n",
        error_name(name)
    ))
}
