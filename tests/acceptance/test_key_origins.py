"""Keys of every origin serve a feature group, online and offline: made by KMS, imported, on a token,
in an external key manager, replicated. What takes one away closes its stores at once, in clear words,
and what brings it back opens them again without loss."""

import datetime
import itertools
import json
import os
import time

import botocore.exceptions
import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding
from cryptography.hazmat.primitives.serialization import load_der_public_key

from conftest import OTHER_REGION, settled
from test_key_stores import Stores

BUCKET = "sagemaker-origins"
FOREVER = {"ExpirationModel": "KEY_MATERIAL_DOES_NOT_EXPIRE"}
ORIGINS = ["AWS_KMS", "EXTERNAL", "AWS_CLOUDHSM", "EXTERNAL_KEY_STORE", "replica"]
counter = itertools.count()


class Origins(Stores):
    """A server with two regions, a token, a proxy, a bucket, and a role that may write to it."""

    def __init__(self, directory):
        super().__init__(directory, limits='', flags=("--region", "us-east-1", "--region", OTHER_REGION))
        iam = self.server.client("iam")
        trust = {"Effect": "Allow", "Principal": {"Service": "sagemaker.amazonaws.com"}, "Action": "sts:AssumeRole"}
        allow = {"Effect": "Allow", "Action": ["s3:*", "kms:GenerateDataKey"], "Resource": "*"}
        documents = [json.dumps({"Version": "2012-10-17", "Statement": it}) for it in (trust, allow)]
        self.role = iam.create_role(RoleName="offline", AssumeRolePolicyDocument=documents[0])["Role"]["Arn"]
        iam.put_role_policy(RoleName="offline", PolicyName="p", PolicyDocument=documents[1])
        self.server.client("strongroom").create_bucket(Bucket=BUCKET)
        self.sagemaker = self.server.client("sagemaker")
        self.runtime = self.server.client("sagemaker-featurestore-runtime")
        self.opened, self.keys = {}, {}

    def store(self, kind: str) -> str:
        """The key store of this kind, connected once."""
        if kind not in self.opened:
            source = self.hsm if kind == "AWS_CLOUDHSM" else self.proxy
            self.opened[kind] = self.connected(**source.store(f"store-{kind.lower()}"))
        return self.opened[kind]

    def wrapped(self, key: str, material: bytes) -> dict:
        """The parameters of an import of `material`, but for when it ends."""
        given = self.kms.get_parameters_for_import(
            KeyId=key, WrappingAlgorithm="RSAES_OAEP_SHA_256", WrappingKeySpec="RSA_2048")
        scheme = padding.OAEP(padding.MGF1(hashes.SHA256()), hashes.SHA256(), None)
        return {"KeyId": key, "ImportToken": given["ImportToken"],
                "EncryptedKeyMaterial": load_der_public_key(given["PublicKey"]).encrypt(material, scheme)}

    def import_material(self, key: str, material: bytes):
        self.kms.import_key_material(**self.wrapped(key, material), **FOREVER)

    def key(self, origin: str) -> str:
        if origin == "AWS_CLOUDHSM":
            return self.token_key(self.store(origin))
        if origin == "EXTERNAL_KEY_STORE":
            # The external key serves one KMS key, and so all tests.
            if origin not in self.keys:
                self.keys[origin] = self.proxy_key(self.store(origin))
            return self.keys[origin]
        if origin == "replica":
            away = self.server.client("kms", region_name=OTHER_REGION)
            primary = away.create_key(MultiRegion=True)["KeyMetadata"]
            made = away.replicate_key(KeyId=primary["KeyId"], ReplicaRegion="us-east-1")["ReplicaKeyMetadata"]
            return settled(self.kms, made["KeyId"])["Arn"]
        key = self.kms.create_key(Origin=origin)["KeyMetadata"]["Arn"]
        if origin == "EXTERNAL":
            self.import_material(key, os.urandom(32))
        return key

    def create(self, key: str, online: bool, offline: bool) -> str:
        name = f"g{next(counter)}"
        stores = {}
        if online:
            stores["OnlineStoreConfig"] = {"EnableOnlineStore": True, "SecurityConfig": {"KmsKeyId": key}}
        if offline:
            stores["RoleArn"] = self.role
            stores["OfflineStoreConfig"] = {
                "S3StorageConfig": {"S3Uri": f"s3://{BUCKET}", "KmsKeyId": key}}
        self.sagemaker.create_feature_group(
            FeatureGroupName=name, RecordIdentifierFeatureName="id", EventTimeFeatureName="at",
            FeatureDefinitions=[{"FeatureName": it, "FeatureType": "String"} for it in ("id", "at")], **stores)
        self.put(name)
        return name

    def status(self, group: str) -> dict:
        return self.sagemaker.describe_feature_group(FeatureGroupName=group)["OfflineStoreStatus"]

    def check_open(self, group: str):
        self.put(group)
        assert self.get(group)
        assert self.status(group) == {"Status": "Active"}

    def check_closed(self, group: str, says: str):
        for call, more in ((self.runtime.get_record, {"RecordIdentifierValueAsString": "a"}),
                           (self.runtime.put_record, {"Record": [
                               {"FeatureName": "id", "ValueAsString": "a"},
                               {"FeatureName": "at", "ValueAsString": "2026-01-02T00:00:00Z"}]})):
            with pytest.raises(botocore.exceptions.ClientError) as refused:
                call(FeatureGroupName=group, **more)
            said = refused.value.response
            assert said["Error"]["Code"] == "AccessForbidden"
            assert says in (said.get("Message") or said["Error"]["Message"]), said
        status = self.status(group)
        assert status["Status"] == "Blocked" and says in status["BlockedReason"], status


