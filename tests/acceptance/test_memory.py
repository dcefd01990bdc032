"""What the memory of a running server holds, and what it does not hold any more."""

import pathlib
import re
import secrets
import time

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding
from cryptography.hazmat.primitives.serialization import load_der_public_key

from conftest import Server
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
    deadline = time.monotonic() + 20
    while found(process, planted):
        if time.monotonic() > deadline:
            return False
        time.sleep(0.5)
    return True


def imported(kms, material: bytes) -> str:
    key = kms.create_key(Origin="EXTERNAL", Description="PlantedDescription")["KeyMetadata"]["Arn"]
    given = kms.get_parameters_for_import(KeyId=key, WrappingAlgorithm="RSAES_OAEP_SHA_256", WrappingKeySpec="RSA_2048")
    scheme = padding.OAEP(padding.MGF1(hashes.SHA256()), hashes.SHA256(), None)
    kms.import_key_material(
        KeyId=key, ImportToken=given["ImportToken"], ExpirationModel="KEY_MATERIAL_DOES_NOT_EXPIRE",
        EncryptedKeyMaterial=load_der_public_key(given["PublicKey"]).encrypt(material, scheme))
    return key


def test_neither_the_key_file_nor_key_material_stays_behind_after_use(fresh_server):
    kms, process = fresh_server.client("kms"), fresh_server.process
    text = (fresh_server.directory / "data.key").read_text().strip()
    material = secrets.token_bytes(32)
    key = imported(kms, material)
    for _ in range(50):
        blob = kms.encrypt(KeyId=key, Plaintext=b"x")["CiphertextBlob"]
        kms.decrypt(CiphertextBlob=blob)
    # The rig finds what is there.
    assert found(process, b"PlantedDescription")
    assert gone(process, bytes.fromhex(text)), "the key of the key file"
    assert gone(process, text.encode()), "the text of the key file"
    assert gone(process, material), "the material of a KMS key"


def test_a_passphrase_stays_nowhere_and_a_sealed_server_has_no_keys(tmp_path):
    sealed = Sealed(tmp_path)
    try:
        assert gone(sealed.process, Sealed.PHRASE.encode())
    finally:
        sealed.process.kill()
        sealed.process.communicate()
    phrase = tmp_path / "phrase"
    phrase.write_text(Sealed.PHRASE + "\n")
    opened = Server(tmp_path, "--passphrase-file", str(phrase))
    opened.client("kms").create_key()
    assert gone(opened.process, Sealed.PHRASE.encode())
    assert opened.stop() == 0


def test_no_core_is_written_and_the_root_of_all_keys_is_locked(fresh_server):
    process = pathlib.Path(f"/proc/{fresh_server.process.pid}")
    assert re.search(r"^Max core file size +0 +0 ", (process / "limits").read_text(), re.M)
    status = (process / "status").read_text()
    assert int(re.search(r"^VmLck:\s+(\d+) kB", status, re.M)[1]) >= 4
    # Not dumpable: its files belong to root, whoever runs it.
    assert (process / "environ").stat().st_uid == 0
