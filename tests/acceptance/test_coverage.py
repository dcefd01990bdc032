"""Every operation: unsigned, signed without permission, permitted, each need removed in turn.

The list of operations and of what they can need comes from the binary itself; an operation
without a call below fails the first test.
"""

import contextlib
import itertools
import json
import re
import subprocess
import time

import botocore
import botocore.client
import botocore.config
import botocore.exceptions
import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding
from cryptography.hazmat.primitives.serialization import load_der_public_key

from conftest import ACCOUNT, OTHER_REGION, REGION, binary, settled
from issuer import AUDIENCE

DENIED = {"AccessDenied", "AccessDeniedException", "AccessForbidden"}
POLICY = json.dumps({"Version": "2012-10-17", "Statement": {
    "Effect": "Allow", "Action": "sts:*", "Resource": "*"}})
TRUST = json.dumps({"Version": "2012-10-17", "Statement": {
    "Effect": "Allow", "Principal": {"Service": "sagemaker.amazonaws.com"}, "Action": "sts:AssumeRole"}})
ACCOUNT_TRUST = json.dumps({"Version": "2012-10-17", "Statement": {
    "Effect": "Allow", "Principal": {"AWS": ACCOUNT},
    "Action": ["sts:AssumeRole", "sts:TagSession", "sts:SetSourceIdentity"]}})
ROOT = f"arn:aws:iam::{ACCOUNT}:root"
SCP = "SERVICE_CONTROL_POLICY"
DENY = json.dumps({"Version": "2012-10-17", "Statement": {
    "Effect": "Deny", "Action": "glue:*", "Resource": "*"}})
counter = itertools.count()


def declared() -> dict:
    """Operation → the actions it can need, as the binary says."""
    page = subprocess.run([str(binary()), "docs", "permissions"], capture_output=True, text=True).stdout
    service, table = None, {}
    for line in page.splitlines():
        if line.startswith("## "):
            service = line[3:]
        elif row := re.match(r"\| (\w+) \| (.*) \|", line):
            if row[1] != "Operation":
                table[service, row[1]] = re.findall(r"`([^`]+)`", row[2])
    return table


def name() -> str:
    return f"cov{next(counter)}"


