//! Makes the audit record of a call and adds it to the call's batch.

use audit::{Category, Counted, Damped, DenialKey, Record, Resource, UserIdentity};
use serde_json::Value;
use store::{Batch, CommitError, Lane};
use tracing::{error, warn};
use types::{AccountId, Arn, ErrorKind, Principal, Region, RequestId, Service};

use crate::authorize::{Authorization, Decided};
use crate::error::Denial;
use crate::evaluated::Evaluated;
use crate::operation::EventDetail;
use crate::sources::Principals;
use crate::{Ctx, Failure, Kind, Needs, Operation, Origin, Services};

/// The most that is kept of what a call's decisions depended on, in bytes.
const MOST_EVALUATED: usize = 64 * 1024;

/// Records a call that succeeded. Data events are recorded by trails, not here.
pub(crate) fn success<O: Operation>(
    ctx: &Ctx,
    detail: EventDetail,
    authorization: &Authorization,
    batch: &mut Batch,
) -> Result<(), Failure> {
    if O::KIND.is_data() {
        return Ok(());
    }
    let mut record = base::<O>(ctx, detail);
    name_resources(&mut record, authorization);
    let owners = owners(ctx, &record);
    let decisions = &authorization.decisions;
    append_copies(ctx, record, &owners, (authorization, decisions), batch)
}

/// Names the resources of the needs where the operation has named none.
fn name_resources(record: &mut Record, authorization: &Authorization) {
    if record.resources.is_empty() {
        record.resources = authorization.resources.iter().map(resource_of).collect();
    }
}

fn resource_of(arn: &Arn) -> Resource {
    Resource {
        arn: arn.to_string(),
        account_id: arn.account().map(String::from),
        kind: resource_kind(arn).to_owned(),
    }
}

/// The type that CloudTrail gives a resource; KMS shows its aliases as keys too.
fn resource_kind(arn: &Arn) -> &'static str {
    let (kind, _) = arn
        .resource()
        .split_once('/')
        .unwrap_or_else(|| (arn.resource(), ""));
    match (arn.service(), kind) {
        ("kms", _) => "AWS::KMS::Key",
        ("sagemaker", "feature-group") => "AWS::SageMaker::FeatureGroup",
        ("iam", "user") => "AWS::IAM::User",
        ("iam", "role") => "AWS::IAM::Role",
        ("iam", "policy") => "AWS::IAM::Policy",
        ("iam", "oidc-provider") => "AWS::IAM::OIDCProvider",
        ("cloudtrail", _) => "AWS::CloudTrail::Trail",
        ("ram", "resource-share") => "AWS::RAM::ResourceShare",
        ("ram", "permission") => "AWS::RAM::Permission",
        ("s3", bucket) if bucket == arn.resource() => "AWS::S3::Bucket",
        ("s3", _) => "AWS::S3::Object",
        _ => "AWS::Resource",
    }
}

/// The accounts that own what the call was about, as far as they exist: an ARN that a caller
/// made up must not make a record in a history.
fn owners(ctx: &Ctx, record: &Record) -> Vec<AccountId> {
    let Ok(Principals(directory)) = ctx.part() else {
        return Vec::new();
    };
    let accounts = record.resources.iter();
    accounts
        .filter_map(|resource| resource.account_id.as_ref()?.parse().ok())
        .filter(|account| directory.account_exists(ctx.view(), *account))
        .collect()
}

/// Records a call that failed; identical denials beyond a rate are only counted, and so is what
/// else fails before anything is granted: nobody has entrusted the caller with that either.
///
/// A denial is recorded for the caller's account only; whoever owns the resource that an
/// allowed call failed on gets a copy.
pub(crate) fn failure<O: Operation>(
    ctx: &Ctx,
    detail: EventDetail,
    authorization: &Authorization,
    failure: &Failure,
    batch: &mut Batch,
) -> Result<(), Failure> {
    if O::KIND.is_data() {
        return Ok(());
    }
    let record = base::<O>(ctx, detail);
    // Nobody asked for what a service does on the way; data calls can cause any number of it.
    let damped = is_denial(failure)
        || failure.kind == ErrorKind::Throttled
        || ctx.invoked_by().is_some()
        || !authorization.granted;
    refused(ctx, record, authorization, failure, damped, batch)
}

