"""AssumeRoleWithWebIdentity with boto3, the AWS CLI and raw requests, against a test issuer."""

import concurrent.futures
import contextlib
import json
import subprocess
import sys
import pathlib
import time
import urllib.parse

import boto3
import botocore.config
import botocore.exceptions
import pytest

import raw
from conftest import ACCOUNT, REGION, Server, binary, closed_port, refused_as
from issuer import AUDIENCE, SUBJECT, Issuer, Key, KeyServer, certificate, settings

ACTION = "sts:AssumeRoleWithWebIdentity"
ALL = json.dumps({"Version": "2012-10-17", "Statement": {"Effect": "Allow", "Action": "*", "Resource": "*"}})


class Site:
    """A server that knows three issuers: one by a file, one by an address, one that is down."""

    def __init__(self, directory):
        self.cluster = Issuer("https://kubernetes.default.svc.cluster.local", directory / "cluster.jwks")
        self.fetched = Issuer("https://fetched.example.com/realms/A", directory / "fetched.jwks")
        self.down = Issuer("https://down.example.com", directory / "down.jwks")
        authority, chain, private = certificate(directory)
        self.keys = KeyServer(self.fetched.path, chain, private)
        self.ends = contextlib.ExitStack()
        closed = self.ends.enter_context(closed_port())
        config = directory / "strongroom.toml"
        config.write_text("\n".join([
            settings(self.cluster),
            f'[[issuers]]\nurl = "{self.fetched.url}"\nkeys_url = "{self.keys.url}"\nca_file = "{authority}"\n',
            f'[[issuers]]\nurl = "{self.down.url}"\nkeys_url = "https://127.0.0.1:{closed}/k"\nca_file = "{authority}"\n',
            "[limits]\nunsigned_calls = 10000\n"]))
        self.server = Server(directory, "--config", str(config), "--log", "trace")
        self.iam = self.server.client("iam")
        for issuer in (self.cluster, self.fetched, self.down):
            self.provide(issuer.url)

    def provide(self, url):
        made = self.iam.create_open_id_connect_provider(Url=url, ClientIDList=[AUDIENCE])
        return made["OpenIDConnectProviderArn"]

    def role(self, name, issuer, condition=None, actions=(ACTION,)):
        statement = {"Effect": "Allow", "Action": list(actions), "Principal": {
            "Federated": f"arn:aws:iam::{ACCOUNT}:oidc-provider/" + issuer.url.removeprefix("https://")}}
        if condition:
            statement["Condition"] = condition
        trust = json.dumps({"Version": "2012-10-17", "Statement": statement})
        made = self.iam.create_role(RoleName=name, AssumeRolePolicyDocument=trust)["Role"]["Arn"]
        self.iam.put_role_policy(RoleName=name, PolicyName="all", PolicyDocument=ALL)
        return made

    def sts(self):
        """A client without any credentials."""
        config = botocore.config.Config(retries={"max_attempts": 1}, signature_version=botocore.UNSIGNED)
        session = boto3.Session(region_name=REGION)
        return session.client("sts", endpoint_url=self.server.url, config=config)

    def assume(self, role, token, **more):
        return self.sts().assume_role_with_web_identity(
            RoleArn=role, RoleSessionName="pod", WebIdentityToken=token, **more)

    def refused(self, role, token, **more):
        with pytest.raises(botocore.exceptions.ClientError) as error:
            self.assume(role, token, **more)
        answer = error.value.response
        return answer["Error"]["Code"], answer["ResponseMetadata"]["HTTPStatusCode"], answer["Error"]["Message"]

    def client(self, service, credentials):
        session = boto3.Session(
            aws_access_key_id=credentials["AccessKeyId"], aws_secret_access_key=credentials["SecretAccessKey"],
            aws_session_token=credentials["SessionToken"], region_name=REGION)
        return session.client(service, endpoint_url=self.server.url)


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    running = Site(tmp_path_factory.mktemp("site"))
    yield running
    assert running.server.stop() == 0
    running.keys.stop()
    running.ends.close()


