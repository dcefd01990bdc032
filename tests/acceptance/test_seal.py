"""The seal of a running server: rewrapped, its root key replaced, opened with shares."""

import json
import re
import secrets
import socket
import stat
import subprocess
import time
import urllib.parse

import botocore.exceptions
import pytest

import raw
from conftest import Server, binary
from test_audit import events
from test_server import Sealed, one_line, run


def seal(server, *command, input=None, **environment):
    return subprocess.run(
        [str(binary()), "seal", *command, "--endpoint", server.url, "--data", str(server.data)],
        env=server.environment() | environment, capture_output=True, text=True, timeout=120, input=input)


def key_of(server):
    return "--key-file", str(server.directory / "data.key")


def stored(server):
    return json.loads((server.data / "seal.json").read_text())


def test_a_running_server_is_rewrapped_to_a_passphrase_and_to_another_key(fresh_server, tmp_path):
    kms = fresh_server.client("kms")
    blob = kms.encrypt(KeyId=kms.create_key()["KeyMetadata"]["Arn"], Plaintext=b"kept")["CiphertextBlob"]
    phrase, other = tmp_path / "phrase", tmp_path / "other.key"
    phrase.touch(0o600)
    phrase.write_text("correct horse\n")
    done = seal(fresh_server, "rewrap", *key_of(fresh_server), "--new-passphrase-file", str(phrase))
    assert (done.returncode, done.stdout.split(":")[0]) == (0, "sealed with a passphrase"), done.stderr
    assert kms.decrypt(CiphertextBlob=blob)["Plaintext"] == b"kept"
    assert fresh_server.stop() == 0
    assert "sealed with a passphrase" in one_line(run("recover", "--data", str(fresh_server.data), *key_of(fresh_server)))
    fresh_server.flags = ("--passphrase-file", str(phrase))
    fresh_server.start()
    done = seal(fresh_server, "rewrap", "--new-key-file", str(other), input="correct horse\n")
    assert done.returncode == 0, done.stderr
    assert stat.S_IMODE(other.stat().st_mode) == 0o600
    assert fresh_server.stop() == 0
    fresh_server.flags = ("--key-file", str(other))
    fresh_server.start()
    assert fresh_server.client("kms").decrypt(CiphertextBlob=blob)["Plaintext"] == b"kept"
    done = run("recover", "--data", str(fresh_server.data), *key_of(fresh_server))
    assert "in use" in one_line(done)
    assert fresh_server.stop() == 0
    assert "does not open" in one_line(run("recover", "--data", str(fresh_server.data), *key_of(fresh_server)))


def in_turn(call):
    """What the call comes to when its turn has come."""
    deadline = time.monotonic() + 60
    while True:
        try:
            return call()
        except botocore.exceptions.ClientError as refused:
            if refused.response["Error"]["Code"] != "ThrottlingException" or time.monotonic() > deadline:
                raise
            time.sleep(0.2)


def test_who_keeps_being_wrong_waits_and_nothing_begins(fresh_server):
    own = fresh_server.client("strongroom")
    for _ in range(4):
        with pytest.raises(botocore.exceptions.ClientError, match="does not open the seal"):
            in_turn(lambda: own.rotate_root_key(Current="ab" * 32))
    with pytest.raises(botocore.exceptions.ClientError, match="try again in [1-8] s"):
        own.rotate_root_key(Current=(fresh_server.directory / "data.key").read_text())
    told = events(fresh_server.client("cloudtrail"), EventName="StartRotateRootKey")
    assert len(told) == 4
    assert stored(fresh_server)["root_key_generation"] == 0


def test_a_passphrase_that_others_can_read_seals_nothing(fresh_server, tmp_path):
    phrase = tmp_path / "phrase"
    phrase.touch(0o644)
    phrase.write_text("correct horse\n")
    done = seal(fresh_server, "rewrap", *key_of(fresh_server), "--new-passphrase-file", str(phrase))
    assert "can be read by others" in one_line(done)
    other = tmp_path / "other"
    done = run("serve", "--data", str(other), "--passphrase-file", str(phrase), "--listen", "127.0.0.1:0")
    assert "can be read by others" in one_line(done)


