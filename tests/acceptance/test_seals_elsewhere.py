"""Seals that are elsewhere: a key of another Strongroom's KMS, a key on a PKCS#11 token."""

import json
import os
import pathlib
import re
import shutil
import socket
import subprocess
import threading

import botocore.exceptions
import pytest

from conftest import Server
from test_audit import events
from test_server import one_line, run

CONTEXT = {"deployment": "test", "strongroom:purpose": "root-key"}


@pytest.fixture
def remote(tmp_path):
    """A Strongroom whose KMS seals others, and a user that may use one key for that only."""
    place = tmp_path / "remote"
    place.mkdir()
    running = Server(place)
    running.key = running.client("kms").create_key()["KeyMetadata"]["Arn"]
    iam = running.client("iam")
    iam.create_user(UserName="seal")
    iam.put_user_policy(UserName="seal", PolicyName="seal", PolicyDocument=json.dumps({
        "Version": "2012-10-17", "Statement": [{
            "Effect": "Allow", "Action": ["kms:Encrypt", "kms:Decrypt"], "Resource": running.key,
            "Condition": {"StringEquals": {"kms:EncryptionContext:strongroom:purpose": "root-key"}}}]}))
    made = iam.create_access_key(UserName="seal")["AccessKey"]
    running.credentials = place / "seal.credentials"
    running.credentials.touch(0o600)
    running.credentials.write_text(
        f"[sealing]\naws_access_key_id = {made['AccessKeyId']}\naws_secret_access_key = {made['SecretAccessKey']}\n")
    yield running
    if running.process.poll() is None:
        running.kill()


def settings(remote, **more) -> str:
    given = {"endpoint": remote.url, "region": "us-east-1", "key": remote.key,
             "credentials_file": str(remote.credentials), "profile": "sealing", "timeout_seconds": 60} | more
    lines = "\n".join(f"{name} = {json.dumps(value)}" for name, value in given.items() if value is not None)
    return f'[seal.kms]\nencryption_context = {{ deployment = "test" }}\n{lines}\n'


def sealed_by(directory: pathlib.Path, text: str) -> Server:
    directory.mkdir(exist_ok=True)
    config = directory / "sealed.toml"
    config.write_text(text)
    return Server(directory, "--config", str(config))


def refusal(server, text: str) -> str:
    """Why a start with this configuration is refused."""
    config = server.directory / "other.toml"
    config.write_text(text)
    return one_line(run("serve", "--data", str(server.data), "--listen", "127.0.0.1:0", "--config", str(config)))


def test_another_strongroom_seals_and_its_owner_takes_that_away(remote, tmp_path):
    server = sealed_by(tmp_path / "server", settings(remote))
    key = server.client("kms").create_key()["KeyMetadata"]["Arn"]
    blob = server.client("kms").encrypt(KeyId=key, Plaintext=b"kept")["CiphertextBlob"]
    seal = json.loads((server.data / "seal.json").read_text())["seal"]
    assert seal == {"kind": "kms", "key": remote.key, "encryption_context": CONTEXT}
    assert not (server.directory / "data.key").exists()
    assert server.stop() == 0
    server.start()
    assert server.client("kms").decrypt(CiphertextBlob=blob)["Plaintext"] == b"kept"
    assert server.stop() == 0
    told = [e for e in events(remote.client("cloudtrail"), EventName="Decrypt") if "errorCode" not in e]
    assert told and all(e["requestParameters"]["encryptionContext"] == CONTEXT for e in told)
    assert all(e["userIdentity"]["userName"] == "seal" for e in told)
    remote.client("kms").disable_key(KeyId=remote.key)
    line = refusal(server, settings(remote))
    assert f"the KMS at {remote.url} did not open the root key: Decrypt failed: DisabledException" in line
    remote.client("kms").enable_key(KeyId=remote.key)
    server.start()
    assert server.client("kms").decrypt(CiphertextBlob=blob)["Plaintext"] == b"kept"
    assert server.stop() == 0


