"""Grants and the life of keys through boto3 and the AWS CLI, and what they mean for records."""

import json

import botocore.exceptions
import pytest

from conftest import ACCOUNT, REGION

ROOT = f"arn:aws:iam::{ACCOUNT}:root"


def code(error) -> str:
    return error.value.response["Error"]["Code"]


@pytest.fixture
def key(kms):
    return kms.create_key()["KeyMetadata"]["Arn"]


@pytest.fixture
def grantee(server, user):
    """A user without any KMS permission."""
    credentials = user("Grantee", json.dumps({"Version": "2012-10-17", "Statement": {
        "Effect": "Allow", "Action": "sagemaker:*", "Resource": "*"}}))
    return server.client("iam").get_user(UserName="Grantee")["User"]["Arn"], credentials


def test_a_grant_is_made_used_listed_and_revoked(server, kms, key, grantee):
    arn, credentials = grantee
    as_grantee = server.client("kms", credentials)
    with pytest.raises(botocore.exceptions.ClientError) as refused:
        as_grantee.encrypt(KeyId=key, Plaintext=b"x")
    assert code(refused) == "AccessDeniedException"
    made = kms.create_grant(KeyId=key, GranteePrincipal=arn, Operations=["Encrypt", "DescribeKey"],
                            Constraints={"EncryptionContextSubset": {"team": "ml"}}, Name="n")
    context = {"team": "ml", "more": "1"}
    as_grantee.encrypt(KeyId=key, Plaintext=b"x", EncryptionContext=context,
                       GrantTokens=[made["GrantToken"]])
    assert as_grantee.describe_key(KeyId=key)["KeyMetadata"]["Arn"] == key
    listed = kms.list_grants(KeyId=key)["Grants"]
    assert [(grant["GrantId"], grant["GranteePrincipal"], grant["IssuingAccount"], grant["Name"],
             grant["Constraints"]) for grant in listed] == [
        (made["GrantId"], arn, ROOT, "n", {"EncryptionContextSubset": {"team": "ml"}})]
    kms.revoke_grant(KeyId=key, GrantId=made["GrantId"])
    with pytest.raises(botocore.exceptions.ClientError) as refused:
        as_grantee.encrypt(KeyId=key, Plaintext=b"x", EncryptionContext=context)
    assert code(refused) == "AccessDeniedException"


def test_a_revoked_grant_counts_on_cached_data_keys_too(server, kms, key, grantee):
    arn, credentials = grantee
    group = "granted" + key[-8:]
    admin = server.client("sagemaker")
    admin.create_feature_group(
        FeatureGroupName=group, RecordIdentifierFeatureName="id", EventTimeFeatureName="time",
        FeatureDefinitions=[{"FeatureName": "id", "FeatureType": "String"},
                            {"FeatureName": "time", "FeatureType": "String"}],
        OnlineStoreConfig={"EnableOnlineStore": True, "SecurityConfig": {"KmsKeyId": key}})
    server.client("sagemaker-featurestore-runtime").put_record(FeatureGroupName=group, Record=[
        {"FeatureName": "id", "ValueAsString": "a"},
        {"FeatureName": "time", "ValueAsString": "2026-01-01T00:00:00Z"}])
    runtime = server.client("sagemaker-featurestore-runtime", credentials)

    def read():
        return runtime.get_record(FeatureGroupName=group, RecordIdentifierValueAsString="a")

    with pytest.raises(botocore.exceptions.ClientError) as refused:
        read()
    assert code(refused) == "AccessForbidden"
    of_group = {"aws:sagemaker:featureGroupArn":
                f"arn:aws:sagemaker:{REGION}:{ACCOUNT}:feature-group/{group}"}
    made = kms.create_grant(KeyId=key, GranteePrincipal=arn, Operations=["Decrypt"],
                            Constraints={"EncryptionContextSubset": of_group})
    for _ in range(3):
        assert read()["Record"]
    kms.revoke_grant(KeyId=key, GrantId=made["GrantId"])
    with pytest.raises(botocore.exceptions.ClientError) as refused:
        read()
    assert code(refused) == "AccessForbidden"


