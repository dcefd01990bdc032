"""Bad input: AWS's error in the right shape, and the server lives on."""

import json
import re
import select
import socket
import time
import urllib.parse

import pytest

import raw
from conftest import Server


@pytest.fixture(scope="module")
def key(server):
    credentials = server.session().get_credentials()
    return {"AccessKeyId": credentials.access_key, "SecretAccessKey": credentials.secret_key}


@pytest.fixture(autouse=True)
def lives_on(server):
    yield
    assert server.get("/health/live")[0] == 200


def kms(server, key, body: bytes, operation="CreateKey"):
    return raw.exchange(server, raw.request(server, "kms", operation, body, key))


@pytest.mark.parametrize("operation, body, shown", [
    ("Encrypt", b'{"KeyId": "x"}', "Value at 'plaintext'"),
    ("Sign", b'{"KeyId": "x", "SigningAlgorithm": "ECDSA_SHA_256"}', "Value at 'message'"),
    ("Decrypt", b"{}", "Value null at 'ciphertextBlob'"),
])
def test_of_a_sensitive_member_it_is_not_said_that_it_is_missing(server, key, operation, body, shown):
    answer = kms(server, key, body, operation)
    text = f"1 validation error detected: {shown} failed to satisfy constraint: Member must not be null"
    assert answer.json() == {"__type": "ValidationException", "message": text}


@pytest.mark.parametrize("body", [
    b"{", b"[]", b"null", b'"x"', b'{"Description": "\xff"}', b'{"Description": 5}',
    b'{"Tags": {"a": 1}}', b'{"Description": "a", "Description": "b"}',
    b'{"a":' * 400 + b"1" + b"}" * 400, b"\x00" * 10, b'{"Description": "\\ud800"}'])
def test_malformed_bodies_are_serialization_errors(server, key, body):
    answer = kms(server, key, body)
    assert (answer.status, answer.code()) == (400, "SerializationException")


def test_unknown_members_are_ignored_as_at_aws(server, key):
    assert kms(server, key, b'{"Unheard": {"of": 1}}').status == 200


def test_constraint_violations_are_all_listed(server, key):
    answer = kms(server, key, json.dumps({"KeySpec": "X", "Description": "d" * 8193}).encode())
    assert answer.code() == "ValidationException"
    assert answer.json()["message"].startswith("2 validation errors detected: Value ")


FORM = {"Content-Type": "application/x-www-form-urlencoded"}


@pytest.mark.parametrize("service, lacking", [
    ("kms", None), ("sagemaker", "CreateTrainingJob"), ("cloudtrail", "CreateEventDataStore"),
    ("organizations", "InviteAccountToOrganization")])
def test_json_operations_that_do_not_exist_here_are_unknown(server, key, service, lacking):
    all_of = [(lacking, "is not available in this deployment")] if lacking else []
    for operation, said in (*all_of, ("MakeCoffee", "does not exist")):
        answer = raw.exchange(server, raw.request(server, service, operation, b"{}", key))
        assert (answer.status, answer.json()["__type"]) == (400, "UnknownOperationException")
        assert answer.json()["message"] == f"operation `{operation}` {said}"
        assert answer.headers["content-type"] == "application/x-amz-json-1.1" and answer.headers["x-amzn-requestid"]
        [record] = recorded(server, operation, service)
        assert record["requestID"] == answer.headers["x-amzn-requestid"] and record["readOnly"] is False
        assert (record["errorCode"], record["errorMessage"]) == ("UnknownOperationException", answer.json()["message"])
        assert record["userIdentity"]["accessKeyId"] == key["AccessKeyId"] and record["requestParameters"] is None


def recorded(server, name: str, service: str) -> list[dict]:
    """The records of `service` whose event has this name."""
    found = server.client("cloudtrail").lookup_events(LookupAttributes=[
        {"AttributeKey": "EventName", "AttributeValue": name}], MaxResults=50)["Events"]
    records = [json.loads(event["CloudTrailEvent"]) for event in found]
    return [record for record in records if record["eventSource"] == f"{service}.amazonaws.com"]