class World:
    """Makes what calls need, as the administrator."""

    def __init__(self, server):
        self.server = server
        self.kms, self.iam = server.client("kms"), server.client("iam")
        self.sagemaker = server.client("sagemaker")
        self.runtime = server.client("sagemaker-featurestore-runtime")
        with contextlib.suppress(self.iam.exceptions.EntityAlreadyExistsException):
            self.iam.create_role(RoleName="features", AssumeRolePolicyDocument=TRUST)
        self.organization = server.client("organizations")
        self.ram = server.client("ram")
        self.root = self.organization.list_roots()["Roots"][0]["Id"]
        self.shared_key = self.kms.create_key()["KeyMetadata"]["Arn"]
        self.kinds = {}

    def bucket(self) -> str:
        bucket = f"sagemaker-{name()}"
        self.server.client("strongroom").create_bucket(Bucket=bucket)
        return bucket

    def bucket_policy(self, stored: bool = False) -> dict:
        """A bucket and a policy for it; only the bucket, if that policy is stored."""
        bucket = self.bucket()
        policy = json.dumps({"Version": "2012-10-17", "Statement": {
            "Effect": "Allow", "Principal": {"AWS": ACCOUNT}, "Action": "s3:PutObject",
            "Resource": f"arn:aws:s3:::{bucket}/*"}})
        if not stored:
            return {"Bucket": bucket, "Policy": policy}
        self.server.client("strongroom").put_bucket_policy(Bucket=bucket, Policy=policy)
        return {"Bucket": bucket}

    def key(self):
        return self.kms.create_key()["KeyMetadata"]["KeyId"]

    def key_of(self, spec: str, usage: str) -> str:
        """A key of this kind, made once."""
        if (spec, usage) not in self.kinds:
            made = self.kms.create_key(KeySpec=spec, KeyUsage=usage)
            self.kinds[spec, usage] = made["KeyMetadata"]["Arn"]
        return self.kinds[spec, usage]

    def signed(self) -> dict:
        request = {"KeyId": self.key_of("ECC_NIST_P256", "SIGN_VERIFY"), "Message": b"x",
                   "SigningAlgorithm": "ECDSA_SHA_256"}
        return request | {"Signature": self.kms.sign(**request)["Signature"]}

    def authenticated(self) -> dict:
        request = {"KeyId": self.key_of("HMAC_256", "GENERATE_VERIFY_MAC"), "Message": b"x",
                   "MacAlgorithm": "HMAC_SHA_256"}
        return request | {"Mac": self.kms.generate_mac(**request)["Mac"]}

    def agreement(self) -> dict:
        key = self.key_of("ECC_NIST_P256", "KEY_AGREEMENT")
        return {"KeyId": key, "KeyAgreementAlgorithm": "ECDH",
                "PublicKey": self.kms.get_public_key(KeyId=key)["PublicKey"]}

    def multi_region_key(self) -> str:
        return self.kms.create_key(MultiRegion=True)["KeyMetadata"]["KeyId"]

    def replicated_key(self) -> str:
        key = self.multi_region_key()
        self.kms.replicate_key(KeyId=key, ReplicaRegion=OTHER_REGION)
        settled(self.server.client("kms", region_name=OTHER_REGION), key)
        return key

    def external_key(self) -> str:
        return self.kms.create_key(Origin="EXTERNAL")["KeyMetadata"]["KeyId"]

    def importing(self) -> dict:
        given = self.kms.get_parameters_for_import(
            KeyId=self.external_key(), WrappingAlgorithm="RSAES_OAEP_SHA_256",
            WrappingKeySpec="RSA_2048")
        scheme = padding.OAEP(padding.MGF1(hashes.SHA256()), hashes.SHA256(), None)
        wrapped = load_der_public_key(given["PublicKey"]).encrypt(bytes(range(32)), scheme)
        return {"KeyId": given["KeyId"].rpartition("/")[2], "ImportToken": given["ImportToken"],
                "EncryptedKeyMaterial": wrapped, "ExpirationModel": "KEY_MATERIAL_DOES_NOT_EXPIRE"}

    def encapsulation(self) -> dict:
        return {"KeyId": self.key_of("ML_KEM_512", "ENCAPSULATE_DECAPSULATE"),
                "EncapsulationAlgorithm": "ML_KEM"}

    def encapsulated(self) -> dict:
        made = self.kms.encapsulate(**self.encapsulation())
        return self.encapsulation() | {
            "SharedSecretCiphertextBlob": made["SharedSecretCiphertextBlob"]}

    def seal(self):
        """The kind and the secret of the server's seal."""
        phrase = self.server.directory / "phrase"
        if phrase.exists():
            return "passphrase", phrase.read_text().strip()
        return "key-file", (self.server.directory / "data.key").read_text()

    def rewrap(self):
        """To the seal that it has: the server is to start again with the same flags."""
        kind, secret = self.seal()
        return {"Current": secret, "NewKind": kind, "New": secret}

    def key_store(self, connected=False) -> str:
        """The id of a key store on the token that is connected or not, made once."""
        found = self.kms.describe_custom_key_stores()["CustomKeyStores"]
        if not found:
            self.kms.create_custom_key_store(**self.server.token.store(name()))
            return self.key_store(connected)
        store, state = found[0]["CustomKeyStoreId"], found[0]["ConnectionState"]
        if state == ("CONNECTED" if connected else "DISCONNECTED"):
            return store
        if state == "CONNECTED":
            self.kms.disconnect_custom_key_store(CustomKeyStoreId=store)
        elif state == "DISCONNECTED":
            self.kms.connect_custom_key_store(CustomKeyStoreId=store)
        time.sleep(0.2)
        return self.key_store(connected)

    def new_key_store(self) -> dict:
        """The parameters of a key store on the token, on which there is none."""
        for store in self.kms.describe_custom_key_stores()["CustomKeyStores"]:
            self.kms.delete_custom_key_store(CustomKeyStoreId=self.key_store())
        return self.server.token.store(name())

    def blob(self):
        return self.kms.encrypt(KeyId=self.shared_key, Plaintext=b"x")["CiphertextBlob"]

    def key_alias(self):
        made = "alias/" + name()
        self.kms.create_alias(AliasName=made, TargetKeyId=self.key())
        return made

    def deleted_key(self):
        made = self.key()
        self.kms.schedule_key_deletion(KeyId=made)
        return made

    def grant(self):
        return self.kms.create_grant(
            KeyId=self.shared_key, GranteePrincipal=ROOT, Operations=["Encrypt"])

    def user(self):
        made = name()
        self.iam.create_user(UserName=made)
        return made

    def user_with_key(self):
        made = self.user()
        return made, self.iam.create_access_key(UserName=made)["AccessKey"]["AccessKeyId"]

    def user_with_policy(self):
        made = self.user()
        self.iam.put_user_policy(UserName=made, PolicyName="p", PolicyDocument=POLICY)
        return made

    def team(self):
        made = name()
        self.iam.create_group(GroupName=made)
        return made

    def team_with_policy(self):
        made = self.team()
        self.iam.put_group_policy(GroupName=made, PolicyName="p", PolicyDocument=POLICY)
        return made

    def member(self):
        user, team = self.user(), self.team()
        self.iam.add_user_to_group(GroupName=team, UserName=user)
        return {"GroupName": team, "UserName": user}

    def role(self):
        made = name()
        self.iam.create_role(RoleName=made, AssumeRolePolicyDocument=TRUST)
        return made

    def role_with_policy(self):
        made = self.role()
        self.iam.put_role_policy(RoleName=made, PolicyName="p", PolicyDocument=POLICY)
        return made

    def assumed(self):
        """A role that the account's users may assume, with everything that needs a permission."""
        made = name()
        self.iam.create_role(RoleName=made, AssumeRolePolicyDocument=ACCOUNT_TRUST)
        return {"RoleArn": f"arn:aws:iam::{ACCOUNT}:role/{made}", "RoleSessionName": "cov",
                "Tags": TAGS, "SourceIdentity": "cov"}

    def vouched(self, denied=None):
        """A call with a token for a role that trusts its issuer, with all but one right."""
        issuer = self.server.issuer
        with contextlib.suppress(self.iam.exceptions.EntityAlreadyExistsException):
            self.iam.create_open_id_connect_provider(Url=issuer.url, ClientIDList=[AUDIENCE])
        provider = f"arn:aws:iam::{ACCOUNT}:oidc-provider/" + issuer.url.removeprefix("https://")
        actions = declared()["sts", "AssumeRoleWithWebIdentity"]
        statements = [{"Effect": "Allow", "Principal": {"Federated": provider}, "Action": actions}]
        if denied:
            statements.append({"Effect": "Deny", "Principal": "*", "Action": denied})
        made = name()
        self.iam.create_role(RoleName=made, AssumeRolePolicyDocument=json.dumps(
            {"Version": "2012-10-17", "Statement": statements}))
        token = issuer.token(**{
            "https://aws.amazon.com/tags": {"principal_tags": {"team": ["blue"]}},
            "https://aws.amazon.com/source_identity": "cov"})
        return {"RoleArn": f"arn:aws:iam::{ACCOUNT}:role/{made}", "RoleSessionName": "cov",
                "WebIdentityToken": token}

    def denied(self):
        """The encoded message of a denied call."""
        key = self.iam.create_access_key(UserName=self.user())["AccessKey"]
        with pytest.raises(botocore.exceptions.ClientError) as refused:
            self.server.client("kms", key).list_keys()
        headers = refused.value.response["ResponseMetadata"]["HTTPHeaders"]
        return headers["x-strongroom-authorization-message"]

    def alias(self):
        made = name()
        self.iam.create_account_alias(AccountAlias=made)
        return made

    def linked_role(self):
        made = self.iam.create_service_linked_role(
            AWSServiceName="autoscaling.amazonaws.com", CustomSuffix=name())
        return made["Role"]["RoleName"]

    def deletion(self):
        return self.iam.delete_service_linked_role(RoleName=self.linked_role())["DeletionTaskId"]

    def bounded_user(self):
        made = self.user()
        self.iam.put_user_permissions_boundary(UserName=made, PermissionsBoundary=self.policy())
        return made

    def bounded_role(self):
        made = self.role()
        self.iam.put_role_permissions_boundary(RoleName=made, PermissionsBoundary=self.policy())
        return made

    def policy(self):
        return self.iam.create_policy(PolicyName=name(), PolicyDocument=POLICY)["Policy"]["Arn"]

    def policy_with_versions(self):
        arn = self.policy()
        self.iam.create_policy_version(PolicyArn=arn, PolicyDocument=POLICY)
        return arn

    def issuer(self):
        return f"https://{name()}.example.com"

    def provider(self):
        """An identity provider, one at a time: an account has a hundred at most."""
        for known in self.iam.list_open_id_connect_providers()["OpenIDConnectProviderList"]:
            self.iam.delete_open_id_connect_provider(OpenIDConnectProviderArn=known["Arn"])
        return self.iam.create_open_id_connect_provider(Url=self.issuer())[PROVIDER]

    def attached(self):
        made, arn = self.user(), self.policy()
        self.iam.attach_user_policy(UserName=made, PolicyArn=arn)
        return made, arn

    def unit(self):
        made = self.organization.create_organizational_unit(ParentId=self.root, Name=name())
        return made["OrganizationalUnit"]["Id"]

    def account(self):
        made = self.organization.create_account(AccountName="cov", Email=name() + "@example.com")
        return made["CreateAccountStatus"]

    def scp(self):
        made = self.organization.create_policy(
            Name=name(), Description="", Type=SCP, Content=DENY)
        return made["Policy"]["PolicySummary"]["Id"]

    def attachment(self, attached):
        call = {"PolicyId": self.scp(), "TargetId": self.unit()}
        if attached:
            self.organization.attach_policy(**call)
        return call

    def resource_control(self, enabled):
        call = {"RootId": self.root, "PolicyType": "RESOURCE_CONTROL_POLICY"}
        types = self.organization.list_roots()["Roots"][0]["PolicyTypes"]
        if enabled != any(t["Type"] == call["PolicyType"] for t in types):
            change = "enable_policy_type" if enabled else "disable_policy_type"
            getattr(self.organization, change)(**call)
        return call

    def move(self):
        return {"AccountId": self.account()["AccountId"], "SourceParentId": self.root,
                "DestinationParentId": self.unit()}

    def share(self, **more):
        """The ARN of a share of the account's catalog."""
        made = self.ram.create_resource_share(name=name(), resourceArns=[CATALOG], **more)
        return made["resourceShare"]["resourceShareArn"]

    def group(self):
        made = name()
        self.sagemaker.create_feature_group(**group_parameters(made, self.shared_key))
        self.runtime.put_record(FeatureGroupName=made, Record=RECORD)
        return made


