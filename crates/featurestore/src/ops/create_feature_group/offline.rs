//! The offline store that the caller of `CreateFeatureGroup` asks for, and whether the role can
//! write it.

use pipeline::{Ctx, FailedCall, Failure, KeySet, PassedRole};
use shapes::buckets::BucketInput;
use shapes::sagemaker::{CreateFeatureGroupRequest, FeatureType, OfflineStoreConfig, TableFormat};
use types::{AccountId, Arn, Service};

use crate::Error;
use crate::chosen_key::ChosenKey;
use crate::offline::{self, CatalogTable, Format, OfflineStore, Place, SESSION};

/// The catalog and the database in which tables are made unless told otherwise.
const CATALOG: &str = "AwsDataCatalog";
const DATABASE: &str = "sagemaker_featurestore";

/// The most bytes that S3 lets the name of an object have.
const MOST_NAME: usize = 1024;

/// The most bytes of it that come behind the path of the data: of a table of the format Iceberg
/// `/`, 8 characters, `/`, the name of a feature, `_trunc=2026-11-28/`, and 41 of the file's name.
const MOST_BELOW_PATH: usize = 1 + 8 + 1 + 64 + 18 + 41;

/// The offline store.
#[derive(Debug)]
pub(super) struct ChosenOffline {
    place: Place,
    /// The key that was chosen, as it was found; whether it exists, S3 and KMS say.
    key: Option<ChosenKey>,
}

impl ChosenOffline {
    /// Reads what the request says of the store.
    pub(super) fn find(
        ctx: &Ctx,
        account: AccountId,
        config: &OfflineStoreConfig,
    ) -> Result<Self, Error> {
        let config = &config.s3_storage_config;
        let place = offline::place(&config.s3_uri, ctx.region())?;
        let key = match config.kms_key_id.as_deref() {
            Some("") => return Err(Error::validation("KmsKeyId must not be empty.")),
            key => key.map(|text| ChosenKey::find(ctx, account, text)),
        };
        Ok(Self {
            place,
            key: key.transpose()?,
        })
    }

    /// The condition keys of the store. The key is the one that was found, whatever the caller
    /// wrote for it, and the place is written in one form: a policy that names a key by its ARN, or
    /// a bucket, must not be evaded by an alias, or by another address of the bucket.
    pub(super) fn condition_keys(&self, config: &OfflineStoreConfig) -> KeySet {
        let table_off = config.disable_glue_table_creation.unwrap_or(false);
        KeySet::default()
            .one("sagemaker:featuregroupofflinestoreconfig", "true")
            .one("sagemaker:featuregroupofflinestores3uri", &self.place.shown)
            .one(
                "sagemaker:featuregroupdisablegluetablecreation",
                table_off.to_string(),
            )
            .maybe(
                "sagemaker:featuregroupofflinestorekmskey",
                self.key.as_ref().map(|key| key.arn.as_str()),
            )
    }

    /// The store of the new group `(arn, name)`, if its role can write it: the service assumes
    /// the role, reads the bucket's ACL, and has S3 decide about an object as if it were
    /// written, data key included.
    ///
    /// Fails with `ValidationException` and S3's or KMS's own words.
    pub(super) async fn checked(
        self,
        ctx: &Ctx,
        (arn, name): (&Arn, &str),
        role: &Arn,
        input: &CreateFeatureGroupRequest,
    ) -> Result<Option<OfflineStore>, Error> {
        let Some(config) = &input.offline_store_config else {
            return Ok(None);
        };
        let account = arn.account().ok_or(Error::NoAccount)?;
        let path = path((account, arn.region()), &self.place.prefix, name, ctx);
        if path.len().saturating_add(MOST_BELOW_PATH) > MOST_NAME {
            return Err(Error::validation(format!(
                "the S3Uri is too long: names of objects could have more than {MOST_NAME} bytes."
            )));
        }
        let refused = |failure| refusal(role, &config.s3_storage_config.s3_uri, failure);
        let service = Service::SageMaker;
        let session = PassedRole::assume(ctx, role, service, (arn, SESSION)).map_err(refused)?;
        let session = session.ok_or_else(|| super::role_refused(role))?;
        let bucket = BucketInput {
            bucket: self.place.bucket.clone(),
        };
        let acl = pipeline::call::<s3::GetBucketAcl>(session.by(), bucket);
        let owner = Box::pin(acl).await.map_err(refused)?.owner;
        let owner: AccountId = owner
            .parse()
            .map_err(|source| Error::internal("S3 names no account as owner", source))?;
        if owner != account && self.key.is_none() {
            return Err(Error::validation(
                "an offline store in a bucket of another account needs a KmsKeyId.",
            ));
        }
        // As every object is written: a policy of the bucket that names the key by its ARN decides
        // alike about both.
        let found = self.key.as_ref().and_then(ChosenKey::found);
        let asked = config.s3_storage_config.kms_key_id.as_deref();
        let text = found.map(Arn::as_str).or(asked);
        let request = offline::put_request((self.place.bucket.as_str(), owner), &path, text);
        let put = pipeline::call::<s3::PutObject>(session.by(), request);
        let used = Box::pin(put).await.map_err(refused)?.sse_kms_key_id;
        let used = used.and_then(|arn| arn.parse().ok());
        let used_key: Arn =
            used.ok_or_else(|| Error::broken("S3 encrypts an object under no key"))?;
        Ok(Some(OfflineStore {
            uri: config.s3_storage_config.s3_uri.clone(),
            bucket: self.place.bucket,
            bucket_owner: owner,
            path,
            key: self.key.map(|_chosen| used_key.clone()),
            used_key,
            role: role.clone(),
            format: format(config),
            table_off: config.disable_glue_table_creation == Some(true),
            table: table(config, name, ctx.time().seconds()),
        }))
    }
}

