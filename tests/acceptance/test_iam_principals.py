"""Users, groups and roles with boto3: paginators, waiters, conflicts, paths, and what members may do."""

import json
import urllib.parse

import pytest

from conftest import ACCOUNT, refused_as

READ = json.dumps({"Version": "2012-10-17", "Statement": {
    "Effect": "Allow", "Action": "iam:GetUser", "Resource": "*"}})
RAM = "AWSServiceRoleForResourceAccessManager"


def trust(principal):
    return {"Version": "2012-10-17", "Statement": [
        {"Effect": "Allow", "Principal": principal, "Action": "sts:AssumeRole"}]}


SERVICE = json.dumps(trust({"Service": "sagemaker.amazonaws.com"}))


def test_waiters_see_users_and_roles(iam):
    iam.create_user(UserName="waited")
    iam.get_waiter("user_exists").wait(UserName="waited")
    iam.create_role(RoleName="waited", AssumeRolePolicyDocument=SERVICE)
    iam.get_waiter("role_exists").wait(RoleName="waited")


def test_paginators_give_everything_once_and_below_a_path_only(iam):
    names = [f"page-{number:02}" for number in range(7)]
    for name in names:
        iam.create_user(UserName=name, Path="/pages/")
        iam.create_group(GroupName=name, Path="/pages/")
        iam.create_role(RoleName=name, Path="/pages/", AssumeRolePolicyDocument=SERVICE)
    for operation, listed, member in [("list_users", "Users", "UserName"),
                                      ("list_groups", "Groups", "GroupName"),
                                      ("list_roles", "Roles", "RoleName")]:
        pages = list(iam.get_paginator(operation).paginate(
            PathPrefix="/pages/", PaginationConfig={"PageSize": 3}))
        assert [len(page[listed]) for page in pages] == [3, 3, 1]
        assert [one[member] for page in pages for one in page[listed]] == names
        assert list(iam.get_paginator(operation).paginate(PathPrefix="/none/"))[0][listed] == []
    for name in names:
        iam.add_user_to_group(GroupName="page-00", UserName=name)
    pages = iam.get_paginator("get_group").paginate(GroupName="page-00", PaginationConfig={"PageSize": 2})
    assert [user["UserName"] for page in pages for user in page["Users"]] == names
    pages = iam.get_paginator("list_groups_for_user").paginate(UserName="page-03")
    assert [group["GroupName"] for page in pages for group in page["Groups"]] == ["page-00"]


def test_members_may_what_their_group_may_until_they_leave(server, iam):
    iam.create_user(UserName="member")
    iam.create_group(GroupName="readers")
    iam.put_group_policy(GroupName="readers", PolicyName="read", PolicyDocument=READ)
    assert iam.get_group_policy(GroupName="readers", PolicyName="read")["PolicyDocument"] == json.loads(READ)
    key = iam.create_access_key(UserName="member")["AccessKey"]
    member = server.session(key).client("iam", endpoint_url=server.url)
    refused_as("AccessDenied", member.get_user)
    iam.add_user_to_group(GroupName="readers", UserName="member")
    assert member.get_user()["User"]["UserName"] == "member"
    refused_as("DeleteConflict", iam.delete_group, GroupName="readers")
    iam.remove_user_from_group(GroupName="readers", UserName="member")
    refused_as("AccessDenied", member.get_user)
    refused_as("DeleteConflict", iam.delete_group, GroupName="readers")
    iam.delete_group_policy(GroupName="readers", PolicyName="read")
    iam.delete_group(GroupName="readers")
    refused_as("NoSuchEntity", iam.get_group, GroupName="readers")


def test_a_role_is_made_changed_and_deleted(iam):
    made = iam.create_role(RoleName="Life", Path="/team/", AssumeRolePolicyDocument=SERVICE,
                           Description="d", MaxSessionDuration=7200, Tags=[{"Key": "a", "Value": "b"}])["Role"]
    assert made["Arn"] == f"arn:aws:iam::{ACCOUNT}:role/team/Life"
    assert made["AssumeRolePolicyDocument"] == json.loads(SERVICE)
    found = iam.get_role(RoleName="life")["Role"]
    assert (found["RoleId"], found["RoleLastUsed"], found["MaxSessionDuration"]) == (made["RoleId"], {}, 7200)
    error = refused_as("EntityAlreadyExists", iam.create_role, RoleName="LIFE", AssumeRolePolicyDocument=SERVICE)
    assert error["ResponseMetadata"]["HTTPStatusCode"] == 409
    assert error["Error"]["Message"] == "Role with name LIFE already exists."
    iam.update_role(RoleName="Life", Description="e", MaxSessionDuration=3600)
    assert iam.update_role_description(RoleName="Life", Description="f")["Role"]["Description"] == "f"
    iam.put_role_policy(RoleName="Life", PolicyName="p", PolicyDocument=READ)
    arn = iam.create_policy(PolicyName="of-life", PolicyDocument=READ)["Policy"]["Arn"]
    iam.attach_role_policy(RoleName="Life", PolicyArn=arn)
    iam.put_role_permissions_boundary(RoleName="Life", PermissionsBoundary=arn)
    pages = iam.get_paginator("list_attached_role_policies").paginate(RoleName="Life")
    assert [one["PolicyArn"] for page in pages for one in page["AttachedPolicies"]] == [arn]
    assert iam.list_role_policies(RoleName="Life")["PolicyNames"] == ["p"]
    refused_as("DeleteConflict", iam.delete_role, RoleName="Life")
    iam.delete_role_policy(RoleName="Life", PolicyName="p")
    refused_as("DeleteConflict", iam.delete_role, RoleName="Life")
    iam.detach_role_policy(RoleName="Life", PolicyArn=arn)
    refused_as("DeleteConflict", iam.delete_policy, PolicyArn=arn)
    iam.delete_role_permissions_boundary(RoleName="Life")
    iam.delete_role(RoleName="Life")
    iam.delete_policy(PolicyArn=arn)
    error = refused_as("NoSuchEntity", iam.get_role, RoleName="Life")
    assert error["Error"]["Message"] == "The role with name Life cannot be found."