def test_a_service_that_does_not_exist_here_is_named(server, key):
    answer = raw.exchange(server, raw.request(server, "kms", "ListKeys", b"{}", key, signed_as="dynamodb"))
    assert (answer.status, answer.code()) == (400, "InvalidSignatureException")
    assert answer.json()["message"] == ("Credential should be scoped to correct service. "
                                        "The service `dynamodb` is not available in this deployment.")


def test_the_signature_counts_before_the_operation_is_looked_for(server, key):
    forged = raw.exchange(server, raw.request(server, "kms", "InventedByAStranger", b"{}", key | {"SecretAccessKey": "x" * 40}))
    assert (forged.status, forged.code()) == (400, "InvalidSignatureException")
    assert recorded(server, "InventedByAStranger", "kms") == []


@pytest.mark.parametrize("service, version, lacking", [
    ("iam", "2010-05-08", "CreateLoginProfile"), ("sts", "2011-06-15", "AssumeRoot")])
def test_query_operations_that_do_not_exist_here_are_invalid_and_recorded(server, key, service, version, lacking):
    def answer(body):
        return raw.exchange(server, raw.request(server, service, None, body.encode(), key, headers=FORM))

    for operation, said in ((lacking, "is not available in this deployment"), ("MakeCoffee", "Could not find operation")):
        refused = answer(f"Action={operation}&Version={version}")
        assert (refused.status, refused.code()) == (400, "InvalidAction") and said in refused.body.decode()
        assert refused.headers["content-type"] == "text/xml" and b"<Type>Sender</Type>" in refused.body
    assert answer("Action=MakeCoffee&Version=2000-01-01").code() == "InvalidAction"
    assert answer(f"Version={version}").code() == "MissingAction"
    found = server.client("cloudtrail").lookup_events(LookupAttributes=[
        {"AttributeKey": "EventSource", "AttributeValue": f"{service}.amazonaws.com"}], MaxResults=10)["Events"]
    codes = [json.loads(event["CloudTrailEvent"]).get("errorCode") for event in found]
    assert codes.count("InvalidAction") >= 3 and "MissingAction" in codes
    assert {"MakeCoffee", lacking} <= {event["EventName"] for event in found}


@pytest.mark.parametrize("method, path, status", [
    ("POST", "/NoSuchPath", 404), ("GET", "/FeatureGroup/x/Nothing", 404), ("DELETE", "/FeatureGroup", 404),
    ("PATCH", "/FeatureGroup/x", 405)])
def test_paths_that_name_no_operation_are_unknown(server, key, method, path, status):
    refused = raw.exchange(server, raw.request(server, "sagemaker", None, b"", key, path=path, method=method))
    assert (refused.status, refused.headers["x-amzn-errortype"]) == (status, "UnknownOperationException")
    assert refused.json()["Message"] and "__type" not in refused.json()


def changed(server, key, old: bytes, new: bytes) -> raw.Answer:
    """The answer to a signed `ListKeys` whose bytes were changed on the way."""
    data = raw.request(server, "kms", "ListKeys", b"{}", key)
    assert data.count(old) == 1
    return raw.exchange(server, data.replace(old, new))


CLAIM = b"Content-Length: 2\r\n"


@pytest.mark.parametrize("new", [
    CLAIM + b"Transfer-Encoding: chunked\r\n", b"Transfer-Encoding: chunked\r\n" + CLAIM,
    b"Transfer-Encoding: chunked\r\n", b"Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n",
    CLAIM + b"Content-Encoding: gzip\r\n", CLAIM + b"X-Header: y\r\n" * 64,
    CLAIM + b"X: " + b"a" * 40000 + b"\r\n", CLAIM + b"X: " + b"a" * 60000 + b"\r\n"])
