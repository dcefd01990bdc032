"""Starts the real binary on a scratch directory and hands out clients."""

import contextlib
import os
import pathlib
import random
import re
import signal
import socket
import subprocess
import sys
import time
import urllib.request

import boto3
import botocore.config
import botocore.exceptions
import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding
from cryptography.hazmat.primitives.serialization import load_der_public_key

from issuer import Issuer, settings
from outside import SoftHsm

ROOT = pathlib.Path(__file__).resolve().parents[2]
ACCOUNT = "111122223333"
REGION = "us-east-1"
MODELS = pathlib.Path(__file__).parent / "models"
OTHER_REGION = "eu-north-1"
# Seconds after which something that is waited for does not come: far more than it takes beside other work.
DEADLINE = 60
# What a server takes that has both.
REGIONS = ("--region", REGION, "--region", OTHER_REGION)


def settled(kms, key: str) -> dict:
    """The metadata of a key that was just replicated or changed its role, once it is ready."""
    deadline = time.monotonic() + DEADLINE
    while True:
        shown = kms.describe_key(KeyId=key)["KeyMetadata"]
        if shown["KeyState"] not in ("Creating", "Updating"):
            return shown
        assert time.monotonic() < deadline, shown
        time.sleep(0.1)


def imported(kms, material: bytes, **more) -> str:
    """The ARN of a new key of the caller's own material, which does not expire."""
    key = kms.create_key(Origin="EXTERNAL", **more)["KeyMetadata"]["Arn"]
    given = kms.get_parameters_for_import(KeyId=key, WrappingAlgorithm="RSAES_OAEP_SHA_256", WrappingKeySpec="RSA_2048")
    scheme = padding.OAEP(padding.MGF1(hashes.SHA256()), hashes.SHA256(), None)
    kms.import_key_material(
        KeyId=key, ImportToken=given["ImportToken"], ExpirationModel="KEY_MATERIAL_DOES_NOT_EXPIRE",
        EncryptedKeyMaterial=load_der_public_key(given["PublicKey"]).encrypt(material, scheme))
    return key


def refused(call, *arguments, **parameters) -> tuple[str, str]:
    """The code and the message with which a call fails."""
    with pytest.raises(botocore.exceptions.ClientError) as caught:
        call(*arguments, **parameters)
    said = caught.value.response
    return said["Error"]["Code"], said["Error"].get("Message") or said.get("Message", "")


def refused_as(code: str, call, **parameters) -> dict:
    """The answer of a call that fails with `code`."""
    with pytest.raises(botocore.exceptions.ClientError) as caught:
        call(**parameters)
    assert caught.value.response["Error"]["Code"] == code, caught.value
    return caught.value.response


def binary() -> pathlib.Path:
    target = pathlib.Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target"))
    return target / "debug" / "strongroom"


def free_port() -> int:
    """A port that nobody has, of those that the kernel gives nobody: it is still free when it is bound."""
    while True:
        with socket.socket() as probe, contextlib.suppress(OSError):
            probe.bind(("127.0.0.1", random.SystemRandom().randrange(20_000, 32_000)))
            return probe.getsockname()[1]


@contextlib.contextmanager
def closed_port():
    """A port of which every connection is refused, while this lasts: it is taken, and nobody listens."""
    with socket.socket() as holder:
        holder.bind(("127.0.0.1", 0))
        yield holder.getsockname()[1]


@contextlib.contextmanager
def traced(server, *options: str):
    """A server whose system calls strace tampers with, in every thread that it has and makes."""
    tracer = subprocess.Popen(
        ["strace", "-f", "-q", "-o", "/dev/null", "-p", str(server.process.pid), *options],
        stderr=subprocess.PIPE, text=True)
    tasks = pathlib.Path(f"/proc/{server.process.pid}/task")

    def is_traced(task: pathlib.Path) -> bool:
        try:
            return "TracerPid:\t0\n" not in (task / "status").read_text()
        except OSError:
            return True

    try:
        deadline = time.monotonic() + DEADLINE
        while not all(is_traced(task) for task in tasks.iterdir()):
            assert tracer.poll() is None, tracer.stderr.read()
            assert time.monotonic() < deadline
            time.sleep(0.01)
        yield tracer
    finally:
        tracer.terminate()
        tracer.wait(timeout=DEADLINE)
        tracer.stderr.close()


def session_of(**credentials) -> boto3.Session:
    """A session that knows our own service too, of which botocore has no model."""
    session = boto3.Session(region_name=REGION, **credentials)
    session._loader.search_paths.append(str(MODELS))
    return session


