"""Imported key material through boto3: wrapped, used and opened by code of our own outside."""

import datetime
import hmac
import os
import time

import pytest
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.keywrap import aes_key_wrap_with_padding
from cryptography.hazmat.primitives.serialization import load_der_public_key

import formats
from conftest import ACCOUNT, refused

FOREVER = {"ExpirationModel": "KEY_MATERIAL_DOES_NOT_EXPIRE"}
ALGORITHMS = {"RSAES_OAEP_SHA_1": hashes.SHA1(), "RSAES_OAEP_SHA_256": hashes.SHA256(),
              "RSA_AES_KEY_WRAP_SHA_1": hashes.SHA1(), "RSA_AES_KEY_WRAP_SHA_256": hashes.SHA256()}


def external(kms, **parameters) -> dict:
    return kms.create_key(Origin="EXTERNAL", **parameters)["KeyMetadata"]


def wrapped(kms, key: dict, material: bytes, algorithm="RSAES_OAEP_SHA_256", size="RSA_2048") -> dict:
    """The parameters of an import of `material`."""
    given = kms.get_parameters_for_import(
        KeyId=key["KeyId"], WrappingAlgorithm=algorithm, WrappingKeySpec=size)
    assert given["KeyId"] == key["Arn"]
    public = load_der_public_key(given["PublicKey"])
    assert public.key_size == int(size[4:])
    scheme = padding.OAEP(padding.MGF1(ALGORITHMS[algorithm]), ALGORITHMS[algorithm], None)
    if algorithm.startswith("RSA_AES"):
        inner = os.urandom(32)
        blob = public.encrypt(inner, scheme) + aes_key_wrap_with_padding(inner, material)
    else:
        blob = public.encrypt(material, scheme)
    return {"KeyId": key["KeyId"], "ImportToken": given["ImportToken"], "EncryptedKeyMaterial": blob}


def decrypt_outside(material: bytes, key_id: str, blob: bytes, context: dict) -> bytes:
    """Opens a ciphertext of ours with docs/storage-formats.md alone in hand."""
    material_id = formats.derive(material, "kms/material-id", key_id.encode())
    assert formats.header(blob) == formats.Header(1, ACCOUNT, key_id, material_id)
    return formats.open_ciphertext({material_id: material}, blob, context)


def test_a_key_waits_for_its_material_and_works_with_it(kms):
    key = external(kms)
    assert key["KeyState"] == "PendingImport" and key["Enabled"] is False
    assert key["Origin"] == "EXTERNAL" and "CurrentKeyMaterialId" not in key
    assert refused(kms.encrypt, KeyId=key["KeyId"], Plaintext=b"x") == (
        "KMSInvalidStateException", f"{key['Arn']} is pending import.")
    material = os.urandom(32)
    done = kms.import_key_material(**wrapped(kms, key, material), **FOREVER)
    described = kms.describe_key(KeyId=key["KeyId"])["KeyMetadata"]
    assert described["KeyState"] == "Enabled" and "ValidTo" not in described
    assert described["ExpirationModel"] == "KEY_MATERIAL_DOES_NOT_EXPIRE"
    assert described["CurrentKeyMaterialId"] == done["KeyMaterialId"]
    assert kms.decrypt(CiphertextBlob=kms.encrypt(
        KeyId=key["KeyId"], Plaintext=b"x")["CiphertextBlob"])["Plaintext"] == b"x"


def test_our_ciphertexts_open_outside_with_the_documents_alone(kms):
    key, material = external(kms), os.urandom(32)
    kms.import_key_material(**wrapped(kms, key, material), **FOREVER)
    context = {"team": "ml", "a": "", "ä": "ö", "Z": "z"}
    for pairs in ({}, context):
        blob = kms.encrypt(KeyId=key["KeyId"], Plaintext=b"secret",
                           EncryptionContext=pairs)["CiphertextBlob"]
        assert decrypt_outside(material, key["KeyId"], blob, pairs) == b"secret"
        with pytest.raises(InvalidTag):
            decrypt_outside(material, key["KeyId"], blob, pairs | {"b": ""})


@pytest.mark.parametrize("algorithm", ["RSAES_OAEP_SHA_1", "RSAES_OAEP_SHA_256"])
@pytest.mark.parametrize("size", ["RSA_2048", "RSA_3072", "RSA_4096"])
def test_every_wrapping_of_symmetric_material_is_taken(kms, algorithm, size):
    key = external(kms)
    kms.import_key_material(**wrapped(kms, key, os.urandom(32), algorithm, size), **FOREVER)
    assert kms.describe_key(KeyId=key["KeyId"])["KeyMetadata"]["KeyState"] == "Enabled"


def der(private) -> bytes:
    return private.private_bytes(serialization.Encoding.DER, serialization.PrivateFormat.PKCS8,
                                 serialization.NoEncryption())


