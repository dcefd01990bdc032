"""Signed requests over raw sockets: cheap enough to keep the server busy from Python."""

import datetime
import hashlib
import hmac
import json
import re
import socket
import urllib.parse

REGION = "us-east-1"
TARGETS = {"kms": "TrentService", "sagemaker": "SageMaker",
           "cloudtrail": "com.amazonaws.cloudtrail.v20131101.CloudTrail_20131101"}


class Refused(Exception):
    """The server answered with an error: the call had no effect."""

    def __init__(self, status: int, code: str, text: str):
        super().__init__(f"{status} {code}: {text}")
        self.status, self.code = status, code


class Broken(Exception):
    """No answer: whether the call had an effect is unknown."""


def quote(text: str) -> str:
    return urllib.parse.quote(text, safe="-_.~")


class Client:
    """One connection with one access key; not for several threads."""

    def __init__(self, address: tuple[str, int], key: tuple[str, str], timeout: float = 120):
        self.address, self.key, self.timeout = address, key, timeout
        self.host = f"{address[0]}:{address[1]}"
        self.connection = None
        self.buffer = b""
        self.derived = {}

    def close(self):
        if self.connection:
            self.connection.close()
        self.connection, self.buffer = None, b""

    def _signing_key(self, day: str, service: str) -> bytes:
        if (day, service) not in self.derived:
            key = ("AWS4" + self.key[1]).encode()
            for part in (day, REGION, service, "aws4_request"):
                key = hmac.digest(key, part.encode(), "sha256")
            self.derived[day, service] = key
        return self.derived[day, service]

    def request(self, service, method, path, query, headers, body, agent) -> bytes:
        now = datetime.datetime.now(datetime.timezone.utc).strftime("%Y%m%dT%H%M%SZ")
        signed = {"host": self.host, "x-amz-date": now, **headers}
        names = ";".join(sorted(signed))
        canonical = "\n".join([
            method, path, query, *(f"{name}:{signed[name]}" for name in sorted(signed)), "",
            names, hashlib.sha256(body).hexdigest()])
        scope = f"{now[:8]}/{REGION}/{service}/aws4_request"
        text = "\n".join(["AWS4-HMAC-SHA256", now, scope,
                          hashlib.sha256(canonical.encode()).hexdigest()])
        signature = hmac.digest(
            self._signing_key(now[:8], service), text.encode(), "sha256").hex()
        lines = [f"{method} {path}{'?' + query if query else ''} HTTP/1.1"]
        lines += [f"{name}: {value}" for name, value in signed.items()]
        lines += [f"authorization: AWS4-HMAC-SHA256 Credential={self.key[0]}/{scope}, "
                  f"SignedHeaders={names}, Signature={signature}",
                  f"user-agent: {agent}", f"content-length: {len(body)}", "", ""]
        return "\r\n".join(lines).encode() + body

    def _exchange(self, data: bytes) -> tuple[int, bytes, bytes]:
        try:
            if self.connection is None:
                self.connection = socket.create_connection(self.address, timeout=self.timeout)
                self.connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self.connection.sendall(data)
            head, split, rest = self.buffer.partition(b"\r\n\r\n")
            while not split:
                chunk = self.connection.recv(262144)
                if not chunk:
                    raise Broken("closed")
                self.buffer += chunk
                head, split, rest = self.buffer.partition(b"\r\n\r\n")
            length = int(re.search(rb"(?i)\r\ncontent-length: *(\d+)", head)[1])
            parts, have = [rest], len(rest)
            while have < length:
                chunk = self.connection.recv(262144)
                if not chunk:
                    raise Broken("closed")
                parts.append(chunk)
                have += len(chunk)
            self.buffer = b""
            return int(head[9:12]), head, b"".join(parts)
        except OSError as error:
            self.close()
            raise Broken(str(error)) from error
        except Broken:
            self.close()
            raise

    def send(self, service, method, path, query="", headers=None, body=b"", agent="torture"):
        """Returns the body of the answer, or fails with Refused or Broken."""
        status, head, answer = self._exchange(
            self.request(service, method, path, query, headers or {}, body, agent))
        if status < 300:
            return answer
        # The code is in a header, in JSON or in XML.
        text = (head + b"\n" + answer).decode(errors="replace")
        code = re.search(
            r'"__type": *"(?:[^"#]*#)?(\w+)"|<Code>(\w+)</Code>|x-amzn-errortype: *(\w+)', text)
        raise Refused(status, code[code.lastindex] if code else "", text)

    def json(self, service, operation, agent="torture", **members):
        headers = {"x-amz-target": f"{TARGETS[service]}.{operation}",
                   "content-type": "application/x-amz-json-1.1"}
        answer = self.send(service, "POST", "/", "", headers, json.dumps(members).encode(), agent)
        return json.loads(answer or b"{}")

    def kms(self, operation, agent="torture", **members):
        return self.json("kms", operation, agent, **members)

    def iam(self, action, agent="torture", **members) -> str:
        fields = {"Action": action, "Version": "2010-05-08", **members}
        body = "&".join(f"{name}={quote(value)}" for name, value in fields.items()).encode()
        headers = {"content-type": "application/x-www-form-urlencoded; charset=utf-8"}
        return self.send("iam", "POST", "/", "", headers, body, agent).decode()

    def put_record(self, group, features: dict):
        record = [{"FeatureName": name, "ValueAsString": value} for name, value in features.items()]
        self.send("sagemaker", "PUT", f"/FeatureGroup/{group}", "",
                  {"content-type": "application/json"}, json.dumps({"Record": record}).encode())

    def delete_record(self, group, identifier, event_time):
        query = (f"DeletionMode=SoftDelete&EventTime={quote(event_time)}"
                 f"&RecordIdentifierValueAsString={quote(identifier)}")
        self.send("sagemaker", "DELETE", f"/FeatureGroup/{group}", query)

    def get_record(self, group, identifier) -> dict | None:
        answer = json.loads(self.send(
            "sagemaker", "GET", f"/FeatureGroup/{group}",
            f"RecordIdentifierValueAsString={quote(identifier)}"))
        found = answer.get("Record")
        return found and {one["FeatureName"]: one["ValueAsString"] for one in found}

    def batch_get(self, group, identifiers: list) -> dict:
        """The records that there are, by identifier."""
        asked = [{"FeatureGroupName": group, "RecordIdentifiersValueAsString": identifiers}]
        answer = json.loads(self.send(
            "sagemaker", "POST", "/BatchGetRecord", "", {"content-type": "application/json"},
            json.dumps({"Identifiers": asked}).encode()))
        if answer["Errors"] or answer["UnprocessedIdentifiers"]:
            raise Refused(500, "Partial", json.dumps(answer)[:2000])
        return {one["RecordIdentifierValueAsString"]:
                {each["FeatureName"]: each["ValueAsString"] for each in one["Record"]}
                for one in answer["Records"]}

    def events(self) -> list[dict]:
        """The whole event history, newest first."""
        found, more = [], {}
        while True:
            page = self.json("cloudtrail", "LookupEvents", MaxResults=50, **more)
            found += [json.loads(event["CloudTrailEvent"]) for event in page["Events"]]
            if not page.get("NextToken"):
                return found
            more = {"NextToken": page["NextToken"]}
