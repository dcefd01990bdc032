"""Condition keys through real requests: each has the documented value, and where it is absent it is absent.

A policy allows the call only under one condition. `present` shows that the value is the expected one and that a
condition on another value does not hold; `absent` that `Null` holds, that no positive operator does, and that a
negated one does.
"""

import datetime
import ipaddress
import json

import boto3
import botocore.config
import botocore.exceptions
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from conftest import ACCOUNT, REGION, Server

DENIED = {"AccessDenied", "AccessDeniedException", "AccessForbidden"}


def document(action, condition, resource="*"):
    return json.dumps({"Version": "2012-10-17", "Statement": {
        "Effect": "Allow", "Action": action, "Resource": resource, "Condition": condition}})


def allowed(call) -> bool:
    try:
        call()
        return True
    except botocore.exceptions.ClientError as refused:
        assert refused.response["Error"]["Code"] in DENIED, refused
        return False


class Caller:
    """Somebody whose one policy a test changes, and the call that the policy is about."""

    def __init__(self, put, action, call):
        self.put, self.action, self.call = put, action, call

    def holds(self, operator, key, value) -> bool:
        self.put(document(self.action, {operator: {key: value}}))
        return allowed(self.call)

    def present(self, key, operator, right, wrong):
        assert self.holds(operator, key, right), f"{key} is not {right}"
        assert not self.holds(operator, key, wrong), f"{key} is {wrong}"
        assert self.holds("Null", key, "false"), f"{key} counts as absent"

    def absent(self, key):
        assert self.holds("Null", key, "true"), f"{key} is there"
        for positive in ("StringLike", "ForAnyValue:StringLike"):
            assert not self.holds(positive, key, "*"), f"{key} has a value"
        assert self.holds("StringNotEquals", key, "anything"), f"{key} is there"
        assert self.holds("StringEqualsIfExists", key, "anything"), f"{key} is there"


def temporary(server, service, given):
    session = boto3.Session(
        aws_access_key_id=given["AccessKeyId"], aws_secret_access_key=given["SecretAccessKey"],
        aws_session_token=given["SessionToken"], region_name=REGION)
    config = botocore.config.Config(retries={"max_attempts": 1})
    return session.client(service, endpoint_url=server.url, config=config)


@pytest.fixture(scope="module")
def organization(server):
    client = server.client("organizations")
    return client.describe_organization()["Organization"]["Id"], client.list_roots()["Roots"][0]["Id"]


@pytest.fixture(scope="module")
def alice(server, iam):
    made = iam.create_user(UserName="keys-alice", Path="/team/", Tags=[{"Key": "Team", "Value": "red"}])["User"]
    key = iam.create_access_key(UserName="keys-alice")["AccessKey"]
    return {"arn": made["Arn"], "id": made["UserId"], "key": key,
            "kms": server.client("kms", key), "iam": server.client("iam", key),
            "put": lambda text: iam.put_user_policy(
                UserName="keys-alice", PolicyName="one", PolicyDocument=text)}


@pytest.fixture
def direct(alice):
    return Caller(alice["put"], "kms:ListKeys", alice["kms"].list_keys)


def trust(principal):
    return json.dumps({"Version": "2012-10-17", "Statement": {
        "Effect": "Allow", "Principal": {"AWS": principal},
        "Action": ["sts:AssumeRole", "sts:TagSession", "sts:SetSourceIdentity"]}})


@pytest.fixture(scope="module")
def role(server, iam):
    made = iam.create_role(RoleName="keys-role", Path="/of/keys/", AssumeRolePolicyDocument=trust(ACCOUNT),
                           Tags=[{"Key": "Team", "Value": "blue"}, {"Key": "Level", "Value": "3"}])["Role"]
    return {"arn": made["Arn"], "id": made["RoleId"], "put": lambda text: iam.put_role_policy(
        RoleName="keys-role", PolicyName="one", PolicyDocument=text)}