/// Records the call that a service did not get to make: on the caller's behalf, since the caller
/// may not, as `Decrypt` of KMS for a `GetRecord`; or in its own name. Committed with the call.
pub(crate) fn denied_on_behalf(ctx: &Ctx, denial: &Denial, needs: &Needs) {
    let Some((prefix, operation)) = denial.action.split_once(':') else {
        return;
    };
    let mut services = Service::ALL.into_iter();
    let Some(service) = services.find(|service| service.action_prefix() == prefix) else {
        return;
    };
    let on_behalf;
    let inner = match (denial.via, &ctx.caller().principal) {
        (Some(via), _) => {
            on_behalf = ctx.on_behalf_of(via).context();
            &on_behalf
        }
        (None, Principal::Service { .. }) => ctx,
        (None, _) => return,
    };
    let (kind, detail) = (Kind::ReadOnly, EventDetail::default());
    let record = base_of(inner, service, operation, kind, detail);
    let failure = Failure::denied(denial.clone());
    let mut batch = Batch::default();
    let need = crate::replay::need_of(needs, &denial.action, &denial.resource);
    let denied = Authorization {
        needs: need.cloned().map_or_else(Needs::nothing, Needs::one),
        ..Authorization::default()
    };
    match refused(inner, record, &denied, &failure, true, &mut batch) {
        Ok(()) => ctx.absorb(batch),
        Err(unrecorded) => {
            error!(request = %ctx.id(), error = %unrecorded, "audit record could not be made");
        }
    }
}

/// Records an authenticated call that no operation was run for: its input cannot be read, or
/// there is no such operation. Commits on its own.
pub async fn record_refused(
    ctx: &Ctx,
    service: Service,
    operation: &str,
    kind: Kind,
    failure: &Failure,
) {
    if kind.is_data() {
        return;
    }
    let record = base_of(ctx, service, operation, kind, EventDetail::default());
    let mut batch = Batch::new(Lane::Events);
    let made = refused(
        ctx,
        record,
        &Authorization::default(),
        failure,
        true,
        &mut batch,
    );
    if let Err(unrecorded) = made {
        error!(request = %ctx.id(), error = %unrecorded, "audit record could not be made");
    } else if !batch.is_empty()
        && let Err(failed) = ctx.services().store.commit(batch).await
    {
        ctx.log_uncommitted(operation, &failed);
    }
}

/// Records that a service has assumed a role that was passed to it, for the resource at
/// `source`. Committed with the call.
pub(crate) fn role_assumed(
    ctx: &Ctx,
    (service, source): (Service, &Arn),
    (role, session): (&Arn, &str),
    assumed: &Principal,
) -> Result<(), Failure> {
    let inner = ctx.in_own_name(service, source.clone()).context();
    let identity = UserIdentity::of(assumed, None, None);
    let detail = EventDetail {
        request: serde_json::json!({ "roleArn": role, "roleSessionName": session }),
        response: serde_json::json!({ "assumedRoleUser": {
            "assumedRoleId": identity.principal_id, "arn": identity.arn,
        } }),
        ..EventDetail::default()
    };
    let detail = detail.resource(role, "AWS::IAM::Role");
    let record = base_of(&inner, Service::Sts, "AssumeRole", Kind::ReadOnly, detail);
    let owners = owners(&inner, &record);
    let mut batch = Batch::default();
    let nothing = Authorization::default();
    append_copies(&inner, record, &owners, (&nothing, &[]), &mut batch)?;
    ctx.absorb(batch);
    Ok(())
}

