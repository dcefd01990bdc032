"""Feature groups and records through boto3."""

import json
import time

import botocore.exceptions
import pytest

from conftest import ACCOUNT, REGION


def code(error) -> str:
    return error.value.response["Error"]["Code"]


def message(error) -> str:
    said = error.value.response
    return said["Error"].get("Message") or said.get("Message", "")


DEFINITIONS = [
    {"FeatureName": "id", "FeatureType": "String"},
    {"FeatureName": "at", "FeatureType": "String"},
    {"FeatureName": "count", "FeatureType": "Integral"},
    {"FeatureName": "ratio", "FeatureType": "Fractional"},
    {"FeatureName": "note", "FeatureType": "String"},
]


@pytest.fixture
def group(sagemaker, request):
    """A factory of groups, deleted at the end."""
    made = []

    def make(name=None, key=None, definitions=DEFINITIONS, **online):
        name = name or f"g{len(made)}-" + request.node.name.replace("_", "-").split("[")[0][:50].strip("-")
        config = {"EnableOnlineStore": True, **online}
        if key:
            config["SecurityConfig"] = {"KmsKeyId": key}
        sagemaker.create_feature_group(
            FeatureGroupName=name, RecordIdentifierFeatureName="id", EventTimeFeatureName="at",
            FeatureDefinitions=definitions, OnlineStoreConfig=config)
        made.append(name)
        return name

    yield make
    for name in made:
        try:
            sagemaker.delete_feature_group(FeatureGroupName=name)
        except botocore.exceptions.ClientError:
            pass


def record(**features):
    return [{"FeatureName": name, "ValueAsString": str(value)} for name, value in features.items()]


def read(runtime, name, identifier, **more):
    answer = runtime.get_record(
        FeatureGroupName=name, RecordIdentifierValueAsString=identifier, **more)
    if "Record" not in answer:
        return None
    return {feature["FeatureName"]: feature["ValueAsString"] for feature in answer["Record"]}


def test_a_group_is_described_as_created(sagemaker, group):
    name = group("Weather-Hourly")
    described = sagemaker.describe_feature_group(FeatureGroupName=name)
    assert described["FeatureGroupStatus"] == "Created"
    assert described["FeatureDefinitions"] == DEFINITIONS
    assert described["OnlineStoreConfig"]["EnableOnlineStore"] is True
    arn = described["FeatureGroupArn"]
    assert arn.startswith(f"arn:aws:sagemaker:{REGION}:{ACCOUNT}:feature-group/")
    assert sagemaker.describe_feature_group(FeatureGroupName=arn)["FeatureGroupName"] == name
    listed = sagemaker.list_feature_groups(NameContains="Weather")["FeatureGroupSummaries"]
    assert name in [summary["FeatureGroupName"] for summary in listed]


def test_what_is_put_is_got(runtime, group):
    name = group()
    runtime.put_record(FeatureGroupName=name, Record=record(
        id="a", at="2026-01-01T00:00:00Z", count=-5, ratio="1.50", note='ü "quoted" \\ \t 🦀'))
    assert read(runtime, name, "a") == {
        "id": "a", "at": "2026-01-01T00:00:00Z", "count": "-5", "ratio": "1.50",
        "note": 'ü "quoted" \\ \t 🦀'}
    assert read(runtime, name, "b") is None
    assert read(runtime, name, "a", FeatureNames=["count", "id"]) == {"count": "-5", "id": "a"}


@pytest.mark.parametrize("times, kept", [
    (["2026-01-01T00:00:00Z", "2026-01-02T00:00:00Z"], 1),
    (["2026-01-02T00:00:00Z", "2026-01-01T00:00:00Z"], 0),
    (["2026-01-01T00:00:00Z", "2026-01-01T00:00:00Z"], 1),
    (["2026-01-01T00:00:00.000000001Z", "2026-01-01T00:00:00Z"], 0),
    (["2026-01-01T00:00:00.123Z", "2026-01-01T00:00:00.123000001Z"], 1),
])
def test_the_newest_event_time_wins_and_equal_replaces(runtime, group, times, kept):
    name = group()
    for number, time_text in enumerate(times):
        runtime.put_record(FeatureGroupName=name, Record=record(id="a", at=time_text, count=number))
    assert read(runtime, name, "a")["count"] == str(kept)


def test_a_put_replaces_the_whole_record(runtime, group):
    name = group()
    runtime.put_record(FeatureGroupName=name, Record=record(id="a", at="2026-01-01T00:00:00Z", note="x"))
    runtime.put_record(FeatureGroupName=name, Record=record(id="a", at="2026-01-02T00:00:00Z"))
    assert read(runtime, name, "a") == {"id": "a", "at": "2026-01-02T00:00:00Z"}


