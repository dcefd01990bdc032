"""Production and developer accounts: groups used by a role of their account, and through resource shares."""

import itertools
import json

import boto3
import pytest

from conftest import ACCOUNT, REGION, Server, refused, session_of

PERMISSION = "arn:aws:ram::aws:permission/"
READ_ONLY = PERMISSION + "AWSRAMPermissionSageMakerFeatureGroupReadOnly"
READ_WRITE = PERMISSION + "AWSRAMPermissionSagemakerFeatureGroupReadWrite"
counter = itertools.count()


def document(*statements) -> str:
    return json.dumps({"Version": "2012-10-17", "Statement": list(statements)})


def allow(*actions, principal=None, resource="*", **more) -> dict:
    statement = {"Effect": "Allow", "Action": list(actions), "Resource": resource} | more
    return statement | ({"Principal": {"AWS": principal}} if principal else {})


def trusting(principal: str) -> str:
    return json.dumps({"Version": "2012-10-17", "Statement": {
        "Effect": "Allow", "Principal": {"AWS": principal}, "Action": "sts:AssumeRole"}})


class Side:
    """Somebody in an account, with clients."""

    def __init__(self, server, session: boto3.Session, account: str):
        self.server, self.session, self.account = server, session, account
        names = {"iam": "iam", "kms": "kms", "sagemaker": "sagemaker", "sts": "sts", "ram": "ram",
                 "runtime": "sagemaker-featurestore-runtime", "trail": "cloudtrail"}
        for name, service in names.items():
            setattr(self, name, session.client(service, endpoint_url=server.url))

    def assume(self, role: str) -> "Side":
        got = self.sts.assume_role(RoleArn=role, RoleSessionName="chain")["Credentials"]
        return Side(self.server, session_of(
            aws_access_key_id=got["AccessKeyId"], aws_secret_access_key=got["SecretAccessKey"],
            aws_session_token=got["SessionToken"]), role.split(":")[4])

    def role(self, name: str, trusted: str, *statements) -> str:
        made = self.iam.create_role(RoleName=name, AssumeRolePolicyDocument=trusting(trusted))["Role"]["Arn"]
        self.iam.put_role_policy(RoleName=name, PolicyName="p", PolicyDocument=document(*statements))
        return made

    def user(self, name: str, *statements) -> "Side":
        self.iam.create_user(UserName=name)
        self.may(name, *statements)
        key = self.iam.create_access_key(UserName=name)["AccessKey"]
        return Side(self.server, session_of(
            aws_access_key_id=key["AccessKeyId"], aws_secret_access_key=key["SecretAccessKey"]), self.account)

    def may(self, name: str, *statements):
        self.iam.put_user_policy(UserName=name, PolicyName="p", PolicyDocument=document(*statements))

    def group(self, name: str, key: str | None = None) -> str:
        online = {"EnableOnlineStore": True, "StorageType": "Standard_V2"}
        if key:
            online["SecurityConfig"] = {"KmsKeyId": key}
        made = self.sagemaker.create_feature_group(
            FeatureGroupName=name, RecordIdentifierFeatureName="id", EventTimeFeatureName="at",
            FeatureDefinitions=[{"FeatureName": n, "FeatureType": "String"} for n in ("id", "at", "note")],
            OnlineStoreConfig=online)
        return made["FeatureGroupArn"]

    def put(self, group: str, note: str = "x", day: int = 1):
        self.runtime.put_record(FeatureGroupName=group, Record=[
            {"FeatureName": "id", "ValueAsString": "a"},
            {"FeatureName": "at", "ValueAsString": f"2026-01-{day:02}T00:00:00Z"},
            {"FeatureName": "note", "ValueAsString": note}])

    def note(self, group: str) -> str:
        got = self.runtime.get_record(FeatureGroupName=group, RecordIdentifierValueAsString="a")
        return {f["FeatureName"]: f["ValueAsString"] for f in got["Record"]}["note"]

    def events(self, name: str) -> list[dict]:
        found = self.trail.lookup_events(LookupAttributes=[{"AttributeKey": "EventName", "AttributeValue": name}])
        return [json.loads(event["CloudTrailEvent"]) for event in found["Events"]]


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    running = Server(tmp_path_factory.mktemp("sharing"))
    yield running
    assert running.stop() == 0


