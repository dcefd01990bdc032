"""What the rigs ask of the machine: commands, waiting, and the server as a process."""

import contextlib
import os
import pathlib
import re
import selectors
import shutil
import signal
import subprocess
import time
import urllib.error
import urllib.request

from client import Client

ROOT = pathlib.Path(__file__).resolve().parents[2]
ACCOUNT = "111122223333"


class RigError(Exception):
    """The rig itself could not run."""


class WouldNotStart(Exception):
    """The server refused to start; the text is what it said."""


def target() -> pathlib.Path:
    return pathlib.Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target"))


def run(*command, check=True) -> subprocess.CompletedProcess:
    done = subprocess.run([str(part) for part in command], capture_output=True, text=True)
    if check and done.returncode:
        raise RigError(f"{' '.join(map(str, command))}: {done.stderr.strip()}")
    return done


def wait_until(ready, seconds: float, what: str):
    end = time.monotonic() + seconds
    while not ready():
        if time.monotonic() > end:
            raise RigError(f"waited {seconds} s in vain: {what}")
        time.sleep(0.02)


def spoiled_syncs(scratch: pathlib.Path, how: str) -> tuple[dict, pathlib.Path]:
    """The environment of a server whose syncs are spoiled (sync.c) while the file exists."""
    library, trigger = scratch / "sync.so", scratch / "spoil"
    source = pathlib.Path(__file__).parent / "sync.c"
    run("cc", "-shared", "-fPIC", "-O1", "-o", library, source, "-ldl", "-lpthread")
    return {"LD_PRELOAD": str(library), "TORTURE_SYNC": how,
            "TORTURE_SYNC_IF": str(trigger)}, trigger


class Server:
    """The real binary on `directory`/data, its log in `log`."""

    def __init__(self, binary, directory: pathlib.Path, log: pathlib.Path, environment=None,
                 prefix=(), flags=()):
        self.directory, self.log, self.environment = directory, log, environment or {}
        # The rigs read whole histories, again and again, and call and write faster than one account
        # or one record may.
        config = log.parent / "torture.toml"
        config.write_text(
            "[limits]\nlookups_per_second = 1000\ncalls_per_second = 100000\n"
            "[kms]\nrequest_quota_factor = 10000\n"
            "[feature_store]\nwrite_units_per_record = 10000000\n")
        self.command = [*map(str, prefix), str(binary), "serve", "--data",
                        str(directory / "data"), "--listen", "127.0.0.1:0",
                        "--account", ACCOUNT, "--config", str(config), *flags]
        self.process = None

    def start(self, seconds: float = 60):
        environment = {name: value for name, value in os.environ.items()
                       if not name.startswith(("AWS_", "STRONGROOM_"))}
        with open(self.log, "ab") as log:
            begun = log.tell()
            self.process = subprocess.Popen(
                self.command, stdout=subprocess.PIPE, stderr=log,
                env=environment | self.environment)
        text = self._announcement(time.monotonic() + seconds)
        exports = dict(re.findall(r"^export (\w+)=(\S+)$", text, re.M))
        if len(exports) < 3:
            self.kill()
            said = self.log.read_bytes()[begun:].decode(errors="replace")
            lines = [line for line in said.splitlines() if line.startswith("strongroom: ")]
            raise WouldNotStart(lines[-1] if lines else f"without a reason: {said[-500:]!r}")
        host, port = exports["AWS_ENDPOINT_URL"].removeprefix("http://").rsplit(":", 1)
        self.address = (host, int(port))
        credentials = pathlib.Path(exports["AWS_SHARED_CREDENTIALS_FILE"]).read_text()
        self.key = (re.search(r"aws_access_key_id = (\S+)", credentials)[1],
                    re.search(r"aws_secret_access_key = (\S+)", credentials)[1])
        return self

    def _announcement(self, end: float) -> str:
        text, stdout = b"", self.process.stdout.fileno()
        with selectors.DefaultSelector() as selector:
            selector.register(stdout, selectors.EVENT_READ)
            while text.count(b"\nexport ") + text.startswith(b"export ") < 3 \
                    or not text.endswith(b"\n"):
                if not selector.select(max(0, end - time.monotonic())):
                    break
                chunk = os.read(stdout, 4096)
                if not chunk:
                    break
                text += chunk
        return text.decode()

    def client(self, key=None) -> Client:
        return Client(self.address, key or self.key)

    def health(self, path: str) -> int:
        url = f"http://{self.address[0]}:{self.address[1]}/health/{path}"
        try:
            with urllib.request.urlopen(url, timeout=60) as answer:
                return answer.status
        except urllib.error.HTTPError as refused:
            return refused.code

    def said(self) -> str:
        return self.log.read_text(errors="replace")

    def stop(self) -> int:
        self.process.send_signal(signal.SIGTERM)
        try:
            code = self.process.wait(timeout=60)
        finally:
            self.kill()
        return code

    def kill(self):
        if self.process:
            self.process.kill()
            self.process.wait()
            self.process.stdout.close()
            self.process = None


@contextlib.contextmanager
def serving(*arguments, **named):
    """A server that runs for the block and is dead after it."""
    server = Server(*arguments, **named)
    try:
        server.start()
        yield server
    finally:
        server.kill()


def fresh(directory: pathlib.Path) -> pathlib.Path:
    """An empty directory at `directory`."""
    shutil.rmtree(directory, ignore_errors=True)
    directory.mkdir(parents=True)
    return directory