@pytest.fixture
def session(server, role):
    given = server.client("sts").assume_role(
        RoleArn=role["arn"], RoleSessionName="tester", SourceIdentity="Carol",
        Tags=[{"Key": "team", "Value": "green"}])["Credentials"]
    return Caller(role["put"], "kms:ListKeys", temporary(server, "kms", given).list_keys)


# --- a user that calls directly ------------------------------------------------------------------------------


def test_who_a_user_is(direct, alice):
    direct.present("aws:PrincipalArn", "ArnEquals", alice["arn"], f"arn:aws:iam::{ACCOUNT}:user/keys-alice")
    direct.present("aws:PrincipalAccount", "StringEquals", ACCOUNT, "444455556666")
    direct.present("aws:PrincipalType", "StringEquals", "User", "AssumedRole")
    direct.present("aws:userid", "StringEquals", alice["id"], "AIDAOTHER")
    direct.present("aws:username", "StringEquals", "keys-alice", "keys-bob")
    direct.present("aws:PrincipalTag/team", "StringEquals", "red", "Red")
    direct.present("aws:PrincipalIsAWSService", "Bool", "false", "true")


def test_where_the_account_is_in_the_organization(direct, organization):
    organization, root = organization
    direct.present("aws:PrincipalOrgID", "StringEquals", organization, "o-another000")
    direct.present("aws:PrincipalOrgPaths", "ForAnyValue:StringEquals", f"{organization}/{root}/", f"{organization}/")
    direct.present("aws:ResourceAccount", "StringEquals", ACCOUNT, "444455556666")
    direct.present("aws:ResourceOrgID", "StringEquals", organization, "o-another000")
    direct.present("aws:ResourceOrgPaths", "ForAnyValue:StringLike", f"{organization}/r-*", "o-another000/*")
    assert not direct.holds("StringLike", "aws:PrincipalOrgPaths", "*"), "several values need a set operator"


def test_when_and_from_where_a_request_comes(direct):
    direct.present("aws:CurrentTime", "DateGreaterThan", "2020-01-01T00:00:00Z", "2120-01-01T00:00:00Z")
    direct.present("aws:EpochTime", "NumericGreaterThan", "1500000000", "4000000000")
    direct.present("aws:EpochTime", "DateLessThan", "2120-01-01T00:00:00Z", "2020-01-01T00:00:00Z")
    direct.present("aws:SourceIp", "IpAddress", "127.0.0.0/8", "10.0.0.0/8")
    direct.present("aws:SecureTransport", "Bool", "false", "true")
    direct.present("aws:RequestedRegion", "StringEquals", REGION, "eu-west-1")
    direct.present("aws:UserAgent", "StringLike", "Boto3/*", "curl/*")
    direct.present("aws:ViaAWSService", "Bool", "false", "true")


@pytest.mark.parametrize("key", [
    "aws:TokenIssueTime", "aws:MultiFactorAuthPresent", "aws:MultiFactorAuthAge", "aws:SourceIdentity",
    "aws:FederatedProvider", "aws:CalledVia", "aws:CalledViaFirst", "aws:CalledViaLast", "kms:ViaService",
    "aws:SourceArn", "aws:SourceAccount", "aws:SourceOrgID", "aws:SourceOrgPaths", "aws:PrincipalServiceName",
    "aws:PrincipalServiceNamesList", "aws:Referer", "aws:RequestTag/team", "aws:TagKeys", "aws:ResourceTag/team",
    "aws:PrincipalTag/other", "aws:SourceVpc", "aws:SourceVpce", "aws:VpcSourceIp"])
def test_what_a_direct_call_with_a_long_term_key_does_not_have(direct, key):
    direct.absent(key)


