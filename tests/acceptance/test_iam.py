"""IAM users, keys and policies through boto3 and the AWS CLI."""

import json

import botocore.exceptions
import pytest

from conftest import ACCOUNT, refused_as

ALLOW_KMS = json.dumps({"Version": "2012-10-17", "Statement": {
    "Effect": "Allow", "Action": "kms:*", "Resource": "*"}})


def code(error) -> str:
    return error.value.response["Error"]["Code"]


def message(error) -> str:
    return error.value.response["Error"]["Message"]


def test_the_caller_is_the_administrator(server):
    who = server.client("sts").get_caller_identity()
    assert who["Account"] == ACCOUNT and who["UserId"].startswith("AIDA")
    assert who["Arn"] == f"arn:aws:iam::{ACCOUNT}:user/Administrator"


def test_a_user_has_the_ids_of_aws(iam, user):
    user("shape")
    made = iam.get_user(UserName="shape")["User"]
    assert made["Arn"] == f"arn:aws:iam::{ACCOUNT}:user/shape"
    assert made["UserId"].startswith("AIDA") and len(made["UserId"]) == 21
    assert made["Path"] == "/"
    key = iam.list_access_keys(UserName="shape")["AccessKeyMetadata"][0]
    assert key["AccessKeyId"].startswith("AKIA") and len(key["AccessKeyId"]) == 20


def test_names_are_unique_whatever_their_case(iam, user):
    user("Unique")
    with pytest.raises(botocore.exceptions.ClientError) as refused:
        iam.create_user(UserName="unique")
    assert code(refused) == "EntityAlreadyExists"
    assert refused.value.response["ResponseMetadata"]["HTTPStatusCode"] == 409


def test_an_unknown_user_is_named(iam):
    with pytest.raises(botocore.exceptions.ClientError) as refused:
        iam.get_user(UserName="nobody")
    assert (code(refused), message(refused)) == (
        "NoSuchEntity", "The user with name nobody cannot be found.")


def test_a_user_with_keys_or_policies_cannot_be_deleted(iam, user):
    user("attached", ALLOW_KMS)
    with pytest.raises(botocore.exceptions.ClientError) as refused:
        iam.delete_user(UserName="attached")
    assert code(refused) == "DeleteConflict"


def test_a_third_access_key_is_refused(iam, user):
    user("three-keys")
    iam.create_access_key(UserName="three-keys")
    with pytest.raises(botocore.exceptions.ClientError) as refused:
        iam.create_access_key(UserName="three-keys")
    assert code(refused) == "LimitExceeded"


@pytest.mark.parametrize("document", [
    "{", "{}", '{"Version":"2012-10-17","Statement":[]}',
    '{"Version":"2012-10-17","Statement":{"Effect":"allow","Action":"*","Resource":"*"}}',
    '{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"*","Resource":"*","Principal":"*"}}',
    '{"Version":"2012-10-17","Statement":{"Effect":"Allow","Effect":"Deny","Action":"*","Resource":"*"}}',
    '{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"*","Resource":"*",'
    '"Condition":{"StringFoo":{"a":"b"}}}}',
])
def test_malformed_policies_are_refused(iam, user, document):
    name = f"malformed-{abs(hash(document)) % 10**8}"
    user(name)
    with pytest.raises(botocore.exceptions.ClientError) as refused:
        iam.put_user_policy(UserName=name, PolicyName="p", PolicyDocument=document)
    assert code(refused) == "MalformedPolicyDocument"


def test_managed_policies_count_while_attached(server, iam, user):
    arn = iam.create_policy(PolicyName="keys", PolicyDocument=ALLOW_KMS)["Policy"]["Arn"]
    assert arn == f"arn:aws:iam::{ACCOUNT}:policy/keys"
    kms = server.client("kms", user("managed"))
    for _ in range(2):
        refused_as("AccessDeniedException", kms.list_keys)
        iam.attach_user_policy(UserName="managed", PolicyArn=arn)
        assert kms.list_keys()
        assert [p["PolicyArn"] for p in
                iam.list_attached_user_policies(UserName="managed")["AttachedPolicies"]] == [arn]
        with pytest.raises(botocore.exceptions.ClientError) as refused:
            iam.delete_policy(PolicyArn=arn)
        assert code(refused) == "DeleteConflict"
        iam.detach_user_policy(UserName="managed", PolicyArn=arn)
    iam.delete_policy(PolicyArn=arn)


def test_an_explicit_deny_wins(server, user):
    key = user("denied", json.dumps({"Version": "2012-10-17", "Statement": [
        {"Effect": "Allow", "Action": "*", "Resource": "*"},
        {"Effect": "Deny", "Action": "kms:CreateKey", "Resource": "*"}]}))
    with pytest.raises(botocore.exceptions.ClientError) as refused:
        server.client("kms", key).create_key()
    assert message(refused).endswith("with an explicit deny in an identity-based policy")


def test_a_user_cannot_raise_its_own_rights(server, user):
    key = user("climber", json.dumps({"Version": "2012-10-17", "Statement": {
        "Effect": "Allow", "Action": "iam:Get*", "Resource": "*"}}))
    theirs = server.client("iam", key)
    administrator = "arn:aws:iam::aws:policy/AdministratorAccess"
    for call in (
            lambda: theirs.put_user_policy(UserName="climber", PolicyName="p", PolicyDocument=ALLOW_KMS),
            lambda: theirs.attach_user_policy(UserName="climber", PolicyArn=administrator),
            lambda: theirs.create_access_key(UserName="Administrator"),
            lambda: theirs.create_user(UserName="second"),
            lambda: theirs.update_access_key(UserName="Administrator", AccessKeyId="A" * 20, Status="Inactive"),
            lambda: theirs.delete_user(UserName="Administrator"),
            lambda: theirs.create_policy(PolicyName="p", PolicyDocument=ALLOW_KMS)):
        with pytest.raises(botocore.exceptions.ClientError) as refused:
            call()
        assert code(refused) == "AccessDenied"
        assert refused.value.response["ResponseMetadata"]["HTTPStatusCode"] == 403


def test_the_cli_works_with_the_printed_exports(server):
    done = server.cli("sts", "get-caller-identity", "--query", "Account", "--output", "text")
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == ACCOUNT
    done = server.cli("iam", "list-users", "--query", "Users[].UserName", "--output", "json")
    assert "Administrator" in json.loads(done.stdout)
