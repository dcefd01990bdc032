"""Hostile values in every string of every operation's input: AWS's error or a success, and nothing else.

Each string of an operation's model, given in the valid call of `test_coverage.py` or not, is replaced by values that
are drawn from `hostile.py`. `make test` draws always the same few; `make hostile` takes all of them, from a new seed.
"""

import collections
import functools
import json
import os
import random
import re
import xml.etree.ElementTree

import pytest

import hostile
import raw
from conftest import ROOT, complete_server, session_of
from issuer import Issuer, settings
from test_coverage import CALLS, NEEDS_NOTHING, UNSIGNED, World
from test_lessons import by_header

SEED = int(os.environ.get("STRONGROOM_SEED") or 1)
# How many values each string is given, of those of `hostile.py`; all of them, if it is more.
DRAWN = int(os.environ.get("STRONGROOM_HOSTILE_VALUES") or 2)
SERVICES = sorted({service for service, _ in CALLS})
# What slows callers down and has no quota that a test can raise: guesses at the seal, listings of the log.
SLOWED_DOWN = {"RewrapSeal", "RotateRootKey", "ExplainRequest", "GetKeyUsage", "DiagnoseFeatureGroups"}
READS = re.compile("Get|List|Describe|Lookup|Search|Simulate|Explain|Diagnose|Verify|Encrypt|Decrypt|Sign|Generate")
# The sections of docs/errors.md that have a service's codes, beside that of all services.
SECTIONS = {"sagemaker": ["SageMaker"], "sagemaker-featurestore-runtime": ["SageMaker Feature Store Runtime"],
            "kms": ["KMS"], "iam": ["IAM and STS"], "sts": ["IAM and STS"], "organizations": ["Organizations"],
            "ram": ["RAM"], "strongroom": ["Strongroom, our own service", "SageMaker"], "cloudtrail": ["CloudTrail"]}

DENIAL = re.compile(r"\S+ +WARN call denied request=\S+ operation=\"\w+\" code=\"\w+\" "
                    r"reason=\"User: (?:[^\x00-\x1f\x7f-\x9f\u2028-\u202e\ufeff]){1,4000}\"")

Case = collections.namedtuple("Case", "service operation place value tag stranger")


class Outcome(collections.namedtuple("Outcome", "case answer")):
    def __str__(self):
        case, answer = self
        place = ".".join(map(str, case.place))
        who = "by a stranger" if case.stranger else ""
        shown = f"{answer.status} {answer.body[:300]!r}" if answer else "no answer"
        return f"{case.service}:{case.operation} {place} = {case.value} {who}: {shown}"


@functools.cache
def model(service):
    return session_of().client(service)._service_model


@functools.cache
def known(service) -> set[str]:
    """The codes that the service's model or the page on errors has for it."""
    page = (ROOT / "docs" / "errors.md").read_text()
    sections = dict(re.findall(r"^## (.+)\n((?:(?!## ).*\n)*)", page, re.MULTILINE))
    rows = "".join(sections[title] for title in ("All services", *SECTIONS[service])).splitlines()
    codes = {code for row in rows if row.startswith("| `")
             for code in re.findall("`(\\w+)`", row.split("|")[1]) + re.findall("IAM and STS say `(\\w+)`", row)}
    shapes = model(service).error_shapes
    return codes | {shape.metadata.get("error", {}).get("code", shape.name) for shape in shapes}


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    directory = tmp_path_factory.mktemp("hostile")
    issuer = Issuer("https://issuer.example.com", directory / "issuer.jwks")
    more = settings(issuer) + "\n[limits]\nfeature_groups = 100000\nunsigned_calls = 10000\nlookups_per_second = 1000\n"
    running = complete_server(directory, more=more)
    running.issuer = issuer
    yield running
    assert running.stop() == 0


class Run:
    """Sends what is drawn, and keeps what came back."""

    def __init__(self, server):
        self.server, self.world, self.random = server, World(server), random.Random(SEED)
        found = server.session().get_credentials()
        self.administrator = {"AccessKeyId": found.access_key, "SecretAccessKey": found.secret_key}
        self.world.iam.create_user(UserName="stranger")
        self.stranger = self.world.iam.create_access_key(UserName="stranger")["AccessKey"]
        self.outcomes = []
        for key in sorted(CALLS | UNSIGNED):
            self.operation(*key)

    def operation(self, service, operation):
        """Replaces every string of the operation's input in turn."""
        shape = model(service).operation_model(operation).input_shape
        places = list(hostile.places(shape)) if shape else []
        valid = None
        for place in places:
            tag = f"hv{self.random.getrandbits(48):012x}"
            valid = self.valid(service, operation) if valid is None else valid
            for value in self.drawn(service, operation, place, tag, valid):
                valid = self.valid(service, operation) if valid is None else valid
                if self.case(Case(service, operation, place, value, tag, self.random.random() < 0.25), valid):
                    valid = None

    def valid(self, service, operation) -> dict:
        return (CALLS | UNSIGNED)[service, operation](self.world)

    def drawn(self, service, operation, place, tag, valid) -> list[str]:
        """Names of values that can stand there."""
        draft, before = self.draft(service, operation, place, valid)
        fit = [name for name, value in hostile.values(tag, before).items() if hostile.filled(draft, value)]
        return self.random.sample(fit, min(DRAWN, len(fit)))

    def draft(self, service, operation, place, valid):
        about = model(service).operation_model(operation)
        parameters, before = hostile.marked(about.input_shape, valid, place)
        return hostile.written(about, model(service), self.server.url, parameters), before

    def case(self, case, valid) -> bool:
        """Whether the call has used up what `valid` names."""
        draft, before = self.draft(case.service, case.operation, case.place, valid)
        draft = hostile.filled(draft, hostile.values(case.tag, before)[case.value])
        if (case.service, case.operation) not in UNSIGNED:
            key = self.stranger if case.stranger else self.administrator
            draft = by_header(draft, case.service, key)
        try:
            answer = raw.exchange(self.server, draft.sent(), timeout=30)
        except (OSError, IndexError):
            answer = None
        self.outcomes.append(Outcome(case, answer if answer and answer.status else None))
        return bool(answer) and answer.status == 200 and not READS.match(case.operation)