def test_a_soft_deleted_record_is_gone_and_older_puts_stay_hidden(runtime, group):
    name = group()
    runtime.put_record(FeatureGroupName=name, Record=record(id="a", at="2026-01-02T00:00:00Z"))
    runtime.delete_record(FeatureGroupName=name, RecordIdentifierValueAsString="a",
                          EventTime="2026-01-01T00:00:00Z")
    assert read(runtime, name, "a"), "a delete that is not later changes nothing"
    runtime.delete_record(FeatureGroupName=name, RecordIdentifierValueAsString="a",
                          EventTime="2026-01-03T00:00:00Z")
    assert read(runtime, name, "a") is None
    runtime.put_record(FeatureGroupName=name, Record=record(id="a", at="2026-01-02T12:00:00Z"))
    assert read(runtime, name, "a") is None
    runtime.put_record(FeatureGroupName=name, Record=record(id="a", at="2026-01-04T00:00:00Z"))
    assert read(runtime, name, "a")


def test_a_hard_delete_that_is_not_later_is_refused(runtime, group):
    name = group()
    runtime.put_record(FeatureGroupName=name, Record=record(id="a", at="2026-01-02T00:00:00Z"))
    with pytest.raises(botocore.exceptions.ClientError) as refused:
        runtime.delete_record(FeatureGroupName=name, RecordIdentifierValueAsString="a",
                              EventTime="2026-01-01T00:00:00Z", DeletionMode="HardDelete")
    assert code(refused) == "ValidationError"
    runtime.delete_record(FeatureGroupName=name, RecordIdentifierValueAsString="a",
                          EventTime="2026-01-03T00:00:00Z", DeletionMode="HardDelete")
    assert read(runtime, name, "a") is None
    runtime.put_record(FeatureGroupName=name, Record=record(id="a", at="2026-01-01T00:00:00Z"))
    assert read(runtime, name, "a"), "nothing is left to compare with"


def test_an_expired_record_is_invisible(runtime, group):
    name = group()
    runtime.put_record(FeatureGroupName=name, Record=record(id="a", at="2020-01-01T00:00:00Z"),
                       TtlDuration={"Unit": "Hours", "Value": 1})
    assert read(runtime, name, "a") is None
    future = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() - 60))
    runtime.put_record(FeatureGroupName=name, Record=record(id="b", at=future),
                       TtlDuration={"Unit": "Hours", "Value": 1})
    answer = runtime.get_record(FeatureGroupName=name, RecordIdentifierValueAsString="b",
                                ExpirationTimeResponse="Enabled")
    assert answer["ExpiresAt"].startswith("20") and answer["ExpiresAt"].endswith("Z")


@pytest.mark.parametrize("features", [
    {"at": "2026-01-01T00:00:00Z"},
    {"id": "a"},
    {"id": "", "at": "2026-01-01T00:00:00Z"},
    {"id": "a", "at": "yesterday"},
    {"id": "a", "at": "2026-02-30T00:00:00Z"},
    {"id": "a", "at": "2026-01-01T00:00:00+01:00"},
    {"id": "a", "at": "2026-01-01T00:00:00Z", "count": "1.5"},
    {"id": "a", "at": "2026-01-01T00:00:00Z", "count": "9223372036854775808"},
    {"id": "a", "at": "2026-01-01T00:00:00Z", "ratio": "NaN"},
    {"id": "a", "at": "2026-01-01T00:00:00Z", "ratio": "much"},
    {"id": "a", "at": "2026-01-01T00:00:00Z", "unknown": "x"},
    {"id": "a" * 2049, "at": "2026-01-01T00:00:00Z"},
])
def test_wrong_records_are_refused(runtime, group, features):
    name = group()
    with pytest.raises(botocore.exceptions.ClientError) as refused:
        runtime.put_record(FeatureGroupName=name, Record=record(**features))
    assert code(refused) == "ValidationError"
    assert refused.value.response["ResponseMetadata"]["HTTPStatusCode"] == 400


def test_a_record_above_350_kb_is_refused_and_one_just_below_is_kept(runtime, group):
    name = group()
    base = {"id": "a", "at": "2026-01-01T00:00:00Z"}
    runtime.put_record(FeatureGroupName=name, Record=record(**base, note="x" * 350_000))
    assert len(read(runtime, name, "a")["note"]) == 350_000
    with pytest.raises(botocore.exceptions.ClientError) as refused:
        runtime.put_record(FeatureGroupName=name, Record=record(**base, note="x" * 358_400))
    assert code(refused) == "ValidationError"


