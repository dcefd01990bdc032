"""CMAC-AES-256 on a PKCS#11 token, without anything of ours: `python token_cmac.py MODULE TOKEN PIN HASH INPUT…`.

The key is the one whose label has the SHA-256 HASH; inputs and answers, one a line, are hexadecimal.
"""

import ctypes
import hashlib
import sys

ULONG = ctypes.c_ulong
SERIAL_SESSION, USER, LABEL, AES_CMAC = 4, 1, 3, 0x108A


class Attribute(ctypes.Structure):
    _fields_ = [("kind", ULONG), ("value", ctypes.c_void_p), ("length", ULONG)]


class Mechanism(ctypes.Structure):
    _fields_ = [("mechanism", ULONG), ("parameter", ctypes.c_void_p), ("length", ULONG)]


def main(module: str, token: str, pin: str, wanted: str, *inputs: str):
    library = ctypes.CDLL(module)

    def call(name: str, *arguments):
        code = getattr(library, name)(*arguments)
        assert code == 0, f"{name}: {code:#x}"

    call("C_Initialize", None)
    session = ULONG()
    call("C_OpenSession", slot_of(call, token), ULONG(SERIAL_SESSION), None, None, ctypes.byref(session))
    call("C_Login", session, ULONG(USER), pin.encode(), ULONG(len(pin)))
    [key] = [it for it in objects(call, session) if hashlib.sha256(label(call, session, it)).hexdigest() == wanted]
    for text in inputs:
        data, code, length = bytes.fromhex(text), ctypes.create_string_buffer(16), ULONG(16)
        call("C_SignInit", session, ctypes.byref(Mechanism(AES_CMAC, None, 0)), key)
        call("C_Sign", session, data, ULONG(len(data)), code, ctypes.byref(length))
        print(code.raw[:length.value].hex())


def slot_of(call, token: str):
    slots, count = (ULONG * 64)(), ULONG(64)
    call("C_GetSlotList", ctypes.c_ubyte(1), slots, ctypes.byref(count))
    for slot in slots[:count.value]:
        information = ctypes.create_string_buffer(1024)
        call("C_GetTokenInfo", ULONG(slot), information)
        if information.raw[:32].decode().rstrip() == token:
            return ULONG(slot)
    raise AssertionError(f"no token {token}")


def objects(call, session):
    found, count = (ULONG * 64)(), ULONG()
    call("C_FindObjectsInit", session, None, ULONG(0))
    call("C_FindObjects", session, found, ULONG(64), ctypes.byref(count))
    call("C_FindObjectsFinal", session)
    return [ULONG(it) for it in found[:count.value]]


def label(call, session, found) -> bytes:
    text = ctypes.create_string_buffer(256)
    attribute = Attribute(LABEL, ctypes.cast(text, ctypes.c_void_p), 256)
    call("C_GetAttributeValue", session, found, ctypes.byref(attribute), ULONG(1))
    return text.raw[:attribute.length]


if __name__ == "__main__":
    main(*sys.argv[1:])