def test_ambiguous_or_absurd_heads_of_signed_calls_are_refused(server, key, new):
    assert changed(server, key, CLAIM, CLAIM).status == 200
    answer = changed(server, key, CLAIM, new)
    assert (answer.status, answer.code()) == (400, "SerializationException")


@pytest.mark.parametrize("old, new, status", [
    (CLAIM, CLAIM + b"Content-Length: 3\r\n", 400), (CLAIM, CLAIM + CLAIM, 400),
    (CLAIM, CLAIM + b"content-length: 2\r\n", 400), (CLAIM, b"Content-Length: 2, 2\r\n", 400),
    (CLAIM, CLAIM[:-2] + b"\n", 400), (b"POST / HTTP/1.1\r\n", b"POST / HTTP/1.1\n", 400),
    (CLAIM + b"\r\n", CLAIM + b"\n", 400), (CLAIM, CLAIM + b"X: a\nb\r\n", 400),
    (CLAIM, CLAIM + b"X: a\rb\r\n", 400), (CLAIM, b"Content-Length : 2\r\n", 400), (CLAIM, b"Content-Length: -2\r\n", 400),
    (CLAIM, b"Content-Length: 99999999999999999999999\r\n", 400),
    (CLAIM, CLAIM + b"X: a\r\n b\r\n", 400), (CLAIM, CLAIM + b"X y\r\n", 400),
    (CLAIM, CLAIM + b"X-Header: y\r\n" * 200, 431), (CLAIM, CLAIM + b"X: " + b"a" * 500000 + b"\r\n", 431),
    (b"POST / HTTP/1.1", b"POST /" + b"a" * 66000 + b" HTTP/1.1", 414), (CLAIM, b"Transfer-Encoding: gzip\r\n", 400),
    (b"POST / HTTP/1.1", b"POST / HTTP/0.9", 400), (b"POST / HTTP/1.1", b"P()ST / HTTP/1.1", 400)])
def test_heads_that_are_not_http_are_refused_in_the_shape_of_aws(server, key, old, new, status):
    answer = changed(server, key, old, new)
    assert (answer.status, answer.code()) == (status, "SerializationException")
    assert answer.headers["x-amzn-requestid"] and answer.headers["connection"] == "close"


def test_a_head_that_does_not_arrive_in_time_is_answered(tmp_path):
    config = tmp_path / "s.toml"
    config.write_text("[limits]\nheader_seconds = 5\n")
    slow = Server(tmp_path, "--config", str(config))
    with socket.create_connection(urllib.parse.urlparse(slow.url).netloc.split(":")) as idle:
        idle.settimeout(60)
        answer = raw.exchange(slow, b"POST / HTTP/1.1\r\nHost: x\r\nContent-Le")
        assert (answer.status, answer.code()) == (408, "RequestTimeout")
        assert idle.recv(100) == b""  # nothing was asked, nothing is answered
    assert "refused before authentication" in slow.log_text()
    assert slow.stop() == 0


def test_a_connection_on_which_no_more_is_asked_is_closed(tmp_path):
    """Within the time for idle connections: a head would have much longer."""
    (tmp_path / "s.toml").write_text("[limits]\nheader_seconds = 3600\nidle_seconds = 5\n")
    server = Server(tmp_path, "--config", str(tmp_path / "s.toml"))
    address = urllib.parse.urlparse(server.url)
    with socket.create_connection((address.hostname, address.port), timeout=60) as connection:
        for _ in range(2):
            connection.sendall(b"GET /health/live HTTP/1.1\r\nHost: x\r\n\r\n")
            received = b""
            while not received.endswith(b"ok\n"):
                received += (part := connection.recv(65536))
                assert part, "closed without an answer"
            assert received.startswith(b"HTTP/1.1 200 ")
        assert connection.recv(100) == b""
    assert server.stop() == 0


