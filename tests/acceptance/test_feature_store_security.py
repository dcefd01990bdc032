"""The security page of the Feature Store as sentences: one test for each rule.

Keys are protected by the example key policy of that page, with principals of this deployment in
its placeholders; users have `sagemaker:*` and `iam:PassRole`, and no right on any key but what
a test gives them. docs/feature-store-security.md lists the sentences.
"""

import copy
import itertools
import json
import os
import re
import shlex
import socket
import subprocess
import threading
import time

import botocore.auth
import botocore.awsrequest
import botocore.config
import botocore.credentials
import botocore.exceptions
import pytest

import raw
from conftest import ACCOUNT, REGION, REGIONS, ROOT, Server, binary, refused, session_of

VIA = {"StringLike": {"kms:ViaService": "sagemaker.*.amazonaws.com"}}
CALLED = ["kms:DescribeKey", "kms:GenerateDataKey", "kms:CreateGrant"]
CHECKED = ["kms:Encrypt", "kms:Decrypt", "kms:ReEncryptFrom", "kms:ReEncryptTo", "kms:RetireGrant",
           "kms:ListGrants"]
MINIMUM = ["kms:Encrypt", "kms:Decrypt", "kms:DescribeKey", "kms:CreateGrant", "kms:RetireGrant",
           "kms:ReEncryptFrom", "kms:ReEncryptTo", "kms:GenerateDataKey", "kms:ListAliases",
           "kms:ListGrants"]
ADMINISTRATORS = ["kms:Describe*", "kms:Get*", "kms:List*", "kms:RevokeGrant"]
RECORD = [{"FeatureName": "id", "ValueAsString": "a"},
          {"FeatureName": "at", "ValueAsString": "2026-01-01T00:00:00Z"}]
# Of the race; STRONGROOM_RACE_ROUNDS=1000 is the long run.
ROUNDS = int(os.environ.get("STRONGROOM_RACE_ROUNDS", "60"))
counter = itertools.count()


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    """A server of this file's own: it makes more groups than the others leave room for."""
    running = Server(tmp_path_factory.mktemp("security"), *REGIONS)
    yield running
    assert running.stop() == 0


def fresh(prefix: str) -> str:
    return f"{prefix}{next(counter)}"


def example_policy(user: str, administrator: str, root: str = f"arn:aws:iam::{ACCOUNT}:root") -> dict:
    """The example key policy of the page, word for word but for its principals."""
    return {
        "Id": "key-policy-feature-store",
        "Version": "2012-10-17",
        "Statement": [
            {"Sid": "Allow access through Amazon SageMaker Feature Store for all principals in the account "
                    "that are authorized to use Amazon SageMaker Feature Store",
             "Effect": "Allow", "Principal": {"AWS": user}, "Action": list(MINIMUM), "Resource": "*",
             "Condition": copy.deepcopy(VIA)},
            {"Sid": "Allow administrators to view the CMK and revoke grants",
             "Effect": "Allow", "Principal": {"AWS": administrator}, "Action": list(ADMINISTRATORS),
             "Resource": "*"},
            {"Sid": "Allow Feature Store to get information about the CMK",
             "Effect": "Allow", "Principal": {"Service": ["sagemaker.amazonaws.com"]},
             "Action": ["kms:Describe*", "kms:Get*", "kms:List*"], "Resource": "*"},
            {"Sid": "Enable IAM User Permissions",
             "Effect": "Allow", "Principal": {"AWS": root}, "Action": "kms:*", "Resource": "*"},
        ],
    }


def document(*statements) -> str:
    return json.dumps({"Version": "2012-10-17", "Statement": list(statements)})


def allowing(*actions, **more) -> dict:
    return {"Effect": "Allow", "Action": list(actions), "Resource": "*", **more}


STORE_USER = document(allowing("sagemaker:*", "iam:PassRole"))


class Actor:
    """A user with clients of its own."""

    def __init__(self, server, name: str, policy: str | None):
        self.server, self.name = server, name
        self.iam = server.client("iam")
        self.arn = self.iam.create_user(UserName=name)["User"]["Arn"]
        if policy:
            self.may(policy)
        self.key = self.iam.create_access_key(UserName=name)["AccessKey"]
        self.sagemaker = server.client("sagemaker", self.key)
        self.runtime = server.client("sagemaker-featurestore-runtime", self.key)
        self.kms = server.client("kms", self.key)

    def may(self, policy: str):
        self.iam.put_user_policy(UserName=self.name, PolicyName="p", PolicyDocument=policy)

    def create(self, group: str, key: str | None, **more):
        online = {"EnableOnlineStore": True, "StorageType": "Standard_V2"}
        if key:
            online["SecurityConfig"] = {"KmsKeyId": key}
        self.sagemaker.create_feature_group(
            FeatureGroupName=group, RecordIdentifierFeatureName="id", EventTimeFeatureName="at",
            FeatureDefinitions=[{"FeatureName": name, "FeatureType": "String"} for name in ("id", "at")],
            OnlineStoreConfig=online, **more)

    def put(self, group: str, at: str = "2026-01-01T00:00:00Z"):
        self.runtime.put_record(FeatureGroupName=group, Record=[
            RECORD[0], {"FeatureName": "at", "ValueAsString": at}])

    def get(self, group: str) -> bool:
        answer = self.runtime.get_record(FeatureGroupName=group, RecordIdentifierValueAsString="a")
        return "Record" in answer


class Assumed(Actor):
    """The session of a role of its own."""

    def __init__(self, server, name: str, policy: str):
        self.server, self.name = server, name
        self.iam = server.client("iam")
        trust = document({"Effect": "Allow", "Principal": {"AWS": ACCOUNT}, "Action": "sts:AssumeRole"})
        self.arn = self.iam.create_role(RoleName=name, AssumeRolePolicyDocument=trust)["Role"]["Arn"]
        self.may(policy)
        self.key = server.client("sts").assume_role(RoleArn=self.arn, RoleSessionName="worker")["Credentials"]
        self.sagemaker = server.client("sagemaker", self.key)
        self.runtime = server.client("sagemaker-featurestore-runtime", self.key)
        self.kms = server.client("kms", self.key)

    def may(self, policy: str):
        self.iam.put_role_policy(RoleName=self.name, PolicyName="p", PolicyDocument=policy)


@pytest.fixture(scope="module")
def kms(server):
    return server.client("kms")


@pytest.fixture(scope="module")
def sagemaker(server):
    return server.client("sagemaker")


@pytest.fixture(scope="module")
def administrator_role(server) -> str:
    trust = document({"Effect": "Allow", "Principal": {"AWS": ACCOUNT}, "Action": "sts:AssumeRole"})
    made = server.client("iam").create_role(
        RoleName="featurestore-admin", AssumeRolePolicyDocument=trust)
    return made["Role"]["Arn"]


@pytest.fixture
def user(server) -> Actor:
    return Actor(server, fresh("featurestore-user"), STORE_USER)


@pytest.fixture
def policy(user, administrator_role) -> dict:
    return example_policy(user.arn, administrator_role)


@pytest.fixture
def key(kms) -> str:
    return kms.create_key()["KeyMetadata"]["Arn"]


def protect(kms, key: str, policy: dict):
    kms.put_key_policy(KeyId=key, PolicyName="default", Policy=json.dumps(policy))


@pytest.fixture
def protected(kms, key, policy) -> str:
    """A key under the example key policy."""
    protect(kms, key, policy)
    return key


def check_nothing_left(kms, sagemaker, group: str, key: str | None = None):
    code, _ = refused(sagemaker.describe_feature_group, FeatureGroupName=group)
    assert code == "ResourceNotFound"
    if key:
        grants = kms.list_grants(KeyId=key)["Grants"]
        assert [grant for grant in grants if group in grant.get("Name", "")] == []