@pytest.fixture(scope="module")
def trainer(site):
    issuer = site.cluster.url.removeprefix("https://")
    return site.role("trainer", site.cluster, {"StringEquals": {
        f"{issuer}:sub": SUBJECT, f"{issuer}:aud": AUDIENCE}})


def test_a_service_account_gets_the_session_of_a_role(site, trainer):
    answer = site.assume(trainer, site.cluster.token(), DurationSeconds=900)
    assert answer["SubjectFromWebIdentityToken"] == SUBJECT
    assert answer["Audience"] == AUDIENCE
    assert answer["Provider"].endswith("oidc-provider/kubernetes.default.svc.cluster.local")
    assert answer["AssumedRoleUser"]["Arn"] == f"arn:aws:sts::{ACCOUNT}:assumed-role/trainer/pod"
    who = site.client("sts", answer["Credentials"]).get_caller_identity()
    assert who["Arn"] == answer["AssumedRoleUser"]["Arn"]
    assert site.client("iam", answer["Credentials"]).list_roles()["Roles"]


def test_the_credential_chain_of_the_sdk_needs_nothing_else(site, trainer, tmp_path):
    token = tmp_path / "token"
    token.write_text(site.cluster.token())
    environment = {name: value for name, value in site.server.environment().items()
                   if name != "AWS_SHARED_CREDENTIALS_FILE"}
    environment |= {"AWS_WEB_IDENTITY_TOKEN_FILE": str(token), "AWS_ROLE_ARN": trainer,
                    "AWS_ROLE_SESSION_NAME": "chain", "HOME": str(tmp_path)}
    aws = pathlib.Path(sys.executable).parent / "aws"
    shown = subprocess.run([sys.executable, str(aws), "sts", "get-caller-identity"], env=environment,
                           capture_output=True, text=True, timeout=120)
    assert shown.returncode == 0, shown.stderr
    assert json.loads(shown.stdout)["Arn"].endswith(":assumed-role/trainer/chain")


def test_tokens_that_prove_nothing_are_refused(site, trainer):
    cluster = site.cluster
    invalid = [
        cluster.token(header={"alg": "none", "kid": "one"}),
        cluster.token(header={"alg": "HS256", "kid": "one"}),
        cluster.token(header={"alg": ["RS256"], "kid": "one"}),
        cluster.token(header={"alg": "RS512", "kid": "one"}),
        cluster.token(key=Key("one")),
        cluster.token(key=Key("two")),
        cluster.token(aud="other"),
        cluster.token(aud=[AUDIENCE, "other"]),
        cluster.token(sub=None),
        cluster.token(iss="https://elsewhere.example.com"),
        cluster.token(nbf=2 ** 40),
        "not.a.token",
    ]
    for token in invalid:
        assert site.refused(trainer, token)[:2] == ("InvalidIdentityToken", 400), token
    assert site.refused(trainer, cluster.token(exp=1))[:2] == ("ExpiredTokenException", 400)
    site.assume(trainer, cluster.token())


def test_only_whom_the_trust_policy_names_gets_in(site, trainer):
    denied = ("AccessDenied", 403, f"Not authorized to perform {ACTION}")
    assert site.refused(trainer, site.cluster.token(sub="system:serviceaccount:ml:other")) == denied
    missing = trainer.replace("trainer", "missing")
    assert site.refused(missing, site.cluster.token()) == denied
    assert site.refused(trainer, site.fetched.token()) == denied
    code = site.refused(trainer.replace(ACCOUNT, "999999999999"), site.cluster.token())[0]
    assert code == "InvalidIdentityToken"


def test_keys_are_rotated_without_a_restart(site, tmp_path):
    issuer, role = site.cluster, site.iam.get_role(RoleName="trainer")["Role"]["Arn"]
    before, after = issuer.key, Key("after")
    old = issuer.token()
    site.assume(role, old)
    issuer.publish(before, after)
    site.assume(role, old)
    site.assume(role, issuer.token(key=after))
    issuer.publish(after)
    assert site.refused(role, old)[0] == "InvalidIdentityToken"
    site.assume(role, issuer.token(key=after))
    issuer.path.write_text("{")
    assert site.refused(role, issuer.token(key=after))[:2] == ("IDPCommunicationError", 400)
    assert "the issuer's keys could not be read" in site.server.log_text()
    issuer.publish(before)
    site.assume(role, old)


