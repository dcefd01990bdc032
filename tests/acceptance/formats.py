"""Reads what the server keeps and makes, with docs/storage-formats.md alone in hand.

Nothing here was taken from the sources of the server: where the page did not suffice, it was mended.
"""

import base64
import dataclasses
import hashlib
import hmac
import json
import struct

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

TOKENS = "000000000000"


def number(value: int) -> bytes:
    return struct.pack(">Q", value)


def parts(*items: bytes) -> bytes:
    """Each behind its length."""
    return b"".join(number(len(item)) + item for item in items)


def row_key(*items: str | bytes) -> bytes:
    encoded = (item.encode() if isinstance(item, str) else item for item in items)
    return b"".join(item.replace(b"\0", b"\0\xff") + b"\0\1" for item in encoded)


def derive(root: bytes, label: str, context: bytes) -> bytes:
    return HKDF(hashes.SHA256(), 32, b"strongroom/derive-key/v1", parts(label.encode(), context)).derive(root)


def mac(key: bytes, message: bytes) -> bytes:
    return hmac.digest(key, message, "sha256")


def xor(one: bytes, other: bytes) -> bytes:
    return bytes(a ^ b for a, b in zip(one, other, strict=True))


def open_xaes(key: bytes, aad: bytes, sealed: bytes) -> bytes:
    """XAES-256-GCM as https://c2sp.org/XAES-256-GCM says."""
    nonce, body = sealed[:24], sealed[24:]
    ecb = Cipher(algorithms.AES(key), modes.ECB()).encryptor()
    start = int.from_bytes(ecb.update(bytes(16)))
    mask = ((start << 1) ^ (0x87 if start >> 127 else 0)) & ((1 << 128) - 1)
    blocks = (bytes((0, counter)) + b"X\0" + nonce[:12] for counter in (1, 2))
    derived = b"".join(ecb.update(xor(block, mask.to_bytes(16))) for block in blocks)
    return AESGCM(derived).decrypt(nonce[12:], body, aad)


def open_committing(key: bytes, aad: bytes, sealed: bytes) -> bytes:
    value, commitment, body = sealed[1:33], sealed[33:65], sealed[65:]
    assert sealed[0] == 1

    def part(use: str) -> bytes:
        label = f"strongroom/committing-aead/v1/{use}".encode()
        return mac(key, struct.pack(">I", 1) + label + b"\0" + value + struct.pack(">I", 256))

    assert commitment == part("commitment")
    return AESGCM(part("encryption")).decrypt(bytes(12), body, aad)


def open_seal(seal: bytes, key: bytes) -> bytes:
    """The data key of `seal.json`, for the key of a key file or a stretched passphrase."""
    stored = json.loads(seal)
    assert stored["version"] == 3
    root = open_committing(key, b"strongroom root key v1", bytes.fromhex(stored["sealed_root_key"]))
    data_key = open_committing(root, b"strongroom data key v1", bytes.fromhex(stored["sealed_data_key"]))
    plain = json.dumps(stored | {"mac": ""}, separators=(",", ":"), ensure_ascii=False).encode()
    assert mac(derive(data_key, "server/seal-file", b""), plain).hex() == stored["mac"]
    return data_key


@dataclasses.dataclass
class Backup:
    data_key: bytes
    about: dict
    deleted: list[bytes]
    shred_file: bytes
    # By keyspace.
    items: dict[str, dict[bytes, bytes]]


def read_backup(content: bytes, key: bytes) -> Backup:
    assert content[:10] == b"srbackup\0\1"
    backup_id, at = content[10:42], 46 + int.from_bytes(content[42:46])
    data_key = open_seal(content[46:at], key)
    chunk_key = derive(derive(data_key, "backups", b""), "backup", backup_id)
    label = b"strongroom/backup/v1" + hashlib.sha256(content[:at]).digest()
    stream, chunk, last = b"", 0, False
    while at < len(content):
        start, at = at + 4, at + 4 + int.from_bytes(content[at:at + 4])
        last = at == len(content)
        stream += open_xaes(chunk_key, label + number(chunk) + bytes([last]), content[start:at])
        chunk += 1
    assert last
    return read_parts(data_key, stream)


def read_parts(data_key: bytes, stream: bytes) -> Backup:
    found, at, items = Backup(data_key, {}, [], b"", {}), 0, {}

    def field() -> bytes:
        nonlocal at
        start, at = at + 8, at + 8 + int.from_bytes(stream[at:at + 8])
        return stream[start:at]

    while True:
        kind, at = stream[at:at + 1], at + 1
        match kind:
            case b"A":
                found.about = json.loads(field())
            case b"D":
                found.deleted.append(field())
            case b"S":
                found.shred_file += field()
            case b"K":
                items = found.items.setdefault(field().decode(), {})
            case b"I":
                key = field()
                items[key] = field()
            case b"E":
                assert at == len(stream)
                return found
            case _:
                raise AssertionError(kind)