def test_the_cli_grants_and_retires(server, key, grantee):
    arn, _ = grantee

    def aws(*arguments):
        done = server.cli("kms", *arguments)
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout or "null")

    made = aws("create-grant", "--key-id", key, "--grantee-principal", arn, "--operations", "Decrypt",
               "--retiring-principal", ROOT)
    listed = aws("list-retirable-grants", "--retiring-principal", ROOT)
    assert made["GrantId"] in [grant["GrantId"] for grant in listed["Grants"]]
    aws("retire-grant", "--grant-token", made["GrantToken"])
    assert aws("list-grants", "--key-id", key)["Grants"] == []


def test_ciphertexts_move_between_keys(kms, key):
    other = kms.create_key()["KeyMetadata"]["Arn"]
    sealed = kms.encrypt(KeyId=key, Plaintext=b"secret", EncryptionContext={"a": "1"})
    moved = kms.re_encrypt(CiphertextBlob=sealed["CiphertextBlob"], SourceEncryptionContext={"a": "1"},
                           DestinationKeyId=other, DestinationEncryptionContext={"b": "2"})
    assert (moved["SourceKeyId"], moved["KeyId"]) == (key, other)
    opened = kms.decrypt(CiphertextBlob=moved["CiphertextBlob"], EncryptionContext={"b": "2"})
    assert opened["Plaintext"] == b"secret"


def test_aliases_move_and_go(kms, key):
    other = kms.create_key()["KeyMetadata"]["Arn"]
    name = "alias/" + key[-12:]
    kms.create_alias(AliasName=name, TargetKeyId=key)
    kms.update_alias(AliasName=name, TargetKeyId=other)
    assert kms.describe_key(KeyId=name)["KeyMetadata"]["Arn"] == other
    kms.delete_alias(AliasName=name)
    with pytest.raises(botocore.exceptions.ClientError) as refused:
        kms.describe_key(KeyId=name)
    assert code(refused) == "NotFoundException"


def test_tags_and_descriptions_change(kms, key):
    kms.tag_resource(KeyId=key, Tags=[{"TagKey": "a", "TagValue": "1"}, {"TagKey": "b", "TagValue": "2"}])
    kms.untag_resource(KeyId=key, TagKeys=["a"])
    assert kms.list_resource_tags(KeyId=key)["Tags"] == [{"TagKey": "b", "TagValue": "2"}]
    kms.update_key_description(KeyId=key, Description="new")
    assert kms.describe_key(KeyId=key)["KeyMetadata"]["Description"] == "new"
    assert kms.list_key_policies(KeyId=key)["PolicyNames"] == ["default"]
    assert len(kms.generate_random(NumberOfBytes=16)["Plaintext"]) == 16


def test_a_key_is_rotated_and_deleted_and_kept(server, kms, key):
    sealed = kms.encrypt(KeyId=key, Plaintext=b"secret")["CiphertextBlob"]
    kms.enable_key_rotation(KeyId=key, RotationPeriodInDays=90)
    status = kms.get_key_rotation_status(KeyId=key)
    assert (status["KeyRotationEnabled"], status["RotationPeriodInDays"]) == (True, 90)
    kms.rotate_key_on_demand(KeyId=key)
    rotations = kms.list_key_rotations(KeyId=key)["Rotations"]
    assert [rotation["RotationType"] for rotation in rotations] == ["ON_DEMAND"]
    assert kms.encrypt(KeyId=key, Plaintext=b"x")["KeyId"] == key
    opened = kms.decrypt(CiphertextBlob=sealed)
    assert opened["Plaintext"] == b"secret"
    assert opened["KeyMaterialId"] != rotations[0]["KeyMaterialId"]
    kms.disable_key_rotation(KeyId=key)
    scheduled = kms.schedule_key_deletion(KeyId=key, PendingWindowInDays=7)
    assert scheduled["KeyState"] == "PendingDeletion"
    with pytest.raises(botocore.exceptions.ClientError) as refused:
        kms.decrypt(CiphertextBlob=sealed)
    assert code(refused) == "KMSInvalidStateException"
    kms.cancel_key_deletion(KeyId=key)
    kms.enable_key(KeyId=key)
    assert kms.decrypt(CiphertextBlob=sealed)["Plaintext"] == b"secret"


