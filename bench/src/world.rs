//! What the measurements run on: a user with a policy, keys, feature groups and their records.

use std::time::Duration;

use anyhow::{Context, ensure};
use serde_json::{Value, json};

use crate::client::{Client, element, json_draft};
use crate::load::{Load, Until};
use crate::requests::{Draft, record_name, slot};
use crate::sign::Credentials;
use crate::subject::Subject;

/// Features of a record, with the identifier and the event time.
const FEATURES: usize = 20;

/// Requests signed at a time while loading; they must be sent before they are too old.
const CHUNK: u64 = 100_000;

/// Connections that load records.
const LOADERS: usize = 256;

/// The event time that records are loaded with.
pub(crate) const LOADED_AT: &str = "2026-01-01T00:00:00Z";

/// What the user of the benchmark may do: what a team would grant, not everything.
const POLICY: &str = r#"{"Version":"2012-10-17","Statement":[
{"Sid":"Records","Effect":"Allow","Action":["sagemaker:GetRecord","sagemaker:BatchGetRecord",
"sagemaker:PutRecord","sagemaker:DeleteRecord","sagemaker:BatchWriteRecord"],
"Resource":"arn:aws:sagemaker:us-east-1:111122223333:feature-group/*"},
{"Sid":"Keys","Effect":"Allow","Action":["kms:Decrypt","kms:Encrypt",
"kms:GenerateDataKey*","kms:GenerateMac","kms:Sign"],
"Resource":"arn:aws:kms:us-east-1:111122223333:key/*"},
{"Sid":"NotProduction","Effect":"Deny","Action":"sagemaker:*",
"Resource":"arn:aws:sagemaker:us-east-1:111122223333:feature-group/production-*"}]}"#;

/// Who calls and with what.
#[derive(Debug)]
pub(crate) struct World {
    /// Sets things up.
    pub administrator: Client,
    /// Is measured.
    pub user: Client,
    /// The customer managed key of the groups that have one.
    pub key: String,
}

impl World {
    /// Makes the user and the key.
    pub(crate) fn make(subject: &Subject) -> anyhow::Result<Self> {
        let administrator = subject.administrator.clone();
        let name = ("UserName", "bench");
        administrator.iam("CreateUser", &[name])?;
        let policy = [name, ("PolicyName", "records"), ("PolicyDocument", POLICY)];
        administrator.iam("PutUserPolicy", &policy)?;
        let made = administrator.iam("CreateAccessKey", &[name])?;
        let credentials = Credentials {
            id: element(&made, "AccessKeyId")?.to_owned(),
            secret: element(&made, "SecretAccessKey")?.to_owned(),
        };
        Ok(Self {
            user: Client {
                address: subject.address(),
                credentials,
            },
            key: create_key(&administrator, "records of the benchmark")?,
            administrator,
        })
    }

    /// Makes a feature group of [`FEATURES`] features, under `key` or the AWS owned key.
    pub(crate) fn create_group(&self, name: &str, key: Option<&str>) -> anyhow::Result<()> {
        self.create_group_of(name, key, feature_names())
    }

