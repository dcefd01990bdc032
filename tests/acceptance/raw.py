"""Requests that the SDKs refuse to send."""

import datetime
import hashlib
import json
import socket
import urllib.parse

import botocore.auth
import botocore.awsrequest
import botocore.credentials

TARGETS = {"kms": "TrentService", "sagemaker": "SageMaker", "organizations": "AWSOrganizationsV20161128",
           "cloudtrail": "com.amazonaws.cloudtrail.v20131101.CloudTrail_20131101"}


class Answer:
    def __init__(self, data: bytes):
        head, _, self.body = data.partition(b"\r\n\r\n")
        lines = head.decode("latin-1").split("\r\n")
        self.status = int(lines[0].split(" ")[1]) if lines[0] else 0
        fields = (line.split(": ", 1) for line in lines[1:] if ": " in line)
        self.headers = {name.lower(): value for name, value in fields}

    def json(self):
        return json.loads(self.body)

    def code(self) -> str:
        """The error code, whatever the protocol."""
        if self.body.startswith(b"<"):
            return self.body.split(b"<Code>")[1].split(b"</Code>")[0].decode()
        named = self.headers.get("x-amzn-errortype")
        if "__type" not in (body := self.json()):
            assert named, "an error without a type"
        return body.get("__type", named)


def exchange(server, data: bytes, timeout=60) -> Answer:
    """Sends bytes and reads until the server closes or the answer is complete."""
    address = urllib.parse.urlparse(server.url)
    with socket.create_connection((address.hostname, address.port), timeout=timeout) as connection:
        connection.sendall(data)
        return Answer(answer_on(connection))


def answer_on(connection: socket.socket) -> bytes:
    """The bytes of one answer, which comes in as many parts as it likes."""
    received = b""
    while True:
        chunk = connection.recv(65536)
        received += chunk
        head, split, body = received.partition(b"\r\n\r\n")
        length = [line for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:")]
        if not chunk or (split and length and len(body) >= int(length[0].split(b":")[1])):
            return received


def request(server, service, operation, body: bytes, key, *, region="us-east-1", date=None,
            headers=None, unsigned=None, signed_as=None, path="/", method="POST"):
    """Bytes of a signed JSON 1.1 request, with `unsigned` headers added after signing."""
    headers = dict(headers or {})
    if operation:
        headers.setdefault("X-Amz-Target", f"{TARGETS[service]}.{operation}")
        headers.setdefault("Content-Type", "application/x-amz-json-1.1")
    signed = sign(server, signed_as or service, method, path, body, key, headers, region, date)
    lines = [f"{method} {path} HTTP/1.1"]
    lines += [f"{name}: {value}" for name, value in signed.items()]
    lines += [f"{name}: {value}" for name, value in (unsigned or [])]
    lines += [f"Content-Length: {len(body)}", "", ""]
    return "\r\n".join(lines).encode("latin-1") + body


def sign(server, service, method, path, body, key, headers, region="us-east-1", date=None):
    host = urllib.parse.urlparse(server.url).netloc
    aws = botocore.awsrequest.AWSRequest(
        method=method, url=server.url + path, data=body, headers=dict(headers))
    credentials = botocore.credentials.Credentials(
        key["AccessKeyId"], key["SecretAccessKey"], key.get("SessionToken"))
    auth = botocore.auth.SigV4Auth(credentials, service, region)
    now = date or datetime.datetime.now(datetime.timezone.utc)
    original = botocore.auth.get_current_datetime
    botocore.auth.get_current_datetime = lambda *_, **__: now
    try:
        auth.add_auth(aws)
    finally:
        botocore.auth.get_current_datetime = original
    result = {"Host": host}
    result.update({name: value for name, value in aws.headers.items() if name.lower() != "host"})
    return result


def sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()