def test_the_referer_is_there_if_it_was_sent(server, alice):
    def client(referer):
        made = server.client("kms", alice["key"])
        made.meta.events.register(
            "before-sign.kms.*", lambda request, **_: request.headers.add_header("Referer", referer))
        return made

    caller = Caller(alice["put"], "kms:ListKeys", client("https://console.example/").list_keys)
    caller.present("aws:Referer", "StringLike", "https://console.example/*", "https://elsewhere/*")
    Caller(alice["put"], "kms:ListKeys", client("").list_keys).absent("aws:Referer")


@pytest.fixture
def over_tls(tmp_path):
    """A server with a certificate for 127.0.0.1, and its file."""
    key, now = ec.generate_private_key(ec.SECP256R1()), datetime.datetime.now(datetime.timezone.utc)
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "127.0.0.1")])
    address = x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))])
    certificate = x509.CertificateBuilder(
        name, name, key.public_key(), x509.random_serial_number(), now - datetime.timedelta(hours=1),
        now + datetime.timedelta(days=1)
    ).add_extension(address, critical=False).sign(key, hashes.SHA256())
    (tmp_path / "c.pem").write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    (tmp_path / "k.pem").write_bytes(key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()))
    (tmp_path / "s.toml").write_text(f'[tls]\ncertificate = "{tmp_path}/c.pem"\nkey = "{tmp_path}/k.pem"\n')
    server = Server(tmp_path, "--config", str(tmp_path / "s.toml"))
    yield server, str(tmp_path / "c.pem")
    server.kill()


def test_a_connection_with_tls_is_secure(over_tls):
    server, certificate = over_tls

    def client(service, key=None):
        return server.session(key).client(service, endpoint_url=server.url, verify=certificate)

    iam = client("iam")
    iam.create_user(UserName="secure")
    key = iam.create_access_key(UserName="secure")["AccessKey"]
    caller = Caller(lambda text: iam.put_user_policy(UserName="secure", PolicyName="one", PolicyDocument=text),
                    "kms:ListKeys", client("kms", key).list_keys)
    caller.present("aws:SecureTransport", "Bool", "true", "false")


# --- sessions ------------------------------------------------------------------------------------------------


def test_who_the_session_of_a_role_is(session, role):
    session.present("aws:PrincipalArn", "ArnEquals", role["arn"],
                    f"arn:aws:sts::{ACCOUNT}:assumed-role/keys-role/tester")
    session.present("aws:PrincipalType", "StringEquals", "AssumedRole", "User")
    session.present("aws:userid", "StringEquals", f"{role['id']}:tester", role["id"])
    session.present("aws:PrincipalTag/Team", "StringEquals", "green", "blue")
    session.present("aws:PrincipalTag/level", "NumericEquals", "3.0", "4")
    session.present("aws:SourceIdentity", "StringEquals", "Carol", "Dave")
    session.present("aws:TokenIssueTime", "DateGreaterThan", "2020-01-01T00:00:00Z", "2120-01-01T00:00:00Z")
    session.present("aws:MultiFactorAuthPresent", "Bool", "false", "true")
    for key in ("aws:username", "aws:MultiFactorAuthAge", "aws:FederatedProvider"):
        session.absent(key)


def test_who_the_session_of_a_user_is(server, alice):
    given = server.client("sts", alice["key"]).get_session_token()["Credentials"]
    caller = Caller(alice["put"], "kms:ListKeys", temporary(server, "kms", given).list_keys)
    caller.present("aws:PrincipalArn", "ArnEquals", alice["arn"], f"arn:aws:iam::{ACCOUNT}:user/keys-alice")
    caller.present("aws:PrincipalType", "StringEquals", "User", "FederatedUser")
    caller.present("aws:username", "StringEquals", "keys-alice", "keys-bob")
    caller.present("aws:TokenIssueTime", "DateGreaterThan", "2020-01-01T00:00:00Z", "2120-01-01T00:00:00Z")
    caller.absent("aws:SourceIdentity")


