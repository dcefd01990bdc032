"""The organization through boto3 and the AWS CLI."""

import json
import os
import subprocess

import botocore.exceptions
import pytest

from conftest import ACCOUNT, binary

SCP, RCP = "SERVICE_CONTROL_POLICY", "RESOURCE_CONTROL_POLICY"
DENY = json.dumps({"Version": "2012-10-17", "Statement": {
    "Effect": "Deny", "Action": "*", "Resource": "*"}})


@pytest.fixture(scope="module")
def organizations(server):
    return server.client("organizations")


@pytest.fixture(scope="module")
def root(organizations):
    return organizations.list_roots()["Roots"][0]["Id"]


@pytest.fixture(scope="module")
def member(organizations):
    made = organizations.create_account(AccountName="member", Email="member@example.com")
    return made["CreateAccountStatus"]["AccountId"]


def refused(call, **parameters) -> tuple:
    with pytest.raises(botocore.exceptions.ClientError) as error:
        call(**parameters)
    answer = error.value.response
    return answer["Error"]["Code"], answer.get("Reason")


def test_the_first_account_manages_the_organization(organizations):
    organization = organizations.describe_organization()["Organization"]
    assert organization["MasterAccountId"] == ACCOUNT
    assert organization["FeatureSet"] == "ALL"


def test_a_new_account_is_described_and_listed(organizations, root, member):
    account = organizations.describe_account(AccountId=member)["Account"]
    assert (account["Name"], account["Email"]) == ("member", "member@example.com")
    assert (account["Status"], account["State"], account["JoinedMethod"]) == (
        "ACTIVE", "ACTIVE", "CREATED")
    pages = organizations.get_paginator("list_accounts").paginate(
        PaginationConfig={"PageSize": 1})
    listed = [account["Id"] for page in pages for account in page["Accounts"]]
    assert {ACCOUNT, member} <= set(listed) and len(listed) == len(set(listed))
    parents = organizations.list_parents(ChildId=member)["Parents"]
    assert parents == [{"Id": root, "Type": "ROOT"}]


def test_units_are_paged(organizations, root):
    made = {organizations.create_organizational_unit(ParentId=root, Name=f"page {n}")[
        "OrganizationalUnit"]["Id"] for n in range(3)}
    pages = organizations.get_paginator("list_organizational_units_for_parent").paginate(
        ParentId=root, PaginationConfig={"PageSize": 2})
    listed = [unit["Id"] for page in pages for unit in page["OrganizationalUnits"]]
    assert made <= set(listed) and len(listed) == len(set(listed))


def test_errors_say_why(organizations, root):
    assert refused(organizations.detach_policy, PolicyId="p-FullAWSAccess", TargetId=root) == (
        "ConstraintViolationException", "MIN_POLICY_TYPE_ATTACHMENT_LIMIT_EXCEEDED")
    assert refused(organizations.close_account, AccountId=ACCOUNT) == (
        "ConstraintViolationException", "CANNOT_CLOSE_MANAGEMENT_ACCOUNT")
    assert refused(organizations.delete_policy, PolicyId="p-FullAWSAccess") == (
        "InvalidInputException", "IMMUTABLE_POLICY")
    assert refused(organizations.describe_account, AccountId="999999999999") == (
        "AccountNotFoundException", None)


def test_a_policy_is_attached_and_found(organizations, root, member):
    policy = organizations.create_policy(
        Name="deny all", Description="d", Type=SCP, Content=DENY)["Policy"]["PolicySummary"]["Id"]
    organizations.attach_policy(PolicyId=policy, TargetId=member)
    pages = organizations.get_paginator("list_policies_for_target").paginate(
        TargetId=member, Filter=SCP, PaginationConfig={"PageSize": 1})
    listed = {found["Id"] for page in pages for found in page["Policies"]}
    assert listed == {policy, "p-FullAWSAccess"}
    targets = organizations.list_targets_for_policy(PolicyId=policy)["Targets"]
    assert [(t["TargetId"], t["Type"], t["Name"]) for t in targets] == [
        (member, "ACCOUNT", "member")]
    assert refused(organizations.delete_policy, PolicyId=policy)[0] == "PolicyInUseException"
    organizations.detach_policy(PolicyId=policy, TargetId=member)
    organizations.delete_policy(PolicyId=policy)


def test_policies_do_not_bind_the_management_account(server, organizations, root):
    policy = organizations.create_policy(
        Name="nothing", Description="", Type=SCP, Content=DENY)["Policy"]["PolicySummary"]["Id"]
    organizations.attach_policy(PolicyId=policy, TargetId=root)
    server.client("kms").list_keys()
    organizations.detach_policy(PolicyId=policy, TargetId=root)


