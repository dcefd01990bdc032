"""Backups of a server under load, and what is restored from them."""

import hashlib
import json
import pathlib
import shutil
import stat
import subprocess
import threading
import time

import botocore.exceptions
import pytest

from conftest import ACCOUNT, REGION, Server, binary
from test_audit import events
from test_server import one_line, run

GROUP = {
    "FeatureGroupName": "loaded", "RecordIdentifierFeatureName": "id", "EventTimeFeatureName": "at",
    "FeatureDefinitions": [{"FeatureName": n, "FeatureType": "String"} for n in ("id", "at", "n")],
}


def code(refused) -> str:
    return refused.value.response["Error"]["Code"]


@pytest.fixture
def backed(tmp_path):
    """A server with a place for backups."""
    place = tmp_path / "backups"
    place.mkdir()
    config = tmp_path / "strongroom.toml"
    config.write_text(f'[backup]\ndirectory = "{place}"\n')
    running = Server(tmp_path, "--config", str(config))
    running.place = place
    yield running
    if running.process.poll() is None:
        running.kill()


def create(server, name, **environment):
    return subprocess.run(
        [str(binary()), "backup", "create", name, "--endpoint", server.url, "--data", str(server.data)],
        env=server.environment() | environment, capture_output=True, text=True, timeout=120)


def restore(server, file, to, *more):
    return run("restore", str(file), "--data", str(to), "--key-file", str(server.directory / "data.key"), *more)


def served(server, directory: pathlib.Path) -> Server:
    """A server over the restored `directory`/data, whose key file is the first server's."""
    shutil.copy(server.data / "credentials", directory / "data" / "credentials")
    return Server(directory, "--key-file", str(server.directory / "data.key"))


class Load:
    """Writers that note what was acknowledged, each a counter of its own."""

    def __init__(self, server, key):
        self.server, self.stopping, self.failures = server, threading.Event(), []
        server.client("sagemaker").create_feature_group(
            **GROUP, OnlineStoreConfig={"EnableOnlineStore": True, "SecurityConfig": {"KmsKeyId": key}})
        self.acknowledged = [0] * 3
        self.threads = [threading.Thread(target=self.run, args=(n,)) for n in range(3)]
        for thread in self.threads:
            thread.start()

    def run(self, writer):
        runtime = self.server.client("sagemaker-featurestore-runtime")
        iam = self.server.client("iam")
        try:
            while not self.stopping.is_set():
                number = self.acknowledged[writer] + 1
                record = {"id": f"{writer}-{number}", "at": "2026-01-01T00:00:00Z", "n": str(number)}
                runtime.put_record(FeatureGroupName="loaded", Record=[
                    {"FeatureName": k, "ValueAsString": v} for k, v in record.items()])
                if writer == 0:
                    iam.create_user(UserName=f"u{number}")
                self.acknowledged[writer] = number
        except Exception as failed:  # noqa: BLE001 - shown by the test
            self.failures.append(failed)

    def stop(self):
        self.stopping.set()
        for thread in self.threads:
            thread.join(timeout=60)
            assert not thread.is_alive()
        assert not self.failures, self.failures