def test_a_too_large_body_is_refused_before_it_is_sent(server, key):
    data = raw.request(server, "kms", "CreateKey", b"{}", key)
    data = data.replace(b"Content-Length: 2", b"Content-Length: 100000000")
    answer = raw.exchange(server, data[:-2])
    assert (answer.status, answer.code()) == (413, "RequestEntityTooLargeException")


def test_a_truncated_body_is_not_executed(server, key):
    """The half-closed connection is answered, so nothing is still under way when the keys are listed."""
    before = {k["KeyId"] for k in all_keys(server)}
    data = raw.request(server, "kms", "CreateKey", b'{"Description": "truncated"}', key)
    address = urllib.parse.urlparse(server.url)
    with socket.create_connection((address.hostname, address.port), timeout=60) as connection:
        connection.sendall(data[:-5])
        connection.shutdown(socket.SHUT_WR)
        received = b"".join(iter(lambda: connection.recv(65536), b""))
    assert not received.startswith(b"HTTP/1.1 2")
    assert {k["KeyId"] for k in all_keys(server)} == before
    whole = raw.exchange(server, data)
    assert whole.status == 200 and len(all_keys(server)) == len(before) + 1


def all_keys(server):
    pages = server.client("kms").get_paginator("list_keys").paginate()
    return [key for page in pages for key in page["Keys"]]


def test_a_body_that_does_not_arrive_in_time_is_answered(tmp_path):
    config = tmp_path / "s.toml"
    config.write_text("[limits]\nbody_seconds = 1\n")
    slow = Server(tmp_path, "--config", str(config))
    credentials = slow.session().get_credentials()
    key = {"AccessKeyId": credentials.access_key, "SecretAccessKey": credentials.secret_key}
    data = raw.request(slow, "kms", "CreateKey", b'{"Description": "slow"}', key)
    answer = raw.exchange(slow, data[:-5])
    assert (answer.status, answer.code()) == (408, "RequestTimeout")
    assert slow.stop() == 0


def test_many_slow_clients_do_not_stop_others(tmp_path):
    """All but a few of the connections that the server takes are held by clients that send no more.

    A head has an hour here, so that nothing but the bound closes a connection.
    """
    (tmp_path / "s.toml").write_text("[limits]\nconnections = 210\nheader_seconds = 3600\n")
    server = Server(tmp_path, "--config", str(tmp_path / "s.toml"))
    address = urllib.parse.urlparse(server.url)
    slow = [socket.create_connection((address.hostname, address.port)) for _ in range(200)]
    try:
        for connection in slow:
            connection.sendall(b"POST / HTTP/1.1\r\nHost: x\r\nContent-Le")
        assert server.client("sts").get_caller_identity()
        more = [socket.create_connection((address.hostname, address.port)) for _ in range(20)]
        slow += more
        ended, _, _ = select.select(more, [], [], 60)
        assert ended and all(closed(connection) for connection in ended), "the bound was near"
    finally:
        for connection in slow:
            connection.close()
    assert server.stop() == 0


def refused_or_closed(connection) -> bool:
    """Whether what has come is a refusal for want of room, or the end of the connection."""
    try:
        answer = connection.recv(100)
    except ConnectionResetError:
        return True
    return not answer or b" 503 " in answer


def closed(connection) -> bool:
    """Whether the server has closed a connection that it did not take."""
    try:
        return connection.recv(1) == b""
    except ConnectionResetError:
        return True


IDENTIFIED = "?RecordIdentifierValueAsString=a"


@pytest.mark.parametrize("path, status, code", [
    ("/FeatureGroup/..%2f..%2fx" + IDENTIFIED, 400, "ValidationError"),
    ("/FeatureGroup/../x" + IDENTIFIED, 400, "SerializationException"),
    ("/FeatureGroup/a%00b" + IDENTIFIED, 400, "SerializationException"),
    ("/FeatureGroup/" + "x" * 300 + IDENTIFIED, 400, "ValidationError"),
    ("/FeatureGroup/%FF" + IDENTIFIED, 400, "SerializationException"), ("/FeatureGroup/x", 400, "ValidationError"),
    ("/FeatureGroup//" + IDENTIFIED, 404, "UnknownOperationException")])