def test_the_page_of_feature_store_security_lists_exactly_these_sentences():
    page = (ROOT / "docs" / "feature-store-security.md").read_text()
    tests = {name for name in globals() if name.startswith("test_")}
    _, _, own = page.partition("Tests in `tests/acceptance/test_feature_store_security.py`")
    own, _, _ = own.partition("In `tests/acceptance/")
    listed = set(re.findall(r"\| `(test_\w+)` \|", own))
    assert listed == tests - {"test_the_page_of_feature_store_security_lists_exactly_these_sentences"}


# -- The example key policy, and whose permission counts when a group is created ------------


def test_the_example_key_policy_works_as_written(user, protected):
    group = fresh("example")
    user.create(group, protected)
    user.put(group)
    assert user.get(group)


def test_the_sample_root_arn_with_nine_digits_is_refused(kms, key, user, administrator_role):
    policy = example_policy(user.arn, administrator_role, root="arn:aws:iam::123456789:root")
    code, _ = refused(protect, kms, key, policy)
    assert code == "MalformedPolicyDocumentException"


@pytest.mark.parametrize("action", CALLED + CHECKED)
def test_feature_store_requires_each_of_these_permissions_at_a_minimum(
        kms, sagemaker, user, key, policy, action):
    policy["Statement"][0]["Action"].remove(action)
    protect(kms, key, policy)
    group = fresh("without")
    code, text = refused(user.create, group, key)
    assert code == "AccessDeniedException"
    assert f"{user.arn} is not authorized to perform: {action} on resource: {key}" in text
    check_nothing_left(kms, sagemaker, group, key)


def test_revoke_grant_is_the_administrators_and_nothing_changes_without_it(kms, user, protected):
    # The statement of the example for users does not have it.
    user.create(fresh("norevoke"), protected)
    code, _ = refused(user.kms.revoke_grant, KeyId=protected,
                      GrantId=kms.list_grants(KeyId=protected)["Grants"][0]["GrantId"])
    assert code == "AccessDeniedException"


def test_list_aliases_is_needed_only_when_an_alias_is_given_and_in_a_key_policy_has_no_effect(
        kms, sagemaker, user, protected):
    alias = "alias/" + fresh("security")
    kms.create_alias(AliasName=alias, TargetKeyId=protected)
    user.create(fresh("byarn"), protected)
    user.create(fresh("byid"), protected.rpartition("/")[2])
    for form in (alias, f"arn:aws:kms:{REGION}:{ACCOUNT}:{alias}"):
        group = fresh("byalias")
        user.may(STORE_USER)
        code, text = refused(user.create, group, form)
        assert code == "AccessDeniedException" and "kms:ListAliases" in text
        check_nothing_left(kms, sagemaker, group, protected)
        user.may(document(allowing("sagemaker:*", "iam:PassRole", "kms:ListAliases")))
        user.create(group, form)
        shown = sagemaker.describe_feature_group(FeatureGroupName=group)
        assert shown["OnlineStoreConfig"]["SecurityConfig"]["KmsKeyId"] == protected


def test_the_permissions_can_be_provided_in_a_key_policy(user, protected):
    user.create(fresh("bykeypolicy"), protected)


def test_the_permissions_can_be_provided_in_an_iam_policy(user, key):
    # The default key policy leaves the decision to the policies of the account.
    group = fresh("byiam")
    assert refused(user.create, group, key)[0] == "AccessDeniedException"
    user.may(document(allowing("sagemaker:*"), allowing(*CALLED, *CHECKED, Condition=VIA)))
    user.create(group, key)
    user.put(group)


def test_the_permissions_can_be_provided_in_a_grant(kms, user, key):
    # ListGrants is no operation of grants: that one comes from an IAM policy.
    group = fresh("bygrant")
    user.may(document(allowing("sagemaker:*", "kms:ListGrants")))
    operations = [action.removeprefix("kms:") for action in CALLED + CHECKED if action != "kms:ListGrants"]
    kms.create_grant(KeyId=key, GranteePrincipal=user.arn, Operations=operations[1:])
    code, text = refused(user.create, group, key)
    assert code == "AccessDeniedException" and "kms:DescribeKey" in text
    kms.create_grant(KeyId=key, GranteePrincipal=user.arn, Operations=operations)
    user.create(group, key)
    user.put(group)
    assert user.get(group)


def test_if_the_principals_have_no_permission_to_use_feature_store_the_call_fails(
        kms, sagemaker, user, protected):
    user.may(document(allowing("kms:*", "iam:PassRole")))
    group = fresh("nosagemaker")
    code, text = refused(user.create, group, protected)
    assert code == "AccessDeniedException" and "sagemaker:CreateFeatureGroup" in text
    check_nothing_left(kms, sagemaker, group, protected)


def test_if_the_principals_have_no_permission_on_the_key_the_call_fails(kms, sagemaker, user, key):
    group = fresh("nokms")
    code, text = refused(user.create, group, key)
    assert code == "AccessDeniedException" and "kms:" in text
    check_nothing_left(kms, sagemaker, group, key)


def test_these_principals_cannot_call_these_operations_directly(kms, user, protected):
    group = fresh("direct")
    user.create(group, protected)
    user.put(group)
    blob = kms.encrypt(KeyId=protected, Plaintext=b"x")["CiphertextBlob"]
    for call in (
        lambda: user.kms.encrypt(KeyId=protected, Plaintext=b"x"),
        lambda: user.kms.decrypt(KeyId=protected, CiphertextBlob=blob),
        lambda: user.kms.describe_key(KeyId=protected),
        lambda: user.kms.create_grant(KeyId=protected, GranteePrincipal=user.arn, Operations=["Decrypt"]),
        lambda: user.kms.re_encrypt(CiphertextBlob=blob, DestinationKeyId=protected),
        lambda: user.kms.generate_data_key(KeyId=protected, KeySpec="AES_256"),
        lambda: user.kms.list_grants(KeyId=protected),
        lambda: user.kms.retire_grant(
            KeyId=protected, GrantId=kms.list_grants(KeyId=protected)["Grants"][0]["GrantId"]),
    ):
        assert refused(call)[0] == "AccessDeniedException"


def test_the_value_of_via_service_is_that_of_the_feature_store(kms, sagemaker, user, key, policy):
    condition = policy["Statement"][0]["Condition"]["StringLike"]
    for other in ("s3.*.amazonaws.com", "sagemaker.eu-*.amazonaws.com", "dynamodb.*.amazonaws.com"):
        condition["kms:ViaService"] = other
        protect(kms, key, policy)
        group = fresh("via")
        assert refused(user.create, group, key)[0] == "AccessDeniedException", other
        check_nothing_left(kms, sagemaker, group, key)
    condition["kms:ViaService"] = f"sagemaker.{REGION}.amazonaws.com"
    protect(kms, key, policy)
    user.create(fresh("via"), key)


def test_that_principal_may_be_a_role(server, kms, key, administrator_role):
    caller = Assumed(server, fresh("featurestore-role"), STORE_USER)
    policy = example_policy(caller.arn, administrator_role)
    protect(kms, key, policy)
    group = fresh("ofrole")
    caller.create(group, key)
    caller.put(group)
    assert caller.get(group)
    policy["Statement"][0]["Action"].remove("kms:CreateGrant")
    protect(kms, key, policy)
    code, text = refused(caller.create, fresh("ofrole"), key)
    assert code == "AccessDeniedException" and "kms:CreateGrant" in text
    assert refused(caller.kms.encrypt, KeyId=key, Plaintext=b"x")[0] == "AccessDeniedException"


