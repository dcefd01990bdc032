"""Signatures: what an SDK would never send."""

import datetime
import json

import botocore.auth
import botocore.awsrequest
import botocore.credentials
import pytest

import raw
from conftest import Server

ACTION = ("kms", "ListKeys", b"{}")


@pytest.fixture(scope="module")
def key(server):
    credentials = server.session().get_credentials()
    return {"AccessKeyId": credentials.access_key, "SecretAccessKey": credentials.secret_key}


def send(server, key, **more):
    return raw.exchange(server, raw.request(server, *ACTION, key, **more))


def test_a_signed_request_is_answered(server, key):
    assert send(server, key).status == 200


def test_an_unsigned_request_is_refused(server):
    body = b"{}"
    answer = raw.exchange(server, (
        "POST / HTTP/1.1\r\nHost: x\r\nX-Amz-Target: TrentService.ListKeys\r\n"
        f"Content-Type: application/x-amz-json-1.1\r\nContent-Length: {len(body)}\r\n\r\n"
    ).encode() + body)
    assert answer.code() == "MissingAuthenticationTokenException"


def test_a_wrong_secret_is_refused(server, key):
    answer = send(server, key | {"SecretAccessKey": "x" * 40})
    assert answer.code() == "InvalidSignatureException"


def test_a_zero_signature_is_refused(server, key):
    data = raw.request(server, *ACTION, key)
    at = data.index(b"Signature=") + len("Signature=")
    answer = raw.exchange(server, data[:at] + b"0" * 64 + data[at + 64:])
    assert answer.code() == "InvalidSignatureException"


def test_an_unknown_access_key_is_refused(server, key):
    answer = send(server, key | {"AccessKeyId": "AKIAAAAAAAAAAAAAAAAA"})
    assert answer.code() == "UnrecognizedClientException"
    assert answer.json()["message"] == "The security token included in the request is invalid."


def test_error_texts_never_show_the_expected_signature(server, key):
    answer = send(server, key | {"SecretAccessKey": "x" * 40})
    assert b"Canonical" not in answer.body and b"String-to-Sign" not in answer.body


@pytest.mark.parametrize("minutes", [-6, 6, -60 * 24 * 365, 60 * 24])
def test_a_request_outside_the_window_is_refused(server, key, minutes):
    date = datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(minutes=minutes)
    assert send(server, key, date=date).code() == "InvalidSignatureException"


@pytest.mark.parametrize("minutes", [-4, 4])
def test_a_request_inside_the_window_is_answered(server, key, minutes):
    date = datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(minutes=minutes)
    assert send(server, key, date=date).status == 200


@pytest.mark.parametrize("name, value, code", [
    ("X-Amz-Target", "TrentService.CreateKey", "IncompleteSignatureException"),
    ("X-Amz-Security-Token", "token", "InvalidSignatureException"),
    ("X-Amz-Anything", "1", "InvalidSignatureException"),
    ("Host", "other", "IncompleteSignatureException"),
    ("Authorization", "AWS4-HMAC-SHA256 Credential=x", "IncompleteSignatureException"),
    ("X-Amz-Date", "20200101T000000Z", "IncompleteSignatureException"),
])
def test_an_unsigned_or_repeated_decisive_header_is_refused(server, key, name, value, code):
    answer = send(server, key, unsigned=[(name, value)])
    assert (answer.status, answer.code()) == (400, code)


def test_a_changed_body_is_refused(server, key):
    data = raw.request(server, *ACTION, key)
    assert raw.exchange(server, data[:-2] + b"[]").code() == "InvalidSignatureException"


def test_a_signed_call_cannot_be_replayed_as_another_operation(server, key):
    data = raw.request(server, *ACTION, key).replace(b"TrentService.ListKeys", b"TrentService.CreateKey")
    assert raw.exchange(server, data).code() == "InvalidSignatureException"


@pytest.mark.parametrize("scope", [{"signed_as": "iam"}, {"region": "eu-west-1"}, {"region": "x" * 30}])
def test_a_scope_of_another_service_or_region_is_refused(server, key, scope):
    answer = send(server, key, **scope)
    assert (answer.status, answer.code()) == (400, "InvalidSignatureException")


@pytest.mark.parametrize("spoofed", ["127.0.0.1", "10.0.0.1"])
def test_a_forwarded_address_is_ignored_without_a_configured_proxy(server, user, spoofed):
    policy = json.dumps({"Version": "2012-10-17", "Statement": {
        "Effect": "Allow", "Action": "kms:*", "Resource": "*",
        "Condition": {"IpAddress": {"aws:SourceIp": "10.0.0.0/8"}}}})
    key = user("elsewhere-" + spoofed.replace(".", "-"), policy)
    answer = send(server, key, unsigned=[("X-Forwarded-For", spoofed)])
    assert answer.code() == "AccessDeniedException"


@pytest.mark.parametrize("forwarded, allowed", [
    ("10.0.0.1", True), ("8.8.8.8, 10.0.0.1", True), ("10.0.0.1, 127.0.0.1", True),
    ("10.0.0.1, 8.8.8.8", False), ("\xff, 8.8.8.8", False), ("\xff, 10.0.0.1", True),
    ("8.8.8.8", False), (None, False)])
