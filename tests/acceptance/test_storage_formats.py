"""A backup, a key file and docs/storage-formats.md suffice to open everything that KMS made."""

import base64
import http.client
import json
import os
import pathlib
import socket
import ssl
import subprocess
import sys

import botocore.auth
import botocore.awsrequest
import botocore.credentials
import pytest
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, padding

import formats
from conftest import ACCOUNT, OTHER_REGION, REGION, REGIONS, binary, settled
from outside import ENDPOINT, MODULE, PATH, PIN
from test_key_stores import Stores
from test_kms_imports import FOREVER, wrapped

CONTEXT = {"team": "ml", "a": "", "ä": "ö", "Z": "z"}


class Made:
    """A server with every kind of key, what they made, and a backup of it."""

    def __init__(self, directory: pathlib.Path):
        place = directory / "backups"
        place.mkdir()
        self.stores = Stores(directory, f'[backup]\ndirectory = "{place}"\n', flags=REGIONS)
        self.kms = self.stores.kms
        token = self.stores.connected(**self.stores.hsm.store("token"))
        proxy = self.stores.connected(**self.stores.proxy.store("proxy"))
        self.on_token, self.external = self.stores.token_key(token), self.stores.proxy_key(proxy)
        self.own, self.multi = (
            self.kms.create_key(MultiRegion=multi)["KeyMetadata"]["Arn"] for multi in (False, True))
        self.kms.replicate_key(KeyId=self.multi, ReplicaRegion=OTHER_REGION)
        settled(self.stores.server.client("kms", region_name=OTHER_REGION), self.multi.rsplit("/")[-1])
        self.old = self.seal(self.own)
        self.kms.rotate_key_on_demand(KeyId=self.own)
        self.imported, self.material = self.kms.create_key(Origin="EXTERNAL")["KeyMetadata"], os.urandom(32)
        self.given = self.kms.get_parameters_for_import(
            KeyId=self.imported["KeyId"], WrappingAlgorithm="RSAES_OAEP_SHA_256", WrappingKeySpec="RSA_2048")
        self.kms.import_key_material(**wrapped(self.kms, self.imported, self.material), **FOREVER)
        for name, spec, usage in (("hmac", "HMAC_384", "GENERATE_VERIFY_MAC"), ("rsa", "RSA_2048", "ENCRYPT_DECRYPT"),
                                  ("ecc", "ECC_NIST_P256", "SIGN_VERIFY")):
            setattr(self, name, self.kms.create_key(KeySpec=spec, KeyUsage=usage)["KeyMetadata"]["Arn"])
        done = subprocess.run(
            [str(binary()), "backup", "create", "b", "--endpoint", self.stores.server.url,
             "--data", str(self.stores.server.data)],
            env=self.stores.server.environment(), capture_output=True, text=True, timeout=60)
        assert done.returncode == 0, done.stderr
        key = bytes.fromhex((directory / "data.key").read_text().strip())
        self.backup = formats.read_backup((place / "b").read_bytes(), key)

    def seal(self, key: str, text: bytes = b"secret") -> bytes:
        return self.kms.encrypt(KeyId=key, Plaintext=text, EncryptionContext=CONTEXT)["CiphertextBlob"]

    def materials(self, arn: str, region: str = REGION) -> dict[bytes, bytes]:
        return formats.materials(self.backup, ACCOUNT, region, arn.rsplit("/")[-1])

    def only(self, arn: str) -> bytes:
        [material] = self.materials(arn).values()
        return material


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    everything = Made(tmp_path_factory.mktemp("formats"))
    yield everything
    everything.stores.stop()


def refuses_more(opened, blob: bytes):
    """It opens, and not in another context or with another byte."""
    assert opened(blob, CONTEXT) == b"secret"
    for wrong, context in ((blob, CONTEXT | {"b": ""}), (blob[:-1] + bytes([blob[-1] ^ 1]), CONTEXT)):
        with pytest.raises((InvalidTag, RuntimeError)):
            opened(wrong, context)


def test_a_backup_holds_what_the_directory_does(made):
    file = (made.stores.server.data / "shred.keys").read_bytes()
    data_key = made.backup.data_key
    kept = formats.shred_keys(data_key, made.backup.shred_file)
    assert kept == formats.shred_keys(data_key, file) and {account for account, _ in kept} >= {ACCOUNT, formats.TOKENS}
    assert made.backup.about["lineage"] == json.loads((made.stores.server.data / "seal.json").read_text())["lineage"]
    keys = formats.rows(made.backup, "kms_keys")
    assert keys[formats.row_key(ACCOUNT, REGION, made.own.rsplit("/")[-1])]["arn"] == made.own


def test_ciphertexts_of_keys_made_here_open_outside(made):
    both = made.materials(made.own)
    assert len(both) == 2
    for blob in (made.old, made.seal(made.own)):
        refuses_more(lambda *given: formats.open_ciphertext(both, *given), blob)
    pair = made.kms.generate_data_key_pair(KeyId=made.own, KeyPairSpec="ECC_NIST_P256", EncryptionContext=CONTEXT)
    data_key = made.kms.generate_data_key(KeyId=made.own, KeySpec="AES_256")
    assert formats.open_ciphertext(both, pair["PrivateKeyCiphertextBlob"], CONTEXT) == pair["PrivateKeyPlaintext"]
    assert formats.open_ciphertext(both, data_key["CiphertextBlob"], {}) == data_key["Plaintext"]