def test_keys_are_fetched_from_where_the_configuration_says_only(site):
    role = site.role("fetched", site.fetched)
    their, started = Key("new"), time.monotonic()
    site.assume(role, site.fetched.token())
    site.assume(role, site.fetched.token())
    token = site.fetched.token(key=their, header={
        "alg": "RS256", "kid": "new", "jku": site.keys.url + "/theirs", "x5u": site.keys.url + "/theirs",
        "jwk": their.jwk()})
    assert site.refused(role, token)[0] == "InvalidIdentityToken"
    seconds = time.monotonic() - started
    assert set(site.keys.asked) == {"/keys"}
    assert len(site.keys.asked) <= 1 + seconds // 10, "fetched once, and again not before ten seconds are over"
    role = site.role("down", site.down)
    assert site.refused(role, site.down.token())[:2] == ("IDPCommunicationError", 400)
    log = site.server.log_text()
    assert "the issuer's keys could not be fetched" in log and "connecting to 127.0.0.1" in log


def test_a_provider_that_the_configuration_does_not_know_has_no_keys(site):
    unknown = Issuer("https://unknown.example.com", site.cluster.path.with_name("unknown.jwks"))
    site.provide(unknown.url)
    role = site.role("unknown", unknown)
    code, status, message = site.refused(role, unknown.token())
    assert (code, status) == ("InvalidIdentityToken", 400) and "verification key" in message
    assert "does not say where the issuer's keys are" in site.server.log_text()


def test_a_deleted_provider_or_audience_counts_at_once(site):
    issuer = site.cluster
    arn = f"arn:aws:iam::{ACCOUNT}:oidc-provider/" + issuer.url.removeprefix("https://")
    role = site.role("gone", issuer)
    token = issuer.token()
    site.assume(role, token)
    site.iam.remove_client_id_from_open_id_connect_provider(OpenIDConnectProviderArn=arn, ClientID=AUDIENCE)
    assert site.refused(role, token) == ("InvalidIdentityToken", 400, "Incorrect token audience")
    site.iam.add_client_id_to_open_id_connect_provider(OpenIDConnectProviderArn=arn, ClientID=AUDIENCE)
    site.assume(role, token)
    site.iam.delete_open_id_connect_provider(OpenIDConnectProviderArn=arn)
    assert site.refused(role, token) == (
        "InvalidIdentityToken", 400, f"No OpenIDConnect provider found in your account for {issuer.url}")
    site.provide(issuer.url)
    site.assume(role, token)


def test_tags_and_source_identity_come_from_the_token(site):
    issuer = site.cluster
    role = site.role("tagged", issuer, actions=(ACTION, "sts:TagSession", "sts:SetSourceIdentity"))
    token = issuer.token(**{
        "https://aws.amazon.com/tags": {"principal_tags": {"Project": ["A"]}, "transitive_tag_keys": ["Project"]},
        "https://aws.amazon.com/source_identity": "alice"})
    answer = site.assume(role, token)
    assert answer["SourceIdentity"] == "alice" and answer["PackedPolicySize"] > 0
    site.iam.put_role_policy(RoleName="tagged", PolicyName="all", PolicyDocument=json.dumps({
        "Version": "2012-10-17", "Statement": {
            "Effect": "Allow", "Action": "iam:ListRoles", "Resource": "*", "Condition": {"StringEquals": {
                "aws:PrincipalTag/Project": "A", "aws:SourceIdentity": "alice"}}}}))
    assert site.client("iam", answer["Credentials"]).list_roles()["Roles"]
    bare = site.assume(role, issuer.token())
    refused_as("AccessDenied", site.client("iam", bare["Credentials"]).list_roles)
    bad = issuer.token(**{"https://aws.amazon.com/tags": {"principal_tags": {"aws:x": ["A"]}}})
    assert site.refused(role, bad)[:2] == ("IDPRejectedClaim", 403)