@pytest.fixture(scope="module")
def production(server) -> Side:
    """The administrator of the first account."""
    return Side(server, server.session(), ACCOUNT)


@pytest.fixture(scope="module")
def developer(server, production) -> Side:
    """The administrator of another account of the organization."""
    made = server.client("organizations").create_account(AccountName="developers", Email="dev@example.com")
    account = made["CreateAccountStatus"]["AccountId"]
    return production.assume(f"arn:aws:iam::{account}:role/OrganizationAccountAccessRole")


def fresh(prefix: str) -> str:
    return f"{prefix}{next(counter)}"


def key_of(owner: Side, *statements) -> str:
    root = allow("kms:*", principal=f"arn:aws:iam::{owner.account}:root")
    return owner.kms.create_key(Policy=document(root, *statements))["KeyMetadata"]["Arn"]


def shared(owner: Side, consumer: Side, group: str, permission: str, principal: str | None = None) -> str:
    """Shares a group and accepts the invitation; the share's ARN."""
    made = owner.ram.create_resource_share(
        name=fresh("share"), resourceArns=[group], principals=[principal or consumer.account],
        permissionArns=[permission])
    share = made["resourceShare"]["resourceShareArn"]
    invitations = consumer.ram.get_resource_share_invitations(resourceShareArns=[share])
    for invitation in invitations["resourceShareInvitations"]:
        consumer.ram.accept_resource_share_invitation(
            resourceShareInvitationArn=invitation["resourceShareInvitationArn"])
    return share


# -- A role of the group's account ------------------------------------------------------------


def test_production_and_developer_accounts_with_two_online_keys_and_a_role_chain(production, developer):
    """Developers read production's group by a chain of roles, and write their own; each under a key of its own."""
    of_production, of_developers = key_of(production), key_of(developer)
    theirs = production.group(fresh("prod"), of_production)
    production.put(theirs, "production")
    own = developer.group(fresh("dev"), of_developers)
    developer.put(own, "development")
    # The chain: a developer's role, which may assume the reader's role of production.
    reader = production.role(
        fresh("reader"), f"arn:aws:iam::{developer.account}:root",
        allow("sagemaker:GetRecord", resource=theirs), allow("kms:Decrypt", resource=of_production))
    hop = developer.role(fresh("hop"), f"arn:aws:iam::{developer.account}:root", allow("sts:AssumeRole", resource=reader))
    ana = developer.user(fresh("ana"), allow("sts:AssumeRole", resource=hop), allow("sagemaker:*"), allow("kms:Decrypt"))
    assert ana.note(own) == "development"
    assert refused(ana.note, theirs)[0] == "AccessForbidden"
    assert refused(ana.sts.assume_role, RoleArn=reader, RoleSessionName="direct")[0] == "AccessDenied"
    chained = ana.assume(hop).assume(reader)
    assert chained.note(theirs) == "production"
    # The name means the group of the role's account; the ARN works as well. It may read, no more.
    assert chained.note(theirs.rpartition("/")[2]) == "production"
    assert refused(chained.put, theirs)[0] == "AccessForbidden"
    assert refused(chained.note, own)[0] == "AccessForbidden"
    used = production.events("Decrypt")[0]
    assert used["userIdentity"]["type"] == "AssumedRole" and used["resources"][0]["ARN"] == of_production
    assert reader.rpartition("/")[2] in used["userIdentity"]["arn"]
    # Each key closes its own side only.
    production.kms.disable_key(KeyId=of_production)
    assert refused(chained.note, theirs)[0] == "AccessForbidden"
    assert ana.note(own) == "development"
    production.kms.enable_key(KeyId=of_production)
    assert chained.note(theirs) == "production"
    # What the chain hangs on is gone: so is the access, of the session that is there too.
    production.iam.delete_role_policy(RoleName=reader.rpartition("/")[2], PolicyName="p")
    assert refused(chained.note, theirs)[0] == "AccessForbidden"