def test_strange_paths_are_refused(server, key, path, status, code):
    data = raw.request(server, "sagemaker", None, b"", key, path=path, method="GET")
    answer = raw.exchange(server, data)
    assert (answer.status, answer.code()) == (status, code), answer.body


def test_announced_bodies_of_strangers_hold_no_memory(server, key):
    stranger = {"AccessKeyId": "AKIASTRANGERSTRANGER", "SecretAccessKey": "x" * 40}
    body = b"{" + b" " * 64_000
    whole = raw.request(server, "sagemaker", None, body, stranger, path="/FeatureGroup/x", method="PUT")
    head = whole.removesuffix(body)
    assert b"Content-Length: 64001" in head and head.endswith(b"\r\n\r\n")
    address = urllib.parse.urlparse(server.url)
    waiting = [socket.create_connection((address.hostname, address.port)) for _ in range(64)]
    try:
        for connection in waiting:
            connection.sendall(head)
        # Together they have announced eight times what their network may hold.
        answer = raw.exchange(server, whole)
        assert (answer.status, answer.headers["x-amzn-errortype"]) == (403, "UnrecognizedClientException")
        assert kms(server, key, b"{}", operation="ListKeys").status == 200
    finally:
        for connection in waiting:
            connection.close()


def test_a_long_body_under_a_key_that_was_rotated_away_is_told_that(server):
    """What is wrong is the key, not the body; and the key's owner finds it."""
    iam = server.client("iam")
    iam.create_user(UserName="rotated")
    old = iam.create_access_key(UserName="rotated")["AccessKey"]
    iam.update_access_key(UserName="rotated", AccessKeyId=old["AccessKeyId"], Status="Inactive")
    for length in (100, 100_000):
        answer = raw.exchange(server, raw.request(server, "kms", "CreateKey", b" " * length, old))
        assert (answer.status, answer.code()) == (400, "UnrecognizedClientException")
        record = json.loads(server.client("cloudtrail").lookup_events(LookupAttributes=[
            {"AttributeKey": "AccessKeyId", "AttributeValue": old["AccessKeyId"]}])["Events"][0]["CloudTrailEvent"])
        assert (record["eventName"], record["errorCode"]) == ("CreateKey", "UnrecognizedClientException")
        assert record["requestID"] == answer.headers["x-amzn-requestid"]
    put = raw.request(server, "sagemaker", None, b" " * 100_000, old, path="/FeatureGroup/x", method="PUT")
    answer = raw.exchange(server, put)
    assert (answer.status, answer.headers["x-amzn-errortype"]) == (403, "UnrecognizedClientException")


@pytest.mark.parametrize("signed", [True, False])
def test_bodies_of_strangers_take_no_memory_from_callers(tmp_path, signed):
    """Three hundred bodies that never end are more than all memory for bodies, and hold a part of their own only."""
    (tmp_path / "s.toml").write_text("[limits]\nbody_memory = 16777216\nbody_seconds = 3600\n")
    server = Server(tmp_path, "--config", str(tmp_path / "s.toml"))
    address = urllib.parse.urlparse(server.url)
    credentials = server.session().get_credentials()
    key = {"AccessKeyId": credentials.access_key, "SecretAccessKey": credentials.secret_key}
    stranger = {"AccessKeyId": "AKIASTRANGERSTRANGER", "SecretAccessKey": "x" * 40}
    if signed:
        request = raw.request(server, "kms", "ListKeys", b" " * 64_000, stranger)
    else:
        request = (f"POST / HTTP/1.1\r\nHost: {address.netloc}\r\nContent-Type: application/x-www-form-urlencoded\r\n"
                   "Content-Length: 64000\r\n\r\n").encode() + b"a" * 64_000
    waiting = [socket.create_connection((address.hostname, address.port)) for _ in range(300)]
    held = set(waiting)
    try:
        for connection in waiting:
            connection.settimeout(60)
            try:
                connection.sendall(request[:-1_000])
            except ConnectionError:
                held.discard(connection)
        # Which of them are refused is not decided by who came first; room is for some sixteen, or a few more in part.
        deadline = time.monotonic() + 60
        while len(held) > 20 and time.monotonic() < deadline:
            ended, _, _ = select.select(list(held), [], [], 1)
            for connection in ended:
                assert refused_or_closed(connection)
                held.discard(connection)
        assert 0 < len(held) <= 20
        assert kms(server, key, b"{}", operation="ListKeys").status == 200
    finally:
        for connection in waiting:
            connection.close()
    assert server.stop() == 0


