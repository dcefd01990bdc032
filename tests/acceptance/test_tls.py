"""TLS by configuration: calls, what the audit log says of them, and a certificate that changes."""

import datetime
import json
import os
import socket
import ssl
import subprocess
import time
import urllib.parse

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from conftest import Server, binary

NAME = "localhost"


class Authority:
    """Issues certificates for localhost into the files that the server reads."""

    def __init__(self, directory):
        self.directory = directory
        self.key = ec.generate_private_key(ec.SECP256R1())
        self.certificate = self.issue("authority", self.key, ca=True)
        self.bundle = directory / "ca.pem"
        self.bundle.write_bytes(pem(self.certificate))

    def issue(self, name, key, ca=False):
        now = datetime.datetime.now(datetime.timezone.utc)
        subject = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)])
        issuer = subject if ca else self.certificate.subject
        built = (x509.CertificateBuilder().subject_name(subject).issuer_name(issuer)
                 .public_key(key.public_key()).serial_number(x509.random_serial_number())
                 .not_valid_before(now - datetime.timedelta(hours=1)).not_valid_after(now + datetime.timedelta(days=1))
                 .add_extension(x509.BasicConstraints(ca=ca, path_length=None), critical=True))
        if not ca:
            built = built.add_extension(x509.SubjectAlternativeName([x509.DNSName(NAME)]), critical=False)
        return built.sign(self.key, hashes.SHA256())

    def renew(self) -> int:
        """Writes a new certificate and key, and returns the certificate's serial number."""
        key = ec.generate_private_key(ec.SECP256R1())
        certificate = self.issue(NAME, key)
        (self.directory / "tls.pem").write_bytes(pem(certificate))
        (self.directory / "tls.key").write_bytes(key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()))
        return certificate.serial_number


def pem(certificate) -> bytes:
    return certificate.public_bytes(serialization.Encoding.PEM)


class TlsServer(Server):
    def __init__(self, directory):
        self.authority = Authority(directory)
        self.serial = self.authority.renew()
        config = directory / "tls.toml"
        config.write_text(f'[tls]\ncertificate = "{directory}/tls.pem"\nkey = "{directory}/tls.key"\n')
        super().__init__(directory, "--config", str(config))
        assert self.url.startswith("https://")
        self.port = urllib.parse.urlparse(self.url).port
        self.url = f"https://{NAME}:{self.port}"

    def client(self, service, key=None):
        return self.session(key).client(service, endpoint_url=self.url, verify=str(self.authority.bundle))

    def connect(self, **versions) -> ssl.SSLSocket:
        context = ssl.create_default_context(cafile=str(self.authority.bundle))
        for name, version in versions.items():
            setattr(context, name, version)
        plain = socket.create_connection(("127.0.0.1", self.port), timeout=60)
        return context.wrap_socket(plain, server_hostname=NAME)

    def served(self) -> int:
        """The serial number of the certificate that a new connection gets."""
        with self.connect() as connection:
            return x509.load_der_x509_certificate(connection.getpeercert(binary_form=True)).serial_number

    def hang_up(self, expected: str):
        """Sends SIGHUP and waits for the log to say what came of it."""
        before = self.log_text().count(expected)
        self.process.send_signal(1)
        deadline = time.monotonic() + 60
        while self.log_text().count(expected) == before:
            assert time.monotonic() < deadline, self.log_text()
            time.sleep(0.02)


@pytest.fixture
def tls(tmp_path):
    running = TlsServer(tmp_path)
    yield running
    if running.process.poll() is None:
        running.kill()


def test_calls_over_tls_are_answered_and_recorded_with_its_details(tls):
    tls.client("kms").create_key()
    found = tls.client("cloudtrail").lookup_events(
        LookupAttributes=[{"AttributeKey": "EventName", "AttributeValue": "CreateKey"}])["Events"]
    details = json.loads(found[0]["CloudTrailEvent"])["tlsDetails"]
    assert details["tlsVersion"] == "TLSv1.3" and details["clientProvidedHostHeader"] == NAME
    assert details["cipherSuite"].startswith("TLS13_") or details["cipherSuite"].startswith("TLS_")
    assert tls.stop() == 0


