"""Bucket records: set up through our own service and the command line, under the actions of S3."""

import itertools
import json
import subprocess

import botocore.config
import botocore.exceptions
import pytest

from conftest import ACCOUNT, OTHER_REGION, REGION, binary

counter = itertools.count()


@pytest.fixture(scope="module")
def strongroom(server):
    return server.client("strongroom")


def fresh() -> str:
    return f"sagemaker-bucket-{next(counter)}"


@pytest.fixture
def bucket(strongroom) -> str:
    name = fresh()
    strongroom.create_bucket(Bucket=name)
    return name


def refused(call, **parameters) -> str:
    with pytest.raises(botocore.exceptions.ClientError) as error:
        call(**parameters)
    return error.value.response["Error"]["Code"]


def policy(bucket: str, **more) -> str:
    statement = {"Effect": "Allow", "Principal": {"AWS": ACCOUNT}, "Action": "s3:GetObject",
                 "Resource": f"arn:aws:s3:::{bucket}/*"} | more
    return json.dumps({"Version": "2012-10-17", "Statement": [statement]})


def test_a_bucket_lives_from_its_creation_to_its_deletion(strongroom):
    name = fresh()
    made = strongroom.create_bucket(Bucket=name)
    assert made["BucketArn"] == f"arn:aws:s3:::{name}" and made["BucketRegion"] == REGION
    assert refused(strongroom.create_bucket, Bucket=name) == "BucketAlreadyOwnedByYou"
    listed = {it["Name"]: it for it in strongroom.list_buckets()["Buckets"]}
    assert listed[name]["BucketRegion"] == REGION
    strongroom.delete_bucket(Bucket=name)
    assert refused(strongroom.delete_bucket, Bucket=name) == "NoSuchBucket"
    assert refused(strongroom.create_bucket, Bucket="Not_A_Name") == "InvalidBucketName"
    assert refused(strongroom.create_bucket, Bucket=name, ObjectOwnership="Mine") == "InvalidArgument"


def test_a_bucket_is_in_one_region(server, strongroom, bucket):
    elsewhere = server.client("strongroom", region_name=OTHER_REGION)
    assert refused(elsewhere.get_bucket_encryption, Bucket=bucket) == "PermanentRedirect"
    assert refused(elsewhere.create_bucket, Bucket=bucket) == "BucketAlreadyOwnedByYou"
    assert bucket in [it["Name"] for it in elsewhere.list_buckets()["Buckets"]]


def test_a_policy_speaks_of_its_bucket_and_of_who_exists(strongroom, bucket):
    assert refused(strongroom.get_bucket_policy, Bucket=bucket) == "NoSuchBucketPolicy"
    text = policy(bucket)
    strongroom.put_bucket_policy(Bucket=bucket, Policy=text)
    assert json.loads(strongroom.get_bucket_policy(Bucket=bucket)["Policy"]) == json.loads(text)
    for wrong in (policy("another"), policy(bucket, Action="kms:Decrypt"), policy(bucket, Resource="*"), "{}",
                  policy(bucket, Principal={"AWS": f"arn:aws:iam::{ACCOUNT}:user/nobody-at-all"})):
        assert refused(strongroom.put_bucket_policy, Bucket=bucket, Policy=wrong) == "MalformedPolicy"
    strongroom.delete_bucket_policy(Bucket=bucket)
    strongroom.delete_bucket_policy(Bucket=bucket)
    assert refused(strongroom.get_bucket_policy, Bucket=bucket) == "NoSuchBucketPolicy"


def test_a_deny_of_the_policy_counts_for_administrators_too(strongroom, bucket):
    strongroom.put_bucket_policy(Bucket=bucket, Policy=policy(
        bucket, Effect="Deny", Principal="*", Action="s3:GetEncryptionConfiguration",
        Resource=f"arn:aws:s3:::{bucket}"))
    assert refused(strongroom.get_bucket_encryption, Bucket=bucket) == "AccessDeniedException"


def test_every_bucket_has_a_default_encryption(server, strongroom, bucket):
    key = server.client("kms").create_key()["KeyMetadata"]["Arn"]

    def shown() -> dict:
        found = strongroom.get_bucket_encryption(Bucket=bucket)
        return {name: value for name, value in found.items() if name != "ResponseMetadata"}

    assert shown() == {"SSEAlgorithm": "AES256", "BucketKeyEnabled": False}
    asked = {"SSEAlgorithm": "aws:kms", "KMSMasterKeyID": key, "BucketKeyEnabled": True}
    strongroom.put_bucket_encryption(Bucket=bucket, **asked)
    assert shown() == asked
    away = key.replace(REGION, OTHER_REGION)
    for wrong in ({"SSEAlgorithm": "ROT13"}, {"SSEAlgorithm": "AES256", "KMSMasterKeyID": key},
                  {"SSEAlgorithm": "aws:kms", "KMSMasterKeyID": away}):
        assert refused(strongroom.put_bucket_encryption, Bucket=bucket, **wrong) == "InvalidArgument"