@pytest.mark.parametrize("algorithm", ["RSA_AES_KEY_WRAP_SHA_1", "RSA_AES_KEY_WRAP_SHA_256"])
def test_private_keys_are_known_outside(kms, algorithm):
    private = rsa.generate_private_key(65537, 2048)
    key = external(kms, KeySpec="RSA_2048", KeyUsage="SIGN_VERIFY")
    kms.import_key_material(**wrapped(kms, key, der(private), algorithm), **FOREVER)
    signature = kms.sign(KeyId=key["KeyId"], Message=b"m",
                         SigningAlgorithm="RSASSA_PKCS1_V1_5_SHA_256")["Signature"]
    assert signature == private.sign(b"m", padding.PKCS1v15(), hashes.SHA256())
    curve = ec.generate_private_key(ec.SECP384R1())
    key = external(kms, KeySpec="ECC_NIST_P384", KeyUsage="KEY_AGREEMENT")
    kms.import_key_material(**wrapped(kms, key, der(curve), algorithm, "RSA_4096"), **FOREVER)
    shown = load_der_public_key(kms.get_public_key(KeyId=key["KeyId"])["PublicKey"])
    assert shown == curve.public_key()


def test_imported_hmac_keys_compute_what_others_compute(kms):
    key, material = external(kms, KeySpec="HMAC_384", KeyUsage="GENERATE_VERIFY_MAC"), os.urandom(48)
    kms.import_key_material(**wrapped(kms, key, material), **FOREVER)
    mac = kms.generate_mac(KeyId=key["KeyId"], Message=b"m", MacAlgorithm="HMAC_SHA_384")["Mac"]
    assert mac == hmac.digest(material, b"m", "sha384")


def test_a_key_takes_back_its_own_material_only(kms):
    key, material = external(kms), os.urandom(32)
    first = kms.import_key_material(**wrapped(kms, key, material), **FOREVER)
    blob = kms.encrypt(KeyId=key["KeyId"], Plaintext=b"x")["CiphertextBlob"]
    deleted = kms.delete_imported_key_material(KeyId=key["KeyId"])
    assert deleted["KeyMaterialId"] == first["KeyMaterialId"]
    assert refused(kms.decrypt, CiphertextBlob=blob) == (
        "KMSInvalidStateException", f"{key['Arn']} is pending import.")
    kms.delete_imported_key_material(KeyId=key["KeyId"])
    other = wrapped(kms, key, os.urandom(32))
    assert refused(kms.import_key_material, **other, **FOREVER)[0] == "IncorrectKeyMaterialException"
    kms.import_key_material(**wrapped(kms, key, material), **FOREVER)
    assert kms.decrypt(CiphertextBlob=blob)["Plaintext"] == b"x"


def test_new_material_waits_for_the_rotation_that_brings_it_in(kms):
    key, first, second = external(kms), os.urandom(32), os.urandom(32)
    kms.import_key_material(**wrapped(kms, key, first), **FOREVER)
    old = kms.encrypt(KeyId=key["KeyId"], Plaintext=b"x")["CiphertextBlob"]
    new = {"ImportType": "NEW_KEY_MATERIAL", "KeyMaterialDescription": "the second"}
    done = kms.import_key_material(**wrapped(kms, key, second), **new, **FOREVER)
    code, text = refused(kms.import_key_material, **wrapped(kms, key, os.urandom(32)), **new, **FOREVER)
    assert code == "KMSInvalidStateException" and done["KeyMaterialId"] in text

    def materials():
        listed = kms.list_key_rotations(KeyId=key["KeyId"], IncludeKeyMaterial="ALL_KEY_MATERIAL")
        return [(entry["KeyMaterialState"], entry["ImportState"]) for entry in listed["Rotations"]]

    assert materials() == [("CURRENT", "IMPORTED"), ("PENDING_ROTATION", "IMPORTED")]
    kms.rotate_key_on_demand(KeyId=key["KeyId"])
    assert materials() == [("NON_CURRENT", "IMPORTED"), ("CURRENT", "IMPORTED")]
    listed = kms.list_key_rotations(KeyId=key["KeyId"])["Rotations"]
    assert [(entry["RotationType"], entry["KeyMaterialDescription"]) for entry in listed] == [
        ("ON_DEMAND", "the second")]
    described = kms.describe_key(KeyId=key["KeyId"])["KeyMetadata"]
    assert described["CurrentKeyMaterialId"] == done["KeyMaterialId"]
    blob = kms.encrypt(KeyId=key["KeyId"], Plaintext=b"y")["CiphertextBlob"]
    assert decrypt_outside(second, key["KeyId"], blob, {}) == b"y"
    assert kms.decrypt(CiphertextBlob=old)["Plaintext"] == b"x"
    kms.delete_imported_key_material(KeyId=key["KeyId"])
    assert refused(kms.decrypt, CiphertextBlob=old)[0] == "KMSInvalidStateException"