def test_the_service_acts_only_on_behalf_of_the_principals_in_the_statement(server, protected):
    other = Actor(server, fresh("stranger"), STORE_USER)
    code, _ = refused(other.create, fresh("stranger-group"), protected)
    assert code == "AccessDeniedException"


def test_kms_sees_the_account_of_the_caller(kms, user, key, policy):
    condition = policy["Statement"][0]["Condition"]
    condition["StringEquals"] = {"kms:CallerAccount": "999999999999"}
    protect(kms, key, policy)
    assert refused(user.create, fresh("account"), key)[0] == "AccessDeniedException"
    condition["StringEquals"] = {"kms:CallerAccount": ACCOUNT}
    protect(kms, key, policy)
    user.create(fresh("account"), key)


def test_the_role_that_is_passed_needs_pass_role_for_sagemaker(server, kms, sagemaker, user, protected):
    role = fresh("passed")
    trust = document({"Effect": "Allow", "Principal": {"Service": "sagemaker.amazonaws.com"},
                      "Action": "sts:AssumeRole"})
    arn = server.client("iam").create_role(RoleName=role, AssumeRolePolicyDocument=trust)["Role"]["Arn"]
    passed = {"StringEquals": {"iam:PassedToService": "glue.amazonaws.com"}}
    user.may(document(allowing("sagemaker:*"), allowing("iam:PassRole", Condition=passed)))
    group = fresh("passrole")
    code, text = refused(user.create, group, protected, RoleArn=arn)
    assert code == "AccessDeniedException" and f"iam:PassRole on resource: {arn}" in text
    check_nothing_left(kms, sagemaker, group, protected)
    passed["StringEquals"]["iam:PassedToService"] = "sagemaker.amazonaws.com"
    user.may(document(allowing("sagemaker:*"), allowing("iam:PassRole", Condition=passed)))
    user.create(group, protected, RoleArn=arn)


# -- Which keys ------------------------------------------------------------------------------


def test_feature_store_needs_no_authorization_for_the_aws_owned_key(user):
    group = fresh("owned")
    user.create(group, None)
    user.put(group)
    assert user.get(group)


@pytest.mark.parametrize("storage", ["Standard", "Standard_V2"])
def test_you_can_select_storage_type_and_optionally_provide_a_key(sagemaker, user, protected, storage):
    for key in (protected, None):
        group = fresh("storage")
        security = {"SecurityConfig": {"KmsKeyId": key}} if key else {}
        user.sagemaker.create_feature_group(
            FeatureGroupName=group, RecordIdentifierFeatureName="id", EventTimeFeatureName="at",
            FeatureDefinitions=[{"FeatureName": name, "FeatureType": "String"} for name in ("id", "at")],
            OnlineStoreConfig={"EnableOnlineStore": True, "StorageType": storage, **security})
        user.put(group)
        assert user.get(group)
        user.runtime.delete_record(
            FeatureGroupName=group, RecordIdentifierValueAsString="a", EventTime="2026-01-02T00:00:00Z")
        assert not user.get(group)
        shown = sagemaker.describe_feature_group(FeatureGroupName=group)["OnlineStoreConfig"]
        assert shown["StorageType"] == storage
        assert shown.get("SecurityConfig", {}).get("KmsKeyId") == key


def test_you_can_enable_and_disable_automatic_key_rotation(kms, user, protected):
    group = fresh("rotated")
    user.create(group, protected)
    user.put(group)
    kms.enable_key_rotation(KeyId=protected)
    assert kms.get_key_rotation_status(KeyId=protected)["KeyRotationEnabled"]
    kms.rotate_key_on_demand(KeyId=protected)
    until(lambda: kms.list_key_rotations(KeyId=protected)["Rotations"])
    # What was written before is still read, and written anew.
    assert user.get(group)
    user.put(group, "2026-01-02T00:00:00Z")
    assert user.get(group)
    kms.disable_key_rotation(KeyId=protected)
    assert not kms.get_key_rotation_status(KeyId=protected)["KeyRotationEnabled"]
    assert user.get(group)


@pytest.mark.parametrize("spec, usage", [
    ("RSA_2048", "ENCRYPT_DECRYPT"), ("RSA_2048", "SIGN_VERIFY"), ("ECC_NIST_P256", "SIGN_VERIFY"),
    ("HMAC_256", "GENERATE_VERIFY_MAC")])
def test_feature_store_supports_only_symmetric_keys(kms, sagemaker, server, spec, usage):
    wrong = kms.create_key(KeySpec=spec, KeyUsage=usage)["KeyMetadata"]["Arn"]
    owner = Actor(server, fresh("owner"), document(allowing("*")))
    group = fresh("asymmetric")
    code, text = refused(owner.create, group, wrong)
    assert code == "ValidationException" and "symmetric" in text
    check_nothing_left(kms, sagemaker, group)


@pytest.mark.parametrize("state, text", [
    ("disabled", "DisabledException: {} is disabled."),
    ("pending deletion", "KMSInvalidStateException: {} is pending deletion."),
    ("pending import", "KMSInvalidStateException: {} is pending import.")])
def test_a_key_that_cannot_be_used_is_refused_in_the_words_of_kms(kms, sagemaker, server, state, text):
    origin = "EXTERNAL" if state == "pending import" else "AWS_KMS"
    unusable = kms.create_key(Origin=origin)["KeyMetadata"]["Arn"]
    if state == "disabled":
        kms.disable_key(KeyId=unusable)
    elif state == "pending deletion":
        kms.schedule_key_deletion(KeyId=unusable, PendingWindowInDays=7)
    owner = Actor(server, fresh("owner"), document(allowing("*")))
    group = fresh("unusable")
    assert refused(owner.create, group, unusable) == (
        "ValidationException", text.format(unusable))
    check_nothing_left(kms, sagemaker, group, unusable)


def test_a_key_of_another_region_is_refused(kms, sagemaker, server, key):
    owner = Actor(server, fresh("owner"), document(allowing("*")))
    group = fresh("foreign")
    code, text = refused(owner.create, group, key.replace(REGION, "eu-west-1"))
    assert code == "ValidationException" and "eu-west-1" in text
    check_nothing_left(kms, sagemaker, group)


# -- Grants -----------------------------------------------------------------------------------


def grants_of(kms, key: str) -> dict[str, dict]:
    return {grant["Name"]: grant for grant in kms.list_grants(KeyId=key)["Grants"] if "Name" in grant}


def test_feature_store_uses_grants_that_list_grants_shows(kms, user, protected):
    group = fresh("granted")
    user.create(group, protected)
    (name, grant), = grants_of(kms, protected).items()
    context = grant["Constraints"]["EncryptionContextEquals"]
    arn = f"arn:aws:sagemaker:{REGION}:{ACCOUNT}:feature-group/{group}"
    assert context["aws:sagemaker:featureGroupArn"] == arn
    assert name == f"SageMakerFeatureStore-{group}-{context['aws:sagemaker:featureGroupId']}"
    assert grant["GranteeServicePrincipal"] == "sagemaker.amazonaws.com"
    assert grant["RetiringServicePrincipal"] == "sagemaker.amazonaws.com"
    assert grant["Constraints"]["SourceArn"] == arn
    assert set(grant["Operations"]) == {
        "Decrypt", "Encrypt", "GenerateDataKey", "ReEncryptFrom", "ReEncryptTo", "CreateGrant",
        "RetireGrant", "DescribeKey"}
    assert grant["IssuingAccount"].split(":")[-2] == ACCOUNT or grant["IssuingAccount"] == ACCOUNT


def test_each_grant_is_specific_to_an_online_store(kms, user, protected):
    groups = [fresh("unique") for _ in range(3)]
    for group in groups:
        user.create(group, protected)
    grants = grants_of(kms, protected)
    assert len(grants) == 3
    assert len({grant["GrantId"] for grant in grants.values()}) == 3
    assert {name.split("-")[1] for name in grants} == set(groups)


