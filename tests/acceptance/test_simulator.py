"""The policy simulator with boto3 and the AWS CLI, and the accounts of Feature Store's security page."""

import json

import boto3
import botocore.exceptions
import pytest

from conftest import ACCOUNT, REGION


def statement(**parts):
    return json.dumps({"Version": "2012-10-17", "Statement": parts})


def allow(action, resource="*", **more):
    return statement(Effect="Allow", Action=action, Resource=resource, **more)


@pytest.fixture(scope="module")
def arn(iam):
    """A user with an inline policy, in a group with a managed policy."""
    iam.create_user(UserName="simulated", Tags=[{"Key": "team", "Value": "red"}])
    iam.put_user_policy(UserName="simulated", PolicyName="own", PolicyDocument=allow(
        "kms:Decrypt", Condition={"StringEquals": {"aws:PrincipalTag/team": "red"},
                                  "IpAddress": {"aws:SourceIp": "203.0.113.0/24"}}))
    policy = iam.create_policy(PolicyName="simulated", PolicyDocument=allow("kms:Encrypt"))["Policy"]["Arn"]
    iam.create_group(GroupName="simulated")
    iam.attach_group_policy(GroupName="simulated", PolicyArn=policy)
    iam.add_user_to_group(GroupName="simulated", UserName="simulated")
    return f"arn:aws:iam::{ACCOUNT}:user/simulated"


def entry(name, kind, *values):
    return {"ContextKeyName": name, "ContextKeyType": kind, "ContextKeyValues": list(values)}


def test_a_principal_is_simulated(iam, arn):
    answer = iam.simulate_principal_policy(
        PolicySourceArn=arn, ActionNames=["kms:Decrypt", "kms:Encrypt", "kms:Sign"],
        ContextEntries=[entry("aws:SourceIp", "ip", "203.0.113.7")])
    found = {r["EvalActionName"]: r for r in answer["EvaluationResults"]}
    assert [r["EvalDecision"] for r in found.values()] == ["allowed", "allowed", "implicitDeny"]
    own, group = (found[a]["MatchedStatements"][0] for a in ("kms:Decrypt", "kms:Encrypt"))
    assert (own["SourcePolicyId"], own["SourcePolicyType"]) == ("user_simulated_own", "user")
    assert (group["SourcePolicyId"], group["SourcePolicyType"]) == ("simulated", "user-managed")
    text = allow("kms:Encrypt")
    assert group["StartPosition"] == {"Line": 1, "Column": text.index('{"Effect"') + 1}
    assert group["EndPosition"] == {"Line": 1, "Column": len(text)}
    assert not answer["IsTruncated"]


def test_missing_context_is_named(iam, arn):
    found = iam.simulate_principal_policy(PolicySourceArn=arn, ActionNames=["kms:Decrypt"])
    found = found["EvaluationResults"][0]
    assert (found["EvalDecision"], found["MissingContextValues"]) == ("implicitDeny", ["aws:SourceIp"])
    keys = iam.get_context_keys_for_principal_policy(PolicySourceArn=arn)["ContextKeyNames"]
    assert sorted(keys) == ["aws:PrincipalTag/team", "aws:SourceIp"]
    keys = iam.get_context_keys_for_custom_policy(PolicyInputList=[
        allow("s3:GetObject", "arn:aws:s3:::bucket/${aws:username}")])["ContextKeyNames"]
    assert keys == ["aws:username"]


def test_paginators_walk_through_actions(iam):
    actions = [f"kms:Action{number}" for number in range(25)]
    pages = iam.get_paginator("simulate_custom_policy").paginate(
        PolicyInputList=[allow("kms:*")], ActionNames=actions, PaginationConfig={"PageSize": 10})
    pages = list(pages)
    assert [len(page["EvaluationResults"]) for page in pages] == [10, 10, 5]
    assert [r["EvalActionName"] for page in pages for r in page["EvaluationResults"]] == actions
    user = f"arn:aws:iam::{ACCOUNT}:user/paged"
    iam.create_user(UserName="paged")
    pages = iam.get_paginator("simulate_principal_policy").paginate(
        PolicySourceArn=user, ActionNames=actions, PaginationConfig={"PageSize": 20})
    assert len(list(pages.search("EvaluationResults[]"))) == 25


