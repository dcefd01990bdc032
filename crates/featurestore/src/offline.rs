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
use types::{AccountId, Arn, Region, Service, ServiceError};

use crate::records::{GroupRecord, Status};
use crate::{Error, upkeep};

/// The name of the sessions in which the service writes.
pub(crate) const SESSION: &str = "SageMaker";

/// The canned ACL that every object is written with.
const ACL: &str = "bucket-owner-full-control";

/// An offline store.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OfflineStore {
    /// The S3 URI as it was given.
    pub uri: String,
    /// The bucket.
    pub bucket: String,
    /// The account that owned the bucket when the group was made: no other gets what is written.
    pub bucket_owner: AccountId,
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
        let key = self.key.as_ref().map(Arn::as_str);
        put_request((self.bucket.as_str(), self.bucket_owner), &self.path, key)
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

/// What S3 is asked to write with, in the bucket of this account: under this key, or the AWS
/// managed one.
pub(crate) fn put_request(
    (bucket, owner): (&str, AccountId),
    path: &str,
    key: Option<&str>,
) -> PutObjectInput {
    PutObjectInput {
        bucket: bucket.to_owned(),
        key: format!("{path}/"),
        acl: Some(ACL.to_owned()),
        server_side_encryption: Some("aws:kms".to_owned()),
        sse_kms_key_id: key.map(str::to_owned),
        expected_bucket_owner: Some(owner.to_string()),
    }
}

/// Where an S3 URI points.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Place {
    /// The bucket.
    pub(crate) bucket: String,
    /// The prefix, without a slash at either end.
    pub(crate) prefix: String,
    /// The same as policies see it, in one form however it was written: `s3://bucket/prefix`, with
    /// a slash at the end if one was given.
    pub(crate) shown: String,
}

/// Where `uri` points.
///
/// Fails with `ValidationException` for what names no bucket in `region`, and for a part that is `.`
/// or `..`: whatever takes names of objects for paths would look for them elsewhere than policies do.
pub(crate) fn place(uri: &str, region: &Region) -> Result<Place, Error> {
    let invalid = || {
        Error::validation(format!(
            "the S3Uri `{uri}` names no bucket of S3 in {region}."
        ))
    };
    let path = match uri.strip_prefix("s3://") {
        Some(path) => path.to_owned(),
        None => (uri.strip_prefix("https://"))
            .and_then(|url| path_of_url(url, region))
            .ok_or_else(invalid)?,
    };
    let (bucket, prefix) = path.split_once('/').unwrap_or((&path, ""));
    if !s3::is_bucket_name(bucket) {
        return Err(invalid());
    }
    let prefix = prefix.trim_matches('/');
    if prefix.split('/').any(|part| matches!(part, "." | "..")) {
        return Err(Error::validation(format!(
            "the S3Uri `{uri}` has a part that is `.` or `..`."
        )));
    }
    let end = if path.ends_with('/') { "/" } else { "" };
    let shown = match prefix {
        "" => format!("s3://{bucket}{end}"),
        prefix => format!("s3://{bucket}/{prefix}{end}"),
    };
    Ok(Place {
        bucket: bucket.to_owned(),
        prefix: prefix.to_owned(),
        shown,
    })
}

/// The path that an address of S3 in `region` stands for, the bucket first: it is in the host's
/// name, else first in the path.
fn path_of_url(url: &str, region: &Region) -> Option<String> {
    let (host, path) = match url.split_once('/') {
        Some((host, path)) => (host, Some(path)),
        None => (url, None),
    };
    let host = host.strip_suffix(".amazonaws.com")?;
    if serves(host, region) {
        return path.map(str::to_owned);
    }
    let (bucket, rest) = host.rsplit_once(".s3")?;
    let path = path.map(|path| format!("/{path}")).unwrap_or_default();
    serves(&format!("s3{rest}"), region).then(|| format!("{bucket}{path}"))
}

