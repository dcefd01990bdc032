"""What the memory of a running server holds, and what it does not hold any more."""

import hmac
import json
import pathlib
import re
import secrets
import struct
import time

from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.argon2 import Argon2id

from conftest import Server, imported
from formats import derive
from test_server import Sealed


def memory(process) -> list[bytes]:
    """Every readable mapping of the process: more than a core image has."""
    image = []
    maps = pathlib.Path(f"/proc/{process.pid}/maps").read_text()
    with open(f"/proc/{process.pid}/mem", "rb", buffering=0) as mem:
        for line in maps.splitlines():
            first, last = (int(part, 16) for part in line.split()[0].split("-"))
            if line.split()[1].startswith("r") and not line.endswith(("[vvar]", "[vsyscall]", "[vvar_vclock]")):
                try:
                    mem.seek(first)
                    image.append(mem.read(last - first))
                except (OSError, ValueError, OverflowError):
                    pass  # a mapping of a device, or one that has just gone
    assert sum(map(len, image)) > 1 << 20
    return image


def found(process, planted: bytes) -> bool:
    return any(planted in part for part in memory(process))


def gone(process, planted: bytes) -> bool:
    """Whether it is gone, or goes within some seconds: what is kept dies with a sweep."""
    deadline = time.monotonic() + 60
    while found(process, planted):
        if time.monotonic() > deadline:
            return False
        time.sleep(0.5)
    return True


def opened(key: bytes, aad: bytes, sealed: bytes) -> bytes:
    """Opens a message of the committing AEAD, as docs/storage-formats.md has it."""
    value, body = sealed[1:33], sealed[65:]
    label = b"strongroom/committing-aead/v1/encryption"
    fixed = struct.pack(">I", 1) + label + b"\0" + value + struct.pack(">I", 256)
    return AESGCM(hmac.digest(key, fixed, "sha256")).decrypt(bytes(12), body, aad)


def data_key(server, secret: str) -> bytes:
    """The key of all data, from `seal.json` and what opens it."""
    file = json.loads((server.data / "seal.json").read_text())
    seal = file["seal"]
    if seal["kind"] == "passphrase":
        stretch = Argon2id(salt=bytes.fromhex(seal["salt"]), length=32, iterations=seal["passes"],
                           lanes=seal["lanes"], memory_cost=seal["memory_kib"])
        key = stretch.derive(secret.encode())
    else:
        key = bytes.fromhex(secret)
    root = opened(key, b"strongroom root key v1", bytes.fromhex(file["sealed_root_key"]))
    return opened(root, b"strongroom data key v1", bytes.fromhex(file["sealed_data_key"]))


def test_neither_the_key_file_nor_key_material_stays_behind_after_use(fresh_server):
    kms, process = fresh_server.client("kms"), fresh_server.process
    text = (fresh_server.directory / "data.key").read_text().strip()
    material = secrets.token_bytes(32)
    key = imported(kms, material, Description="PlantedDescription")
    for _ in range(50):
        blob = kms.encrypt(KeyId=key, Plaintext=b"x")["CiphertextBlob"]
        kms.decrypt(CiphertextBlob=blob)
    # What is cached is the key that is derived of the material, while it is in use.
    used = derive(material, "kms/symmetric-default", key.rsplit("/")[-1].encode())
    assert found(process, used) and found(process, data_key(fresh_server, text))
    assert gone(process, bytes.fromhex(text)), "the key of the key file"
    assert gone(process, text.encode()), "the text of the key file"
    assert gone(process, material), "the material of a KMS key"
    kms.disable_key(KeyId=key)
    assert gone(process, used), "the key that decrypts everything under a KMS key"


def test_a_passphrase_from_a_file_stays_nowhere(tmp_path):
    phrase = tmp_path / "phrase"
    phrase.touch(0o600)
    phrase.write_text(Sealed.PHRASE + "\n")
    server = Server(tmp_path, "--passphrase-file", str(phrase))
    server.client("kms").create_key()
    assert found(server.process, data_key(server, Sealed.PHRASE))
    assert gone(server.process, Sealed.PHRASE.encode())
    assert server.stop() == 0


def test_a_sealed_server_has_no_keys_neither_before_it_is_opened_nor_after_it_is_sealed_again(tmp_path):
    sealed = Sealed(tmp_path)
    try:
        clients, process = sealed.clients, sealed.process
        root = data_key(clients, Sealed.PHRASE)
        secret = (clients.data / "credentials").read_text().split("secret_access_key = ")[1].strip()
        planted = {"the data key": root, "what shred keys are sealed under": derive(root, "kms/shred-keys", b""),
                   "the administrator's secret": secret.encode()}
        assert not any(found(process, key) for key in planted.values())
        assert sealed.unseal(Sealed.PHRASE).stdout == "unsealed\n"
        for _ in range(3):
            process.stdout.readline()
        material = secrets.token_bytes(32)
        kms = clients.client("kms")
        key = imported(kms, material, Description="PlantedDescription")
        kms.encrypt(KeyId=key, Plaintext=b"x")
        planted["the key under a KMS key's material"] = derive(
            material, "kms/symmetric-default", key.rsplit("/")[-1].encode())
        missing = [name for name, key in planted.items() if not found(process, key)]
        assert not missing
        assert clients.client("strongroom").seal_server()["Sealed"] is True
        wait_for(lambda: clients.get("/health/ready") == (503, "sealed\n"))
        left = [name for name, key in planted.items() if not gone(process, key)]
        assert not left
        assert sealed.unseal(Sealed.PHRASE).stdout == "unsealed\n"
        assert kms.describe_key(KeyId=key)["KeyMetadata"]["Enabled"]
        assert sealed.stop()[0] == 0
    finally:
        process.kill()
        process.communicate()


def wait_for(condition):
    deadline = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.1)


def test_no_core_is_written_and_the_root_of_all_keys_is_locked(fresh_server):
    process = pathlib.Path(f"/proc/{fresh_server.process.pid}")
    assert re.search(r"^Max core file size +0 +0 ", (process / "limits").read_text(), re.M)
    status = (process / "status").read_text()
    assert int(re.search(r"^VmLck:\s+(\d+) kB", status, re.M)[1]) >= 4
    # Not dumpable: its files belong to root, whoever runs it.
    assert (process / "environ").stat().st_uid == 0