def test_feature_store_needs_no_grants_for_the_aws_owned_key(server, user):
    group = fresh("ungranted")
    user.create(group, None)
    events = server.client("cloudtrail").lookup_events(LookupAttributes=[
        {"AttributeKey": "Username", "AttributeValue": user.name}])["Events"]
    assert {event["EventName"] for event in events} == {"CreateFeatureGroup"}


def test_deleting_the_group_retires_its_grant_and_a_new_one_of_the_name_gets_another(kms, user, protected):
    group = fresh("again")
    user.create(group, protected)
    (first, grant), = grants_of(kms, protected).items()
    user.sagemaker.delete_feature_group(FeatureGroupName=group)
    assert grants_of(kms, protected) == {}
    user.create(group, protected)
    (second, other), = grants_of(kms, protected).items()
    assert first != second
    assert grant["Constraints"] != other["Constraints"]


def test_the_key_policy_allows_administrators_to_revoke_the_grant(server, kms, user, protected):
    group = fresh("revoked")
    user.create(group, protected)
    user.put(group)
    (_, grant), = grants_of(kms, protected).items()
    session = server.client("sts").assume_role(
        RoleArn=f"arn:aws:iam::{ACCOUNT}:role/featurestore-admin", RoleSessionName="admin")["Credentials"]
    administrator = session_of(
        aws_access_key_id=session["AccessKeyId"], aws_secret_access_key=session["SecretAccessKey"],
        aws_session_token=session["SessionToken"]).client("kms", endpoint_url=server.url)
    assert administrator.describe_key(KeyId=protected)["KeyMetadata"]["Arn"] == protected
    assert "Policy" in administrator.get_key_policy(KeyId=protected, PolicyName="default")
    assert not administrator.get_key_rotation_status(KeyId=protected)["KeyRotationEnabled"]
    assert len(administrator.list_grants(KeyId=protected)["Grants"]) == 1
    administrator.revoke_grant(KeyId=protected, GrantId=grant["GrantId"])
    assert grants_of(kms, protected) == {}
    open_to_all = json.dumps(example_policy(user.arn, user.arn))
    for beyond in (lambda: administrator.encrypt(KeyId=protected, Plaintext=b"x"),
                   lambda: administrator.disable_key(KeyId=protected),
                   lambda: administrator.enable_key_rotation(KeyId=protected),
                   lambda: administrator.put_key_policy(KeyId=protected, Policy=open_to_all)):
        assert refused(beyond)[0] == "AccessDeniedException"
    # Callers with kms:Decrypt of their own go on.
    user.put(group, "2026-01-02T00:00:00Z")
    assert user.get(group)


# -- What CloudTrail shows --------------------------------------------------------------------


def events_of(server, name: str, **attribute) -> list[dict]:
    (attribute_key, value), = attribute.items()
    found = server.client("cloudtrail").lookup_events(LookupAttributes=[
        {"AttributeKey": attribute_key, "AttributeValue": value}])["Events"]
    events = [json.loads(event["CloudTrailEvent"]) for event in found]
    return [event for event in events if event["eventName"] == name]


def test_cloudtrail_tracks_the_requests_that_feature_store_sends_to_kms(server, user, protected):
    group = fresh("audited")
    user.create(group, protected)
    user.put(group)
    for name, count in (("DescribeKey", 1), ("GenerateDataKey", 2), ("CreateGrant", 1), ("Decrypt", 2)):
        events = events_of(server, name, Username=user.name)
        assert len(events) == count, name
        for event in events:
            assert event["userIdentity"]["arn"] == user.arn
            assert event["userIdentity"]["invokedBy"] == "sagemaker.amazonaws.com"
            assert event["sourceIPAddress"] == "sagemaker.amazonaws.com"
            assert event["resources"][0]["ARN"] == protected
            assert "errorCode" not in event
    context = events_of(server, "Decrypt", Username=user.name)[0]["requestParameters"]["encryptionContext"]
    assert context["aws:sagemaker:featureGroupArn"].endswith(f":feature-group/{group}")


def test_cloudtrail_shows_the_service_retiring_the_grant_in_its_own_name(server, user, protected):
    group = fresh("retiring")
    user.create(group, protected)
    user.sagemaker.delete_feature_group(FeatureGroupName=group)
    event, = events_of(server, "RetireGrant", ResourceName=protected)
    assert event["userIdentity"] == {"type": "AWSService", "invokedBy": "sagemaker.amazonaws.com"}
    assert "errorCode" not in event


# -- Records ----------------------------------------------------------------------------------


def record_calls(actor: Actor, group: str) -> dict:
    runtime = actor.runtime
    return {
        "PutRecord": lambda: actor.put(group),
        "GetRecord": lambda: actor.get(group),
        "DeleteRecord": lambda: runtime.delete_record(
            FeatureGroupName=group, RecordIdentifierValueAsString="a", EventTime="2026-01-01T00:00:00Z"),
        "UpdateRecord": lambda: runtime.update_record(
            FeatureGroupName=group, RecordIdentifierValueAsString="a", Features=RECORD),
        "ListRecords": lambda: runtime.list_records(FeatureGroupName=group),
        "BatchGetRecord": lambda: batch(actor, group),
        "BatchWriteRecord": lambda: batch_write(actor, group),
    }


def batch(actor: Actor, group: str):
    """Fails with the error of the one identifier, if it has one."""
    answer = actor.runtime.batch_get_record(Identifiers=[
        {"FeatureGroupName": group, "RecordIdentifiersValueAsString": ["a"]}])
    for error in answer["Errors"]:
        said = {"Error": {"Code": error["ErrorCode"], "Message": error["ErrorMessage"]}}
        raise botocore.exceptions.ClientError(said, "BatchGetRecord")


def batch_write(actor: Actor, group: str):
    """Fails with the error of the one entry, if it has one."""
    answer = actor.runtime.batch_write_record(Entries=[{"FeatureGroupName": group, "Record": RECORD}])
    for error in answer["Errors"]:
        said = {"Error": {"Code": error["ErrorCode"], "Message": error["ErrorMessage"]}}
        raise botocore.exceptions.ClientError(said, "BatchWriteRecord")


# The operations with the actions that they need.
OPERATIONS = {
    "PutRecord": ["PutRecord"], "GetRecord": ["GetRecord"], "DeleteRecord": ["DeleteRecord"],
    "BatchGetRecord": ["BatchGetRecord"], "UpdateRecord": ["PutRecord"], "ListRecords": ["ListRecords"],
    "BatchWriteRecord": ["BatchWriteRecord", "PutRecord"],
}


@pytest.mark.parametrize("operation", OPERATIONS)
def test_the_caller_of_all_data_plane_operations_must_have_decrypt_on_the_key(
        kms, user, key, policy, operation):
    protect(kms, key, policy)
    group = fresh("data")
    user.create(group, key)
    user.put(group)
    call = record_calls(user, group)[operation]
    call()
    policy["Statement"][0]["Action"] = ["kms:Decrypt"]
    protect(kms, key, policy)
    call()
    policy["Statement"][0]["Action"] = [action for action in MINIMUM if action != "kms:Decrypt"]
    protect(kms, key, policy)
    code, text = refused(call)
    assert code == "AccessForbidden" and f"kms:Decrypt on resource: {key}" in text


