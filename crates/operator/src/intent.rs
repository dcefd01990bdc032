//! What is done outside the store: told before, done whatever becomes of the caller, told after.

use std::sync::Arc;

use audit::{EventType, Record, UserIdentity};
use pipeline::{Ctx, Services};
use serde_json::{Value, json};
use store::{Batch, CommitError, Read};
use types::{AccountId, Region, RequestId};

use crate::Error;

/// Who asked for what, in the words of the records before and after.
struct About {
    services: Arc<Services>,
    account: AccountId,
    region: Region,
    details: Value,
}

/// Records `Start…` of `what`, with `details` and who asked; does `work`; and records `End…` with
/// what `outcome` says of its result.
///
/// What the call was decided on is a precondition of the first: a right that was taken away
/// before it begins nothing. The connection of a caller may end meanwhile, and with it the call
/// and its own record. What has begun is done all the same, and both records are there. Fails, and
/// does nothing, if the first cannot be recorded.
pub(crate) async fn carry_out<T: Send + 'static>(
    ctx: &Ctx,
    account: AccountId,
    what: &'static str,
    details: Value,
    work: impl FnOnce() -> T + Send + 'static,
    outcome: impl FnOnce(&T) -> &'static str + Send + 'static,
) -> Result<T, Error> {
    let (caller, origin) = (ctx.caller(), ctx.origin());
    let about = About {
        services: Arc::clone(ctx.services()),
        account,
        region: ctx.region().clone(),
        details: json!({
            "requestedBy": ctx.id().to_string(),
            "principal": caller.principal.display_name(),
            "accessKeyId": caller.access_key.as_ref().map(ToString::to_string),
            "sourceIPAddress": origin.source_ip.map(|address| address.to_string()),
            "request": details,
        }),
    };
    let decided_on = ctx.view().reads();
    about
        .record(&format!("Start{what}"), None, decided_on)
        .await?;
    let done = tokio::spawn(async move {
        let result = tokio::task::spawn_blocking(work).await;
        let result = result.map_err(|ended| Error::Effect(Box::new(ended)))?;
        about
            .record(&format!("End{what}"), Some(outcome(&result)), Vec::new())
            .await?;
        Ok(result)
    });
    done.await.map_err(|ended| Error::Effect(Box::new(ended)))?
}

impl About {
    async fn record(
        &self,
        event: &str,
        outcome: Option<&str>,
        only_if: Vec<Read>,
    ) -> Result<(), Error> {
        let mut details = self.details.clone();
        if let (Some(outcome), Some(details)) = (outcome, details.as_object_mut()) {
            details.insert("outcome".to_owned(), json!(outcome));
        }
        let (now, entropy) = (self.services.clock().now(), self.services.entropy());
        let mut record = Record::new(UserIdentity::of_service_event(self.account), now);
        "strongroom.amazonaws.com".clone_into(&mut record.event_source);
        event.clone_into(&mut record.event_name);
        record.aws_region = self.region.to_string();
        "AWS Internal".clone_into(&mut record.source_ip_address);
        "AWS Internal".clone_into(&mut record.user_agent);
        record.event_type = EventType::AwsServiceEvent;
        record.read_only = false;
        record.event_id = RequestId::generate(entropy).to_string();
        record.recipient_account_id = self.account.to_string();
        record.service_event_details = Some(details);
        let mut batch = Batch::default();
        audit::append(&mut batch, Some(self.account), &self.region, now, &record)?;
        batch.require_all(only_if);
        match self.services.store().commit(batch).await {
            Ok(_) => Ok(()),
            Err(CommitError::Conflict) => Err(Error::Overtaken),
            Err(failed) => Err(Error::Intent(failed)),
        }
    }
}
