"""Request quotas of KMS through boto3, with AWS's numbers."""

import concurrent.futures
import json

import botocore.exceptions
import pytest

from conftest import Server
from test_server import one_line, run


class Throttling(Server):
    quotas = ()


@pytest.fixture(scope="module")
def throttling(tmp_path_factory):
    directory = tmp_path_factory.mktemp("throttling")
    config = directory / "strongroom.toml"
    config.write_text('[kms.requests_per_second]\n"GetKeyPolicy" = 0.01\n')
    running = Throttling(directory, "--config", str(config))
    yield running
    assert running.stop() == 0


def outcome(call, **parameters) -> tuple:
    try:
        call(**parameters)
    except botocore.exceptions.ClientError as refused:
        return refused.response["Error"]["Code"], refused.response["ResponseMetadata"]["HTTPStatusCode"]
    return "ok", 200


def test_calls_beyond_a_quota_are_throttled_as_at_aws(throttling):
    kms = throttling.client("kms")
    key = kms.create_key()["KeyMetadata"]["KeyId"]
    # One in a hundred seconds, as configured.
    assert outcome(kms.get_key_policy, KeyId=key) == ("ok", 200)
    assert outcome(kms.get_key_policy, KeyId=key) == ("ThrottlingException", 400)
    # One in four seconds, as AWS has it.
    imported = kms.create_key(Origin="EXTERNAL")["KeyMetadata"]["KeyId"]
    wanted = {"KeyId": imported, "WrappingAlgorithm": "RSAES_OAEP_SHA_256", "WrappingKeySpec": "RSA_2048"}
    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        # All at once: it does not matter how long each of them takes.
        outcomes = list(pool.map(lambda _: outcome(kms.get_parameters_for_import, **wanted), range(8)))
    assert ("ThrottlingException", 400) in outcomes
    assert outcome(kms.describe_key, KeyId=key) == ("ok", 200)
    pages = throttling.client("cloudtrail").get_paginator("lookup_events").paginate(
        LookupAttributes=[{"AttributeKey": "EventName", "AttributeValue": "GetKeyPolicy"}])
    records = [json.loads(found["CloudTrailEvent"]) for page in pages for found in page["Events"]]
    # The client tried once more.
    codes = [record.get("errorCode") for record in records]
    assert codes == ["ThrottlingException", "ThrottlingException", None]


def test_the_sdk_waits_and_tries_again(throttling):
    session = throttling.session()
    config = botocore.config.Config(retries={"max_attempts": 10, "mode": "standard"})
    kms = session.client("kms", endpoint_url=throttling.url, config=config)
    made = [kms.create_key()["KeyMetadata"]["KeyId"] for _ in range(8)]
    assert len(set(made)) == 8


@pytest.mark.parametrize("settings", [
    "[kms]\nrequest_quota_factor = 0\n", "[kms.requests_per_second]\nCreateKeys = 1\n",
    "[kms.requests_per_second]\nCreateKey = 0\n", "[kms]\nprice = 1\n"])
def test_quotas_that_cannot_be_kept_to_are_refused(tmp_path, settings):
    config = tmp_path / "strongroom.toml"
    config.write_text(settings)
    with pytest.raises(AssertionError, match=r"strongroom.toml:[12]: "):
        Throttling(tmp_path, "--config", str(config))


def test_the_configuration_says_how_much_there_may_be(tmp_path):
    config = tmp_path / "strongroom.toml"
    config.write_text("[kms.resource_quotas]\nkeys = 2\naliases_per_key = 1\ngrants_per_key = 1\nkey_policy_bytes = 900\n")
    running = Server(tmp_path, "--config", str(config))
    kms = running.client("kms")
    key = kms.create_key()["KeyMetadata"]["KeyId"]
    kms.create_key()
    assert outcome(kms.create_key) == ("LimitExceededException", 400)
    kms.create_alias(AliasName="alias/one", TargetKeyId=key)
    assert outcome(kms.create_alias, AliasName="alias/two", TargetKeyId=key) == ("LimitExceededException", 400)
    grant = {"KeyId": key, "GranteePrincipal": running.client("sts").get_caller_identity()["Arn"],
             "Operations": ["Encrypt"]}
    kms.create_grant(**grant)
    assert outcome(kms.create_grant, **grant) == ("LimitExceededException", 400)
    policy = kms.get_key_policy(KeyId=key)["Policy"]
    assert outcome(kms.put_key_policy, KeyId=key, Policy=policy.ljust(900)) == ("ok", 200)
    assert outcome(kms.put_key_policy, KeyId=key, Policy=policy.ljust(901)) == ("LimitExceededException", 400)
    assert running.stop() == 0
    config.write_text("[kms.resource_quotas]\nkeys = 2000000\n")
    line = one_line(run("serve", "--data", str(running.data), "--listen", "127.0.0.1:0", "--config", str(config)))
    assert "kms.resource_quotas.keys` must be at most 1000000" in line