RECORD = [{"FeatureName": "id", "ValueAsString": "a"},
          {"FeatureName": "at", "ValueAsString": "2026-01-01T00:00:00Z"}]
TAGS = [{"Key": "team", "Value": "blue"}]
PROVIDER = "OpenIDConnectProviderArn"
CATALOG = f"arn:aws:sagemaker:{REGION}:{ACCOUNT}:sagemaker-catalog/DefaultFeatureGroupCatalog"
PERMISSION = "arn:aws:ram::aws:permission/AWSRAMPermissionSageMaker"
SEARCH, READ_ONLY = PERMISSION + "CatalogResourceSearch", PERMISSION + "FeatureGroupReadOnly"
OUTSIDE = "999999999999"
# All accounts of a deployment may share without invitations once one call of the coverage has enabled that.
INVITATION = f"arn:aws:ram:{REGION}:{OUTSIDE}:resource-share-invitation/00000000-0000-4000-8000-000000000000"


def group_parameters(group, key):
    return dict(
        FeatureGroupName=group, RecordIdentifierFeatureName="id", EventTimeFeatureName="at",
        FeatureDefinitions=[{"FeatureName": n, "FeatureType": "String"} for n in ("id", "at")],
        OnlineStoreConfig={"EnableOnlineStore": True, "StorageType": "Standard_V2",
                           "SecurityConfig": {"KmsKeyId": key}}, Tags=TAGS,
        RoleArn="arn:aws:iam::111122223333:role/features")


def group_arn(group: str) -> str:
    return f"arn:aws:sagemaker:{REGION}:{ACCOUNT}:feature-group/{group}"


def attached_call(world):
    user, arn = world.attached()
    return {"UserName": user, "PolicyArn": arn}


def attached_team(world):
    call = {"GroupName": world.team(), "PolicyArn": world.policy()}
    world.iam.attach_group_policy(**call)
    return call


def attached_role(world):
    call = {"RoleName": world.role(), "PolicyArn": world.policy()}
    world.iam.attach_role_policy(**call)
    return call


def key_call(world, **more):
    user, key = world.user_with_key()
    return {"UserName": user, "AccessKeyId": key, **more}


