//! Records of a feature group: put, read, read in a batch, deleted.

use anyhow::{Context as _, Result, ensure};
use aws_sdk_sagemakerfeaturestoreruntime::types::{BatchGetRecordIdentifier, FeatureValue};
use aws_sdk_sagemakerfeaturestoreruntime::{Client, Config};

use crate::Access;

/// Everything about records.
pub(crate) async fn run(access: &Access, group: &str) -> Result<()> {
    let config = Config::builder()
        .behavior_version_latest()
        .region(access.region.clone())
        .endpoint_url(&access.endpoint)
        .credentials_provider(access.credentials.clone())
        .http_client(access.http.clone())
        .build();
    let client = Client::from_conf(config);
    for id in ["one", "two"] {
        client
            .put_record()
            .feature_group_name(group)
            .record(value("id", id))
            .record(value("time", "2026-01-01T00:00:00Z"))
            .send()
            .await?;
    }
    let get = |id: &str| {
        let request = client.get_record().feature_group_name(group);
        request.record_identifier_value_as_string(id).send()
    };
    let found = get("one").await?;
    ensure!(found.record().contains(&value("id", "one")), "{found:?}");
    let wanted = BatchGetRecordIdentifier::builder()
        .feature_group_name(group)
        .record_identifiers_value_as_string("one")
        .record_identifiers_value_as_string("missing")
        .record_identifiers_value_as_string("two")
        .build();
    let batch = client.batch_get_record().identifiers(wanted).send().await?;
    ensure!(
        batch.records().len() == 2 && batch.errors().is_empty(),
        "{batch:?}"
    );
    client
        .delete_record()
        .feature_group_name(group)
        .record_identifier_value_as_string("one")
        .event_time("2026-01-02T00:00:00Z")
        .send()
        .await?;
    ensure!(
        get("one").await?.record().is_empty(),
        "a deleted record was read"
    );
    let refused = client
        .get_record()
        .feature_group_name("no-such-group")
        .record_identifier_value_as_string("one")
        .send()
        .await;
    let refused = refused
        .err()
        .context("a group that does not exist was read")?;
    ensure!(refused.into_service_error().is_resource_not_found());
    Ok(())
}

fn value(name: &str, text: &str) -> FeatureValue {
    let value = FeatureValue::builder().feature_name(name);
    value.value_as_string(text).build()
}
