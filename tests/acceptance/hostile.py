"""What the members of a request can be made to hold, and where in a request they stand."""

import base64
import copy
import itertools
import json
import urllib.parse

import botocore.serialize

from conftest import ACCOUNT
from test_lessons import Draft

# Stands for a value until the request is written.
MARK = "hostileMARKhostile"
OUTSIDE = "999999999999"
# How deep structures are filled that hold themselves.
DEEP = 2


class Json(str):
    """Text that stands in a JSON body as it is."""


class Form(bytes):
    """Bytes that stand in a form or a query as they are, already escaped."""


def values(tag: str, valid: str) -> dict:
    """What may be sent in place of `valid`, by a name for reports. Whatever `tag` fits into has it."""
    other = valid.replace(ACCOUNT, OUTSIDE) if ACCOUNT in valid else f"arn:aws:iam::{OUTSIDE}:role/{tag}"
    return {
        "empty": "", "a space": " ", "one letter": "a", "long": tag + "a" * 5_000, "very long": tag + "a" * 70_000,
        "long in bytes": tag + "\U0001f600" * 300, "NUL": "\0", "NUL behind": tag + "\0", "NUL before": "\0" + tag,
        "NUL behind what is valid": valid + "\0" + tag, "a lone surrogate": "\ud800" + tag,
        "surrogates in the wrong order": tag + "\udc00\ud800", "a path": "../../" + tag, "dots": "..",
        "a root": "/" + tag, "a path behind what is valid": valid + "/../" + tag, "an escaped path": tag + "%2f..%2f..%2f",
        "an escaped NUL": tag + "%00", "quotes": f"'\"`<&>\\;{tag}", "an entity": f"&{tag};<![CDATA[", "a wildcard": "*",
        "wildcards": f"*{tag}?*", "a wildcard behind what is valid": valid + "*", "a variable": "${aws:username}" + tag,
        "an unfinished variable": "${" + tag, "right to left": "\u202e" + tag, "four bytes": "\U0001f600" + tag,
        "the largest character": "\U0010ffff" + tag, "no character": "\ufffe\uffff" + tag, "a byte order mark": "\ufeff" + tag,
        "combining": tag + "e\u0301" * 20, "the Kelvin sign": "\u212a" + tag, "a dotted I": "\u0130" + tag,
        "wide letters": "\uff0e\uff0e\uff0f" + tag, "lines": tag + "\r\nX-Injected: 1\r\n\r\n", "a line": tag + "\n", "escapes": "\x1b[31m" + tag,
        "controls": "\x01\x0b\x7f\x85" + tag, "in capitals": valid.upper(), "with a space": valid + " ", "doubled": valid + valid,
        "another account's": other, "an ARN of nothing": "arn:::::" + tag, "an ARN of another region": f"arn:aws:kms:xx-1:{ACCOUNT}:key/{tag}",
        "a key of another account": f"arn:aws:kms:us-east-1:{OUTSIDE}:key/{tag}", "another account": OUTSIDE,
        "a role of this account": f"arn:aws:iam::{ACCOUNT}:role/../{tag}", "a formatted text": tag + "%s%n{0}{}", "null in words": "null",
        "a large number": "9" * 400, "a negative number": "-1", "not a number": "NaN", "a time that is none": "2026-13-45T99:99:99Z",
        "an unfinished document": '{"' + tag + '":', "an empty document": "{}", "a deep document": "[" * 4_000 + tag,
        "an odd policy": json.dumps({"Version": "2012-10-17", "Statement": {
            "Effect": "Deny", "Action": "s3:" + tag, "Resource": "*\u202e", "Condition": {"StringLike": {"aws:" + tag: ["\0", "${x"]}}}}),
        "a number": Json("5"), "a fraction": Json("1.5e400"), "null": Json("null"), "true": Json("true"), "a list": Json(f'["{tag}"]'),
        "a structure": Json('{"%s": "x"}' % tag), "an empty list": Json("[]"), "deep lists": Json("[" * 300 + "]" * 300),
        "half an escape": Json('"\\u12"'), "an unknown escape": Json(f'"\\x{tag}"'), "a raw control": Json(f'"{tag}\x01"'),
        "no UTF-8": Form(b"%FF%FE" + tag.encode()), "an overlong slash": Form(b"%C0%AF" + tag.encode()),
        "an escaped surrogate": Form(b"%ED%A0%80" + tag.encode()), "half a percent": Form(tag.encode() + b"%"),
        "a bad percent": Form(tag.encode() + b"%zz"), "a second parameter": Form(tag.encode() + b"&" + tag.encode() + b"=1&Action=ListUsers"),
    }