def test_an_unreadable_signed_call_is_recorded(server, key):
    assert kms(server, key, b'{"KeyId": ', operation="DescribeKey").code() == "SerializationException"
    found = server.client("cloudtrail").lookup_events(MaxResults=5)["Events"]
    failed = [json.loads(event["CloudTrailEvent"]) for event in found]
    assert any(e["eventName"] == "DescribeKey" and e.get("errorCode") == "SerializationException"
               for e in failed)


def test_grant_tokens_are_never_quoted(server, key):
    token = "secret-grant-token" + "x" * 9000
    answer = kms(server, key, json.dumps({"KeyId": "a", "GrantTokens": [token]}).encode(), operation="DescribeKey")
    assert answer.code() == "ValidationException" and b"secret-grant-token" not in answer.body


def test_a_client_that_does_not_read_its_answers_is_given_up(tmp_path):
    (tmp_path / "s.toml").write_text("[limits]\nwrite_seconds = 1\n")
    slow = Server(tmp_path, "--config", str(tmp_path / "s.toml"))
    credentials = slow.session().get_credentials()
    key = {"AccessKeyId": credentials.access_key, "SecretAccessKey": credentials.secret_key}
    kms_client = slow.client("kms")
    made = kms_client.create_key(Description="d" * 8000)["KeyMetadata"]["KeyId"]
    data = raw.request(slow, "kms", "DescribeKey", json.dumps({"KeyId": made}).encode(), key)
    address = urllib.parse.urlparse(slow.url)
    with socket.socket() as silent:
        silent.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        silent.settimeout(60)
        silent.connect((address.hostname, address.port))
        with pytest.raises((ConnectionResetError, BrokenPipeError)):
            while True:  # fills what the kernel holds, then stalls until the server lets go
                silent.sendall(data)
    assert slow.client("kms").list_keys()["Keys"]
    assert slow.stop() == 0


def test_a_flood_of_denied_calls_is_no_flood_of_the_log(tmp_path):
    """Ten lines a second of one caller and code, and a line for the rest; the counter has them all."""
    server = Server(tmp_path)
    iam = server.client("iam")
    iam.create_user(UserName="flooding")
    key = iam.create_access_key(UserName="flooding")["AccessKey"]
    data = raw.request(server, "sagemaker", None, b"", key, method="GET",
                       path="/FeatureGroup/secret?RecordIdentifierValueAsString=a")
    started = time.monotonic()
    for _ in range(400):
        assert raw.exchange(server, data).status == 403
    seconds = time.monotonic() - started
    deadline = time.monotonic() + 60
    while True:
        log = re.sub(r"\x1b\[[0-9;]*m", "", server.log_text())
        lines = sum("call denied" in line for line in log.splitlines())
        left_out = sum(int(n) for n in re.findall(r"more calls were refused left_out=(\d+)", log))
        if lines + left_out == 400:
            break
        assert lines + left_out < 400 and time.monotonic() < deadline, (lines, left_out)
    # A second of the server's is begun when the first call of it is refused.
    assert 10 <= lines <= 10 * (int(seconds) + 1), (lines, seconds)
    assert server.stop() == 0
