"""Feature groups on their way: made, deleted and moved to another key, with the server killed between."""

import concurrent.futures
import contextlib
import random
import subprocess
import threading
import time

import botocore.exceptions
import pytest

from conftest import binary

MANY = 6_000
SERVICE = "sagemaker.amazonaws.com"


def parameters(name: str, key: str | None = None) -> dict:
    online = {"EnableOnlineStore": True}
    if key:
        online["SecurityConfig"] = {"KmsKeyId": key}
    return {"FeatureGroupName": name, "RecordIdentifierFeatureName": "id", "EventTimeFeatureName": "at",
            "FeatureDefinitions": [{"FeatureName": feature, "FeatureType": "String"}
                                   for feature in ("id", "at")],
            "OnlineStoreConfig": online}


def record(number: int, day: int = 1) -> list[dict]:
    return [{"FeatureName": "id", "ValueAsString": str(number)},
            {"FeatureName": "at", "ValueAsString": f"2026-01-{day:02}T00:00:00Z"}]


def fill(server, group: str, count: int):
    runtime = server.client("sagemaker-featurestore-runtime")

    def write(first: int):
        entries = [{"FeatureGroupName": group, "Record": record(number)}
                   for number in range(first, min(first + 25, count))]
        assert runtime.batch_write_record(Entries=entries)["Errors"] == []

    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        list(pool.map(write, range(0, count, 25)))


def status(sagemaker, group: str) -> str | None:
    """The status of a group; nothing if there is no such group."""
    try:
        return sagemaker.describe_feature_group(FeatureGroupName=group)["FeatureGroupStatus"]
    except botocore.exceptions.ClientError as refused:
        assert refused.response["Error"]["Code"] == "ResourceNotFound"
        return None


def until(found, seconds=60):
    deadline = time.monotonic() + seconds
    while not (result := found()):
        assert time.monotonic() < deadline, "nothing was found in time"
        time.sleep(0.05)
    return result


def rekey(server, *arguments: str) -> subprocess.CompletedProcess:
    command = [str(binary()), "rekey", "--endpoint", server.url, *arguments]
    return subprocess.run(command, env=server.environment(), capture_output=True, text=True, timeout=120)


def grants_of(kms, key: str) -> list[str]:
    return [grant["Name"] for grant in kms.list_grants(KeyId=key)["Grants"]]


def test_a_move_to_another_key_goes_on_after_the_server_was_killed(fresh_server):
    server = fresh_server
    kms, sagemaker = server.client("kms"), server.client("sagemaker")
    keys = [kms.create_key()["KeyMetadata"]["Arn"]]
    sagemaker.create_feature_group(**parameters("moved", keys[0]))
    fill(server, "moved", MANY)
    # Reads and writes go on all the time.
    stop, refused, reads = threading.Event(), [], []

    def use(runtime):
        numbers = random.Random(7)
        while not stop.is_set():
            number = numbers.randrange(MANY)
            try:
                answer = runtime.get_record(FeatureGroupName="moved", RecordIdentifierValueAsString=str(number))
                reads.append("Record" in answer)
                runtime.put_record(FeatureGroupName="moved", Record=record(number, 2))
            except botocore.exceptions.ClientError as error:
                refused.append(error)

    def describe():
        return server.client("strongroom").describe_feature_group_keys(FeatureGroupName="moved")

    def begun():
        seen = describe()
        return seen if seen["State"] == "Settled" or seen["Progress"]["RecordsMoved"] else None

    def moving() -> bool:
        """Begins a move to another key; says whether it was seen with records on their way."""
        keys.append(kms.create_key()["KeyMetadata"]["Arn"])
        done = rekey(server, "moved", "--key", keys[-1])
        assert (done.returncode, done.stdout) == (0, f"moved is under {keys[-1]}\n"), done.stderr
        return until(begun)["State"] == "Moving"

    user = threading.Thread(target=use, args=(server.client("sagemaker-featurestore-runtime"),))
    user.start()
    try:
        # It is killed while records are on their way: who looks too late moves the group once more.
        assert any(moving() for _ in range(10))
    finally:
        stop.set()
        user.join()
    *olds, new = keys
    server.kill()
    server.start()
    seen = describe()
    assert seen["KmsKeyArn"] == new
    kms, runtime = server.client("kms"), server.client("sagemaker-featurestore-runtime")
    for number in range(0, MANY, 500):
        answer = runtime.get_record(FeatureGroupName="moved", RecordIdentifierValueAsString=str(number))
        assert "Record" in answer
    waited = rekey(server, "moved", "--status")
    assert waited.returncode == 0, waited.stderr
    until(lambda: describe()["State"] == "Settled")
    shown = rekey(server, "moved", "--status").stdout
    assert f"under {new}\tsettled\tdata key {len(keys)} of" in shown
    assert (refused, all(reads), len(reads) > 0) == ([], True, True)
    # Nothing is under an old key, and its grant is retired.
    for old in olds:
        assert grants_of(kms, old) == []
        kms.disable_key(KeyId=old)
    assert len(grants_of(kms, new)) == 1
    for number in range(0, MANY, 500):
        answer = runtime.get_record(FeatureGroupName="moved", RecordIdentifierValueAsString=str(number))
        assert "Record" in answer
    kms.disable_key(KeyId=new)
    with pytest.raises(botocore.exceptions.ClientError, match="DisabledException"):
        runtime.get_record(FeatureGroupName="moved", RecordIdentifierValueAsString="1")


