//! The fields of a record that come from the call: who, what, when and from where.

use audit::{Category, Record, UserIdentity};
use serde_json::Value;
use types::{Principal, Service};

use crate::operation::EventDetail;
use crate::{Ctx, Kind, Operation, Origin};

pub(super) fn base<O: Operation>(ctx: &Ctx, detail: EventDetail) -> Record {
    base_of(ctx, O::SERVICE, O::NAME, O::KIND, detail)
}

pub(super) fn base_of(
    ctx: &Ctx,
    service: Service,
    operation: &str,
    kind: Kind,
    detail: EventDetail,
) -> Record {
    let caller = ctx.caller();
    let (key, invoked_by) = (caller.access_key.as_ref(), ctx.invoked_by());
    let identity = UserIdentity::of(&caller.principal, key, invoked_by);
    let identity = match caller.session.as_deref() {
        Some(session) => identity.in_session(
            session.issued,
            caller.issuer(),
            session.source_identity.as_deref(),
            session.provider.as_deref(),
        ),
        None => identity,
    };
    let mut record = Record::new(identity, ctx.services().clock.now());
    service.principal().clone_into(&mut record.event_source);
    operation.clone_into(&mut record.event_name);
    ctx.region().as_str().clone_into(&mut record.aws_region);
    record.request_parameters = detail.request;
    record.response_elements = detail.response;
    record.additional_event_data = detail.additional;
    record.resources = detail.resources;
    record.request_id = ctx.id().to_string();
    record.read_only = kind.is_read_only();
    record.management_event = !kind.is_data();
    record.event_category = if kind.is_data() {
        Category::Data
    } else {
        Category::Management
    };
    fill_origin(&mut record, ctx.origin(), ctx.invoked_by());
    if let Some(source) = ctx.source() {
        add(
            &mut record.additional_event_data,
            "sourceArn",
            source.as_str().into(),
        );
    }
    if let Principal::Service { name } = &caller.principal {
        (*name).clone_into(&mut record.source_ip_address);
        (*name).clone_into(&mut record.user_agent);
    }
    record
}

pub(super) fn fill_origin(record: &mut Record, origin: &Origin, via: Option<Service>) {
    if let Some(service) = via {
        service
            .principal()
            .clone_into(&mut record.source_ip_address);
        service.principal().clone_into(&mut record.user_agent);
        return;
    }
    record.source_ip_address = origin
        .source_ip
        .map_or_else(|| "AWS Internal".to_owned(), |ip| ip.to_string());
    record.user_agent = origin.user_agent.clone().unwrap_or_default();
    record.tls_details.clone_from(&origin.tls);
}

pub(crate) fn add(target: &mut Option<Value>, name: &str, value: Value) {
    let object = target.get_or_insert_with(|| Value::Object(serde_json::Map::new()));
    if let Value::Object(fields) = object {
        fields.insert(name.to_owned(), value);
    }
}
