"""KMS through boto3: keys, policies, encryption, aliases, and their errors."""

import base64
import json

import botocore.exceptions
import pytest

from conftest import ACCOUNT, REGION


def code(error) -> str:
    return error.value.response["Error"]["Code"]


def message(error) -> str:
    return error.value.response["Error"]["Message"]


@pytest.fixture
def key(kms):
    return kms.create_key(Description="test")["KeyMetadata"]


def test_a_new_key_is_described_as_at_aws(kms, key):
    described = kms.describe_key(KeyId=key["KeyId"])["KeyMetadata"]
    assert described["Arn"] == f"arn:aws:kms:{REGION}:{ACCOUNT}:key/{key['KeyId']}"
    assert described["KeyState"] == "Enabled" and described["Enabled"] is True
    assert described["KeySpec"] == described["CustomerMasterKeySpec"] == "SYMMETRIC_DEFAULT"
    assert described["KeyUsage"] == "ENCRYPT_DECRYPT" and described["Origin"] == "AWS_KMS"
    assert described["KeyManager"] == "CUSTOMER" and described["MultiRegion"] is False
    assert described["EncryptionAlgorithms"] == ["SYMMETRIC_DEFAULT"]


def test_what_is_encrypted_decrypts_with_the_same_context_only(kms, key):
    context = {"purpose": "test", "a": "b"}
    sealed = kms.encrypt(KeyId=key["Arn"], Plaintext=b"secret", EncryptionContext=context)
    assert sealed["KeyId"] == key["Arn"] and b"secret" not in sealed["CiphertextBlob"]
    opened = kms.decrypt(CiphertextBlob=sealed["CiphertextBlob"],
                         EncryptionContext=dict(reversed(context.items())))
    assert opened["Plaintext"] == b"secret" and opened["KeyId"] == key["Arn"]
    for wrong in ({}, {"purpose": "test"}, {"purpose": "Test", "a": "b"}):
        with pytest.raises(botocore.exceptions.ClientError) as refused:
            kms.decrypt(CiphertextBlob=sealed["CiphertextBlob"], EncryptionContext=wrong)
        assert code(refused) == "InvalidCiphertextException"