def test_a_backup_under_load_is_one_moment_and_is_restored_whole(backed, tmp_path):
    kms = backed.client("kms")
    key = kms.create_key()["KeyMetadata"]["Arn"]
    blob = kms.encrypt(KeyId=key, Plaintext=b"kept")["CiphertextBlob"]
    load = Load(backed, key)
    moments = []
    for number in range(3):
        deadline = time.monotonic() + 120
        while min(load.acknowledged) < 15 * (number + 1) and not load.failures:
            assert time.monotonic() < deadline
            time.sleep(0.01)
        before = list(load.acknowledged)
        done = create(backed, f"b{number}")
        assert done.returncode == 0, done.stderr
        moments.append((before, list(load.acknowledged)))
        file = backed.place / f"b{number}"
        assert hashlib.sha256(file.read_bytes()).hexdigest() in done.stdout
        assert stat.S_IMODE(file.stat().st_mode) == 0o600
    load.stop()
    assert sorted(path.name for path in backed.place.iterdir()) == ["b0", "b1", "b2"]
    for number, (before, after) in enumerate(moments):
        there = tmp_path / f"restored{number}"
        there.mkdir()
        done = restore(backed, backed.place / f"b{number}", there / "data", "--accept-revival")
        assert done.returncode == 0, done.stderr
        copy = served(backed, there)
        runtime = copy.client("sagemaker-featurestore-runtime")

        def has(writer, count):
            found = runtime.get_record(FeatureGroupName="loaded", RecordIdentifierValueAsString=f"{writer}-{count}")
            return "Record" in found

        for writer in range(3):
            newest = max(n for n in range(before[writer], after[writer] + 3) if n == 0 or has(writer, n))
            assert newest >= before[writer]
            assert all(has(writer, n) for n in range(1, newest + 1))
        users = [u["UserName"] for page in copy.client("iam").get_paginator("list_users").paginate()
                 for u in page["Users"] if u["UserName"].startswith("u")]
        assert sorted(users, key=lambda u: int(u[1:])) == [f"u{n}" for n in range(1, len(users) + 1)]
        assert copy.client("kms").decrypt(CiphertextBlob=blob)["Plaintext"] == b"kept"
        # It goes on, and calls no commit like one that the other made.
        answer = copy.client("iam").create_user(UserName="later")
        revision = int(answer["ResponseMetadata"]["HTTPHeaders"]["x-strongroom-revision"])
        assert revision > 1 << 32
        assert copy.stop() == 0
        verified = run("audit", "verify", "--data", str(there / "data"),
                       "--key-file", str(backed.directory / "data.key"))
        assert verified.returncode == 0 and "all of them whole" in verified.stdout, verified


def test_a_backup_leaves_its_intent_and_its_record(backed):
    assert create(backed, "told").returncode == 0
    cloudtrail = backed.client("cloudtrail")
    start, = events(cloudtrail, EventName="StartBackup")
    record, = events(cloudtrail, EventName="CreateBackup")
    end, = events(cloudtrail, EventName="EndBackup")
    details = start["serviceEventDetails"]
    assert details["request"] == {"name": "told"} and details["requestedBy"] == record["requestID"]
    assert details["principal"].endswith(":user/Administrator") and details["sourceIPAddress"] == "127.0.0.1"
    assert details["accessKeyId"] == record["userIdentity"]["accessKeyId"]
    assert end["serviceEventDetails"] == details | {"outcome": "made"}
    assert record["requestParameters"] == {"name": "told"} and record["readOnly"] is False
    assert record["responseElements"]["path"] == str(backed.place / "told")


def test_who_does_not_wait_for_a_backup_finds_its_end_in_the_audit_log(backed):
    hurried = run("backup", "create", "hurried", "--timeout-seconds", "0", "--endpoint", backed.url,
                  "--data", str(backed.data))
    assert "did not answer in time" in one_line(hurried)
    # Whether or not the call had arrived by then, the next one is made.
    made = create(backed, "good")
    assert made.returncode == 0 or "another backup is being made" in made.stderr, made.stderr
    cloudtrail = backed.client("cloudtrail")
    assert len(events(cloudtrail, EventName="EndBackup")) <= len(events(cloudtrail, EventName="StartBackup")) <= 2


def test_a_name_leaves_its_directory_never_and_is_taken_once(backed):
    own = backed.client("strongroom")
    made = own.create_backup(Name="once")
    for name in ("../out", "/tmp/out", ".hidden", "a/b", "once.partial"):
        with pytest.raises(botocore.exceptions.ClientError) as refused:
            own.create_backup(Name=name)
        assert code(refused) == "ValidationException"
    with pytest.raises(botocore.exceptions.ClientError) as refused:
        own.create_backup(Name="once")
    assert code(refused) == "BackupAlreadyExistsException"
    assert [path.name for path in backed.place.iterdir()] == ["once"]
    assert made["Bytes"] == (backed.place / "once").stat().st_size