# (service, operation) → a function of the world that returns the call's parameters.
CALLS = {
    ("kms", "CreateKey"): lambda w: {"MultiRegion": True, "Tags": [{"TagKey": "a", "TagValue": "b"}]},
    ("kms", "DescribeKey"): lambda w: {"KeyId": w.shared_key},
    ("kms", "ListKeys"): lambda w: {},
    ("kms", "EnableKey"): lambda w: {"KeyId": w.key()},
    ("kms", "DisableKey"): lambda w: {"KeyId": w.key()},
    ("kms", "Encrypt"): lambda w: {"KeyId": w.shared_key, "Plaintext": b"x"},
    ("kms", "Decrypt"): lambda w: {"CiphertextBlob": w.blob()},
    ("kms", "GenerateDataKey"): lambda w: {"KeyId": w.shared_key, "KeySpec": "AES_256"},
    ("kms", "GenerateDataKeyWithoutPlaintext"): lambda w: {"KeyId": w.shared_key, "KeySpec": "AES_256"},
    ("kms", "GenerateDataKeyPair"): lambda w: {"KeyId": w.shared_key, "KeyPairSpec": "ECC_NIST_P256"},
    ("kms", "GenerateDataKeyPairWithoutPlaintext"): lambda w: {
        "KeyId": w.shared_key, "KeyPairSpec": "ECC_NIST_P256"},
    ("kms", "GetParametersForImport"): lambda w: {
        "KeyId": w.external_key(), "WrappingAlgorithm": "RSAES_OAEP_SHA_256",
        "WrappingKeySpec": "RSA_2048"},
    ("kms", "ImportKeyMaterial"): lambda w: w.importing(),
    ("kms", "DeleteImportedKeyMaterial"): lambda w: {"KeyId": w.external_key()},
    ("kms", "ReplicateKey"): lambda w: {
        "KeyId": w.multi_region_key(), "ReplicaRegion": OTHER_REGION,
        "Tags": [{"TagKey": "a", "TagValue": "b"}]},
    ("kms", "UpdatePrimaryRegion"): lambda w: {
        "KeyId": w.replicated_key(), "PrimaryRegion": OTHER_REGION},
    ("kms", "GetPublicKey"): lambda w: {"KeyId": w.key_of("ECC_NIST_P256", "SIGN_VERIFY")},
    ("kms", "Sign"): lambda w: {"KeyId": w.key_of("ECC_NIST_P256", "SIGN_VERIFY"), "Message": b"x",
                                "SigningAlgorithm": "ECDSA_SHA_256"},
    ("kms", "Verify"): lambda w: w.signed(),
    ("kms", "GenerateMac"): lambda w: {"KeyId": w.key_of("HMAC_256", "GENERATE_VERIFY_MAC"),
                                       "Message": b"x", "MacAlgorithm": "HMAC_SHA_256"},
    ("kms", "VerifyMac"): lambda w: w.authenticated(),
    ("kms", "DeriveSharedSecret"): lambda w: w.agreement(),
    ("kms", "Encapsulate"): lambda w: w.encapsulation(),
    ("kms", "Decapsulate"): lambda w: w.encapsulated(),
    ("kms", "GetKeyPolicy"): lambda w: {"KeyId": w.shared_key},
    ("kms", "PutKeyPolicy"): lambda w: (lambda key: {
        "KeyId": key, "Policy": w.kms.get_key_policy(KeyId=key)["Policy"],
        "BypassPolicyLockoutSafetyCheck": True})(w.key()),
    ("kms", "CreateAlias"): lambda w: {"AliasName": "alias/" + name(), "TargetKeyId": w.key()},
    ("kms", "ListAliases"): lambda w: {},
    ("kms", "GetKeyLastUsage"): lambda w: {"KeyId": w.shared_key},
    ("kms", "ScheduleKeyDeletion"): lambda w: {"KeyId": w.key(), "PendingWindowInDays": 7},
    ("kms", "CancelKeyDeletion"): lambda w: {"KeyId": w.deleted_key()},
    ("kms", "EnableKeyRotation"): lambda w: {"KeyId": w.key()},
    ("kms", "DisableKeyRotation"): lambda w: {"KeyId": w.key()},
    ("kms", "GetKeyRotationStatus"): lambda w: {"KeyId": w.shared_key},
    ("kms", "RotateKeyOnDemand"): lambda w: {"KeyId": w.key()},
    ("kms", "ListKeyRotations"): lambda w: {"KeyId": w.shared_key},
    ("kms", "UpdateAlias"): lambda w: {"AliasName": w.key_alias(), "TargetKeyId": w.key()},
    ("kms", "DeleteAlias"): lambda w: {"AliasName": w.key_alias()},
    ("kms", "UpdateKeyDescription"): lambda w: {"KeyId": w.key(), "Description": "x"},
    ("kms", "TagResource"): lambda w: {"KeyId": w.key(), "Tags": [{"TagKey": "a", "TagValue": "b"}]},
    ("kms", "UntagResource"): lambda w: {"KeyId": w.key(), "TagKeys": ["a"]},
    ("kms", "ListResourceTags"): lambda w: {"KeyId": w.shared_key},
    ("kms", "ListKeyPolicies"): lambda w: {"KeyId": w.shared_key},
    ("kms", "CreateCustomKeyStore"): lambda w: w.new_key_store(),
    ("kms", "DescribeCustomKeyStores"): lambda w: {},
    ("kms", "UpdateCustomKeyStore"): lambda w: {
        "CustomKeyStoreId": w.key_store(), "NewCustomKeyStoreName": name()},
    ("kms", "ConnectCustomKeyStore"): lambda w: {"CustomKeyStoreId": w.key_store()},
    ("kms", "DisconnectCustomKeyStore"): lambda w: {"CustomKeyStoreId": w.key_store(connected=True)},
    ("kms", "DeleteCustomKeyStore"): lambda w: {"CustomKeyStoreId": w.key_store()},
    ("kms", "GenerateRandom"): lambda w: {"NumberOfBytes": 8},
    ("kms", "ReEncrypt"): lambda w: {"CiphertextBlob": w.blob(), "DestinationKeyId": w.key()},
    ("kms", "CreateGrant"): lambda w: {
        "KeyId": w.shared_key, "GranteePrincipal": ROOT, "Operations": ["Encrypt"]},
    ("kms", "ListGrants"): lambda w: {"KeyId": w.shared_key},
    ("kms", "ListRetirableGrants"): lambda w: {"RetiringPrincipal": ROOT},
    ("kms", "RetireGrant"): lambda w: {"GrantToken": w.grant()["GrantToken"]},
    ("kms", "RevokeGrant"): lambda w: {"KeyId": w.shared_key, "GrantId": w.grant()["GrantId"]},
    ("iam", "CreateUser"): lambda w: {"UserName": name(), "Tags": TAGS},
    ("iam", "GetUser"): lambda w: {"UserName": w.user()},
    ("iam", "ListUsers"): lambda w: {},
    ("iam", "DeleteUser"): lambda w: {"UserName": w.user()},
    ("iam", "CreateAccessKey"): lambda w: {"UserName": w.user()},
    ("iam", "ListAccessKeys"): lambda w: {"UserName": w.user()},
    ("iam", "UpdateAccessKey"): lambda w: key_call(w, Status="Inactive"),
    ("iam", "DeleteAccessKey"): lambda w: key_call(w),
    ("iam", "GetAccessKeyLastUsed"): lambda w: {"AccessKeyId": w.user_with_key()[1]},
    ("iam", "PutUserPolicy"): lambda w: {"UserName": w.user(), "PolicyName": "p", "PolicyDocument": POLICY},
    ("iam", "GetUserPolicy"): lambda w: {"UserName": w.user_with_policy(), "PolicyName": "p"},
    ("iam", "ListUserPolicies"): lambda w: {"UserName": w.user()},
    ("iam", "DeleteUserPolicy"): lambda w: {"UserName": w.user_with_policy(), "PolicyName": "p"},
    ("iam", "CreatePolicy"): lambda w: {"PolicyName": name(), "PolicyDocument": POLICY, "Tags": TAGS},
    ("iam", "GetPolicy"): lambda w: {"PolicyArn": w.policy()},
    ("iam", "GetPolicyVersion"): lambda w: {"PolicyArn": w.policy(), "VersionId": "v1"},
    ("iam", "ListPolicies"): lambda w: {},
    ("iam", "DeletePolicy"): lambda w: {"PolicyArn": w.policy()},
    ("iam", "CreatePolicyVersion"): lambda w: {"PolicyArn": w.policy(), "PolicyDocument": POLICY},
    ("iam", "DeletePolicyVersion"): lambda w: {"PolicyArn": w.policy_with_versions(), "VersionId": "v2"},
    ("iam", "SetDefaultPolicyVersion"): lambda w: {"PolicyArn": w.policy_with_versions(), "VersionId": "v2"},
    ("iam", "ListPolicyVersions"): lambda w: {"PolicyArn": w.policy()},
    ("iam", "ListEntitiesForPolicy"): lambda w: {"PolicyArn": w.attached()[1]},
    ("iam", "TagPolicy"): lambda w: {"PolicyArn": w.policy(), "Tags": TAGS},
    ("iam", "UntagPolicy"): lambda w: {"PolicyArn": w.policy(), "TagKeys": ["team"]},
    ("iam", "ListPolicyTags"): lambda w: {"PolicyArn": w.policy()},
    ("iam", "CreateOpenIDConnectProvider"): lambda w: {"Url": w.issuer(), "Tags": TAGS},
    ("iam", "GetOpenIDConnectProvider"): lambda w: {PROVIDER: w.provider()},
    ("iam", "ListOpenIDConnectProviders"): lambda w: {},
    ("iam", "DeleteOpenIDConnectProvider"): lambda w: {PROVIDER: w.provider()},
    ("iam", "AddClientIDToOpenIDConnectProvider"): lambda w: {PROVIDER: w.provider(), "ClientID": "a"},
    ("iam", "RemoveClientIDFromOpenIDConnectProvider"): lambda w: {PROVIDER: w.provider(), "ClientID": "a"},
    ("iam", "UpdateOpenIDConnectProviderThumbprint"): lambda w: {
        PROVIDER: w.provider(), "ThumbprintList": ["0" * 40]},
    ("iam", "TagOpenIDConnectProvider"): lambda w: {PROVIDER: w.provider(), "Tags": TAGS},
    ("iam", "UntagOpenIDConnectProvider"): lambda w: {PROVIDER: w.provider(), "TagKeys": ["team"]},
    ("iam", "ListOpenIDConnectProviderTags"): lambda w: {PROVIDER: w.provider()},
    ("iam", "AttachUserPolicy"): lambda w: {"UserName": w.user(), "PolicyArn": w.policy()},
    ("iam", "DetachUserPolicy"): attached_call,
    ("iam", "ListAttachedUserPolicies"): lambda w: {"UserName": w.user()},
    ("iam", "UpdateUser"): lambda w: {"UserName": w.user(), "NewUserName": name()},
    ("iam", "ListGroupsForUser"): lambda w: {"UserName": w.user()},
    ("iam", "PutUserPermissionsBoundary"): lambda w: {"UserName": w.user(), "PermissionsBoundary": w.policy()},
    ("iam", "DeleteUserPermissionsBoundary"): lambda w: {"UserName": w.bounded_user()},
    ("iam", "TagUser"): lambda w: {"UserName": w.user(), "Tags": TAGS},
    ("iam", "UntagUser"): lambda w: {"UserName": w.user(), "TagKeys": ["team"]},
    ("iam", "ListUserTags"): lambda w: {"UserName": w.user()},
    ("iam", "CreateGroup"): lambda w: {"GroupName": name()},
    ("iam", "GetGroup"): lambda w: {"GroupName": w.team()},
    ("iam", "ListGroups"): lambda w: {},
    ("iam", "UpdateGroup"): lambda w: {"GroupName": w.team(), "NewPath": "/x/"},
    ("iam", "DeleteGroup"): lambda w: {"GroupName": w.team()},
    ("iam", "AddUserToGroup"): lambda w: {"GroupName": w.team(), "UserName": w.user()},
    ("iam", "RemoveUserFromGroup"): lambda w: w.member(),
    ("iam", "PutGroupPolicy"): lambda w: {"GroupName": w.team(), "PolicyName": "p", "PolicyDocument": POLICY},
    ("iam", "GetGroupPolicy"): lambda w: {"GroupName": w.team_with_policy(), "PolicyName": "p"},
    ("iam", "ListGroupPolicies"): lambda w: {"GroupName": w.team()},
    ("iam", "DeleteGroupPolicy"): lambda w: {"GroupName": w.team_with_policy(), "PolicyName": "p"},
    ("iam", "AttachGroupPolicy"): lambda w: {"GroupName": w.team(), "PolicyArn": w.policy()},
    ("iam", "DetachGroupPolicy"): attached_team,
    ("iam", "ListAttachedGroupPolicies"): lambda w: {"GroupName": w.team()},
    ("iam", "CreateRole"): lambda w: {"RoleName": name(), "AssumeRolePolicyDocument": TRUST, "Tags": TAGS},
    ("iam", "GetRole"): lambda w: {"RoleName": w.role()},
    ("iam", "ListRoles"): lambda w: {},
    ("iam", "UpdateRole"): lambda w: {"RoleName": w.role(), "Description": "x"},
    ("iam", "UpdateRoleDescription"): lambda w: {"RoleName": w.role(), "Description": "x"},
    ("iam", "UpdateAssumeRolePolicy"): lambda w: {"RoleName": w.role(), "PolicyDocument": TRUST},
    ("iam", "DeleteRole"): lambda w: {"RoleName": w.role()},
    ("iam", "PutRolePolicy"): lambda w: {"RoleName": w.role(), "PolicyName": "p", "PolicyDocument": POLICY},
    ("iam", "GetRolePolicy"): lambda w: {"RoleName": w.role_with_policy(), "PolicyName": "p"},
    ("iam", "ListRolePolicies"): lambda w: {"RoleName": w.role()},
    ("iam", "DeleteRolePolicy"): lambda w: {"RoleName": w.role_with_policy(), "PolicyName": "p"},
    ("iam", "AttachRolePolicy"): lambda w: {"RoleName": w.role(), "PolicyArn": w.policy()},
    ("iam", "DetachRolePolicy"): attached_role,
    ("iam", "ListAttachedRolePolicies"): lambda w: {"RoleName": w.role()},
    ("iam", "PutRolePermissionsBoundary"): lambda w: {"RoleName": w.role(), "PermissionsBoundary": w.policy()},
    ("iam", "DeleteRolePermissionsBoundary"): lambda w: {"RoleName": w.bounded_role()},
    ("iam", "TagRole"): lambda w: {"RoleName": w.role(), "Tags": TAGS},
    ("iam", "UntagRole"): lambda w: {"RoleName": w.role(), "TagKeys": ["team"]},
    ("iam", "ListRoleTags"): lambda w: {"RoleName": w.role()},
    ("iam", "CreateAccountAlias"): lambda w: {"AccountAlias": name()},
    ("iam", "DeleteAccountAlias"): lambda w: {"AccountAlias": w.alias()},
    ("iam", "ListAccountAliases"): lambda w: {},
    ("iam", "GetAccountSummary"): lambda w: {},
    ("iam", "GetAccountAuthorizationDetails"): lambda w: {"MaxItems": 2},
    ("iam", "GetContextKeysForCustomPolicy"): lambda w: {"PolicyInputList": [POLICY]},
    ("iam", "GetContextKeysForPrincipalPolicy"): lambda w: {
        "PolicySourceArn": f"arn:aws:iam::{ACCOUNT}:user/{w.user()}"},
    ("iam", "SimulateCustomPolicy"): lambda w: {"PolicyInputList": [POLICY], "ActionNames": ["sts:AssumeRole"]},
    ("iam", "SimulatePrincipalPolicy"): lambda w: {
        "PolicySourceArn": f"arn:aws:iam::{ACCOUNT}:role/{w.role()}", "ActionNames": ["sts:AssumeRole"]},
    ("iam", "CreateServiceLinkedRole"): lambda w: {
        "AWSServiceName": "autoscaling.amazonaws.com", "CustomSuffix": name()},
    ("iam", "DeleteServiceLinkedRole"): lambda w: {"RoleName": w.linked_role()},
    ("iam", "GetServiceLinkedRoleDeletionStatus"): lambda w: {"DeletionTaskId": w.deletion()},
    ("sts", "AssumeRole"): lambda w: w.assumed(),
    ("sts", "DecodeAuthorizationMessage"): lambda w: {"EncodedMessage": w.denied()},
    ("sts", "GetAccessKeyInfo"): lambda w: {"AccessKeyId": w.user_with_key()[1]},
    ("sts", "GetCallerIdentity"): lambda w: {},
    ("sts", "GetFederationToken"): lambda w: {"Name": "cov", "Tags": TAGS},
    ("sts", "GetSessionToken"): lambda w: {},
    ("organizations", "DescribeOrganization"): lambda w: {},
    ("organizations", "CreateOrganization"): lambda w: {},
    ("organizations", "DeleteOrganization"): lambda w: w.unit() and {},
    ("organizations", "ListRoots"): lambda w: {},
    ("organizations", "CreateOrganizationalUnit"): lambda w: {
        "ParentId": w.root, "Name": name(), "Tags": TAGS},
    ("organizations", "DescribeOrganizationalUnit"): lambda w: {"OrganizationalUnitId": w.unit()},
    ("organizations", "UpdateOrganizationalUnit"): lambda w: {
        "OrganizationalUnitId": w.unit(), "Name": name()},
    ("organizations", "DeleteOrganizationalUnit"): lambda w: {"OrganizationalUnitId": w.unit()},
    ("organizations", "ListOrganizationalUnitsForParent"): lambda w: {"ParentId": w.root},
    ("organizations", "ListChildren"): lambda w: {"ParentId": w.root, "ChildType": "ACCOUNT"},
    ("organizations", "ListParents"): lambda w: {"ChildId": w.unit()},
    ("organizations", "CreateAccount"): lambda w: {
        "AccountName": "cov", "Email": name() + "@example.com", "Tags": TAGS},
    ("organizations", "DescribeCreateAccountStatus"): lambda w: {
        "CreateAccountRequestId": w.account()["Id"]},
    ("organizations", "ListCreateAccountStatus"): lambda w: {},
    ("organizations", "DescribeAccount"): lambda w: {"AccountId": w.account()["AccountId"]},
    ("organizations", "ListAccounts"): lambda w: {},
    ("organizations", "ListAccountsForParent"): lambda w: {"ParentId": w.root},
    ("organizations", "MoveAccount"): lambda w: w.move(),
    ("organizations", "CloseAccount"): lambda w: {"AccountId": w.account()["AccountId"]},
    ("organizations", "RemoveAccountFromOrganization"): lambda w: {
        "AccountId": w.account()["AccountId"]},
    ("organizations", "EnablePolicyType"): lambda w: w.resource_control(enabled=False),
    ("organizations", "DisablePolicyType"): lambda w: w.resource_control(enabled=True),
    ("organizations", "CreatePolicy"): lambda w: {
        "Name": name(), "Description": "", "Type": SCP, "Content": DENY, "Tags": TAGS},
    ("organizations", "DescribePolicy"): lambda w: {"PolicyId": w.scp()},
    ("organizations", "UpdatePolicy"): lambda w: {"PolicyId": w.scp(), "Description": "new"},
    ("organizations", "DeletePolicy"): lambda w: {"PolicyId": w.scp()},
    ("organizations", "AttachPolicy"): lambda w: w.attachment(attached=False),
    ("organizations", "DetachPolicy"): lambda w: w.attachment(attached=True),
    ("organizations", "ListPolicies"): lambda w: {"Filter": SCP},
    ("organizations", "ListPoliciesForTarget"): lambda w: {"TargetId": w.root, "Filter": SCP},
    ("organizations", "ListTargetsForPolicy"): lambda w: {"PolicyId": w.scp()},
    ("organizations", "DescribeEffectivePolicy"): lambda w: {"PolicyType": "TAG_POLICY"},
    ("organizations", "TagResource"): lambda w: {"ResourceId": w.unit(), "Tags": TAGS},
    ("organizations", "UntagResource"): lambda w: {"ResourceId": w.scp(), "TagKeys": ["team"]},
    ("organizations", "ListTagsForResource"): lambda w: {"ResourceId": w.root},
    ("ram", "CreateResourceShare"): lambda w: {
        "name": name(), "resourceArns": [CATALOG], "tags": [{"key": "team", "value": "blue"}]},
    ("ram", "UpdateResourceShare"): lambda w: {"resourceShareArn": w.share(), "name": name()},
    ("ram", "DeleteResourceShare"): lambda w: {"resourceShareArn": w.share()},
    ("ram", "AssociateResourceShare"): lambda w: {
        "resourceShareArn": w.share(), "principals": [w.account()["AccountId"]]},
    ("ram", "DisassociateResourceShare"): lambda w: {"resourceShareArn": w.share(), "resourceArns": [CATALOG]},
    ("ram", "AssociateResourceSharePermission"): lambda w: {
        "resourceShareArn": w.share(), "permissionArn": SEARCH},
    ("ram", "DisassociateResourceSharePermission"): lambda w: {
        "resourceShareArn": w.share(permissionArns=[READ_ONLY]), "permissionArn": READ_ONLY},
    ("ram", "ListResourceSharePermissions"): lambda w: {"resourceShareArn": w.share()},
    ("ram", "GetResourceShares"): lambda w: {"resourceOwner": "SELF"},
    ("ram", "GetResourceShareAssociations"): lambda w: {"associationType": "PRINCIPAL"},
    ("ram", "GetResourceShareInvitations"): lambda w: {},
    ("ram", "AcceptResourceShareInvitation"): lambda w: {"resourceShareInvitationArn": INVITATION},
    ("ram", "RejectResourceShareInvitation"): lambda w: {"resourceShareInvitationArn": INVITATION},
    ("ram", "ListPendingInvitationResources"): lambda w: {"resourceShareInvitationArn": INVITATION},
    ("ram", "ListResources"): lambda w: {"resourceOwner": "SELF"},
    ("ram", "ListPrincipals"): lambda w: {"resourceOwner": "OTHER-ACCOUNTS"},
    ("ram", "ListPermissions"): lambda w: {},
    ("ram", "GetPermission"): lambda w: {"permissionArn": READ_ONLY},
    ("ram", "ListPermissionVersions"): lambda w: {"permissionArn": READ_ONLY},
    ("ram", "ListResourceTypes"): lambda w: {},
    ("ram", "GetResourcePolicies"): lambda w: {"resourceArns": [CATALOG]},
    ("ram", "TagResource"): lambda w: {
        "resourceShareArn": w.share(), "tags": [{"key": "team", "value": "blue"}]},
    ("ram", "UntagResource"): lambda w: {"resourceShareArn": w.share(), "tagKeys": ["team"]},
    ("ram", "EnableSharingWithAwsOrganization"): lambda w: {},
    ("cloudtrail", "LookupEvents"): lambda w: {},
    ("strongroom", "DiagnoseFeatureGroups"): lambda w: {},
    ("strongroom", "RekeyFeatureGroup"): lambda w: {
        "FeatureGroupName": w.group(), "KmsKeyId": w.key_alias()},
    ("strongroom", "DescribeFeatureGroupKeys"): lambda w: {"FeatureGroupName": w.group()},
    ("strongroom", "GetKeyUsage"): lambda w: {},
    ("strongroom", "ExplainRequest"): lambda w: {
        "RequestId": w.kms.list_keys()["ResponseMetadata"]["RequestId"]},
    ("strongroom", "CreateBackup"): lambda w: {"Name": name()},
    ("strongroom", "RewrapSeal"): lambda w: w.rewrap(),
    ("strongroom", "RotateRootKey"): lambda w: {"Current": w.seal()[1]},
    ("strongroom", "CreateBucket"): lambda w: {
        "Bucket": f"sagemaker-{name()}", "ObjectOwnership": "BucketOwnerPreferred"},
    ("strongroom", "DeleteBucket"): lambda w: {"Bucket": w.bucket()},
    ("strongroom", "ListBuckets"): lambda w: {},
    ("strongroom", "PutBucketPolicy"): lambda w: w.bucket_policy(),
    ("strongroom", "GetBucketPolicy"): lambda w: w.bucket_policy(stored=True),
    ("strongroom", "DeleteBucketPolicy"): lambda w: w.bucket_policy(stored=True),
    ("strongroom", "PutBucketEncryption"): lambda w: {
        "Bucket": w.bucket(), "SSEAlgorithm": "aws:kms", "KMSMasterKeyID": w.shared_key},
    ("strongroom", "GetBucketEncryption"): lambda w: {"Bucket": w.bucket()},
    ("strongroom", "SealServer"): lambda w: {},
    ("sagemaker", "CreateFeatureGroup"): lambda w: group_parameters(name(), w.key_alias()),
    ("sagemaker", "DescribeFeatureGroup"): lambda w: {"FeatureGroupName": w.group()},
    ("sagemaker", "ListFeatureGroups"): lambda w: {},
    ("sagemaker", "Search"): lambda w: {"Resource": "FeatureGroup"},
    ("sagemaker", "ListResourceCatalogs"): lambda w: {},
    ("sagemaker", "GetSearchSuggestions"): lambda w: {"Resource": "FeatureGroup"},
    ("sagemaker", "DeleteFeatureGroup"): lambda w: {"FeatureGroupName": w.group()},
    ("sagemaker", "UpdateFeatureGroup"): lambda w: {
        "FeatureGroupName": w.group(), "FeatureAdditions": [{"FeatureName": "x", "FeatureType": "String"}]},
    ("sagemaker", "DescribeFeatureMetadata"): lambda w: {"FeatureGroupName": w.group(), "FeatureName": "id"},
    ("sagemaker", "UpdateFeatureMetadata"): lambda w: {
        "FeatureGroupName": w.group(), "FeatureName": "id", "Description": "x"},
    ("sagemaker", "AddTags"): lambda w: {"ResourceArn": group_arn(w.group()), "Tags": TAGS},
    ("sagemaker", "ListTags"): lambda w: {"ResourceArn": group_arn(w.group())},
    ("sagemaker", "DeleteTags"): lambda w: {"ResourceArn": group_arn(w.group()), "TagKeys": ["team"]},
    ("sagemaker-featurestore-runtime", "PutRecord"): lambda w: {"FeatureGroupName": w.group(), "Record": RECORD},
    ("sagemaker-featurestore-runtime", "GetRecord"): lambda w: {
        "FeatureGroupName": w.group(), "RecordIdentifierValueAsString": "a"},
    ("sagemaker-featurestore-runtime", "DeleteRecord"): lambda w: {
        "FeatureGroupName": w.group(), "RecordIdentifierValueAsString": "a",
        "EventTime": "2026-01-02T00:00:00Z"},
    ("sagemaker-featurestore-runtime", "UpdateRecord"): lambda w: {
        "FeatureGroupName": w.group(), "RecordIdentifierValueAsString": "a", "Features": RECORD},
    ("sagemaker-featurestore-runtime", "ListRecords"): lambda w: {"FeatureGroupName": w.group()},
    ("sagemaker-featurestore-runtime", "BatchWriteRecord"): lambda w: {"Entries": [
        {"FeatureGroupName": w.group(), "Record": RECORD}]},
    ("sagemaker-featurestore-runtime", "BatchGetRecord"): lambda w: {"Identifiers": [
        {"FeatureGroupName": w.group(), "RecordIdentifiersValueAsString": ["a"]}]},
}