def test_who_a_federated_user_is(server, iam):
    everything = json.dumps({"Version": "2012-10-17", "Statement": {
        "Effect": "Allow", "Action": ["kms:*", "sts:GetFederationToken"], "Resource": "*"}})
    iam.create_user(UserName="keys-issuer")
    key = iam.create_access_key(UserName="keys-issuer")["AccessKey"]
    iam.put_user_policy(UserName="keys-issuer", PolicyName="all", PolicyDocument=everything)
    issuer = server.client("sts", key)
    holder = {}

    def put(text):
        given = issuer.get_federation_token(Name="carol", Policy=text)["Credentials"]
        holder["kms"] = temporary(server, "kms", given)

    caller = Caller(put, "kms:ListKeys", lambda: holder["kms"].list_keys())
    caller.present("aws:PrincipalArn", "ArnEquals", f"arn:aws:sts::{ACCOUNT}:federated-user/carol",
                   f"arn:aws:iam::{ACCOUNT}:user/keys-issuer")
    caller.present("aws:PrincipalType", "StringEquals", "FederatedUser", "User")
    caller.present("aws:userid", "StringEquals", f"{ACCOUNT}:carol", "carol")
    caller.absent("aws:username")


def test_what_is_asked_when_a_role_is_assumed(server, iam, alice):
    role = iam.create_role(RoleName="keys-asked", AssumeRolePolicyDocument=trust(ACCOUNT),
                           Tags=[{"Key": "Team", "Value": "blue"}])["Role"]["Arn"]
    sts = server.client("sts", alice["key"])

    def put(text):
        statement = json.loads(text)["Statement"]
        iam.update_assume_role_policy(RoleName="keys-asked", PolicyDocument=json.dumps({
            "Version": "2012-10-17", "Statement": {
                "Effect": "Allow", "Principal": {"AWS": alice["arn"]}, "Condition": statement["Condition"],
                "Action": ["sts:AssumeRole", "sts:TagSession", "sts:SetSourceIdentity"]}}))

    def caller(**parameters):
        return Caller(put, "", lambda: sts.assume_role(RoleArn=role, RoleSessionName="asked", **parameters))

    full = caller(ExternalId="ours", SourceIdentity="Carol", Tags=[{"Key": "Cost", "Value": "1"}],
                  TransitiveTagKeys=["Cost"])
    full.present("sts:ExternalId", "StringEquals", "ours", "theirs")
    full.present("sts:RoleSessionName", "StringEquals", "asked", "other")
    full.present("sts:SourceIdentity", "StringEquals", "Carol", "Dave")
    full.present("aws:RequestTag/cost", "StringEquals", "1", "2")
    full.present("aws:TagKeys", "ForAllValues:StringEquals", "Cost", "Other")
    full.present("sts:TransitiveTagKeys", "ForAnyValue:StringEquals", "Cost", "Other")
    full.present("aws:ResourceTag/team", "StringEquals", "blue", "red")
    full.present("iam:ResourceTag/team", "StringEquals", "blue", "red")
    bare = caller()
    for key in ("sts:ExternalId", "sts:SourceIdentity", "aws:RequestTag/cost", "aws:TagKeys",
                "sts:TransitiveTagKeys"):
        bare.absent(key)


# --- what a call is about ------------------------------------------------------------------------------------