def test_fractional_event_times_are_exact(runtime, sagemaker, group):
    definitions = [d if d["FeatureName"] != "at" else {"FeatureName": "at", "FeatureType": "Fractional"}
                   for d in DEFINITIONS]
    name = group(definitions=definitions)
    for number, time_text in enumerate(["1700000000.000000001", "1700000000", "1700000000.000000002"]):
        runtime.put_record(FeatureGroupName=name, Record=record(id="a", at=time_text, count=number))
    assert read(runtime, name, "a")["at"] == "1700000000.000000002"


def test_missing_groups_are_named(runtime):
    text = "Resource Not Found: Amazon SageMaker can't find a FeatureGroup with name nowhere"
    with pytest.raises(botocore.exceptions.ClientError) as refused:
        read(runtime, "nowhere", "a")
    assert (code(refused), message(refused)) == ("ResourceNotFound", text)
    with pytest.raises(botocore.exceptions.ClientError) as refused:
        runtime.put_record(FeatureGroupName="nowhere", Record=record(id="a", at="2026-01-01T00:00:00Z"))
    assert (code(refused), message(refused)) == ("ValidationError", text)


def test_a_batch_returns_what_it_finds_and_says_what_failed(runtime, group):
    name = group()
    for identifier in "abc":
        runtime.put_record(FeatureGroupName=name,
                           Record=record(id=identifier, at="2026-01-01T00:00:00Z", note=identifier))
    answer = runtime.batch_get_record(Identifiers=[
        {"FeatureGroupName": name, "RecordIdentifiersValueAsString": ["a", "c", "zzz"],
         "FeatureNames": ["note"]},
        {"FeatureGroupName": "nowhere", "RecordIdentifiersValueAsString": ["a"]}])
    found = {r["RecordIdentifierValueAsString"]: r["Record"] for r in answer["Records"]}
    assert sorted(found) == ["a", "c"]
    assert found["a"] == [{"FeatureName": "note", "ValueAsString": "a"}]
    assert [(e["FeatureGroupName"], e["ErrorCode"]) for e in answer["Errors"]] == [
        ("nowhere", "ResourceNotFound")]
    assert answer["UnprocessedIdentifiers"] == []


def test_a_deleted_group_takes_its_records_along(sagemaker, runtime, group):
    name = group()
    runtime.put_record(FeatureGroupName=name, Record=record(id="a", at="2026-01-01T00:00:00Z"))
    sagemaker.delete_feature_group(FeatureGroupName=name)
    with pytest.raises(botocore.exceptions.ClientError) as refused:
        read(runtime, name, "a")
    assert code(refused) == "ResourceNotFound"
    group(name)
    assert read(runtime, name, "a") is None


def test_a_second_group_of_the_same_name_is_refused(group):
    name = group()
    with pytest.raises(botocore.exceptions.ClientError) as refused:
        group(name)
    assert code(refused) == "ResourceInUse"


def test_a_group_without_stores_is_refused(sagemaker):
    with pytest.raises(botocore.exceptions.ClientError) as refused:
        sagemaker.create_feature_group(
            FeatureGroupName="none", RecordIdentifierFeatureName="id", EventTimeFeatureName="at",
            FeatureDefinitions=DEFINITIONS)
    assert code(refused) == "ValidationException"
    assert message(refused) == (
        "Validation Error: OnlineStore and OfflineStore cannot be both disabled. Please enable at "
        "least one of them and retry the request.")


def test_an_offline_store_needs_a_role_that_is_there(sagemaker):
    with pytest.raises(botocore.exceptions.ClientError) as refused:
        sagemaker.create_feature_group(
            FeatureGroupName="offline", RecordIdentifierFeatureName="id", EventTimeFeatureName="at",
            FeatureDefinitions=DEFINITIONS, OnlineStoreConfig={"EnableOnlineStore": True},
            OfflineStoreConfig={"S3StorageConfig": {"S3Uri": "s3://bucket/prefix"}},
            RoleArn=f"arn:aws:iam::{ACCOUNT}:role/features")
    assert code(refused) == "ValidationException"
    assert "role/features" in str(refused.value)


RECORDS_ONLY = json.dumps({"Version": "2012-10-17", "Statement": {
    "Effect": "Allow", "Action": ["sagemaker:GetRecord", "sagemaker:PutRecord",
                                  "sagemaker:BatchGetRecord"], "Resource": "*"}})
RECORDS_AND_KEY = json.dumps({"Version": "2012-10-17", "Statement": [
    {"Effect": "Allow", "Action": "sagemaker:*", "Resource": "*"},
    {"Effect": "Allow", "Action": "kms:Decrypt", "Resource": "*",
     "Condition": {"StringEquals": {"kms:ViaService": f"sagemaker.{REGION}.amazonaws.com"}}}]})


