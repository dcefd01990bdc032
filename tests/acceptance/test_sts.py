"""Temporary credentials with boto3: who gets them, what they do, how they end."""

import json
import urllib.error
import urllib.request

import boto3
import botocore.config
import botocore.exceptions
import pytest

from conftest import ACCOUNT, REGION

ALL = json.dumps({"Version": "2012-10-17", "Statement": {"Effect": "Allow", "Action": "*", "Resource": "*"}})


def trust(principal):
    return json.dumps({"Version": "2012-10-17", "Statement": {
        "Effect": "Allow", "Principal": {"AWS": principal},
        "Action": ["sts:AssumeRole", "sts:TagSession", "sts:SetSourceIdentity"]}})


def client(server, service, credentials, **changed):
    """A client that signs with temporary credentials."""
    given = credentials | changed
    session = boto3.Session(
        aws_access_key_id=given["AccessKeyId"], aws_secret_access_key=given["SecretAccessKey"],
        aws_session_token=given["SessionToken"], region_name=REGION)
    config = botocore.config.Config(retries={"max_attempts": 1})
    return session.client(service, endpoint_url=server.url, config=config)


def code_of(call, **parameters):
    with pytest.raises(botocore.exceptions.ClientError) as refused:
        call(**parameters)
    answer = refused.value.response
    return answer["Error"]["Code"], answer["ResponseMetadata"]["HTTPStatusCode"]


@pytest.fixture(scope="module")
def role(server):
    iam = server.client("iam")
    made = iam.create_role(RoleName="entered", AssumeRolePolicyDocument=trust(ACCOUNT))["Role"]
    iam.put_role_policy(RoleName="entered", PolicyName="all", PolicyDocument=ALL)
    return made["Arn"]


@pytest.fixture
def entered(server, role):
    def enter(**more):
        answer = server.client("sts").assume_role(RoleArn=role, RoleSessionName="tester", **more)
        return answer["Credentials"]
    return enter


def test_the_first_role_of_a_member_account_lets_administrators_in(server):
    organizations = server.client("organizations")
    status = organizations.create_account(AccountName="member", Email="sts@example.com")
    member = status["CreateAccountStatus"]["AccountId"]
    arn = f"arn:aws:iam::{member}:role/OrganizationAccountAccessRole"
    answer = server.client("sts").assume_role(RoleArn=arn, RoleSessionName="admin")
    credentials = answer["Credentials"]
    who = client(server, "sts", credentials).get_caller_identity()
    assert who["Account"] == member
    assert who["Arn"] == f"arn:aws:sts::{member}:assumed-role/OrganizationAccountAccessRole/admin"
    iam = client(server, "iam", credentials)
    iam.create_user(UserName="first")
    assert [user["UserName"] for user in iam.list_users()["Users"]] == ["first"]
    # The feature-store services take the session too.
    kms = client(server, "kms", credentials)
    key = kms.create_key()["KeyMetadata"]
    assert key["AWSAccountId"] == member
    sealed = kms.encrypt(KeyId=key["KeyId"], Plaintext=b"x")["CiphertextBlob"]
    assert kms.decrypt(CiphertextBlob=sealed)["Plaintext"] == b"x"
    assert server.client("sts").get_access_key_info(AccessKeyId=credentials["AccessKeyId"])["Account"] == member


def test_forged_swapped_and_incomplete_credentials_never_work(server, entered):
    mine, other = entered(), entered()
    token = mine["SessionToken"]
    forged = token[:50] + ("A" if token[50] != "A" else "B") + token[51:]
    unknown = ("InvalidClientTokenId", 403)
    for service, call, expected in (
            ("sts", "get_caller_identity", unknown),
            ("kms", "list_keys", ("UnrecognizedClientException", 400))):
        for changed in ({"SessionToken": forged}, {"SessionToken": other["SessionToken"]},
                        {"SessionToken": "x"}, {"SessionToken": None}, {"AccessKeyId": other["AccessKeyId"]}):
            assert code_of(getattr(client(server, service, mine, **changed), call)) == expected, changed
    wrong = client(server, "sts", mine, SecretAccessKey=other["SecretAccessKey"])
    assert code_of(wrong.get_caller_identity) == ("SignatureDoesNotMatch", 403)
    # A long-term key is none with a token.
    key = server.session().get_credentials()
    mixed = client(server, "sts", {"AccessKeyId": key.access_key, "SecretAccessKey": key.secret_key,
                                   "SessionToken": token})
    assert code_of(mixed.get_caller_identity) == unknown
    client(server, "sts", mine).get_caller_identity()