def test_what_opens_the_seal_is_needed_to_change_it_and_is_in_no_record(fresh_server, tmp_path):
    wrong, before = secrets.token_hex(32), stored(fresh_server)
    own = fresh_server.client("strongroom")
    for call in (lambda: own.rotate_root_key(Current=wrong), lambda: own.rotate_root_key(Current="correct horse"),
                 lambda: own.rewrap_seal(Current=wrong, NewKind="passphrase", New="planted phrase")):
        with pytest.raises(botocore.exceptions.ClientError, match="does not open the seal"):
            in_turn(call)
    right = (fresh_server.directory / "data.key").read_text()
    for kind, new in (("key-file", "00" * 32), ("key-file", "planted phrase"), ("passphrase", "two\nlines"),
                      ("token", "x")):
        with pytest.raises(botocore.exceptions.ClientError, match="new key file must|no kind of seal"):
            in_turn(lambda: own.rewrap_seal(Current=right, NewKind=kind, New=new))
    assert stored(fresh_server) == before
    own.rewrap_seal(Current=right, NewKind="passphrase", New="planted phrase")
    own.rotate_root_key(Current="planted phrase")
    told = events(fresh_server.client("cloudtrail"), EventSource="strongroom.amazonaws.com")
    names = [event["eventName"] for event in told]
    assert names.count("StartRotateRootKey") == 3 and names.count("StartRewrapSeal") == 5, names
    rotated = next(e for e in told if e["eventName"] == "RotateRootKey" and "errorCode" not in e)
    assert rotated["responseElements"] == {"kind": "passphrase", "rootKeyGeneration": 1}
    text = json.dumps(told) + fresh_server.log_text()
    for planted in (wrong, right.strip(), "planted phrase", "correct horse"):
        assert planted not in text


def test_only_the_first_account_and_only_whom_its_policies_allow(fresh_server):
    right = (fresh_server.directory / "data.key").read_text()
    iam = fresh_server.client("iam")
    iam.create_user(UserName="bob")
    bob = fresh_server.client("strongroom", iam.create_access_key(UserName="bob")["AccessKey"])
    for call in (lambda: bob.rotate_root_key(Current=right),
                 lambda: bob.rewrap_seal(Current=right, NewKind="passphrase", New="x")):
        with pytest.raises(botocore.exceptions.ClientError) as refused:
            call()
        assert refused.value.response["Error"]["Code"] == "AccessDeniedException"
    assert stored(fresh_server)["root_key_generation"] == 0


def test_secrets_do_not_travel_in_clear(tmp_path):
    key = tmp_path / "k"
    key.write_text("ab" * 32)
    done = run("seal", "rotate-root", "--endpoint", "http://features.example:4700", "--key-file", str(key))
    assert "in clear" in one_line(done)


def test_the_root_key_is_replaced_while_calls_go_on(fresh_server):
    kms = fresh_server.client("kms")
    key = kms.create_key()["KeyMetadata"]["Arn"]
    before = stored(fresh_server)
    for generation in (1, 2, 3):
        done = seal(fresh_server, "rotate-root", *key_of(fresh_server))
        assert (done.returncode, done.stdout) == (
            0, f"the root key was replaced, for the {generation}. time\n"), done.stderr
        kms.encrypt(KeyId=key, Plaintext=b"x")
    after = stored(fresh_server)
    assert after["root_key_generation"] == 3
    assert after["sealed_root_key"] != before["sealed_root_key"]
    assert after["sealed_data_key"] != before["sealed_data_key"]
    # The new data key's wrapping under the old root key opens nothing, nor the other way round.
    assert fresh_server.stop() == 0
    for mixed in ({"sealed_root_key": before["sealed_root_key"]}, {"sealed_data_key": before["sealed_data_key"]}):
        (fresh_server.data / "seal.json").write_text(json.dumps(after | mixed))
        assert "damaged" in one_line(run("recover", "--data", str(fresh_server.data)))
    (fresh_server.data / "seal.json").write_text(json.dumps(after))
    fresh_server.start()
    assert fresh_server.client("kms").describe_key(KeyId=key)


