"""A test issuer of OpenID Connect tokens: its keys, its key set, and servers that hand it out."""

import base64
import datetime
import hashlib
import hmac
import http.server
import ipaddress
import json
import ssl
import threading
import time

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.x509.oid import NameOID

AUDIENCE = "sts.amazonaws.com"
SUBJECT = "system:serviceaccount:ml:trainer"


def b64(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def number(value: int) -> str:
    return b64(value.to_bytes((value.bit_length() + 7) // 8, "big"))


class Key:
    """An RSA key with an id."""

    def __init__(self, kid: str):
        self.kid = kid
        self.private = rsa.generate_private_key(public_exponent=65537, key_size=2048)

    def jwk(self) -> dict:
        numbers = self.private.public_key().public_numbers()
        return {"kty": "RSA", "use": "sig", "alg": "RS256", "kid": self.kid,
                "n": number(numbers.n), "e": number(numbers.e)}

    def sign(self, data: bytes) -> bytes:
        return self.private.sign(data, padding.PKCS1v15(), hashes.SHA256())


class Issuer:
    """An issuer whose key set is in a file."""

    def __init__(self, url: str, path):
        self.url, self.path = url, path
        self.key = Key("one")
        self.publish(self.key)

    def publish(self, *keys: Key):
        """Replaces the file, as tools that write key sets do."""
        fresh = self.path.with_suffix(".new")
        fresh.write_text(json.dumps({"keys": [key.jwk() for key in keys]}))
        fresh.rename(self.path)

    def claims(self, **changes) -> dict:
        now = int(time.time())
        made = {"iss": self.url, "sub": SUBJECT, "aud": AUDIENCE, "iat": now, "exp": now + 600}
        return {name: value for name, value in (made | changes).items() if value is not None}

    def token(self, key: Key | None = None, header: dict | None = None, **changes) -> str:
        key = key or self.key
        header = {"alg": "RS256", "kid": key.kid} if header is None else header
        signed = ".".join(b64(json.dumps(part).encode()) for part in (header, self.claims(**changes)))
        return f"{signed}.{b64(self.sign(header, key, signed.encode()))}"

    def sign(self, header: dict, key: Key, signed: bytes) -> bytes:
        if header.get("alg") == "none":
            return b""
        if header.get("alg") == "HS256":
            public = key.private.public_key().public_bytes(
                serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
            return hmac.new(public, signed, hashlib.sha256).digest()
        return key.sign(signed)


def certificate(directory, host: str | None = None, hours: int = 1):
    """An authority, and a certificate that it signed, with its key: three PEM files. The certificate is
    for a host, or for 127.0.0.1, and good for so many hours."""
    name = x509.DNSName(host) if host else x509.IPAddress(ipaddress.ip_address("127.0.0.1"))
    now = datetime.datetime.now(datetime.timezone.utc)
    keys = [ec.generate_private_key(ec.SECP256R1()) for _ in range(2)]
    names = [x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)]) for name in ("authority", "issuer")]
    files = []
    for number, file in enumerate(("ca.pem", "idp.pem")):
        made = (
            x509.CertificateBuilder().subject_name(names[number]).issuer_name(names[0])
            .public_key(keys[number].public_key()).serial_number(x509.random_serial_number())
            .not_valid_before(now - datetime.timedelta(hours=1))
            .not_valid_after(now + datetime.timedelta(hours=hours))
            .add_extension(x509.BasicConstraints(ca=number == 0, path_length=None), True)
            .add_extension(x509.SubjectAlternativeName([name]), False)
            .sign(keys[0], hashes.SHA256()))
        (directory / file).write_bytes(made.public_bytes(serialization.Encoding.PEM))
        files.append(directory / file)
    (directory / "idp.key").write_bytes(keys[1].private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()))
    return (*files, directory / "idp.key")


class KeyServer:
    """Hands out what `path` holds over TLS, and notes what it was asked for."""

    def __init__(self, path, chain, private):
        asked = self.asked = []

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self):
                asked.append(self.path)
                body = path.read_bytes()
                self.send_response(200)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(chain, private)
        self.server.socket = context.wrap_socket(self.server.socket, server_side=True)
        self.url = f"https://127.0.0.1:{self.server.server_port}/keys"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def stop(self):
        self.server.shutdown()
        self.server.server_close()


def settings(issuer: Issuer) -> str:
    """What the configuration says of an issuer with a file."""
    return f'[[issuers]]\nurl = "{issuer.url}"\nkeys_file = "{issuer.path}"\n'