def test_users_and_roles_whose_paths_have_colons_are_named_as_principals(production, developer):
    """IAM lets paths of users and roles have colons: ARNs keep them, wherever a policy, a grant or a share names one."""
    path, root = "/x:y/z:/", f"arn:aws:iam::{ACCOUNT}:root"
    name = fresh("colon")
    role = production.iam.create_role(Path=path, RoleName=name, AssumeRolePolicyDocument=trusting(root))["Role"]["Arn"]
    assert role == f"arn:aws:iam::{ACCOUNT}:role{path}{name}"
    managed = production.iam.create_policy(
        PolicyName=name, PolicyDocument=document(allow("sts:AssumeRole", "kms:Encrypt")))["Policy"]["Arn"]
    production.iam.attach_role_policy(RoleName=name, PolicyArn=managed)
    simulated = production.iam.simulate_principal_policy(PolicySourceArn=role, ActionNames=["kms:Encrypt"])
    assert simulated["EvaluationResults"][0]["EvalDecision"] == "allowed"
    # A trust policy, of a role in another account.
    other = production.role(fresh("plain"), root, allow("sts:AssumeRole", "kms:Encrypt"))
    hop = developer.role(fresh("hop"), role, allow("kms:ListKeys"))
    session = production.assume(role)
    assert session.assume(hop).kms.list_keys()["Keys"] is not None
    assert refused(production.assume(other).assume, hop)[0] == "AccessDenied"
    shown = developer.iam.get_role(RoleName=hop.rpartition("/")[2])["Role"]["AssumeRolePolicyDocument"]
    assert shown["Statement"]["Principal"]["AWS"] == role
    # A key policy of another account, for a role and for a user.
    key_name = fresh("user")
    user = production.iam.create_user(Path=path, UserName=key_name)["User"]["Arn"]
    key = key_of(developer, allow("kms:Encrypt", principal=[role, user]))
    assert session.kms.encrypt(KeyId=key, Plaintext=b"x")["KeyId"] == key
    assert refused(production.assume(other).kms.encrypt, KeyId=key, Plaintext=b"x")[0] == "AccessDeniedException"
    # A grant.
    granted = key_of(developer)
    assert refused(session.kms.encrypt, KeyId=granted, Plaintext=b"x")[0] == "AccessDeniedException"
    developer.kms.create_grant(KeyId=granted, GranteePrincipal=role, Operations=["Encrypt"])
    assert session.kms.encrypt(KeyId=granted, Plaintext=b"x")["KeyId"] == granted
    # A resource share.
    group = developer.group(fresh("shared"))
    developer.put(group, "shared")
    production.iam.put_role_policy(RoleName=name, PolicyName="read", PolicyDocument=document(
        allow("sagemaker:GetRecord")))
    assert refused(session.note, group)[0] == "AccessForbidden"
    shared(developer, production, group, READ_ONLY, principal=role)
    assert session.note(group) == "shared"
    # Deleted and made again it is another one.
    production.iam.detach_role_policy(RoleName=name, PolicyArn=managed)
    production.iam.delete_role_policy(RoleName=name, PolicyName="read")
    production.iam.delete_role(RoleName=name)
    production.iam.create_role(Path=path, RoleName=name, AssumeRolePolicyDocument=trusting(root))
    production.iam.attach_role_policy(RoleName=name, PolicyArn=managed)
    assert refused(production.assume(role).kms.encrypt, KeyId=key, Plaintext=b"x")[0] == "AccessDeniedException"


def test_principals_whose_paths_have_wildcards_cannot_be_named_in_policies(production, developer):
    """A policy's principal has no wildcards: whoever needs to be named gets another path."""
    root, name = f"arn:aws:iam::{ACCOUNT}:root", fresh("wild")
    role = production.iam.create_role(
        Path="/a*b?/", RoleName=name, AssumeRolePolicyDocument=trusting(root))["Role"]["Arn"]
    code, message = refused(developer.iam.create_role, RoleName=fresh("hop"), AssumeRolePolicyDocument=trusting(role))
    assert code == "MalformedPolicyDocument" and role in message
    code, _ = refused(key_of, developer, allow("kms:Encrypt", principal=role))
    assert code == "MalformedPolicyDocumentException"
    group = developer.group(fresh("unshared"))
    code, message = refused(
        developer.ram.create_resource_share, name=fresh("share"), resourceArns=[group], principals=[role],
        permissionArns=[READ_ONLY])
    assert code == "InvalidParameterException" and "cannot be named in a policy" in message
    # It works like any other otherwise.
    assert production.assume(role).sts.get_caller_identity()["Account"] == ACCOUNT