# Calls that need what the usual call of the operation does not.
CALLS_THAT_NEED = {
    (("kms", "CreateCustomKeyStore"), "ec2:DescribeVpcEndpointServices"): lambda w: {
        "CustomKeyStoreName": name(), "CustomKeyStoreType": "EXTERNAL_KEY_STORE",
        "XksProxyConnectivity": "VPC_ENDPOINT_SERVICE", "XksProxyUriEndpoint": "https://xks.example.com",
        "XksProxyUriPath": "/kms/xks/v1",
        "XksProxyVpcEndpointServiceName": "com.amazonaws.vpce.us-east-1.vpce-svc-0123456789abcdef0",
        "XksProxyAuthenticationCredential": {"AccessKeyId": "A" * 20, "RawSecretAccessKey": "x" * 43}},
    (("kms", "UpdateCustomKeyStore"), "ec2:DescribeVpcEndpointServices"): lambda w: {
        "CustomKeyStoreId": w.key_store(), "XksProxyConnectivity": "VPC_ENDPOINT_SERVICE"},
}

# Operations without a signature: what stands for it is in the call.
UNSIGNED = {
    ("sts", "AssumeRoleWithWebIdentity"): lambda w, **more: w.vouched(**more),
}

# What operations answer that have nothing to work on in this deployment.
REFUSED_THOUGH_PERMITTED = {
    ("organizations", "CreateOrganization"): "AlreadyInOrganizationException",
    ("organizations", "DeleteOrganization"): "OrganizationNotEmptyException",
    ("organizations", "DescribeEffectivePolicy"): "EffectivePolicyNotFoundException",
    ("organizations", "RemoveAccountFromOrganization"): "ConstraintViolationException",
    ("ram", "AcceptResourceShareInvitation"): "ResourceShareInvitationArnNotFoundException",
    ("ram", "RejectResourceShareInvitation"): "ResourceShareInvitationArnNotFoundException",
    ("ram", "ListPendingInvitationResources"): "ResourceShareInvitationArnNotFoundException",
    # The server was started with what opens its seal.
    ("strongroom", "SealServer"): "SealOpensItselfException",
}

