"""Writes the cases in this directory with botocore's signer.

Run it by hand with botocore installed (`python3 generate.py`); the cases are committed.
Each case is a directory: `request.http` (request line, headers, empty line, body) and
`canonical.txt`, the canonical request as botocore built it.
"""

import datetime
import pathlib
from unittest import mock

import botocore.auth
import botocore.awsrequest
import botocore.compat
import botocore.credentials

HERE = pathlib.Path(__file__).parent
KEY = "AKIDEXAMPLEEXAMPLE00"
SECRET = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"
NOW = datetime.datetime(2015, 8, 30, 12, 36, 0)
HOST = "example.amazonaws.com"

QUOTED = "arn%3Aaws%3Asagemaker%3Aus-east-1%3A111122223333%3Afeature-group%2Fweather"
FORM = "application/x-www-form-urlencoded; charset=utf-8"

# name: (method, path and query, headers, body, token, presigned)
CASES = {
    "json-target": ("POST", "/", {"X-Amz-Target": "TrentService.Encrypt",
                    "Content-Type": "application/x-amz-json-1.1"}, b'{"KeyId":"a"}', None, False),
    "json-session-token": ("POST", "/", {"X-Amz-Target": "TrentService.ListKeys"}, b"{}",
                           "IQoJb3JpZ2luX2VjEXAMPLE//////////==", False),
    "query-form": ("POST", "/", {"Content-Type": FORM},
                   b"Action=ListUsers&Version=2010-05-08", None, False),
    "query-get": ("GET", "/?Action=GetCallerIdentity&Version=2011-06-15", {}, b"", None, False),
    "rest-record": ("GET", "/FeatureGroup/weather?RecordIdentifierValueAsString=JFK%232013-01-01"
                    "%20T&FeatureName=wind&FeatureName=temp", {}, b"", None, False),
    "rest-arn-label": ("GET", "/FeatureGroup/" + QUOTED, {}, b"", None, False),
    "rest-put": ("PUT", "/FeatureGroup/weather", {"Content-Type": "application/json"},
                 '{"Record":[{"FeatureName":"städt","ValueAsString":"ß"}]}'.encode(), None, False),
    "path-empty-segments": ("GET", "//example//", {}, b"", None, False),
    "path-dot-segments": ("GET", "/a/./b/../c", {}, b"", None, False),
    "path-unreserved": ("GET", "/-._~0123456789abcXYZ", {}, b"", None, False),
    "path-space": ("GET", "/example%20space/", {}, b"", None, False),
    "path-utf8": ("GET", "/%E1%88%B4", {}, b"", None, False),
    "query-order": ("GET", "/?Param2=value2&Param1=value1&Param1=Value1", {}, b"", None, False),
    "query-empty-value": ("GET", "/?a=&b=1", {}, b"", None, False),
    "query-utf8": ("GET", "/?%E1%88%B4=bar", {}, b"", None, False),
    "header-spaces": ("POST", "/", {"My-Header1": "  a   b   c  ", "My-Header2": '"a   b   c"'},
                      b"", None, False),
    "header-payload-hash": ("POST", "/", {"X-Amz-Content-SHA256":
                            "44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a"},
                            b"{}", None, False),
    "presigned-get": ("GET", "/?Action=GetCallerIdentity&Version=2011-06-15", {}, b"",
                      None, True),
    "presigned-session-token": ("GET", "/?Action=GetCallerIdentity&Version=2011-06-15", {}, b"",
                                "IQoJb3JpZ2luX2VjEXAMPLE//////////==", True),
    "presigned-path": ("GET", "/FeatureGroup/" + QUOTED + "?RecordIdentifierValueAsString=a%2Fb",
                       {}, b"", None, True),
}


class Clock(datetime.datetime):
    @classmethod
    def utcnow(cls):
        return NOW

    @classmethod
    def now(cls, tz=None):
        return NOW.replace(tzinfo=tz)


def write(name, case):
    method, target, headers, body, token, presigned = case
    request = botocore.awsrequest.AWSRequest(
        method=method, url=f"https://{HOST}{target}", headers=headers, data=body)
    credentials = botocore.credentials.Credentials(KEY, SECRET, token)
    signer = botocore.auth.SigV4QueryAuth if presigned else botocore.auth.SigV4Auth
    auth = signer(credentials, "kms", "us-east-1")
    canonical = []
    build = auth.canonical_request

    def keep(signed):
        canonical.append(build(signed))
        return canonical[-1]

    auth.canonical_request = keep
    with mock.patch("botocore.auth.get_current_datetime", lambda *a, **k: NOW, create=True), \
            mock.patch("botocore.auth.datetime", mock.Mock(datetime=Clock), create=True), \
            mock.patch("botocore.compat.get_current_datetime", lambda *a, **k: NOW, create=True):
        auth.add_auth(request)
    url = botocore.compat.urlsplit(request.url)
    line = url.path + (f"?{url.query}" if url.query else "")
    lines = [f"{method} {line} HTTP/1.1", f"host: {HOST}"]
    lines += [f"{key}: {value}" for key, value in request.headers.items()]
    folder = HERE / name
    folder.mkdir(exist_ok=True)
    (folder / "request.http").write_bytes("\n".join(lines).encode() + b"\n\n" + body)
    (folder / "canonical.txt").write_text(canonical[-1])


for name, case in CASES.items():
    write(name, case)
