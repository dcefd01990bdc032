"""Multi-Region keys through boto3, in two regions of one deployment."""

import json

import botocore.exceptions
import pytest

from conftest import ACCOUNT, OTHER_REGION, REGION, settled
from test_audit import events


def code(call, **parameters) -> str:
    with pytest.raises(botocore.exceptions.ClientError) as refused:
        call(**parameters)
    return refused.value.response["Error"]["Code"]


@pytest.fixture(scope="module")
def here(server):
    return server.client("kms")


@pytest.fixture(scope="module")
def there(server):
    return server.client("kms", region_name=OTHER_REGION)


@pytest.fixture
def pair(here, there):
    """The metadata of a primary and of its replica."""
    key = here.create_key(MultiRegion=True)["KeyMetadata"]
    made = here.replicate_key(KeyId=key["KeyId"], ReplicaRegion=OTHER_REGION,
                              Description="there", Tags=[{"TagKey": "a", "TagValue": "b"}])
    assert made["ReplicaTags"] == [{"TagKey": "a", "TagValue": "b"}]
    assert json.loads(made["ReplicaPolicy"])["Statement"]
    assert made["ReplicaKeyMetadata"]["KeyState"] == "Creating"
    assert settled(there, key["KeyId"])["KeyState"] == "Enabled"
    return key, made["ReplicaKeyMetadata"]


def test_related_keys_have_one_id_and_open_each_others_ciphertexts(here, there, pair):
    key, replica = pair
    assert key["KeyId"] == replica["KeyId"] and key["KeyId"].startswith("mrk-")
    assert replica["Arn"] == f"arn:aws:kms:{OTHER_REGION}:{ACCOUNT}:key/{key['KeyId']}"
    assert replica["Description"] == "there" and key["Description"] == ""
    for client, kind in ((here, "PRIMARY"), (there, "REPLICA")):
        shown = client.describe_key(KeyId=key["KeyId"])["KeyMetadata"]
        assert shown["MultiRegion"] is True
        assert shown["MultiRegionConfiguration"] == {
            "MultiRegionKeyType": kind,
            "PrimaryKey": {"Arn": key["Arn"], "Region": REGION},
            "ReplicaKeys": [{"Arn": replica["Arn"], "Region": OTHER_REGION}]}
    for one, other, answering in ((here, there, replica), (there, here, key)):
        blob = one.encrypt(KeyId=key["KeyId"], Plaintext=b"x")["CiphertextBlob"]
        opened = other.decrypt(CiphertextBlob=blob)
        assert opened["Plaintext"] == b"x" and opened["KeyId"] == answering["Arn"]


