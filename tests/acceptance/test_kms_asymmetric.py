"""Asymmetric and HMAC keys through boto3, against what `cryptography` computes on its own."""

import base64
import hashlib
import json

import pytest
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, mldsa, padding, utils
from cryptography.hazmat.primitives.serialization import load_der_private_key, load_der_public_key

from conftest import refused, refused_as

MESSAGE = b"what is signed"
HASHES = {"256": hashes.SHA256(), "384": hashes.SHA384(), "512": hashes.SHA512()}
CURVES = {"ECC_NIST_P256": ec.SECP256R1, "ECC_NIST_P384": ec.SECP384R1,
          "ECC_NIST_P521": ec.SECP521R1, "ECC_SECG_P256K1": ec.SECP256K1}
RSA = ["RSA_2048", "RSA_3072", "RSA_4096"]


@pytest.fixture(scope="module")
def make(kms):
    made = {}

    def key(spec: str, usage: str) -> dict:
        if (spec, usage) not in made:
            made[spec, usage] = kms.create_key(KeySpec=spec, KeyUsage=usage)["KeyMetadata"]
        return made[spec, usage]

    return key


def public(kms, key: dict):
    shown = kms.get_public_key(KeyId=key["KeyId"])
    assert shown["KeyId"] == key["Arn"] and shown["KeySpec"] == key["KeySpec"]
    assert shown["KeyUsage"] == key["KeyUsage"]
    return load_der_public_key(shown["PublicKey"])


def rsa_padding(algorithm: str):
    chosen = HASHES[algorithm[-3:]]
    if "PSS" in algorithm:
        return padding.PSS(padding.MGF1(chosen), padding.PSS.DIGEST_LENGTH), chosen
    return padding.PKCS1v15(), chosen


@pytest.mark.parametrize("spec", RSA)
def test_rsa_signatures_verify_outside(kms, make, spec):
    key = make(spec, "SIGN_VERIFY")
    outside = public(kms, key)
    assert outside.key_size == int(spec[4:]) and outside.public_numbers().e == 65537
    for algorithm in key["SigningAlgorithms"]:
        scheme, chosen = rsa_padding(algorithm)
        signed = kms.sign(KeyId=key["KeyId"], Message=MESSAGE, SigningAlgorithm=algorithm)
        assert signed["SigningAlgorithm"] == algorithm and signed["KeyId"] == key["Arn"]
        outside.verify(signed["Signature"], MESSAGE, scheme, chosen)
        digest = hashlib.new("sha" + algorithm[-3:], MESSAGE).digest()
        of_digest = kms.sign(KeyId=key["KeyId"], Message=digest, MessageType="DIGEST",
                             SigningAlgorithm=algorithm)["Signature"]
        outside.verify(of_digest, digest, scheme, utils.Prehashed(chosen))
        assert kms.verify(KeyId=key["KeyId"], Message=MESSAGE, Signature=of_digest,
                          SigningAlgorithm=algorithm)["SignatureValid"] is True


@pytest.mark.parametrize("spec", CURVES)
def test_ecdsa_signatures_verify_outside(kms, make, spec):
    key = make(spec, "SIGN_VERIFY")
    outside = public(kms, key)
    assert isinstance(outside.curve, CURVES[spec])
    (algorithm,) = key["SigningAlgorithms"]
    chosen = HASHES[algorithm[-3:]]
    signature = kms.sign(KeyId=key["KeyId"], Message=MESSAGE,
                         SigningAlgorithm=algorithm)["Signature"]
    outside.verify(signature, MESSAGE, ec.ECDSA(chosen))
    with pytest.raises(InvalidSignature):
        outside.verify(signature, MESSAGE + b".", ec.ECDSA(chosen))
    digest = hashlib.new("sha" + algorithm[-3:], MESSAGE).digest()
    signature = kms.sign(KeyId=key["KeyId"], Message=digest, MessageType="DIGEST",
                         SigningAlgorithm=algorithm)["Signature"]
    outside.verify(signature, MESSAGE, ec.ECDSA(chosen))


def test_edwards_signatures_verify_outside(kms, make):
    key = make("ECC_NIST_EDWARDS25519", "SIGN_VERIFY")
    outside = public(kms, key)
    signature = kms.sign(KeyId=key["KeyId"], Message=MESSAGE,
                         SigningAlgorithm="ED25519_SHA_512")["Signature"]
    outside.verify(signature, MESSAGE)
    digest = hashlib.sha512(MESSAGE).digest()
    request = {"KeyId": key["KeyId"], "Message": digest, "MessageType": "DIGEST",
               "SigningAlgorithm": "ED25519_PH_SHA_512"}
    signature = kms.sign(**request)["Signature"]
    with pytest.raises(InvalidSignature):
        outside.verify(signature, digest)
    assert kms.verify(**request, Signature=signature)["SignatureValid"] is True
    code, text = refused(kms.sign, **(request | {"MessageType": "RAW"}))
    assert code == "ValidationException" and "ED25519_PH_SHA_512" in text


