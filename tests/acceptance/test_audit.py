"""The audit trail: every management call, found again with LookupEvents."""

import concurrent.futures
import json
import time

import boto3
import botocore.config
import botocore.exceptions
import pytest

import raw
from conftest import ACCOUNT, REGION, Server, refused_as


def events(cloudtrail, **attribute):
    name, value = next(iter(attribute.items()))
    pages = cloudtrail.get_paginator("lookup_events").paginate(
        LookupAttributes=[{"AttributeKey": name, "AttributeValue": value}])
    return [json.loads(event["CloudTrailEvent"]) for page in pages for event in page["Events"]]


@pytest.fixture(scope="module")
def cloudtrail(server):
    return server.client("cloudtrail")


def test_a_mutating_call_is_recorded_with_who_what_and_why(server, cloudtrail):
    key = server.client("kms").create_key(Description="recorded")["KeyMetadata"]
    found = [e for e in events(cloudtrail, EventName="CreateKey")
             if (e["responseElements"] or {}).get("keyMetadata", {}).get("keyId") == key["KeyId"]]
    assert len(found) == 1
    record = found[0]
    assert record["userIdentity"]["type"] == "IAMUser"
    assert record["userIdentity"]["accountId"] == ACCOUNT
    assert record["eventSource"] == "kms.amazonaws.com" and record["awsRegion"] == REGION
    assert record["readOnly"] is False and record["managementEvent"] is True
    assert record["requestParameters"]["description"] == "recorded"
    assert record["sourceIPAddress"] == "127.0.0.1" and "Boto3" in record["userAgent"]
    decided = record["additionalEventData"]["authorization"][0]
    assert decided["action"] == "kms:CreateKey" and "AdministratorAccess" in str(decided["decidedBy"])


def test_cryptographic_calls_show_key_and_context_and_nothing_secret(server, cloudtrail):
    kms = server.client("kms")
    key = kms.create_key()["KeyMetadata"]
    context = {"tenant": "blue"}
    sealed = kms.encrypt(KeyId=key["KeyId"], Plaintext=b"top-secret-payload", EncryptionContext=context)
    kms.decrypt(CiphertextBlob=sealed["CiphertextBlob"], EncryptionContext=context)
    found = events(cloudtrail, ResourceName=key["Arn"])
    by_name = {record["eventName"]: record for record in found}
    assert by_name["Encrypt"]["requestParameters"] == {
        "keyId": key["KeyId"], "encryptionContext": context, "encryptionAlgorithm": "SYMMETRIC_DEFAULT"}
    assert by_name["Decrypt"]["requestParameters"]["encryptionContext"] == context
    assert by_name["Decrypt"]["resources"][0]["ARN"] == key["Arn"]
    assert by_name["Decrypt"]["responseElements"] is None
    text = json.dumps(found)
    assert "top-secret-payload" not in text and "dG9wLXNlY3JldC1wYXlsb2Fk" not in text


def test_the_history_is_read_twice_a_second_as_at_aws(fresh_server):
    impatient = botocore.config.Config(retries={"max_attempts": 0})
    session = fresh_server.session()
    here = session.client("cloudtrail", endpoint_url=fresh_server.url, config=impatient)
    for _ in range(2):
        here.lookup_events()
    refusals, deadline = [], time.monotonic() + 60

    def look(_number):
        try:
            here.lookup_events()
        except botocore.exceptions.ClientError as refused:
            refusals.append(refused.response)

    # Sixteen at once are too many for a second, however long each of them takes.
    with concurrent.futures.ThreadPoolExecutor(16) as pool:
        while not refusals:
            assert time.monotonic() < deadline
            list(pool.map(look, range(16)))
    answer = refusals[0]
    assert answer["ResponseMetadata"]["HTTPStatusCode"] == 400
    assert (answer["Error"]["Code"], answer["Error"]["Message"]) == ("ThrottlingException", "Rate exceeded")
    patient = fresh_server.client("cloudtrail")
    throttled = [e for e in events(patient, EventName="LookupEvents") if e.get("errorCode") == "ThrottlingException"]
    assert throttled and all(e["requestParameters"] is None for e in throttled)
    started = time.monotonic()
    for _ in range(5):
        patient.lookup_events()
    assert time.monotonic() - started > 1