# -- Keys of another account ------------------------------------------------------------------


def test_a_group_is_made_under_another_accounts_key_that_both_accounts_allow(production, developer):
    key = key_of(developer)
    name = fresh("foreign")
    code, message = refused(production.group, name, key)
    assert code == "AccessDeniedException" and "kms:" in message
    assert refused(production.sagemaker.describe_feature_group, FeatureGroupName=name)[0] == "ResourceNotFound"
    root = allow("kms:*", principal=f"arn:aws:iam::{developer.account}:root")
    developer.kms.put_key_policy(KeyId=key, Policy=document(
        root, allow("kms:*", principal=f"arn:aws:iam::{ACCOUNT}:root")))
    group = production.group(name, key)
    # Of another account a key is named by its ARN only.
    assert refused(production.group, fresh("bare"), key.rpartition("/")[2])[0] == "ValidationException"
    production.put(group, "kept elsewhere")
    assert production.note(group) == "kept elsewhere"
    (grant,) = developer.kms.list_grants(KeyId=key)["Grants"]
    assert grant["Name"].startswith(f"SageMakerFeatureStore-{name}-")
    assert grant["IssuingAccount"] == f"arn:aws:iam::{ACCOUNT}:root"
    # Both accounts' records show who used the key.
    assert developer.events("CreateGrant") and production.events("CreateGrant")
    # The key's account takes it away alone, the caller's too.
    bob = production.user(fresh("bob"), allow("sagemaker:*"))
    code, message = refused(bob.note, group)
    assert code == "AccessForbidden" and "kms:Decrypt" in message
    developer.kms.put_key_policy(KeyId=key, Policy=document(root))
    assert refused(production.note, group)[0] == "AccessForbidden"


# -- Resource shares --------------------------------------------------------------------------


def test_a_shared_group_is_used_by_its_arn(production, developer):
    group = production.group(fresh("shared"))
    production.put(group, "one")
    assert refused(developer.note, group)[0] == "AccessForbidden"
    shared(production, developer, group, READ_WRITE)
    assert developer.note(group) == "one"
    developer.put(group, "two", day=2)
    assert production.note(group) == "two"
    described = developer.sagemaker.describe_feature_group(FeatureGroupName=group)
    assert described["FeatureGroupArn"] == group
    batch = developer.runtime.batch_get_record(Identifiers=[
        {"FeatureGroupName": group, "RecordIdentifiersValueAsString": ["a"]}])
    assert len(batch["Records"]) == 1 and batch["Errors"] == []
    # The bare name is the consumer's own.
    assert refused(developer.note, group.rpartition("/")[2])[0] in ("AccessForbidden", "ResourceNotFound")
    assert refused(developer.runtime.list_records, FeatureGroupName=group)[0] == "AccessForbidden"


def test_the_online_key_must_admit_the_consumer_too(production, developer):
    key = key_of(production)
    group = production.group(fresh("keyed"), key)
    production.put(group)
    shared(production, developer, group, READ_ONLY)
    code, message = refused(developer.note, group)
    assert code == "AccessForbidden" and "kms:Decrypt" in message
    root = allow("kms:*", principal=f"arn:aws:iam::{ACCOUNT}:root")
    via = {"StringEquals": {"kms:ViaService": f"sagemaker.{REGION}.amazonaws.com"}}
    production.kms.put_key_policy(KeyId=key, Policy=document(
        root, allow("kms:Decrypt", principal=f"arn:aws:iam::{developer.account}:root", Condition=via)))
    assert developer.note(group) == "x"
    # A user of the consumer's needs both in its own policies.
    eve = developer.user(fresh("eve"), allow("sagemaker:GetRecord"))
    assert refused(eve.note, group)[0] == "AccessForbidden"
    ivy = developer.user(fresh("ivy"), allow("sagemaker:GetRecord", "kms:Decrypt"))
    assert ivy.note(group) == "x"
    used = [event for event in production.events("Decrypt") if event["recipientAccountId"] == ACCOUNT]
    assert any(event["userIdentity"]["accountId"] == developer.account for event in used)