# Operations that every caller may make.
NEEDS_NOTHING = {("sts", "GetCallerIdentity"), ("sts", "GetSessionToken")}


@pytest.fixture(scope="module")
def world(server):
    made = World(server)
    made.iam.create_user(UserName="coverage")
    made.caller = made.iam.create_access_key(UserName="coverage")["AccessKey"]
    return made


def allow(world, denied=None):
    statements = [{"Effect": "Allow", "Action": "*", "Resource": "*"}]
    if denied:
        statements.append({"Effect": "Deny", "Action": denied, "Resource": "*"})
    world.iam.put_user_policy(UserName="coverage", PolicyName="all", PolicyDocument=json.dumps(
        {"Version": "2012-10-17", "Statement": statements}))


def forbid(world):
    for policy in world.iam.list_user_policies(UserName="coverage")["PolicyNames"]:
        world.iam.delete_user_policy(UserName="coverage", PolicyName=policy)


def call(world, key, parameters, signed=True):
    service, operation = key
    client = world.server.client(service, world.caller)
    if not signed:
        client = world.server.session(world.caller).client(
            service, endpoint_url=world.server.url,
            config=botocore.config.Config(signature_version=botocore.UNSIGNED,
                                          retries={"max_attempts": 1}))
    try:
        answer = getattr(client, botocore.xform_name(operation))(**parameters)
    except botocore.exceptions.ClientError as refused:
        return refused.response["Error"]["Code"]
    errors = answer.get("Errors", []) if operation in ("BatchGetRecord", "BatchWriteRecord") else []
    return errors[0]["ErrorCode"] if errors else "ok"


