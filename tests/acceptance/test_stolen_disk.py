"""Whoever takes the disk of a running system has nothing of what is in it."""

import base64
import json
import pathlib
import secrets
import shutil
import subprocess

import pytest

from conftest import REGION, Server, binary, imported

# Every one of these is in the running system, and unlike anything else.
CANARIES = {name: f"canary-{name}-{secrets.token_hex(16)}" for name in (
    "identifier", "value", "soft-deleted", "overwritten", "feature", "group", "description", "tag", "user", "policy",
    "alias", "share")}


@pytest.fixture(scope="module")
def stolen(tmp_path_factory):
    """A copy of the data directory of a system in use, and what must not be found in it."""
    directory = tmp_path_factory.mktemp("in-use")
    running = Server(directory)
    iam, kms, sagemaker = (running.client(name) for name in ("iam", "kms", "sagemaker"))
    runtime = running.client("sagemaker-featurestore-runtime")
    iam.create_user(UserName=CANARIES["user"])
    secret = iam.create_access_key(UserName=CANARIES["user"])["AccessKey"]["SecretAccessKey"]
    iam.put_user_policy(UserName=CANARIES["user"], PolicyName=CANARIES["policy"], PolicyDocument=json.dumps({
        "Version": "2012-10-17", "Statement": {"Effect": "Allow", "Action": "s3:Get*", "Resource": "*"}}))
    material = secrets.token_bytes(32)
    keys = {"made": kms.create_key(Description=CANARIES["description"])["KeyMetadata"]["Arn"],
            "imported": imported(kms, material)}
    kms.create_alias(AliasName="alias/" + CANARIES["alias"], TargetKeyId=keys["made"])
    running.client("ram").create_resource_share(name=CANARIES["share"])
    data_key = kms.generate_data_key(KeyId=keys["made"], KeySpec="AES_256")["Plaintext"]
    for number, key in enumerate([keys["made"], keys["imported"], None]):
        online = {"EnableOnlineStore": True, "StorageType": "Standard_V2"}
        if key:
            online["SecurityConfig"] = {"KmsKeyId": key}
        group = f"{CANARIES['group']}-{number}"
        feature = CANARIES["feature"]
        sagemaker.create_feature_group(
            FeatureGroupName=group, RecordIdentifierFeatureName="id", EventTimeFeatureName="at",
            FeatureDefinitions=[{"FeatureName": n, "FeatureType": "String"} for n in ("id", "at", feature)],
            OnlineStoreConfig=online, Tags=[{"Key": "k", "Value": CANARIES["tag"]}])
        for day, value in ((1, CANARIES["overwritten"]), (2, CANARIES["value"])):
            runtime.put_record(FeatureGroupName=group, Record=[
                {"FeatureName": "id", "ValueAsString": CANARIES["identifier"]},
                {"FeatureName": "at", "ValueAsString": f"2026-01-{day:02}T00:00:00Z"},
                {"FeatureName": feature, "ValueAsString": value}])
        runtime.put_record(FeatureGroupName=group, Record=[
            {"FeatureName": "id", "ValueAsString": CANARIES["soft-deleted"]},
            {"FeatureName": "at", "ValueAsString": "2026-01-01T00:00:00Z"}])
        runtime.delete_record(FeatureGroupName=group, RecordIdentifierValueAsString=CANARIES["soft-deleted"],
                              EventTime="2026-01-02T00:00:00Z")
        # Everything is there, to whoever may read it.
        got = runtime.get_record(FeatureGroupName=group, RecordIdentifierValueAsString=CANARIES["identifier"])
        assert CANARIES["value"] in [f["ValueAsString"] for f in got["Record"]]
    copy = tmp_path_factory.mktemp("stolen") / "data"
    take(running.data, copy)
    # And once more after it has stopped: with what is written at the end.
    assert running.stop() == 0
    take(running.data, copy.parent / "at-rest")
    seal = (directory / "data.key").read_text().strip()
    raw = {"material of a key": material, "data key": data_key, "root secret": bytes.fromhex(seal)}
    yield copy, raw | {name: text.encode() for name, text in CANARIES.items()} | {
        "secret access key": secret.encode(), "text of the seal": seal.encode()}