def test_a_configured_proxy_is_believed_about_the_last_stranger(behind_proxy, forwarded, allowed):
    server, key = behind_proxy
    answer = send(server, key, unsigned=[("X-Forwarded-For", forwarded)] if forwarded else [])
    assert answer.status == (200 if allowed else 400), answer.body
    found = server.client("cloudtrail").lookup_events(LookupAttributes=[
        {"AttributeKey": "Username", "AttributeValue": "elsewhere"}])["Events"]
    sources = [json.loads(event["CloudTrailEvent"])["sourceIPAddress"] for event in found]
    assert sources[0] == (forwarded or "127.0.0.1").removesuffix(", 127.0.0.1").split(", ")[-1]


@pytest.mark.parametrize("forwarded", ["10.0.0.1, nonsense", "10.0.0.1, \xff", "10.0.0.1,"])
def test_a_proxy_that_names_no_address_is_refused_and_not_taken_for_the_client(behind_proxy, forwarded):
    answer = send(*behind_proxy, unsigned=[("X-Forwarded-For", forwarded)])
    assert answer.status == 400 and b"X-Forwarded-For" in answer.body


@pytest.fixture(scope="module")
def behind_proxy(tmp_path_factory):
    directory = tmp_path_factory.mktemp("proxy")
    (directory / "s.toml").write_text('[proxy]\ntrusted = ["127.0.0.1"]\n')
    server = Server(directory, "--config", str(directory / "s.toml"))
    iam = server.client("iam")
    iam.create_user(UserName="elsewhere")
    iam.put_user_policy(UserName="elsewhere", PolicyName="inline", PolicyDocument=json.dumps({
        "Version": "2012-10-17", "Statement": {
            "Effect": "Allow", "Action": "kms:*", "Resource": "*",
            "Condition": {"IpAddress": {"aws:SourceIp": "10.0.0.0/8"}}}}))
    yield server, iam.create_access_key(UserName="elsewhere")["AccessKey"]
    assert server.stop() == 0


def presigned(server, key, expires, change=lambda url: url):
    request = botocore.awsrequest.AWSRequest(
        method="GET", url=server.url + "/?Action=GetCallerIdentity&Version=2011-06-15")
    credentials = botocore.credentials.Credentials(key["AccessKeyId"], key["SecretAccessKey"])
    botocore.auth.SigV4QueryAuth(credentials, "sts", "us-east-1", expires=expires).add_auth(request)
    path = change(request.url.removeprefix(server.url))
    host = server.url.split("//")[1]
    return raw.exchange(server, f"GET {path} HTTP/1.1\r\nHost: {host}\r\n\r\n".encode())


def test_a_presigned_query_is_answered(server, key):
    answer = presigned(server, key, 60)
    assert answer.status == 200 and b"GetCallerIdentityResult" in answer.body


@pytest.mark.parametrize("expires", [0, -1, 604801])
def test_a_presigned_query_with_a_wrong_lifetime_is_refused(server, key, expires):
    answer = presigned(server, key, expires)
    assert (answer.status, answer.code()) == (400, "IncompleteSignature")


@pytest.mark.parametrize("addition, status, code", [
    ("&X-Amz-Expires=604800", 400, "IncompleteSignature"), ("&x-amz-expires=1", 400, "IncompleteSignature"),
    ("&X-Amz-Signature=00", 400, "IncompleteSignature"), ("&Action=Other", 403, "SignatureDoesNotMatch"),
    ("&a=b", 403, "SignatureDoesNotMatch")])
def test_an_added_query_parameter_is_refused(server, key, addition, status, code):
    answer = presigned(server, key, 60, lambda url: url + addition)
    assert (answer.status, answer.code()) == (status, code)


def test_query_services_answer_in_xml(server):
    answer = raw.exchange(server, (
        b"POST / HTTP/1.1\r\nHost: x\r\nContent-Type: application/x-www-form-urlencoded\r\n"
        b"Content-Length: 42\r\n\r\nAction=GetCallerIdentity&Version=2011-06-15"[:-1]))
    assert answer.status == 403 and answer.code() == "MissingAuthenticationToken"


def test_a_deactivated_or_deleted_key_is_refused_on_the_next_request(server, user):
    key = user("deactivated")
    iam = server.client("iam")
    who = server.client("sts", key)
    assert who.get_caller_identity()["Arn"].endswith(":user/deactivated")
    for status, works in (("Inactive", False), ("Active", True)):
        iam.update_access_key(UserName="deactivated", AccessKeyId=key["AccessKeyId"], Status=status)
        if works:
            who.get_caller_identity()
        else:
            with pytest.raises(who.exceptions.ClientError) as refused:
                who.get_caller_identity()
            assert refused.value.response["Error"]["Code"] == "InvalidClientTokenId"
    iam.delete_access_key(UserName="deactivated", AccessKeyId=key["AccessKeyId"])
    with pytest.raises(who.exceptions.ClientError):
        who.get_caller_identity()