def test_a_kms_that_cannot_be_asked_is_named_and_why(remote, tmp_path):
    server = sealed_by(tmp_path / "server", settings(remote))
    assert server.stop() == 0
    nobody = tmp_path / "nobody"
    nobody.touch(0o600)
    nobody.write_text("[sealing]\naws_access_key_id = AKIAIOSFODNN7EXAMPLE\naws_secret_access_key = x\n")
    assert "UnrecognizedClientException" in refusal(server, settings(remote, credentials_file=str(nobody)))
    nobody.chmod(0o644)
    assert "can be read by others" in refusal(server, settings(remote, credentials_file=str(nobody)))
    assert "has no access key for the profile" in refusal(server, settings(remote, profile="default"))
    other = remote.client("kms").create_key()["KeyMetadata"]["Arn"]
    assert "AccessDeniedException" in refusal(server, settings(remote, key=other))
    with socket.create_server(("127.0.0.1", 0)) as deaf:
        accepted = []
        thread = threading.Thread(target=lambda: accepted.append(deaf.accept()))
        thread.start()
        address = f"http://127.0.0.1:{deaf.getsockname()[1]}"
        assert "there was no answer within 2 s" in refusal(server, settings(remote, endpoint=address, timeout_seconds=2))
        thread.join(timeout=60)
        accepted[0][0].close()
    assert "connecting to" in refusal(server, settings(remote, endpoint=address))
    assert "in clear" in refusal(server, settings(remote, endpoint="http://kms.example"))
    remote.kill()
    assert "connecting to" in refusal(server, settings(remote))


def test_what_was_sealed_for_another_purpose_does_not_open(remote, tmp_path):
    server = sealed_by(tmp_path / "server", settings(remote))
    assert server.stop() == 0
    file = server.data / "seal.json"
    good = json.loads(file.read_text())
    for change in ({"deployment": "other"}, {"strongroom:purpose": "root-key"}):
        bad = json.loads(json.dumps(good))
        bad["seal"]["encryption_context"] = {"strongroom:purpose": "root-key"} | change
        file.write_text(json.dumps(bad))
        assert "does not open the seal" in refusal(server, settings(remote))
    file.write_text(json.dumps(good))
    server.start()
    assert server.stop() == 0


def test_credentials_come_from_the_environment_too(remote, tmp_path, monkeypatch):
    text = remote.credentials.read_text()
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", re.search(r"key_id = (\S+)", text)[1])
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", re.search(r"access_key = (\S+)", text)[1])
    server = sealed_by(tmp_path / "server", settings(remote, credentials_file=None))
    assert server.stop() == 0


def test_the_root_key_under_a_kms_is_replaced_and_moved(remote, tmp_path):
    server = sealed_by(tmp_path / "server", settings(remote))
    own = server.client("strongroom")
    assert own.rotate_root_key()["RootKeyGeneration"] == 1
    with pytest.raises(own.exceptions.ClientError, match="opens by itself nothing"):
        own.rotate_root_key(Current="x")
    before = (server.data / "seal.json").read_bytes()
    for current in ({}, {"Current": "x"}):
        with pytest.raises(own.exceptions.ClientError, match="seal move") as refused:
            own.rewrap_seal(NewKind="passphrase", New="another horse", **current)
        assert refused.value.response["Error"]["Code"] == "SealHeldElsewhereException"
    assert (server.data / "seal.json").read_bytes() == before
    key = server.client("kms").create_key()["KeyMetadata"]["Arn"]
    assert server.stop() == 0
    to = tmp_path / "to.toml"
    to.write_text(f'[seal]\nkey_file = "{tmp_path / "moved.key"}"\n')
    moving = ("seal", "move", "--data", str(server.data), "--config", str(server.directory / "sealed.toml"))
    done = run(*moving, "--to", str(to))
    assert (done.returncode, done.stdout.split(":")[0]) == (0, "sealed with a key file"), done
    assert "sealed with a key file" in one_line(run(*moving, "--to", str(to)))
    server.flags = ("--key-file", str(tmp_path / "moved.key"))
    server.start()
    assert server.client("kms").describe_key(KeyId=key)
    for name in ("StartMoveSeal", "EndMoveSeal"):
        moved, = events(server.client("cloudtrail"), EventName=name)
        assert moved["responseElements"] == {"from": "key of another KMS", "kind": "key file"}
    assert server.stop() == 0
    # And back.
    done = run("seal", "move", "--data", str(server.data), *server.flags, "--to", str(server.directory / "sealed.toml"))
    assert done.returncode == 0, done
    server.flags = ("--config", str(server.directory / "sealed.toml"))
    server.start()
    assert server.client("kms").describe_key(KeyId=key)
    assert server.stop() == 0


