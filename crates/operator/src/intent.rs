//! What is about to be done outside the store.

use audit::{EventType, Record, UserIdentity};
use pipeline::Ctx;
use serde_json::{Value, json};
use store::Batch;
use types::{AccountId, RequestId};

use crate::Error;

/// Records as `event`, with `details`, that the call begins to change what is not in the store:
/// that so is told even if the call's own record is cut off.
///
/// Fails if it cannot be recorded; nothing must then be done.
pub(crate) async fn intend(
    ctx: &Ctx,
    account: AccountId,
    event: &str,
    mut details: Value,
) -> Result<(), Error> {
    if let Some(details) = details.as_object_mut() {
        details.insert("requestedBy".to_owned(), json!(ctx.id().to_string()));
    }
    let (now, services) = (ctx.time(), ctx.services());
    let mut record = Record::new(UserIdentity::of_service_event(account), now);
    "strongroom.amazonaws.com".clone_into(&mut record.event_source);
    event.clone_into(&mut record.event_name);
    record.aws_region = ctx.region().to_string();
    "AWS Internal".clone_into(&mut record.source_ip_address);
    "AWS Internal".clone_into(&mut record.user_agent);
    record.event_type = EventType::AwsServiceEvent;
    record.read_only = false;
    record.event_id = RequestId::generate(services.entropy()).to_string();
    record.recipient_account_id = account.to_string();
    record.service_event_details = Some(details);
    let mut batch = Batch::default();
    audit::append(&mut batch, Some(account), ctx.region(), now, &record)?;
    services
        .store()
        .commit(batch)
        .await
        .map_err(Error::Intent)?;
    Ok(())
}
