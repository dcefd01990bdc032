"""`ExplainRequest` and `strongroom explain`: why a recorded request was allowed or denied."""

import json
import re
import subprocess

import boto3
import botocore.exceptions
import pytest

from conftest import ACCOUNT, REGION, binary

ROLE = f"arn:aws:iam::{ACCOUNT}:role/features"
TRUST = json.dumps({"Version": "2012-10-17", "Statement": {
    "Effect": "Allow", "Principal": {"Service": "sagemaker.amazonaws.com"}, "Action": "sts:AssumeRole"}})


def policy(effect, action, resource="*"):
    return json.dumps({"Version": "2012-10-17", "Statement": {
        "Effect": effect, "Action": action, "Resource": resource}})


def denied(call, **parameters):
    """The request id of a call that is denied."""
    with pytest.raises(botocore.exceptions.ClientError) as refused:
        call(**parameters)
    assert refused.value.response["Error"]["Code"] in (
        "AccessDenied", "AccessDeniedException", "AccessForbidden"), refused.value
    return refused.value.response["ResponseMetadata"]["RequestId"]


@pytest.fixture(scope="module")
def strongroom(server):
    return server.client("strongroom")


@pytest.fixture(scope="module")
def key(server):
    return server.client("kms").create_key()["KeyMetadata"]["Arn"]


def need(answer, call=0):
    needs = answer["Calls"][call]["Needs"]
    assert len(needs) == 1, needs
    return needs[0]


def test_a_denied_kms_call_is_explained(server, strongroom, user, key):
    kms = server.client("kms", user("explained", policy("Allow", "kms:Encrypt")))
    request = denied(kms.generate_data_key, KeyId=key, KeySpec="AES_256")
    answer = strongroom.explain_request(RequestId=request)
    call = answer["Calls"][0]
    assert (call["EventSource"], call["EventName"]) == ("kms.amazonaws.com", "GenerateDataKey")
    found = need(answer)
    assert (found["Action"], found["Resource"]) == ("kms:GenerateDataKey", key)
    assert found["Decision"] == "implicitDeny"
    assert [m["PolicyName"] for m in found["Matched"]] == ["default"]
    assert found["Missing"] == "no identity-based policy allows it"
    assert (found["NearMisses"][0]["PolicyName"], found["NearMisses"][0]["ButFor"]) == ("inline", "its actions")
    assert found["SmallestChange"] == ["allow the action in the identity-based policy"]
    server.client("iam").put_user_policy(
        UserName="explained", PolicyName="more", PolicyDocument=policy("Allow", "kms:GenerateDataKey", key))
    assert need(strongroom.explain_request(RequestId=request))["Decision"] == "allowed"
    assert need(strongroom.explain_request(RequestId=request, At="request"))["Decision"] == "implicitDeny"
    kms.generate_data_key(KeyId=key, KeySpec="AES_256")


def test_a_grant_that_allowed_a_call_is_named_then_and_missed_now(server, strongroom, user):
    admin = server.client("kms")
    own = admin.create_key()["KeyMetadata"]["Arn"]
    kms = server.client("kms", user("grantee"))
    grant = admin.create_grant(
        KeyId=own, GranteePrincipal=f"arn:aws:iam::{ACCOUNT}:user/grantee", Operations=["GenerateDataKey"])
    answer = kms.generate_data_key(KeyId=own, KeySpec="AES_256", GrantTokens=[grant["GrantToken"]])
    request = answer["ResponseMetadata"]["RequestId"]
    then = need(strongroom.explain_request(RequestId=request))
    assert (then["Decision"], then["Notes"]) == ("allowed", [f"the grant `{grant['GrantId']}` allows it"])
    admin.revoke_grant(KeyId=own, GrantId=grant["GrantId"])
    assert need(strongroom.explain_request(RequestId=request))["Decision"] == "implicitDeny"
    assert need(strongroom.explain_request(RequestId=request, At="request"))["Notes"] == then["Notes"]