@pytest.fixture(scope="module")
def origins(tmp_path_factory):
    made = Origins(tmp_path_factory.mktemp("origins"))
    yield made
    made.stop()


@pytest.mark.parametrize("origin", ORIGINS)
def test_a_key_of_every_origin_serves_both_stores(origins, origin):
    key = origins.key(origin)
    both = origins.create(key, online=True, offline=True)
    origins.check_open(both)
    online = origins.create(key, online=True, offline=False)
    assert origins.get(online)
    alone = origins.create(key, online=False, offline=True)
    assert origins.status(alone) == {"Status": "Active"}
    shown = origins.sagemaker.describe_feature_group(FeatureGroupName=both)
    assert shown["OnlineStoreConfig"]["SecurityConfig"]["KmsKeyId"] == key
    assert shown["OfflineStoreConfig"]["S3StorageConfig"]["KmsKeyId"] == key


@pytest.mark.parametrize("origin", ORIGINS)
def test_a_disabled_key_of_every_origin_closes_both_stores(origins, origin):
    key = origins.key(origin)
    group = origins.create(key, online=True, offline=True)
    origins.check_open(group)
    origins.kms.disable_key(KeyId=key)
    origins.check_closed(group, f"{key} is disabled")
    origins.kms.enable_key(KeyId=key)
    origins.check_open(group)


def test_deleted_material_closes_the_stores_at_once_and_its_import_opens_them(origins):
    key, material = origins.kms.create_key(Origin="EXTERNAL")["KeyMetadata"]["Arn"], os.urandom(32)
    origins.import_material(key, material)
    group = origins.create(key, online=True, offline=True)
    origins.check_open(group)
    origins.kms.delete_imported_key_material(KeyId=key)
    origins.check_closed(group, f"{key} is pending import")
    origins.import_material(key, material)
    origins.check_open(group)


def test_expired_material_closes_the_stores_and_its_import_opens_them(origins):
    key, material = origins.kms.create_key(Origin="EXTERNAL")["KeyMetadata"]["Arn"], os.urandom(32)
    origins.import_material(key, material)
    group = origins.create(key, online=True, offline=True)
    origins.check_open(group)
    # The same material once more, and now it ends soon.
    again = origins.wrapped(key, material)
    ends = datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(seconds=8)
    origins.kms.import_key_material(**again, ExpirationModel="KEY_MATERIAL_EXPIRES", ValidTo=ends)
    left = ends - datetime.datetime.now(datetime.timezone.utc)
    time.sleep(max(0.0, left.total_seconds()) + 1)
    origins.check_closed(group, f"{key} is pending import")
    origins.import_material(key, material)
    origins.check_open(group)


@pytest.mark.parametrize("origin", ["AWS_CLOUDHSM", "EXTERNAL_KEY_STORE"])
def test_a_disconnected_key_store_closes_the_stores_at_once_and_its_connection_opens_them(origins, origin):
    store = origins.store(origin)
    group = origins.create(origins.key(origin), online=True, offline=True)
    origins.check_open(group)
    origins.kms.disconnect_custom_key_store(CustomKeyStoreId=store)
    origins.check_closed(group, "KMSInvalidStateException")
    assert origins.settled(store) == ("DISCONNECTED", None)
    origins.check_closed(group, "KMSInvalidStateException")
    origins.connect(store)
    origins.check_open(group)


def test_no_group_is_created_under_a_key_that_cannot_be_used(origins):
    store = origins.store("AWS_CLOUDHSM")
    key = origins.key("AWS_CLOUDHSM")
    origins.disconnect(store)
    try:
        for online, offline in ((True, False), (False, True)):
            with pytest.raises(botocore.exceptions.ClientError) as refused:
                origins.create(key, online=online, offline=offline)
            said = refused.value.response["Error"]
            assert said["Code"] == "ValidationException" and "KMSInvalidStateException" in said["Message"]
    finally:
        origins.connect(store)