def test_a_refused_signature_is_recorded_for_whom_the_key_belongs_to(tmp_path):
    (tmp_path / "s.toml").write_text('regions = ["us-east-1", "eu-west-1"]\n')
    server = Server(tmp_path, "--config", str(tmp_path / "s.toml"))
    organizations = server.client("organizations")
    other = organizations.create_account(AccountName="o", Email="o@example.com")["CreateAccountStatus"]["AccountId"]
    role = server.client("sts").assume_role(
        RoleArn=f"arn:aws:iam::{other}:role/OrganizationAccountAccessRole", RoleSessionName="admin")["Credentials"]
    session = boto3.Session(role["AccessKeyId"], role["SecretAccessKey"], role["SessionToken"], region_name=REGION)

    def of(service, region=REGION):
        config = botocore.config.Config(retries={"max_attempts": 12, "mode": "standard"})
        return session.client(service, region_name=region, endpoint_url=server.url, config=config)

    iam = of("iam")
    iam.create_user(UserName="victim")
    key = iam.create_access_key(UserName="victim")["AccessKey"]
    wrong = {"AccessKeyId": key["AccessKeyId"], "SecretAccessKey": "x" * 40}
    for status in ("Active", "Inactive"):
        iam.update_access_key(UserName="victim", AccessKeyId=key["AccessKeyId"], Status=status)
        for data in (raw.request(server, "kms", "ListKeys", b"{}", wrong, region="eu-west-1"),
                     raw.request(server, "iam", None, b"Action=ListUsers&Version=2010-05-08", wrong,
                                 headers={"Content-Type": "application/x-www-form-urlencoded"})):
            assert raw.exchange(server, data).status in (400, 403)
    unsigned = raw.request(server, "kms", "ListKeys", b"{}", wrong).split(b"\r\n")
    unsigned = b"\r\n".join(line for line in unsigned if not line.startswith(b"Authorization"))
    assert raw.exchange(server, unsigned).code() == "MissingAuthenticationTokenException"

    def found(cloudtrail):
        return {(e["eventSource"], e["eventName"], e["awsRegion"], e["errorCode"], e["recipientAccountId"])
                for e in events(cloudtrail, AccessKeyId=key["AccessKeyId"])}

    assert found(of("cloudtrail", "eu-west-1")) == {
        ("kms.amazonaws.com", "ListKeys", "eu-west-1", code, other)
        for code in ("InvalidSignatureException", "UnrecognizedClientException")}
    assert found(of("cloudtrail")) == {
        ("iam.amazonaws.com", "ListUsers", REGION, code, other)
        for code in ("SignatureDoesNotMatch", "InvalidClientTokenId")}
    home = server.client("cloudtrail")
    assert found(home) == set()
    nobody, = events(home, EventName="ListKeys")
    assert nobody["errorCode"] == "MissingAuthenticationTokenException"
    assert nobody["userIdentity"] == {"type": "Unknown"} and nobody["recipientAccountId"] == ACCOUNT
    assert nobody["readOnly"] is True and nobody["eventSource"] == "kms.amazonaws.com"
    assert raw.exchange(server, b"GET /FeatureGroup/x HTTP/1.1\r\nHost: x\r\n\r\n").status == 403
    assert events(home, EventName="GetRecord") == [], "a data call, signed or not"
    assert server.stop() == 0


@pytest.mark.parametrize("operations, code, most", [
    (["ListKeys"], "AccessDenied", 10),
    ([f"Invented{number}" for number in range(300)], "UnknownOperationException", 50)])
def test_a_flood_becomes_a_count_in_the_callers_own_history(tmp_path, operations, code, most):
    """The last count comes when the flood has stopped."""
    server = Server(tmp_path)
    iam = server.client("iam")
    iam.create_user(UserName="flooding")
    key = iam.create_access_key(UserName="flooding")["AccessKey"]
    requests = [raw.request(server, "kms", operation, b"{}", key) for operation in operations]
    started = time.monotonic()
    for number in range(300):
        assert raw.exchange(server, requests[number % len(requests)]).status == 400
    seconds = time.monotonic() - started
    cloudtrail, deadline = server.client("cloudtrail"), time.monotonic() + 120
    while True:
        found = [e for e in events(cloudtrail, Username="flooding") if e["errorCode"] == code]
        counted = sum((e.get("additionalEventData") or {}).get("suppressedCount", 0) for e in found)
        # A record of the maintenance is no call of its own.
        own = sum(1 for e in found if e["sourceIPAddress"])
        if own + counted == 300:
            break
        assert own + counted < 300 and time.monotonic() < deadline, (own, counted)
    # Of each operation, and of each caller: so many in a second that the first of them begins.
    assert most <= own <= most * (int(seconds) + 1), seconds
    assert all(e["userIdentity"]["accessKeyId"] == key["AccessKeyId"] for e in found)
    assert server.stop() == 0


def test_a_denied_call_is_recorded(server, cloudtrail, user):
    nobody = server.client("kms", user("audited-nobody"))
    refused_as("AccessDeniedException", nobody.create_key)
    record = next(e for e in events(cloudtrail, Username="audited-nobody") if e["eventName"] == "CreateKey")
    assert record["errorCode"] == "AccessDenied"
    assert "kms:CreateKey" in record["errorMessage"] and record["requestParameters"] is None