def test_a_bucket_key_is_the_context_of_data_keys(server, strongroom, bucket):
    """With a bucket key KMS sees the bucket's ARN, and not the object's."""
    iam, kms = server.client("iam"), server.client("kms")
    role = f"bucket-key-{next(counter)}"
    trust = {"Effect": "Allow", "Principal": {"Service": "sagemaker.amazonaws.com"}, "Action": "sts:AssumeRole"}
    allow = {"Effect": "Allow", "Action": ["s3:*", "kms:GenerateDataKey"], "Resource": "*"}
    document = [json.dumps({"Version": "2012-10-17", "Statement": it}) for it in (trust, allow)]
    arn = iam.create_role(RoleName=role, AssumeRolePolicyDocument=document[0])["Role"]["Arn"]
    iam.put_role_policy(RoleName=role, PolicyName="p", PolicyDocument=document[1])
    key = kms.create_key(Policy=json.dumps({"Version": "2012-10-17", "Statement": [
        {"Effect": "Allow", "Principal": {"AWS": f"arn:aws:iam::{ACCOUNT}:root"}, "Action": "kms:*",
         "Resource": "*"},
        {"Effect": "Deny", "Principal": {"AWS": arn}, "Action": "kms:GenerateDataKey", "Resource": "*",
         "Condition": {"StringNotEquals": {"kms:EncryptionContext:aws:s3:arn": f"arn:aws:s3:::{bucket}"}}},
    ]}))["KeyMetadata"]["Arn"]

    def create():
        server.client("sagemaker").create_feature_group(
            FeatureGroupName=role, RecordIdentifierFeatureName="id", EventTimeFeatureName="at", RoleArn=arn,
            FeatureDefinitions=[{"FeatureName": it, "FeatureType": "String"} for it in ("id", "at")],
            OfflineStoreConfig={"S3StorageConfig": {"S3Uri": f"s3://{bucket}", "KmsKeyId": key}})

    assert refused(create) == "ValidationException"
    strongroom.put_bucket_encryption(Bucket=bucket, SSEAlgorithm="aws:kms", BucketKeyEnabled=True)
    create()


def test_the_command_line_sets_buckets_up(server, tmp_path):
    def run(*arguments: str, **more) -> subprocess.CompletedProcess:
        return subprocess.run([str(binary()), "bucket", *arguments], env=server.environment(),
                              capture_output=True, text=True, timeout=60, **more)

    name = fresh()
    assert run("create", name).stdout == f"arn:aws:s3:::{name}\n"
    assert name in [line.split("\t")[0] for line in run("list").stdout.splitlines()]
    text = policy(name)
    (tmp_path / "policy.json").write_text(text)
    assert run("policy", name, "--set", str(tmp_path / "policy.json")).returncode == 0
    assert run("policy", name, "--set", "-", input=text).returncode == 0
    assert json.loads(run("policy", name).stdout) == json.loads(text)
    assert run("encryption", name, "--algorithm", "aws:kms", "--bucket-key").returncode == 0
    assert json.loads(run("encryption", name).stdout) == {"SSEAlgorithm": "aws:kms", "BucketKeyEnabled": True}
    assert run("delete", name).returncode == 0
    again = run("delete", name)
    assert again.returncode == 1 and "NoSuchBucket" in again.stderr


def test_a_client_of_s3_is_told_in_the_form_of_s3_that_there_is_no_endpoint(server):
    s3 = server.client("s3")
    calls = {
        "ListBuckets": s3.list_buckets,
        "ListObjectsV2": lambda: s3.list_objects_v2(Bucket="some-bucket"),
        "GetObject": lambda: s3.get_object(Bucket="some-bucket", Key="../a//b"),
        "PutObject": lambda: s3.put_object(Bucket="some-bucket", Key="k", Body=b"x" * 100_000),
        "DeleteObject": lambda: s3.delete_object(Bucket="some-bucket", Key="k"),
        "CreateMultipartUpload": lambda: s3.create_multipart_upload(Bucket="some-bucket", Key="k"),
    }
    for name, call in calls.items():
        with pytest.raises(botocore.exceptions.ClientError) as refusal:
            call()
        said = refusal.value.response
        assert said["Error"]["Code"] == "NotImplemented" and "`strongroom bucket`" in said["Error"]["Message"], name
        assert said["ResponseMetadata"]["HTTPStatusCode"] == 501 and said["ResponseMetadata"]["RequestId"], name
    with pytest.raises(botocore.exceptions.ClientError) as refusal:
        s3.head_bucket(Bucket="some-bucket")
    assert refusal.value.response["ResponseMetadata"]["HTTPStatusCode"] == 501
    done = server.cli("s3", "ls")
    assert done.returncode != 0 and "(NotImplemented)" in done.stderr, done.stderr


def test_a_presigned_address_of_s3_is_answered_in_its_form_too(server):
    config = botocore.config.Config(signature_version="s3v4")
    s3 = server.session().client("s3", endpoint_url=server.url, config=config)
    url = s3.generate_presigned_url("get_object", Params={"Bucket": "some-bucket", "Key": "k"})
    status, text = server.get(url.removeprefix(server.url))
    assert status == 501 and text.startswith("<?xml") and "<Code>NotImplemented</Code>" in text, text