def test_tags_of_the_request_and_of_the_resource(iam, alice):
    iam.create_user(UserName="keys-tagged", Tags=[{"Key": "Owner", "Value": "red"}])
    about = alice["iam"]
    tag = Caller(alice["put"], "iam:TagUser", lambda: about.tag_user(
        UserName="keys-tagged", Tags=[{"Key": "Cost", "Value": "1"}, {"Key": "Plan", "Value": "b"}]))
    tag.present("aws:RequestTag/cost", "StringEquals", "1", "2")
    tag.present("aws:TagKeys", "ForAllValues:StringEquals", ["Cost", "Plan"], ["Cost"])
    tag.present("aws:ResourceTag/owner", "StringEquals", "red", "blue")
    tag.absent("aws:RequestTag/other")
    untag = Caller(alice["put"], "iam:UntagUser", lambda: about.untag_user(
        UserName="keys-tagged", TagKeys=["Nothing"]))
    untag.present("aws:TagKeys", "ForAnyValue:StringEquals", "Nothing", "Cost")
    untag.absent("aws:RequestTag/Nothing")
    iam.create_user(UserName="keys-untagged")
    get = Caller(alice["put"], "iam:GetUser", lambda: about.get_user(UserName="keys-untagged"))
    get.absent("aws:ResourceTag/owner")


def test_the_keys_of_kms(server, alice):
    administrator = server.client("kms")
    tags = [{"TagKey": "Team", "TagValue": "red"}]
    key = administrator.create_key(Tags=tags)["KeyMetadata"]["KeyId"]
    administrator.create_alias(AliasName="alias/keys-of-kms", TargetKeyId=key)
    kms = alice["kms"]

    def encrypt(by=key, **more):
        return Caller(alice["put"], "kms:Encrypt", lambda: kms.encrypt(KeyId=by, Plaintext=b"x", **more))

    context = {"App": "shop", "Tenant": "7"}
    with_context = encrypt(EncryptionContext=context)
    with_context.present("kms:EncryptionContext:App", "StringEquals", "shop", "Shop")
    with_context.present("kms:EncryptionContextKeys", "ForAllValues:StringEquals", ["App", "Tenant"], ["App"])
    with_context.present("kms:EncryptionAlgorithm", "StringEquals", "SYMMETRIC_DEFAULT", "RSAES_OAEP_SHA_256")
    with_context.present("kms:CallerAccount", "StringEquals", ACCOUNT, "444455556666")
    with_context.present("kms:KeySpec", "StringEquals", "SYMMETRIC_DEFAULT", "RSA_2048")
    with_context.present("kms:KeyUsage", "StringEquals", "ENCRYPT_DECRYPT", "SIGN_VERIFY")
    with_context.present("kms:KeyOrigin", "StringEquals", "AWS_KMS", "EXTERNAL")
    with_context.present("kms:MultiRegion", "Bool", "false", "true")
    with_context.present("aws:ResourceTag/team", "StringEquals", "red", "blue")
    with_context.present("kms:ResourceAliases", "ForAnyValue:StringEquals", "alias/keys-of-kms", "alias/other")
    for absent in ("kms:RequestAlias", "kms:ViaService", "kms:EncryptionContext:Other"):
        with_context.absent(absent)
    encrypt("alias/keys-of-kms").present("kms:RequestAlias", "StringEquals", "alias/keys-of-kms", "alias/other")
    for absent in ("kms:EncryptionContext:App", "kms:EncryptionContextKeys"):
        encrypt().absent(absent)
    create = Caller(alice["put"], ["kms:CreateKey", "kms:TagResource"], lambda: kms.create_key(Tags=tags))
    create.present("aws:RequestTag/team", "StringEquals", "red", "blue")
    create = Caller(alice["put"], "kms:CreateKey", kms.create_key)
    create.present("kms:KeySpec", "StringEquals", "SYMMETRIC_DEFAULT", "RSA_2048")
    create.absent("aws:RequestTag/team")