    /// Makes a feature group of these features, which are named with their types, the identifier
    /// and the event time of [`feature_names`] among them.
    pub(crate) fn create_group_of(
        &self,
        name: &str,
        key: Option<&str>,
        features: impl Iterator<Item = (String, &'static str)>,
    ) -> anyhow::Result<()> {
        let features: Vec<Value> = features
            .map(|(name, kind)| json!({"FeatureName": name, "FeatureType": kind}))
            .collect();
        let mut online = json!({"EnableOnlineStore": true});
        if let (Some(key), Some(online)) = (key, online.as_object_mut()) {
            online.insert("SecurityConfig".to_owned(), json!({"KmsKeyId": key}));
        }
        let input = json!({
            "FeatureGroupName": name,
            "RecordIdentifierFeatureName": "customer_id",
            "EventTimeFeatureName": "event_time",
            "FeatureDefinitions": features,
            "OnlineStoreConfig": online,
        });
        self.administrator
            .json("sagemaker", "SageMaker.CreateFeatureGroup", &input)?;
        for _attempt in 0..100 {
            let input = json!({"FeatureGroupName": name});
            let described =
                self.administrator
                    .json("sagemaker", "SageMaker.DescribeFeatureGroup", &input)?;
            match described.get("FeatureGroupStatus").and_then(Value::as_str) {
                Some("Created") => return Ok(()),
                Some("Creating") => std::thread::sleep(Duration::from_millis(20)),
                other => anyhow::bail!("group `{name}` is {other:?}"),
            }
        }
        anyhow::bail!("group `{name}` is not created")
    }

    /// Puts records 0 to `count` into the group; returns the records a second.
    pub(crate) fn load(&self, group: &str, count: u64) -> anyhow::Result<f64> {
        self.send(&put_record(group, LOADED_AT), count)
    }

    /// Sends `draft` for records 0 to `count`; returns the records a second.
    pub(crate) fn send(&self, draft: &Draft, count: u64) -> anyhow::Result<f64> {
        let mut load = Load::connect(self.user.address, LOADERS)?;
        let mut time = Duration::ZERO;
        let mut begin = 0;
        while begin < count {
            let end = count.min(begin + CHUNK);
            let requests = self.user.sign(draft, (begin..end).map(|number| [number]));
            let measured = load.run(&requests, Until::answers(end - begin))?;
            ensure!(
                measured.answers == end - begin,
                "{} of {} records were written",
                measured.answers,
                end - begin
            );
            time += measured.time;
            begin = end;
        }
        Ok(crate::numbers::float(count) / time.as_secs_f64())
    }

    /// Puts record 0 into the group.
    pub(crate) fn load_one(&self, group: &str) -> anyhow::Result<()> {
        let mut load = Load::connect(self.user.address, 1)?;
        let requests = self.user.sign(&put_record(group, LOADED_AT), [[0]]);
        let measured = load.run(&requests, Until::answers(1))?;
        ensure!(measured.answers == 1, "no record of `{group}` was put");
        Ok(())
    }

    /// Reads records 0 to `count` of the group once, a hundred at a time, as a server that has
    /// run for a while has read them.
    pub(crate) fn read(&self, group: &str, count: u64) -> anyhow::Result<()> {
        const WIDTH: u64 = 100;
        let mut load = Load::connect(self.user.address, LOADERS)?;
        let draft = batch_get_record(group, usize::try_from(WIDTH)?);
        let mut begin = 0;
        while begin < count {
            let end = count.min(begin + CHUNK);
            let rows = (begin..end).step_by(usize::try_from(WIDTH)?).map(|first| {
                let first = first.min(count.saturating_sub(WIDTH));
                (first..first + WIDTH).collect::<Vec<u64>>()
            });
            let requests = self.user.sign(&draft, rows);
            let batches = (end - begin).div_ceil(WIDTH);
            let measured = load.run(&requests, Until::answers(batches))?;
            ensure!(
                measured.answers == batches,
                "{} of {batches} batches of `{group}` were read from record {begin} on",
                measured.answers,
            );
            begin = end;
        }
        Ok(())
    }
}

/// Makes a customer managed key; its ARN.
pub(crate) fn create_key(administrator: &Client, description: &str) -> anyhow::Result<String> {
    let made = administrator.json(
        "kms",
        "TrentService.CreateKey",
        &json!({"Description": description}),
    )?;
    let arn = made.pointer("/KeyMetadata/Arn").and_then(Value::as_str);
    Ok(arn.context("a key without ARN")?.to_owned())
}

/// The features of every group: the identifier and the event time first.
pub(crate) fn feature_names() -> impl Iterator<Item = (String, &'static str)> {
    let fixed = ["customer_id", "event_time"];
    let fixed = fixed.into_iter().map(|name| (name.to_owned(), "String"));
    let others =
        (fixed.len()..FEATURES).map(|number| (format!("feature_{number:02}"), "Fractional"));
    fixed.chain(others)
}

/// Bytes of a cell's key: the group's number and a hash.
pub(crate) const CELL_KEY: usize = 40;

/// Bytes of the sealed value that a record of [`put_record`] becomes (docs/storage-formats.md).
pub(crate) fn sealed_length() -> usize {
    const HEADER_NONCE_TAG: usize = 38 + 24 + 16;
    // Each feature has a number and, but for the identifier, a length before its value.
    let values: usize = values(LOADED_AT).iter().map(|value| 2 + value.len()).sum();
    HEADER_NONCE_TAG + values
}

/// The values of a record, as [`put_record`] puts them.
pub(crate) fn values(event_time: &str) -> Vec<String> {
    (0..FEATURES)
        .map(|number| value_of(number, event_time))
        .collect()
}

/// The value of a feature; the identifier is slot 0.
fn value_of(number: usize, event_time: &str) -> String {
    match number {
        0 => slot(0),
        1 => event_time.to_owned(),
        other => format!("0.{:012}", other * 98_765_432_101),
    }
}

/// `PutRecord` of the record in slot 0.
pub(crate) fn put_record(group: &str, event_time: &str) -> Draft {
    let record: Vec<Value> = feature_names()
        .enumerate()
        .map(|(number, (name, _))| {
            let value = value_of(number, event_time);
            json!({"FeatureName": name, "ValueAsString": value})
        })
        .collect();
    Draft {
        method: "PUT",
        target: format!("/FeatureGroup/{group}"),
        service: "sagemaker",
        content_type: Some("application/json"),
        operation: None,
        body: json!({"Record": record}).to_string(),
    }
}

/// `DeleteRecord` of the record in slot 0, as AWS does unless told otherwise: what is left says
/// that it was deleted.
pub(crate) fn delete_record(group: &str) -> Draft {
    let time = LOADED_AT.replace(':', "%3A");
    let record = slot(0);
    Draft {
        method: "DELETE",
        target: format!(
            "/FeatureGroup/{group}?EventTime={time}&RecordIdentifierValueAsString={record}"
        ),
        service: "sagemaker",
        content_type: None,
        operation: None,
        body: String::new(),
    }
}

/// `GetRecord` of the record in slot 0.
pub(crate) fn get_record(group: &str) -> Draft {
    get_record_at(group, &slot(0))
}

fn get_record_at(group: &str, record: &str) -> Draft {
    Draft {
        method: "GET",
        target: format!("/FeatureGroup/{group}?RecordIdentifierValueAsString={record}"),
        service: "sagemaker",
        content_type: None,
        operation: None,
        body: String::new(),
    }
}

/// `GetRecord` of record 0 of the group in slot 0, which [`group_of`] names.
pub(crate) fn get_record_of_group() -> Draft {
    get_record_at(&group_of(&slot(0)), &record_name(0))
}

/// The name of the group with this number, as [`record_name`] writes numbers.
pub(crate) fn group_of(number: &str) -> String {
    format!("many-{number}")
}

/// `BatchGetRecord` of the records in slots 0 to `count`.
pub(crate) fn batch_get_record(group: &str, count: usize) -> Draft {
    let identifiers: Vec<String> = (0..count).map(slot).collect();
    let input = json!({"Identifiers": [{
        "FeatureGroupName": group,
        "RecordIdentifiersValueAsString": identifiers,
    }]});
    Draft {
        method: "POST",
        target: "/BatchGetRecord".to_owned(),
        service: "sagemaker",
        content_type: Some("application/json"),
        operation: None,
        body: input.to_string(),
    }
}

/// `kms:GenerateDataKey` with the record in slot 0 as encryption context.
pub(crate) fn generate_data_key(key: &str) -> Draft {
    let input = json!({
        "KeyId": key,
        "KeySpec": "AES_256",
        "EncryptionContext": {"record": slot(0)},
    });
    json_draft("kms", "TrentService.GenerateDataKey", input.to_string())
}

/// Record numbers below `records`, drawn evenly; the same for the same `seed`.
#[derive(Debug)]
pub(crate) struct Draw {
    state: u64,
    records: u64,
}

impl Draw {
    /// Draws below `records`.
    pub(crate) fn new(records: u64, seed: u64) -> Self {
        Self {
            state: seed,
            records,
        }
    }
}

impl Iterator for Draw {
    type Item = u64;

    /// The generator `SplitMix64`.
    fn next(&mut self) -> Option<u64> {
        self.state = self.state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.state;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        Some((mixed ^ (mixed >> 31)) % self.records)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_draw_covers_its_range() {
        let mut seen = [false; 100];
        for number in Draw::new(100, 7).take(2000) {
            seen[usize::try_from(number).unwrap()] = true;
        }
        assert!(seen.iter().all(|seen| *seen));
    }

    #[test]
    fn a_record_has_twenty_features() {
        assert_eq!(feature_names().count(), FEATURES);
        assert_eq!(
            put_record("g", LOADED_AT)
                .body
                .matches("FeatureName")
                .count(),
            FEATURES
        );
    }
}
