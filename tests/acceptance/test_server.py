"""The server as a program: start, refusals, shutdown, crash, what is on disk."""

import concurrent.futures
import json
import os
import pathlib
import random
import re
import secrets
import shutil
import stat
import subprocess
import time
import urllib.error
import urllib.request

import botocore.exceptions
import pytest

import raw
from conftest import ROOT, Server, binary, free_port, refused_as


def run(*arguments, input=None):
    return subprocess.run([str(binary()), *arguments], capture_output=True, text=True, timeout=120, input=input)


def one_line(done) -> str:
    assert done.returncode != 0
    lines = [line for line in done.stderr.splitlines() if line.startswith("strongroom: ")]
    assert len(lines) == 1, done.stderr
    return lines[0]


def test_help_shows_what_there_is():
    done = run("--help")
    for command in ("serve", "recover", "backup", "restore", "audit", "credentials", "unseal", "account"):
        assert re.search(rf"^  {command} ", done.stdout, re.M), done.stdout
    done = run("serve", "--help")
    for flag in ("--data", "--listen", "--config", "--account"):
        assert flag in done.stdout
    for command in (("audit", "verify"), ("credentials", "reset"), ("recover",)):
        done = run(*command, "--help")
        assert done.returncode == 0 and "--data" in done.stdout and "--key-file" in done.stdout


def test_health_needs_no_signature_and_nothing_else_is_open(server):
    assert server.get("/health/live")[0] == 200
    assert server.get("/health/ready")[0] == 200
    for path in ("/", "/metrics", "/health", "/debug/pprof", "/health/live/x", "/FeatureGroup/x", "/console"):
        assert server.get(path)[0] in (400, 403, 404), path


def test_credentials_are_private_and_the_key_file_is_outside(fresh_server):
    credentials = fresh_server.data / "credentials"
    assert stat.S_IMODE(credentials.stat().st_mode) == 0o600
    key = fresh_server.directory / "data.key"
    assert stat.S_IMODE(key.stat().st_mode) == 0o600
    secret = credentials.read_text().split("aws_secret_access_key = ")[1].strip()
    assert secret not in fresh_server.log_text()


def test_a_directory_in_use_is_refused(fresh_server):
    line = one_line(run("serve", "--data", str(fresh_server.data), "--listen", "127.0.0.1:0"))
    assert "in use" in line


def test_an_address_in_use_is_refused(fresh_server, tmp_path):
    address = fresh_server.url.split("//")[1]
    line = one_line(run("serve", "--data", str(tmp_path / "other"), "--listen", address))
    assert address in line


def test_a_wrong_configuration_is_refused_with_line_and_reason(tmp_path):
    config = tmp_path / "strongroom.toml"
    config.write_text('listen = "127.0.0.1:0"\nlog = { jsn = true }\n')
    line = one_line(run("serve", "--data", str(tmp_path / "data"), "--config", str(config)))
    assert f"{config}:2: unknown field `jsn`" in line


@pytest.mark.parametrize("arguments, said", [
    (["serve", "--listen", "nonsense"], "invalid value 'nonsense' for '--listen <ADDR:PORT>'"),
    (["serve", "--account", "1"], "an account id has exactly 12 digits"),
    (["serve", "--lsten", "127.0.0.1:0"], "unexpected argument '--lsten' found"),
    (["account", "create"], "--name <NAME> --email <ADDRESS>"), (["brew"], "unrecognized subcommand 'brew'")])
def test_a_wrong_command_line_is_refused_in_one_line(arguments, said):
    done = run(*arguments)
    assert done.returncode == 2 and done.stdout == "" and done.stderr.count("\n") == 1, done.stderr
    assert said in one_line(done)


def test_a_command_that_is_not_finished_shows_its_help():
    for arguments, name in ((), "serve"), (("audit",), "verify"), (("credentials",), "reset"), (("account",), "list"):
        done = run(*arguments)
        assert done.returncode == 2 and re.search(rf"^  {name} ", done.stderr, re.M), done


def test_the_wrong_key_file_is_refused(fresh_server, tmp_path):
    assert fresh_server.stop() == 0
    wrong = tmp_path / "wrong.key"
    wrong.write_text(secrets.token_hex(32))
    wrong.chmod(0o600)
    line = one_line(run("serve", "--data", str(fresh_server.data), "--key-file", str(wrong)))
    assert "does not open the seal" in line