@pytest.mark.parametrize("named, status", [
    ({"AWS_CA_BUNDLE": "ours"}, 0),
    ({"SSL_CERT_FILE": "ours"}, 0),
    ({"AWS_CA_BUNDLE": "ours", "SSL_CERT_FILE": "another"}, 0),
    ({"AWS_CA_BUNDLE": "another", "SSL_CERT_FILE": "ours"}, 1),
    ({"AWS_CA_BUNDLE": "another", "STRONGROOM_CA_FILE": "ours"}, 0),
    ({"AWS_CA_BUNDLE": "ours", "STRONGROOM_CA_FILE": "another"}, 1),
    ({}, 1),
])
def test_subcommands_trust_the_authorities_of_the_environment(tls, tmp_path, named, status):
    (tmp_path / "another").mkdir()
    files = {"ours": tls.authority.bundle, "another": Authority(tmp_path / "another").bundle}
    kept = {name: value for name, value in os.environ.items()
            if name not in ("AWS_CA_BUNDLE", "SSL_CERT_FILE", "STRONGROOM_CA_FILE") and not name.startswith("AWS_")}
    environment = kept | {name: str(files[value]) for name, value in named.items()}
    command = [str(binary()), "doctor", "--endpoint", tls.url, "--data", str(tls.data)]
    asked = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60)
    assert asked.returncode == status, asked.stdout + asked.stderr
    assert ("certificate" in asked.stderr) == (status == 1), asked.stderr


def test_what_is_not_tls_gets_nothing(tls):
    with socket.create_connection(("127.0.0.1", tls.port), timeout=60) as plain:
        plain.sendall(b"GET /health/live HTTP/1.1\r\nHost: x\r\n\r\n")
        assert not plain.recv(1024).startswith(b"HTTP/")
    with pytest.raises((ssl.SSLError, OSError)):
        tls.connect(maximum_version=ssl.TLSVersion.TLSv1_1, minimum_version=ssl.TLSVersion.TLSv1)
    assert tls.connect(maximum_version=ssl.TLSVersion.TLSv1_2).version() == "TLSv1.2"


def test_a_new_certificate_is_served_without_a_restart(tls):
    assert tls.served() == tls.serial
    with tls.connect() as before:
        renewed = tls.authority.renew()
        assert tls.served() == tls.serial, "nothing is read before it is asked for"
        tls.hang_up("the TLS certificate was read anew")
        assert tls.served() == renewed != tls.serial
        before.sendall(b"GET /health/live HTTP/1.1\r\nHost: x\r\n\r\n")
        assert before.recv(1024).startswith(b"HTTP/1.1 200 ")
    assert tls.client("sts").get_caller_identity()["Account"]


@pytest.mark.parametrize("file", ["tls.pem", "tls.key"])
def test_a_certificate_that_cannot_be_used_does_not_replace_the_old_one(tls, file):
    broken = tls.directory / file
    good = {name: (tls.directory / name).read_bytes() for name in ("tls.pem", "tls.key")}
    tls.authority.renew()
    of_another_pair = broken.read_bytes()
    for name, content in good.items():
        (tls.directory / name).write_bytes(content)
    for content in (b"", b"not PEM", good[file][:-60], of_another_pair, None):
        if content is None:
            broken.unlink()
        else:
            broken.write_bytes(content)
        tls.hang_up("the new TLS certificate cannot be used; the old one stays")
        assert tls.served() == tls.serial
    broken.write_bytes(good[file])
    tls.hang_up("the TLS certificate was read anew")
    assert tls.stop() == 0


def test_without_tls_a_hangup_changes_nothing(fresh_server):
    fresh_server.process.send_signal(1)
    deadline = time.monotonic() + 60
    while "there is no TLS certificate to read anew" not in fresh_server.log_text():
        assert time.monotonic() < deadline
        time.sleep(0.02)
    assert fresh_server.get("/health/ready")[0] == 200
