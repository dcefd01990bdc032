"""Every paginator and waiter that botocore has for IAM and Organizations, and what the AWS CLI makes of them."""

import json
import threading

import botocore.exceptions
import botocore.session
import pytest

from conftest import ACCOUNT, Server
from test_coverage import declared

SCP = "SERVICE_CONTROL_POLICY"
ALLOW = json.dumps({"Version": "2012-10-17", "Statement": {"Effect": "Allow", "Action": "kms:*", "Resource": "*"}})
TRUST = json.dumps({"Version": "2012-10-17", "Statement": {
    "Effect": "Allow", "Principal": {"AWS": ACCOUNT}, "Action": "sts:AssumeRole"}})
TAGS = [{"Key": f"key{n}", "Value": "v"} for n in range(3)]
# What a listing can have only one of.
SINGLE = {"ListAccountAliases", "ListRoots", "ListParents"}


def models():
    """Service, paginator, and how it pages, for every operation that is here and has one."""
    loader, here = botocore.session.get_session().get_component("data_loader"), declared()
    for service in ("iam", "organizations"):
        for name, model in loader.load_service_model(service, "paginators-1")["pagination"].items():
            if (service, name) in here:
                yield service, name, model


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    running = Server(tmp_path_factory.mktemp("pages"))
    # Making a client takes longer than what the tests do with it.
    running.clients = {name: running.client(name) for name in ("iam", "organizations")}
    yield running
    assert running.stop() == 0


@pytest.fixture(scope="module")
def parameters(server):
    """A world with two or more of everything that is listed, and what each paginator is asked."""
    iam, organizations = server.clients["iam"], server.clients["organizations"]
    policies = [iam.create_policy(PolicyName=f"P{n}", PolicyDocument=ALLOW, Tags=TAGS)["Policy"]["Arn"] for n in (1, 2)]
    iam.create_policy_version(PolicyArn=policies[0], PolicyDocument=ALLOW)
    iam.create_account_alias(AccountAlias="paged")
    for n in (1, 2):
        iam.create_user(UserName=f"U{n}", Tags=TAGS)
        iam.create_role(RoleName=f"R{n}", AssumeRolePolicyDocument=TRUST, Tags=TAGS)
        iam.create_group(GroupName=f"G{n}")
        iam.create_access_key(UserName="U1")
    for n in (1, 2):
        iam.add_user_to_group(GroupName="G1", UserName=f"U{n}")
        for kind, name in (("user", "UserName"), ("role", "RoleName"), ("group", "GroupName")):
            who = {name: f"{kind[0].upper()}1"}
            getattr(iam, f"put_{kind}_policy")(**who, PolicyName=f"inline{n}", PolicyDocument=ALLOW)
            getattr(iam, f"attach_{kind}_policy")(**who, PolicyArn=policies[n - 1])
    iam.add_user_to_group(GroupName="G2", UserName="U1")
    root = organizations.list_roots()["Roots"][0]["Id"]
    units = [organizations.create_organizational_unit(ParentId=root, Name=f"unit {n}")["OrganizationalUnit"]["Id"]
             for n in (1, 2)]
    accounts = [organizations.create_account(AccountName=f"a{n}", Email=f"a{n}@example.com")[
        "CreateAccountStatus"]["AccountId"] for n in (1, 2)]
    control = organizations.create_policy(Name="all", Description="", Type=SCP, Content=json.dumps({
        "Version": "2012-10-17", "Statement": {"Effect": "Allow", "Action": "*", "Resource": "*"}}), Tags=TAGS)
    control = control["Policy"]["PolicySummary"]["Id"]
    for target in accounts:
        organizations.attach_policy(PolicyId=control, TargetId=target)
    user, role, group, policy = {"UserName": "U1"}, {"RoleName": "R1"}, {"GroupName": "G1"}, {"PolicyArn": policies[0]}
    return {
        "GetAccountAuthorizationDetails": {}, "GetGroup": group, "ListAccessKeys": user, "ListAccountAliases": {},
        "ListAttachedGroupPolicies": group, "ListAttachedRolePolicies": role, "ListAttachedUserPolicies": user,
        "ListEntitiesForPolicy": policy, "ListGroupPolicies": group, "ListGroups": {}, "ListGroupsForUser": user,
        ("iam", "ListPolicies"): {"Scope": "Local"}, "ListPolicyVersions": policy, "ListRolePolicies": role,
        "ListRoles": {}, "ListUserPolicies": user, "ListUsers": {}, "ListUserTags": user, "ListPolicyTags": policy,
        "ListRoleTags": role,
        "SimulateCustomPolicy": {"PolicyInputList": [ALLOW], "ActionNames": ["kms:Decrypt", "kms:Encrypt"]},
        "SimulatePrincipalPolicy": {"PolicySourceArn": f"arn:aws:iam::{ACCOUNT}:user/U1",
                                    "ActionNames": ["kms:Decrypt", "kms:Encrypt"]},
        "ListOpenIDConnectProviderTags": provider(iam),
        "ListAccounts": {}, "ListAccountsForParent": {"ParentId": root},
        "ListChildren": {"ParentId": root, "ChildType": "ACCOUNT"}, "ListCreateAccountStatus": {},
        "ListOrganizationalUnitsForParent": {"ParentId": root}, "ListParents": {"ChildId": units[0]},
        ("organizations", "ListPolicies"): {"Filter": SCP},
        "ListPoliciesForTarget": {"TargetId": accounts[0], "Filter": SCP}, "ListRoots": {},
        "ListTargetsForPolicy": {"PolicyId": control}, "ListTagsForResource": {"ResourceId": control},
    }