/// Whether `host` is an endpoint of S3 for buckets of `region`.
fn serves(host: &str, region: &Region) -> bool {
    let Some(rest) = host.strip_prefix("s3") else {
        return false;
    };
    let rest = rest.strip_prefix(".dualstack").unwrap_or(rest);
    let named = rest.strip_prefix(['.', '-']);
    rest.is_empty() || named == Some(region.as_str())
}

/// How many statuses are looked at before others get their turn: each decides about a role, its
/// trust policy, a bucket's policy, a key's and grants, about a tenth of a millisecond.
pub(crate) const STATUSES_AT_ONCE: usize = 8;

/// The status of a group's offline store now, as callers of `account` see it; `None` if it has
/// none, or is not in use.
///
/// It is blocked if the service may not open what waits for it, or the role could not write it.
/// The reason names the owner's role, bucket, key and policies, and is for the owner alone.
pub(crate) fn status(
    services: &Arc<Services>,
    group: &GroupRecord,
    account: Option<AccountId>,
) -> Option<OfflineStoreStatus> {
    let used = group.status == Status::Created;
    let store = group.offline.as_ref().filter(|_| used)?;
    let reason = blocked(services, group, store);
    let status = match reason {
        None => OfflineStoreStatusValue::Active,
        Some(_) => OfflineStoreStatusValue::Blocked,
    };
    let reason = reason.filter(|_| account == Some(group.account));
    Some(OfflineStoreStatus {
        status,
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

    fn check(uri: &str, expected: Option<(&str, &str, &str)>) {
        let found = place(uri, &"us-east-1".parse().unwrap()).ok();
        let found = found
            .as_ref()
            .map(|place| (&*place.bucket, &*place.prefix, &*place.shown));
        assert_eq!(found, expected, "{uri}");
    }

    #[test]
    fn a_uri_names_bucket_and_prefix() {
        check("s3://store", Some(("store", "", "s3://store")));
        check("s3://store/", Some(("store", "", "s3://store/")));
        check("s3://store/a/b/", Some(("store", "a/b", "s3://store/a/b/")));
        check("s3://store//a", Some(("store", "a", "s3://store/a")));
        check("s3://store/a//", Some(("store", "a", "s3://store/a/")));
    }

    #[test]
    fn parts_that_lead_elsewhere_are_refused() {
        for prefix in [".", "..", "../a", "a/..", "a/../b", "a/./b"] {
            check(&format!("s3://store/{prefix}"), None);
            let url = format!("https://store.s3.amazonaws.com/{prefix}");
            check(&url, None);
        }
        check(
            "s3://store/..a/b.",
            Some(("store", "..a/b.", "s3://store/..a/b.")),
        );
    }

    #[test]
    fn however_it_is_written_policies_see_one_form() {
        for host in [
            "s3",
            "s3.us-east-1",
            "s3-us-east-1",
            "s3.dualstack.us-east-1",
        ] {
            let in_host = format!("https://my.store.{host}.amazonaws.com");
            check(&in_host, Some(("my.store", "", "s3://my.store")));
            let uri = format!("{in_host}/a");
            check(&uri, Some(("my.store", "a", "s3://my.store/a")));
            let in_path = format!("https://{host}.amazonaws.com/my.store/a/");
            check(&in_path, Some(("my.store", "a", "s3://my.store/a/")));
        }
    }

    #[test]
    fn what_names_no_bucket_of_the_region_is_refused() {
        for uri in [
            "s3://",
            "s3:///a",
            "s3://Store",
            "https://store.example.com/a",
            "https://amazonaws.com/store",
            "https://evil.amazonaws.com/store",
            "https://s3.amazonaws.com",
            "http://s3.amazonaws.com/store",
            "https://s3.eu-west-1.amazonaws.com/store",
            "https://s3-us-west-2.amazonaws.com/store",
            "https://store.s3.eu-west-1.amazonaws.com/a",
            "https://store.s3.us-east-1.evil.amazonaws.com/a",
        ] {
            check(uri, None);
        }
    }
}