def test_a_dead_principal_shows_as_its_id_in_trust_policies(iam):
    user = iam.create_user(UserName="mortal")["User"]
    iam.create_role(RoleName="Trusting", AssumeRolePolicyDocument=json.dumps(trust({"AWS": user["Arn"]})))
    iam.delete_user(UserName="mortal")
    iam.create_user(UserName="mortal")
    shown = iam.get_role(RoleName="Trusting")["Role"]["AssumeRolePolicyDocument"]
    assert shown["Statement"][0]["Principal"] == {"AWS": user["UserId"]}
    dead = json.dumps(trust({"AWS": f"arn:aws:iam::{ACCOUNT}:user/nobody"}))
    error = refused_as("MalformedPolicyDocument", iam.update_assume_role_policy,
                    RoleName="Trusting", PolicyDocument=dead)
    assert "Invalid principal in policy" in error["Error"]["Message"]


def test_tags_of_users_and_roles(iam):
    iam.create_user(UserName="tagged")
    iam.create_role(RoleName="tagged", AssumeRolePolicyDocument=SERVICE)
    tags = [{"Key": f"k{number}", "Value": str(number)} for number in range(5)]
    for kind in ("user", "role"):
        who = {f"{kind.capitalize()}Name": "tagged"}
        getattr(iam, f"tag_{kind}")(**who, Tags=tags)
        getattr(iam, f"untag_{kind}")(**who, TagKeys=["K4"])
        pages = iam.get_paginator(f"list_{kind}_tags").paginate(**who, PaginationConfig={"PageSize": 3})
        assert [tag for page in pages for tag in page["Tags"]] == tags[:4]


def test_a_renamed_user_keeps_its_key(server, iam):
    iam.create_user(UserName="before")
    iam.put_user_policy(UserName="before", PolicyName="p", PolicyDocument=READ)
    key = iam.create_access_key(UserName="before")["AccessKey"]
    iam.update_user(UserName="before", NewUserName="after", NewPath="/moved/")
    renamed = server.session(key).client("iam", endpoint_url=server.url)
    assert renamed.get_user()["User"]["Arn"] == f"arn:aws:iam::{ACCOUNT}:user/moved/after"
    assert iam.list_access_keys(UserName="after")["AccessKeyMetadata"][0]["UserName"] == "after"


def test_the_account_has_an_alias_a_summary_and_details(iam):
    iam.create_account_alias(AccountAlias="strong-room")
    assert iam.list_account_aliases()["AccountAliases"] == ["strong-room"]
    iam.delete_account_alias(AccountAlias="strong-room")
    summary = iam.get_account_summary()["SummaryMap"]
    assert summary["UsersQuota"] == 5000 and summary["Users"] >= 1
    iam.create_role(RoleName="detailed", AssumeRolePolicyDocument=SERVICE)
    iam.put_role_policy(RoleName="detailed", PolicyName="p", PolicyDocument=READ)
    pages = iam.get_paginator("get_account_authorization_details").paginate(
        Filter=["Role"], PaginationConfig={"PageSize": 2})
    roles = {role["RoleName"]: role for page in pages for role in page["RoleDetailList"]}
    assert roles["detailed"]["RolePolicyList"] == [{"PolicyName": "p", "PolicyDocument": json.loads(READ)}]
    assert roles["detailed"]["AssumeRolePolicyDocument"] == json.loads(SERVICE)


def test_the_role_of_a_service_can_only_be_deleted_its_own_way(fresh_server):
    iam = fresh_server.client("iam")
    iam.create_service_linked_role(AWSServiceName="ram.amazonaws.com")
    refused_as("UnmodifiableEntity", iam.delete_role, RoleName=RAM)
    task = iam.delete_service_linked_role(RoleName=RAM)["DeletionTaskId"]
    assert iam.get_service_linked_role_deletion_status(DeletionTaskId=task)["Status"] == "SUCCEEDED"
    refused_as("NoSuchEntity", iam.get_role, RoleName=RAM)


def test_documents_are_percent_encoded_on_the_wire(server, iam):
    iam.create_role(RoleName="encoded", AssumeRolePolicyDocument=SERVICE)
    raw = []
    client = server.client("iam")
    client.meta.events.register("before-parse.iam.GetRole", lambda response_dict, **_: raw.append(response_dict))
    client.get_role(RoleName="encoded")
    assert urllib.parse.quote(SERVICE, safe="") in raw[0]["body"].decode()


@pytest.mark.parametrize("operation, parameters", [
    ("create_instance_profile", {"InstanceProfileName": "x"}),
    ("create_login_profile", {"UserName": "x", "Password": "y"}),
    ("list_mfa_devices", {}),
    ("create_virtual_mfa_device", {"VirtualMFADeviceName": "x"}),
])
def test_what_does_not_exist_here_says_so(iam, operation, parameters):
    error = refused_as("InvalidAction", getattr(iam, operation), **parameters)
    assert error["ResponseMetadata"]["HTTPStatusCode"] in (400, 501)
