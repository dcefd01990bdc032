"""Provisioned throughput of feature groups, and what the operator's configuration allows, through boto3."""

import time

import botocore.exceptions
import pytest

from conftest import Server, with_backups
from test_records import DEFINITIONS, code, message, record

AT = "2026-01-01T00:00:00Z"


def provisioned(read: int, write: int) -> dict:
    return {"ThroughputMode": "Provisioned", "ProvisionedReadCapacityUnits": read,
            "ProvisionedWriteCapacityUnits": write}


def create(sagemaker, name: str, **more):
    more.setdefault("OnlineStoreConfig", {"EnableOnlineStore": True})
    sagemaker.create_feature_group(
        FeatureGroupName=name, RecordIdentifierFeatureName="id", EventTimeFeatureName="at",
        FeatureDefinitions=DEFINITIONS, **more)


def refused(call, **parameters):
    with pytest.raises(botocore.exceptions.ClientError) as error:
        call(**parameters)
    return error


def test_what_exceeds_the_provisioned_throughput_is_throttled_until_it_is_given_up(sagemaker, runtime):
    create(sagemaker, "throttled", ThroughputConfig=provisioned(10, 1))
    try:
        described = sagemaker.describe_feature_group(FeatureGroupName="throttled")
        assert described["ThroughputConfig"] == provisioned(10, 1)
        # A hundred units, which a hundred seconds pay for.
        large = record(id="a", at=AT, note="x" * 100 * 1024)
        runtime.put_record(FeatureGroupName="throttled", Record=large)
        small = {"FeatureGroupName": "throttled", "Record": record(id="b", at=AT)}
        error = refused(runtime.put_record, **small)
        assert code(error) == "ThrottlingException" and "write capacity" in message(error)
        assert error.value.response["ResponseMetadata"]["HTTPStatusCode"] == 429
        batch = runtime.batch_write_record(Entries=[small])
        assert batch["UnprocessedEntries"] == [small] and batch["Errors"] == []
        assert runtime.get_record(FeatureGroupName="throttled", RecordIdentifierValueAsString="a")["Record"] == large
        sagemaker.update_feature_group(
            FeatureGroupName="throttled", ThroughputConfig={"ThroughputMode": "OnDemand"})
        runtime.put_record(**small)
    finally:
        sagemaker.delete_feature_group(FeatureGroupName="throttled")


def test_throughput_that_breaks_a_rule_or_a_quota_is_refused(sagemaker):
    error = refused(create, sagemaker=sagemaker, name="wrong", ThroughputConfig={"ThroughputMode": "Provisioned"})
    assert code(error) == "ValidationException"
    newer = {"EnableOnlineStore": True, "StorageType": "Standard_V2"}
    error = refused(create, sagemaker=sagemaker, name="wrong", OnlineStoreConfig=newer,
                    ThroughputConfig=provisioned(1, 1))
    assert code(error) == "ValidationException" and "Standard" in message(error)
    error = refused(create, sagemaker=sagemaker, name="wrong", ThroughputConfig=provisioned(40_001, 1))
    assert code(error) == "ResourceLimitExceeded" and "40000 capacity units" in message(error)


def test_the_operator_sets_quotas_and_allows_what_aws_refuses(tmp_path):
    settings = ("[feature_store]\nfeatures = 5\nread_units_per_record = 1\nwrite_units_per_record = 1\n"
                "batch_gets_per_second = 1\n[extensions]\nin_memory_cmk = true\n")
    server = Server(tmp_path, *with_backups(tmp_path, settings))
    try:
        sagemaker, runtime = server.client("sagemaker"), server.client("sagemaker-featurestore-runtime")
        key = server.client("kms").create_key()["KeyMetadata"]["Arn"]
        create(sagemaker, "memory", OnlineStoreConfig={
            "EnableOnlineStore": True, "StorageType": "InMemory", "SecurityConfig": {"KmsKeyId": key}})
        sent = record(id="a", at=AT)
        runtime.put_record(FeatureGroupName="memory", Record=sent)
        read = runtime.get_record(FeatureGroupName="memory", RecordIdentifierValueAsString="a")
        assert read["Record"] == sent
        error = refused(sagemaker.update_feature_group, FeatureGroupName="memory", FeatureAdditions=[
            {"FeatureName": "sixth", "FeatureType": "String"}])
        assert code(error) == "ResourceLimitExceeded"
        # A unit a second, and what is begun is served: of many at once some are not.
        def burst(call, **parameters):
            error = refused(lambda: [call(FeatureGroupName="memory", **parameters) for _ in range(200)])
            assert code(error) == "ThrottlingException" and "one record" in message(error)

        burst(runtime.put_record, Record=sent)
        burst(runtime.get_record, RecordIdentifierValueAsString="a")
        asked = [{"FeatureGroupName": "memory", "RecordIdentifiersValueAsString": ["a"]}]
        error = refused(lambda: [runtime.batch_get_record(Identifiers=asked) for _ in range(200)])
        assert (code(error), message(error)) == ("ThrottlingException", "Rate exceeded")
        deadline = time.monotonic() + 60
        while (size := sagemaker.describe_feature_group(FeatureGroupName="memory").get(
                "OnlineStoreTotalSizeBytes")) is None:
            assert time.monotonic() < deadline
            time.sleep(0.1)
        assert size >= 0
    finally:
        server.kill()