def test_only_the_first_account_and_only_whom_its_policies_allow(backed):
    iam = backed.client("iam")
    iam.create_user(UserName="bob")
    bob = iam.create_access_key(UserName="bob")["AccessKey"]
    with pytest.raises(botocore.exceptions.ClientError) as refused:
        backed.client("strongroom", bob).create_backup(Name="denied")
    assert code(refused) == "AccessDeniedException"
    done = run("account", "create", "--endpoint", backed.url, "--data", str(backed.data),
               "--name", "other", "--email", "other@example.com")
    role = f"arn:aws:iam::{done.stdout.strip()}:role/OrganizationAccountAccessRole"
    got = backed.client("sts").assume_role(RoleArn=role, RoleSessionName="session")["Credentials"]
    session = backed.session(got)
    session = type(session)(got["AccessKeyId"], got["SecretAccessKey"], got["SessionToken"], REGION)
    session._loader.search_paths.append(str(pathlib.Path(__file__).parent / "models"))
    with pytest.raises(botocore.exceptions.ClientError) as refused:
        session.client("strongroom", endpoint_url=backed.url).create_backup(Name="foreign")
    assert "only the first account" in str(refused.value)
    assert list(backed.place.iterdir()) == []


def test_a_place_that_is_gone_holds_up_backups_and_nothing_else(backed):
    backed.place.rmdir()
    assert backed.stop() == 0
    backed.start()
    # Not by the check of the first start and by the watch.
    assert backed.log_text().count("backups cannot be written") <= 1
    own = backed.client("strongroom")
    with pytest.raises(botocore.exceptions.ClientError) as refused:
        own.create_backup(Name="nowhere")
    assert code(refused) == "BackupStorageUnavailableException"
    assert "backup.directory" in str(refused.value) and not backed.place.exists()
    assert backed.client("kms").list_keys()["Keys"] == []
    assert "backups cannot be written" in backed.log_text()
    # It need not be started again when the place is back.
    backed.place.mkdir()
    assert own.create_backup(Name="back")["Path"] == str(backed.place / "back")


def test_a_server_without_a_place_for_backups_says_so(fresh_server):
    with pytest.raises(botocore.exceptions.ClientError) as refused:
        fresh_server.client("strongroom").create_backup(Name="nowhere")
    assert code(refused) == "BackupNotConfiguredException"


def test_a_backup_is_useless_without_the_seal_and_shows_nothing(backed, tmp_path):
    iam = backed.client("iam")
    iam.create_user(UserName="PlantedName")
    secret = iam.create_access_key(UserName="PlantedName")["AccessKey"]["SecretAccessKey"]
    assert create(backed, "sealed").returncode == 0
    file = backed.place / "sealed"
    content = file.read_bytes()
    key = bytes.fromhex((backed.directory / "data.key").read_text())
    for planted in (b"PlantedName", secret.encode(), ACCOUNT.encode(), b"iam_users", b"kms", key, key.hex().encode()):
        assert planted not in content
    wrong = tmp_path / "wrong.key"
    wrong.write_text("0123456789abcdef" * 4)
    wrong.chmod(0o600)
    for command in (["backup", "verify"], ["backup", "deletions"], ["restore"]):
        done = run(*command, str(file), "--data", str(tmp_path / "out"), "--key-file", str(wrong))
        assert "does not open the seal" in one_line(done)
        assert not (tmp_path / "out").exists()


