"""Bad input: AWS's error in the right shape, and the server lives on."""

import json
import socket
import time
import urllib.parse

import pytest

import raw


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


def test_unknown_operations_are_named_in_each_protocol(server, key):
    answer = kms(server, key, b"{}", operation="MakeCoffee")
    assert answer.code() == "UnknownOperationException"
    body = b"Action=MakeCoffee&Version=2010-05-08"
    data = raw.request(server, "iam", None, body, key,
                       headers={"Content-Type": "application/x-www-form-urlencoded"})
    answer = raw.exchange(server, data)
    assert (answer.status, answer.code()) == (400, "InvalidAction")
    data = raw.request(server, "sagemaker", None, b"{}", key, path="/NoSuchPath")
    assert raw.exchange(server, data).code() == "UnknownOperationException"


def test_an_operation_that_aws_has_and_we_lack_is_unknown(server, key):
    assert kms(server, key, b"{}", operation="ConnectCustomKeyStore").code() == "UnknownOperationException"


@pytest.mark.parametrize("head", [
    "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\n",
    "POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n",
    "POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n",
    "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: -1\r\n\r\n",
    "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 99999999999\r\n\r\n",
    "POST / HTTP/1.1\r\nHost: x\r\nX: a\r\n b\r\n\r\n",
    "POST / HTTP/1.1\r\n" + "X-Header: y\r\n" * 2000 + "\r\n",
    "POST /" + "a" * 70000 + " HTTP/1.1\r\nHost: x\r\n\r\n",
    "GET / HTTP/0.9\r\n\r\n", "\x16\x03\x01\x02\x00\x01", "BREW /pot HTTP/1.1\r\nHost: x\r\n\r\n"])
def test_ambiguous_or_absurd_heads_are_refused(server, head):
    try:
        answer = raw.exchange(server, head.encode("latin-1"))
        assert 400 <= answer.status < 500 or answer.status == 0
    except (ConnectionResetError, BrokenPipeError):
        pass


def test_a_too_large_body_is_refused_before_it_is_sent(server, key):
    data = raw.request(server, "kms", "CreateKey", b"{}", key)
    data = data.replace(b"Content-Length: 2", b"Content-Length: 100000000")
    answer = raw.exchange(server, data[:-2])
    assert answer.status in (400, 413)


def test_a_truncated_body_is_not_executed(server, key):
    data = raw.request(server, "kms", "CreateKey", b'{"Description": "truncated"}', key)
    address = urllib.parse.urlparse(server.url)
    with socket.create_connection((address.hostname, address.port)) as connection:
        connection.sendall(data[:-5])
    time.sleep(0.2)
    keys = server.client("kms").list_keys()["Keys"]
    descriptions = [server.client("kms").describe_key(KeyId=k["KeyId"])["KeyMetadata"]["Description"]
                    for k in keys[:50]]
    assert "truncated" not in descriptions


def test_many_slow_clients_do_not_stop_others(server):
    address = urllib.parse.urlparse(server.url)
    slow = [socket.create_connection((address.hostname, address.port)) for _ in range(200)]
    try:
        for connection in slow:
            connection.sendall(b"POST / HTTP/1.1\r\nHost: x\r\nContent-Le")
        assert server.client("sts").get_caller_identity()
    finally:
        for connection in slow:
            connection.close()


@pytest.mark.parametrize("path", [
    "/FeatureGroup/..%2f..%2fx?RecordIdentifierValueAsString=a", "/FeatureGroup/a%00b?RecordIdentifierValueAsString=a",
    "/FeatureGroup/" + "x" * 300 + "?RecordIdentifierValueAsString=a",
    "/FeatureGroup/%FF?RecordIdentifierValueAsString=a", "/FeatureGroup/x",
    "/FeatureGroup//?RecordIdentifierValueAsString=a"])
def test_strange_paths_are_refused(server, key, path):
    data = raw.request(server, "sagemaker", None, b"", key, path=path, method="GET")
    answer = raw.exchange(server, data)
    assert 400 <= answer.status < 405, answer.body


def test_announced_bodies_of_strangers_hold_no_memory(server, key):
    stranger = {"AccessKeyId": "AKIASTRANGERSTRANGER", "SecretAccessKey": "x" * 40}
    head = raw.request(server, "sagemaker", None, b"", stranger, path="/FeatureGroup/x", method="PUT")
    head = head.replace(b"Content-Length: 0", b"Transfer-Encoding: chunked")
    address = urllib.parse.urlparse(server.url)
    waiting = [socket.create_connection((address.hostname, address.port)) for _ in range(64)]
    try:
        for connection in waiting:
            connection.sendall(head)
        started = time.monotonic()
        assert kms(server, key, b"{}", operation="ListKeys").status == 200
        assert time.monotonic() - started < 5
    finally:
        for connection in waiting:
            connection.close()


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