def test_the_keys_of_kms_that_only_some_calls_have(server, alice):
    administrator, kms = server.client("kms"), alice["kms"]

    def made(**parameters):
        return administrator.create_key(**parameters)["KeyMetadata"]["KeyId"]

    def caller(operation, **parameters):
        call = getattr(kms, botocore.xform_name(operation))
        return Caller(alice["put"], f"kms:{operation}", lambda: call(**parameters))

    key, agreeing = made(), made(KeySpec="ECC_NIST_P256", KeyUsage="KEY_AGREEMENT")
    pair = caller("GenerateDataKeyPairWithoutPlaintext", KeyId=key, KeyPairSpec="ECC_NIST_P256")
    pair.present("kms:DataKeyPairSpec", "StringEquals", "ECC_NIST_P256", "ECC_NIST_P384")
    caller("GenerateDataKeyWithoutPlaintext", KeyId=key, KeySpec="AES_256").absent("kms:DataKeyPairSpec")
    public = administrator.get_public_key(KeyId=agreeing)["PublicKey"]
    derive = caller("DeriveSharedSecret", KeyId=agreeing, KeyAgreementAlgorithm="ECDH", PublicKey=public)
    derive.present("kms:KeyAgreementAlgorithm", "StringEquals", "ECDH", "HKDF")

    group = f"arn:aws:sagemaker:{REGION}:{ACCOUNT}:feature-group/keys-of-kms"
    for_service = caller(
        "CreateGrant", KeyId=key, Operations=["Decrypt", "DescribeKey"], Constraints={"SourceArn": group},
        GranteeServicePrincipal="sagemaker.amazonaws.com", RetiringServicePrincipal="sagemaker.amazonaws.com")
    service = ("sagemaker.amazonaws.com", "s3.amazonaws.com")
    for_service.present("kms:GranteeServicePrincipal", "StringEquals", *service)
    for_service.present("kms:RetiringServicePrincipal", "StringEquals", *service)
    for_service.present("kms:GrantConstraintSourceArn", "ArnEquals", group, group + "-other")
    for_service.present("kms:GrantOperations", "ForAllValues:StringEquals", ["Decrypt", "DescribeKey"], ["Decrypt"])
    for_service.present("kms:GrantIsForAWSResource", "Bool", "false", "true")
    for absent in ("kms:GranteePrincipal", "kms:RetiringPrincipal"):
        for_service.absent(absent)

    for_user = caller("CreateGrant", KeyId=key, Operations=["Decrypt"], GranteePrincipal=alice["arn"],
                      RetiringPrincipal=alice["arn"], Constraints={"EncryptionContextEquals": {"App": "shop"}})
    for_user.present("kms:GranteePrincipal", "StringEquals", alice["arn"], alice["arn"] + "-other")
    for_user.present("kms:RetiringPrincipal", "StringEquals", alice["arn"], alice["arn"] + "-other")
    for_user.present("kms:GrantConstraintType", "StringEquals", "EncryptionContextEquals", "EncryptionContextSubset")
    for absent in ("kms:GranteeServicePrincipal", "kms:RetiringServicePrincipal", "kms:GrantConstraintSourceArn"):
        for_user.absent(absent)


# --- feature groups, and what SageMaker needs for the caller --------------------------------------------------


DEFINITIONS = [{"FeatureName": "id", "FeatureType": "String"}, {"FeatureName": "at", "FeatureType": "Fractional"}]


def group_parameters(name, key=None, **more):
    online = {"EnableOnlineStore": True} | ({"SecurityConfig": {"KmsKeyId": key}} if key else {})
    return {"FeatureGroupName": name, "RecordIdentifierFeatureName": "id", "EventTimeFeatureName": "at",
            "FeatureDefinitions": DEFINITIONS, "OnlineStoreConfig": online} | more


@pytest.fixture(scope="module")
def group(server):
    """A group with a tag under a customer managed key, and a record in it."""
    key = server.client("kms").create_key()["KeyMetadata"]["Arn"]
    server.client("sagemaker").create_feature_group(**group_parameters(
        "keys-group", key, Tags=[{"Key": "Team", "Value": "red"}]))
    server.client("sagemaker-featurestore-runtime").put_record(FeatureGroupName="keys-group", Record=[
        {"FeatureName": "id", "ValueAsString": "1"}, {"FeatureName": "at", "ValueAsString": "1700000000"}])
    return key


