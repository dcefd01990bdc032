"""Bad policies and references: AWS's error, at once, and nothing is changed."""

import json
import time

import botocore.exceptions
import pytest

import raw
from conftest import ACCOUNT, Server, refused

SCP = "SERVICE_CONTROL_POLICY"


def statement(**more) -> dict:
    return {"Effect": "Allow", "Action": "kms:*", "Resource": "*"} | more


def document(*statements) -> str:
    return json.dumps({"Version": "2012-10-17", "Statement": list(statements) or [statement()]})


def trust(principal) -> str:
    return document({"Effect": "Allow", "Principal": {"AWS": principal}, "Action": "sts:AssumeRole"})


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    running = Server(tmp_path_factory.mktemp("bad"))
    # Making a client takes longer than what the tests do with it.
    running.clients = {name: running.client(name) for name in ("iam", "kms", "organizations", "sts")}
    iam, organizations = running.clients["iam"], running.clients["organizations"]
    arn = iam.create_policy(PolicyName="Held", PolicyDocument=document())["Policy"]["Arn"]
    iam.create_policy_version(PolicyArn=arn, PolicyDocument=document())
    iam.create_user(UserName="Held", PermissionsBoundary=arn)
    iam.create_role(RoleName="Held", AssumeRolePolicyDocument=trust(ACCOUNT))
    iam.create_group(GroupName="Held")
    iam.add_user_to_group(GroupName="Held", UserName="Held")
    iam.create_access_key(UserName="Held")
    for kind, who in (("user", {"UserName": "Held"}), ("role", {"RoleName": "Held"}), ("group", {"GroupName": "Held"})):
        getattr(iam, f"put_{kind}_policy")(**who, PolicyName="inline", PolicyDocument=document())
        getattr(iam, f"attach_{kind}_policy")(**who, PolicyArn=arn)
    running.key_id = running.clients["kms"].create_key()["KeyMetadata"]["KeyId"]
    running.root = organizations.list_roots()["Roots"][0]["Id"]
    running.control = organizations.create_policy(Name="held", Description="", Type=SCP, Content=document(
        statement(Action="*")))["Policy"]["PolicySummary"]["Id"]
    made = organizations.create_account(AccountName="held", Email="held@example.com")["CreateAccountStatus"]
    running.unit = organizations.create_organizational_unit(ParentId=running.root, Name="held")[
        "OrganizationalUnit"]["Id"]
    organizations.move_account(AccountId=made["AccountId"], SourceParentId=running.root,
                               DestinationParentId=running.unit)
    organizations.attach_policy(PolicyId=running.control, TargetId=made["AccountId"])
    running.before = everything(running)
    yield running
    assert running.stop() == 0


def everything(server) -> list:
    """All of IAM and the organization, and the policy of the key, as they are now."""
    iam, organizations = server.clients["iam"], server.clients["organizations"]
    pages = iam.get_paginator("get_account_authorization_details").paginate(
        Filter=["User", "Role", "Group", "LocalManagedPolicy"])
    state = [page[part] for page in pages
             for part in ("UserDetailList", "GroupDetailList", "RoleDetailList", "Policies")]
    state += [[key["AccessKeyId"] for key in iam.list_access_keys(UserName="Held")["AccessKeyMetadata"]]]
    state += [organizations.get_paginator(name).paginate(**asked).build_full_result() for name, asked in (
        ("list_policies", {"Filter": SCP}), ("list_accounts_for_parent", {"ParentId": server.unit}),
        ("list_organizational_units_for_parent", {"ParentId": server.root}),
        ("list_targets_for_policy", {"PolicyId": server.control}))]
    return state + [server.clients["kms"].get_key_policy(KeyId=server.key_id)["Policy"]]


@pytest.fixture(autouse=True)
def nothing_changes(server):
    yield
    assert everything(server) == server.before
    assert server.get("/health/live")[0] == 200


def writers(server) -> list:
    """Every call that takes a policy, but for the policy."""
    iam, kms, organizations = (server.clients[name] for name in ("iam", "kms", "organizations"))
    held = f"arn:aws:iam::{ACCOUNT}:policy/Held"
    return [
        (iam.create_policy, "PolicyDocument", {"PolicyName": "New"}),
        (iam.create_policy_version, "PolicyDocument", {"PolicyArn": held}),
        (iam.put_user_policy, "PolicyDocument", {"UserName": "Held", "PolicyName": "new"}),
        (iam.put_group_policy, "PolicyDocument", {"GroupName": "Held", "PolicyName": "new"}),
        (iam.put_role_policy, "PolicyDocument", {"RoleName": "Held", "PolicyName": "new"}),
        (iam.create_role, "AssumeRolePolicyDocument", {"RoleName": "New"}),
        (iam.update_assume_role_policy, "PolicyDocument", {"RoleName": "Held"}),
        (server.clients["sts"].assume_role, "Policy", {
            "RoleArn": f"arn:aws:iam::{ACCOUNT}:role/Held", "RoleSessionName": "new"}),
        (kms.put_key_policy, "Policy", {"KeyId": server.key_id}),
        (organizations.create_policy, "Content", {"Name": "new", "Description": "", "Type": SCP}),
        (organizations.update_policy, "Content", {"PolicyId": server.control}),
    ]