def test_a_key_can_be_shared_with_a_new_account_and_with_no_unknown_one(server, member):
    kms = server.client("kms")

    def policy(account):
        grants = [(f"arn:aws:iam::{ACCOUNT}:root", "kms:*"), (f"arn:aws:iam::{account}:root", "kms:Decrypt")]
        return json.dumps({"Version": "2012-10-17", "Statement": [
            {"Effect": "Allow", "Principal": {"AWS": who}, "Action": what, "Resource": "*"}
            for who, what in grants]})

    kms.create_key(Policy=policy(member))
    assert refused(kms.create_key, Policy=policy("999999999999"))[0] == "MalformedPolicyDocumentException"


def test_the_organization_is_a_condition(server, organizations, user):
    organization = organizations.describe_organization()["Organization"]["Id"]

    def can_list(name, wanted):
        key = user(name, json.dumps({"Version": "2012-10-17", "Statement": {
            "Effect": "Allow", "Action": "kms:ListKeys", "Resource": "*",
            "Condition": {"StringEquals": {"aws:PrincipalOrgID": wanted}}}}))
        try:
            server.client("kms", key).list_keys()
        except botocore.exceptions.ClientError as error:
            assert error.response["Error"]["Code"] == "AccessDeniedException"
            return False
        return True

    assert can_list("insider", organization)
    assert not can_list("outsider", "o-0000000000")


def test_the_tree_survives_a_restart(fresh_server):
    organizations = fresh_server.client("organizations")
    root = organizations.list_roots()["Roots"][0]["Id"]
    organizations.enable_policy_type(RootId=root, PolicyType=RCP)
    account = organizations.create_account(AccountName="a", Email="a@example.com")
    account = account["CreateAccountStatus"]["AccountId"]
    organizations.close_account(AccountId=account)
    assert fresh_server.stop() == 0
    fresh_server.start()
    organizations = fresh_server.client("organizations")
    kinds = {t["Type"] for t in organizations.list_roots()["Roots"][0]["PolicyTypes"]}
    assert kinds == {SCP, RCP}
    assert organizations.describe_account(AccountId=account)["Account"]["Status"] == "SUSPENDED"
    assert refused(organizations.close_account, AccountId=account)[0] == "AccountAlreadyClosedException"


def test_the_aws_cli_creates_and_moves_an_account(server, root):
    def aws(*arguments):
        run = server.cli("organizations", *arguments)
        assert run.returncode == 0, run.stderr
        return json.loads(run.stdout) if run.stdout.strip() else None

    made = aws("create-account", "--account-name", "cli", "--email", "cli@example.com")
    account = made["CreateAccountStatus"]["AccountId"]
    unit = aws("create-organizational-unit", "--parent-id", root, "--name", "cli")
    unit = unit["OrganizationalUnit"]["Id"]
    aws("move-account", "--account-id", account, "--source-parent-id", root,
        "--destination-parent-id", unit)
    listed = aws("list-accounts-for-parent", "--parent-id", unit)["Accounts"]
    assert [account["Name"] for account in listed] == ["cli"]


def strongroom(server, *arguments, **more):
    clean = {k: v for k, v in os.environ.items() if not k.startswith(("AWS_", "STRONGROOM_"))}
    return subprocess.run([str(binary()), *arguments], env=clean | more, capture_output=True, text=True, timeout=60)


def test_the_account_command_creates_and_lists(server, organizations):
    where = ("--endpoint", server.url, "--data", str(server.data))
    create = ("account", "create", *where, "--name", "by command", "--email", "command@example.com")
    made = strongroom(server, *create)
    assert made.returncode == 0, made.stderr
    account = organizations.describe_account(AccountId=made.stdout.strip())["Account"]
    assert account["Name"] == "by command"
    listed = strongroom(server, "account", "list", *where)
    assert f"{account['Id']}\tACTIVE\tby command\tcommand@example.com" in listed.stdout.splitlines()
    assert len(listed.stdout.splitlines()) == sum(
        len(page["Accounts"]) for page in organizations.get_paginator("list_accounts").paginate())
    again = strongroom(server, *create)
    assert (again.returncode, again.stdout) == (1, "")
    assert "EMAIL_ALREADY_EXISTS" in again.stderr


def test_the_account_command_takes_the_credentials_of_the_environment(server, user):
    key = user("accountant")
    who = {"AWS_ACCESS_KEY_ID": key["AccessKeyId"], "AWS_SECRET_ACCESS_KEY": key["SecretAccessKey"],
           "AWS_ENDPOINT_URL": server.url}
    denied = strongroom(server, "account", "list", "--data", str(server.data), **who)
    assert denied.returncode == 1 and "organizations:ListAccounts" in denied.stderr
    nobody = strongroom(server, "account", "list", "--endpoint", server.url)
    assert nobody.returncode == 1 and "there are no credentials" in nobody.stderr