def test_what_is_wrong_with_an_import_is_said(kms):
    key, other = external(kms), external(kms)
    good = wrapped(kms, key, os.urandom(32))
    for parameters, code in (
            (good | {"KeyId": other["KeyId"]}, "InvalidImportTokenException"),
            (good | {"ImportToken": good["ImportToken"][:-1]}, "InvalidImportTokenException"),
            (good | {"EncryptedKeyMaterial": b"x" * 256}, "InvalidCiphertextException"),
            (wrapped(kms, key, os.urandom(31)), "IncorrectKeyMaterialException")):
        assert refused(kms.import_key_material, **parameters, **FOREVER)[0] == code
    assert refused(kms.import_key_material, **good) == (
        "ValidationException",
        "A validTo date must be set if the ExpirationModel is KEY_MATERIAL_EXPIRES")
    soon = datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(days=1)
    for parameters in ({"ValidTo": soon - datetime.timedelta(days=2)},
                       {"ValidTo": soon + datetime.timedelta(days=366)},
                       FOREVER | {"ValidTo": soon}):
        assert refused(kms.import_key_material, **good, **parameters)[0] == "ValidationException"
    made = kms.create_key()["KeyMetadata"]
    assert refused(kms.get_parameters_for_import, KeyId=made["KeyId"],
                   WrappingAlgorithm="RSAES_OAEP_SHA_256", WrappingKeySpec="RSA_2048") == (
        "UnsupportedOperationException",
        f"{made['Arn']} origin is AWS_KMS which is not valid for this operation.")
    assert refused(kms.get_parameters_for_import, KeyId=key["KeyId"],
                   WrappingAlgorithm="RSAES_PKCS1_V1_5", WrappingKeySpec="RSA_2048")[0] == (
        "UnsupportedOperationException")


def test_material_ends_when_it_was_said_to(kms):
    key, material = external(kms), os.urandom(32)

    def until(seconds: int) -> datetime.datetime:
        """Imports the material, which ends after so many seconds: at this moment."""
        parameters = wrapped(kms, key, material)
        end = datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(seconds=seconds)
        kms.import_key_material(**parameters, ValidTo=end)
        return end

    end = until(3600)
    described = kms.describe_key(KeyId=key["KeyId"])["KeyMetadata"]
    assert described["ExpirationModel"] == "KEY_MATERIAL_EXPIRES"
    assert abs((described["ValidTo"] - end).total_seconds()) < 1
    kms.encrypt(KeyId=key["KeyId"], Plaintext=b"x")
    end, deadline = until(8), time.monotonic() + 60
    while kms.describe_key(KeyId=key["KeyId"])["KeyMetadata"]["KeyState"] != "PendingImport":
        assert time.monotonic() < deadline
        time.sleep(0.1)
    assert datetime.datetime.now(datetime.timezone.utc) >= end - datetime.timedelta(seconds=1)
    assert refused(kms.encrypt, KeyId=key["KeyId"], Plaintext=b"x")[0] == "KMSInvalidStateException"


def test_a_feature_group_stops_without_the_material_and_goes_on_with_it(server, kms):
    key, material = external(kms), os.urandom(32)
    kms.import_key_material(**wrapped(kms, key, material), **FOREVER)
    sagemaker = server.client("sagemaker")
    runtime = server.client("sagemaker-featurestore-runtime")
    sagemaker.create_feature_group(
        FeatureGroupName="imported-key", RecordIdentifierFeatureName="id",
        EventTimeFeatureName="at",
        FeatureDefinitions=[{"FeatureName": name, "FeatureType": "String"} for name in ("id", "at")],
        OnlineStoreConfig={"EnableOnlineStore": True, "SecurityConfig": {"KmsKeyId": key["Arn"]}})
    record = [{"FeatureName": "id", "ValueAsString": "a"},
              {"FeatureName": "at", "ValueAsString": "2026-01-01T00:00:00Z"}]
    put = {"FeatureGroupName": "imported-key", "Record": record}
    get = {"FeatureGroupName": "imported-key", "RecordIdentifierValueAsString": "a"}
    runtime.put_record(**put)
    assert runtime.get_record(**get)["Record"] == record
    kms.delete_imported_key_material(KeyId=key["KeyId"])
    for call, parameters in ((runtime.get_record, get), (runtime.put_record, put)):
        code, text = refused(call, **parameters)
        assert "pending import" in text, (code, text)
    kms.import_key_material(**wrapped(kms, key, material), **FOREVER)
    assert runtime.get_record(**get)["Record"] == record
    sagemaker.delete_feature_group(FeatureGroupName="imported-key")