def take(source: pathlib.Path, target: pathlib.Path):
    """Copies a directory that is in use: what vanishes meanwhile is not there."""
    target.mkdir()
    for path in sorted(source.rglob("*")):
        place = target / path.relative_to(source)
        try:
            if path.is_dir():
                place.mkdir(exist_ok=True)
            else:
                place.parent.mkdir(exist_ok=True, parents=True)
                shutil.copyfile(path, place)
        except FileNotFoundError:
            continue


def forms(canary: bytes):
    """The canary as it is, in hexadecimal digits, in UTF-16, and in base64 wherever it begins in a longer text."""
    yield canary
    yield canary.hex().encode()
    yield canary.hex().upper().encode()
    if canary.isascii():
        yield canary.decode().encode("utf-16-le")
    for offset in range(3):
        # Without the characters that depend on what stands before and behind.
        encoded = base64.b64encode(b"\0" * offset + canary)
        inner = encoded[(0, 2, 3)[offset]:].rstrip(b"=")[:-1]
        yield inner
        yield inner.replace(b"+", b"-").replace(b"/", b"_")


def found(directory: pathlib.Path, canary: bytes) -> list[str]:
    """Files whose bytes or whose names hold the canary in some form."""
    wanted = set(forms(canary))
    return [str(path) for path in directory.rglob("*")
            if any(form in str(path).encode() for form in wanted)
            or path.is_file() and any(form in path.read_bytes() for form in wanted)]


def test_the_search_finds_every_form(tmp_path):
    for number, canary in enumerate([b"canary-text", secrets.token_bytes(32)]):
        for place, written in enumerate([
                canary, canary.hex().encode(), canary.hex().upper().encode(), base64.b64encode(b"x" + canary + b"yz"),
                base64.urlsafe_b64encode(b"xy" + canary), base64.b64encode(canary)]):
            directory = tmp_path / f"{number}-{place}"
            directory.mkdir()
            (directory / "file").write_bytes(b"before" + written + b"behind")
            assert found(directory, canary), written
    (tmp_path / "named-canary-text").mkdir()
    assert found(tmp_path, b"named-canary-text")


def test_no_identifier_value_name_or_key_is_on_the_disk(stolen):
    copy, canaries = stolen
    for directory in (copy, copy.parent / "at-rest"):
        assert sum(path.stat().st_size for path in directory.rglob("*") if path.is_file()) > 10_000
        for name, canary in canaries.items():
            assert found(directory, canary) == [], name


def test_another_server_without_the_seal_does_not_open_it(stolen, tmp_path):
    copy, _ = stolen
    taken = tmp_path / "data"
    shutil.copytree(copy, taken)
    for seal in ((), ("--key-file", str(wrong_key(tmp_path)))):
        before = {path: path.read_bytes() for path in taken.rglob("*") if path.is_file() and path.name != "lock"}
        started = subprocess.run(
            [str(binary()), "serve", "--data", str(taken), "--listen", "127.0.0.1:0", "--region", REGION, *seal],
            capture_output=True, text=True, timeout=60)
        assert started.returncode not in (0, None), started.stdout
        assert "export" not in started.stdout
        after = {path: path.read_bytes() for path in taken.rglob("*") if path.is_file() and path.name != "lock"}
        assert {path: after.get(path) for path in before} == before
    for command in (["audit", "verify"], ["recover"], ["credentials", "reset"]):
        done = subprocess.run([str(binary()), *command, "--data", str(taken), "--key-file", str(wrong_key(tmp_path))],
                              capture_output=True, text=True, timeout=60)
        assert done.returncode != 0 and "does not open the seal" in done.stderr, (command, done)
        assert not any(text in done.stdout + done.stderr for text in CANARIES.values())


def wrong_key(directory: pathlib.Path) -> pathlib.Path:
    path = directory / "wrong.key"
    path.write_text(secrets.token_hex(32) + "\n")
    path.chmod(0o600)
    return path
