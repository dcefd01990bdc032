"""Commands on a directory that is not served: lock and seal, what they find, what they change."""

import json
import re
import shutil
import stat

import botocore.exceptions
import pytest

from conftest import ACCOUNT, Server
from test_audit import events
from test_server import one_line, run

POLICY = "arn:aws:iam::aws:policy/AdministratorAccess"

COMMANDS = [("audit", "verify"), ("credentials", "reset"), ("recover",)]


def on(server, *command):
    return run(*command, "--data", str(server.data))


def succeeded(done) -> str:
    assert (done.returncode, done.stderr) == (0, ""), done
    return done.stdout


@pytest.mark.parametrize("command", COMMANDS)
def test_a_served_directory_and_a_wrong_seal_are_refused(fresh_server, tmp_path, command):
    assert "in use" in one_line(on(fresh_server, *command))
    assert fresh_server.stop() == 0
    wrong = tmp_path / "wrong.key"
    wrong.write_text("0123456789abcdef" * 4)
    wrong.chmod(0o600)
    assert "does not open the seal" in one_line(on(fresh_server, *command, "--key-file", str(wrong)))
    empty = one_line(run(*command, "--data", str(tmp_path / "none")))
    assert "is not a strongroom data directory" in empty and not (tmp_path / "none").exists()


@pytest.mark.parametrize("command", COMMANDS[:2])
def test_a_store_that_is_gone_is_not_made_anew(fresh_server, command):
    assert fresh_server.stop() == 0
    shutil.rmtree(fresh_server.data / "store")
    assert "is missing" in one_line(on(fresh_server, *command))
    assert not (fresh_server.data / "store").exists()


@pytest.mark.parametrize("command", COMMANDS)
def test_a_passphrase_is_asked_for_where_none_is_given(tmp_path, command):
    phrase = tmp_path / "phrase"
    phrase.touch(0o600)
    phrase.write_text("correct horse\n")
    server = Server(tmp_path, "--passphrase-file", str(phrase))
    assert server.stop() == 0
    assert "no passphrase was given" in one_line(run(*command, "--data", str(server.data), input=""))
    assert run(*command, "--data", str(server.data), input="correct horse\n").returncode == 0
    assert "does not open" in one_line(run(*command, "--data", str(server.data), input="wrong horse\n"))


def test_a_whole_audit_log_is_whole_and_counted(fresh_server):
    kms = fresh_server.client("kms")
    for _ in range(3):
        kms.create_key()
    assert fresh_server.stop() == 0
    text = succeeded(on(fresh_server, "audit", "verify"))
    day, total = re.search(r"^(\d{4}-\d\d-\d\d) +\d+ records  whole$", text, re.M), text.splitlines()[-1]
    # The first account, its administrator's three calls.
    assert day and re.fullmatch(r"[12] days, 4 records: all of them whole", total), text
    assert succeeded(on(fresh_server, "audit", "verify")) == text


def test_an_audit_log_that_lost_its_end_is_not_whole(fresh_server):
    kms = fresh_server.client("kms")
    for _ in range(20):
        kms.create_key(Description="d" * 500)
    fresh_server.kill()
    journal = max((fresh_server.data / "store" / "engine").glob("*.jnl"), key=lambda path: int(path.stem))
    content = journal.read_bytes().rstrip(b"\0")
    journal.write_bytes(content[:-12000])
    line = one_line(on(fresh_server, "audit", "verify"))
    assert re.search(r"ends at commit \d+, but commit \d+ was acknowledged", line), line
    found = on(fresh_server, "recover", "--accept-loss")
    assert found.returncode == 0, found
    assert succeeded(on(fresh_server, "audit", "verify")).endswith("all of them whole\n")