@pytest.mark.parametrize("how", ["principal", "resource", "share", "rejected"])
def test_what_is_shared_no_longer_is_refused_on_the_next_request(production, developer, how):
    group = production.group(fresh("taken"))
    production.put(group)
    if how == "rejected":
        made = production.ram.create_resource_share(
            name="no", resourceArns=[group], principals=[developer.account])["resourceShare"]
        (got,) = developer.ram.get_resource_share_invitations(
            resourceShareArns=[made["resourceShareArn"]])["resourceShareInvitations"]
        developer.ram.reject_resource_share_invitation(
            resourceShareInvitationArn=got["resourceShareInvitationArn"])
        assert refused(developer.note, group)[0] == "AccessForbidden"
        return
    share = shared(production, developer, group, READ_ONLY)
    for _ in range(20):
        assert developer.note(group) == "x"
    if how == "principal":
        production.ram.disassociate_resource_share(resourceShareArn=share, principals=[developer.account])
    elif how == "resource":
        production.ram.disassociate_resource_share(resourceShareArn=share, resourceArns=[group])
    else:
        production.ram.delete_resource_share(resourceShareArn=share)
    assert refused(developer.note, group)[0] == "AccessForbidden"


def test_one_role_gets_what_its_account_does_not(production, developer):
    group = production.group(fresh("single"))
    production.put(group)
    reads = allow("sagemaker:GetRecord")
    role = developer.role(fresh("only"), f"arn:aws:iam::{developer.account}:root", reads)
    ana = developer.user(fresh("chooser"), reads, allow("sts:AssumeRole"))
    shared(production, developer, group, READ_ONLY, principal=role)
    assert refused(ana.note, group)[0] == "AccessForbidden"
    assert ana.assume(role).note(group) == "x"


def test_an_account_lists_its_catalog_and_those_that_others_share_with_it(production, developer):
    def catalogs(side) -> list[str]:
        listed = side.sagemaker.list_resource_catalogs(SortBy="CreationTime", SortOrder="Descending")
        assert {c["ResourceCatalogName"] for c in listed["ResourceCatalogs"]} == {"DefaultFeatureGroupCatalog"}
        return [c["ResourceCatalogArn"] for c in listed["ResourceCatalogs"]]

    own, other = (f"arn:aws:sagemaker:{REGION}:{side.account}:sagemaker-catalog/DefaultFeatureGroupCatalog"
                  for side in (developer, production))
    assert catalogs(developer) == [own]
    name = production.group(fresh("found")).rpartition("/")[2]
    made = production.ram.create_resource_share(
        name=fresh("catalog"), resourceArns=[other], principals=[developer.account])
    share = made["resourceShare"]["resourceShareArn"]
    for invitation in developer.ram.get_resource_share_invitations(
            resourceShareArns=[share])["resourceShareInvitations"]:
        developer.ram.accept_resource_share_invitation(
            resourceShareInvitationArn=invitation["resourceShareInvitationArn"])
    assert catalogs(developer) == [own, other] and catalogs(production) == [other]

    def search(**filter):
        return developer.sagemaker.search(
            Resource="FeatureGroup", CrossAccountFilterOption="CrossAccount",
            SearchExpression={"Filters": [filter]})["Results"]

    found, = search(Name="FeatureGroupName", Operator="Equals", Value=name)
    assert found["FeatureGroup"]["OnlineStoreConfig"]["EnableOnlineStore"] is True
    for name in ("FailureReason", "OfflineStoreConfig", "FeatureDefinitions.FeatureName", "Tags.team"):
        code, message = refused(search, Name=name, Operator="Exists")
        assert code == "ValidationException" and name in message
    production.ram.delete_resource_share(resourceShareArn=share)
    assert catalogs(developer) == [own]


