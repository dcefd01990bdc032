//! The offline store of a group: where it is, under which key, and whether it can be written.
//!
//! The service writes it as the group's role: the role's identity policies, the bucket's policy
//! and the key's policy all count, and S3, not SageMaker, calls KMS for it.

use pipeline::{OwnWork, Services};
use serde::{Deserialize, Serialize};
use shapes::buckets::PutObjectInput;
use shapes::sagemaker::{
    DataCatalogConfig, OfflineStoreConfig, OfflineStoreStatus, OfflineStoreStatusValue,
    S3StorageConfig, TableFormat,
};
use std::sync::Arc;
use types::{Arn, Service, ServiceError};

use crate::records::GroupRecord;
use crate::{Error, upkeep};

/// The name of the sessions in which the service writes.
pub(crate) const SESSION: &str = "SageMaker";

/// The canned ACL that every object is written with.
const ACL: &str = "bucket-owner-full-control";

/// An offline store.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OfflineStore {
    /// Whether the group has no online store.
    pub only: bool,
    /// The S3 URI as it was given.
    pub uri: String,
    /// The bucket.
    pub bucket: String,
    /// Where in the bucket the group's data is, without a slash at either end.
    pub path: String,
    /// The customer's key; the AWS managed key of S3 without.
    pub key: Option<Arn>,
    /// The key that S3 uses: the customer's, or the AWS managed key.
    pub used_key: Arn,
    /// The role that writes.
    pub role: Arn,
    /// The format.
    pub format: Format,
    /// Whether no table is made in the catalog.
    pub table_off: bool,
    /// The table.
    pub table: Option<CatalogTable>,
}

/// The format of an offline store.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Format {
    /// `Glue`.
    Glue,
    /// `Iceberg`.
    Iceberg,
}

/// A table of the data catalog.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CatalogTable {
    /// The catalog.
    pub catalog: String,
    /// The database.
    pub database: String,
    /// The table.
    pub name: String,
}

impl OfflineStore {
    /// `ResolvedOutputS3Uri`.
    pub(crate) fn resolved(&self) -> String {
        format!("s3://{}/{}", self.bucket, self.path)
    }

    /// What S3 is asked to write with, for an object of this store.
    pub(crate) fn put_request(&self) -> PutObjectInput {
        put_request(&self.bucket, &self.path, self.key.as_ref().map(Arn::as_str))
    }

    /// The configuration as `DescribeFeatureGroup` shows it.
    pub(crate) fn config(&self) -> OfflineStoreConfig {
        OfflineStoreConfig {
            s3_storage_config: S3StorageConfig {
                s3_uri: self.uri.clone(),
                kms_key_id: self.key.as_ref().map(Arn::to_string),
                resolved_output_s3_uri: Some(self.resolved()),
            },
            disable_glue_table_creation: Some(self.table_off),
            data_catalog_config: self.table.clone().map(|table| DataCatalogConfig {
                table_name: table.name,
                catalog: table.catalog,
                database: table.database,
            }),
            table_format: Some(match self.format {
                Format::Glue => TableFormat::Glue,
                Format::Iceberg => TableFormat::Iceberg,
            }),
        }
    }
}

/// What S3 is asked to write with: under this key, or the AWS managed one.
pub(crate) fn put_request(bucket: &str, path: &str, key: Option<&str>) -> PutObjectInput {
    PutObjectInput {
        bucket: bucket.to_owned(),
        key: format!("{path}/"),
        acl: Some(ACL.to_owned()),
        server_side_encryption: Some("aws:kms".to_owned()),
        sse_kms_key_id: key.map(str::to_owned),
    }
}

