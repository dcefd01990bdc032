"""Whose key × where the right to use it comes from × what is missing × every record operation."""

import json

import botocore.exceptions
import pytest

from conftest import ACCOUNT, Server, session_of

ROOT = f"arn:aws:iam::{ACCOUNT}:root"
RECORD = [{"FeatureName": "id", "ValueAsString": "a"},
          {"FeatureName": "at", "ValueAsString": "2026-01-02T00:00:00Z"},
          {"FeatureName": "note", "ValueAsString": "x"}]

# Each operation: the actions on the group, and the call.
OPERATIONS = {
    "PutRecord": (["PutRecord"], lambda client, group: client.put_record(FeatureGroupName=group, Record=RECORD)),
    "GetRecord": (["GetRecord"], lambda client, group: client.get_record(
        FeatureGroupName=group, RecordIdentifierValueAsString="a")),
    "BatchGetRecord": (["BatchGetRecord"], lambda client, group: client.batch_get_record(Identifiers=[
        {"FeatureGroupName": group, "RecordIdentifiersValueAsString": ["a"]}])),
    "DeleteRecord": (["DeleteRecord"], lambda client, group: client.delete_record(
        FeatureGroupName=group, RecordIdentifierValueAsString="b", EventTime="2026-01-03T00:00:00Z")),
    "UpdateRecord": (["PutRecord"], lambda client, group: client.update_record(
        FeatureGroupName=group, RecordIdentifierValueAsString="a",
        Features=[{"FeatureName": "note", "ValueAsString": "y"}])),
    "ListRecords": (["ListRecords"], lambda client, group: client.list_records(FeatureGroupName=group)),
    "BatchWriteRecord": (["BatchWriteRecord", "PutRecord"], lambda client, group: client.batch_write_record(
        Entries=[{"FeatureGroupName": group, "Record": RECORD}])),
}

READING = {"GetRecord", "BatchGetRecord", "ListRecords"}

# Who owns the key of the group, and where the caller's kms:Decrypt comes from.
WAYS = [("none", None)] + [(owner, way) for owner in ("own", "other") for way in ("policy", "iam", "grant")]


def document(*statements) -> str:
    return json.dumps({"Version": "2012-10-17", "Statement": list(statements)})


def allow(*actions, **more) -> dict:
    return {"Effect": "Allow", "Action": list(actions), "Resource": "*"} | more


class Way:
    """A group, and a caller with all rights that this way takes; each of them can be taken away."""

    def __init__(self, matrix, owner: str, way: str | None):
        self.owner, self.way, self.iam = owner, way, matrix.iam
        self.name = f"matrix-{owner}-{way}"
        self.user = matrix.iam.create_user(UserName=self.name)["User"]["Arn"]
        key = matrix.iam.create_access_key(UserName=self.name)["AccessKey"]
        self.runtime = matrix.server.client("sagemaker-featurestore-runtime", key)
        self.kms, self.key = None, None
        if owner != "none":
            self.kms = matrix.kms if owner == "own" else matrix.others_kms
            self.home = ROOT if owner == "own" else f"arn:aws:iam::{matrix.other}:root"
            # Made under a policy that lets the administrator create the group.
            self.key = self.kms.create_key(Policy=self.policy(True))["KeyMetadata"]["Arn"]
            self.grant = None
        matrix.group(self.name, self.key)

    def policy(self, right: bool) -> str:
        """The key policy: its account's own root, the administrator, and what the way takes if it is `right`."""
        administrators = {"AWS": [self.home, f"arn:aws:iam::{ACCOUNT}:user/Administrator"]}
        if self.way != "iam" and self.owner == "own":
            # The key policy alone: the account's IAM policies do not count.
            administrators = {"AWS": f"arn:aws:iam::{ACCOUNT}:user/Administrator"}
        statements = [allow("kms:*", Principal=administrators)]
        if right and self.way == "policy":
            statements.append(allow("kms:Decrypt", Principal={"AWS": self.user}))
        if right and self.way == "iam":
            statements.append(allow("kms:Decrypt", Principal={"AWS": ROOT}))
        return document(*statements)

    def set(self, actions: list[str], key: bool):
        """Gives the caller these actions on groups, and the right to the key or not."""
        statements = [allow(*actions)] if actions else []
        # Another account's key needs the caller's own account too, whatever that account says.
        in_iam = self.way == "iam" or self.owner == "other"
        if self.owner != "none" and in_iam and (key or self.owner == "other" and self.way != "iam"):
            statements.append(allow("kms:Decrypt"))
        self.iam.put_user_policy(UserName=self.name, PolicyName="p",
                                 PolicyDocument=document(*statements or [allow("sts:GetCallerIdentity")]))
        if self.way == "policy":
            self.kms.put_key_policy(KeyId=self.key, Policy=self.policy(key))
        if self.way == "grant" and key and not self.grant:
            self.grant = self.kms.create_grant(
                KeyId=self.key, GranteePrincipal=self.user, Operations=["Decrypt"])["GrantId"]
        if self.way == "grant" and not key and self.grant:
            self.kms.revoke_grant(KeyId=self.key, GrantId=self.grant)
            self.grant = None

    def outcome(self, call) -> tuple[str, str]:
        """The code and the message of a refusal; of a success `ok`, and the value that was read."""
        try:
            answer = call(self.runtime, self.name)
        except botocore.exceptions.ClientError as refused:
            said = refused.response
            return said["Error"]["Code"], said["Error"].get("Message") or said.get("Message", "")
        errors = answer.get("Errors") or []
        if errors:
            return errors[0]["ErrorCode"], errors[0]["ErrorMessage"]
        return "ok", json.dumps({name: answer.get(name) for name in ("Record", "Records", "RecordIdentifiers")})