def test_the_cli_and_paginators_list_what_is_shared(server, production, developer):
    group = production.group(fresh("listed"))
    share = shared(production, developer, group, READ_ONLY)
    listed = server.cli("ram", "list-resources", "--resource-owner", "SELF", "--resource-share-arns", share,
                        "--query", "resources[].arn", "--output", "text", "--endpoint-url", server.url)
    assert listed.returncode == 0, listed.stderr
    assert listed.stdout.split() == [group]
    pages = developer.ram.get_paginator("get_resource_shares").paginate(
        resourceOwner="OTHER-ACCOUNTS", PaginationConfig={"PageSize": 1})
    assert share in [one["resourceShareArn"] for page in pages for one in page["resourceShares"]]
    (policy,) = production.ram.get_resource_policies(resourceArns=[group])["policies"]
    assert json.loads(policy)["Statement"][0]["Principal"] == {
        "AWS": [f"arn:aws:iam::{developer.account}:root"]}
    permissions = production.ram.list_permissions(resourceType="sagemaker:FeatureGroup")["permissions"]
    assert [p["isResourceTypeDefault"] for p in permissions].count(True) == 1
    detail = production.ram.get_permission(permissionArn=READ_WRITE)["permission"]
    assert "sagemaker:PutRecord" in json.loads(detail["permission"])["Action"]


def test_errors_are_those_of_ram(production):
    ram = production.ram
    missing = f"arn:aws:ram:{REGION}:{ACCOUNT}:resource-share/00000000-0000-4000-8000-000000000000"
    assert refused(ram.delete_resource_share, resourceShareArn=missing)[0] == "UnknownResourceException"
    assert refused(ram.delete_resource_share, resourceShareArn="x")[0] == "MalformedArnException"
    assert refused(ram.create_resource_share, name="")[0] == "InvalidParameterException"
    assert refused(ram.update_resource_share, resourceShareArn=missing)[0] == "UnknownResourceException"
    assert refused(ram.list_resources, resourceOwner="SELF", resourceType="ec2:Subnet")[0] == "InvalidResourceTypeException"
    assert refused(ram.list_resources, resourceOwner="SELF", nextToken="x")[0] == "InvalidNextTokenException"
    assert refused(ram.get_permission, permissionArn=PERMISSION + "None")[0] == "UnknownResourceException"


def test_an_operation_of_ram_that_is_not_here_says_so(production):
    code, _ = refused(production.ram.list_replace_permission_associations_work)
    assert code == "UnknownOperationException"


# -- The last: from here on the organization shares without invitations -----------------------


def test_within_the_organization_sharing_needs_no_invitation_once_it_is_enabled(production, developer):
    group = production.group(fresh("within"))
    production.put(group)
    assert refused(developer.ram.enable_sharing_with_aws_organization)[0] == "OperationNotPermittedException"
    assert production.ram.enable_sharing_with_aws_organization()["returnValue"] is True
    role = production.iam.get_role(RoleName="AWSServiceRoleForResourceAccessManager")["Role"]
    assert role["Path"] == "/aws-service-role/ram.amazonaws.com/"
    organization = production.session.client("organizations", endpoint_url=production.server.url)
    arn = organization.describe_organization()["Organization"]["Arn"]
    share = shared(production, developer, group, READ_ONLY, principal=arn)
    assert developer.ram.get_resource_share_invitations(resourceShareArns=[share])["resourceShareInvitations"] == []
    assert developer.note(group) == "x"
    eve = developer.user(fresh("none"), allow("kms:Decrypt"))
    assert refused(eve.note, group)[0] == "AccessForbidden"
    root = organization.list_roots()["Roots"][0]["Id"]
    unit = organization.create_organizational_unit(ParentId=root, Name="apart")["OrganizationalUnit"]
    production.ram.disassociate_resource_share(resourceShareArn=share, principals=[arn])
    assert refused(developer.note, group)[0] == "AccessForbidden"
    production.ram.associate_resource_share(resourceShareArn=share, principals=[unit["Arn"]])
    assert refused(developer.note, group)[0] == "AccessForbidden"
    organization.move_account(AccountId=developer.account, SourceParentId=root, DestinationParentId=unit["Id"])
    assert developer.note(group) == "x"
    organization.move_account(AccountId=developer.account, SourceParentId=unit["Id"], DestinationParentId=root)
    assert refused(developer.note, group)[0] == "AccessForbidden"