/// Whether the group has an online store.
pub(super) fn is_online(input: &CreateFeatureGroupRequest) -> bool {
    let online = input.online_store_config.as_ref();
    online.and_then(|online| online.enable_online_store) == Some(true)
}

/// The rules of an offline store that the service model does not express.
pub(super) fn check(input: &CreateFeatureGroupRequest) -> Result<(), Error> {
    let Some(config) = &input.offline_store_config else {
        return Ok(());
    };
    let invalid = |text| Err(Error::validation(text));
    if config.s3_storage_config.resolved_output_s3_uri.is_some() {
        return invalid("ResolvedOutputS3Uri is an answer and cannot be given.");
    }
    if input.role_arn.is_none() {
        return invalid("an OfflineStoreConfig needs a RoleArn.");
    }
    if !is_online(input)
        && let Some(online) = &input.online_store_config
        && (online.security_config.is_some()
            || online.ttl_duration.is_some()
            || online.storage_type.is_some())
    {
        return invalid("SecurityConfig, TtlDuration and StorageType need EnableOnlineStore.");
    }
    if format(config) == Format::Glue {
        return Ok(());
    }
    if config.disable_glue_table_creation == Some(true) {
        return invalid("DisableGlueTableCreation is not supported with the TableFormat Iceberg.");
    }
    let name = &input.event_time_feature_name;
    let mut features = input.feature_definitions.iter();
    let event_time = features.find(|feature| feature.feature_name == *name);
    if event_time.is_some_and(|feature| feature.feature_type != FeatureType::String) {
        return invalid("with the TableFormat Iceberg the event time must be of type String.");
    }
    Ok(())
}

fn format(config: &OfflineStoreConfig) -> Format {
    match config.table_format {
        Some(TableFormat::Iceberg) => Format::Iceberg,
        None | Some(TableFormat::Default | TableFormat::Glue) => Format::Glue,
    }
}

/// Where the data of the group is in its bucket.
fn path((account, region): (AccountId, &str), prefix: &str, name: &str, ctx: &Ctx) -> String {
    let created = ctx.time().seconds();
    let own = format!("{account}/sagemaker/{region}/offline-store/{name}-{created}/data");
    if prefix.is_empty() {
        own
    } else {
        format!("{prefix}/{own}")
    }
}

/// The table: the one that is given, or the one that is made.
fn table(config: &OfflineStoreConfig, name: &str, created: i64) -> Option<CatalogTable> {
    match &config.data_catalog_config {
        Some(given) => Some(CatalogTable {
            catalog: given.catalog.clone(),
            database: given.database.clone(),
            name: given.table_name.clone(),
        }),
        None if config.disable_glue_table_creation == Some(true) => None,
        None => Some(CatalogTable {
            catalog: CATALOG.to_owned(),
            database: DATABASE.to_owned(),
            name: format!("{}_{created}", name.to_lowercase().replace('-', "_")),
        }),
    }
}

/// Why S3 does not let the role write; what may pass, such as a KMS that is throttling, is said to
/// be no more than that.
fn refusal(role: &Arn, uri: &str, failure: Failure) -> Error {
    let code = failure.code.clone();
    let words = match failure.told() {
        FailedCall::Internal(source) => {
            let what = "a call of S3 failed";
            return Error::Internal { what, source };
        }
        FailedCall::Busy {
            throttled,
            code,
            message,
        } => {
            return Error::KeyBusy {
                throttled,
                code,
                message,
            };
        }
        FailedCall::Denied { message } | FailedCall::Refused { message, .. } => message,
    };
    Error::validation(format!(
        "the role {role} cannot write to the offline store at {uri}: {code}: {words}"
    ))
}

#[cfg(test)]
mod tests {
    use types::{ErrorKind, ServiceError as _};

    use super::*;

    fn check(kind: ErrorKind, expected: (ErrorKind, &str)) {
        let failure = Failure {
            kind,
            code: "KMS.Code".into(),
            message: "text".to_owned(),
            ..Failure::internal("cause")
        };
        let role: Arn = "arn:aws:iam::111122223333:role/r".parse().unwrap();
        let error = refusal(&role, "s3://b/p", failure);
        assert_eq!((error.kind(), &*error.code()), expected, "{error}");
    }

    #[test]
    fn what_may_pass_is_told_apart_from_what_does_not() {
        let refused = (ErrorKind::Validation, "ValidationException");
        check(ErrorKind::Validation, refused);
        check(ErrorKind::Denied, refused);
        let throttled = (ErrorKind::Throttled, "ThrottlingException");
        check(ErrorKind::Throttled, throttled);
        let unavailable = (ErrorKind::Unavailable, "ServiceUnavailable");
        check(ErrorKind::Unavailable, unavailable);
        let internal = (ErrorKind::Internal, "InternalFailure");
        check(ErrorKind::Internal, internal);
    }
}
