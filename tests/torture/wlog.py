"""An nbdkit plugin: a disk in memory that logs every write and every flush.

Settings: base=FILE (the first content), wlog=FILE (the log), fail=FILE (while it exists, writes
and flushes fail). Log entry: kind (W or F), offset, length, then the bytes of a write.
"""

import builtins
import errno
import os
import struct

import nbdkit

API_VERSION = 2
ENTRY = struct.Struct("<cQQ")
disk = {}


def config(key, value):
    if key == "base":
        with builtins.open(value, "rb") as base:
            disk["content"] = bytearray(base.read())
    elif key == "wlog":
        disk["log"] = builtins.open(value, "wb", buffering=0)
    elif key == "fail":
        disk["fail"] = value
    else:
        raise RuntimeError(f"unknown setting {key}")


def thread_model():
    return nbdkit.THREAD_MODEL_SERIALIZE_ALL_REQUESTS


def open(readonly):
    return 1


def get_size(handle):
    return len(disk["content"])


def can_flush(handle):
    return True


def broken():
    if "fail" in disk and os.path.exists(disk["fail"]):
        nbdkit.set_error(errno.EIO)
        raise RuntimeError("told to fail")


def pread(handle, buffer, offset, flags):
    buffer[:] = memoryview(disk["content"])[offset:offset + len(buffer)]


def pwrite(handle, buffer, offset, flags):
    broken()
    content = bytes(buffer)
    disk["content"][offset:offset + len(content)] = content
    disk["log"].write(ENTRY.pack(b"W", offset, len(content)) + content)


def flush(handle, flags):
    broken()
    disk["log"].write(ENTRY.pack(b"F", 0, 0))
