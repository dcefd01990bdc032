"""Every error that AWS's service model declares of an operation of KMS: provoked here, elsewhere, or never."""

import contextlib
import pathlib

import botocore
import botocore.exceptions
import botocore.session
import pytest

from conftest import OTHER_REGION
from test_coverage import CALLS, ROOT, World, name

MODEL = botocore.session.get_session().get_service_model("kms")
TESTS = pathlib.Path(__file__).parents[2]
UNKNOWN = "1234abcd-12ab-34cd-56ef-1234567890ab"
JUNK = "arn:aws:kms:us-east-1:junk"
STORE = {"CustomKeyStoreId": "cks-1234567890abcdef0"}
TWICE = [{"TagKey": "a", "TagValue": "1"}, {"TagKey": "a", "TagValue": "2"}]
# Where an operation names its key, if not in KeyId.
NAMED_IN = {"CreateAlias": "TargetKeyId", "UpdateAlias": "TargetKeyId", "ReEncrypt": "DestinationKeyId"}


@pytest.fixture(scope="module")
def world(server):
    return World(server)


def key_in(operation: str) -> str:
    return NAMED_IN.get(operation, "KeyId")


def rsa(world) -> dict:
    return {"KeyId": world.key_of("RSA_2048", "ENCRYPT_DECRYPT")}


def signing(world) -> str:
    return world.key_of("ECC_NIST_P256", "SIGN_VERIFY")


def other_usage(world, operation: str) -> str:
    """A key that is not for this operation."""
    if operation in ("Sign", "Verify"):
        return world.key_of("HMAC_256", "GENERATE_VERIFY_MAC")
    return signing(world)


# What makes a call of the operation, which would succeed, fail with the error.
EACH = {
    "NotFoundException": lambda w, operation, call: call | {key_in(operation): UNKNOWN},
    "InvalidArnException": lambda w, operation, call: call | {key_in(operation): JUNK},
    "InvalidGrantTokenException": lambda w, operation, call: call | {"GrantTokens": ["junk"]},
    "DryRunOperationException": lambda w, operation, call: call | {"DryRun": True},
    "InvalidMarkerException": lambda w, operation, call: call | {"Marker": "junk"},
    "CustomKeyStoreNotFoundException": lambda w, operation, call: call | STORE,
    "InvalidGrantIdException": lambda w, operation, call: {"KeyId": w.shared_key, "GrantId": "junk"},
    "InvalidKeyUsageException": lambda w, operation, call: call | {key_in(operation): other_usage(w, operation)},
    "TagException": lambda w, operation, call: call | {"Tags": TWICE},
    "MalformedPolicyDocumentException": lambda w, operation, call: call | {"Policy": "{}"},
    "IncorrectKeyException": lambda w, operation, call: call | {
        "SourceKeyId" if operation == "ReEncrypt" else "KeyId": w.key()},
    "InvalidCiphertextException": lambda w, operation, call: call | {"CiphertextBlob": b"junk"},
}