def rows(backup: Backup, table: str) -> dict[bytes, dict]:
    """The records of a table by row key."""
    names = derive(backup.data_key, "store/mac", b"names")
    seal = derive(backup.data_key, "store/seal", b"rows")
    tag = mac(names, parts(b"table", table.encode()))[:8]
    found = {}
    for place, value in backup.items["rows"].items():
        if not place.startswith(tag):
            continue
        assert value[0] == 1
        opened = open_xaes(seal, parts(b"row", table.encode(), place, value[1:9]), value[9:])
        end = 8 + int.from_bytes(opened[:8])
        key = opened[8:end]
        assert place == tag + mac(names, parts(b"row", table.encode(), key))
        found[key] = json.loads(opened[end:])["r"]
    return found


def shred_keys(data_key: bytes, file: bytes) -> dict[tuple[str, int], bytes]:
    """By account and number."""
    key, found = derive(data_key, "kms/shred-keys", b""), {}
    for slot in range(len(file) // 512):
        content = file[slot * 512:slot * 512 + 512]
        if not content.startswith(b"srshrd\0\1"):
            assert not any(content) or content.startswith(b"srgone\0\1")
            continue
        sealed = content[8:8 + 1 + 32 + 32 + 52 + 16]
        opened = open_committing(key, b"strongroom/kms/shred-slot/v1" + number(slot), sealed)
        found[opened[:12].decode(), int.from_bytes(opened[12:20])] = opened[20:]
    return found


def materials(backup: Backup, account: str, region: str, key_id: str) -> dict[bytes, bytes]:
    """The materials of a KMS key by their ids."""
    shred, found = shred_keys(backup.data_key, backup.shred_file), {}
    for key, record in rows(backup, "kms_material").items():
        if key.startswith(row_key(account, region, key_id)):
            wrapping = shred[account, record["generation"]]
            aad = b"strongroom/kms/wrapped-material/v1" + key
            material = open_committing(wrapping, aad, base64.b64decode(record["wrapped"]))
            found[bytes.fromhex(key.split(b"\0\1")[3].decode())] = material
    return found


def canonical(context: dict) -> bytes:
    pairs = sorted((name.encode(), value.encode()) for name, value in context.items())
    return number(len(pairs)) + parts(*(item for pair in pairs for item in pair))


@dataclasses.dataclass
class Header:
    version: int
    account: str
    key_id: str
    material: bytes


def header(blob: bytes) -> Header:
    digits = blob[7:23].hex()
    uuid = "-".join((digits[:8], digits[8:12], digits[12:16], digits[16:20], digits[20:]))
    return Header(blob[0], f"{int.from_bytes(blob[2:7]):012}",
                  {0: uuid, 1: "mrk-" + digits}[blob[1]], blob[23:55])


def associated_data(blob: bytes, context: dict) -> bytes:
    return b"strongroom/kms/ciphertext/v1" + blob[:55] + canonical(context)


def open_ciphertext(known: dict[bytes, bytes], blob: bytes, context: dict) -> bytes:
    """Version 1, under one of the materials that are `known` by their ids."""
    says = header(blob)
    assert says.version == 1
    key = derive(known[says.material], "kms/symmetric-default", says.key_id.encode())
    return open_committing(key, associated_data(blob, context), blob[55:])


def open_of_token(cmac, blob: bytes, context: dict) -> bytes:
    """Version 2; `cmac` is the token's answer under the key whose label has this SHA-256."""
    assert header(blob).version == 2
    value = blob[55:87]
    fixed = b"strongroom/token/message-key/v1\0" + value + bytes.fromhex("00000100")
    key = b"".join(cmac(header(blob).material, struct.pack(">I", counter) + fixed) for counter in (1, 2))
    return open_committing(key, associated_data(blob, context), blob[87:])


def open_of_proxy(decrypt, known: dict[bytes, bytes], blob: bytes, context: dict) -> bytes:
    """Version 4, or 3; `decrypt` asks the proxy, with its additional authenticated data."""
    says, at = header(blob), 55
    assert says.version in (3, 4)
    if says.version == 4:
        at += 32
    name = blob[55:at]

    def behind_length() -> bytes:
        nonlocal at
        start, at = at + 1, at + 1 + blob[at]
        return blob[start:at]

    vector = behind_length()
    tag, at = blob[at:at + 16], at + 16
    metadata = behind_length()
    aad = associated_data(blob, context)
    inner = decrypt(hashlib.sha256(aad + name).digest(), vector, tag, metadata, blob[at:])
    assert name in (b"", hashlib.sha256(inner).digest())
    key = derive(known[says.material], "kms/symmetric-default", says.key_id.encode())
    return open_committing(key, aad, inner)


def open_import_token(backup: Backup, token: bytes, key: bytes) -> tuple[int, bytes]:
    """The end of its validity and the private key, for the row key of the KMS key."""
    day = token[:4]
    shred = shred_keys(backup.data_key, backup.shred_file)
    sealing = shred[TOKENS, (1 << 62) + int.from_bytes(day)]
    opened = open_committing(sealing, b"strongroom/kms/import-token/v2" + day + key, token[4:])
    assert opened[0] == 2
    return int.from_bytes(opened[3:11]), opened[11:]
