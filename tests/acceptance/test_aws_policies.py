"""The managed policies that AWS owns: what boto3 sees of them, and what they let their users do."""

import json

import botocore.exceptions
import pytest

NAMES = ["AdministratorAccess", "AmazonS3FullAccess", "AmazonS3ReadOnlyAccess", "AmazonSageMakerFeatureStoreAccess",
         "AmazonSageMakerFullAccess", "AmazonSageMakerReadOnly", "AWSKeyManagementServicePowerUser", "IAMFullAccess",
         "IAMReadOnlyAccess", "PowerUserAccess", "ReadOnlyAccess", "SecurityAudit"]
TRUST = json.dumps({"Version": "2012-10-17", "Statement": {
    "Effect": "Allow", "Principal": {"AWS": "111122223333"}, "Action": "sts:AssumeRole"}})


def arn_of(name: str) -> str:
    return f"arn:aws:iam::aws:policy/{name}"


@pytest.fixture
def holder(server, user):
    """A factory of clients of a user with one of AWS's policies."""
    iam = server.client("iam")
    attached = []

    def make(name: str):
        key = user(f"holds-{name}")
        iam.attach_user_policy(UserName=f"holds-{name}", PolicyArn=arn_of(name))
        attached.append(name)
        return lambda service: server.client(service, key)

    yield make
    for name in attached:
        iam.detach_user_policy(UserName=f"holds-{name}", PolicyArn=arn_of(name))


def denied(call, **parameters):
    with pytest.raises(botocore.exceptions.ClientError) as error:
        call(**parameters)
    assert error.value.response["Error"]["Code"] in ("AccessDenied", "AccessDeniedException"), error.value


def test_they_are_listed_and_shown(server):
    iam = server.client("iam")
    pages = iam.get_paginator("list_policies").paginate(Scope="AWS", PaginationConfig={"PageSize": 5})
    assert [one["PolicyName"] for page in pages for one in page["Policies"]] == NAMES
    for name in NAMES:
        policy = iam.get_policy(PolicyArn=arn_of(name))["Policy"]
        assert (policy["PolicyName"], policy["Path"], policy["DefaultVersionId"]) == (name, "/", "v1")
        assert policy["IsAttachable"] and policy["PolicyId"].startswith("ANPA") and policy["Description"]
        version = iam.get_policy_version(PolicyArn=arn_of(name), VersionId="v1")["PolicyVersion"]
        assert version["IsDefaultVersion"] and version["Document"]["Version"] == "2012-10-17"
        assert [one["VersionId"] for one in iam.list_policy_versions(PolicyArn=arn_of(name))["Versions"]] == ["v1"]


def test_they_are_attached_to_users_groups_and_roles_and_bound_them(server):
    iam = server.client("iam")
    iam.create_user(UserName="aws-policies", PermissionsBoundary=arn_of("ReadOnlyAccess"))
    iam.create_group(GroupName="aws-policies")
    iam.create_role(RoleName="aws-policies", AssumeRolePolicyDocument=TRUST)
    arn = arn_of("IAMReadOnlyAccess")
    iam.attach_user_policy(UserName="aws-policies", PolicyArn=arn)
    iam.attach_group_policy(GroupName="aws-policies", PolicyArn=arn)
    iam.attach_role_policy(RoleName="aws-policies", PolicyArn=arn)
    assert iam.get_policy(PolicyArn=arn)["Policy"]["AttachmentCount"] == 3
    assert iam.get_policy(PolicyArn=arn_of("ReadOnlyAccess"))["Policy"]["PermissionsBoundaryUsageCount"] == 1
    assert [one["PolicyArn"] for one in iam.list_attached_role_policies(RoleName="aws-policies")["AttachedPolicies"]] \
        == [arn]
    iam.detach_user_policy(UserName="aws-policies", PolicyArn=arn)
    iam.detach_group_policy(GroupName="aws-policies", PolicyArn=arn)
    iam.detach_role_policy(RoleName="aws-policies", PolicyArn=arn)
    iam.delete_user(UserName="aws-policies")
    iam.delete_group(GroupName="aws-policies")
    iam.delete_role(RoleName="aws-policies")


def test_read_only_access_sees_keys_and_opens_nothing(server, holder):
    administrator = server.client("kms")
    key = administrator.create_key()["KeyMetadata"]["KeyId"]
    blob = administrator.encrypt(KeyId=key, Plaintext=b"secret")["CiphertextBlob"]
    client = holder("ReadOnlyAccess")
    assert client("kms").describe_key(KeyId=key)["KeyMetadata"]["KeyId"] == key
    assert client("kms").get_key_policy(KeyId=key)["Policy"]
    assert client("iam").list_users()["Users"]
    assert "FeatureGroupSummaries" in client("sagemaker").list_feature_groups()
    denied(client("kms").decrypt, CiphertextBlob=blob)
    denied(client("kms").encrypt, KeyId=key, Plaintext=b"x")
    denied(client("kms").generate_data_key, KeyId=key, KeySpec="AES_256")
    denied(client("kms").disable_key, KeyId=key)
    denied(client("iam").create_user, UserName="never")


def test_a_power_user_works_with_keys_and_manages_no_identities(holder):
    client = holder("PowerUserAccess")
    key = client("kms").create_key()["KeyMetadata"]["KeyId"]
    blob = client("kms").encrypt(KeyId=key, Plaintext=b"x")["CiphertextBlob"]
    assert client("kms").decrypt(CiphertextBlob=blob)["Plaintext"] == b"x"
    assert client("organizations").describe_organization()["Organization"]
    denied(client("iam").create_user, UserName="never")
    denied(client("iam").list_users)
    denied(client("organizations").list_accounts)


def test_a_power_user_of_keys_makes_keys_and_uses_none(holder):
    client = holder("AWSKeyManagementServicePowerUser")
    key = client("kms").create_key()["KeyMetadata"]["KeyId"]
    client("kms").create_alias(AliasName="alias/of-a-power-user", TargetKeyId=key)
    denied(client("kms").encrypt, KeyId=key, Plaintext=b"x")
    denied(client("kms").disable_key, KeyId=key)
    assert client("iam").list_roles()["Roles"] is not None
    denied(client("iam").list_access_keys)


def test_iam_full_access_manages_identities_and_nothing_else(holder):
    client = holder("IAMFullAccess")
    client("iam").create_user(UserName="made-by-iam-full-access")
    client("iam").delete_user(UserName="made-by-iam-full-access")
    denied(client("kms").create_key)
    denied(client("organizations").list_accounts)


def test_an_auditor_sees_policies_and_changes_nothing(holder):
    client = holder("SecurityAudit")
    assert client("iam").get_account_authorization_details()["UserDetailList"]
    assert client("kms").list_keys()["Keys"] is not None
    assert client("organizations").list_accounts()["Accounts"]
    denied(client("kms").create_key)
    denied(client("iam").create_user, UserName="never")
