//! Records that go with no call: of requests that were not authenticated, and of floods of
//! refusals that were only counted.

use audit::{Counted, Damped, DenialKey, Record, UserIdentity};
use store::{Batch, CommitError, Lane};
use tracing::{error, warn};
use types::{AccountId, Region, RequestId, Service};

use super::add;
use super::fields::fill_origin;
use crate::lines::UNCOMMITTED;
use crate::written::{Share, Weight};
use crate::{Origin, Services};

/// Records of counts in one commit.
const COUNTS: usize = 256;

/// Records a request that was not authenticated, in the history of `recipient`: the owner of
/// the access key that was presented, if there is one.
///
/// Commits on its own; beyond what all strangers together may have recorded it only counts.
pub async fn record_unauthenticated(
    services: &Services,
    recipient: AccountId,
    region: &Region,
    origin: &Origin,
    id: RequestId,
    attempt: UnauthenticatedCall<'_>,
) {
    // What a stranger can invent is not part of the key: only the network, the code, and the
    // account and region, which exist.
    let key = DenialKey {
        account: recipient,
        region: region.clone(),
        principal: network(origin),
        action: "*".to_owned(),
        resource: String::new(),
        code: attempt.code.to_owned(),
        by_another: false,
    };
    let now = services.clock.monotonic();
    let identity = UserIdentity::unknown(attempt.access_key_id);
    let Damped::Record { suppressed } = services.strangers.admit(key, now) else {
        return;
    };
    let at = services.clock.now();
    let mut record = Record::new(identity, at);
    record.event_source = format!("{}.amazonaws.com", attempt.source());
    record.event_name = attempt.operation.to_owned();
    record.read_only = attempt.read_only;
    record.error_code = Some(attempt.code.to_owned());
    record.error_message = Some(attempt.message.to_owned());
    record.request_id = id.to_string();
    fill_origin(&mut record, origin, None);
    if suppressed > 0 {
        add(
            &mut record.additional_event_data,
            "suppressedCount",
            suppressed.into(),
        );
    }
    let mut batch = batch_of_counts();
    append_alone(
        services,
        &mut batch,
        record.of_stranger(),
        recipient,
        region,
    );
    if let Err(failed) = commit_of_strangers(services, batch).await
        && services.log_admits_error(String::new(), UNCOMMITTED)
    {
        error!(error = %failed, "audit record could not be committed");
    }
}

/// The network that a stranger calls from, which stands for it: it can have any other name.
pub(super) fn network(origin: &Origin) -> String {
    let network = origin.source_ip.map(types::network);
    network
        .map(|network| network.to_string())
        .unwrap_or_default()
}

/// Commits records and counts of strangers, and takes what they weigh from what strangers have.
async fn commit_of_strangers(services: &Services, batch: Batch) -> Result<(), CommitError> {
    let weight = Weight::of_records(&batch);
    services.store.commit(batch).await?;
    services.take_from_strangers(weight);
    Ok(())
}

/// What is known of a call that was not authenticated.
#[derive(Debug, Clone, Copy)]
pub struct UnauthenticatedCall<'a> {
    /// The access key id that was presented.
    pub access_key_id: Option<&'a str>,
    /// The service that was addressed, as far as it could be told.
    pub service: Option<Service>,
    /// The operation that was asked for, as far as it could be told.
    pub operation: &'a str,
    /// Whether that only reads.
    pub read_only: bool,
    /// The error's code.
    pub code: &'a str,
    /// The error's message.
    pub message: &'a str,
}

impl UnauthenticatedCall<'_> {
    fn source(&self) -> &'static str {
        self.service.map_or("unknown", Service::action_prefix)
    }
}

/// Writes one record for each flood of identical failures whose second is over, in the history
/// and the region that they belong to, and a line of the log for the lines that were left out;
/// the maintenance task calls it once a second.
pub async fn flush_damped(services: &Services) {
    let left_out = services.lines.left_out();
    if left_out > 0 {
        warn!(left_out, "more calls were refused");
    }
    let left_out = services.errors.left_out();
    if left_out > 0 {
        error!(left_out, "more calls failed");
    }
    let now = services.clock.monotonic();
    let of_strangers = services.strangers.flush(now);
    if !of_strangers.is_empty() {
        let lost = of_strangers.len();
        let (batch, _weights) = counts(services, of_strangers);
        if let Err(failed) = commit_of_strangers(services, batch).await {
            error!(error = %failed, lost, "counts of strangers could not be committed");
        }
    }
    let written = &services.sources.written;
    let has_room = |key: &DenialKey| written.has_room(key.account, share_of(key), now);
    let mut counted = services.damper.flush(now, has_room);
    // Few commits for many floods: whatever else the task has to do waits for them.
    while !counted.is_empty() {
        let rest = counted.split_off(counted.len().min(COUNTS));
        let lost = counted.len() + rest.len();
        let (batch, weights) = counts(services, counted);
        if let Err(failed) = services.store.commit(batch).await {
            error!(error = %failed, lost, "counts of refused calls could not be committed");
            return;
        }
        for ((account, share), weight) in weights {
            services.take(account, weight, share);
        }
        counted = rest;
    }
}

/// What the counts of such failures are taken from.
fn share_of(key: &DenialKey) -> Share {
    if key.by_another {
        Share::Others
    } else {
        Share::Refused
    }
}

/// What of an account a record is taken from, and what it weighs.
type Charge = ((AccountId, Share), Weight);

/// One record for each count, and what is to be taken for each.
fn counts(services: &Services, counted: Vec<Counted>) -> (Batch, Vec<Charge>) {
    let mut batch = batch_of_counts();
    let mut weights = Vec::with_capacity(counted.len());
    for count in counted {
        let from = (count.key.account, share_of(&count.key));
        let first = batch.appends().len();
        append_count(services, &mut batch, count);
        weights.push((from, Weight::of_records_from(&batch, first)));
    }
    (batch, weights)
}

fn append_count(services: &Services, batch: &mut Batch, counted: Counted) {
    let Counted {
        key,
        identity,
        count,
    } = counted;
    let mut record = Record::new(identity, services.clock.now());
    let (source, operation) = key.action.split_once(':').unwrap_or(("", &key.action));
    let source = if source.is_empty() {
        "unknown.amazonaws.com"
    } else {
        source
    };
    source.clone_into(&mut record.event_source);
    operation.clone_into(&mut record.event_name);
    // Without a code it was none that failed.
    record.error_code = Some(key.code).filter(|code| !code.is_empty());
    record.request_id = RequestId::generate(services.entropy()).to_string();
    let additional = &mut record.additional_event_data;
    add(additional, "suppressedCount", count.into());
    add(additional, "principal", key.principal.into());
    add(additional, "resource", key.resource.into());
    append_alone(services, batch, record, key.account, &key.region);
}

fn append_alone(
    services: &Services,
    batch: &mut Batch,
    mut record: Record,
    to: AccountId,
    region: &Region,
) {
    record.event_id = RequestId::generate(services.entropy()).to_string();
    record.recipient_account_id = to.to_string();
    region.as_str().clone_into(&mut record.aws_region);
    let record = record.truncated();
    let appended = audit::append(batch, Some(to), region, services.clock.now(), &record);
    if let Err(failed) = appended {
        error!(error = %failed, "audit record could not be made");
    }
}

/// Refused first when the disk is short: the reserves are for data, and for changes.
fn batch_of_counts() -> Batch {
    Batch::new(Lane::Strangers)
}