@pytest.mark.parametrize("operation", OPERATIONS)
def test_the_caller_may_be_a_user_or_a_role(server, kms, key, administrator_role, operation):
    caller = Assumed(server, fresh("caller-role"), STORE_USER)
    policy = example_policy(caller.arn, administrator_role)
    protect(kms, key, policy)
    group = fresh("data")
    caller.create(group, key)
    caller.put(group)
    call = record_calls(caller, group)[operation]
    call()
    policy["Statement"][0]["Action"].remove("kms:Decrypt")
    protect(kms, key, policy)
    code, text = refused(call)
    assert code == "AccessForbidden" and f"kms:Decrypt on resource: {key}" in text


def test_you_can_deny_access_to_individuals_at_the_feature_group_level(server, user, kms, key, policy):
    other = Actor(server, fresh("individual"), STORE_USER)
    policy["Statement"][0]["Principal"] = {"AWS": [user.arn, other.arn]}
    protect(kms, key, policy)
    first, second = fresh("individual"), fresh("individual")
    for group in (first, second):
        user.create(group, key)
        user.put(group)
        assert other.get(group)
    arn = f"arn:aws:sagemaker:{REGION}:{ACCOUNT}:feature-group/{first}"
    other.may(document(allowing("sagemaker:*"), {"Effect": "Deny", "Action": "sagemaker:*", "Resource": arn}))
    code, text = refused(other.get, first)
    assert code == "AccessForbidden" and f"sagemaker:GetRecord on resource: {arn}" in text
    assert "explicit deny" in text
    assert other.get(second) and user.get(first)
    # By the key alone, of which one group's encryption context is denied.
    other.may(STORE_USER)
    assert other.get(first)
    policy["Statement"].append({
        "Effect": "Deny", "Principal": {"AWS": other.arn}, "Action": "kms:Decrypt", "Resource": "*",
        "Condition": {"StringEquals": {"kms:EncryptionContext:aws:sagemaker:featureGroupArn": arn}}})
    protect(kms, key, policy)
    code, text = refused(other.get, first)
    assert code == "AccessForbidden" and f"kms:Decrypt on resource: {key}" in text
    assert other.get(second) and user.get(first)


@pytest.mark.parametrize("operation", OPERATIONS)
def test_the_caller_of_all_data_plane_operations_must_have_its_action_on_the_group(
        user, protected, operation):
    group = fresh("data")
    user.create(group, protected)
    user.put(group)
    call = record_calls(user, group)[operation]
    arn = f"arn:aws:sagemaker:{REGION}:{ACCOUNT}:feature-group/{group}"
    actions = [f"sagemaker:{action}" for action in OPERATIONS[operation]]
    user.may(document({"Effect": "Allow", "Action": actions, "Resource": arn}))
    call()
    for missing in actions:
        rest = [action for action in actions if action != missing]
        user.may(document({"Effect": "Allow", "Action": actions, "Resource": arn + "2"},
                          {"Effect": "Allow", "Action": rest or ["sts:X"], "Resource": arn},
                          allowing("kms:*")))
        code, text = refused(call)
        assert code == "AccessForbidden" and f"{missing} on resource: {arn}" in text


@pytest.mark.parametrize("operation", OPERATIONS)
def test_a_key_that_cannot_be_used_forbids_access_in_the_words_of_kms(kms, user, protected, operation):
    group = fresh("closed")
    user.create(group, protected)
    user.put(group)
    call = record_calls(user, group)[operation]
    kms.disable_key(KeyId=protected)
    assert refused(call) == ("AccessForbidden", f"DisabledException: {protected} is disabled.")
    kms.enable_key(KeyId=protected)
    call()
    kms.schedule_key_deletion(KeyId=protected, PendingWindowInDays=7)
    assert refused(call) == (
        "AccessForbidden", f"KMSInvalidStateException: {protected} is pending deletion.")


# -- Background work and the health of keys ----------------------------------------------------


def described(sagemaker, group: str) -> dict:
    return sagemaker.describe_feature_group(FeatureGroupName=group)


def until(found, seconds: float = 60):
    """What `found` finds, once it finds something."""
    deadline = time.monotonic() + seconds
    while not (result := found()):
        assert time.monotonic() < deadline, "nothing was found in time"
        time.sleep(0.1)
    return result


def doctor(server) -> tuple[int, dict[str, dict], str]:
    """What `strongroom doctor` says: its status, and the groups by name."""
    command = [str(binary()), "doctor", "--endpoint", server.url]
    told = subprocess.run([*command, "--json"], env=server.environment(), capture_output=True, text=True)
    groups = {group["FeatureGroupArn"].rpartition("/")[2]: group for group in json.loads(told.stdout)}
    text = subprocess.run(command, env=server.environment(), capture_output=True, text=True)
    return told.returncode, groups, text.stdout


def test_if_you_revoke_the_grant_feature_store_cannot_maintain_the_store(
        fresh_server, administrator_of_fresh):
    owner, kms, sagemaker = administrator_of_fresh
    key = kms.create_key()["KeyMetadata"]["Arn"]
    owner.create("revoked", key)
    owner.create("kept", key)
    owner.put("revoked")
    assert "FailureReason" not in described(sagemaker, "revoked")
    assert doctor(fresh_server)[0] == 0
    name, grant = next(found for found in grants_of(kms, key).items() if "-revoked-" in found[0])
    kms.revoke_grant(KeyId=key, GrantId=grant["GrantId"])
    reason = until(lambda: described(sagemaker, "revoked").get("FailureReason"))
    assert f"sagemaker.amazonaws.com is not authorized to perform: kms:Decrypt on resource: {key}" in reason
    assert described(sagemaker, "revoked")["FeatureGroupStatus"] == "Created"
    assert "FailureReason" not in described(sagemaker, "kept")
    # The log and the audit trail say so too, and callers go on.
    until(lambda: "background work for a feature group is stopped" in fresh_server.log_text())
    event = until(lambda: [event for event in events_of(fresh_server, "Decrypt", ReadOnly="true")
                           if event["userIdentity"].get("type") == "AWSService"])[0]
    assert event["userIdentity"]["invokedBy"] == "sagemaker.amazonaws.com"
    assert event["errorCode"] == "AccessDenied"
    assert owner.get("revoked")
    # The doctor names the group and the cure, and the cure cures.
    status, groups, text = doctor(fresh_server)
    assert status == 1
    assert groups["kept"]["BackgroundWork"] == "Running"
    assert groups["revoked"]["BackgroundWork"] == "Stopped"
    assert ":feature-group/revoked\tkey" in text
    cure = groups["revoked"]["Findings"][0]["Cure"]
    command = shlex.split(cure[cure.index("aws kms create-grant"):cure.index(";")])
    done = fresh_server.cli(*command[1:])
    assert done.returncode == 0, done.stderr
    assert name in grants_of(kms, key)
    until(lambda: "FailureReason" not in described(sagemaker, "revoked"))
    assert doctor(fresh_server)[0] == 0


@pytest.fixture
def administrator_of_fresh(fresh_server):
    return (Actor(fresh_server, "owner", document(allowing("*"))), fresh_server.client("kms"),
            fresh_server.client("sagemaker"))


def test_feature_store_can_get_information_about_the_key_directly(fresh_server, administrator_of_fresh):
    owner, kms, _ = administrator_of_fresh
    key = kms.create_key()["KeyMetadata"]["Arn"]
    owner.create("health", key)
    # The default key policy has no statement for the service.
    status, groups, _ = doctor(fresh_server)
    assert (status, groups["health"]["KeyHealth"]) == (0, "Unknown")
    assert "KeyState" not in groups["health"]
    assert groups["health"]["BackgroundWork"] == "Running"
    owner.put("health")
    assert owner.get("health")
    protect(kms, key, example_policy(owner.arn, owner.arn))
    kms.enable_key_rotation(KeyId=key)
    _, groups, _ = doctor(fresh_server)
    found = groups["health"]
    assert (found["KeyHealth"], found["KeyState"]) == ("Healthy", "Enabled")
    assert (found["KeyRotationEnabled"], found["GrantPresent"]) == (True, True)
    assert found["Findings"] == []
    kms.disable_key(KeyId=key)
    status, groups, _ = doctor(fresh_server)
    assert (status, groups["health"]["KeyHealth"]) == (1, "Unhealthy")
    assert groups["health"]["Findings"][0]["Cure"] == f"aws kms enable-key --key-id {key}"
    for name in ("DescribeKey", "GetKeyRotationStatus", "ListGrants"):
        own = [event for event in events_of(fresh_server, name, ResourceName=key)
               if event["userIdentity"].get("type") == "AWSService" and "errorCode" not in event]
        assert own, name