def test_a_failed_call_is_recorded_with_its_code(server, cloudtrail):
    kms = server.client("kms")
    refused_as("NotFoundException", kms.disable_key, KeyId="1234abcd-12ab-34cd-56ef-1234567890ab")
    record = next(e for e in events(cloudtrail, EventName="DisableKey") if "errorCode" in e)
    assert record["errorCode"] == "NotFoundException"


def test_identical_denials_are_damped(server, cloudtrail, user):
    data = raw.request(server, "kms", "ListKeys", b"{}", user("flooding-nobody"))
    started = time.monotonic()
    for _ in range(60):
        assert raw.exchange(server, data).code() == "AccessDeniedException"
    seconds = time.monotonic() - started
    single = [e for e in events(cloudtrail, Username="flooding-nobody")
              if e["eventName"] == "ListKeys" and e["sourceIPAddress"]]
    assert 10 <= len(single) <= 10 * (int(seconds) + 1), seconds


def test_a_bad_signature_is_recorded_for_the_first_account(server, cloudtrail):
    key = {"AccessKeyId": "AKIAUNKNOWNUNKNOWN77", "SecretAccessKey": "x" * 40}
    refused_as("UnrecognizedClientException", server.client("kms", key).list_keys)
    found = events(cloudtrail, AccessKeyId="AKIAUNKNOWNUNKNOWN77")
    assert found and found[0]["errorCode"] == "UnrecognizedClientException"


def test_the_use_of_a_key_by_the_feature_store_names_the_caller(server, cloudtrail):
    kms, sagemaker = server.client("kms"), server.client("sagemaker")
    runtime = server.client("sagemaker-featurestore-runtime")
    key = kms.create_key()["KeyMetadata"]
    sagemaker.create_feature_group(
        FeatureGroupName="audited", RecordIdentifierFeatureName="id", EventTimeFeatureName="at",
        FeatureDefinitions=[{"FeatureName": "id", "FeatureType": "String"},
                            {"FeatureName": "at", "FeatureType": "String"}],
        OnlineStoreConfig={"EnableOnlineStore": True, "SecurityConfig": {"KmsKeyId": key["Arn"]}})
    for _ in range(3):
        runtime.get_record(FeatureGroupName="audited", RecordIdentifierValueAsString="a")
    uses = events(cloudtrail, ResourceName=key["Arn"])
    names = [record["eventName"] for record in uses]
    assert names.count("Decrypt") >= 1 and names.count("Decrypt") <= 2, "once per caller and data key"
    decrypt = next(record for record in uses if record["eventName"] == "Decrypt")
    assert decrypt["userIdentity"]["invokedBy"] == "sagemaker.amazonaws.com"
    assert decrypt["userIdentity"]["type"] == "IAMUser"
    assert decrypt["sourceIPAddress"] == "sagemaker.amazonaws.com"
    context = decrypt["requestParameters"]["encryptionContext"]
    assert context["aws:sagemaker:featureGroupArn"].endswith("feature-group/audited")
    assert "GenerateDataKey" in names
    assert not [e for e in events(cloudtrail, EventName="GetRecord")], "no trail, no data events"
    sagemaker.delete_feature_group(FeatureGroupName="audited")


def test_pages_continue_and_tokens_belong_to_their_query(server, cloudtrail):
    first = cloudtrail.lookup_events(MaxResults=2)
    assert len(first["Events"]) == 2
    second = cloudtrail.lookup_events(MaxResults=2, NextToken=first["NextToken"])
    assert not {e["EventId"] for e in first["Events"]} & {e["EventId"] for e in second["Events"]}
    with pytest.raises(botocore.exceptions.ClientError) as refused:
        cloudtrail.lookup_events(NextToken=first["NextToken"], LookupAttributes=[
            {"AttributeKey": "EventName", "AttributeValue": "CreateKey"}])
    assert refused.value.response["Error"]["Code"] == "InvalidNextTokenException"


def test_lookup_refuses_what_aws_refuses(cloudtrail):
    attribute = {"AttributeKey": "EventName", "AttributeValue": "x"}
    for wrong, code in (({"LookupAttributes": [attribute, attribute]}, "InvalidLookupAttributesException"),
                        ({"StartTime": 2_000_000_000, "EndTime": 1_000_000_000}, "InvalidTimeRangeException")):
        with pytest.raises(botocore.exceptions.ClientError) as refused:
            cloudtrail.lookup_events(**wrong)
        assert refused.value.response["Error"]["Code"] == code
