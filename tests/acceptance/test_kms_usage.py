"""The usage of keys: counted, kept over a restart, reported by the API and by `strongroom usage`."""

import json
import subprocess

import botocore.exceptions
import pytest

from conftest import REGION, Server, binary


@pytest.fixture(scope="module")
def counted(tmp_path_factory):
    """A server that was stopped and started again after it had counted, and two keys."""
    directory = tmp_path_factory.mktemp("usage")
    config = directory / "strongroom.toml"
    config.write_text('[kms.prices]\nrequests = 10000.0\ncurrency = "EUR"\n')
    running = Server(directory, "--config", str(config))
    kms = running.client("kms")
    used, unused = (kms.create_key()["KeyMetadata"]["Arn"] for _ in range(2))
    for _ in range(3):
        blob = kms.encrypt(KeyId=used, Plaintext=b"x")["CiphertextBlob"]
    kms.decrypt(CiphertextBlob=blob)
    assert running.stop() == 0
    running.start()
    yield running, used, unused
    assert running.stop() == 0


def test_the_report_says_who_used_what_for_what_and_the_cost(counted):
    server, used, unused = counted
    report = server.client("strongroom").get_key_usage()
    assert report["Currency"] == "EUR" and "NextToken" not in report
    keys = {key["KeyArn"]: key for key in report["Keys"]}
    caller = server.client("sts").get_caller_identity()["Arn"]
    assert keys[unused]["Calls"] == 0 and keys[unused]["Uses"] == []
    assert keys[used]["KeyManager"] == "CUSTOMER"
    assert keys[used]["Uses"] == [
        {"Caller": caller, "Operation": "Decrypt", "Calls": 1, "Cost": "1.000000000"},
        {"Caller": caller, "Operation": "Encrypt", "Calls": 3, "Cost": "3.000000000"}]
    assert keys[used]["CostOfCalls"] == "4.000000000"
    assert 0 <= float(keys[used]["CostOfKey"]) < 0.01
    only = server.client("strongroom").get_key_usage(KeyArn=unused)["Keys"]
    assert [key["KeyArn"] for key in only] == [unused]
    with pytest.raises(botocore.exceptions.ClientError) as refused:
        server.client("strongroom").get_key_usage(Month="2026-13")
    assert refused.value.response["Error"]["Code"] == "ValidationException"


def test_the_subcommand_prints_it(counted):
    server, used, _ = counted
    command = [str(binary()), "usage", "--endpoint", server.url, "--region", REGION]
    done = subprocess.run(command, env=server.environment(), capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    assert f"{used}: 4 calls for 4.000000000" in done.stdout and "Encrypt" in done.stdout
    done = subprocess.run([*command, "--json", "--key", used], env=server.environment(),
                          capture_output=True, text=True, timeout=60)
    (page,) = map(json.loads, done.stdout.splitlines())
    assert [key["Calls"] for key in page["Keys"]] == [4]


def test_nothing_of_it_is_on_the_disk_in_clear(counted):
    server, _, _ = counted
    written = b"".join(path.read_bytes() for path in (server.data / "store").rglob("*") if path.is_file())
    assert b"Administrator" not in written


@pytest.mark.parametrize("settings", ["requests = -1\n", 'requests = "much"\n', "request = 1\n"])
def test_wrong_prices_are_refused(tmp_path, settings):
    config = tmp_path / "strongroom.toml"
    config.write_text(f"[kms.prices]\n{settings}")
    with pytest.raises(AssertionError, match=r"strongroom.toml:[12]: "):
        Server(tmp_path, "--config", str(config))