def test_an_allowed_call_says_what_allowed_it_and_whether_it_still_would(server, strongroom, user):
    iam = server.client("iam")
    theirs = server.client("iam", user("allowed", policy("Allow", "iam:*")))
    request = theirs.list_users()["ResponseMetadata"]["RequestId"]
    iam.put_user_policy(UserName="allowed", PolicyName="no", PolicyDocument=policy("Deny", "iam:ListUsers"))
    now = need(strongroom.explain_request(RequestId=request))
    assert now["Decision"] == "explicitDeny"
    assert {(m["Effect"], m["PolicyName"]) for m in now["Matched"]} == {("Allow", "inline"), ("Deny", "no")}
    assert now["SmallestChange"] == ["remove or narrow identity-based policy `no`, line 1"]
    then = need(strongroom.explain_request(RequestId=request, At="request"))
    assert (then["Decision"], [m["PolicyName"] for m in then["Matched"]]) == ("allowed", ["inline"])


def test_the_key_of_a_feature_group_is_explained(server, strongroom, user, key):
    iam, sagemaker = server.client("iam"), server.client("sagemaker")
    try:
        iam.create_role(RoleName="features", AssumeRolePolicyDocument=TRUST)
    except iam.exceptions.EntityAlreadyExistsException:
        pass
    sagemaker.create_feature_group(
        FeatureGroupName="explained", RecordIdentifierFeatureName="id", EventTimeFeatureName="at",
        FeatureDefinitions=[{"FeatureName": n, "FeatureType": "String"} for n in ("id", "at")],
        OnlineStoreConfig={"EnableOnlineStore": True, "SecurityConfig": {"KmsKeyId": key}}, RoleArn=ROLE)
    reader = user("keyless", policy("Allow", "sagemaker:GetRecord"))
    runtime = server.client("sagemaker-featurestore-runtime", reader)
    request = denied(runtime.get_record, FeatureGroupName="explained", RecordIdentifierValueAsString="a")
    answer = strongroom.explain_request(RequestId=request)
    call = answer["Calls"][0]
    assert (call["EventName"], call["InvokedBy"]) == ("Decrypt", "sagemaker.amazonaws.com")
    assert (need(answer)["Action"], need(answer)["Decision"]) == ("kms:Decrypt", "implicitDeny")
    # What the condition is about is known to the replay, for it was part of the request.
    iam.put_user_policy(UserName="keyless", PolicyName="key", PolicyDocument=json.dumps({
        "Version": "2012-10-17", "Statement": {
            "Effect": "Allow", "Action": "kms:Decrypt", "Resource": key, "Condition": {"StringEquals": {
                "kms:ViaService": f"sagemaker.{REGION}.amazonaws.com"}}}}))
    assert need(strongroom.explain_request(RequestId=request))["Decision"] == "allowed"
    runtime.get_record(FeatureGroupName="explained", RecordIdentifierValueAsString="a")


