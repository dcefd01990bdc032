//! The grant of a group: what SageMaker may do of itself with the key of the online store.
//!
//! It is made by the service on behalf of whoever creates the group, for the service: bound to
//! the encryption context of this very group, which has a random id in it, and to calls for the
//! group's ARN. So it does not serve another group under the same key, nor a later one of the
//! same name. Deleting the group retires it.

use pipeline::{Ctx, OwnWork};
use shapes::kms::{CreateGrantRequest, GrantConstraints, GrantOperation, RetireGrantRequest};
use store::View;
use tracing::warn;
use types::{Arn, Service};

use crate::Error;
use crate::records::GroupRecord;
use crate::schema::encryption_context;

/// How the grant is constrained, as `kms:GrantConstraintType` shows it.
pub(crate) const CONSTRAINT: &str = "EncryptionContextEquals";

/// What the grant allows.
const OPERATIONS: [GrantOperation; 8] = [
    GrantOperation::Decrypt,
    GrantOperation::Encrypt,
    GrantOperation::GenerateDataKey,
    GrantOperation::ReEncryptFrom,
    GrantOperation::ReEncryptTo,
    GrantOperation::CreateGrant,
    GrantOperation::RetireGrant,
    GrantOperation::DescribeKey,
];

/// The grant on the key at `key` for the group of this name, ARN and id.
pub(crate) fn request(key: &Arn, (name, arn, id): (&str, &Arn, &str)) -> CreateGrantRequest {
    let service = Some(Service::SageMaker.principal().to_owned());
    CreateGrantRequest {
        key_id: key.to_string(),
        name: Some(self::name(name, id)),
        grantee_service_principal: service.clone(),
        retiring_service_principal: service,
        operations: OPERATIONS.to_vec(),
        constraints: Some(GrantConstraints {
            encryption_context_equals: Some(encryption_context(arn.as_str(), id)),
            source_arn: Some(arn.to_string()),
            ..GrantConstraints::default()
        }),
        ..CreateGrantRequest::default()
    }
}

/// The name of the group's grant.
pub(crate) fn name(group: &str, id: &str) -> String {
    format!("SageMakerFeatureStore-{group}-{id}")
}

/// The command that makes the grant of `group` again.
pub(crate) fn command(group: &GroupRecord, key: &Arn) -> String {
    let (name, service) = (name(&group.name, &group.id), Service::SageMaker.principal());
    let operations = OPERATIONS.map(|operation| operation.to_string()).join(" ");
    let constraints = serde_json::json!({
        "EncryptionContextEquals": group.schema.context,
        "SourceArn": group.arn,
    });
    format!(
        "aws kms create-grant --key-id {key} --name {name} --grantee-service-principal {service} \
         --retiring-service-principal {service} --operations {operations} --constraints \
         '{constraints}'"
    )
}

/// The grant of `group` on the key at `key`, as it was made.
pub(crate) fn request_for(group: &GroupRecord, key: &Arn) -> CreateGrantRequest {
    request(key, (&group.name, &group.arn, &group.id))
}

/// Makes the grant on the caller's behalf and returns its id.
pub(crate) async fn create(
    ctx: &Ctx,
    key: &Arn,
    group: (&str, &Arn, &str),
) -> Result<String, Error> {
    let on_behalf = ctx.on_behalf_of(Service::SageMaker);
    let call = pipeline::call::<kms::CreateGrant>(on_behalf, request(key, group));
    let made = Box::pin(call).await.map_err(Error::of_key_call)?;
    made.grant_id
        .ok_or_else(|| Error::broken("KMS made a grant without an id"))
}

/// Retires the grant of `group` on `key`, and any that were made in its place, in the service's own
/// name: the group is deleted, has moved away from the key, or was not made under it.
///
/// A grant that is gone is no failure. One that KMS does not let go stays behind: it is bound
/// to this very group, and the log names it.
pub(crate) async fn retire(work: &OwnWork, group: &GroupRecord, key: &Arn) {
    for (grant, request) in standing(work.view(), group, key) {
        if let Err(failure) = Box::pin(work.call::<kms::RetireGrant>(request)).await {
            let (group, code) = (&group.arn, failure.code.as_ref());
            warn!(%group, %key, grant, code, "the grant of a feature group on a key could not be retired");
        }
    }
}

/// Whether a grant of `group` stands on `key`.
pub(crate) fn stands(view: &View, group: &GroupRecord, key: &Arn) -> bool {
    !kms::standing_grants(view, &request_for(group, key)).is_empty()
}

/// The grants of `group` that stand on `key`, and how they are retired.
fn standing(view: &View, group: &GroupRecord, key: &Arn) -> Vec<(String, RetireGrantRequest)> {
    let standing = kms::standing_grants(view, &request_for(group, key));
    let retired = standing.into_iter().map(|grant| {
        let request = RetireGrantRequest {
            key_id: Some(key.to_string()),
            grant_id: Some(grant.clone()),
            ..RetireGrantRequest::default()
        };
        (grant, request)
    });
    retired.collect()
}