def provider(iam) -> dict:
    if ("iam", "CreateOpenIDConnectProvider") not in declared():
        return {}
    made = iam.create_open_id_connect_provider(Url="https://issuer.example.com", ClientIDList=["client"], Tags=TAGS,
                                               ThumbprintList=["a" * 40])
    return {"OpenIDConnectProviderArn": made["OpenIDConnectProviderArn"]}


def snake(name: str) -> str:
    return botocore.xform_name(name)


@pytest.mark.parametrize("service, name, model", [pytest.param(*found, id=found[1]) for found in models()])
def test_pages_of_one_are_the_whole(server, parameters, service, name, model):
    paginator = server.clients[service].get_paginator(snake(name))
    asked = parameters.get((service, name), parameters.get(name))
    assert asked is not None, f"nobody said what {name} is asked"
    whole = paginator.paginate(**asked).build_full_result()
    results = model["result_key"] if isinstance(model["result_key"], list) else [model["result_key"]]
    total = sum(len(whole[result]) for result in results)
    assert (total == 1) if name in SINGLE else (total > 1)
    if "limit_key" not in model:
        return
    pages = list(paginator.paginate(**asked, PaginationConfig={"PageSize": 1}))
    assert all(sum(len(page[result]) for result in results) <= 1 for page in pages)
    assert len(pages) >= total
    for result in results:
        assert [one for page in pages for one in page[result]] == whole[result]


@pytest.mark.parametrize("service, name, model", [pytest.param(*found, id=found[1]) for found in models()])
def test_made_up_places_to_go_on_are_refused(server, parameters, service, name, model):
    token = model["input_token"]
    asked = parameters.get((service, name), parameters.get(name))
    client = server.clients[service]
    with pytest.raises(botocore.exceptions.ClientError) as refused:
        getattr(client, snake(name))(**asked, **{token: "made-up"})
    error = refused.value.response
    if service == "iam":
        assert error["Error"]["Code"] in ("ValidationError", "InvalidInput")
    else:
        assert (error["Error"]["Code"], error["Reason"]) == ("InvalidInputException", "INVALID_NEXT_TOKEN")