def test_errors_are_those_of_the_model(iam, arn):
    with pytest.raises(iam.exceptions.NoSuchEntityException):
        iam.simulate_principal_policy(PolicySourceArn=arn + "x", ActionNames=["kms:Decrypt"])
    for more in ({"ResourceArns": ["x"]}, {"ActionNames": ["kms:*"]}, {"PolicyInputList": ["{"]},
                 {"CallerArn": f"arn:aws:sts::{ACCOUNT}:assumed-role/a/b"}, {"ResourceOwner": ACCOUNT},
                 {"ContextEntries": [entry("aws:SourceIp", "ip", "here")]}):
        with pytest.raises(iam.exceptions.InvalidInputException):
            iam.simulate_principal_policy(**{"PolicySourceArn": arn, "ActionNames": ["kms:Decrypt"], **more})


def test_the_command_line_simulates(server, arn):
    done = server.cli(
        "iam", "simulate-principal-policy", "--policy-source-arn", arn, "--action-names", "kms:Encrypt",
        "--query", "EvaluationResults[0].EvalDecision", "--output", "text")
    assert (done.returncode, done.stdout.strip()) == (0, "allowed"), done.stderr
    done = server.cli(
        "iam", "simulate-custom-policy", "--policy-input-list",
        '{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"dynamodb:*","Resource":"*",'
        '"Condition":{"DateGreaterThan":{"aws:CurrentTime":"2018-08-16T12:00:00Z"}}}}',
        "--action-names", "dynamodb:CreateBackup", "--context-entries",
        "ContextKeyName='aws:CurrentTime',ContextKeyValues='2019-04-25T11:00:00Z',ContextKeyType=date")
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)["EvaluationResults"][0]
    assert found["EvalDecision"] == "allowed"
    assert found["MatchedStatements"][0]["EndPosition"] == {"Line": 1, "Column": 167}


# Feature Store's security page: developer accounts may read the offline store and not write to production,
# production accounts may do both. Every account keeps its own policies, and the keys that of the stores.

READ = ["kms:Decrypt", "kms:DescribeKey"]
WRITE = ["kms:Encrypt", "kms:GenerateDataKey"]


class Accounts:
    """A production account with two keys, a second production account, and a developer account."""

    def __init__(self, server):
        self.server = server
        organization, sts = server.client("organizations"), server.client("sts")
        self.ids, self.sessions, self.users = {}, {}, {}
        for name in ("store", "production", "developer"):
            made = organization.create_account(AccountName=name, Email=f"sim-{name}@example.com")
            self.ids[name] = account = made["CreateAccountStatus"]["AccountId"]
            role = f"arn:aws:iam::{account}:role/OrganizationAccountAccessRole"
            self.sessions[name] = sts.assume_role(RoleArn=role, RoleSessionName="setup")["Credentials"]
        for name, account in self.ids.items():
            iam = self.client("iam", name)
            iam.create_user(UserName="scientist")
            # Whatever the stores' keys admit: the account of the stores decides.
            iam.put_user_policy(UserName="scientist", PolicyName="stores", PolicyDocument=allow(
                READ + WRITE, f"arn:aws:kms:{REGION}:{self.ids['store']}:key/*"))
            self.users[name] = iam.create_access_key(UserName="scientist")["AccessKey"]
        kms = self.client("kms", "store")
        self.policies = {
            "online": self.key_policy({"production": READ + WRITE}),
            "offline": self.key_policy({"production": READ + WRITE, "developer": READ}),
        }
        self.keys = {store: kms.create_key(Policy=policy)["KeyMetadata"]["Arn"]
                     for store, policy in self.policies.items()}
        # A ciphertext under each key, made by who may.
        writer = self.as_user("store")
        self.blobs = {store: writer.encrypt(KeyId=key, Plaintext=b"features")["CiphertextBlob"]
                      for store, key in self.keys.items()}

    def client(self, service, name):
        session = self.sessions[name]
        return boto3.Session(
            aws_access_key_id=session["AccessKeyId"], aws_secret_access_key=session["SecretAccessKey"],
            aws_session_token=session["SessionToken"], region_name=REGION,
        ).client(service, endpoint_url=self.server.url)

    def as_user(self, name):
        return self.server.client("kms", self.users[name])

    def key_policy(self, others):
        statements = [{"Effect": "Allow", "Principal": {"AWS": f"arn:aws:iam::{self.ids['store']}:root"},
                       "Action": "kms:*", "Resource": "*"}]
        statements += [{"Effect": "Allow", "Principal": {"AWS": f"arn:aws:iam::{self.ids[name]}:root"},
                        "Action": actions, "Resource": "*"} for name, actions in others.items()]
        return json.dumps({"Version": "2012-10-17", "Statement": statements})