# -- Taking rights away ------------------------------------------------------------------------


class Right:
    """A caller who may read, and one way to take that away and give it back."""

    def __init__(self, name: str, actor, take, give, code: str = "AccessForbidden"):
        self.name, self.actor, self.take, self.give, self.code = name, actor, take, give, code


class Session:
    """A session of a role, as callers of the tests are."""

    def __init__(self, server, role: str):
        given = server.client("sts").assume_role(RoleArn=role, RoleSessionName="racer")["Credentials"]
        self.key = {name: given[name] for name in ("AccessKeyId", "SecretAccessKey", "SessionToken")}
        session = session_of(aws_access_key_id=given["AccessKeyId"],
                             aws_secret_access_key=given["SecretAccessKey"],
                             aws_session_token=given["SessionToken"])
        self.runtime = session.client("sagemaker-featurestore-runtime", endpoint_url=server.url,
                                      config=botocore.config.Config(retries={"max_attempts": 1}))

    get, put = Actor.get, Actor.put


class Reborn(Actor):
    """A user who is deleted and made again under the same name."""

    def delete(self):
        self.iam.delete_access_key(UserName=self.name, AccessKeyId=self.key["AccessKeyId"])
        self.iam.delete_user_policy(UserName=self.name, PolicyName="p")
        self.iam.delete_user(UserName=self.name)

    def again(self):
        self.__init__(self.server, self.name, EVERYTHING)


EVERYTHING = document(allowing("sagemaker:*", "kms:Decrypt", "iam:PassRole"))


def rights(server, kms, user: Actor, key: str, policy: dict) -> list[Right]:
    """Every way to take a right away that the model has, but for time itself and the end of the key."""
    iam = server.client("iam")
    without = copy.deepcopy(policy)
    without["Statement"][0]["Action"].remove("kms:Decrypt")
    attached = Actor(server, fresh("attached"), None)
    managed = iam.create_policy(PolicyName=fresh("racer"), PolicyDocument=EVERYTHING)["Policy"]["Arn"]
    at = {"UserName": attached.name, "PolicyArn": managed}
    iam.attach_user_policy(**at)
    granted = Actor(server, fresh("granted"), STORE_USER)
    grant = {}

    def give_grant():
        made = kms.create_grant(KeyId=key, GranteePrincipal=granted.arn, Operations=["Decrypt"])
        grant["GrantId"] = made["GrantId"]

    give_grant()
    reborn = Reborn(server, fresh("reborn"), EVERYTHING)
    inactive = Actor(server, fresh("inactive"), EVERYTHING)
    of_key = {"UserName": inactive.name, "AccessKeyId": inactive.key["AccessKeyId"]}
    role = fresh("racer")
    trust = document({"Effect": "Allow", "Principal": {"AWS": ACCOUNT}, "Action": "sts:AssumeRole"})
    arn = iam.create_role(RoleName=role, AssumeRolePolicyDocument=trust)["Role"]["Arn"]
    iam.put_role_policy(RoleName=role, PolicyName="p", PolicyDocument=EVERYTHING)
    older = document({"Effect": "Deny", "Action": "*", "Resource": "*",
                      "Condition": {"DateLessThan": {"aws:TokenIssueTime": "2100-01-01T00:00:00Z"}}})
    revocation = {"RoleName": role, "PolicyName": "AWSRevokeOlderSessions"}
    unknown = "UnrecognizedClientException"
    return [
        Right("disable_key", user, lambda: kms.disable_key(KeyId=key), lambda: kms.enable_key(KeyId=key)),
        Right("schedule_deletion", user, lambda: kms.schedule_key_deletion(KeyId=key, PendingWindowInDays=7),
              lambda: (kms.cancel_key_deletion(KeyId=key), kms.enable_key(KeyId=key))),
        Right("key_policy", user, lambda: protect(kms, key, without), lambda: protect(kms, key, policy)),
        Right("user_policy", user, lambda: user.may(document(allowing("kms:*"))),
              lambda: user.may(STORE_USER)),
        Right("detach", attached, lambda: iam.detach_user_policy(**at),
              lambda: iam.attach_user_policy(**at)),
        Right("revoke_grant", granted, lambda: kms.revoke_grant(KeyId=key, **grant), give_grant),
        Right("delete_user", reborn, reborn.delete, reborn.again, unknown),
        Right("access_key", inactive, lambda: iam.update_access_key(Status="Inactive", **of_key),
              lambda: iam.update_access_key(Status="Active", **of_key), unknown),
        Right("revoke_session", Session(server, arn),
              lambda: iam.put_role_policy(PolicyDocument=older, **revocation),
              lambda: iam.delete_role_policy(**revocation)),
    ]


# What closes the key for everybody, and what else is about the key: nothing of it concerns a group
# without a key of its own.
CLOSING = {"disable_key": "DisabledException", "schedule_deletion": "KMSInvalidStateException"}
OF_THE_KEY = {*CLOSING, "key_policy", "revoke_grant"}


class Reading:
    """Reading a record of a group whose online store has a key of the customer's."""

    def __init__(self, user: Actor, key: str, _role):
        self.group, self.key = fresh("race"), key
        user.create(self.group, key)
        user.put(self.group)

    def takings(self, rights: list[Right]) -> list[Right]:
        return rights

    def parameters(self) -> dict:
        """What a `PutRecord` has beside the record."""
        return {}

    def work(self, runtime):
        answer = runtime.get_record(FeatureGroupName=self.group, RecordIdentifierValueAsString="a")
        assert "Record" in answer


class WritingOffline(Reading):
    """Writing to the offline store alone of a group that has both, the online one under the customer's key."""

    def __init__(self, user: Actor, key: str, role):
        self.group, self.key = fresh("race"), key
        user.create(self.group, key, **offline(role))
        user.put(self.group)

    def parameters(self) -> dict:
        return {"TargetStores": ["OfflineStore"]}

    def work(self, runtime):
        # Of one record there are 500 writes a second.
        record = [{"FeatureName": "id", "ValueAsString": f"r{next(counter) % 100}"}, RECORD[1]]
        runtime.put_record(FeatureGroupName=self.group, Record=record, **self.parameters())


class OfflineOnly(WritingOffline):
    """Writing to a group that has an offline store only: there is no key that the caller needs."""

    def __init__(self, user: Actor, key: str, role):
        self.group = fresh("race")
        user.sagemaker.create_feature_group(
            FeatureGroupName=self.group, RecordIdentifierFeatureName="id", EventTimeFeatureName="at",
            FeatureDefinitions=[{"FeatureName": name, "FeatureType": "String"} for name in ("id", "at")],
            **offline(role))

    def takings(self, rights: list[Right]) -> list[Right]:
        return [right for right in rights if right.name not in OF_THE_KEY]

    def parameters(self) -> dict:
        return {}