class Matrix:
    def __init__(self, server):
        self.server, self.iam, self.kms = server, server.client("iam"), server.client("kms")
        made = server.client("organizations").create_account(AccountName="keys", Email="keys@example.com")
        self.other = made["CreateAccountStatus"]["AccountId"]
        got = server.client("sts").assume_role(
            RoleArn=f"arn:aws:iam::{self.other}:role/OrganizationAccountAccessRole",
            RoleSessionName="keys")["Credentials"]
        self.others_kms = session_of(
            aws_access_key_id=got["AccessKeyId"], aws_secret_access_key=got["SecretAccessKey"],
            aws_session_token=got["SessionToken"]).client("kms", endpoint_url=server.url)
        self.ways = {}

    def group(self, name: str, key: str | None):
        online = {"EnableOnlineStore": True, "StorageType": "Standard_V2"}
        if key:
            online["SecurityConfig"] = {"KmsKeyId": key}
        self.server.client("sagemaker").create_feature_group(
            FeatureGroupName=name, RecordIdentifierFeatureName="id", EventTimeFeatureName="at",
            FeatureDefinitions=[{"FeatureName": n, "FeatureType": "String"} for n in ("id", "at", "note")],
            OnlineStoreConfig=online)
        self.server.client("sagemaker-featurestore-runtime").put_record(FeatureGroupName=name, Record=[
            RECORD[0], {"FeatureName": "at", "ValueAsString": "2026-01-01T00:00:00Z"}])

    def way(self, owner: str, way: str | None) -> Way:
        if (owner, way) not in self.ways:
            self.ways[owner, way] = Way(self, owner, way)
        return self.ways[owner, way]


@pytest.fixture(scope="module")
def matrix(tmp_path_factory):
    running = Server(tmp_path_factory.mktemp("matrix"))
    yield Matrix(running)
    assert running.stop() == 0


def cases():
    for owner, way in WAYS:
        for operation, (actions, _) in OPERATIONS.items():
            missing = [None, *actions] + (["kms:Decrypt"] if owner != "none" else [])
            for one in missing:
                yield pytest.param(owner, way, operation, one, id=f"{owner}-{way}-{operation}-{one or 'all'}")


@pytest.mark.parametrize("owner, way, operation, missing", list(cases()))
def test_an_operation_is_allowed_with_every_right_and_refused_without_any_one(
        matrix, owner, way, operation, missing):
    actions, call = OPERATIONS[operation]
    tried = matrix.way(owner, way)
    given = [f"sagemaker:{action}" for action in actions if action != missing]
    tried.set(given, key=missing != "kms:Decrypt")
    code, text = tried.outcome(call)
    if missing is None:
        assert code == "ok"
        # What reads has read.
        assert operation not in READING or '"a"' in text, text
        return
    action = missing if ":" in missing else f"sagemaker:{missing}"
    resource = tried.key if missing == "kms:Decrypt" else f":feature-group/{tried.name.lower()}"
    assert code == "AccessForbidden" and f"{action} on resource: " in text and resource in text, text


@pytest.mark.parametrize("way", ["policy", "iam", "grant"])
def test_another_accounts_key_needs_the_callers_own_account_too(matrix, way):
    _, call = OPERATIONS["GetRecord"]
    tried = matrix.way("other", way)
    tried.set(["sagemaker:GetRecord"], key=True)
    assert tried.outcome(call)[0] == "ok"
    matrix.iam.put_user_policy(UserName=tried.name, PolicyName="p",
                               PolicyDocument=document(allow("sagemaker:GetRecord")))
    code, text = tried.outcome(call)
    assert code == "AccessForbidden" and f"kms:Decrypt on resource: {tried.key}" in text