/// Completes the record of a failed call, unless the damper only counts it.
fn refused(
    ctx: &Ctx,
    mut record: Record,
    authorization: &Authorization,
    failure: &Failure,
    damped: bool,
    batch: &mut Batch,
) -> Result<(), Failure> {
    let denied = is_denial(failure);
    record.response_elements = Value::Null;
    record.error_message = Some(failure.message.clone());
    record.error_code = Some(if denied && failure.denial.is_some() {
        // CloudTrail shows `AccessDenied` whatever the protocol's own code is.
        "AccessDenied".to_owned()
    } else {
        failure.code.clone().into_owned()
    });
    if denied || (damped && ctx.via().is_none()) {
        record.request_parameters = Value::Null;
    }
    // Nobody but a service that acts for no resource has no history.
    if let Some(account) = ctx.home().filter(|_| damped) {
        let of_denial = failure.denial.as_ref();
        let resource = of_denial.map(|denial| denial.resource.clone()).or_else(|| {
            let granted = authorization.resources.first();
            granted.map(ToString::to_string)
        });
        let key = DenialKey {
            account,
            region: ctx.region().clone(),
            principal: who(ctx),
            action: format!("{}:{}", record.event_source, record.event_name),
            resource: resource.unwrap_or_default(),
            code: record.error_code.clone().unwrap_or_default(),
        };
        let now = ctx.services().clock.monotonic();
        let admitted = ctx.services().damper.admit(key, &record.user_identity, now);
        let Damped::Record { suppressed } = admitted else {
            return Ok(());
        };
        let additional = &mut record.additional_event_data;
        if suppressed > 0 {
            add(additional, "suppressedCount", suppressed.into());
        }
        let denial = failure.denial.as_ref();
        if let Some(decision) = denial.and_then(|denial| denial.decision.clone()) {
            add(additional, "authorization", Value::Array(vec![decision]));
        }
    }
    let mut to = Vec::new();
    if !denied {
        name_resources(&mut record, authorization);
        to = owners(ctx, &record);
    }
    append_copies(ctx, record, &to, (authorization, &[]), batch)
}

/// Who was refused: a service for each resource that it acts for apart, the sessions of a role
/// together.
fn who(ctx: &Ctx) -> String {
    let name = ctx.caller().principal.standing_name();
    match ctx.source() {
        Some(source) => format!("{name} for {source}"),
        None => name,
    }
}

fn is_denial(failure: &Failure) -> bool {
    matches!(failure.kind, ErrorKind::Denied | ErrorKind::Unauthenticated)
}

/// Records a request that was not authenticated, in the history of `recipient`: the owner of
/// the access key that was presented, if there is one.
///
/// Commits on its own; beyond the rate of the damper it only counts.
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
    let network = origin.source_ip.map(|ip| types::network(ip).to_string());
    let key = DenialKey {
        account: recipient,
        region: region.clone(),
        principal: network.unwrap_or_default(),
        action: "*".to_owned(),
        resource: String::new(),
        code: attempt.code.to_owned(),
    };
    let now = services.clock.monotonic();
    let identity = UserIdentity::unknown(attempt.access_key_id);
    // The counted ones may have presented other keys.
    let unnamed = UserIdentity::unknown(None);
    let Damped::Record { suppressed } = services.strangers.admit(key, &unnamed, now) else {
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
    commit_alone(services, record, recipient, region).await;
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

/// Records of counts in one commit.
const COUNTS: usize = 256;

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
    let mut counted = services.damper.flush(now);
    counted.extend(services.strangers.flush(now));
    // Few commits for many floods: whatever else the task has to do waits for them.
    while !counted.is_empty() {
        let rest = counted.split_off(counted.len().min(COUNTS));
        let mut batch = batch_of_counts();
        let lost = counted.len() + rest.len();
        for count in counted {
            append_count(services, &mut batch, count);
        }
        if let Err(failed) = services.store.commit(batch).await {
            error!(error = %failed, lost, "counts of refused calls could not be committed");
            return;
        }
        counted = rest;
    }
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
    record.error_code = Some(key.code);
    record.request_id = RequestId::generate(services.entropy()).to_string();
    let additional = &mut record.additional_event_data;
    add(additional, "suppressedCount", count.into());
    add(additional, "principal", key.principal.into());
    add(additional, "resource", key.resource.into());
    append_alone(services, batch, record, key.account, &key.region);
}