class Server:
    """A running strongroom and the clients of its administrator."""

    # The tests call more often than one account, and one principal, may.
    quotas = ("--kms-request-quota-factor", "10000", "--calls-per-second", "100000")
    # All that were ever started.
    processes: list[subprocess.Popen] = []

    def __init__(self, directory: pathlib.Path, *flags: str, env: dict | None = None):
        self.directory = directory
        self.env = env or {}
        self.data = directory / "data"
        self.flags = flags
        self.start()

    def start(self):
        self.log = open(self.directory / "server.log", "ab")
        self.process = subprocess.Popen(
            [str(binary()), "serve", "--data", str(self.data), "--listen", "127.0.0.1:0", *self.quotas,
             "--account", ACCOUNT, *self.flags],
            stdout=subprocess.PIPE, stderr=self.log, text=True, env=os.environ | self.env)
        self.processes.append(self.process)
        self.exports = {}
        for line in self.process.stdout:
            found = re.match(r"export (\w+)=(\S+)", line)
            if found:
                self.exports[found[1]] = found[2]
            if len(self.exports) == 3:
                break
        assert len(self.exports) == 3, f"server did not start: {self.log_text()}"
        self.url = self.exports["AWS_ENDPOINT_URL"]

    def stop(self) -> int:
        self.process.send_signal(signal.SIGTERM)
        code = self.process.wait(timeout=DEADLINE)
        self.process.stdout.close()
        self.log.close()
        return code

    def kill(self):
        self.process.kill()
        self.process.wait(timeout=DEADLINE)
        self.process.stdout.close()
        self.log.close()

    def log_text(self) -> str:
        return (self.directory / "server.log").read_text(errors="replace")

    def environment(self) -> dict:
        """The environment of a shell that ran the three export lines."""
        clean = {k: v for k, v in os.environ.items() if not k.startswith("AWS_")}
        return clean | self.exports

    def session(self, key: dict | None = None) -> boto3.Session:
        if key is None:
            text = pathlib.Path(self.exports["AWS_SHARED_CREDENTIALS_FILE"]).read_text()
            key = {
                "AccessKeyId": re.search(r"aws_access_key_id = (\S+)", text)[1],
                "SecretAccessKey": re.search(r"aws_secret_access_key = (\S+)", text)[1],
            }
        return session_of(aws_access_key_id=key["AccessKeyId"],
                          aws_secret_access_key=key["SecretAccessKey"],
                          aws_session_token=key.get("SessionToken"))

    def client(self, service: str, key: dict | None = None, region_name: str | None = None):
        # LookupEvents is throttled as at AWS: there the SDK waits, everywhere else nothing is tried twice.
        retries = {"max_attempts": 12, "mode": "standard"} if service == "cloudtrail" else {"max_attempts": 1}
        config = botocore.config.Config(retries=retries, read_timeout=2 * DEADLINE)
        return self.session(key).client(service, endpoint_url=self.url, config=config,
                                        region_name=region_name)

    def get(self, path: str) -> tuple[int, str]:
        try:
            with urllib.request.urlopen(self.url + path, timeout=DEADLINE) as answer:
                return answer.status, answer.read().decode()
        except urllib.error.HTTPError as refused:
            return refused.code, refused.read().decode()

    def cli(self, *arguments: str) -> subprocess.CompletedProcess:
        aws = pathlib.Path(sys.executable).parent / "aws"
        return subprocess.run(
            [sys.executable, str(aws), *arguments], env=self.environment(),
            capture_output=True, text=True, timeout=2 * DEADLINE)


def with_backups(directory: pathlib.Path, more: str = "") -> tuple[str, str]:
    """The flags for a configuration with a place for backups, and `more`."""
    backups, config = directory / "backups", directory / "strongroom.toml"
    backups.mkdir()
    config.write_text(f'{more}\n[backup]\ndirectory = "{backups}"\n')
    return "--config", str(config)


def complete_server(directory: pathlib.Path, *flags: str, more: str = "") -> Server:
    """A server with all that some operation needs: two regions, a place for backups, a token."""
    token = SoftHsm(directory)
    flags = (*with_backups(directory, more + token.settings()), *REGIONS, *flags)
    running = Server(directory, *flags, env=token.env)
    running.token = token
    return running


@pytest.fixture(scope="session", autouse=True)
def nothing_is_left_behind():
    """Ends the servers of tests that failed before they did."""
    yield
    for process in Server.processes:
        if process.poll() is None:
            process.kill()
            process.wait(timeout=DEADLINE)


@pytest.fixture(scope="session")
def server(tmp_path_factory):
    directory = tmp_path_factory.mktemp("server")
    issuer = Issuer("https://issuer.example.com", directory / "issuer.jwks")
    running = complete_server(directory, more=settings(issuer))
    running.issuer = issuer
    yield running
    assert running.stop() == 0


@pytest.fixture(scope="session")
def iam(server):
    return server.client("iam")


@pytest.fixture(scope="session")
def kms(server):
    return server.client("kms")


@pytest.fixture(scope="session")
def sagemaker(server):
    return server.client("sagemaker")


@pytest.fixture(scope="session")
def runtime(server):
    return server.client("sagemaker-featurestore-runtime")


@pytest.fixture
def fresh_server(tmp_path):
    running = Server(tmp_path)
    yield running
    if running.process.poll() is None:
        running.kill()


@pytest.fixture
def user(server):
    """A factory of users: `user("name", policy_document)` returns an access key."""
    iam = server.client("iam")
    made = []

    def make(name: str, policy: str | None = None) -> dict:
        iam.create_user(UserName=name)
        made.append(name)
        if policy:
            iam.put_user_policy(UserName=name, PolicyName="inline", PolicyDocument=policy)
        return iam.create_access_key(UserName=name)["AccessKey"]

    yield make
    for name in made:
        for key in iam.list_access_keys(UserName=name)["AccessKeyMetadata"]:
            iam.delete_access_key(UserName=name, AccessKeyId=key["AccessKeyId"])
        for policy in iam.list_user_policies(UserName=name)["PolicyNames"]:
            iam.delete_user_policy(UserName=name, PolicyName=policy)
        iam.delete_user(UserName=name)