/// Where an S3 URI points: bucket and prefix, the latter without a slash at either end.
///
/// Fails with `ValidationException` for what names no bucket.
pub(crate) fn place(uri: &str) -> Result<(String, String), Error> {
    let invalid = || Error::validation(format!("the S3Uri `{uri}` names no bucket of S3."));
    let path = if let Some(path) = uri.strip_prefix("s3://") {
        path.to_owned()
    } else {
        let url = uri.strip_prefix("https://").ok_or_else(invalid)?;
        let (host, path) = url.split_once('/').unwrap_or((url, ""));
        let host = host.strip_suffix(".amazonaws.com").ok_or_else(invalid)?;
        let is_s3 = |host: &str| host == "s3" || host.starts_with("s3.") || host.starts_with("s3-");
        match host.split_once(".s3") {
            // In the name of the host, else first in the path.
            Some((bucket, rest)) if is_s3(&format!("s3{rest}")) => format!("{bucket}/{path}"),
            _ if is_s3(host) => path.to_owned(),
            _ => return Err(invalid()),
        }
    };
    let (bucket, prefix) = path.split_once('/').unwrap_or((&path, ""));
    if !s3::is_bucket_name(bucket) {
        return Err(invalid());
    }
    Ok((bucket.to_owned(), prefix.trim_matches('/').to_owned()))
}

/// The status of a group's offline store now; `None` if it has none.
///
/// It is blocked if the service may not open what waits for it, or the role could not write it.
pub(crate) fn status(services: &Arc<Services>, group: &GroupRecord) -> Option<OfflineStoreStatus> {
    let store = group.offline.as_ref()?;
    let reason = blocked(services, group, store);
    Some(OfflineStoreStatus {
        status: match reason {
            None => OfflineStoreStatusValue::Active,
            Some(_) => OfflineStoreStatusValue::Blocked,
        },
        blocked_reason: reason.map(|text| text.chars().take(1024).collect()),
    })
}

/// Why nothing can be written to the offline store now, if so.
pub(crate) fn blocked(
    services: &Arc<Services>,
    group: &GroupRecord,
    store: &OfflineStore,
) -> Option<String> {
    if let Err(stopped) = upkeep::check(services, group) {
        return Some(format!("what waits cannot be opened: {}", stopped.reason));
    }
    let service = Service::SageMaker;
    let work = OwnWork::new(services, service, &group.region, group.arn.clone());
    let role = match work.in_role(&store.role, SESSION) {
        Ok(Some(role)) => role,
        Ok(None) => {
            let service = service.principal();
            return Some(format!("{service} may not assume the role {}", store.role));
        }
        Err(missing) => return Some(missing.to_string()),
    };
    let Some(account) = store.role.account() else {
        return Some(format!("the role {} belongs to no account", store.role));
    };
    let (caller, request) = ((account, &group.region), store.put_request());
    match s3::write_needs(role.view(), caller, &request, &store.used_key) {
        Err(refused) => return Some(format!("{}: {}", refused.code(), refused.public_message())),
        Ok(needs) => {
            if let Err(denial) = role.decide(&needs) {
                return Some(format!("AccessDenied: {}", denial.message));
            }
        }
    }
    let usable = kms::usable(role.view(), &store.used_key, services.clock().now());
    let unusable = usable.err()?;
    Some(format!(
        "KMS.{}: {}",
        unusable.code(),
        unusable.public_message()
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(uri: &str, expected: Option<(&str, &str)>) {
        let found = place(uri).ok();
        let found = found
            .as_ref()
            .map(|(bucket, prefix)| (&**bucket, &**prefix));
        assert_eq!(found, expected, "{uri}");
    }

    #[test]
    fn a_uri_names_bucket_and_prefix() {
        check("s3://store", Some(("store", "")));
        check("s3://store/", Some(("store", "")));
        check("s3://store/a/b/", Some(("store", "a/b")));
        check(
            "https://store.s3.us-east-1.amazonaws.com/a",
            Some(("store", "a")),
        );
        check(
            "https://my.store.s3.amazonaws.com/a",
            Some(("my.store", "a")),
        );
        check(
            "https://s3.us-east-1.amazonaws.com/store/a/",
            Some(("store", "a")),
        );
        check(
            "https://s3-us-west-2.amazonaws.com/store",
            Some(("store", "")),
        );
        for uri in [
            "s3://",
            "s3:///a",
            "s3://Store",
            "https://store.example.com/a",
            "https://amazonaws.com/store",
            "https://evil.amazonaws.com/store",
            "http://s3.amazonaws.com/store",
        ] {
            check(uri, None);
        }
    }
}
