"""Lists, sets and vectors in feature groups in memory, through boto3."""

import botocore.exceptions
import pytest

from test_records import DEFINITIONS, code, group, message, record

COLLECTIONS = [
    {"FeatureName": "tags", "FeatureType": "String", "CollectionType": "List"},
    {"FeatureName": "seen", "FeatureType": "Integral", "CollectionType": "Set"},
    {"FeatureName": "embedding", "FeatureType": "Fractional", "CollectionType": "Vector",
     "CollectionConfig": {"VectorConfig": {"Dimension": 3}}},
]
AT = "2026-01-01T00:00:00Z"


def collection(name, *elements):
    return {"FeatureName": name, "ValueAsStringList": [str(element) for element in elements]}


VALUES = [collection("tags", "a", "", "a"), collection("seen", 2, 1), collection("embedding", 0.5, -1, "1e3")]


@pytest.fixture
def memory(group):
    return group(definitions=DEFINITIONS + COLLECTIONS, StorageType="InMemory")


def test_a_group_in_memory_is_described_with_its_collections(sagemaker, memory):
    described = sagemaker.describe_feature_group(FeatureGroupName=memory)
    assert described["OnlineStoreConfig"]["StorageType"] == "InMemory"
    assert described["FeatureDefinitions"] == DEFINITIONS + COLLECTIONS


def test_collections_are_put_updated_and_got_one_by_one_and_in_batches(runtime, memory):
    sent = record(id="a", at=AT) + VALUES
    runtime.put_record(FeatureGroupName=memory, Record=sent)
    one = {"FeatureGroupName": memory, "RecordIdentifierValueAsString": "a"}
    assert runtime.get_record(**one)["Record"] == sent
    assert runtime.get_record(**one, FeatureNames=["seen"])["Record"] == [VALUES[1]]
    runtime.update_record(**one, Features=[collection("seen", 3)])
    changed = record(id="a", at=AT) + [VALUES[0], collection("seen", 3), VALUES[2]]
    assert runtime.get_record(**one)["Record"] == changed
    other = record(id="b", at=AT) + VALUES
    written = runtime.batch_write_record(Entries=[{"FeatureGroupName": memory, "Record": other}])
    assert written["Errors"] == [] and written["UnprocessedEntries"] == []
    read = runtime.batch_get_record(Identifiers=[
        {"FeatureGroupName": memory, "RecordIdentifiersValueAsString": ["a", "b"]}])
    assert [entry["Record"] for entry in read["Records"]] == [changed, other]
    assert sorted(runtime.list_records(FeatureGroupName=memory)["RecordIdentifiers"]) == ["a", "b"]


@pytest.mark.parametrize("value, part", [
    (collection("embedding", 1, 2), "Vector of 3 elements"),
    (collection("seen", 1, "+1"), "no two of its elements"),
    (collection("seen", "x"), "not of type Integral"),
    (collection("note", "x"), "is not a collection"),
    ({"FeatureName": "tags", "ValueAsString": "x"}, "is a collection"),
])
def test_values_that_break_the_rules_of_collections_are_refused(runtime, memory, value, part):
    with pytest.raises(botocore.exceptions.ClientError) as refused:
        runtime.put_record(FeatureGroupName=memory, Record=record(id="a", at=AT) + [value])
    assert code(refused) == "ValidationError" and part in message(refused)


def test_what_a_group_in_memory_cannot_have_is_refused(server, sagemaker, group):
    with pytest.raises(botocore.exceptions.ClientError) as refused:
        group(StorageType="InMemory", key=server.client("kms").create_key()["KeyMetadata"]["Arn"])
    assert code(refused) == "ValidationException" and "customer managed key" in message(refused)
    with pytest.raises(botocore.exceptions.ClientError) as refused:
        sagemaker.create_feature_group(
            FeatureGroupName="both", RecordIdentifierFeatureName="id", EventTimeFeatureName="at",
            FeatureDefinitions=DEFINITIONS, RoleArn="arn:aws:iam::111122223333:role/features",
            OnlineStoreConfig={"EnableOnlineStore": True, "StorageType": "InMemory"},
            OfflineStoreConfig={"S3StorageConfig": {"S3Uri": "s3://sagemaker-b/p"}})
    assert code(refused) == "ValidationException"


def test_collections_need_a_group_in_memory(group):
    with pytest.raises(botocore.exceptions.ClientError) as refused:
        group(definitions=DEFINITIONS + COLLECTIONS[:1])
    assert code(refused) == "ValidationException" and "InMemory" in message(refused)