def test_an_edited_ciphertext_is_refused(kms, key):
    sealed = bytearray(kms.encrypt(KeyId=key["KeyId"], Plaintext=b"secret")["CiphertextBlob"])
    for position in (0, 1, 17, 40, len(sealed) // 2, len(sealed) - 1):
        edited = bytearray(sealed)
        edited[position] ^= 1
        with pytest.raises(botocore.exceptions.ClientError) as refused:
            kms.decrypt(CiphertextBlob=bytes(edited))
        assert code(refused) in ("InvalidCiphertextException", "AccessDeniedException",
                                 "NotFoundException")


def test_decrypt_with_another_key_id_is_refused(kms, key):
    other = kms.create_key()["KeyMetadata"]
    sealed = kms.encrypt(KeyId=key["KeyId"], Plaintext=b"x")["CiphertextBlob"]
    with pytest.raises(botocore.exceptions.ClientError) as refused:
        kms.decrypt(CiphertextBlob=sealed, KeyId=other["KeyId"])
    assert code(refused) == "IncorrectKeyException"


def test_data_keys_have_the_size_asked_for(kms, key):
    made = kms.generate_data_key(KeyId=key["KeyId"], KeySpec="AES_256")
    assert len(made["Plaintext"]) == 32
    assert kms.decrypt(CiphertextBlob=made["CiphertextBlob"])["Plaintext"] == made["Plaintext"]
    assert len(kms.generate_data_key(KeyId=key["KeyId"], KeySpec="AES_128")["Plaintext"]) == 16
    assert len(kms.generate_data_key(KeyId=key["KeyId"], NumberOfBytes=57)["Plaintext"]) == 57
    without = kms.generate_data_key_without_plaintext(KeyId=key["KeyId"], KeySpec="AES_256")
    assert "Plaintext" not in without
    assert len(kms.decrypt(CiphertextBlob=without["CiphertextBlob"])["Plaintext"]) == 32


def test_a_disabled_key_refuses_and_an_enabled_one_works_on_the_next_request(kms, key):
    sealed = kms.encrypt(KeyId=key["KeyId"], Plaintext=b"x")["CiphertextBlob"]
    for _ in range(3):
        kms.disable_key(KeyId=key["KeyId"])
        with pytest.raises(botocore.exceptions.ClientError) as refused:
            kms.decrypt(CiphertextBlob=sealed)
        assert code(refused) == "DisabledException"
        assert message(refused) == f"{key['Arn']} is disabled."
        kms.enable_key(KeyId=key["KeyId"])
        assert kms.decrypt(CiphertextBlob=sealed)["Plaintext"] == b"x"


def test_aliases_name_keys(kms, key):
    name = f"alias/test-{key['KeyId'][:8]}"
    kms.create_alias(AliasName=name, TargetKeyId=key["KeyId"])
    assert kms.describe_key(KeyId=name)["KeyMetadata"]["KeyId"] == key["KeyId"]
    listed = kms.list_aliases(KeyId=key["KeyId"])["Aliases"]
    assert [alias["AliasName"] for alias in listed] == [name]
    arn = listed[0]["AliasArn"]
    assert kms.encrypt(KeyId=arn, Plaintext=b"x")["KeyId"] == key["Arn"]
    with pytest.raises(botocore.exceptions.ClientError) as refused:
        kms.create_alias(AliasName=name, TargetKeyId=key["KeyId"])
    assert code(refused) == "AlreadyExistsException"
    assert message(refused) == f"An alias with the name {arn} already exists"


@pytest.mark.parametrize("key_id, text", [
    ("1234abcd-12ab-34cd-56ef-1234567890ab",
     f"Key 'arn:aws:kms:{REGION}:{ACCOUNT}:key/1234abcd-12ab-34cd-56ef-1234567890ab' does not exist"),
    ("nonsense", "Invalid keyId 'nonsense'"),
    (f"arn:aws:kms:{REGION}:{ACCOUNT}:key/nonsense", "Invalid keyId nonsense"),
    ("alias/unknown", f"Alias arn:aws:kms:{REGION}:{ACCOUNT}:alias/unknown is not found."),
    (f"arn:aws:kms:eu-west-1:{ACCOUNT}:key/1234abcd-12ab-34cd-56ef-1234567890ab",
     "Invalid arn eu-west-1"),
])
def test_unknown_keys_are_not_found(kms, key_id, text):
    with pytest.raises(botocore.exceptions.ClientError) as refused:
        kms.describe_key(KeyId=key_id)
    assert (code(refused), message(refused)) == ("NotFoundException", text)


def test_operations_on_keys_only_take_no_alias_whether_or_not_it_exists(kms, key):
    name = f"alias/only-{key['KeyId'][:8]}"
    kms.create_alias(AliasName=name, TargetKeyId=key["KeyId"])
    for alias in (name, f"arn:aws:kms:{REGION}:{ACCOUNT}:{name}", "alias/unknown"):
        for call in (kms.get_key_policy, kms.enable_key, kms.list_resource_tags, kms.list_grants):
            with pytest.raises(botocore.exceptions.ClientError) as refused:
                call(KeyId=alias)
            assert (code(refused), message(refused)) == (
                "InvalidArnException", "Key Aliases are not supported for this operation.")


def test_too_long_plaintext_is_refused_without_echo(kms, key):
    with pytest.raises(botocore.exceptions.ClientError) as refused:
        kms.encrypt(KeyId=key["KeyId"], Plaintext=b"s" * 4097)
    assert code(refused) == "ValidationException"
    assert message(refused) == (
        "1 validation error detected: Value at 'plaintext' failed to satisfy constraint: "
        "Member must have length less than or equal to 4096")


def test_the_default_key_policy_leaves_the_decision_to_iam(kms, key, user, server):
    policy = json.loads(kms.get_key_policy(KeyId=key["KeyId"])["Policy"])
    assert policy["Statement"][0]["Principal"] == {"AWS": f"arn:aws:iam::{ACCOUNT}:root"}
    nobody = server.client("kms", user("kms-nobody"))
    with pytest.raises(botocore.exceptions.ClientError) as refused:
        nobody.encrypt(KeyId=key["KeyId"], Plaintext=b"x")
    assert code(refused) == "AccessDeniedException"
    assert message(refused) == (
        f"User: arn:aws:iam::{ACCOUNT}:user/kms-nobody is not authorized to perform: kms:Encrypt "
        f"on resource: {key['Arn']} because no identity-based policy allows the kms:Encrypt action")


def test_a_key_policy_may_exclude_iam_and_admit_one_user(kms, key, user, server):
    allow_all = json.dumps({"Version": "2012-10-17", "Statement": {
        "Effect": "Allow", "Action": "kms:*", "Resource": "*"}})
    admitted, other = user("kms-admitted"), user("kms-other", allow_all)
    administrator = server.client("sts").get_caller_identity()["Arn"]
    kms.put_key_policy(KeyId=key["KeyId"], PolicyName="default", Policy=json.dumps({
        "Version": "2012-10-17", "Statement": [
            {"Effect": "Allow", "Principal": {"AWS": administrator}, "Action": "kms:*", "Resource": "*"},
            {"Effect": "Allow", "Principal": {"AWS": f"arn:aws:iam::{ACCOUNT}:user/kms-admitted"},
             "Action": "kms:Encrypt", "Resource": "*"}]}))
    assert server.client("kms", admitted).encrypt(KeyId=key["KeyId"], Plaintext=b"x")
    with pytest.raises(botocore.exceptions.ClientError) as refused:
        server.client("kms", other).encrypt(KeyId=key["KeyId"], Plaintext=b"x")
    assert message(refused).endswith("because no resource-based policy allows the kms:Encrypt action")


def test_a_key_policy_that_locks_its_caller_out_is_refused(kms, key):
    lockout = json.dumps({"Version": "2012-10-17", "Statement": [
        {"Effect": "Allow", "Principal": {"AWS": f"arn:aws:iam::{ACCOUNT}:root"},
         "Action": "kms:Describe*", "Resource": "*"}]})
    with pytest.raises(botocore.exceptions.ClientError) as refused:
        kms.put_key_policy(KeyId=key["KeyId"], PolicyName="default", Policy=lockout)
    assert code(refused) == "MalformedPolicyDocumentException"
    assert message(refused) == (
        "The new key policy will not allow you to update the key policy in the future.")


def test_a_key_policy_with_an_unknown_principal_is_refused(kms, key):
    policy = json.dumps({"Version": "2012-10-17", "Statement": [
        {"Effect": "Allow", "Principal": {"AWS": ["arn:aws:iam::123456789:root"]},
         "Action": "kms:*", "Resource": "*"}]})
    with pytest.raises(botocore.exceptions.ClientError) as refused:
        kms.put_key_policy(KeyId=key["KeyId"], PolicyName="default", Policy=policy)
    assert (code(refused), message(refused)) == (
        "MalformedPolicyDocumentException",
        "Policy contains a statement with one or more invalid principals.")


def test_listings_page(kms):
    wanted = {kms.create_key()["KeyMetadata"]["KeyId"] for _ in range(5)}
    found, marker = set(), {}
    while True:
        page = kms.list_keys(Limit=2, **marker)
        assert len(page["Keys"]) <= 2
        found |= {key["KeyId"] for key in page["Keys"]}
        if not page["Truncated"]:
            break
        marker = {"Marker": page["NextMarker"]}
    assert wanted <= found
    with pytest.raises(botocore.exceptions.ClientError) as refused:
        kms.list_keys(Marker="nonsense")
    assert code(refused) == "InvalidMarkerException"


def test_dry_runs_change_nothing(kms, key):
    with pytest.raises(botocore.exceptions.ClientError) as refused:
        kms.generate_data_key(KeyId=key["KeyId"], KeySpec="AES_256", DryRun=True)
    assert code(refused) == "DryRunOperationException"


@pytest.mark.parametrize("wrong, expected", [
    ({"KeySpec": "SM2", "KeyUsage": "SIGN_VERIFY"}, "UnsupportedOperationException"),
    ({"Origin": "AWS_CLOUDHSM"}, "ValidationException"),
    ({"CustomKeyStoreId": "cks-1234567890"}, "ValidationException"),
    ({"XksKeyId": "key"}, "ValidationException"),
    ({"Origin": "AWS_CLOUDHSM", "CustomKeyStoreId": "cks-1234567890"}, "CustomKeyStoreNotFoundException")])
def test_keys_that_cannot_be_made_are_refused_clearly(kms, wrong, expected):
    with pytest.raises(botocore.exceptions.ClientError) as refused:
        kms.create_key(**wrong)
    assert code(refused) == expected


def test_the_cli_encrypts_and_decrypts(server, key):
    done = server.cli("kms", "encrypt", "--key-id", key["KeyId"], "--plaintext", "aGVsbG8=",
                      "--query", "CiphertextBlob", "--output", "text")
    assert done.returncode == 0, done.stderr
    path = server.directory / "blob"
    path.write_bytes(base64.b64decode(done.stdout))
    done = server.cli("kms", "decrypt", "--ciphertext-blob", f"fileb://{path}",
                      "--query", "Plaintext", "--output", "text")
    assert base64.b64decode(done.stdout) in (b"hello", b"aGVsbG8=")