EVERYTHING = json.dumps({"Version": "2012-10-17", "Statement": {
    "Effect": "Allow", "Action": "*", "Resource": "*"}})
READING = json.dumps({"Version": "2012-10-17", "Statement": {
    "Effect": "Allow", "Action": ["iam:Get*", "iam:List*", "organizations:Describe*", "organizations:List*"],
    "Resource": "*"}})
# A session of a user calls nothing of IAM, whatever its policies say.
REFUSED = DENIED | {"InvalidClientTokenId"}
KINDS = {
    "iam": ["a reader", "a bounded user", "a reader's session", "a role session that reads",
            "a role session with a policy", "an administrator's session",
            "an administrator's federated session"],
    "organizations": ["a reader", "a bounded user", "a role session that reads",
                      "a role session with a policy", "a member's administrator"],
}
WRITES = [key for key in CALLS if key[0] in KINDS and not re.match("Get|List|Describe|Simulate", key[1])]


@pytest.fixture(scope="module")
def others(world):
    """Clients of principals of every kind that may not change the account, though some of them have
    the identity policies of an administrator."""
    server, iam = world.server, world.iam
    bound = iam.create_policy(PolicyName="Reading", PolicyDocument=READING)["Policy"]["Arn"]

    def user(called, policy, **more):
        iam.create_user(UserName=called, **more)
        iam.put_user_policy(UserName=called, PolicyName="p", PolicyDocument=policy)
        return iam.create_access_key(UserName=called)["AccessKey"]

    def enter(key, role, **more):
        arn = role if role.startswith("arn:") else f"arn:aws:iam::{ACCOUNT}:role/{role}"
        return server.client("sts", key).assume_role(
            RoleArn=arn, RoleSessionName="other", **more)["Credentials"]

    for role, policy in (("reading", READING), ("everything", EVERYTHING)):
        iam.create_role(RoleName=role, AssumeRolePolicyDocument=ACCOUNT_TRUST)
        iam.put_role_policy(RoleName=role, PolicyName="p", PolicyDocument=policy)
    reader = user("reader", READING)
    chief = user("chief", EVERYTHING)
    theirs = server.client("sts", chief)
    account = world.account()["AccountId"]
    keys = {
        "a reader": reader,
        "a bounded user": user("bounded", EVERYTHING, PermissionsBoundary=bound),
        "a reader's session": server.client("sts", reader).get_session_token()["Credentials"],
        "a role session that reads": enter(chief, "reading"),
        "a role session with a policy": enter(chief, "everything", Policy=READING),
        "an administrator's session": theirs.get_session_token()["Credentials"],
        "an administrator's federated session": theirs.get_federation_token(
            Name="other", Policy=EVERYTHING)["Credentials"],
        "a member's administrator": enter(
            chief, f"arn:aws:iam::{account}:role/OrganizationAccountAccessRole"),
    }
    return {(kind, service): server.client(service, keys[kind])
            for service, kinds in KINDS.items() for kind in kinds}