@pytest.mark.parametrize("level", [44, 65, 87])
def test_ml_dsa_signatures_verify_outside(kms, make, level):
    key = make(f"ML_DSA_{level}", "SIGN_VERIFY")
    outside = public(kms, key)
    assert isinstance(outside, getattr(mldsa, f"MLDSA{level}PublicKey"))
    request = {"KeyId": key["KeyId"], "SigningAlgorithm": "ML_DSA_SHAKE_256"}
    outside.verify(kms.sign(**request, Message=MESSAGE)["Signature"], MESSAGE)
    hashed = hashlib.shake_256(outside.public_bytes_raw()).digest(64)
    mu = hashlib.shake_256(hashed + b"\0\0" + MESSAGE).digest(64)
    signature = kms.sign(**request, Message=mu, MessageType="EXTERNAL_MU")["Signature"]
    outside.verify(signature, MESSAGE)
    assert kms.verify(**request, Message=MESSAGE, Signature=signature)["SignatureValid"] is True


@pytest.mark.parametrize("spec", RSA)
def test_oaep_made_outside_opens_inside(kms, make, spec):
    key = make(spec, "ENCRYPT_DECRYPT")
    outside = public(kms, key)
    for algorithm, chosen in (("RSAES_OAEP_SHA_1", hashes.SHA1()),
                              ("RSAES_OAEP_SHA_256", hashes.SHA256())):
        scheme = padding.OAEP(padding.MGF1(chosen), chosen, None)
        request = {"KeyId": key["KeyId"], "EncryptionAlgorithm": algorithm}
        opened = kms.decrypt(**request, CiphertextBlob=outside.encrypt(b"secret", scheme))
        assert opened["Plaintext"] == b"secret" and opened["EncryptionAlgorithm"] == algorithm
        assert "KeyMaterialId" not in opened
        most = outside.key_size // 8 - 2 * chosen.digest_size - 2
        longest = kms.encrypt(**request, Plaintext=b"x" * most)["CiphertextBlob"]
        assert kms.decrypt(**request, CiphertextBlob=longest)["Plaintext"] == b"x" * most
        assert refused(kms.encrypt, **request, Plaintext=b"x" * (most + 1)) == (
            "ValidationException",
            f"Algorithm {algorithm} and key spec {spec} cannot encrypt data larger than {most} bytes.")