def test_damaged_and_cut_off_backups_are_refused_and_leave_nothing(backed, tmp_path):
    assert create(backed, "good").returncode == 0
    good = (backed.place / "good").read_bytes()
    bad, key = tmp_path / "bad", str(backed.directory / "data.key")
    cases = {n: good[:n] for n in (0, 20, len(good) // 2, len(good) - 1)}
    cases["longer"] = good + b"x"
    for place in (3, 50, len(good) // 3, len(good) - 2):
        changed = bytearray(good)
        changed[place] ^= 1
        cases[f"flip{place}"] = bytes(changed)
    for name, content in cases.items():
        bad.write_bytes(content)
        assert one_line(run("backup", "verify", str(bad), "--data", str(backed.data), "--key-file", key)), name
        assert one_line(restore(backed, bad, tmp_path / "out")), name
        assert not (tmp_path / "out").exists(), name
    done = run("backup", "verify", str(backed.place / "good"), "--data", str(backed.data), "--key-file", key)
    assert done.returncode == 0 and done.stdout.startswith("whole: commit "), done


def test_a_directory_with_anything_in_it_is_not_restored_over(backed, tmp_path):
    assert create(backed, "good").returncode == 0
    full = tmp_path / "full"
    full.mkdir()
    (full / "precious").write_text("x")
    assert "is not empty" in one_line(restore(backed, backed.place / "good", full))
    # A directory that is served, and one that was.
    assert "is not empty" in one_line(restore(backed, backed.place / "good", backed.data))
    before = sorted(str(path) for path in backed.data.rglob("*") if "store" not in str(path))
    assert backed.stop() == 0
    assert "is not empty" in one_line(restore(backed, backed.place / "good", backed.data))
    assert before == sorted(str(path) for path in backed.data.rglob("*") if "store" not in str(path))
    assert [path.name for path in full.iterdir()] == ["precious"]
    empty = tmp_path / "empty"
    empty.mkdir()
    assert restore(backed, backed.place / "good", empty).returncode == 0
    # One that was cut off has no seal, and nobody serves it.
    (empty / "seal.json").unlink()
    done = run("serve", "--data", str(empty), "--listen", "127.0.0.1:0")
    assert "is neither empty nor a strongroom data directory" in one_line(done)


def test_deleted_keys_come_back_neither_silently_nor_when_a_list_names_them(backed, tmp_path):
    kms = backed.client("kms")
    gone, kept = (kms.create_key()["KeyMetadata"]["Arn"] for _ in range(2))
    blobs = {key: kms.encrypt(KeyId=key, Plaintext=b"x")["CiphertextBlob"] for key in (gone, kept)}
    assert create(backed, "old").returncode == 0
    old = backed.place / "old"
    assert "--accept-revival" in one_line(restore(backed, old, tmp_path / "out"))
    assert not (tmp_path / "out").exists()
    assert create(backed, "new").returncode == 0
    listed = run("backup", "deletions", str(backed.place / "new"), "--data", str(backed.data))
    assert listed.returncode == 0 and listed.stdout.startswith("# deleted keys as of commit "), listed
    own = tmp_path / "own"
    own.write_text(run("backup", "deletions", str(old), "--data", str(backed.data)).stdout)
    assert "--accept-revival" in one_line(restore(backed, old, tmp_path / "out", "--deletions", str(own)))
    shown, more = tmp_path / "shown", tmp_path / "more"
    shown.write_text(listed.stdout.replace("commit ", "commit 9"))
    assert "is not as" in one_line(restore(backed, old, tmp_path / "out", "--deletions", str(shown)))
    assert not (tmp_path / "out").exists()
    shown.write_text(listed.stdout)
    # The key's seven days have not passed: it is named by hand.
    more.write_text(gone + "\n")
    there = tmp_path / "there"
    there.mkdir()
    done = restore(backed, old, there / "data", "--deletions", str(shown), "--deletions", str(more))
    assert done.returncode == 0 and f"deleted again: {gone}\n" in done.stdout, done
    copy = served(backed, there)
    kms = copy.client("kms")
    with pytest.raises(kms.exceptions.NotFoundException):
        kms.describe_key(KeyId=gone)
    with pytest.raises(botocore.exceptions.ClientError) as refused:
        kms.decrypt(CiphertextBlob=blobs[gone])
    assert code(refused) == "AccessDeniedException"
    assert kms.decrypt(CiphertextBlob=blobs[kept])["Plaintext"] == b"x"
    deleted, = events(copy.client("cloudtrail"), EventName="DeleteKey")
    assert deleted["resources"][0]["ARN"] == gone
    assert copy.stop() == 0
    # What was deleted again is on the list of every backup to come.
    key = ("--key-file", str(backed.directory / "data.key"))
    third = tmp_path / "third"
    assert run("backup", "offline", str(third), "--data", str(there / "data"), *key).returncode == 0
    assert gone in run("backup", "deletions", str(third), "--data", str(backed.data), *key).stdout


def test_a_directory_that_is_not_served_is_backed_up_with_its_seal(backed, tmp_path):
    file = tmp_path / "offline"
    assert "in use" in one_line(run("backup", "offline", str(file), "--data", str(backed.data)))
    assert backed.stop() == 0
    assert run("backup", "offline", str(file), "--data", str(backed.data)).returncode == 0
    assert "exists already" in one_line(run("backup", "offline", str(file), "--data", str(backed.data)))
    there = tmp_path / "there"
    there.mkdir()
    assert restore(backed, file, there / "data").returncode == 0
    copy = served(backed, there)
    assert copy.client("sts").get_caller_identity()["Account"] == ACCOUNT
    assert copy.stop() == 0


def test_a_backup_of_a_directory_with_a_passphrase_asks_for_it(tmp_path):
    phrase = tmp_path / "phrase"
    phrase.touch(0o600)
    phrase.write_text("correct horse\n")
    server = Server(tmp_path, "--passphrase-file", str(phrase))
    assert server.stop() == 0
    file = tmp_path / "file"
    assert run("backup", "offline", str(file), "--data", str(server.data), input="correct horse\n").returncode == 0
    out = tmp_path / "out"
    assert "does not open" in one_line(run("restore", str(file), "--data", str(out), input="wrong horse\n"))
    done = run("restore", str(file), "--data", str(out), input="correct horse\n")
    assert done.returncode == 0, done.stderr
    assert json.loads((out / "seal.json").read_text())["seal"]["kind"] == "passphrase"


def resume(server, directory):
    return run("resume", "--data", str(directory), "--key-file", str(server.directory / "data.key"))


def test_a_restored_directory_deletes_no_key_before_it_is_resumed(backed, tmp_path):
    kms = backed.client("kms")
    lapsed, kept = (kms.create_key()["KeyMetadata"]["Arn"] for _ in range(2))
    for key in (lapsed, kept):
        kms.schedule_key_deletion(KeyId=key, PendingWindowInDays=7)
    assert create(backed, "old").returncode == 0
    there = tmp_path / "there"
    there.mkdir()
    done = restore(backed, backed.place / "old", there / "data", "--accept-revival")
    assert "deletions of KMS keys wait for `strongroom resume`" in done.stdout, done
    copy = served(backed, there)
    assert "deletions of KMS keys are on hold" in copy.log_text()
    copy.client("kms").cancel_key_deletion(KeyId=kept)
    told, = events(copy.client("cloudtrail"), EventName="Restore")
    details = told["responseElements"]
    digest = hashlib.sha256((backed.place / "old").read_bytes()).hexdigest()
    assert details["backup"]["sha256"] == digest
    assert details["deletions"] == {"listed": 0, "completeUntil": None, "revivalAccepted": True}
    before, after = details["lineage"]["before"], details["lineage"]["after"]
    assert before == json.loads((backed.data / "seal.json").read_text())["lineage"]
    assert after == json.loads((there / "data" / "seal.json").read_text())["lineage"] != before
    assert "in use" in one_line(resume(backed, there / "data"))
    assert copy.stop() == 0
    done = resume(backed, there / "data")
    assert (done.returncode, done.stdout) == (0, "deletions of KMS keys go on\n"), done
    assert "nothing waits" in one_line(resume(backed, there / "data"))
    copy.start()
    assert len(events(copy.client("cloudtrail"), EventName="Resume")) == 1
    assert "on hold" not in copy.log_text().split("ready")[-2]
    assert copy.client("kms").describe_key(KeyId=kept)["KeyMetadata"]["KeyState"] == "Disabled"
    assert copy.stop() == 0


def test_what_is_backed_up_offline_is_recorded(backed, tmp_path):
    assert backed.stop() == 0
    file = tmp_path / "offline"
    assert run("backup", "offline", str(file), "--data", str(backed.data)).returncode == 0
    backed.start()
    end, = events(backed.client("cloudtrail"), EventName="EndBackup")
    assert end["responseElements"]["sha256"] == hashlib.sha256(file.read_bytes()).hexdigest()
    assert len(events(backed.client("cloudtrail"), EventName="StartBackup")) == 1