@pytest.fixture(scope="module")
def accounts(server):
    return Accounts(server)


DECISIONS = [
    # whose scientist, which store: may read, may write
    ("production", "online", True, True),
    ("production", "offline", True, True),
    ("developer", "online", False, False),
    ("developer", "offline", True, False),
    ("store", "online", True, True),
    ("store", "offline", True, True),
]


@pytest.mark.parametrize("name, store, reads, writes", DECISIONS)
def test_the_simulator_decides_for_every_account(accounts, name, store, reads, writes):
    iam = accounts.client("iam", name)
    answer = iam.simulate_principal_policy(
        PolicySourceArn=f"arn:aws:iam::{accounts.ids[name]}:user/scientist",
        ActionNames=["kms:Decrypt", "kms:GenerateDataKey"], ResourceArns=[accounts.keys[store]],
        ResourcePolicy=accounts.policies[store])
    found = [result["EvalDecision"] == "allowed" for result in answer["EvaluationResults"]]
    assert found == [reads, writes]
    details = answer["EvaluationResults"][1]["EvalDecisionDetails"]
    says = {True: "allowed", False: "implicitDeny"}
    assert details == ({} if name == "store" else {"IAM Policy": "allowed", "Resource Policy": says[writes]})


@pytest.mark.parametrize("name, store, reads, writes", DECISIONS)
def test_real_calls_are_decided_alike(accounts, name, store, reads, writes):
    kms = accounts.as_user(name)

    def is_allowed(call, **parameters):
        try:
            call(**parameters)
        except botocore.exceptions.ClientError as refused:
            assert refused.response["Error"]["Code"] == "AccessDeniedException", refused
            return False
        return True

    key, blob = accounts.keys[store], accounts.blobs[store]
    assert is_allowed(kms.decrypt, CiphertextBlob=blob, KeyId=key) == reads
    assert is_allowed(kms.describe_key, KeyId=key) == reads
    assert is_allowed(kms.generate_data_key, KeyId=key, KeySpec="AES_256") == writes
    assert is_allowed(kms.encrypt, KeyId=key, Plaintext=b"x") == writes


def test_a_right_that_either_side_takes_away_is_gone_in_both(accounts):
    iam = accounts.client("iam", "developer")
    kms = accounts.as_user("developer")
    offline, blob = accounts.keys["offline"], accounts.blobs["offline"]
    assert kms.decrypt(CiphertextBlob=blob, KeyId=offline)["Plaintext"] == b"features"

    def simulated(policy):
        answer = iam.simulate_principal_policy(
            PolicySourceArn=f"arn:aws:iam::{accounts.ids['developer']}:user/scientist",
            ActionNames=["kms:Decrypt"], ResourceArns=[offline], ResourcePolicy=policy)
        return answer["EvaluationResults"][0]["EvalDecision"]

    narrow = accounts.key_policy({"production": READ + WRITE})
    accounts.client("kms", "store").put_key_policy(KeyId=offline, PolicyName="default", Policy=narrow)
    with pytest.raises(kms.exceptions.ClientError):
        kms.decrypt(CiphertextBlob=blob, KeyId=offline)
    assert simulated(narrow) == "implicitDeny"
    accounts.client("kms", "store").put_key_policy(
        KeyId=offline, PolicyName="default", Policy=accounts.policies["offline"])
    kms.decrypt(CiphertextBlob=blob, KeyId=offline)
    iam.put_user_policy(UserName="scientist", PolicyName="no", PolicyDocument=statement(
        Effect="Deny", Action="kms:Decrypt", Resource="*"))
    with pytest.raises(kms.exceptions.ClientError):
        kms.decrypt(CiphertextBlob=blob, KeyId=offline)
    assert simulated(accounts.policies["offline"]) == "explicitDeny"
    iam.delete_user_policy(UserName="scientist", PolicyName="no")