def test_waiters_wait_for_what_comes_and_give_up_on_what_does_not(server):
    iam = server.clients["iam"]
    waited = {
        "user_exists": ("UserName", lambda: iam.create_user(UserName="Late")),
        "role_exists": ("RoleName", lambda: iam.create_role(RoleName="Late", AssumeRolePolicyDocument=TRUST)),
        "policy_exists": ("PolicyArn", lambda: iam.create_policy(PolicyName="Late", PolicyDocument=ALLOW)),
    }
    known = {snake(name) for name in iam.waiter_names}
    assert known - {"instance_profile_exists"} == waited.keys()
    for waiter, (member, make) in waited.items():
        who = {member: f"arn:aws:iam::{ACCOUNT}:policy/Late" if member == "PolicyArn" else "Late"}
        with pytest.raises(botocore.exceptions.WaiterError):
            iam.get_waiter(waiter).wait(**who, WaiterConfig={"Delay": 0, "MaxAttempts": 2})
        asked = threading.Event()
        iam.meta.events.register("after-call", lambda **_: asked.set(), unique_id="asked")
        maker = threading.Thread(target=lambda: asked.wait(30) and make())
        maker.start()
        iam.get_waiter(waiter).wait(**who, WaiterConfig={"Delay": 0, "MaxAttempts": 10000})
        maker.join()
        iam.meta.events.unregister("after-call", unique_id="asked")


def aws(server, *arguments):
    run = server.cli(*arguments)
    assert run.returncode == 0, run.stderr
    return json.loads(run.stdout) if run.stdout.strip() else None


def test_the_cli_pages_and_waits(server, parameters):
    aws(server, "iam", "create-user", "--user-name", "Shell", "--tags", "Key=team,Value=red")
    aws(server, "iam", "wait", "user-exists", "--user-name", "Shell")
    page = aws(server, "iam", "list-users", "--max-items", "1", "--page-size", "1")
    assert len(page["Users"]) == 1 and page["NextToken"]
    rest = aws(server, "iam", "list-users", "--starting-token", page["NextToken"])["Users"]
    names = [user["UserName"] for user in page["Users"] + rest]
    assert names == sorted(names) and {"Administrator", "U1", "U2", "Shell"} <= set(names)
    assert len(set(names)) == len(names)
    listed = aws(server, "organizations", "list-accounts", "--page-size", "1", "--query", "Accounts[].Name")
    assert {"a1", "a2"} <= set(listed)
    refused = server.cli("iam", "get-user", "--user-name", "Nobody")
    assert refused.returncode == 255
    assert "(NoSuchEntity) when calling the GetUser operation: The user with name Nobody cannot be found." in refused.stderr


def test_the_cli_takes_documents_from_files_and_roles_from_profiles(server, parameters):
    trust, policy = server.directory / "trust.json", server.directory / "policy.json"
    trust.write_text(TRUST)
    policy.write_text(ALLOW)
    role = aws(server, "iam", "create-role", "--role-name", "Shell", "--assume-role-policy-document",
               f"file://{trust}")["Role"]["Arn"]
    aws(server, "iam", "put-role-policy", "--role-name", "Shell", "--policy-name", "kms",
        "--policy-document", f"file://{policy}")
    shown = aws(server, "iam", "get-role-policy", "--role-name", "Shell", "--policy-name", "kms")
    assert shown["PolicyDocument"] == json.loads(ALLOW)
    config = server.directory / "config"
    config.write_text(f"[profile shell]\nrole_arn = {role}\nsource_profile = default\nregion = us-east-1\n")
    exports = dict(server.exports)
    # The command line keeps sessions below the home directory.
    server.exports |= {"AWS_CONFIG_FILE": str(config), "AWS_PROFILE": "shell", "HOME": str(server.directory)}
    try:
        assert aws(server, "sts", "get-caller-identity")["Arn"].startswith(
            f"arn:aws:sts::{ACCOUNT}:assumed-role/Shell/botocore-session-")
        assert aws(server, "kms", "list-keys")["Keys"] == []
        denied = server.cli("iam", "list-users")
        assert denied.returncode == 255 and "(AccessDenied)" in denied.stderr
    finally:
        server.exports = exports