def test_a_server_that_is_killed_while_the_root_key_is_replaced_opens_again(fresh_server):
    generation = 0
    for number in range(8):
        right = (fresh_server.directory / "data.key").read_text()
        rotating = subprocess.Popen(
            [str(binary()), "seal", "rotate-root", "--endpoint", fresh_server.url, "--data", str(fresh_server.data),
             *key_of(fresh_server)], env=fresh_server.environment(), stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        time.sleep(0.004 * number)
        fresh_server.kill()
        out, _ = rotating.communicate(timeout=60)
        fresh_server.start()
        found = stored(fresh_server)["root_key_generation"]
        assert found in ({generation + 1} if b"replaced" in out else {generation, generation + 1})
        generation = found
    assert fresh_server.client("strongroom").rotate_root_key(Current=right)["RootKeyGeneration"] == generation + 1


# GF(2^8) with logarithm tables: another way than the server's.
EXP, LOG = [0] * 255, [0] * 256
value = 1
for power in range(255):
    EXP[power], LOG[value] = value, power
    value ^= (value << 1) ^ (0x11B if value & 0x80 else 0)


def times(a, b):
    return EXP[(LOG[a] + LOG[b]) % 255] if a and b else 0


def combine(texts):
    """The secret of these shares, as docs/operations/sealing.md lets one write it."""
    shares = [bytes.fromhex(text.removeprefix("srshare1-"))[:-8] for text in texts]
    numbers, values = [share[1] for share in shares], [share[10:] for share in shares]
    secret = bytearray(len(values[0]))
    for number, share in zip(numbers, values):
        weight = 1
        for other in numbers:
            if other != number:
                weight = times(weight, times(other, EXP[(255 - LOG[other ^ number]) % 255]))
        for place, byte in enumerate(share):
            secret[place] ^= times(byte, weight)
    return bytes(secret[2:2 + int.from_bytes(secret[:2], "big")])


def split(sealed, *more, phrase=Sealed.PHRASE):
    return run("seal", "split", "--data", str(sealed.clients.data), "--shares", "5", "--threshold", "3", *more,
               input=phrase + "\n")


@pytest.fixture
def sealed(tmp_path):
    """A sealed server, of whose passphrase there are two sets of shares."""
    sets = []
    running = Sealed(tmp_path, before=lambda it: sets.extend(split(it).stdout.split() for _ in range(2)))
    running.sets = sets
    yield running
    running.process.kill()


def given(sealed, share):
    """What the client says of a share, once its turn has come."""
    deadline = time.monotonic() + 120
    while "too many attempts" in (done := sealed.unseal(share)).stderr:
        assert time.monotonic() < deadline
        time.sleep(0.1)
    return done


def test_shares_open_a_sealed_server_one_by_one(sealed):
    shares, other = sealed.sets
    assert len(shares) == 5 and all(re.fullmatch(r"srshare1-[0-9a-f]+", share) for share in shares)
    assert combine(shares[2:5]) == combine([shares[4], shares[0], shares[1]]) == Sealed.PHRASE.encode()
    assert given(sealed, shares[4]).stdout == "still sealed: 1 of 3 shares given\n"
    assert "share 5 was given already" in one_line(given(sealed, shares[4]))
    mixed = given(sealed, other[0]).stdout.splitlines()
    assert mixed[0] == "still sealed: 1 of 3 shares given" and "2 different sets" in mixed[1]
    mistyped = shares[1][:-1] + ("0" if shares[1][-1] != "0" else "1")
    assert "mistyped" in one_line(given(sealed, mistyped))
    assert given(sealed, shares[1]).stdout.startswith("still sealed: 2 of 3 shares given\n")
    assert sealed.clients.get("/health/ready") == (503, "sealed\n")
    opened = given(sealed, shares[0])
    assert (opened.returncode, opened.stdout) == (0, "unsealed\n"), opened.stderr
    assert sealed.clients.get("/health/ready") == (200, "ok\n")
    made = events(sealed.clients.client("cloudtrail"), EventName="SplitPassphrase")
    assert [event["responseElements"] for event in made] == [{"shares": 5, "threshold": 3}] * 2
    assert "in use" in one_line(split(sealed))
    code, log = sealed.stop()
    assert code == 0 and "a share was given" in log
    assert not any(share[20:60] in log for share in shares)


def test_shares_of_a_passphrase_that_was_changed_open_nothing(sealed, tmp_path):
    shares, _ = sealed.sets
    sealed.unseal(Sealed.PHRASE)
    for _ in range(3):
        sealed.process.stdout.readline()
    phrase = tmp_path / "phrase2"
    phrase.touch(0o600)
    phrase.write_text("another horse\n")
    sealed.clients.url = sealed.url
    done = seal(sealed.clients, "rewrap", "--new-passphrase-file", str(phrase), input=Sealed.PHRASE + "\n",
                AWS_ENDPOINT_URL=sealed.url)
    assert done.returncode == 0, done.stderr
    assert sealed.stop()[0] == 0
    assert "does not open" in one_line(split(sealed))
    assert split(sealed, phrase="another horse").returncode == 0
    sealed.clients.flags = ()
    again = Sealed.__new__(Sealed)
    again.directory, again.clients = sealed.directory, sealed.clients
    again.process = subprocess.Popen(
        [str(binary()), "serve", "--data", str(sealed.clients.data), "--listen", "127.0.0.1:0"],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    try:
        while not (found := re.search(r"sealed.*address=(\S+)", again.process.stderr.readline())):
            pass
        again.url = "http://" + found[1]
        for share in shares[:2]:
            assert given(again, share).returncode == 0
        assert "do not open the seal" in one_line(given(again, shares[2]))
        assert given(again, shares[2]).stdout == "still sealed: 1 of 3 shares given\n"
    finally:
        again.process.kill()
        again.process.communicate()


def test_what_cannot_be_split_is_refused(sealed):
    assert sealed.stop()[0] == 0
    for more in (["--threshold", "1"], ["--threshold", "6"]):
        command = ["seal", "split", "--data", str(sealed.clients.data), "--shares", "5", *more]
        assert "of N shares at least two" in one_line(run(*command, input=Sealed.PHRASE + "\n"))
    assert "does not open" in one_line(split(sealed, phrase="wrong horse"))


def test_a_key_file_is_not_split(fresh_server):
    assert fresh_server.stop() == 0
    command = ["seal", "split", "--data", str(fresh_server.data), "--shares", "3", "--threshold", "2"]
    assert "not sealed with a passphrase" in one_line(run(*command, *key_of(fresh_server), input="x\n"))


def test_a_running_server_is_sealed_and_opened_again_as_often_as_one_likes(sealed):
    clients = sealed.clients
    assert sealed.unseal(Sealed.PHRASE).stdout == "unsealed\n"
    for _ in range(3):
        sealed.process.stdout.readline()
    kms = clients.client("kms")
    blob = kms.encrypt(KeyId=sealed.key["KeyId"], Plaintext=b"kept")["CiphertextBlob"]
    for turn in range(2):
        done = seal(clients, "now")
        assert (done.returncode, done.stdout.split(":")[0]) == (0, "sealed"), done.stderr
        deadline = time.monotonic() + 60
        while clients.get("/health/ready") != (503, "sealed\n"):
            assert time.monotonic() < deadline
            time.sleep(0.05)
        assert clients.get("/health/live") == (200, "ok\n")
        with pytest.raises(botocore.exceptions.ClientError) as refused:
            kms.list_keys()
        assert refused.value.response["Error"]["Code"] == "ServiceUnavailable"
        # Nobody else takes the directory meanwhile.
        assert "in use" in one_line(run("recover", "--data", str(clients.data)))
        deadline = time.monotonic() + 60
        while "too many attempts" in (opened := sealed.unseal(Sealed.PHRASE)).stderr:
            assert time.monotonic() < deadline
            time.sleep(0.1)
        assert opened.stdout == "unsealed\n", opened.stderr
        assert kms.decrypt(CiphertextBlob=blob)["Plaintext"] == b"kept"
        told = events(clients.client("cloudtrail"), EventName="SealServer")
        assert len(told) == turn + 1 and all("errorCode" not in event for event in told)
    code, log = sealed.stop()
    assert code == 0 and log.count("sealing: open requests may finish") == 2


def test_a_server_that_opens_by_itself_is_not_sealed(fresh_server):
    done = seal(fresh_server, "now")
    assert "opens its seal by itself" in one_line(done)
    assert fresh_server.get("/health/ready") == (200, "ok\n")


def test_whoever_sends_a_body_slowly_keeps_nobody_from_sealing(sealed):
    clients = sealed.clients
    assert sealed.unseal(Sealed.PHRASE).stdout == "unsealed\n"
    for _ in range(3):
        sealed.process.stdout.readline()
    key = clients.session().get_credentials()
    mine = {"AccessKeyId": key.access_key, "SecretAccessKey": key.secret_key}
    strange = mine | {"AccessKeyId": "AKIAIOSFODNN7EXAMPLE"}
    address = urllib.parse.urlparse(clients.url)
    held = []
    for signed_by in (mine, strange):
        head = raw.request(clients, "kms", "ListKeys", b"{}" * 50, signed_by).partition(b"\r\n\r\n")
        slow = socket.create_connection((address.hostname, address.port), timeout=60)
        slow.sendall(head[0] + head[1])
        held.append(slow)
    done = seal(clients, "now")
    assert (done.returncode, done.stdout.split(":")[0]) == (0, "sealed"), done.stderr
    deadline = time.monotonic() + 60
    while clients.get("/health/ready") != (503, "sealed\n"):
        assert time.monotonic() < deadline and sealed.process.poll() is None
        time.sleep(0.05)
    for slow in held:
        assert b" 503 " in slow.makefile("rb").readline()
        slow.close()
    # It goes on to wait for a passphrase, and ends in order.
    while "too many attempts" in (opened := sealed.unseal(Sealed.PHRASE)).stderr:
        assert time.monotonic() < deadline
        time.sleep(0.1)
    assert opened.stdout == "unsealed\n", opened.stderr
    assert sealed.stop()[0] == 0