def test_a_passphrase_seals_and_opens(tmp_path):
    phrase = tmp_path / "phrase"
    phrase.touch(0o600)
    phrase.write_text("correct horse battery staple\n")
    first = Server(tmp_path, "--passphrase-file", str(phrase))
    key = first.client("kms").create_key()["KeyMetadata"]
    assert first.stop() == 0
    first.start()
    assert first.client("kms").describe_key(KeyId=key["KeyId"])["KeyMetadata"]["Arn"] == key["Arn"]
    assert first.stop() == 0
    assert not (tmp_path / "data.key").exists()


class Sealed:
    """A server whose directory is sealed with a passphrase that it was not given."""

    PHRASE = 'correct "horse" büttery staple'

    def __init__(self, directory, config="", before=None):
        """`before` is called when the directory is there and nobody serves it."""
        self.directory = directory
        phrase = directory / "phrase"
        phrase.touch(0o600)
        phrase.write_text(self.PHRASE + "\n")
        first = Server(directory, "--passphrase-file", str(phrase))
        self.key = first.client("kms").create_key()["KeyMetadata"]
        self.clients = first
        assert first.stop() == 0
        phrase.unlink()
        if before:
            before(self)
        flags = []
        if config:
            (directory / "sealed.toml").write_text(config)
            flags = ["--config", str(directory / "sealed.toml")]
        self.process = subprocess.Popen(
            [str(binary()), "serve", "--data", str(first.data), "--listen", "127.0.0.1:0", *flags],
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        self.lines = []
        self.endpoints = {}
        while "sealed: waiting" not in (self.lines or [""])[-1]:
            line = self.process.stderr.readline()
            assert line, self.lines
            self.lines.append(line)
            if found := re.search(r"(passphrases|sealed).*address=(\S+)", line):
                self.endpoints[found[1]] = "http://" + found[2]
        first.url = self.url = self.endpoints["sealed"]

    def unseal(self, phrase, endpoint=None):
        return subprocess.run(
            [str(binary()), "unseal", "--endpoint", endpoint or self.url],
            input=phrase + "\n", capture_output=True, text=True, timeout=120)

    def post(self, body: bytes, endpoint=None):
        """Status, error code and seconds to wait of one attempt."""
        request = urllib.request.Request((endpoint or self.url) + "/unseal", data=body, method="POST")
        try:
            with urllib.request.urlopen(request, timeout=60) as answer:
                return answer.status, json.load(answer), None
        except urllib.error.HTTPError as refused:
            wait = refused.headers.get("Retry-After")
            assert json.load(refused)["Message"]
            return refused.code, refused.headers["x-amzn-errortype"], wait

    def stop(self):
        self.process.terminate()
        _, rest = self.process.communicate(timeout=60)
        return self.process.returncode, "".join(self.lines) + rest


@pytest.fixture
def sealed(tmp_path):
    running = Sealed(tmp_path)
    yield running
    running.process.kill()


def test_a_sealed_server_answers_health_and_nothing_else(sealed):
    assert sealed.clients.get("/health/live") == (200, "ok\n")
    assert sealed.clients.get("/health/ready") == (503, "sealed\n")
    for service, call in (("kms", "list_keys"), ("iam", "list_users"), ("sagemaker", "list_feature_groups")):
        with pytest.raises(botocore.exceptions.ClientError) as refused:
            getattr(sealed.clients.client(service), call)()
        answer = refused.value.response
        assert answer["Error"]["Code"] == "ServiceUnavailable", service
        assert answer["ResponseMetadata"]["HTTPStatusCode"] == 503
    runtime = sealed.clients.client("sagemaker-featurestore-runtime")
    with pytest.raises(runtime.exceptions.ServiceUnavailable, match="sealed"):
        runtime.get_record(FeatureGroupName="x", RecordIdentifierValueAsString="x")
    line = one_line(run("serve", "--data", str(sealed.clients.data), "--listen", "127.0.0.1:0"))
    assert "in use" in line
    assert sealed.stop()[0] == 0


def test_a_sealed_server_is_opened_by_its_passphrase_alone(sealed):
    wrong = sealed.unseal("wrong horse")
    assert "stays sealed: the passphrase does not open" in one_line(wrong)
    # Whoever goes on being wrong waits longer each time: here until the right one comes too soon for sure.
    deadline = time.monotonic() + 120
    while int(sealed.post(b'{"Passphrase": "wrong horse"}')[2] or 0) < 8:
        assert time.monotonic() < deadline
        time.sleep(0.05)
    body = json.dumps({"Passphrase": sealed.PHRASE}).encode()
    assert sealed.post(body)[:2] == (429, "ThrottlingException")
    assert int(sealed.post(body)[2]) >= 1
    assert sealed.clients.get("/health/ready") == (503, "sealed\n")
    deadline = time.monotonic() + 60
    while "too many attempts" in (opened := sealed.unseal(sealed.PHRASE)).stderr:
        assert time.monotonic() < deadline
        time.sleep(0.1)
    assert (opened.returncode, opened.stdout) == (0, "unsealed\n"), opened.stderr
    assert sealed.clients.get("/health/ready") == (200, "ok\n")
    exports = [sealed.process.stdout.readline() for _ in range(3)]
    assert exports[0] == f"export AWS_ENDPOINT_URL={sealed.url}\n"
    kms = sealed.clients.client("kms")
    assert kms.describe_key(KeyId=sealed.key["KeyId"])["KeyMetadata"]["Arn"] == sealed.key["Arn"]
    assert sealed.post(b"{}")[:2] == (200, {"Sealed": False})
    code, log = sealed.stop()
    assert code == 0
    assert "still sealed" in log and "AccessDeniedException" in log and "unsealed" in log
    assert "horse" not in log


@pytest.mark.parametrize("body, expected", [
    (b"", (400, "ValidationException")), (b"{}", (400, "ValidationException")),
    (b'{"Passphrase": ""}', (400, "ValidationException")),
    (b'{"Passphrase": 5}', (400, "ValidationException")),
    (b'{"Passphrase": "' + b"x" * 2000 + b'"}', (400, "ValidationException")),
    (b"x" * 9000, (400, "ValidationException")),
    (b"x" * (1 << 24), (413, "RequestEntityTooLargeException"))])
def test_what_is_no_passphrase_is_refused_without_an_attempt(sealed_once, body, expected):
    try:
        assert sealed_once.post(body)[:2] == expected
    except (urllib.error.URLError, ConnectionError):
        assert len(body) > 1 << 20  # refused while it was still being sent
    assert sealed_once.clients.get("/health/ready") == (503, "sealed\n")


@pytest.fixture(scope="module")
def sealed_once(tmp_path_factory):
    running = Sealed(tmp_path_factory.mktemp("sealed"))
    yield running
    assert running.stop()[0] == 0


def test_passphrases_are_taken_on_a_listener_of_their_own_if_configured(tmp_path):
    sealed = Sealed(tmp_path, 'unseal_listen = "127.0.0.1:0"\n')
    own = sealed.endpoints["passphrases"]
    body = json.dumps({"Passphrase": sealed.PHRASE}).encode()
    assert sealed.post(body)[:2] == (503, "ServiceUnavailable")
    opened = sealed.unseal(sealed.PHRASE, own)
    assert opened.returncode == 0, opened.stderr
    assert sealed.clients.client("kms").list_keys()["Keys"]
    deadline = time.monotonic() + 60
    with pytest.raises(urllib.error.URLError):
        while time.monotonic() < deadline:  # it closes as soon as its last answer is sent
            sealed.post(body, own)
            time.sleep(0.05)
    assert sealed.stop()[0] == 0


def test_a_store_that_does_not_open_ends_an_unsealed_server(sealed):
    shutil.rmtree(sealed.clients.data / "store")
    (sealed.clients.data / "store").write_text("not a store")
    assert "the server could not be opened" in one_line(sealed.unseal(sealed.PHRASE))
    _, log = sealed.process.communicate(timeout=60)
    assert sealed.process.returncode == 1
    assert len([line for line in log.splitlines() if line.startswith("strongroom: ")]) == 1


def test_a_passphrase_is_not_sent_in_clear_to_another_machine():
    done = run("unseal", "--endpoint", "http://features.example:4700")
    assert "would travel in clear" in one_line(done)


def test_another_account_than_the_directorys_is_refused(fresh_server):
    assert fresh_server.stop() == 0
    line = one_line(run("serve", "--data", str(fresh_server.data), "--listen", "127.0.0.1:0",
                        "--account", "444455556666"))
    assert "belongs to account 111122223333, but the configuration names 444455556666" in line


@pytest.mark.parametrize("certificate", [None, "", "not PEM", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"])
def test_an_unusable_certificate_is_refused_before_anything_is_made(tmp_path, certificate):
    if certificate is not None:
        (tmp_path / "c.pem").write_text(certificate)
    (tmp_path / "k.pem").write_text("")
    (tmp_path / "data").mkdir()
    config = tmp_path / "s.toml"
    config.write_text(f'[tls]\ncertificate = "{tmp_path}/c.pem"\nkey = "{tmp_path}/k.pem"\n')
    one_line(run("serve", "--data", str(tmp_path / "data"), "--listen", "127.0.0.1:0", "--config", str(config)))
    assert not list((tmp_path / "data").iterdir()) and not (tmp_path / "data.key").exists()


def test_a_region_that_the_partition_does_not_have_is_refused(tmp_path):
    line = one_line(run("serve", "--data", str(tmp_path / "data"), "--region", "mars-1"))
    assert "`mars-1` is not a region" in line and not (tmp_path / "data").exists()


def test_no_route_but_the_documented_ones_is_answered_unsigned(server):
    page = (ROOT / "SECURITY.md").read_text()
    exempt = set(re.findall(r"^\| `(GET|POST) (/\S+)` \|", page, re.M))
    assert len(exempt) == 3
    paths = {path for _, path in exempt} | {
        "/", "/health", "/health/", "/health/live/", "/HEALTH/LIVE", "/metrics", "/unseal/", "/debug", "/admin",
        "/?Action=GetCallerIdentity&Version=2011-06-15", "/BatchGetRecord", "/FeatureGroup/x",
        "/FeatureGroup/x?RecordIdentifierValueAsString=a", "//health/live", "/./health/live"}
    answered = set()
    for path in paths:
        for method in ("GET", "POST", "PUT", "DELETE", "HEAD", "OPTIONS", "PATCH", "TRACE", "BREW"):
            answer = raw.exchange(server, (f"{method} {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n"
                                           "Content-Length: 0\r\n\r\n").encode())
            if answer.status < 400:
                answered.add((method, path))
    # This server did not start sealed, so that it takes no passphrases.
    assert answered == exempt - {("POST", "/unseal")}


def test_refusals_before_authentication_are_logged_within_bounds(fresh_server):
    unsigned = b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n"
    started = time.monotonic()
    for _ in range(300):
        assert raw.exchange(fresh_server, unsigned).status == 400
    seconds = time.monotonic() - started
    time.sleep(1.1)
    assert raw.exchange(fresh_server, unsigned).status == 400
    lines = [re.sub(r"\x1b\[[0-9;]*m", "", line) for line in fresh_server.log_text().splitlines()]
    lines = [line for line in lines if "refused before authentication" in line]
    # Ten in each second that a refusal begins, and the last one.
    assert 11 <= len(lines) <= 10 * (int(seconds) + 1) + 1, seconds
    assert len(lines) + sum(int(re.search(r"left_out=(\d+)", line)[1]) for line in lines) == 301
    assert all("WARN" in line and 'peer="127.0.0.1"' in line and "MissingAuthentication" in line
               and re.search(r"request=[0-9a-f-]{36}", line) for line in lines)


def group_of(server, name, **online):
    server.client("sagemaker").create_feature_group(
        FeatureGroupName=name, RecordIdentifierFeatureName="id", EventTimeFeatureName="at",
        FeatureDefinitions=[{"FeatureName": "id", "FeatureType": "String"},
                            {"FeatureName": "at", "FeatureType": "Fractional"},
                            {"FeatureName": "note", "FeatureType": "String"}],
        OnlineStoreConfig={"EnableOnlineStore": True, **online})


def put(runtime, group, identifier, at, note=""):
    runtime.put_record(FeatureGroupName=group, Record=[
        {"FeatureName": "id", "ValueAsString": identifier},
        {"FeatureName": "at", "ValueAsString": str(at)},
        {"FeatureName": "note", "ValueAsString": note}])


def event_time(runtime, group, identifier):
    answer = runtime.get_record(FeatureGroupName=group, RecordIdentifierValueAsString=identifier)
    return int(next((f["ValueAsString"] for f in answer.get("Record", [])
                     if f["FeatureName"] == "at"), "-1"))


def test_everything_is_there_after_a_restart(fresh_server):
    key = fresh_server.client("kms").create_key()["KeyMetadata"]
    group_of(fresh_server, "kept", SecurityConfig={"KmsKeyId": key["Arn"]})
    put(fresh_server.client("sagemaker-featurestore-runtime"), "kept", "a", 7)
    assert fresh_server.stop() == 0
    fresh_server.start()
    assert event_time(fresh_server.client("sagemaker-featurestore-runtime"), "kept", "a") == 7
    names = [e["EventName"] for e in fresh_server.client("cloudtrail").lookup_events()["Events"]]
    assert "CreateFeatureGroup" in names and "CreateKey" in names


@pytest.mark.parametrize("seed", range(4))
def test_nothing_acknowledged_is_lost_when_killed(fresh_server, seed):
    """SIGKILL under concurrent writers, three times; event-time order must hold.

    A worker's records are its own. Half of what it puts is older than what is stored, and must change nothing."""
    chance = random.Random(seed)
    group_of(fresh_server, "crash")
    acknowledged, attempted, done, older = {}, {}, [], 0
    for _ in range(3):
        runtime = fresh_server.client("sagemaker-featurestore-runtime")
        stop_after = chance.uniform(0.05, 0.5)
        before, before_older = len(done), older

        def write(worker):
            nonlocal older
            for _ in range(2000):
                identifier = f"r{chance.randrange(5)}-{worker}"
                at = max(0, attempted.get(identifier, 50) + chance.choice([1, 2, -1, -20]))
                attempted[identifier] = max(at, attempted.get(identifier, -1))
                try:
                    put(runtime, "crash", identifier, at, "x" * chance.randrange(400))
                except (botocore.exceptions.BotoCoreError, botocore.exceptions.ClientError):
                    return
                older += at < acknowledged.get(identifier, -1)
                acknowledged[identifier] = max(at, acknowledged.get(identifier, -1))
                done.append(identifier)

        with concurrent.futures.ThreadPoolExecutor(8) as workers:
            running = [workers.submit(write, worker) for worker in range(8)]
            # Some of both kinds are there before the time runs.
            deadline = time.monotonic() + 60
            while len(done) < before + 8 or older == before_older:
                assert time.monotonic() < deadline
                time.sleep(0.005)
            concurrent.futures.wait(running, timeout=stop_after)
            fresh_server.kill()
        fresh_server.start()
        runtime = fresh_server.client("sagemaker-featurestore-runtime")
        for identifier, at in acknowledged.items():
            stored = event_time(runtime, "crash", identifier)
            assert at <= stored <= attempted[identifier], (identifier, at, stored)
    assert acknowledged and older


def test_no_canary_is_found_on_disk(fresh_server):
    """Identifiers, values, tags, descriptions, names and policy text never show on disk."""
    canaries = {name: f"canary{name}{secrets.token_hex(16)}" for name in
                ("identifier", "value", "tag", "description", "policy", "user", "context", "alias")}
    kms, iam = fresh_server.client("kms"), fresh_server.client("iam")
    key = kms.create_key(Description=canaries["description"],
                         Tags=[{"TagKey": "t", "TagValue": canaries["tag"]}])["KeyMetadata"]
    kms.create_alias(AliasName="alias/" + canaries["alias"], TargetKeyId=key["KeyId"])
    iam.create_user(UserName=canaries["user"])
    iam.put_user_policy(UserName=canaries["user"], PolicyName="p", PolicyDocument=(
        '{"Version":"2012-10-17","Statement":{"Sid":"%s","Effect":"Allow","Action":"*","Resource":"*"}}'
        % canaries["policy"]))
    secret = iam.create_access_key(UserName=canaries["user"])["AccessKey"]["SecretAccessKey"]
    canaries["secret"] = secret
    sealed = kms.encrypt(KeyId=key["KeyId"], Plaintext=canaries["value"].encode(),
                         EncryptionContext={"c": canaries["context"]})
    plain = kms.generate_data_key(KeyId=key["KeyId"], KeySpec="AES_256")["Plaintext"]
    runtime = fresh_server.client("sagemaker-featurestore-runtime")
    for name, config in (("own", {}), ("customer", {"SecurityConfig": {"KmsKeyId": key["Arn"]}})):
        group_of(fresh_server, name, **config)
        put(runtime, name, canaries["identifier"], 5, canaries["value"])
        assert event_time(runtime, name, canaries["identifier"]) == 5
    refused_as("InvalidCiphertextException", kms.decrypt, CiphertextBlob=sealed["CiphertextBlob"])
    needles = [text.encode() for text in canaries.values()] + [plain]
    assert fresh_server.stop() == 0
    for directory, _, files in os.walk(fresh_server.data):
        for name in files:
            if name == "credentials":
                continue
            content = (pathlib.Path(directory) / name).read_bytes()
            for needle in needles:
                assert needle not in content, f"{needle[:16]} in {name}"
    log = (fresh_server.directory / "server.log").read_bytes()
    for needle in (secret.encode(), canaries["value"].encode(), plain):
        assert needle not in log


def test_a_store_that_disappeared_is_not_a_fresh_start(fresh_server):
    assert fresh_server.stop() == 0
    credentials = (fresh_server.data / "credentials").read_text()
    shutil.rmtree(fresh_server.data / "store")
    line = one_line(run("serve", "--data", str(fresh_server.data), "--listen", "127.0.0.1:0"))
    assert "is missing" in line
    assert (fresh_server.data / "credentials").read_text() == credentials


def test_the_first_account_is_on_record(fresh_server):
    found = fresh_server.client("cloudtrail").lookup_events(LookupAttributes=[
        {"AttributeKey": "EventName", "AttributeValue": "CreateFirstAccount"}])["Events"]
    assert len(found) == 1 and found[0]["ReadOnly"] == "false"


def test_an_argument_cannot_forge_a_log_line(server, user):
    iam = server.client("iam", user("forger"))
    forged = "arn:aws:iam::111122223333:policy/x\n2026-01-01 INFO call ALLOWED forged"
    refused_as("ValidationError", iam.delete_policy, PolicyArn=forged)
    refused_as("AccessDenied", iam.get_user, UserName="Administrator")
    assert not [line for line in server.log_text().splitlines() if line.startswith("2026-01-01 INFO")]


def test_metrics_count_what_happens_and_name_nobody(tmp_path):
    port = free_port()
    (tmp_path / "s.toml").write_text(f'[metrics]\nlisten = "127.0.0.1:{port}"\n')
    server = Server(tmp_path, "--config", str(tmp_path / "s.toml"))
    iam = server.client("iam")
    iam.create_user(UserName="secret-name")
    key = iam.create_access_key(UserName="secret-name")["AccessKey"]
    refused_as("AccessDeniedException", server.client("kms", key).create_key, Description="secret-name")
    wrong = key | {"SecretAccessKey": "x" * 40}
    refused_as("InvalidSignatureException", server.client("kms", wrong).list_keys)
    raw.exchange(server, b"GET / HTTP/1.1\nHost: x\n\n")
    raw.exchange(server, raw.request(server, "kms", "secret-name", b"{}", key))

    def scrape():
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=60) as answer:
            return answer.read().decode()

    text, deadline = scrape(), time.monotonic() + 60
    while "strongroom_history_begin_timestamp_seconds 0\n" not in text:
        assert time.monotonic() < deadline, "the history was not looked at"
        time.sleep(0.1)
        text = scrape()
    assert 'strongroom_requests_total{service="iam",operation="CreateUser",result="ok"} 1\n' in text
    assert 'strongroom_requests_total{service="kms",operation="CreateKey",result="client_error"} 1\n' in text
    assert 'strongroom_denied_total{service="kms",operation="CreateKey"} 1\n' in text
    assert 'strongroom_unauthenticated_total{code="InvalidSignatureException"} 1\n' in text
    assert 'strongroom_refused_total{code="SerializationException"} 1\n' in text
    assert 'strongroom_unreadable_total{service="kms",code="UnknownOperationException"} 1\n' in text
    assert re.search(r"^strongroom_request_seconds_count [1-9]", text, re.M)
    for gauge in ("records", "bytes", "oldest_seconds"):
        assert f"strongroom_outbox_{gauge} 0\n" in text
    for name in ("secret-name", "arn:", key["AccessKeyId"], "127.0.0.1"):
        assert name not in text
    taken = run("serve", "--data", str(tmp_path / "other"), "--listen", "127.0.0.1:0", "--config", str(tmp_path / "s.toml"))
    assert str(port) in one_line(taken) and not (tmp_path / "other").exists()
    assert server.stop() == 0


def test_logs_are_json_lines_if_configured(tmp_path):
    (tmp_path / "s.toml").write_text('[log]\njson = true\nfilter = "debug"\n')
    server = Server(tmp_path, "--config", str(tmp_path / "s.toml"))
    server.client("kms").list_keys()
    assert server.stop() == 0
    lines = [json.loads(line) for line in server.log_text().splitlines()]
    assert all({"timestamp", "level", "message", "target"} <= set(line) for line in lines)
    assert any(line["message"] == "answered" and line["request"] and line["status"] == 200 for line in lines)


def test_a_server_without_the_default_region_is_asked_by_its_own_subcommands(tmp_path):
    (tmp_path / "backups").mkdir()
    (tmp_path / "s.toml").write_text(f'regions = ["eu-west-3"]\n[backup]\ndirectory = "{tmp_path}/backups"\n')
    server = Server(tmp_path, "--config", str(tmp_path / "s.toml"))
    try:
        asked = server.client("iam").list_users()["ResponseMetadata"]["RequestId"]
        for command in (["doctor"], ["bucket", "create", "in-the-region-of-the-server"],
                        ["explain", asked, "--region", "us-east-1"], ["backup", "create", "first"]):
            done = subprocess.run([str(binary()), *command], env=server.environment(), capture_output=True, text=True,
                                  timeout=60)
            assert done.returncode == 0, (command, done.stderr)
        listed = server.client("strongroom", region_name="eu-west-3").list_buckets()["Buckets"]
        assert [it["BucketRegion"] for it in listed] == ["eu-west-3"]
        for region in ("us-east-1", "eu-west-1"):
            elsewhere = server.client("strongroom", region_name=region)
            with pytest.raises(botocore.exceptions.ClientError) as refused:
                elsewhere.create_bucket(Bucket="in-a-region-that-is-not-here")
            assert refused.value.response["Error"]["Code"] == "InvalidSignatureException"
            assert "valid region" in refused.value.response["Error"]["Message"]
    finally:
        assert server.stop() == 0


def test_a_place_for_backups_that_cannot_be_used_is_refused_with_its_line(tmp_path):
    config, place, file = tmp_path / "s.toml", tmp_path / "backups", tmp_path / "file"
    file.touch()
    for directory, reason in ((place, "No such file or directory"), (file, "not a directory")):
        config.write_text(f'listen = "127.0.0.1:0"\n[backup]\ndirectory = "{directory}"\n')
        line = one_line(run("serve", "--data", str(tmp_path / "data"), "--config", str(config)))
        assert f"{config}:3: backups cannot be written to `{directory}`: {reason}" in line
        assert not (tmp_path / "data").exists() and not place.exists()
    # Root may write anywhere, unless it gives that up.
    place.mkdir(mode=0o555)
    config.write_text(config.read_text().replace(str(file), str(place)))
    bounded = ["setpriv", "--bounding-set", "-dac_override,-dac_read_search"] if os.getuid() == 0 else []
    done = subprocess.run([*bounded, str(binary()), "serve", "--data", str(tmp_path / "data"), "--config", str(config)],
                          capture_output=True, text=True, timeout=120)
    assert f"backups cannot be written to `{place}`: Permission denied" in one_line(done)
    assert not (tmp_path / "data").exists()
    place.rmdir()
    # What needs no place for backups does not ask for it.
    place.mkdir()
    server = Server(tmp_path, "--config", str(config))
    assert server.stop() == 0
    place.rmdir()
    done = run("audit", "verify", "--data", str(tmp_path / "data"), "--config", str(config))
    assert done.returncode == 0, done.stderr


def test_flags_count_before_variables_and_those_before_the_file(tmp_path, monkeypatch):
    of_file, of_variable, of_flag = ("eu-west-1", "eu-west-2", "eu-west-3")
    (tmp_path / "s.toml").write_text(f'regions = ["{of_file}"]\nlog.filter = "debug"\n')
    flags = ["--config", str(tmp_path / "s.toml")]
    for name, more in ((of_file, []), (of_variable, []), (of_flag, ["--region", of_flag])):
        if name == of_variable:
            monkeypatch.setenv("STRONGROOM_REGIONS", of_variable)
        server = Server(tmp_path, *flags, *more)
        assert server.exports["AWS_DEFAULT_REGION"] == name
        assert server.stop() == 0