@pytest.fixture(scope="module")
def run(server):
    return Run(server)


def wrong(outcome) -> str | None:
    """What is wrong with an answer."""
    case, answer = outcome
    if answer is None:
        return "the connection was dropped"
    if answer.status >= 500 or answer.status < 200 or 300 <= answer.status < 400:
        return "not a success and no fault of the caller's"
    if "x-amzn-requestid" not in answer.headers or "x-injected" in answer.headers:
        return "not the headers of an answer"
    try:
        text = answer.body.decode()
        body = xml.etree.ElementTree.fromstring(text) if text.startswith("<") else json.loads(text or "{}")
        code = None if answer.status < 300 else answer.code()
    except (ValueError, KeyError, IndexError, AssertionError, xml.etree.ElementTree.ParseError) as unreadable:
        return f"not an answer of the protocol: {unreadable}"
    codes = [code] if code else [error["Code"] if "Code" in error else error["ErrorCode"] for error in inner(body)]
    if unknown := set(codes) - known(case.service):
        return f"an error that nobody knows: {unknown}"
    if set(codes) & {"ThrottlingException", "Throttling"} and case.operation not in SLOWED_DOWN:
        return "throttled: the rest of the run shows little"
    if case.stranger and not code and (case.service, case.operation) not in NEEDS_NOTHING | set(UNSIGNED):
        return None if inner(body) else "a stranger was served"
    return None


def inner(body) -> list[dict]:
    """The errors of a batch."""
    return body.get("Errors", []) if isinstance(body, dict) else []


def report(problems) -> str:
    shown = "\n".join(f"{why}: {outcome}" for outcome, why in problems[:30])
    return f"{len(problems)} of them, STRONGROOM_SEED={SEED} STRONGROOM_HOSTILE_VALUES={DRAWN}:\n{shown}"


@pytest.mark.parametrize("service", SERVICES)
def test_hostile_values_have_an_answer_of_aws(run, service):
    problems = [(outcome, why) for outcome in run.outcomes if outcome.case.service == service and (why := wrong(outcome))]
    assert not problems, report(problems)


def test_every_string_of_every_operation_was_replaced(run):
    """And enough was accepted that not everything ended at the first check."""
    reached = collections.Counter((outcome.case.service, outcome.case.operation) for outcome in run.outcomes)
    having = {key for key in CALLS | UNSIGNED
              if (shape := model(key[0]).operation_model(key[1]).input_shape) and any(hostile.places(shape))}
    assert set(reached) == having
    served = sum(1 for outcome in run.outcomes if outcome.answer and outcome.answer.status == 200)
    assert len(run.outcomes) > 1_000 and served > len(run.outcomes) // 20


def test_the_log_quotes_no_value_that_was_refused(server, run):
    """But the line of a denial, which names the resource that was asked for, in one line of bounded length."""
    log = server.log_text()
    refused = {outcome.case.tag: outcome for outcome in run.outcomes if not outcome.answer or outcome.answer.status != 200}
    taken = {outcome.case.tag for outcome in run.outcomes if outcome.answer and outcome.answer.status == 200}
    quoted = [(refused[tag], line) for line in log.splitlines() for tag in set(re.findall("hv[0-9a-f]{12}", line))
              if tag in refused and tag not in taken and not DENIAL.fullmatch(line)]
    assert not quoted, report(quoted)
    assert "panicked" not in log and "ran into a bug" not in log


def test_the_server_lives_on_and_starts_again_with_what_it_was_made_to_keep(server, run):
    assert server.get("/health/ready")[0] == 200
    events = server.client("cloudtrail").get_paginator("lookup_events").paginate(
        PaginationConfig={"MaxItems": 200, "PageSize": 50})
    records = [json.loads(event["CloudTrailEvent"]) for page in events for event in page["Events"]]
    assert len(records) == 200 and all(record["eventSource"] and "eventName" in record for record in records)
    assert server.stop() == 0
    server.start()
    assert server.get("/health/ready")[0] == 200
    assert server.client("iam").list_users()["Users"]