def test_the_first_primary_makes_the_role_that_is_linked_to_multi_region_keys(fresh_server):
    kms, iam = fresh_server.client("kms"), fresh_server.client("iam")
    name = "AWSServiceRoleForKeyManagementServiceMultiRegionKeys"
    with pytest.raises(iam.exceptions.NoSuchEntityException):
        iam.get_role(RoleName=name)
    kms.create_key()
    with pytest.raises(iam.exceptions.NoSuchEntityException):
        iam.get_role(RoleName=name)
    made = kms.create_key(MultiRegion=True)["KeyMetadata"]
    role = iam.get_role(RoleName=name)["Role"]
    assert role["Path"] == "/aws-service-role/mrk.kms.amazonaws.com/"
    [statement] = role["AssumeRolePolicyDocument"]["Statement"]
    assert statement["Principal"] == {"Service": "mrk.kms.amazonaws.com"}
    kms.create_key(MultiRegion=True)
    [event] = events(fresh_server.client("cloudtrail"), EventName="CreateServiceLinkedRole")
    assert event["userIdentity"]["invokedBy"] == "kms.amazonaws.com"
    assert event["requestParameters"]["aWSServiceName"] == "mrk.kms.amazonaws.com"
    # A caller who may not make the role makes neither key nor role.
    iam.delete_service_linked_role(RoleName=name)
    iam.create_user(UserName="maker")
    iam.put_user_policy(UserName="maker", PolicyName="keys", PolicyDocument=json.dumps({
        "Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "kms:*", "Resource": "*"}]}))
    maker = fresh_server.client("kms", iam.create_access_key(UserName="maker")["AccessKey"])
    assert code(maker.create_key, MultiRegion=True) == "AccessDeniedException"
    with pytest.raises(iam.exceptions.NoSuchEntityException):
        iam.get_role(RoleName=name)
    assert kms.describe_key(KeyId=made["KeyId"])["KeyMetadata"]["Enabled"]


def test_related_keys_have_states_of_their_own(here, there, pair):
    key, _ = pair
    blob = here.encrypt(KeyId=key["KeyId"], Plaintext=b"x")["CiphertextBlob"]
    here.disable_key(KeyId=key["KeyId"])
    assert code(here.decrypt, CiphertextBlob=blob) == "DisabledException"
    assert there.decrypt(CiphertextBlob=blob)["Plaintext"] == b"x"


def test_the_primary_moves(here, there, pair):
    key, replica = pair
    here.update_primary_region(KeyId=key["KeyId"], PrimaryRegion=OTHER_REGION)
    for client in (here, there):
        shown = settled(client, key["KeyId"])["MultiRegionConfiguration"]
        assert shown["PrimaryKey"]["Arn"] == replica["Arn"]
        assert [sibling["Arn"] for sibling in shown["ReplicaKeys"]] == [key["Arn"]]
    assert code(here.update_primary_region, KeyId=key["KeyId"],
                PrimaryRegion=OTHER_REGION) == "UnsupportedOperationException"
    there.update_primary_region(KeyId=key["KeyId"], PrimaryRegion=REGION)
    assert settled(here, key["KeyId"])["MultiRegionConfiguration"]["MultiRegionKeyType"] == "PRIMARY"


def test_a_rotation_is_in_every_region_at_once(here, there, pair):
    key, _ = pair
    old = there.encrypt(KeyId=key["KeyId"], Plaintext=b"x")["CiphertextBlob"]
    here.rotate_key_on_demand(KeyId=key["KeyId"])
    new = there.encrypt(KeyId=key["KeyId"], Plaintext=b"x")["CiphertextBlob"]
    used = [here.decrypt(CiphertextBlob=blob)["KeyMaterialId"] for blob in (old, new)]
    assert used[0] == key["CurrentKeyMaterialId"] != used[1]
    assert code(there.rotate_key_on_demand, KeyId=key["KeyId"]) == "UnsupportedOperationException"
    assert code(there.enable_key_rotation, KeyId=key["KeyId"]) == "UnsupportedOperationException"


def test_a_primary_with_replicas_waits_for_their_end(here, pair):
    key, _ = pair
    answer = here.schedule_key_deletion(KeyId=key["KeyId"], PendingWindowInDays=7)
    assert answer["KeyState"] == "PendingReplicaDeletion" and "DeletionDate" not in answer
    shown = here.describe_key(KeyId=key["KeyId"])["KeyMetadata"]
    assert shown["PendingDeletionWindowInDays"] == 7 and "DeletionDate" not in shown
    here.cancel_key_deletion(KeyId=key["KeyId"])
    shown = here.describe_key(KeyId=key["KeyId"])["KeyMetadata"]
    assert shown["KeyState"] == "Disabled" and "PendingDeletionWindowInDays" not in shown


def test_both_regions_have_records(server, here, there, pair):
    key, replica = pair
    here.update_primary_region(KeyId=key["KeyId"], PrimaryRegion=OTHER_REGION)
    for region, event, arn in ((REGION, "ReplicateKey", key["Arn"]),
                               (OTHER_REGION, "CreateKey", replica["Arn"]),
                               (REGION, "UpdatePrimaryRegion", key["Arn"]),
                               (OTHER_REGION, "UpdatePrimaryRegion", replica["Arn"])):
        trail = server.client("cloudtrail", region_name=region)
        pages = trail.get_paginator("lookup_events").paginate(
            LookupAttributes=[{"AttributeKey": "ResourceName", "AttributeValue": arn}])
        records = [json.loads(found["CloudTrailEvent"]) for page in pages for found in page["Events"]
                   if found["EventName"] == event]
        assert len(records) == 1, (region, event)
        assert records[0]["awsRegion"] == region
        assert records[0]["userIdentity"].get("invokedBy") == (
            "kms.amazonaws.com" if region == OTHER_REGION else None)


def test_what_cannot_be_replicated_is_said(here, pair):
    key, _ = pair
    single = here.create_key()["KeyMetadata"]
    request = {"KeyId": key["KeyId"], "ReplicaRegion": OTHER_REGION}
    assert code(here.replicate_key, **request) == "AlreadyExistsException"
    assert code(here.replicate_key, **request | {"KeyId": single["KeyId"]}) == (
        "UnsupportedOperationException")
    assert code(here.replicate_key, **request | {"ReplicaRegion": "ap-south-1"}) == (
        "ValidationException")