# The same for one operation.
ONE = {
    ("NotFoundException", "DeleteAlias"): lambda w, call: {"AliasName": "alias/" + name()},
    ("NotFoundException", "Decrypt"): lambda w, call: call | {"KeyId": "alias/" + name()},
    ("NotFoundException", "RetireGrant"): lambda w, call: {"KeyId": w.shared_key, "GrantId": "0" * 64},
    ("InvalidArnException", "ListRetirableGrants"): lambda w, call: {"RetiringPrincipal": "arn:aws:iam::junk"},
    ("InvalidArnException", "RetireGrant"): lambda w, call: {"KeyId": JUNK, "GrantId": "0" * 64},
    ("InvalidGrantTokenException", "RetireGrant"): lambda w, call: {"GrantToken": "junk"},
    ("CustomKeyStoreNotFoundException", "CreateKey"): lambda w, call: {"Origin": "AWS_CLOUDHSM"} | STORE,
    # Of a symmetric ciphertext it is looked at first whether it is one of this key.
    ("InvalidKeyUsageException", "Decrypt"): lambda w, call: call | {
        "KeyId": signing(w), "EncryptionAlgorithm": "RSAES_OAEP_SHA_256"},
    ("InvalidCiphertextException", "Decapsulate"): lambda w, call: call | {
        "SharedSecretCiphertextBlob": call["SharedSecretCiphertextBlob"][:-1]},
    ("InvalidCiphertextException", "ImportKeyMaterial"): lambda w, call: call | {"EncryptedKeyMaterial": b"x" * 256},
    ("InvalidImportTokenException", "ImportKeyMaterial"): lambda w, call: call | {"KeyId": w.external_key()},
    ("KMSInvalidSignatureException", "Verify"): lambda w, call: call | {"Message": b"other"},
    ("KMSInvalidMacException", "VerifyMac"): lambda w, call: call | {"Message": b"other"},
    ("KMSInvalidStateException", "CancelKeyDeletion"): lambda w, call: {"KeyId": w.key()},
    ("AlreadyExistsException", "CreateAlias"): lambda w, call: call | {"AliasName": w.key_alias()},
    ("AlreadyExistsException", "ReplicateKey"): lambda w, call: {
        "KeyId": w.replicated_key(), "ReplicaRegion": OTHER_REGION},
    ("LimitExceededException", "PutKeyPolicy"): lambda w, call: call | {"Policy": call["Policy"].ljust(32769)},
    ("UnsupportedOperationException", "CreateKey"): lambda w, call: {"KeySpec": "SM2", "KeyUsage": "SIGN_VERIFY"},
    ("UnsupportedOperationException", "DeleteImportedKeyMaterial"): lambda w, call: {"KeyId": w.key()},
    ("UnsupportedOperationException", "DisableKeyRotation"): lambda w, call: rsa(w),
    ("UnsupportedOperationException", "EnableKeyRotation"): lambda w, call: rsa(w),
    ("UnsupportedOperationException", "GenerateDataKeyPair"): lambda w, call: call | {"KeyPairSpec": "SM2"},
    ("UnsupportedOperationException", "GenerateDataKeyPairWithoutPlaintext"): lambda w, call: call | {
        "KeyPairSpec": "SM2"},
    ("UnsupportedOperationException", "GetKeyRotationStatus"): lambda w, call: {"KeyId": w.external_key()},
    ("UnsupportedOperationException", "GetParametersForImport"): lambda w, call: call | {"KeyId": w.key()},
    ("UnsupportedOperationException", "GetPublicKey"): lambda w, call: {"KeyId": w.shared_key},
    ("UnsupportedOperationException", "ImportKeyMaterial"): lambda w, call: call | {"KeyId": w.key()},
    ("UnsupportedOperationException", "ListKeyRotations"): lambda w, call: rsa(w),
    ("UnsupportedOperationException", "ReplicateKey"): lambda w, call: call | {"KeyId": w.key()},
    ("UnsupportedOperationException", "RotateKeyOnDemand"): lambda w, call: rsa(w),
    ("UnsupportedOperationException", "UpdatePrimaryRegion"): lambda w, call: call | {"KeyId": w.key()},
}

# What another test provokes, by its file.
STORES = "crates/kms/tests/it/external_keys.rs"
TOKENS = "crates/kms/tests/it/token_keys.rs"
ELSEWHERE = {
    "CloudHsmClusterInUseException": TOKENS,
    "CloudHsmClusterInvalidConfigurationException": TOKENS,
    "CloudHsmClusterNotActiveException": TOKENS,
    "CloudHsmClusterNotFoundException": TOKENS,
    "CloudHsmClusterNotRelatedException": TOKENS,
    "ConflictException": "crates/kms/tests/it/rotation.rs",
    "CustomKeyStoreHasCMKsException": TOKENS,
    "CustomKeyStoreInvalidStateException": TOKENS,
    "CustomKeyStoreNameInUseException": TOKENS,
    "DependencyTimeoutException": "crates/kms/src/key_stores/tokens.rs",
    "ExpiredImportTokenException": "crates/kms/tests/it/imports.rs",
    "IncorrectKeyMaterialException": "crates/kms/tests/it/imports.rs",
    "IncorrectTrustAnchorException": TOKENS,
    "KeyUnavailableException": "tests/acceptance/test_key_stores.py",
    "LimitExceededException": "crates/kms/tests/it/quotas.rs",
    "XksKeyAlreadyInUseException": STORES,
    "XksKeyInvalidConfigurationException": STORES,
    "XksKeyNotFoundException": STORES,
    "XksProxyIncorrectAuthenticationCredentialException": STORES,
    "XksProxyInvalidConfigurationException": STORES,
    "XksProxyInvalidResponseException": STORES,
    "XksProxyUriInUseException": STORES,
    "XksProxyUriUnreachableException": STORES,
    "XksProxyVpcEndpointServiceNotFoundException": STORES,
}