def reads(server, alice, put):
    runtime = server.client("sagemaker-featurestore-runtime", alice["key"])
    return Caller(put, "kms:Decrypt", lambda: runtime.get_record(
        FeatureGroupName="keys-group", RecordIdentifierValueAsString="1"))


def test_a_call_that_sagemaker_makes_for_the_caller(server, iam, alice, group):
    """The condition is on `kms:Decrypt`; the right to read the group has none."""
    iam.put_user_policy(UserName="keys-alice", PolicyName="reads", PolicyDocument=document(
        "sagemaker:GetRecord", {"StringEquals": {"aws:username": "keys-alice"}}))
    via = reads(server, alice, alice["put"])
    via.present("kms:ViaService", "StringEquals", f"sagemaker.{REGION}.amazonaws.com", "sagemaker.eu-west-1.amazonaws.com")
    via.present("aws:ViaAWSService", "Bool", "true", "false")
    via.present("aws:PrincipalArn", "ArnEquals", alice["arn"], f"arn:aws:iam::{ACCOUNT}:user/other")
    via.present("aws:PrincipalIsAWSService", "Bool", "false", "true")
    via.present("kms:CallerAccount", "StringEquals", ACCOUNT, "444455556666")
    via.present("kms:EncryptionContext:aws:sagemaker:featureGroupArn", "StringEquals",
                f"arn:aws:sagemaker:{REGION}:{ACCOUNT}:feature-group/keys-group", "other")
    for key in ("aws:SourceIp", "aws:CalledVia", "aws:CalledViaFirst", "aws:CalledViaLast", "aws:SourceArn",
                "aws:SourceAccount", "aws:SourceOrgID", "aws:PrincipalServiceName", "aws:PrincipalServiceNamesList"):
        via.absent(key)
    iam.delete_user_policy(UserName="keys-alice", PolicyName="reads")


def test_the_keys_of_feature_groups(server, alice, group):
    sagemaker = server.client("sagemaker", alice["key"])
    runtime = server.client("sagemaker-featurestore-runtime", alice["key"])
    describe = Caller(alice["put"], "sagemaker:DescribeFeatureGroup",
                      lambda: sagemaker.describe_feature_group(FeatureGroupName="keys-group"))
    describe.present("aws:ResourceTag/team", "StringEquals", "red", "blue")
    describe.present("sagemaker:ResourceTag/Team", "StringEquals", "red", "blue")
    describe.absent("sagemaker:IsUpdateRecord")
    # Denied for its key or allowed and refused as a duplicate: only the former is a denial.
    administrator = server.client("sagemaker")
    made = []

    def create(**more):
        def call():
            name = f"keys-made-{len(made)}"
            made.append(name)
            sagemaker.create_feature_group(**group_parameters(name, **more))
            administrator.delete_feature_group(FeatureGroupName=name)
        return Caller(alice["put"], ["sagemaker:CreateFeatureGroup", "sagemaker:AddTags", "kms:*"], call)

    plain = create()
    plain.present("sagemaker:FeatureGroupEnableOnlineStore", "Bool", "true", "false")
    plain.absent("sagemaker:FeatureGroupOnlineStoreKmsKey")
    plain.absent("sagemaker:FeatureGroupOfflineStoreConfig")
    plain.absent("aws:TagKeys")
    tagged = create(Tags=[{"Key": "Team", "Value": "red"}])
    tagged.present("aws:RequestTag/team", "StringEquals", "red", "blue")
    tagged.present("aws:TagKeys", "ForAllValues:StringEquals", ["Team"], ["Other"])

    def keyed(operator, value):
        alice["put"](json.dumps({"Version": "2012-10-17", "Statement": [
            {"Effect": "Allow", "Action": "kms:*", "Resource": "*"},
            {"Effect": "Allow", "Action": "sagemaker:CreateFeatureGroup", "Resource": "*",
             "Condition": {operator: {"sagemaker:FeatureGroupOnlineStoreKmsKey": value}}}]}))
        return allowed(create(key=group).call)

    assert keyed("ArnEquals", group) and not keyed("ArnEquals", group + "0") and keyed("Null", "false")
    put = Caller(alice["put"], ["sagemaker:PutRecord", "kms:*"], lambda: runtime.put_record(
        FeatureGroupName="keys-group", Record=[
            {"FeatureName": "id", "ValueAsString": "2"}, {"FeatureName": "at", "ValueAsString": "1700000000"}]))
    alice["put"](json.dumps({"Version": "2012-10-17", "Statement": [
        {"Effect": "Allow", "Action": "kms:*", "Resource": "*"},
        {"Effect": "Allow", "Action": "sagemaker:PutRecord", "Resource": "*",
         "Condition": {"Bool": {"sagemaker:IsUpdateRecord": "false"}}}]}))
    assert allowed(put.call)
    alice["put"](json.dumps({"Version": "2012-10-17", "Statement": [
        {"Effect": "Allow", "Action": "kms:*", "Resource": "*"},
        {"Effect": "Allow", "Action": "sagemaker:PutRecord", "Resource": "*",
         "Condition": {"Bool": {"sagemaker:IsUpdateRecord": "true"}}}]}))
    assert not allowed(put.call)