# With the rounds of each: writing waits for the disk.
RACES = [(Reading, ROUNDS), (WritingOffline, ROUNDS // 3), (OfflineOnly, ROUNDS // 3)]


def refused_code(work, runtime) -> str | None:
    """The code that the call was refused with; None if it was not."""
    try:
        work(runtime)
    except botocore.exceptions.ClientError as error:
        return error.response["Error"]["Code"]
    return None


@pytest.mark.parametrize("kind, rounds", RACES, ids=[kind.__name__ for kind, _ in RACES])
def test_a_right_that_was_taken_away_is_gone_on_the_next_request_under_load(
        server, kms, user, key, policy, role, kind, rounds):
    """Requests begun after the change was acknowledged never succeed, whatever the others do.

    Time takes rights away too: that a session which has expired does nothing under load is shown with
    a clock that can be moved, in `crates/featurestore/tests/it/expiry.rs`.
    """
    protect(kms, key, policy)
    race = kind(user, key, role)
    takings = race.takings(rights(server, kms, user, key, policy))
    actors = list({id(right.actor): right.actor for right in takings}.values())
    stop, failures, calls = threading.Event(), [], itertools.count()
    lock = threading.Lock()
    # What an actor may do; None while it changes. The number tells changes apart.
    states = {id(actor): (0, True) for actor in actors}

    def work_on(actors):
        for actor in itertools.cycle(actors):
            if stop.is_set():
                return
            with lock:
                before, runtime = states[id(actor)], actor.runtime
            try:
                succeeded = refused_code(race.work, runtime) is None
            except Exception as failed:  # an answer that is neither the record nor a refusal
                failures.append(failed)
                return
            with lock:
                after = states[id(actor)]
            next(calls)
            # Nothing changed meanwhile: the answer must be that of the state.
            if before == after and before[1] is not None and succeeded != before[1]:
                failures.append((actors.index(actor), before, succeeded))

    def change(concerned, to, opened: bool):
        with lock:
            states.update({id(actor): (states[id(actor)][0] + 1, None) for actor in concerned})
        to()
        with lock:
            states.update({id(actor): (states[id(actor)][0] + 1, opened) for actor in concerned})

    workers = [threading.Thread(target=work_on, args=(actors[number % len(actors):] + actors,))
               for number in range(4)]
    for worker in workers:
        worker.start()
    try:
        for number in range(rounds):
            right = takings[number % len(takings)]
            concerned = actors if right.name in CLOSING else [right.actor]
            change(concerned, right.take, False)
            assert refused_code(race.work, right.actor.runtime) == right.code, right.name
            change(concerned, right.give, True)
            race.work(right.actor.runtime)
    finally:
        stop.set()
        for worker in workers:
            worker.join()
    assert failures == []
    assert next(calls) > rounds


@pytest.mark.parametrize("kind", [kind for kind, _ in RACES], ids=[kind.__name__ for kind, _ in RACES])
def test_a_body_that_arrives_slowly_is_decided_when_it_is_complete(server, kms, user, key, policy, role, kind):
    protect(kms, key, policy)
    race = kind(user, key, role)
    for right in race.takings(rights(server, kms, user, key, policy)):
        head, body = signed_put(server, right.actor, race.group, **race.parameters())
        with socket.create_connection(server.url.removeprefix("http://").split(":")) as connection:
            connection.settimeout(60)
            connection.sendall(head + body[:-1])
            # All but the last byte has arrived; the right is taken away before that does.
            right.take()
            connection.sendall(body[-1:])
            answer = raw.answer_on(connection).decode()
        assert answer.startswith("HTTP/1.1 403"), (right.name, answer)
        assert right.code in answer, (right.name, answer)
        assert CLOSING.get(right.name, "") in answer
        right.give()
        race.work(right.actor.runtime)
    if kind is not OfflineOnly:
        answer = user.runtime.get_record(FeatureGroupName=race.group, RecordIdentifierValueAsString="a")
        assert {"FeatureName": "at", "ValueAsString": "2026-01-01T00:00:00Z"} in answer["Record"]


def signed_put(server, user, group: str, **more) -> tuple[bytes, bytes]:
    """Head and body of a `PutRecord`, signed."""
    body = json.dumps({"Record": [
        RECORD[0], {"FeatureName": "at", "ValueAsString": "2026-01-02T00:00:00Z"}], **more}).encode()
    host = server.url.removeprefix("http://")
    request = botocore.awsrequest.AWSRequest(
        method="PUT", url=f"{server.url}/FeatureGroup/{group}", data=body,
        headers={"content-type": "application/json", "host": host, "content-length": str(len(body))})
    credentials = botocore.credentials.Credentials(
        user.key["AccessKeyId"], user.key["SecretAccessKey"], user.key.get("SessionToken"))
    botocore.auth.SigV4Auth(credentials, "sagemaker", REGION).add_auth(request)
    lines = [f"PUT /FeatureGroup/{group} HTTP/1.1"]
    lines += [f"{name}: {value}" for name, value in request.headers.items()]
    return ("\r\n".join(lines) + "\r\n\r\n").encode(), body


# -- The offline store ----------------------------------------------------------------------


BUCKET = "sagemaker-offline"
ON_THE_BUCKET = ["s3:GetBucketAcl", "s3:PutObject", "s3:PutObjectAcl"]


class Role:
    """A role that SageMaker may assume, with the rights on the bucket and on nothing else."""

    def __init__(self, server, name: str):
        self.iam, self.name = server.client("iam"), name
        trust = document({"Effect": "Allow", "Principal": {"Service": "sagemaker.amazonaws.com"},
                          "Action": "sts:AssumeRole"})
        self.arn = self.iam.create_role(RoleName=name, AssumeRolePolicyDocument=trust)["Role"]["Arn"]
        self.may(*ON_THE_BUCKET)

    def may(self, *actions: str):
        self.iam.put_role_policy(RoleName=self.name, PolicyName="p", PolicyDocument=document(allowing(*actions)))


@pytest.fixture(scope="module")
def bucket(server) -> str:
    server.client("strongroom").create_bucket(Bucket=BUCKET)
    return BUCKET


@pytest.fixture
def role(server, bucket) -> Role:
    return Role(server, fresh("offline"))


def offline(role: Role, key: str | None = None) -> dict:
    """The parameters of an offline store under `key`."""
    storage = {"S3Uri": f"s3://{BUCKET}/features"}
    if key:
        storage["KmsKeyId"] = key
    return {"RoleArn": role.arn, "OfflineStoreConfig": {"S3StorageConfig": storage}}


def for_role(role: Role, *actions: str, **more) -> dict:
    return {"Effect": "Allow", "Principal": {"AWS": role.arn}, "Action": list(actions), "Resource": "*", **more}


def described_offline(sagemaker, group: str) -> tuple[dict, dict]:
    shown = sagemaker.describe_feature_group(FeatureGroupName=group)
    return shown["OfflineStoreConfig"]["S3StorageConfig"], shown["OfflineStoreStatus"]


def test_the_cmk_can_be_different_for_each_store_or_the_same(kms, user, policy, key, role, sagemaker):
    other = kms.create_key()["KeyMetadata"]["Arn"]
    policy["Statement"].append(for_role(role, "kms:GenerateDataKey"))
    protect(kms, key, policy)
    protect(kms, other, policy)
    for mine in (key, other):
        group = fresh("offline")
        user.create(group, key, **offline(role, mine))
        user.put(group)
        storage, status = described_offline(sagemaker, group)
        assert storage["KmsKeyId"] == mine and status == {"Status": "Active"}
        assert user.get(group)


def test_by_default_the_offline_store_is_under_the_aws_managed_key(kms, user, role, sagemaker):
    group = fresh("offline")
    user.create(group, None, **offline(role))
    storage, status = described_offline(sagemaker, group)
    assert "KmsKeyId" not in storage and status == {"Status": "Active"}
    found = kms.describe_key(KeyId="alias/aws/s3")["KeyMetadata"]
    assert found["KeyManager"] == "AWS"
    code, _ = refused(kms.disable_key, KeyId=found["Arn"])
    assert code in ("AccessDeniedException", "UnsupportedOperationException")


def test_the_offline_store_supports_only_symmetric_keys(kms, user, role, sagemaker):
    role.may(*ON_THE_BUCKET, "kms:GenerateDataKey")
    for parameters in ({"KeySpec": "RSA_2048", "KeyUsage": "ENCRYPT_DECRYPT"},
                       {"KeySpec": "ECC_NIST_P256", "KeyUsage": "SIGN_VERIFY"},
                       {"KeySpec": "HMAC_256", "KeyUsage": "GENERATE_VERIFY_MAC"}):
        asymmetric = kms.create_key(**parameters)["KeyMetadata"]["Arn"]
        group = fresh("offline")
        code, message = refused(user.create, group, None, **offline(role, asymmetric))
        assert code == "ValidationException" and "KMS.InvalidKeyUsageException" in message
        check_nothing_left(kms, sagemaker, group)


def test_with_via_service_the_same_key_for_both_stores_fails_create_feature_group(
        kms, user, policy, key, role, sagemaker):
    policy["Statement"][0]["Principal"] = {"AWS": [user.arn, role.arn]}
    protect(kms, key, policy)
    group = fresh("offline")
    user.create(group, key)
    group = fresh("offline")
    code, message = refused(user.create, group, key, **offline(role, key))
    assert code == "ValidationException"
    assert f"{role.name}/SageMaker is not authorized to perform: kms:GenerateDataKey" in message
    check_nothing_left(kms, sagemaker, group, key)
    group = fresh("offline")
    code, _ = refused(user.create, group, None, **offline(role, key))
    assert code == "ValidationException", "nor for the offline store alone"


def test_the_key_policy_also_works_for_the_offline_store_only_without_via_service(
        kms, user, policy, key, role):
    policy["Statement"][0]["Principal"] = {"AWS": [user.arn, role.arn]}
    del policy["Statement"][0]["Condition"]
    protect(kms, key, policy)
    group = fresh("offline")
    user.create(group, key, **offline(role, key))
    user.put(group)
    policy["Statement"][0]["Condition"] = {"StringLike": {"kms:ViaService": "s3.*.amazonaws.com"}}
    protect(kms, key, policy)
    user.create(fresh("offline"), None, **offline(role, key))


def test_the_role_must_have_generate_data_key_on_the_offline_key(kms, user, key, role, sagemaker):
    group = fresh("offline")
    code, message = refused(user.create, group, None, **offline(role, key))
    assert code == "ValidationException" and "kms:GenerateDataKey" in message
    check_nothing_left(kms, sagemaker, group, key)
    user.may(document(allowing("sagemaker:*", "iam:PassRole", "kms:*")))
    code, _ = refused(user.create, group, None, **offline(role, key))
    assert code == "ValidationException", "the caller's rights are not the role's"
    role.may(*ON_THE_BUCKET, "kms:GenerateDataKey")
    user.may(STORE_USER)
    user.create(group, None, **offline(role, key))


@pytest.mark.parametrize("missing", ON_THE_BUCKET)
def test_the_role_must_have_its_rights_on_the_bucket(kms, user, role, sagemaker, missing):
    role.may(*[action for action in ON_THE_BUCKET if action != missing])
    group = fresh("offline")
    code, message = refused(user.create, group, None, **offline(role))
    assert code == "ValidationException" and f"not authorized to perform: {missing}" in message
    check_nothing_left(kms, sagemaker, group)


def test_the_bucket_policy_counts_for_the_role(server, user, role, kms, sagemaker):
    strongroom = server.client("strongroom")
    name = fresh("sagemaker-denied-")
    strongroom.create_bucket(Bucket=name)
    strongroom.put_bucket_policy(Bucket=name, Policy=document({
        "Effect": "Deny", "Principal": {"AWS": role.arn}, "Action": "s3:PutObject",
        "Resource": f"arn:aws:s3:::{name}/*"}))
    parameters = offline(role)
    parameters["OfflineStoreConfig"]["S3StorageConfig"]["S3Uri"] = f"s3://{name}"
    group = fresh("offline")
    code, message = refused(user.create, group, None, **parameters)
    assert code == "ValidationException" and "explicit deny in a resource-based policy" in message
    check_nothing_left(kms, sagemaker, group)
    strongroom.delete_bucket_policy(Bucket=name)
    user.create(group, None, **parameters)


def test_an_offline_key_that_cannot_be_used_blocks_the_store_and_records_wait(
        server, kms, user, key, role, sagemaker):
    role.may(*ON_THE_BUCKET, "kms:GenerateDataKey")
    group = fresh("offline")
    user.create(group, None, **offline(role, key))
    user.put(group)
    kms.disable_key(KeyId=key)
    _, status = described_offline(sagemaker, group)
    assert status["Status"] == "Blocked" and "DisabledException" in status["BlockedReason"]
    user.put(group)
    assert user.get(group), "the online store is not concerned"
    groups, page = [], {}
    while not groups or page.get("NextToken"):
        page = server.client("strongroom").diagnose_feature_groups(
            **{name: page[name] for name in ["NextToken"] if name in page})
        groups += page["FeatureGroups"]
    [found] = [it for it in groups if it["FeatureGroupArn"].endswith("/" + group)]
    assert found["OfflineStore"]["Status"] == "Blocked" and found["OfflineStore"]["WaitingRecords"] == 2
    kms.enable_key(KeyId=key)
    assert described_offline(sagemaker, group)[1] == {"Status": "Active"}


def test_cloudtrail_tracks_what_s3_asks_kms_for_the_offline_store(server, kms, user, key, role):
    role.may(*ON_THE_BUCKET, "kms:GenerateDataKey")
    user.create(fresh("offline"), None, **offline(role, key))
    trail = server.client("cloudtrail")
    found = trail.lookup_events(LookupAttributes=[{"AttributeKey": "EventName", "AttributeValue": "GenerateDataKey"}])
    events = [json.loads(event["CloudTrailEvent"]) for event in found["Events"]]
    [event] = [it for it in events if it["requestParameters"] and it["requestParameters"]["keyId"] == key]
    identity = event["userIdentity"]
    assert identity["type"] == "AssumedRole" and identity["invokedBy"] == "s3.amazonaws.com"
    assert identity["sessionContext"]["sessionIssuer"]["arn"] == role.arn
    context = event["requestParameters"]["encryptionContext"]
    assert context["aws:s3:arn"].startswith(f"arn:aws:s3:::{BUCKET}/features/{ACCOUNT}/sagemaker/{REGION}/")


def test_what_was_written_offline_stays_when_the_group_is_deleted(server, kms, user, protected, role):
    group = fresh("offline")
    user.create(group, protected, **offline(role))
    user.put(group)
    user.sagemaker.delete_feature_group(FeatureGroupName=group)
    grants = kms.list_grants(KeyId=protected)["Grants"]
    assert [grant for grant in grants if group in grant["Name"]] == [], "what waits needs it no more"
    # What opens it was taken over, through the grant, before that was retired.
    events = [event for event in events_of(server, "Decrypt", ResourceName=protected)
              if event["userIdentity"] == {"type": "AWSService", "invokedBy": "sagemaker.amazonaws.com"}]
    assert [("errorCode" in event, event["requestParameters"]["encryptionContext"]["aws:sagemaker:featureGroupArn"])
            for event in events] == [(False, f"arn:aws:sagemaker:us-east-1:{ACCOUNT}:feature-group/{group}")]