def test_a_group_with_its_own_key_needs_decrypt_on_it(server, runtime, group, user):
    key = server.client("kms").create_key()["KeyMetadata"]
    name = group(key=key["Arn"])
    item = record(id="a", at="2026-01-01T00:00:00Z")
    runtime.put_record(FeatureGroupName=name, Record=item)
    without, with_key = user("without-key", RECORDS_ONLY), user("with-key", RECORDS_AND_KEY)
    theirs = server.client("sagemaker-featurestore-runtime", without)
    for call in (lambda: read(theirs, name, "a"),
                 lambda: theirs.put_record(FeatureGroupName=name, Record=item)):
        with pytest.raises(botocore.exceptions.ClientError) as refused:
            call()
        assert code(refused) == "AccessForbidden"
        assert "kms:Decrypt" in message(refused) and key["Arn"] in message(refused)
        assert refused.value.response["ResponseMetadata"]["HTTPStatusCode"] == 403
    assert read(server.client("sagemaker-featurestore-runtime", with_key), name, "a")
    with pytest.raises(botocore.exceptions.ClientError) as refused:
        sealed = server.client("kms").encrypt(KeyId=key["KeyId"], Plaintext=b"x")["CiphertextBlob"]
        server.client("kms", with_key).decrypt(CiphertextBlob=sealed)
    assert code(refused) == "AccessDeniedException", "the key is usable through SageMaker only"


def test_the_key_of_one_group_in_a_batch_fails_only_its_items(server, runtime, group, user):
    key = server.client("kms").create_key()["KeyMetadata"]
    closed, open_ = group(key=key["Arn"]), group()
    for name in (closed, open_):
        runtime.put_record(FeatureGroupName=name, Record=record(id="a", at="2026-01-01T00:00:00Z"))
    theirs = server.client("sagemaker-featurestore-runtime", user("batch-reader", RECORDS_ONLY))
    answer = theirs.batch_get_record(Identifiers=[
        {"FeatureGroupName": name, "RecordIdentifiersValueAsString": ["a"]}
        for name in (closed, open_)])
    assert [r["FeatureGroupName"] for r in answer["Records"]] == [open_]
    assert [(e["FeatureGroupName"], e["ErrorCode"]) for e in answer["Errors"]] == [
        (closed, "AccessForbidden")]


def test_disabling_the_key_closes_the_group_on_the_next_request(server, runtime, group):
    kms = server.client("kms")
    key = kms.create_key()["KeyMetadata"]
    name = group(key=key["Arn"])
    runtime.put_record(FeatureGroupName=name, Record=record(id="a", at="2026-01-01T00:00:00Z"))
    for _ in range(3):
        assert read(runtime, name, "a")
        kms.disable_key(KeyId=key["KeyId"])
        with pytest.raises(botocore.exceptions.ClientError) as refused:
            read(runtime, name, "a")
        assert code(refused) == "AccessForbidden"
        assert f"{key['Arn']} is disabled." in message(refused)
        kms.enable_key(KeyId=key["KeyId"])


@pytest.mark.parametrize("bad_key", ["disabled", "missing", "foreign-region"])
def test_an_unusable_key_leaves_no_group_behind(server, sagemaker, group, bad_key):
    kms = server.client("kms")
    key = kms.create_key()["KeyMetadata"]
    arn = key["Arn"]
    if bad_key == "disabled":
        kms.disable_key(KeyId=arn)
    elif bad_key == "missing":
        arn = arn.replace(key["KeyId"], "1234abcd-12ab-34cd-56ef-1234567890ab")
    else:
        arn = arn.replace(REGION, "eu-west-1")
    with pytest.raises(botocore.exceptions.ClientError) as refused:
        group("left-behind", key=arn)
    assert code(refused) == "ValidationException"
    with pytest.raises(botocore.exceptions.ClientError) as refused:
        sagemaker.describe_feature_group(FeatureGroupName="left-behind")
    assert code(refused) == "ResourceNotFound"


def test_detaching_a_policy_counts_on_the_next_request(server, runtime, group, user):
    name = group()
    runtime.put_record(FeatureGroupName=name, Record=record(id="a", at="2026-01-01T00:00:00Z"))
    theirs = server.client("sagemaker-featurestore-runtime", user("short-lived"))
    iam = server.client("iam")
    for _ in range(3):
        with pytest.raises(botocore.exceptions.ClientError) as refused:
            read(theirs, name, "a")
        assert code(refused) == "AccessForbidden"
        assert "no identity-based policy allows the sagemaker:GetRecord action" in message(refused)
        iam.put_user_policy(UserName="short-lived", PolicyName="p", PolicyDocument=RECORDS_ONLY)
        assert read(theirs, name, "a")
        iam.delete_user_policy(UserName="short-lived", PolicyName="p")
