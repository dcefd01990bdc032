"""Managed policies with boto3: versions, tags, who uses them, filters, the waiter and paginators."""

import json

from conftest import refused_as

TRUST = json.dumps({"Version": "2012-10-17", "Statement": {
    "Effect": "Allow", "Principal": {"Service": "sagemaker.amazonaws.com"}, "Action": "sts:AssumeRole"}})


def allow(action):
    return json.dumps({"Version": "2012-10-17", "Statement": {
        "Effect": "Allow", "Action": action, "Resource": "*"}})


def made(iam, name, **more):
    return iam.create_policy(PolicyName=name, PolicyDocument=allow("iam:GetUser"), **more)["Policy"]["Arn"]


def test_a_policy_lives_through_its_versions(server, iam):
    arn = made(iam, "versioned")
    iam.get_waiter("policy_exists").wait(PolicyArn=arn)
    iam.create_user(UserName="versioned")
    iam.attach_user_policy(UserName="versioned", PolicyArn=arn)
    key = iam.create_access_key(UserName="versioned")["AccessKey"]
    theirs = server.session(key).client("iam", endpoint_url=server.url)
    assert theirs.get_user()["User"]["UserName"] == "versioned"
    created = iam.create_policy_version(
        PolicyArn=arn, PolicyDocument=allow("iam:ListUsers"), SetAsDefault=True)["PolicyVersion"]
    assert (created["VersionId"], created["IsDefaultVersion"]) == ("v2", True)
    refused_as("AccessDenied", theirs.get_user)
    assert theirs.list_users()["Users"]
    iam.set_default_policy_version(PolicyArn=arn, VersionId="v1")
    assert theirs.get_user()["User"]["UserName"] == "versioned"
    refused_as("AccessDenied", theirs.list_users)
    shown = iam.get_policy_version(PolicyArn=arn, VersionId="v2")["PolicyVersion"]
    assert shown["Document"] == json.loads(allow("iam:ListUsers")) and not shown["IsDefaultVersion"]
    error = refused_as("DeleteConflict", iam.delete_policy_version, PolicyArn=arn, VersionId="v1")
    assert error["Error"]["Message"] == "Cannot delete the default version of a policy."
    iam.detach_user_policy(UserName="versioned", PolicyArn=arn)
    refused_as("DeleteConflict", iam.delete_policy, PolicyArn=arn)
    iam.delete_policy_version(PolicyArn=arn, VersionId="v2")
    iam.delete_policy(PolicyArn=arn)
    refused_as("NoSuchEntity", iam.list_policy_versions, PolicyArn=arn)


def test_the_sixth_version_is_refused_and_pages_hold_all_five(iam):
    arn = made(iam, "five")
    for _ in range(4):
        iam.create_policy_version(PolicyArn=arn, PolicyDocument=allow("iam:*"))
    error = refused_as("LimitExceeded", iam.create_policy_version, PolicyArn=arn, PolicyDocument=allow("iam:*"))
    assert error["ResponseMetadata"]["HTTPStatusCode"] == 409
    pages = list(iam.get_paginator("list_policy_versions").paginate(
        PolicyArn=arn, PaginationConfig={"PageSize": 2}))
    assert [one["VersionId"] for page in pages for one in page["Versions"]] == ["v5", "v4", "v3", "v2", "v1"]


def test_tags_of_policies(iam):
    arn = made(iam, "tagged", Tags=[{"Key": "a", "Value": "1"}])
    iam.tag_policy(PolicyArn=arn, Tags=[{"Key": "A", "Value": "2"}, {"Key": "b", "Value": "3"}])
    assert iam.list_policy_tags(PolicyArn=arn)["Tags"] == [{"Key": "A", "Value": "2"}, {"Key": "b", "Value": "3"}]
    iam.untag_policy(PolicyArn=arn, TagKeys=["a"])
    assert iam.get_policy(PolicyArn=arn)["Policy"]["Tags"] == [{"Key": "b", "Value": "3"}]


def test_who_uses_a_policy(iam):
    arn = made(iam, "used")
    for number in range(3):
        iam.create_user(UserName=f"used-{number}")
        iam.attach_user_policy(UserName=f"used-{number}", PolicyArn=arn)
    iam.create_group(GroupName="used")
    iam.attach_group_policy(GroupName="used", PolicyArn=arn)
    iam.create_role(RoleName="used", AssumeRolePolicyDocument=TRUST, PermissionsBoundary=arn)
    pages = list(iam.get_paginator("list_entities_for_policy").paginate(
        PolicyArn=arn, PaginationConfig={"PageSize": 2}))
    assert [one["UserName"] for page in pages for one in page["PolicyUsers"]] == ["used-0", "used-1", "used-2"]
    assert [one["GroupName"] for page in pages for one in page["PolicyGroups"]] == ["used"]
    assert [one["RoleName"] for page in pages for one in page["PolicyRoles"]] == ["used"]
    only = iam.list_entities_for_policy(PolicyArn=arn, PolicyUsageFilter="PermissionsBoundary")
    assert [len(only[kind]) for kind in ("PolicyUsers", "PolicyGroups", "PolicyRoles")] == [0, 0, 1]


def test_policies_are_listed_by_scope_path_and_use(iam):
    iam.create_user(UserName="filters")
    attached, bounding, unused = (made(iam, f"filter-{kind}", Path="/filters/") for kind in "abc")
    iam.attach_user_policy(UserName="filters", PolicyArn=attached)
    iam.put_user_permissions_boundary(UserName="filters", PermissionsBoundary=bounding)

    def listed(**filters):
        pages = iam.get_paginator("list_policies").paginate(
            PathPrefix="/filters/", PaginationConfig={"PageSize": 1}, **filters)
        return [one["Arn"] for page in pages for one in page["Policies"]]

    assert listed() == listed(Scope="Local") == [attached, bounding, unused]
    assert listed(Scope="AWS") == []
    assert listed(OnlyAttached=True) == [attached, bounding]
    assert listed(PolicyUsageFilter="PermissionsPolicy") == [attached]
    assert listed(PolicyUsageFilter="PermissionsBoundary") == [bounding]
    everything = iam.list_policies(Scope="AWS", MaxItems=1000)["Policies"]
    assert everything and all(one["Arn"].startswith("arn:aws:iam::aws:policy/") for one in everything)


def test_nobody_changes_the_policies_of_aws(iam):
    arn = "arn:aws:iam::aws:policy/AdministratorAccess"
    refused_as("AccessDenied", iam.create_policy_version, PolicyArn=arn, PolicyDocument=allow("iam:*"))
    refused_as("AccessDenied", iam.tag_policy, PolicyArn=arn, Tags=[{"Key": "a", "Value": "b"}])
    refused_as("AccessDenied", iam.delete_policy, PolicyArn=arn)


def test_the_summary_counts_versions(iam):
    before = iam.get_account_summary()["SummaryMap"]
    arn = made(iam, "counted")
    iam.create_policy_version(PolicyArn=arn, PolicyDocument=allow("iam:*"))
    after = iam.get_account_summary()["SummaryMap"]
    assert after["PolicyVersionsInUse"] == before["PolicyVersionsInUse"] + 2
    assert after["VersionsPerPolicyQuota"] == 5