MALFORMED = {"MalformedPolicyDocument", "MalformedPolicyDocumentException"}
ONE = '"Effect": "Allow", "Action": "kms:*", "Resource": "*"'


@pytest.mark.parametrize("text", [
    '{"Version": "2012-10-17", "Version": "2012-10-17", "Statement": {%s}}' % ONE,
    '{"Version": "2012-10-17", "Statement": {%s}, "Statement": {%s}}' % (ONE, ONE),
    '{"Version": "2012-10-17", "Statement": {%s, "Effect": "Deny"}}' % ONE,
    '{"Version": "2012-10-17", "Statement": {%s, "Condition": {"Bool": {"aws:SecureTransport": true}, '
    '"Bool": {"aws:SecureTransport": false}}}}' % ONE,
    '{"Version": "2012-10-17", "Statement": {%s, "Condition": {"Bool": {"aws:SecureTransport": true, '
    '"aws:SecureTransport": false}}}}' % ONE,
    '{"Version": "2012-10-17", "Statement": %s{%s}%s}' % ("[" * 900, ONE, "]" * 900),
    '{"Version": "2012-10-17", "Statement": {%s, "Condition": %s1%s}}' % (ONE, '{"a":' * 180, "}" * 180),
    "[" * 1900, '{"a":' * 380, '{"Version": "2012-10-17", "Statement": {%s}} {}' % ONE,
    '{"Version": "2012-10-17", "Statement": {%s, "Sid": "\\ud800"}}' % ONE],
    ids=["version", "statement", "element", "operator", "key", "lists", "objects", "open lists", "open objects",
         "twice", "half a character"])
def test_what_is_no_policy_is_malformed_everywhere(server, text):
    for call, member, others in writers(server):
        code, message = refused(call, **others, **{member: text})
        assert code in MALFORMED and len(message) < 1000, call.__name__


@pytest.mark.parametrize("count", [10_000, 1_500])
def test_thousands_of_statements_are_refused_at_once(server, count):
    text = json.dumps({"Version": "2012-10-17", "Statement": [
        {"Effect": "Deny", "Action": "*", "Resource": "*"}] * count}, separators=(",", ":"))
    for call, member, others in writers(server):
        started = time.monotonic()
        code, message = refused(call, **others, **{member: text})
        assert code in {"ValidationError", "ValidationException", "InvalidInputException", "LimitExceeded",
                        "LimitExceededException", "ConstraintViolationException", "PackedPolicyTooLarge",
                        *MALFORMED}, call.__name__
        assert time.monotonic() - started < 5 and len(message) < 5000


def sized(length: int, principal=False) -> str:
    """A policy with this many characters, none of them white space."""
    more = {"Principal": {"AWS": ACCOUNT}, "Action": "sts:AssumeRole"} if principal else {"Resource": "*"}
    whole = {"Version": "2012-10-17", "Statement": {"Sid": "", "Effect": "Allow", "Action": "kms:*", **more}}
    room = length - len(json.dumps(whole, separators=(",", ":")))
    whole["Statement"]["Sid"] = "a" * room
    return json.dumps(whole, separators=(",", ":"))


