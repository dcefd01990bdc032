"""The AWS Encryption SDK for Python on keys of this KMS: files, contexts, multi-Region keys."""

import io
import os

import aws_encryption_sdk
import botocore.exceptions
import cryptography.exceptions
import pytest
from aws_cryptographic_material_providers.mpl import AwsCryptographicMaterialProviders
from aws_cryptographic_material_providers.mpl.config import MaterialProvidersConfig
from aws_cryptographic_material_providers.mpl.errors import (
    AwsCryptographicMaterialProvidersException, CollectionOfErrors)
from aws_cryptographic_material_providers.mpl.models import (
    CreateAwsKmsDiscoveryKeyringInput, CreateAwsKmsKeyringInput, CreateAwsKmsMrkKeyringInput,
    CreateMultiKeyringInput, DiscoveryFilter)

from conftest import ACCOUNT, OTHER_REGION, settled
from test_audit import events

CONTEXT = {"purpose": "features", "ä": "ö"}
REFUSED = (AwsCryptographicMaterialProvidersException, CollectionOfErrors, botocore.exceptions.ClientError,
           cryptography.exceptions.InvalidSignature,
           aws_encryption_sdk.exceptions.AWSEncryptionSDKClientError,
           aws_encryption_sdk.exceptions.SerializationError)
client = aws_encryption_sdk.EncryptionSDKClient()
providers = AwsCryptographicMaterialProviders(config=MaterialProvidersConfig())


@pytest.fixture(scope="module")
def kms(server):
    return server.client("kms")


@pytest.fixture(scope="module")
def key(kms) -> str:
    return kms.create_key()["KeyMetadata"]["Arn"]


def keyring(kms, key: str):
    return providers.create_aws_kms_keyring(input=CreateAwsKmsKeyringInput(kms_key_id=key, kms_client=kms))


def opened(sealed: bytes, ring, context=CONTEXT) -> bytes:
    return client.decrypt(source=sealed, keyring=ring, encryption_context=context)[0]


@pytest.mark.parametrize("size", [0, 1, 4096, 3 * 4096 + 1, 1_000_000])
def test_files_are_encrypted_and_decrypted_in_a_stream(kms, key, tmp_path, size):
    plain, sealed, back = (tmp_path / name for name in ("plain", "sealed", "back"))
    plain.write_bytes(os.urandom(size))
    ring = keyring(kms, key)
    for mode, source, target in (("e", plain, sealed), ("d", sealed, back)):
        with source.open("rb") as incoming, target.open("wb") as outgoing:
            with client.stream(mode=mode, source=incoming, keyring=ring, encryption_context=CONTEXT) as stream:
                for chunk in stream:
                    outgoing.write(chunk)
    assert back.read_bytes() == plain.read_bytes()
    assert len(sealed.read_bytes()) > size


def test_the_message_names_the_key_and_commits_to_its_data_key(server, kms, key):
    sealed, header = client.encrypt(source=b"secret", keyring=keyring(kms, key), encryption_context=CONTEXT)
    [data_key] = header.encrypted_data_keys
    assert data_key.key_provider.provider_id == "aws-kms"
    assert data_key.key_provider.key_info.decode() == key
    assert header.algorithm.is_committing()
    assert opened(sealed, keyring(kms, key)) == b"secret"
    # What the SDK asked for is in the trail, with the encryption context and the public key in it.
    event = events(server.client("cloudtrail"), EventName="GenerateDataKey")[0]
    context = event["requestParameters"]["encryptionContext"]
    assert context.items() >= CONTEXT.items() and "aws-crypto-public-key" in context


def test_changed_messages_and_other_contexts_and_keys_open_nothing(kms, key):
    sealed, _ = client.encrypt(source=b"secret", keyring=keyring(kms, key), encryption_context=CONTEXT)
    other = kms.create_key()["KeyMetadata"]["Arn"]
    for place in (len(sealed) - 1, len(sealed) // 2, 60):
        changed = bytearray(sealed)
        changed[place] ^= 1
        with pytest.raises(REFUSED):
            opened(bytes(changed), keyring(kms, key))
    with pytest.raises(REFUSED):
        opened(sealed, keyring(kms, key), CONTEXT | {"purpose": "other"})
    with pytest.raises(REFUSED):
        opened(sealed, keyring(kms, other))
    kms.disable_key(KeyId=key)
    try:
        with pytest.raises(REFUSED):
            opened(sealed, keyring(kms, key))
    finally:
        kms.enable_key(KeyId=key)
    assert opened(sealed, keyring(kms, key)) == b"secret"


def test_any_of_several_keys_opens(kms, key):
    second = kms.create_key()["KeyMetadata"]["Arn"]
    both = providers.create_multi_keyring(input=CreateMultiKeyringInput(
        generator=keyring(kms, key), child_keyrings=[keyring(kms, second)]))
    sealed, header = client.encrypt(source=b"secret", keyring=both, encryption_context=CONTEXT)
    assert len(header.encrypted_data_keys) == 2
    for ring in (keyring(kms, key), keyring(kms, second), both):
        assert opened(sealed, ring) == b"secret"


def test_a_discovery_keyring_takes_the_key_that_the_message_names(kms, key):
    def discovery(account: str):
        return providers.create_aws_kms_discovery_keyring(input=CreateAwsKmsDiscoveryKeyringInput(
            kms_client=kms, discovery_filter=DiscoveryFilter(account_ids=[account], partition="aws")))

    sealed, _ = client.encrypt(source=b"secret", keyring=keyring(kms, key), encryption_context=CONTEXT)
    assert opened(sealed, discovery(ACCOUNT)) == b"secret"
    with pytest.raises(REFUSED):
        opened(sealed, discovery("999999999999"))


def test_a_message_of_a_multi_region_key_opens_in_the_other_region(server, kms):
    there = server.client("kms", region_name=OTHER_REGION)
    primary = kms.create_key(MultiRegion=True)["KeyMetadata"]["Arn"]
    replica = kms.replicate_key(KeyId=primary, ReplicaRegion=OTHER_REGION)["ReplicaKeyMetadata"]["Arn"]
    settled(there, replica)

    def ring(key: str, kms):
        return providers.create_aws_kms_mrk_keyring(
            input=CreateAwsKmsMrkKeyringInput(kms_key_id=key, kms_client=kms))

    here_ring, there_ring = ring(primary, kms), ring(replica, there)
    for one, other in ((here_ring, there_ring), (there_ring, here_ring)):
        sealed, _ = client.encrypt(source=io.BytesIO(b"secret" * 1000), keyring=one, encryption_context=CONTEXT)
        assert opened(sealed, other) == b"secret" * 1000
    # A keyring that knows nothing of multi-Region keys does not take the one for the other.
    with pytest.raises(REFUSED):
        opened(sealed, keyring(kms, primary))