def test_a_backup_of_a_server_under_a_kms_is_restored_with_it(remote, tmp_path):
    server = sealed_by(tmp_path / "server", settings(remote))
    assert server.stop() == 0
    config = ("--config", str(server.directory / "sealed.toml"))
    file, out = str(tmp_path / "backup"), str(tmp_path / "out")
    assert run("backup", "offline", file, "--data", str(server.data), *config).returncode == 0
    assert run("restore", file, "--data", out, *config).returncode == 0
    done = run("recover", "--data", out, *config)
    assert done.returncode == 0 and "nothing is missing" in done.stdout, done


MODULE = "/usr/lib/softhsm/libsofthsm2.so"


class Token:
    """A directory of SoftHSM tokens with one in it."""

    def __init__(self, directory, monkeypatch):
        self.directory = directory
        (directory / "tokens").mkdir()
        config = directory / "softhsm2.conf"
        config.write_text(f"directories.tokendir = {directory / 'tokens'}\nobjectstore.backend = file\nlog.level = ERROR\n")
        monkeypatch.setenv("SOFTHSM2_CONF", str(config))
        self.tool("--init-token", "--free", "--label", "seals", "--so-pin", "so-pin-1234", "--pin", "user-1234")
        self.pin = directory / "pin"
        self.pin.write_text("user-1234\n")
        self.pin.chmod(0o600)

    def tool(self, *arguments):
        subprocess.run(["softhsm2-util", *arguments], check=True, capture_output=True, env=os.environ, timeout=60)

    def settings(self, **more) -> str:
        given = {"module": MODULE, "token": "seals", "pin_file": str(self.pin)} | more
        return "[seal.token]\n" + "".join(f"{name} = {json.dumps(value)}\n" for name, value in given.items())


@pytest.fixture
def token(tmp_path, monkeypatch):
    assert pathlib.Path(MODULE).exists(), "SoftHSM is missing: run scripts/debian-packages.sh softhsm2"
    return Token(tmp_path, monkeypatch)


def test_a_token_seals_and_without_it_nothing_opens(token, tmp_path):
    server = sealed_by(tmp_path / "server", token.settings())
    key = server.client("kms").create_key()["KeyMetadata"]["Arn"]
    assert json.loads((server.data / "seal.json").read_text())["seal"] == {"kind": "token", "label": "strongroom-root"}
    assert server.client("strongroom").rotate_root_key()["RootKeyGeneration"] == 1
    with pytest.raises(botocore.exceptions.ClientError, match="held by a KMS elsewhere or a token"):
        server.client("strongroom").rewrap_seal(NewKind="key-file", New="ab" * 32)
    assert server.stop() == 0
    server.start()
    assert server.client("kms").describe_key(KeyId=key)
    assert server.stop() == 0
    wrong = tmp_path / "wrong"
    wrong.write_text("user-9999\n")
    wrong.chmod(0o600)
    assert "the token `seals` did not open the root key" in refusal(server, token.settings(pin_file=str(wrong)))
    wrong.chmod(0o644)
    assert "can be read by others" in refusal(server, token.settings(pin_file=str(wrong)))
    assert "the token `none`" in refusal(server, token.settings(token="none"))
    assert "did not open the root key" in refusal(server, token.settings(module="/nowhere.so"))
    # Another key of the same name opens nothing.
    saved = tmp_path / "saved"
    shutil.copytree(token.directory / "tokens", saved)
    shutil.rmtree(token.directory / "tokens")
    (token.directory / "tokens").mkdir()
    token.tool("--init-token", "--free", "--label", "seals", "--so-pin", "so-pin-1234", "--pin", "user-1234")
    assert "did not open the root key" in refusal(server, token.settings())
    other = sealed_by(tmp_path / "other", token.settings())
    assert other.stop() == 0
    assert "does not open the seal" in refusal(server, token.settings())
    shutil.rmtree(token.directory / "tokens")
    shutil.copytree(saved, token.directory / "tokens")
    server.start()
    assert server.client("kms").describe_key(KeyId=key)
    assert server.stop() == 0
