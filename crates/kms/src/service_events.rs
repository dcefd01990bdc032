//! Records of what KMS does of itself.

use audit::{EventType, Record, Resource, UserIdentity};
use store::Batch;
use types::{AccountId, Arn, Entropy, Region, RequestId, Timestamp};

use crate::Error;

/// The record of `event`, which happened to the key at `arn`, in the history of an account in
/// one region.
pub(crate) fn of_key(
    entropy: &dyn Entropy,
    arn: &Arn,
    (account, region): (AccountId, &Region),
    event: &str,
    at: Timestamp,
) -> Record {
    let mut record = Record::new(UserIdentity::of_service_event(account), at);
    "kms.amazonaws.com".clone_into(&mut record.event_source);
    event.clone_into(&mut record.event_name);
    record.aws_region = region.to_string();
    "AWS Internal".clone_into(&mut record.source_ip_address);
    "AWS Internal".clone_into(&mut record.user_agent);
    record.event_type = EventType::AwsServiceEvent;
    record.read_only = false;
    record.event_id = RequestId::generate(entropy).to_string();
    record.recipient_account_id = account.to_string();
    record.resources = vec![Resource {
        arn: arn.to_string(),
        account_id: Some(account.to_string()),
        kind: "AWS::KMS::Key".to_owned(),
    }];
    record
}

/// Adds the record to the account's history in one region.
///
/// Fails if it cannot be written as JSON.
pub(crate) fn append(
    batch: &mut Batch,
    (account, region): (AccountId, &Region),
    at: Timestamp,
    record: &Record,
) -> Result<(), Error> {
    audit::append(batch, Some(account), region, at, record)
        .map_err(|source| Error::internal("an audit record cannot be made", source))
}