def test_a_service_that_acts_for_a_resource(server, iam, organization):
    """SageMaker assumes the role of a group for that group: the role's trust policy sees the keys of a service."""
    organization, root = organization
    everyone = {"Effect": "Allow", "Principal": {"Service": "sagemaker.amazonaws.com"}, "Action": "sts:AssumeRole"}

    def put(text):
        condition = json.loads(text)["Statement"]["Condition"]
        iam.update_assume_role_policy(RoleName="keys-service", PolicyDocument=json.dumps({
            "Version": "2012-10-17", "Statement": everyone | {"Condition": condition}}))

    role = iam.create_role(RoleName="keys-service", AssumeRolePolicyDocument=json.dumps({
        "Version": "2012-10-17", "Statement": everyone}))["Role"]["Arn"]
    sagemaker = server.client("sagemaker")

    class Trusted(Caller):
        def holds(self, operator, key, value):
            put(document("", {operator: {key: value}}))
            try:
                sagemaker.create_feature_group(**group_parameters("keys-service", RoleArn=role))
            except botocore.exceptions.ClientError as refused:
                assert "trust relationship policy" in str(refused), refused
                return False
            sagemaker.delete_feature_group(FeatureGroupName="keys-service")
            return True

    service = Trusted(put, "", None)
    arn = f"arn:aws:sagemaker:{REGION}:{ACCOUNT}:feature-group/keys-service"
    service.present("aws:SourceArn", "ArnEquals", arn, arn + "-2")
    service.present("aws:SourceAccount", "StringEquals", ACCOUNT, "444455556666")
    service.present("aws:SourceOrgID", "StringEquals", organization, "o-another000")
    service.present("aws:SourceOrgPaths", "ForAnyValue:StringEquals", f"{organization}/{root}/", "o-another000/")
    service.present("aws:PrincipalServiceName", "StringEquals", "sagemaker.amazonaws.com", "lambda.amazonaws.com")
    service.present("aws:PrincipalServiceNamesList", "ForAnyValue:StringEquals", "sagemaker.amazonaws.com",
                    "lambda.amazonaws.com")
    service.present("aws:PrincipalIsAWSService", "Bool", "true", "false")
    service.present("aws:ViaAWSService", "Bool", "false", "true")
    service.present("aws:ResourceAccount", "StringEquals", ACCOUNT, "444455556666")
    for key in ("aws:PrincipalArn", "aws:PrincipalAccount", "aws:PrincipalOrgID", "aws:username", "aws:SourceIp",
                "aws:TokenIssueTime", "aws:CalledVia"):
        service.absent(key)