def test_a_presigned_request_carries_its_session_token(server, entered):
    url = client(server, "sts", entered()).generate_presigned_url("get_caller_identity", HttpMethod="GET")
    assert "X-Amz-Security-Token=" in url
    with urllib.request.urlopen(url, timeout=60) as answer:
        assert b"assumed-role/entered/tester" in answer.read()
    cut = url.replace("X-Amz-Security-Token=", "X-Amz-Security-Token=A")
    with pytest.raises(urllib.error.HTTPError) as refused:
        urllib.request.urlopen(cut, timeout=60)
    assert refused.value.code == 403
    assert b"InvalidClientTokenId" in refused.value.read()


def test_deleting_the_role_ends_its_sessions_at_once(server):
    iam = server.client("iam")
    arn = iam.create_role(RoleName="passing", AssumeRolePolicyDocument=trust(ACCOUNT))["Role"]["Arn"]
    credentials = server.client("sts").assume_role(RoleArn=arn, RoleSessionName="tester")["Credentials"]
    kms = client(server, "kms", credentials)
    assert code_of(kms.list_keys) == ("AccessDeniedException", 400)
    iam.put_role_policy(RoleName="passing", PolicyName="all", PolicyDocument=ALL)
    kms.list_keys()
    iam.delete_role_policy(RoleName="passing", PolicyName="all")
    assert code_of(kms.list_keys) == ("AccessDeniedException", 400)
    iam.delete_role(RoleName="passing")
    iam.create_role(RoleName="passing", AssumeRolePolicyDocument=trust(ACCOUNT))
    iam.put_role_policy(RoleName="passing", PolicyName="all", PolicyDocument=ALL)
    assert code_of(kms.list_keys) == ("UnrecognizedClientException", 400)


def test_two_sessions_of_a_role_keep_their_own_policies(server, entered):
    only = json.dumps({"Version": "2012-10-17", "Statement": {
        "Effect": "Allow", "Action": "kms:ListKeys", "Resource": "*"}})
    bounded = client(server, "kms", entered(Policy=only))
    free = client(server, "kms", entered())
    for _ in range(2):
        free.list_aliases()
        bounded.list_keys()
        assert code_of(bounded.list_aliases) == ("AccessDeniedException", 400)


def test_session_tags_decide(server, entered):
    kms = server.client("kms")
    policy = json.dumps({"Version": "2012-10-17", "Statement": [
        {"Effect": "Allow", "Principal": {"AWS": ACCOUNT}, "Action": "kms:PutKeyPolicy", "Resource": "*"},
        {"Effect": "Allow", "Principal": {"AWS": "*"}, "Action": "kms:Encrypt", "Resource": "*",
         "Condition": {"StringEquals": {"aws:PrincipalTag/team": "red", "kms:CallerAccount": ACCOUNT}}}]})
    key = kms.create_key(Policy=policy, BypassPolicyLockoutSafetyCheck=True)["KeyMetadata"]["KeyId"]
    red = client(server, "kms", entered(Tags=[{"Key": "Team", "Value": "red"}]))
    red.encrypt(KeyId=key, Plaintext=b"x")
    blue = client(server, "kms", entered(Tags=[{"Key": "team", "Value": "blue"}]))
    assert code_of(blue.encrypt, KeyId=key, Plaintext=b"x") == ("AccessDeniedException", 400)


def test_a_session_of_the_caller_itself(server, role):
    answer = server.client("sts").get_session_token(DurationSeconds=900)
    sts = client(server, "sts", answer["Credentials"])
    assert sts.get_caller_identity()["Arn"].endswith(":user/Administrator")
    sts.assume_role(RoleArn=role, RoleSessionName="tester")
    assert code_of(sts.get_session_token) == ("AccessDenied", 403)
    iam = client(server, "iam", answer["Credentials"])
    assert code_of(iam.list_users) == ("InvalidClientTokenId", 403)
    client(server, "kms", answer["Credentials"]).list_keys()


def test_a_federated_session_is_bounded_by_user_and_policy(server):
    sts = server.client("sts")
    only = json.dumps({"Version": "2012-10-17", "Statement": {
        "Effect": "Allow", "Action": "kms:ListKeys", "Resource": "*"}})
    answer = sts.get_federation_token(Name="carol", Policy=only)
    assert answer["FederatedUser"]["Arn"] == f"arn:aws:sts::{ACCOUNT}:federated-user/carol"
    assert answer["PackedPolicySize"] > 0
    kms = client(server, "kms", answer["Credentials"])
    kms.list_keys()
    assert code_of(kms.list_aliases) == ("AccessDeniedException", 400)
    bare = sts.get_federation_token(Name="carol")
    assert code_of(client(server, "kms", bare["Credentials"]).list_keys) == ("AccessDeniedException", 400)
    assert code_of(client(server, "iam", bare["Credentials"]).list_users) == ("InvalidClientTokenId", 403)