def state(world):
    """Everything about users, groups, roles and policies of the account but when roles were used last."""
    pages = world.iam.get_paginator("get_account_authorization_details").paginate()
    details = [detail for page in pages for name in sorted(page) if name.endswith("List") for detail in page[name]]
    return [{name: part for name, part in detail.items() if name != "RoleLastUsed"} for detail in details]


@pytest.mark.parametrize("key", WRITES, ids=lambda key: f"{key[0]}-{key[1]}")
def test_no_kind_of_principal_writes_without_the_right_to(world, others, key):
    service, operation = key
    parameters = CALLS[key](world)
    before = state(world)
    for kind in KINDS[service]:
        with pytest.raises(botocore.exceptions.ClientError) as refused:
            getattr(others[kind, service], botocore.xform_name(operation))(**parameters)
        code = refused.value.response["Error"]["Code"]
        # A member may do everything in its own account, but is in an organization already.
        taken = kind == "a member's administrator" and operation == "CreateOrganization"
        assert code == "AlreadyInOrganizationException" if taken else code in REFUSED, kind
    assert state(world) == before


def test_every_operation_has_a_call():
    assert set(declared()) == set(CALLS) | set(UNSIGNED)


@pytest.mark.parametrize("key", CALLS, ids=lambda key: key[1])
def test_an_unsigned_call_is_refused(world, key):
    assert call(world, key, CALLS[key](world), signed=False) in (
        "MissingAuthenticationToken", "MissingAuthenticationTokenException")


@pytest.mark.parametrize("key", [key for key in CALLS if key not in NEEDS_NOTHING], ids=lambda key: key[1])
def test_a_call_without_permission_is_denied(world, key):
    forbid(world)
    assert call(world, key, CALLS[key](world)) in DENIED


@pytest.mark.parametrize("key", CALLS, ids=lambda key: key[1])
def test_a_permitted_call_works(world, key):
    allow(world)
    assert call(world, key, CALLS[key](world)) == REFUSED_THOUGH_PERMITTED.get(key, "ok")


@pytest.mark.parametrize("key, action", [
    (key, action) for key, actions in declared().items() if key not in UNSIGNED
    for action in actions], ids=lambda value: value if isinstance(value, str) else value[1])
def test_a_call_without_one_of_its_needs_is_denied(world, key, action):
    allow(world, denied=action)
    parameters = CALLS_THAT_NEED.get((key, action), CALLS[key])(world)
    assert call(world, key, parameters) in DENIED


@pytest.mark.parametrize("key", UNSIGNED, ids=lambda key: key[1])
def test_an_exempt_call_works_with_its_token_and_without_a_signature_only(world, key):
    good = UNSIGNED[key](world)
    assert call(world, key, good, signed=False) == "ok"
    bad = good | {"WebIdentityToken": good["WebIdentityToken"][:-4] + "AAAA"}
    assert call(world, key, bad, signed=False) == "InvalidIdentityToken"


@pytest.mark.parametrize("key, action", [
    (key, action) for key in UNSIGNED for action in declared()[key]], ids=lambda value: value if isinstance(value, str) else value[1])
def test_an_exempt_call_without_one_of_its_needs_is_denied(world, key, action):
    assert call(world, key, UNSIGNED[key](world, denied=action), signed=False) in DENIED