def test_access_tokens_of_oauth_and_bad_parameters_are_refused(site, trainer):
    token = site.cluster.token()
    assert site.refused(trainer, token, ProviderId="www.amazon.com")[:2] == ("ValidationError", 400)
    assert site.refused("arn:aws:iam::111122223333:user/trainer", token)[:2] == ("ValidationError", 400)
    assert site.refused(trainer, token, DurationSeconds=43200)[:2] == ("ValidationError", 400)
    assert site.refused(trainer, token, Policy="{")[:2] == ("MalformedPolicyDocument", 400)


def form(**parameters):
    return urllib.parse.urlencode({"Version": "2011-06-15", **parameters}).encode()


def unsigned(site, body, method="POST", path="/", content="application/x-www-form-urlencoded", extra=()):
    host = urllib.parse.urlparse(site.server.url).netloc
    lines = [f"{method} {path} HTTP/1.1", f"Host: {host}", f"Content-Type: {content}", *extra,
             f"Content-Length: {len(body)}", "", ""]
    return raw.exchange(site.server, "\r\n".join(lines).encode() + body)


def test_the_exempt_call_is_the_only_one_without_a_signature(site, trainer):
    parameters = {"Action": "AssumeRoleWithWebIdentity", "RoleArn": trainer, "RoleSessionName": "pod",
                  "WebIdentityToken": site.cluster.token()}
    good = form(**parameters)
    assert unsigned(site, good).status == 200
    missing = ("MissingAuthenticationToken", "MissingAuthenticationTokenException")
    for action in ("AssumeRole", "GetCallerIdentity", "GetSessionToken", "ListUsers", "",
                   "assumerolewithwebidentity", "AssumeRoleWithWebIdentity ", "AssumeRoleWithSAML"):
        assert unsigned(site, form(**parameters | {"Action": action})).code() in missing, action
    version = form(**parameters | {"Version": "2010-05-08"})
    for answer in (
            unsigned(site, version),
            unsigned(site, good + b"&Action=GetCallerIdentity"),
            unsigned(site, good, path="/?Action=AssumeRoleWithWebIdentity"),
            unsigned(site, good, path="/x"),
            unsigned(site, b"", method="GET", path="/?" + good.decode()),
            unsigned(site, good, content="application/json"),
            unsigned(site, good, extra=["X-Amz-Target: TrentService.ListKeys"]),
            unsigned(site, json.dumps(parameters).encode(), content="application/x-amz-json-1.1")):
        assert answer.status in (400, 403) and answer.code() in missing, answer.body
    answer = unsigned(site, good, extra=["Authorization: Bearer " + site.cluster.token()])
    assert answer.status in (400, 403)


def test_a_signed_call_is_refused(site, trainer):
    signed = site.server.client("sts")
    signed.meta.events.register_first("choose-signer.sts.AssumeRoleWithWebIdentity", lambda **_: "v4")
    with pytest.raises(botocore.exceptions.ClientError) as error:
        signed.assume_role_with_web_identity(
            RoleArn=trainer, RoleSessionName="pod", WebIdentityToken=site.cluster.token())
    assert error.value.response["Error"]["Code"] == "ValidationError"


def test_the_trail_names_the_web_identity(site, trainer):
    answer = site.assume(trainer, site.cluster.token())
    events = site.server.client("cloudtrail").lookup_events(LookupAttributes=[
        {"AttributeKey": "EventName", "AttributeValue": "AssumeRoleWithWebIdentity"}])["Events"]
    record = json.loads(events[0]["CloudTrailEvent"])
    assert record["userIdentity"] == {
        "type": "WebIdentityUser", "userName": SUBJECT, "identityProvider": answer["Provider"],
        "principalId": f"{answer['Provider']}:{AUDIENCE}:{SUBJECT}"}
    assert events[0]["Username"] == SUBJECT
    key = answer["Credentials"]["AccessKeyId"]
    assert record["responseElements"]["credentials"]["accessKeyId"] == key


def test_no_token_is_written_down(site, trainer):
    good, bad = site.cluster.token(), site.cluster.token(aud="other")
    site.assume(trainer, good)
    site.refused(trainer, bad)
    log = site.server.log_text()
    for token in (good, bad):
        assert token.rsplit(".", 1)[1] not in log and token.split(".")[1] not in log
    assert log.count("DEBUG") > 0, "the log is not at its loudest"