# What never comes: from any operation, or from these.
NEVER = {
    "KMSInternalException": "failures of our own",
    "XksProxyUriEndpointInUseException": "of VPC endpoint services, which do not exist",
    "XksProxyVpcEndpointServiceInUseException": "of VPC endpoint services, which do not exist",
    "XksProxyVpcEndpointServiceInvalidConfigurationException": "of VPC endpoint services, which do not exist",
    "InvalidAliasNameException": "ValidationException and NotAuthorizedException are what AWS answers in its place",
    ("InvalidArnException", "CreateKey"): "takes no ARN",
    ("NotFoundException", "ListRetirableGrants"): "a principal without grants has none",
    ("InvalidKeyUsageException", "GetPublicKey"): "every key pair has a public key, whatever it is for",
    ("LimitExceededException", "EnableKey"): "disabled keys count as well",
    ("LimitExceededException", "TagResource"): "TagException, as AWS answers",
    ("TagException", "UntagResource"): "a tag that is not there may be removed",
    ("UnsupportedOperationException", "PutKeyPolicy"): "NotFoundException for a policy of another name",
    ("UnsupportedOperationException", "GenerateRandom"): "for external key stores: external_keys.rs",
} | {("KMSInvalidStateException", operation): "goes in every state" for operation in (
    "DeleteAlias", "DeleteImportedKeyMaterial", "GetKeyPolicy", "GetKeyRotationStatus", "ListGrants",
    "ListKeyPolicies", "ListKeyRotations", "PutKeyPolicy", "RetireGrant", "RevokeGrant")}

DECLARED = [(error.name, operation) for operation in MODEL.operation_names
            for error in MODEL.operation_model(operation).error_shapes]
CASES = [case for case in DECLARED if case not in NEVER and case[0] not in NEVER
         and (case in ONE or case[0] not in ELSEWHERE)]


@contextlib.contextmanager
def left_as_it_was(world, operation: str, call: dict, change: str):
    """Has the call's key disabled or scheduled for deletion meanwhile."""
    key = call.get(key_in(operation)) or world.shared_key
    getattr(world.kms, change)(KeyId=key)
    try:
        yield call
    finally:
        with contextlib.suppress(botocore.exceptions.ClientError):
            if change == "schedule_key_deletion":
                world.kms.cancel_key_deletion(KeyId=key)
            world.kms.enable_key(KeyId=key)


@contextlib.contextmanager
def failing(world, error: str, operation: str):
    """The parameters of a call that is to fail with the error."""
    call = CALLS["kms", operation](world)
    if (error, operation) in ONE:
        yield ONE[error, operation](world, call)
    elif error in EACH:
        yield EACH[error](world, operation, call)
    else:
        change = {"DisabledException": "disable_key", "KMSInvalidStateException": "schedule_key_deletion"}[error]
        with left_as_it_was(world, operation, call, change) as call:
            yield call


@pytest.mark.parametrize("error, operation", CASES, ids="-".join)
def test_the_error_comes(world, error, operation):
    method = botocore.xform_name(operation)
    with failing(world, error, operation) as call, pytest.raises(botocore.exceptions.ClientError) as refused:
        getattr(world.kms, method)(**call)
    assert refused.value.response["Error"]["Code"] == error, refused.value


@pytest.mark.parametrize("error", sorted(ELSEWHERE))
def test_what_is_provoked_elsewhere_is(error):
    assert f'"{error}"' in (TESTS / ELSEWHERE[error]).read_text()


def test_no_reason_is_of_an_error_that_is_not_declared():
    errors = {error for error, _ in DECLARED}
    for reason in [*NEVER, *ELSEWHERE, *ONE, *EACH]:
        assert reason in errors or reason in DECLARED, reason