def test_one_character_more_than_the_quota_is_refused(server):
    iam = server.clients["iam"]
    held = f"arn:aws:iam::{ACCOUNT}:policy/Held"
    assert refused(iam.create_policy, PolicyName="New", PolicyDocument=sized(6145)) == (
        "LimitExceeded", "Cannot exceed quota for PolicySize: 6144")
    assert refused(iam.create_policy_version, PolicyArn=held, PolicyDocument=sized(6145))[0] == "LimitExceeded"
    used = len("".join(document().split()))
    for kind, name, quota in (("user", "UserName", 2048), ("group", "GroupName", 5120), ("role", "RoleName", 10240)):
        put, drop = (getattr(iam, f"{verb}_{kind}_policy") for verb in ("put", "delete"))
        who = {name: "Held", "PolicyName": "new"}
        assert refused(put, **who, PolicyDocument=sized(quota - used + 1)) == (
            "LimitExceeded", f"Maximum policy size of {quota} bytes exceeded for {kind} Held")
        put(**who, PolicyDocument=sized(quota - used).replace(",", " , \n"))
        drop(**who)
    assert refused(iam.create_role, RoleName="New", AssumeRolePolicyDocument=sized(2049, principal=True)) == (
        "LimitExceeded", "Cannot exceed quota for ACLSizePerRole: 2048")
    session = {"RoleArn": f"arn:aws:iam::{ACCOUNT}:role/Held", "RoleSessionName": "new"}
    assert refused(server.clients["sts"].assume_role, **session, Policy=sized(2049))[0] in (
        "ValidationError", "PackedPolicyTooLarge")
    organizations = server.clients["organizations"]
    with pytest.raises(botocore.exceptions.ClientError) as error:
        organizations.update_policy(PolicyId=server.control, Content=sized(20_000))
    assert error.value.response["Reason"] == "POLICY_CONTENT_LIMIT_EXCEEDED"
    kms = server.clients["kms"]
    large = json.loads(kms.get_key_policy(KeyId=server.key_id)["Policy"])
    statements = large["Statement"] if isinstance(large["Statement"], list) else [large["Statement"]]
    large["Statement"] = statements + [statements[0] | {"Sid": "a" * 33_000}]
    assert refused(kms.put_key_policy, KeyId=server.key_id, Policy=json.dumps(large))[0] in (
        "LimitExceededException", "MalformedPolicyDocumentException")


@pytest.mark.parametrize("escaped", [b"%FF%FE", b"%C3%28", b"%ED%A0%80", b"%F4%90%80%80", b"%C0%AF", b"\xff"])
def test_text_that_is_not_utf_8_is_refused(server, escaped):
    credentials = server.session().get_credentials()
    key = {"AccessKeyId": credentials.access_key, "SecretAccessKey": credentials.secret_key}
    for form in (b"Action=CreatePolicy&Version=2010-05-08&PolicyName=New&PolicyDocument=" + escaped,
                 b"Action=CreateUser&Version=2010-05-08&UserName=New" + escaped,
                 b"Action=CreateUser&Version=2010-05-08&UserName=New&" + escaped + b"=1"):
        data = raw.request(server, "iam", None, form, key, headers={
            "Content-Type": "application/x-www-form-urlencoded"})
        answer = raw.exchange(server, data)
        assert (answer.status, answer.code()) == (400, "MalformedInput")


@pytest.mark.parametrize("character", ["\u0000", "\u0007", "\u0100", "\u202e", "\U0001f512"])
def test_characters_that_policies_do_not_have_are_refused(server, character):
    for call, member, others in writers(server):
        code, _ = refused(call, **others, **{member: document(statement(Sid="a" + character))})
        assert code in {"ValidationError", "ValidationException", "InvalidInputException", *MALFORMED}, call.__name__


def test_wildcards_that_would_explode_are_decided_at_once(server):
    """Matching that backtracked would take longer than the age of the universe."""
    iam = server.clients["iam"]
    hostile = document(
        statement(Action="kms:" + "*a" * 100 + "b", Resource="*"),
        statement(Resource="arn:aws:kms:*:*:alias/" + "*a" * 700 + "b"),
        statement(Condition={"StringLike": {"aws:UserAgent": "*a" * 700 + "b"}}),
        statement(Condition={"ArnLike": {"aws:PrincipalArn": "arn:aws:iam::*:" + "*u*s*e*r" * 100 + "!"}}))
    arn = iam.create_policy(PolicyName="Hostile", PolicyDocument=hostile)["Policy"]["Arn"]
    iam.create_user(UserName="Hostile")
    iam.attach_user_policy(UserName="Hostile", PolicyArn=arn)
    key = iam.create_access_key(UserName="Hostile")["AccessKey"]
    try:
        kms = server.client("kms", key)
        kms.meta.events.register("before-sign", lambda request, **_: request.headers.replace_header(
            "User-Agent", "a" * 2000))
        started = time.monotonic()
        for _ in range(10):
            code, _ = refused(kms.create_alias, AliasName="alias/" + "a" * 240, TargetKeyId=server.key_id)
            assert code == "AccessDeniedException"
        assert time.monotonic() - started < 10
    finally:
        iam.delete_access_key(UserName="Hostile", AccessKeyId=key["AccessKeyId"])
        iam.detach_user_policy(UserName="Hostile", PolicyArn=arn)
        iam.delete_user(UserName="Hostile")
        iam.delete_policy(PolicyArn=arn)