def test_a_replica_has_the_material_of_its_primary(made):
    primary, replica = (made.materials(made.multi, region) for region in (REGION, OTHER_REGION))
    assert primary == replica
    refuses_more(lambda *given: formats.open_ciphertext(replica, *given), made.seal(made.multi))


def test_imported_material_is_what_was_brought(made):
    known = made.materials(made.imported["Arn"])
    assert list(known.values()) == [made.material]
    refuses_more(lambda *given: formats.open_ciphertext(known, *given), made.seal(made.imported["Arn"]))
    row = formats.row_key(ACCOUNT, REGION, made.imported["KeyId"])
    end, private = formats.open_import_token(made.backup, made.given["ImportToken"], row)
    public = serialization.load_der_private_key(private, None).public_key()
    encoded = public.public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
    assert encoded == made.given["PublicKey"] and end == int(made.given["ParametersValidTo"].timestamp())


def test_other_kinds_of_keys_do_outside_what_they_do_here(made):
    mac = made.kms.generate_mac(KeyId=made.hmac, Message=b"m", MacAlgorithm="HMAC_SHA_384")["Mac"]
    assert mac == formats.hmac.digest(made.only(made.hmac), b"m", "sha384")
    rsa = serialization.load_der_private_key(made.only(made.rsa), None)
    blob = made.kms.encrypt(KeyId=made.rsa, Plaintext=b"x", EncryptionAlgorithm="RSAES_OAEP_SHA_256")["CiphertextBlob"]
    assert rsa.decrypt(blob, padding.OAEP(padding.MGF1(hashes.SHA256()), hashes.SHA256(), None)) == b"x"
    ecc = serialization.load_der_private_key(made.only(made.ecc), None)
    signed = ecc.sign(b"m", ec.ECDSA(hashes.SHA256()))
    made.kms.verify(KeyId=made.ecc, Message=b"m", Signature=signed, SigningAlgorithm="ECDSA_SHA_256")


def test_a_tokens_ciphertexts_open_with_the_token(made):
    def cmac(label: bytes, message: bytes) -> bytes:
        program = pathlib.Path(__file__).with_name("token_cmac.py")
        done = subprocess.run(
            [sys.executable, str(program), MODULE, "features", PIN, label.hex(), message.hex()],
            env=os.environ | made.stores.hsm.env, capture_output=True, text=True, check=True, timeout=60)
        return bytes.fromhex(done.stdout)

    assert made.materials(made.on_token) == {}, "it never leaves the token"
    refuses_more(lambda *given: formats.open_of_token(cmac, *given), made.seal(made.on_token))


def test_an_external_keys_ciphertexts_open_with_the_proxy_and_the_material_beside_it(made):
    known = made.materials(made.external)
    refuses_more(lambda *given: formats.open_of_proxy(ask_proxy(made), known, *given), made.seal(made.external))


def ask_proxy(made):
    """Calls `decrypt` of the proxy as AWS's published API has it."""
    proxy, key = made.stores.proxy, f"{PATH}/keys/one/decrypt"
    signer = botocore.auth.SigV4Auth(botocore.credentials.Credentials(
        proxy.credential["AccessKeyId"], proxy.credential["RawSecretAccessKey"]), "kms-xks-proxy", REGION)

    def text(value: bytes) -> str:
        return base64.b64encode(value).decode()

    def decrypt(aad: bytes, vector: bytes, tag: bytes, metadata: bytes, ciphertext: bytes) -> bytes:
        body = {
            "requestMetadata": {"kmsOperation": "Decrypt", "kmsRequestId": "outside", "kmsKeyArn": made.external,
                                "awsPrincipalArn": f"arn:aws:iam::{ACCOUNT}:user/Outside"},
            "additionalAuthenticatedData": text(aad), "encryptionAlgorithm": "AES_GCM",
            "ciphertext": text(ciphertext), "ciphertextMetadata": text(metadata),
            "initializationVector": text(vector), "authenticationTag": text(tag),
        }
        request = botocore.awsrequest.AWSRequest(
            "POST", ENDPOINT + key, headers={"Content-Type": "application/json"}, data=json.dumps(body))
        signer.add_auth(request)
        trusted = ssl.create_default_context(cafile=str(made.stores.hsm.ca))
        host = ENDPOINT.removeprefix("https://")
        connection = http.client.HTTPSConnection(host, timeout=30)
        plain = socket.create_connection(("127.0.0.1", proxy.port), timeout=30)
        connection.sock = trusted.wrap_socket(plain, server_hostname=host)
        connection.request("POST", key, body=request.data, headers=dict(request.headers.items()))
        answer = connection.getresponse()
        content = answer.read()
        connection.close()
        if answer.status != 200:
            raise RuntimeError(content)
        return base64.b64decode(json.loads(content)["plaintext"])

    return decrypt


def test_nothing_is_kept_in_clear(made):
    materials = [material for arn in (made.own, made.external, made.imported["Arn"], made.hmac, made.rsa)
                 for material in made.materials(arn).values()]
    assert len(materials) == 6
    for path in made.stores.server.data.rglob("*"):
        if path.is_file():
            content = path.read_bytes()
            assert not any(material in content for material in materials), path
