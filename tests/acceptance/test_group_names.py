"""Feature groups under names and ARNs in any case, through boto3, and a record that is updated under a time to live."""

import datetime
import json

import botocore.exceptions
import pytest

from conftest import ACCOUNT, REGION

NAME = "Weather-Hourly"
LOWER = NAME.lower()


def arn(name: str) -> str:
    return f"arn:aws:sagemaker:{REGION}:{ACCOUNT}:feature-group/{name}"


SPELLINGS = [NAME, LOWER, arn(NAME), arn(LOWER), arn(NAME.upper())]


def record(**features):
    return [{"FeatureName": name, "ValueAsString": value} for name, value in features.items()]


@pytest.fixture(scope="module")
def sagemaker(server):
    client = server.client("sagemaker")
    client.create_feature_group(
        FeatureGroupName=NAME, RecordIdentifierFeatureName="id", EventTimeFeatureName="at",
        FeatureDefinitions=[{"FeatureName": name, "FeatureType": "String"} for name in ("id", "at", "note")],
        OnlineStoreConfig={"EnableOnlineStore": True, "StorageType": "Standard_V2"})
    yield client
    client.delete_feature_group(FeatureGroupName=NAME)


@pytest.mark.parametrize("written", SPELLINGS)
def test_a_group_is_found_by_an_arn_that_is_built_from_its_name(server, sagemaker, written):
    runtime = server.client("sagemaker-featurestore-runtime")
    described = sagemaker.describe_feature_group(FeatureGroupName=written)
    assert (described["FeatureGroupName"], described["FeatureGroupArn"]) == (NAME, arn(LOWER))
    runtime.put_record(FeatureGroupName=written, Record=record(id="a", at="2026-01-01T00:00:00Z", note=written))
    for name in SPELLINGS:
        got = runtime.get_record(FeatureGroupName=name, RecordIdentifierValueAsString="a")
        assert got["Record"][2]["ValueAsString"] == written
    answer = runtime.batch_get_record(Identifiers=[
        {"FeatureGroupName": written, "RecordIdentifiersValueAsString": ["a"]}])
    assert [one["FeatureGroupName"] for one in answer["Records"]] == [written]


@pytest.mark.parametrize("written", SPELLINGS)
def test_a_denial_of_the_arn_holds_however_the_caller_writes_it(server, sagemaker, user, written):
    policy = json.dumps({"Version": "2012-10-17", "Statement": [
        {"Effect": "Allow", "Action": "sagemaker:*", "Resource": "*"},
        {"Effect": "Deny", "Action": "sagemaker:GetRecord", "Resource": arn(LOWER)}]})
    denied = server.client("sagemaker-featurestore-runtime", user(f"case-{SPELLINGS.index(written)}", policy))
    with pytest.raises(botocore.exceptions.ClientError) as refused:
        denied.get_record(FeatureGroupName=written, RecordIdentifierValueAsString="a")
    said = refused.value.response
    assert said["Error"]["Code"] == "AccessForbidden"
    assert arn(LOWER) in (said["Error"].get("Message") or said["Message"])


def test_a_record_lives_on_while_it_is_updated(server, sagemaker):
    runtime = server.client("sagemaker-featurestore-runtime")
    start = datetime.datetime.now(datetime.UTC).replace(microsecond=0)

    def at(hours: int) -> str:
        return (start + datetime.timedelta(hours=hours)).strftime("%Y-%m-%dT%H:%M:%SZ")

    runtime.put_record(FeatureGroupName=NAME, Record=record(id="b", at=at(0), note="x"),
                       TtlDuration={"Unit": "Hours", "Value": 24})
    runtime.update_record(FeatureGroupName=NAME, RecordIdentifierValueAsString="b",
                          Features=record(at=at(5), note="y"))
    got = runtime.get_record(FeatureGroupName=NAME, RecordIdentifierValueAsString="b",
                             ExpirationTimeResponse="Enabled")
    assert got["ExpiresAt"] == at(29)