def test_recover_shows_what_would_be_lost_and_changes_nothing_until_told(fresh_server):
    kms = fresh_server.client("kms")
    keys = [kms.create_key(Description="d" * 500)["KeyMetadata"]["KeyId"] for _ in range(12)]
    kms.disable_key(KeyId=keys[0])
    fresh_server.kill()
    journal = max((fresh_server.data / "store" / "engine").glob("*.jnl"), key=lambda path: int(path.stem))
    content = bytearray(journal.read_bytes())
    end = len(bytes(content).rstrip(b"\0"))
    content[end // 2] ^= 1
    journal.write_bytes(content)
    seen = {path: path.read_bytes() for path in fresh_server.data.rglob("*") if path.is_file()}
    assert "data is missing" in one_line(run("serve", "--data", str(fresh_server.data), "--listen", "127.0.0.1:0"))
    text = succeeded(on(fresh_server, "recover"))
    found = int(re.search(r"last commit in the store:  (\d+)", text)[1])
    expected = int(re.search(r"last commit acknowledged:  (\d+)", text)[1])
    would = re.search(rf"commits {found + 1} to {expected} would be lost; (\d+) of them can still be read", text)
    assert int(would[1]) == expected - found - 1 > 0, text
    assert re.search(r"^  kms_keys: \d+ written, 0 removed$", text, re.M), text
    records = re.findall(r"^  (\d{4}-\d\d-\d\dT\S+Z)  Administrator  kms.amazonaws.com (\w+)  ok$", text, re.M)
    assert records[-1][1] == "DisableKey" and len(records) == int(would[1]), text
    assert re.search(r"last record that is left: \S+  Administrator  kms.amazonaws.com CreateKey  ok", text), text
    assert re.search(r"what is left: .*1 accounts.*\d+ kms_keys", text), text
    assert {path: path.read_bytes() for path in fresh_server.data.rglob("*") if path.is_file()} == seen
    accepted = succeeded(on(fresh_server, "recover", "--accept-loss"))
    assert f"commits {found + 1} to {expected} are lost" in accepted and "the loss is accepted" in accepted
    fresh_server.start()
    left = [key["KeyId"] for page in fresh_server.client("kms").get_paginator("list_keys").paginate()
            for key in page["Keys"]]
    assert 0 < len(left) < len(keys) and set(left) <= set(keys)


def test_lost_credentials_are_replaced_with_the_seal(fresh_server):
    first = fresh_server.session().get_credentials()
    lost = first.access_key
    second = fresh_server.client("iam").create_access_key(UserName="Administrator")["AccessKey"]
    old = [second, {"AccessKeyId": lost, "SecretAccessKey": first.secret_key}]
    credentials = fresh_server.data / "credentials"
    credentials.unlink()
    assert fresh_server.stop() == 0
    text = succeeded(on(fresh_server, "credentials", "reset"))
    assert set(re.findall(r"deleted: (AKIA\w+)", text)) == {lost, second["AccessKeyId"]}
    assert f"the access key of Administrator in account {ACCOUNT} is in {credentials}" in text
    assert stat.S_IMODE(credentials.stat().st_mode) == 0o600
    secret = re.search(r"aws_secret_access_key = (\S+)", credentials.read_text())[1]
    assert secret not in text and "again" not in text and "attached" not in text
    fresh_server.start()
    new = fresh_server.session().get_credentials().access_key
    assert fresh_server.client("sts").get_caller_identity()["Arn"].endswith(":user/Administrator")
    keys = fresh_server.client("iam").list_access_keys(UserName="Administrator")["AccessKeyMetadata"]
    assert [key["AccessKeyId"] for key in keys] == [new]
    for key in old:
        with pytest.raises(botocore.exceptions.ClientError, match="InvalidClientTokenId"):
            fresh_server.client("iam", key).list_users()
    record, = events(fresh_server.client("cloudtrail"), EventName="ResetCredentials")
    assert record["eventType"] == "AwsServiceEvent" and record["readOnly"] is False
    assert record["userIdentity"]["accountId"] == ACCOUNT
    told = record["responseElements"]
    assert told["accessKeyId"] == new and set(told["deletedAccessKeyIds"]) == {lost, second["AccessKeyId"]}
    assert (told["userCreated"], told["policyAttached"]) == (False, False)
    assert secret not in json.dumps(record)


@pytest.mark.parametrize("is_gone", [False, True])
def test_an_administrator_without_rights_gets_them_back(fresh_server, is_gone):
    iam = fresh_server.client("iam")
    iam.create_user(UserName="other")
    iam.attach_user_policy(UserName="other", PolicyArn=POLICY)
    other = fresh_server.client("iam", iam.create_access_key(UserName="other")["AccessKey"])
    other.detach_user_policy(UserName="Administrator", PolicyArn=POLICY)
    if is_gone:
        for key in other.list_access_keys(UserName="Administrator")["AccessKeyMetadata"]:
            other.delete_access_key(UserName="Administrator", AccessKeyId=key["AccessKeyId"])
        other.delete_user(UserName="Administrator")
    assert fresh_server.stop() == 0
    text = succeeded(on(fresh_server, "credentials", "reset"))
    assert ("the user Administrator was gone and is made again" in text) == is_gone
    assert "the policy AdministratorAccess was not attached and is" in text
    fresh_server.start()
    iam = fresh_server.client("iam")
    assert iam.get_user()["User"]["UserName"] == "Administrator"
    entities = iam.list_entities_for_policy(PolicyArn=POLICY)["PolicyUsers"]
    assert {entity["UserName"] for entity in entities} == {"Administrator", "other"}
    iam.create_user(UserName="third")


def test_what_keeps_the_administrator_out_is_taken_away_as_root(fresh_server):
    iam = fresh_server.client("iam")
    everything = {"Version": "2012-10-17", "Statement": {"Effect": "Deny", "Action": "*", "Resource": "*"}}
    iam.put_user_policy(UserName="Administrator", PolicyName="out", PolicyDocument=json.dumps(everything))
    assert fresh_server.stop() == 0
    succeeded(on(fresh_server, "credentials", "reset"))
    fresh_server.start()
    with pytest.raises(botocore.exceptions.ClientError, match="AccessDenied.*explicit deny"):
        fresh_server.client("iam").list_users()
    for deleted in (0, 1):
        assert fresh_server.stop() == 0
        text = succeeded(on(fresh_server, "credentials", "reset", "--root"))
        assert f"the access key of root in account {ACCOUNT} is in {fresh_server.data / 'credentials'}" in text
        assert len(re.findall(r"deleted: (AKIA\w+)", text)) == deleted
        fresh_server.start()
    assert fresh_server.client("sts").get_caller_identity()["Arn"] == f"arn:aws:iam::{ACCOUNT}:root"
    root = fresh_server.client("iam")
    root.delete_user_policy(UserName="Administrator", PolicyName="out")
    made = root.create_access_key(UserName="Administrator")["AccessKey"]
    new = fresh_server.session().get_credentials().access_key
    assert [key["AccessKeyId"] for key in root.list_access_keys()["AccessKeyMetadata"]] == [new]
    root.delete_access_key(AccessKeyId=new)
    with pytest.raises(botocore.exceptions.ClientError, match="InvalidClientTokenId"):
        root.list_users()
    administrator = fresh_server.client("iam", made)
    assert administrator.list_users()["Users"]
    records = events(fresh_server.client("cloudtrail", made), EventName="ResetCredentials")
    assert sorted(record["responseElements"]["userName"] for record in records) == ["Administrator", "root", "root"]