def test_what_refers_to_nothing_is_refused(server):
    iam, kms, organizations = (server.clients[name] for name in ("iam", "kms", "organizations"))
    nothing = f"arn:aws:iam::{ACCOUNT}:policy/Nothing"
    held = f"arn:aws:iam::{ACCOUNT}:policy/Held"
    nobody = f"arn:aws:iam::{ACCOUNT}:user/Nobody"
    for call, parameters in (
            (iam.attach_user_policy, {"UserName": "Held", "PolicyArn": nothing}),
            (iam.attach_role_policy, {"RoleName": "Nobody", "PolicyArn": held}),
            (iam.create_user, {"UserName": "New", "PermissionsBoundary": nothing}),
            (iam.put_role_permissions_boundary, {"RoleName": "Held", "PermissionsBoundary": nothing}),
            (iam.set_default_policy_version, {"PolicyArn": held, "VersionId": "v9"}),
            (iam.add_user_to_group, {"GroupName": "Held", "UserName": "Nobody"}),
            (iam.add_user_to_group, {"GroupName": "Nothing", "UserName": "Held"})):
        assert refused(call, **parameters)[0] == "NoSuchEntity", (call.__name__, parameters)
    for principal in (nobody, f"arn:aws:iam::{ACCOUNT}:role/Nobody", "arn:aws:iam::999999999999:root"):
        for call, parameters in ((iam.create_role, {"RoleName": "New", "AssumeRolePolicyDocument": trust(principal)}),
                                 (iam.update_assume_role_policy, {"RoleName": "Held",
                                                                  "PolicyDocument": trust(principal)})):
            code, message = refused(call, **parameters)
            assert (code, message.split(":")[0]) == ("MalformedPolicyDocument", "Invalid principal in policy")
    policy = json.loads(kms.get_key_policy(KeyId=server.key_id)["Policy"])
    statements = policy["Statement"] if isinstance(policy["Statement"], list) else [policy["Statement"]]
    policy["Statement"] = statements + [statement(Principal={"AWS": nobody})]
    assert refused(kms.put_key_policy, KeyId=server.key_id, Policy=json.dumps(policy))[0] in MALFORMED
    assert refused(organizations.attach_policy, PolicyId=server.control, TargetId="999999999999")[0] == (
        "TargetNotFoundException")
    assert refused(organizations.attach_policy, PolicyId="p-nothing1", TargetId=server.unit)[0] == (
        "PolicyNotFoundException")


def test_roles_that_trust_each_other_are_no_endless_matter(server):
    iam = server.clients["iam"]
    ours = [f"arn:aws:iam::{ACCOUNT}:role/Ring{n}" for n in range(3)]
    for n in range(3):
        iam.create_role(RoleName=f"Ring{n}", AssumeRolePolicyDocument=trust(ACCOUNT))
    try:
        for n in range(3):
            iam.update_assume_role_policy(RoleName=f"Ring{n}", PolicyDocument=trust([ours[n - 1], ACCOUNT]))
        session = None
        for n in (0, 1, 2, 0, 1):
            sts = server.clients["sts"] if session is None else session.client("sts", endpoint_url=server.url)
            key = sts.assume_role(RoleArn=ours[n], RoleSessionName="round")["Credentials"]
            session = server.session({"AccessKeyId": key["AccessKeyId"], "SecretAccessKey": key["SecretAccessKey"]})
            session._session.set_credentials(key["AccessKeyId"], key["SecretAccessKey"], key["SessionToken"])
        assert refused(session.client("sts", endpoint_url=server.url).assume_role,
                       RoleArn=ours[0], RoleSessionName="back")[0] == "AccessDenied"
    finally:
        for n in range(3):
            iam.delete_role(RoleName=f"Ring{n}")


def test_what_is_in_use_is_not_deleted(server):
    iam, organizations = server.clients["iam"], server.clients["organizations"]
    held = f"arn:aws:iam::{ACCOUNT}:policy/Held"
    for call, parameters in (
            (iam.delete_user, {"UserName": "Held"}), (iam.delete_role, {"RoleName": "Held"}),
            (iam.delete_group, {"GroupName": "Held"}), (iam.delete_policy, {"PolicyArn": held}),
            (iam.delete_policy_version, {"PolicyArn": held, "VersionId": "v1"})):
        assert refused(call, **parameters)[0] == "DeleteConflict", call.__name__
    assert refused(organizations.delete_policy, PolicyId=server.control)[0] == "PolicyInUseException"
    assert refused(organizations.delete_organizational_unit, OrganizationalUnitId=server.unit)[0] == (
        "OrganizationalUnitNotEmptyException")
    assert refused(organizations.delete_organization)[0] == "OrganizationNotEmptyException"