def test_the_last_use_of_a_key_names_its_record(server, kms, key):
    unused = kms.get_key_last_usage(KeyId=key)
    assert "KeyLastUsage" not in unused and unused["TrackingStartDate"] == unused["KeyCreationDate"]
    kms.encrypt(KeyId=key, Plaintext=b"x")
    usage = kms.get_key_last_usage(KeyId=key)["KeyLastUsage"]
    assert usage["Operation"] == "Encrypt"
    found = server.client("cloudtrail").lookup_events(LookupAttributes=[
        {"AttributeKey": "EventId", "AttributeValue": usage["CloudTrailEventId"]}])["Events"]
    assert [event["EventName"] for event in found] == ["Encrypt"]
    assert json.loads(found[0]["CloudTrailEvent"])["requestID"] == usage["KmsRequestId"]


def test_grants_are_found_by_what_is_shown_of_sessions_federated_users_and_services(server, kms, iam, key):
    trust = json.dumps({"Version": "2012-10-17", "Statement": {
        "Effect": "Allow", "Principal": {"AWS": ROOT}, "Action": "sts:AssumeRole"}})
    for name in ("shown-stays", "shown-goes"):
        iam.create_role(RoleName=name, AssumeRolePolicyDocument=trust)
    sts = f"arn:aws:sts::{ACCOUNT}:"
    grantees = [f"{sts}assumed-role/shown-stays/s", f"{sts}assumed-role/shown-goes/s", f"{sts}federated-user/Shown"]
    made = [kms.create_grant(KeyId=key, GranteePrincipal=arn, Operations=["Encrypt"])["GrantId"] for arn in grantees]
    group = "shown" + key[-8:]
    admin = server.client("sagemaker")
    admin.create_feature_group(
        FeatureGroupName=group, RecordIdentifierFeatureName="id", EventTimeFeatureName="time",
        FeatureDefinitions=[{"FeatureName": "id", "FeatureType": "String"},
                            {"FeatureName": "time", "FeatureType": "String"}],
        OnlineStoreConfig={"EnableOnlineStore": True, "SecurityConfig": {"KmsKeyId": key}})
    gone = iam.get_role(RoleName="shown-goes")["Role"]["RoleId"]
    iam.delete_role(RoleName="shown-goes")
    listed = {grant["GrantId"]: grant for grant in kms.list_grants(KeyId=key)["Grants"]}
    shown = [listed[grant]["GranteePrincipal"] for grant in made]
    assert shown == [grantees[0], f"{gone}:s", grantees[2]]
    for grant, principal in zip(made, shown):
        found = kms.list_grants(KeyId=key, GranteePrincipal=principal)["Grants"]
        assert [one["GrantId"] for one in found] == [grant], principal
    # The session's role is gone: its former ARN names nobody.
    assert kms.list_grants(KeyId=key, GranteePrincipal=grantees[1])["Grants"] == []
    service = [grant["GrantId"] for grant in listed.values() if "GranteeServicePrincipal" in grant]
    found = kms.list_grants(KeyId=key, GranteeServicePrincipal="sagemaker.amazonaws.com")["Grants"]
    assert [one["GrantId"] for one in found] == service and len(service) == 1
    assert kms.list_grants(KeyId=key, GranteeServicePrincipal="lambda.amazonaws.com")["Grants"] == []
    admin.delete_feature_group(FeatureGroupName=group)
    iam.delete_role(RoleName="shown-stays")