def test_the_command_line_takes_a_session(server, role):
    made = server.cli("sts", "assume-role", "--role-arn", role, "--role-session-name", "cli")
    assert made.returncode == 0, made.stderr
    key = json.loads(made.stdout)["Credentials"]
    profile = server.directory / "session"
    profile.write_text(
        f"[default]\naws_access_key_id = {key['AccessKeyId']}\n"
        f"aws_secret_access_key = {key['SecretAccessKey']}\naws_session_token = {key['SessionToken']}\n")
    exports = dict(server.exports)
    server.exports["AWS_SHARED_CREDENTIALS_FILE"] = str(profile)
    try:
        who = server.cli("sts", "get-caller-identity", "--query", "Arn", "--output", "text")
    finally:
        server.exports = exports
    assert who.stdout.strip().endswith(":assumed-role/entered/cli"), who.stderr


def test_the_command_line_makes_the_other_calls(server, user):
    def aws(*arguments):
        run = server.cli("sts", *arguments)
        assert run.returncode == 0, run.stderr
        return json.loads(run.stdout)

    assert aws("get-session-token", "--duration-seconds", "900")["Credentials"]["AccessKeyId"].startswith("ASIA")
    federated = aws("get-federation-token", "--name", "carol", "--policy", ALL)
    assert federated["FederatedUser"]["Arn"] == f"arn:aws:sts::{ACCOUNT}:federated-user/carol"
    key = user("told")
    assert aws("get-access-key-info", "--access-key-id", key["AccessKeyId"]) == {"Account": ACCOUNT}
    with pytest.raises(botocore.exceptions.ClientError) as refused:
        server.client("kms", key).list_keys()
    message = refused.value.response["ResponseMetadata"]["HTTPHeaders"]["x-strongroom-authorization-message"]
    said = json.loads(aws("decode-authorization-message", "--encoded-message", message)["DecodedMessage"])
    assert said["allowed"] is False and said["context"]["action"] == "kms:ListKeys"


def test_a_denial_explains_itself_to_whoever_may_know(server, user):
    key = user("curious", json.dumps({"Version": "2012-10-17", "Statement": {
        "Sid": "Never", "Effect": "Deny", "Action": "kms:CreateKey", "Resource": "*"}}))
    with pytest.raises(botocore.exceptions.ClientError) as refused:
        server.client("kms", key).create_key()
    message = refused.value.response["ResponseMetadata"]["HTTPHeaders"]["x-strongroom-authorization-message"]
    said = json.loads(server.client("sts").decode_authorization_message(EncodedMessage=message)["DecodedMessage"])
    assert said["explicitDeny"] is True
    assert said["context"]["action"] == "kms:CreateKey"
    assert "Never" in json.dumps(said["decidedBy"])
    curious = server.client("sts", key)
    assert code_of(curious.decode_authorization_message, EncodedMessage=message) == ("AccessDenied", 403)
    decode = server.client("sts").decode_authorization_message
    assert code_of(decode, EncodedMessage=message[:-4]) == ("InvalidAuthorizationMessageException", 400)


def test_the_trail_says_who_assumed_a_role(server, entered):
    credentials = entered(SourceIdentity="DevUser")
    client(server, "sts", credentials).get_caller_identity()
    trail = server.client("cloudtrail")
    events = trail.lookup_events(LookupAttributes=[
        {"AttributeKey": "AccessKeyId", "AttributeValue": credentials["AccessKeyId"]}])["Events"]
    event = json.loads(events[0]["CloudTrailEvent"])
    identity = event["userIdentity"]
    assert (identity["type"], identity["accessKeyId"]) == ("AssumedRole", credentials["AccessKeyId"])
    context = identity["sessionContext"]
    assert context["sourceIdentity"] == "DevUser"
    assert context["sessionIssuer"]["userName"] == "entered"
    assert context["attributes"]["mfaAuthenticated"] == "false"
    made = trail.lookup_events(LookupAttributes=[
        {"AttributeKey": "EventName", "AttributeValue": "AssumeRole"}])["Events"][0]
    text = made["CloudTrailEvent"]
    assert credentials["AccessKeyId"] in text
    assert credentials["SessionToken"] not in text and credentials["SecretAccessKey"] not in text