def places(shape, depth=()):
    """The paths to all strings and blobs of a shape: names of members, 0 for elements, and for the
    keys and values of maps `key` and `value`."""
    if shape.type_name in ("string", "blob"):
        yield ()
    elif shape.type_name == "structure":
        for name, member in shape.members.items():
            if depth.count(member.name) < DEEP:
                yield from ((name, *rest) for rest in places(member, (*depth, member.name)))
    elif shape.type_name == "list":
        yield from ((0, *rest) for rest in places(shape.member, depth))
    elif shape.type_name == "map":
        yield ("key",)
        yield from (("value", *rest) for rest in places(shape.value, depth))


def marked(shape, given, path):
    """The input `given` with the mark in the place of `path`, and what was there, if it was text."""
    if not path:
        mark = MARK.encode() if shape.type_name == "blob" else MARK
        return mark, given if isinstance(given, str) else ""
    first, *rest = path
    if shape.type_name == "structure":
        made = dict(given or {})
        made[first], valid = marked(shape.members[first], made.get(first), rest)
    elif shape.type_name == "list":
        made = copy.copy(given) or [None]
        made[0], valid = marked(shape.member, made[0], rest)
    elif first == "key":
        made, valid = {**(given or {}), MARK: some(shape.value)}, ""
    else:
        key, value = next(iter((given or {"a": None}).items()))
        value, valid = marked(shape.value, value, rest)
        made = {**(given or {}), key: value}
    return made, valid


def some(shape):
    """A value of a map."""
    return [] if shape.type_name == "list" else {} if shape.type_name in ("structure", "map") else "x"


def written(model, service_model, url: str, parameters) -> Draft:
    """The unsigned request of a call, as botocore writes it; nothing is checked."""
    serializer = botocore.serialize.create_serializer(service_model.resolved_protocol, include_validation=False)
    request = serializer.serialize_to_request(parameters, model)
    path, _, more = request["url_path"].partition("?")
    query = urllib.parse.parse_qsl(more, keep_blank_values=True)
    for name, given in (request["query_string"] or {}).items():
        query += [(name, str(value)) for value in (given if isinstance(given, list) else [given])]
    body = request["body"]
    if isinstance(body, dict):
        body = urllib.parse.urlencode(body)
    return Draft(request["method"], path, query, {"Host": urllib.parse.urlsplit(url).netloc} | request["headers"],
                 body.encode() if isinstance(body, str) else body)


def filled(draft: Draft, value) -> Draft | None:
    """The draft with `value` where the mark is; none if it cannot stand there."""
    in_target = any(MARK in text for text in (draft.path, *itertools.chain(*draft.query)))
    if not in_target and draft.body.startswith(b"{"):
        return None if isinstance(value, Form) else in_the_document(draft, value)
    if isinstance(value, Json):
        return None
    escaped = value if isinstance(value, Form) else urllib.parse.quote(value, safe="", errors="surrogatepass").encode()
    return in_the_target(draft, escaped) if in_target else with_body(draft, draft.body.replace(MARK.encode(), escaped))


def in_the_document(draft: Draft, value) -> Draft:
    """In a JSON body, where a blob's mark is encoded."""
    text = value if isinstance(value, Json) else json.dumps(value)
    body = draft.body
    for mark in (MARK.encode(), base64.b64encode(MARK.encode())):
        body = body.replace(b'"' + mark + b'"', text.encode())
    return with_body(draft, body)


def with_body(draft: Draft, body: bytes) -> Draft:
    return Draft(draft.method, draft.path, draft.query, draft.headers, body)


def in_the_target(draft: Draft, escaped: bytes) -> Draft:
    """In the path or the query, which is escaped as it is written."""
    value = urllib.parse.unquote_to_bytes(escaped)
    query = [tuple(value if text == MARK else text for text in pair) for pair in draft.query]
    return Draft(draft.method, draft.path.replace(MARK, escaped.decode()), query, draft.headers, draft.body)