def test_nothing_is_said_of_another_accounts_policies(server, strongroom, user):
    organization = server.client("organizations")
    made = organization.create_account(AccountName="keys", Email="explain-keys@example.com")
    account = made["CreateAccountStatus"]["AccountId"]
    session = server.client("sts").assume_role(
        RoleArn=f"arn:aws:iam::{account}:role/OrganizationAccountAccessRole",
        RoleSessionName="setup")["Credentials"]
    theirs = boto3.Session(
        aws_access_key_id=session["AccessKeyId"], aws_secret_access_key=session["SecretAccessKey"],
        aws_session_token=session["SessionToken"], region_name=REGION).client("kms", endpoint_url=server.url)
    secret = {"Version": "2012-10-17", "Statement": [
        {"Sid": "Enable", "Effect": "Allow", "Principal": {"AWS": account}, "Action": "kms:*", "Resource": "*"},
        {"Sid": "SecretProject", "Effect": "Deny", "Principal": {"AWS": ACCOUNT}, "Action": "kms:Decrypt",
         "Resource": "*"}]}
    foreign = theirs.create_key(Policy=json.dumps(secret))["KeyMetadata"]["Arn"]
    blob = theirs.encrypt(KeyId=foreign, Plaintext=b"x")["CiphertextBlob"]
    kms = server.client("kms", user("stranger", policy("Allow", "kms:*")))
    request = denied(kms.decrypt, CiphertextBlob=blob, KeyId=foreign)
    answer = strongroom.explain_request(RequestId=request)
    found = need(answer)
    assert found["Decision"] == "allowedByOwnAccount"
    assert [m["PolicyName"] for m in found["Matched"]] == ["inline"]
    assert "SecretProject" not in json.dumps(answer, default=str)
    assert "another account" in found["Notes"][0]
    assert "SmallestChange" not in found
    # Whether a grant lets a caller without any policy use the key is not looked at either.
    bare = denied(server.client("kms", user("bare-stranger")).decrypt, CiphertextBlob=blob, KeyId=foreign)
    assert need(strongroom.explain_request(RequestId=bare))["Decision"] == "unknown"
    # Nor does it show that their policy changed, or when.
    theirs.put_key_policy(KeyId=foreign, PolicyName="default", Policy=json.dumps(secret).replace("Deny", "Allow"))
    kms.decrypt(CiphertextBlob=blob, KeyId=foreign)
    for at in ("now", "request"):
        assert need(strongroom.explain_request(RequestId=request, At=at)) == found
    shown = explain(server, request)
    assert "kms:Decrypt on " + foreign + ": ALLOWED by the own account" in shown.stdout, shown.stderr


def test_the_context_that_is_kept_is_in_no_event(server, strongroom, user):
    iam = server.client("iam", user("tagger"))
    request = denied(iam.create_user, UserName="x", Tags=[{"Key": "team", "Value": "canary-of-explain"}])
    events = server.client("cloudtrail").get_paginator("lookup_events").paginate(
        LookupAttributes=[{"AttributeKey": "EventName", "AttributeValue": "CreateUser"}])
    texts = [event["CloudTrailEvent"] for event in events.search("Events[]")]
    assert any(request in text for text in texts)
    assert not any("canary-of-explain" in text or "evaluated" in text for text in texts)
    assert "canary-of-explain" not in json.dumps(strongroom.explain_request(RequestId=request), default=str)


def test_unknown_requests_and_times_are_refused(strongroom):
    with pytest.raises(botocore.exceptions.ClientError) as refused:
        strongroom.explain_request(RequestId="00000000-0000-4000-8000-000000000000")
    assert refused.value.response["Error"]["Code"] == "RequestNotFoundException"
    for more in ({"At": "yesterday"}, {"Near": "x"}, {"RequestId": "x" * 65}):
        with pytest.raises(botocore.exceptions.ClientError) as refused:
            strongroom.explain_request(**{"RequestId": "x", **more})
        assert refused.value.response["Error"]["Code"] == "ValidationException", more


def explain(server, *arguments):
    return subprocess.run(
        [str(binary()), "explain", "--data", str(server.data), *arguments],
        env=server.environment(), capture_output=True, text=True, timeout=60)


def test_the_command_prints_a_tree(server, user, key):
    kms = server.client("kms", user("terminal", policy("Allow", "kms:Encrypt")))
    request = denied(kms.generate_data_key, KeyId=key, KeySpec="AES_256")
    done = explain(server, request)
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    assert lines[0] == f"request {request}, by the policies of now"
    assert re.fullmatch(
        r"kms:GenerateDataKey by arn:aws:iam::111122223333:user/terminal at \S+Z: AccessDenied", lines[2])
    assert lines[3] == f"└─ kms:GenerateDataKey on {key}: DENIED, nothing allows it"
    assert lines[-1] == "   └─ to allow it: allow the action in the identity-based policy"
    done = explain(server, "--json", "--at", "request", request)
    assert json.loads(done.stdout)["Calls"][0]["Needs"][0]["Decision"] == "implicitDeny"
    done = explain(server, "nothing")
    assert done.returncode == 1
    assert done.stderr.startswith("strongroom: ExplainRequest failed: RequestNotFoundException")
