"""Tokens of SoftHSM, and an external key store proxy whose keys are on one."""

import base64
import json
import os
import pathlib
import subprocess

import issuer

ROOT = pathlib.Path(__file__).resolve().parents[2]
MODULE = "/usr/lib/softhsm/libsofthsm2.so"
ACCOUNT = "111122223333"
CLUSTER = "cluster-acceptance22"
PIN = "kmsuser-pin-7"
ENDPOINT = "https://xks.example.com"
PATH = "/tests/kms/xks/v1"
# For how many days the proxy's certificate is good, and an hour.
DAYS = 30


def binary() -> pathlib.Path:
    """The test proxy, built when it is first needed."""
    # Together with the server, so that what both are made of is built once.
    subprocess.run(["cargo", "build", "--quiet", "--package", "strongroom", "--package", "strongroom-testkit",
                    "--features", "strongroom-testkit/proxy"], cwd=ROOT, check=True)
    target = pathlib.Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target"))
    return target / "debug" / "xks-proxy"


class SoftHsm:
    """A directory of tokens with the token `features`, and the certificate that names it."""

    def __init__(self, directory: pathlib.Path):
        subprocess.run([str(ROOT / "scripts" / "debian-packages.sh"), "softhsm2"], check=True)
        self.directory = directory / "hsm"
        (self.directory / "tokens").mkdir(parents=True)
        conf = self.directory / "softhsm2.conf"
        conf.write_text(f"directories.tokendir = {self.directory / 'tokens'}\nobjectstore.backend = file\n")
        self.env = {"SOFTHSM2_CONF": str(conf)}
        self.make("features")
        self.ca, self.certificate, self.key = issuer.certificate(self.directory, "xks.example.com", DAYS * 24 + 1)

    def make(self, label: str):
        self.tool("--init-token", "--free", "--label", label, "--so-pin", "so-pin-1234", "--pin", PIN)

    def delete(self, label: str):
        self.tool("--delete-token", "--token", label)

    def tool(self, *arguments: str):
        subprocess.run(["softhsm2-util", *arguments], env=os.environ | self.env, check=True, capture_output=True)

    @property
    def anchor(self) -> str:
        return self.ca.read_text()

    def settings(self) -> str:
        return (f'[[tokens]]\ncluster = "{CLUSTER}"\naccount = "{ACCOUNT}"\nregion = "us-east-1"\n'
                f'module = "{MODULE}"\nlabel = "features"\ntrust_anchor = "{self.ca}"\ntimeout_ms = 30000\n')

    def store(self, name: str) -> dict:
        """The parameters of a key store on the token."""
        return {"CustomKeyStoreName": name, "CloudHsmClusterId": CLUSTER,
                "TrustAnchorCertificate": self.anchor, "KeyStorePassword": PIN}


class Proxy:
    """A running external key store proxy, in front of a token of its own."""

    def __init__(self, hsm: SoftHsm, client_ca: pathlib.Path | None = None):
        hsm.make("managers")
        self.behaviour = hsm.directory / "behaviour.json"
        self.log = hsm.directory / "proxy.log"
        self.hsm = hsm
        self.credential = credential("A")
        self.behave()
        self.process = subprocess.Popen(
            [str(binary()), MODULE, "managers", PIN, "one,two", str(hsm.certificate), str(hsm.key),
             str(self.behaviour), str(self.log), *([str(client_ca)] if client_ca else [])],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=os.environ | hsm.env)
        self.port = int(self.process.stdout.readline())

    def behave(self, **changes):
        """From now on the proxy is honest, but for these changes."""
        accepted = changes.pop("accepted", [self.credential])
        wanted = {"path": PATH, "keys": {"one": "ENABLED", "two": "ENABLED"}, "mode": "honest",
                  "credentials": {it["AccessKeyId"]: it["RawSecretAccessKey"] for it in accepted}}
        fresh = self.behaviour.with_suffix(".new")
        fresh.write_text(json.dumps(wanted | changes))
        fresh.rename(self.behaviour)

    def asked(self, health: bool = False) -> list[dict]:
        """What it was asked by callers, or of its health by the server of its own accord."""
        lines = [json.loads(line) for line in self.log.read_text().splitlines()]
        return [it for it in lines if (it["requestMetadata"]["kmsOperation"] == "KmsHealthCheck") is health]

    def settings(self, timeout: int = 30000, ca: pathlib.Path | None = None) -> str:
        return (f'[[external_key_stores]]\nendpoint = "{ENDPOINT}"\naccount = "{ACCOUNT}"\n'
                f'address = "127.0.0.1:{self.port}"\nca_file = "{ca or self.hsm.ca}"\ntimeout_ms = {timeout}\n')

    def store(self, name: str) -> dict:
        """The parameters of a key store behind the proxy."""
        return {"CustomKeyStoreName": name, "CustomKeyStoreType": "EXTERNAL_KEY_STORE",
                "XksProxyConnectivity": "PUBLIC_ENDPOINT", "XksProxyUriEndpoint": ENDPOINT,
                "XksProxyUriPath": PATH, "XksProxyAuthenticationCredential": self.credential}

    def stop(self):
        self.process.stdin.close()
        self.process.wait(timeout=60)
        self.process.stdout.close()


def credential(letter: str) -> dict:
    secret = base64.b64encode(letter.encode() * 32).decode()
    return {"AccessKeyId": letter * 20, "RawSecretAccessKey": secret}