/// Refused first when the disk is short: the reserve is for changes.
fn batch_of_counts() -> Batch {
    Batch::new(Lane::Data)
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

async fn commit_alone(services: &Services, record: Record, to: AccountId, region: &Region) {
    let mut batch = batch_of_counts();
    append_alone(services, &mut batch, record, to, region);
    if let Err(failed) = services.store.commit(batch).await
        && services.log_admits_error(String::new(), UNCOMMITTED)
    {
        error!(error = %failed, "audit record could not be committed");
    }
}

/// What lines about records that were not committed have for a code.
const UNCOMMITTED: &str = "uncommitted";

impl Services {
    /// Whether a line about an error of `code` in a call of `principal` may be written now.
    fn log_admits_error(&self, principal: String, code: &str) -> bool {
        self.errors.admit(principal, code, self.clock.monotonic())
    }
}

impl Ctx {
    /// Whether a line of the log about this caller and `code` may be written now: a caller decides
    /// how many there could be.
    pub(crate) fn log_admits(&self, code: &str) -> bool {
        let (services, principal) = (self.services(), self.caller().principal.standing_name());
        let now = services.clock.monotonic();
        services.lines.admit(principal, code, now)
    }

    /// The same of a line about what went wrong here.
    pub(crate) fn log_admits_error(&self, code: &str) -> bool {
        let principal = self.caller().principal.standing_name();
        self.services().log_admits_error(principal, code)
    }

    /// Logs that what this call would commit was not.
    pub(crate) fn log_uncommitted(&self, operation: &str, failed: &CommitError) {
        if self.log_admits_error(UNCOMMITTED) {
            error!(request = %self.id(), operation, error = %failed, "commit failed");
        }
    }
}

fn base<O: Operation>(ctx: &Ctx, detail: EventDetail) -> Record {
    base_of(ctx, O::SERVICE, O::NAME, O::KIND, detail)
}

fn base_of(
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

fn fill_origin(record: &mut Record, origin: &Origin, via: Option<Service>) {
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

/// One copy for the caller's account, and one for every other account that owns a resource, each
/// with what decided on its own side.
fn append_copies(
    ctx: &Ctx,
    record: Record,
    owners: &[AccountId],
    (authorization, decisions): (&Authorization, &[Decided]),
    batch: &mut Batch,
) -> Result<(), Failure> {
    let caller = ctx.home();
    let is_service = matches!(ctx.caller().principal, Principal::Service { .. });
    let mut accounts: Vec<AccountId> = caller.into_iter().chain(owners.iter().copied()).collect();
    accounts.sort_unstable();
    accounts.dedup();
    let shared = (accounts.len() > 1).then(|| RequestId::generate(ctx.entropy()).to_string());
    let record = record.truncated();
    let evaluated = evaluated(ctx, authorization)?;
    for account in accounts {
        let mut copy = record.clone();
        copy.event_id = ctx.event_id(account).to_string();
        copy.recipient_account_id = account.to_string();
        copy.shared_event_id.clone_from(&shared);
        if Some(account) != caller && !is_service {
            copy.user_identity = record.user_identity.seen_from_another_account();
        }
        let seen = decisions.iter();
        let seen = seen.filter_map(|decided| decided.seen_by(account, caller));
        let seen: Vec<Value> = seen.cloned().collect();
        if !seen.is_empty() {
            let additional = &mut copy.additional_event_data;
            add(additional, "authorization", Value::Array(seen));
        }
        let at = ctx.services().clock.now();
        // What the decision depended on is the caller's account's business.
        let beside = evaluated.as_deref().filter(|_| Some(account) == caller);
        audit::append_with(batch, account, ctx.region(), at, &copy, beside)
            .map_err(Failure::internal)?;
    }
    Ok(())
}

/// What the call's decisions depended on, as it is kept beside the record; nothing if nothing
/// was decided, or if it is out of all proportion.
fn evaluated(ctx: &Ctx, authorization: &Authorization) -> Result<Option<Vec<u8>>, Failure> {
    if authorization.needs.iter().len() == 0 {
        return Ok(None);
    }
    let evaluated = Evaluated::of(ctx, &authorization.needs);
    let json = evaluated.as_ref().map(serde_json::to_vec).transpose();
    let json = json.map_err(Failure::internal)?;
    Ok(json.filter(|json| json.len() <= MOST_EVALUATED))
}

pub(crate) fn add(target: &mut Option<Value>, name: &str, value: Value) {
    let object = target.get_or_insert_with(|| Value::Object(serde_json::Map::new()));
    if let Value::Object(fields) = object {
        fields.insert(name.to_owned(), value);
    }
}

impl EventDetail {
    /// Adds a resource, with the type that CloudTrail gives it.
    pub fn resource(mut self, arn: &Arn, kind: &str) -> Self {
        self.resources.push(Resource {
            arn: arn.to_string(),
            account_id: arn.account().map(String::from),
            kind: kind.to_owned(),
        });
        self
    }
}