def refusals_of_tokens(server, count: int, token, workers: int = 1) -> list[str]:
    """The codes of so many calls with tokens that are refused, by so many callers at once."""
    config = botocore.config.Config(retries={"max_attempts": 0}, signature_version=botocore.UNSIGNED)
    sts = boto3.Session(region_name=REGION).client("sts", endpoint_url=server.url, config=config)

    def refused(_number) -> str:
        with pytest.raises(botocore.exceptions.ClientError) as error:
            sts.assume_role_with_web_identity(
                RoleArn=f"arn:aws:iam::{ACCOUNT}:role/any", RoleSessionName="pod", WebIdentityToken=token())
        return error.value.response["Error"]["Code"]

    with concurrent.futures.ThreadPoolExecutor(workers) as pool:
        return list(pool.map(refused, range(count)))


def test_an_address_whose_tokens_are_refused_is_slowed_down(fresh_server):
    codes = refusals_of_tokens(fresh_server, 9, lambda: "a.b.c")
    assert codes == ["InvalidIdentityToken"] * 9
    # Two a second from then on: of so many at once some are too many.
    assert "Throttling" in refusals_of_tokens(fresh_server, 60, lambda: "a.b.c", workers=16)
    assert fresh_server.client("sts").get_caller_identity()["Account"] == ACCOUNT


def test_an_issuer_that_is_down_costs_its_callers_nothing(tmp_path):
    """Not having its keys is no fault of whoever has a token: the address is not slowed down for it."""
    down = Issuer("https://down.example.com", tmp_path / "down.jwks")
    authority, _, _ = certificate(tmp_path)
    config = tmp_path / "strongroom.toml"
    with closed_port() as closed:
        config.write_text(f'[[issuers]]\nurl = "{down.url}"\nkeys_url = "https://127.0.0.1:{closed}/k"\n'
                          f'ca_file = "{authority}"\n')
        server = Server(tmp_path, "--config", str(config))
        server.client("iam").create_open_id_connect_provider(Url=down.url, ClientIDList=[AUDIENCE])
        started = time.monotonic()
        codes = refusals_of_tokens(server, 30, down.token)
        seconds = time.monotonic() - started
    assert codes == ["IDPCommunicationError"] * 30
    fetched = server.log_text().count("the issuer's keys could not be fetched")
    assert 1 <= fetched <= 1 + seconds // 10
    assert server.stop() == 0


def test_a_denied_web_identity_is_explained(site, trainer):
    site.refused(trainer, site.cluster.token(sub="system:serviceaccount:ml:other"))
    events = site.server.client("cloudtrail").lookup_events(LookupAttributes=[
        {"AttributeKey": "EventName", "AttributeValue": "AssumeRoleWithWebIdentity"}])["Events"]
    record = json.loads(events[0]["CloudTrailEvent"])
    assert record["errorCode"] == "AccessDenied"
    shown = subprocess.run(
        [str(binary()), "explain", "--data", str(site.server.data), record["requestID"]],
        env=site.server.environment(), capture_output=True, text=True, timeout=120)
    assert shown.returncode == 0, shown.stderr
    assert "but for the condition `StringEquals kubernetes.default.svc.cluster.local:sub`" in shown.stdout


@pytest.mark.parametrize("text, said", [
    ("{", "is no JSON web key set"),
    ('{"keys": []}', "holds no RSA key"),
    ('{"keys": [{"kty": "oct", "k": "AAAA"}]}', "private or secret key"),
])
def test_a_file_that_holds_no_public_keys_stops_the_start(tmp_path, text, said):
    keys, config = tmp_path / "keys.json", tmp_path / "strongroom.toml"
    keys.write_text(text)
    config.write_text(f'[[issuers]]\nurl = "https://idp.example.com"\nkeys_file = "{keys}"\n')
    with pytest.raises(AssertionError) as failed:
        Server(tmp_path, "--config", str(config))
    assert said in str(failed.value) and str(keys) in str(failed.value)
    assert not (tmp_path / "data").exists()
