//! What the policy of a bucket sees of the objects of an offline store, and when.

use serde_json::{Value, json};

use crate::offline::{only, prepare};
use crate::world::{ACCOUNT, REGION, World, check_refused};

const BUCKET: &str = "my-sagemaker-store";
const KEY_HEADER: &str = "s3:x-amz-server-side-encryption-aws-kms-key-id";

/// A world with a key and its alias `alias/offline`.
fn world() -> (World, String) {
    let world = World::new();
    prepare(&world, &["kms:GenerateDataKey"]);
    let key = world.key();
    let alias = json!({ "AliasName": "alias/offline", "TargetKeyId": key });
    world.ok("CreateAlias", alias);
    (world, key)
}

fn deny(world: &World, condition: &Value) {
    let policy = json!({ "Version": "2012-10-17", "Statement": {
        "Effect": "Deny", "Principal": "*", "Action": "s3:PutObject",
        "Resource": format!("arn:aws:s3:::{BUCKET}/*"), "Condition": condition,
    } });
    let input = json!({ "Bucket": BUCKET, "Policy": policy.to_string() });
    world.ok("PutBucketPolicy", input);
}

fn forms(key: &str) -> [String; 4] {
    let id = key.rsplit('/').next().unwrap();
    let alias = format!("arn:aws:kms:{REGION}:{ACCOUNT}:alias/offline");
    [id, key, "alias/offline", &alias].map(str::to_owned)
}

#[test]
fn a_bucket_that_takes_one_key_only_takes_it_however_it_is_named() {
    let (world, key) = world();
    deny(&world, &json!({ "StringNotEquals": { KEY_HEADER: key } }));
    for (number, form) in forms(&key).iter().enumerate() {
        let name = format!("g{number}");
        world.ok("CreateFeatureGroup", only(&name, Some(form)));
        let described = world.ok("DescribeFeatureGroup", json!({ "FeatureGroupName": name }));
        assert_eq!(
            described["OfflineStoreStatus"]["Status"], "Active",
            "{form}"
        );
    }
    let other = world.call("CreateFeatureGroup", only("other", Some(&world.key())));
    check_refused(other, "ValidationException", "explicit deny");
}

#[test]
fn a_bucket_that_refuses_a_key_refuses_it_however_it_is_named() {
    let (world, key) = world();
    deny(&world, &json!({ "StringEquals": { KEY_HEADER: key } }));
    for form in forms(&key) {
        let refused = world.call("CreateFeatureGroup", only("g", Some(&form)));
        check_refused(refused, "ValidationException", "explicit deny");
    }
}