@pytest.mark.parametrize("spec", ["ECC_NIST_P256", "ECC_NIST_P384", "ECC_NIST_P521"])
def test_both_sides_derive_the_same_secret(kms, make, spec):
    key = make(spec, "KEY_AGREEMENT")
    outside = ec.generate_private_key(CURVES[spec]())
    sent = outside.public_key().public_bytes(
        serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
    derived = kms.derive_shared_secret(
        KeyId=key["KeyId"], KeyAgreementAlgorithm="ECDH", PublicKey=sent)
    assert derived["SharedSecret"] == outside.exchange(ec.ECDH(), public(kms, key))
    assert derived["KeyOrigin"] == "AWS_KMS"


@pytest.mark.parametrize("level", [768, 1024])
def test_secrets_are_encapsulated_both_ways(kms, make, level):
    key = make(f"ML_KEM_{level}", "ENCAPSULATE_DECAPSULATE")
    secret, ciphertext = public(kms, key).encapsulate()
    request = {"KeyId": key["KeyId"], "EncapsulationAlgorithm": "ML_KEM"}
    opened = kms.decapsulate(**request, SharedSecretCiphertextBlob=ciphertext)
    assert opened["SharedSecret"] == secret and len(secret) == 32
    made = kms.encapsulate(**request)
    again = kms.decapsulate(
        **request, SharedSecretCiphertextBlob=made["SharedSecretCiphertextBlob"])
    assert again["SharedSecret"] == made["SharedSecret"]


@pytest.mark.parametrize("size", [224, 256, 384, 512])
def test_codes_are_computed_and_verified(kms, make, size):
    key = make(f"HMAC_{size}", "GENERATE_VERIFY_MAC")
    request = {"KeyId": key["KeyId"], "Message": MESSAGE, "MacAlgorithm": f"HMAC_SHA_{size}"}
    mac = kms.generate_mac(**request)["Mac"]
    assert len(mac) == size // 8
    assert kms.verify_mac(**request, Mac=mac)["MacValid"] is True
    assert refused(kms.verify_mac, **request, Mac=mac[:-1] + bytes([mac[-1] ^ 1])) == (
        "KMSInvalidMacException", "")


def test_data_key_pairs_are_pairs(kms):
    key = kms.create_key()["KeyMetadata"]
    for spec in ("RSA_3072", *CURVES, "ECC_NIST_EDWARDS25519", "ML_KEM_768"):
        made = kms.generate_data_key_pair(KeyId=key["KeyId"], KeyPairSpec=spec)
        private = load_der_private_key(made["PrivateKeyPlaintext"], None)
        shown = private.public_key().public_bytes(
            serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
        assert shown == made["PublicKey"], spec
        opened = kms.decrypt(CiphertextBlob=made["PrivateKeyCiphertextBlob"])["Plaintext"]
        assert opened == made["PrivateKeyPlaintext"]
    without = kms.generate_data_key_pair_without_plaintext(
        KeyId=key["KeyId"], KeyPairSpec="ECC_NIST_P256")
    assert "PrivateKeyPlaintext" not in without


def test_every_refusal_has_aws_text(kms, make):
    signing = make("ECC_NIST_P256", "SIGN_VERIFY")
    assert refused(kms.create_key, KeySpec="RSA_2048") == (
        "ValidationException",
        "You must specify a KeyUsage value for all KMS keys except for symmetric encryption keys.")
    assert refused(kms.create_key, KeySpec="RSA_2048", KeyUsage="KEY_AGREEMENT") == (
        "ValidationException", "KeyUsage KEY_AGREEMENT is not compatible with KeySpec RSA_2048")
    assert refused(kms.create_key, KeySpec="SM2", KeyUsage="SIGN_VERIFY")[0] == (
        "UnsupportedOperationException")
    assert refused(kms.encrypt, KeyId=signing["KeyId"], Plaintext=b"x") == (
        "InvalidKeyUsageException",
        f"{signing['Arn']} key usage is SIGN_VERIFY which is not valid for Encrypt.")
    request = {"KeyId": signing["KeyId"], "Message": MESSAGE}
    assert refused(kms.sign, **request, SigningAlgorithm="RSASSA_PSS_SHA_256") == (
        "InvalidKeyUsageException",
        "Algorithm RSASSA_PSS_SHA_256 is incompatible with key spec ECC_NIST_P256.")
    assert refused(kms.sign, **request, MessageType="DIGEST", SigningAlgorithm="ECDSA_SHA_256") == (
        "ValidationException", "Digest is invalid length for algorithm ECDSA_SHA_256.")
    long = request | {"Message": b"x" * 4097}
    code, text = refused(kms.sign, **long, SigningAlgorithm="ECDSA_SHA_256")
    assert code == "ValidationException" and "less than or equal to 4096" in text
    recipient = {"KeyEncryptionAlgorithm": "RSAES_OAEP_SHA_256", "AttestationDocument": b"x"}
    code, text = refused(kms.generate_data_key_pair, KeyId=signing["KeyId"],
                         KeyPairSpec="RSA_2048", Recipient=recipient)
    assert code == "ValidationException" and "attestation" in text


def test_an_error_without_a_text_has_no_message_at_all(kms, make):
    key = make("ECC_NIST_P256", "SIGN_VERIFY")["KeyId"]
    signed = {"KeyId": key, "Message": MESSAGE, "Signature": b"x", "SigningAlgorithm": "ECDSA_SHA_256"}
    answer = refused_as("KMSInvalidSignatureException", kms.verify, **signed)
    # SDKs show what a body has beside the code.
    assert answer["Error"]["Message"] == "" and "message" not in answer
    kms.disable_key(KeyId=key)
    answer = refused_as("DisabledException", kms.verify, **signed)
    assert answer["message"] == answer["Error"]["Message"] != ""


def test_the_command_line_signs_and_verifies(server, kms, make, tmp_path):
    key = make("ECC_NIST_P384", "SIGN_VERIFY")
    (tmp_path / "message").write_bytes(MESSAGE)
    common = ["--key-id", key["KeyId"], "--message", f"fileb://{tmp_path / 'message'}",
              "--signing-algorithm", "ECDSA_SHA_384"]
    signed = json.loads(server.cli("kms", "sign", *common).stdout)
    (tmp_path / "signature").write_bytes(base64.b64decode(signed["Signature"]))
    checked = server.cli("kms", "verify", *common,
                         "--signature", f"fileb://{tmp_path / 'signature'}")
    assert json.loads(checked.stdout)["SignatureValid"] is True


def test_feature_groups_refuse_keys_that_do_not_encrypt_symmetrically(server, make):
    sagemaker = server.client("sagemaker")
    for spec, usage in (("RSA_2048", "ENCRYPT_DECRYPT"), ("HMAC_256", "GENERATE_VERIFY_MAC")):
        code, text = refused(
            sagemaker.create_feature_group, FeatureGroupName="asymmetric",
            RecordIdentifierFeatureName="id", EventTimeFeatureName="t",
            FeatureDefinitions=[{"FeatureName": "id", "FeatureType": "String"},
                                {"FeatureName": "t", "FeatureType": "Fractional"}],
            OnlineStoreConfig={"EnableOnlineStore": True,
                               "SecurityConfig": {"KmsKeyId": make(spec, usage)["Arn"]}})
        assert code in ("ValidationException", "AccessDeniedException"), text
        assert code == "ValidationException", text