def test_the_subcommand_waits_for_the_move_and_says_what_stops_it(fresh_server):
    server = fresh_server
    kms, sagemaker = server.client("kms"), server.client("sagemaker")
    old, new = (kms.create_key()["KeyMetadata"]["Arn"] for _ in range(2))
    sagemaker.create_feature_group(**parameters("g"))
    fill(server, "g", 30)
    done = rekey(server, "g", "--key", old, "--wait")
    assert done.returncode == 0, done.stderr
    assert f"under {old}\tsettled\tdata key 2" in done.stdout
    done = rekey(server, "g", "--aws-owned-key", "--wait", "--json")
    assert done.returncode == 0, done.stderr
    assert '"State":"Settled"' in done.stdout.splitlines()[-1]
    rekey(server, "g", "--key", old, "--wait")
    grant = kms.list_grants(KeyId=old)["Grants"][0]["GrantId"]
    kms.revoke_grant(KeyId=old, GrantId=grant)
    done = rekey(server, "g", "--key", new, "--wait")
    assert done.returncode == 1
    assert "records cannot be moved from under" in done.stderr and "kms:Decrypt" in done.stderr
    doctor = subprocess.run([str(binary()), "doctor", "--endpoint", server.url], env=server.environment(),
                            capture_output=True, text=True, timeout=60)
    assert doctor.returncode == 1
    assert f"aws kms create-grant --key-id {old}" in doctor.stdout
    # One of three must be said, and one only.
    for wrong in ((), ("--key", old, "--status"), ("--key", old, "--aws-owned-key")):
        assert rekey(server, "g", *wrong).returncode == 2


def test_a_deletion_goes_on_after_the_server_was_killed(fresh_server):
    server = fresh_server
    kms, sagemaker = server.client("kms"), server.client("sagemaker")
    key = kms.create_key()["KeyMetadata"]["Arn"]
    sagemaker.create_feature_group(**parameters("deleted", key))
    fill(server, "deleted", MANY)
    sagemaker.delete_feature_group(FeatureGroupName="deleted")
    server.kill()
    server.start()
    kms, sagemaker = server.client("kms"), server.client("sagemaker")
    seen = status(sagemaker, "deleted")
    assert seen in ("Deleting", None)
    assert grants_of(kms, key) == []
    until(lambda: status(sagemaker, "deleted") is None)
    sagemaker.create_feature_group(**parameters("deleted", key))
    assert status(sagemaker, "deleted") == "Created"
    runtime = server.client("sagemaker-featurestore-runtime")
    assert "Record" not in runtime.get_record(FeatureGroupName="deleted", RecordIdentifierValueAsString="1")


def test_groups_that_a_kill_caught_are_whole_or_not_there(fresh_server):
    server, numbers = fresh_server, random.Random(11)
    kms = server.client("kms")
    key = kms.create_key()["KeyMetadata"]["Arn"]
    for attempt in range(5):
        started = threading.Event()

        def make(first, attempt=attempt, started=started):
            sagemaker = server.client("sagemaker")
            # Whatever the kill makes of it.
            with contextlib.suppress(botocore.exceptions.ClientError, botocore.exceptions.BotoCoreError):
                for number in range(first, 40, 4):
                    sagemaker.create_feature_group(**parameters(f"g{attempt}-{number}", key))
                    started.set()
                    if number % 8 == first:
                        sagemaker.delete_feature_group(FeatureGroupName=f"g{attempt}-{number}")

        makers = [threading.Thread(target=make, args=(first,)) for first in range(4)]
        for maker in makers:
            maker.start()
        assert started.wait(60)
        time.sleep(numbers.random() / 3)
        server.kill()
        for maker in makers:
            maker.join()
        server.start()
        kms, sagemaker = server.client("kms"), server.client("sagemaker")

        def all_groups(sagemaker=sagemaker):
            pages = sagemaker.get_paginator("list_feature_groups").paginate()
            return [group for page in pages for group in page["FeatureGroupSummaries"]]

        # Every group reaches an end, and every one that is there has its grant, and no other.
        until(lambda: all(group["FeatureGroupStatus"] == "Created" for group in all_groups()))
        groups = all_groups()
        pages = kms.get_paginator("list_grants").paginate(KeyId=key)
        grants = [grant["Constraints"]["SourceArn"] for page in pages for grant in page["Grants"]]
        assert sorted(grants) == sorted(group["FeatureGroupArn"] for group in groups)
        runtime = server.client("sagemaker-featurestore-runtime")
        for group in groups:
            runtime.put_record(FeatureGroupName=group["FeatureGroupName"], Record=record(1))
            sagemaker.delete_feature_group(FeatureGroupName=group["FeatureGroupName"])
        until(lambda: all_groups() == [])
        assert grants_of(kms, key) == []
