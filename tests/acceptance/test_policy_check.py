"""`strongroom policy check`: the real binary on real files, its output and its exit status."""

import json
import re
import subprocess

import pytest

from conftest import ROOT, binary

CLEAN = {"Version": "2012-10-17", "Statement": {
    "Effect": "Allow", "Action": ["sagemaker:GetRecord", "kms:Decrypt"],
    "Resource": ["arn:aws:sagemaker:us-east-1:111122223333:feature-group/f",
                 "arn:aws:kms:us-east-1:111122223333:key/*"]}}
WRONG = """{
  "Version": "2012-10-17",
  "Statement": [
    {"Effect": "Allow",
     "Action": ["kms:Decript", "sagemaker:CreateTrainingJob", "ec2:RunInstances"],
     "Resource": "*"},
    {"Effect": "Deny", "Action": "kms:*", "Resource": "*"}
  ]
}
"""


def check(*arguments, text: str | bytes | None = None) -> subprocess.CompletedProcess:
    given = text.encode() if isinstance(text, str) else text
    done = subprocess.run([str(binary()), "policy", "check", *map(str, arguments)],
                          input=given, capture_output=True, timeout=60)
    done.stdout, done.stderr = done.stdout.decode(), done.stderr.decode()
    return done


def found(document, *flags) -> list[tuple]:
    """Severity, line, column and code of what is said about a document."""
    text = document if isinstance(document, str) else json.dumps(document)
    done = check("--json", *flags, "-", text=text)
    answer, = json.loads(done.stdout)
    said = [(f["severity"], f["line"], f["column"], f["code"]) for f in answer["findings"]]
    grave = any(severity != "note" for severity, *_ in said)
    assert done.returncode == (1 if grave else 0)
    return said


def codes(document, *flags) -> list[str]:
    return [code for *_, code in found(document, *flags)]


def test_a_clean_document_exits_with_zero(tmp_path):
    (tmp_path / "p.json").write_text(json.dumps(CLEAN))
    done = check(tmp_path / "p.json")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == (f"{tmp_path}/p.json: nothing to say "
                           "(read as an identity policy, from what it looks like)\n")


def test_findings_come_with_file_line_column_and_code(tmp_path):
    (tmp_path / "p.json").write_text(WRONG)
    done = check(tmp_path / "p.json")
    assert done.returncode == 1
    lines = [line.removeprefix(f"{tmp_path}/p.json:") for line in done.stdout.splitlines()]
    assert lines[0].startswith("5:17: warning [unknown-action]: ") and "did you mean `kms:Decrypt`?" in lines[0]
    assert lines[1].startswith("5:32: note [action-not-here]: `sagemaker:CreateTrainingJob` is an action of AWS")
    assert lines[2].startswith("5:63: note [service-not-here]: `ec2` is a service of AWS that is not here")
    assert lines[3] == " 1 warning, 2 notes (read as an identity policy, from what it looks like)"


def test_an_action_of_a_service_that_is_not_here_does_not_count_as_wrong():
    document = {"Version": "2012-10-17", "Statement": {
        "Effect": "Allow", "Action": ["dynamodb:GetItem", "sagemaker:CreateTrainingJob"], "Resource": "*"}}
    assert [(f[0], f[3]) for f in found(document)] == [("note", "service-not-here"), ("note", "action-not-here")]


@pytest.mark.parametrize("action", ["sagemaker:PutRecord", "kms:CreateKey", "iam:Get*", "sts:AssumeRole",
                                    "organizations:MoveAccount", "cloudtrail:LookupEvents"])
def test_the_actions_of_every_service_here_are_known(action):
    document = {"Version": "2012-10-17", "Statement": {
        "Effect": "Deny", "Action": action, "Resource": "*"}}
    assert codes(document) == []
    document["Statement"]["Action"] = action.replace("*", "") + "Nothing"
    assert codes(document) == ["unknown-action"]


def test_each_kind_is_guessed_and_can_be_named():
    trust = {"Version": "2012-10-17", "Statement": {
        "Effect": "Allow", "Principal": "*", "Action": "sts:AssumeRole"}}
    assert codes(trust) == ["wildcard-in-trust-policy"]
    key = {"Version": "2012-10-17", "Statement": {
        "Effect": "Allow", "Principal": {"AWS": "111122223333"}, "Action": "kms:Decrypt", "Resource": "*"}}
    assert codes(key) == ["unmanageable-key"]
    assert codes(key, "--kind", "resource") == []
    assert codes(key, "--kind", "identity") == ["principal-not-allowed"]
    key["Statement"]["Principal"] = "*"
    assert codes(key, "--kind", "rcp") == ["allow-not-supported"]
    for kind in ["boundary", "session", "scp"]:
        assert codes(CLEAN, "--kind", kind) == []
        assert codes(key, "--kind", kind) == ["principal-not-allowed"]


def test_what_an_expert_asks_about_is_found():
    def statements(*all_):
        return {"Version": "2012-10-17", "Statement": list(all_)}

    def allow(action, resource="*", **more):
        return {"Effect": "Allow", "Action": action, "Resource": resource} | more

    assert codes(statements(allow("kms:Encrypt"), {"Effect": "Deny", "Action": "kms:*", "Resource": "*"})) == \
        ["unreachable-statement"]
    assert codes(statements(allow("kms:Encrypt", NotPrincipal="*")), "--kind", "resource") == ["not-supported"]
    assert codes(statements(allow("kms:Encrypt", Condition={"StringEquals": {"kms:ViaServices": "x"}}))) == \
        ["unknown-condition-key"]
    assert codes(statements(allow("iam:PassRole"))) == ["pass-any-role"]
    assert codes(statements(allow("iam:PutUserPolicy"))) == ["raises-own-rights"]
    assert codes(statements(allow("kms:Decrypt"))) == ["opens-any-key"]
    assert codes(statements(allow("kms:Encrypt", Condition={
        "StringEquals": {"aws:SourceIp": "10.0.0.0/8"}}))) == ["operator-of-another-type"]
    assert codes(statements(allow("kms:Encrypt", "arn:aws:kms:::key/*"))) == ["matches-nothing"]


def test_errors_are_all_listed_with_their_places():
    text = '{"Version": "2012-10-17",\n "Statement": [{"Effect": "allow", "Action": "kms", "Resource": "key"}]}'
    assert found(text) == [("error", 2, 27, "invalid-effect"), ("error", 2, 46, "no-service-prefix"),
                           ("error", 2, 65, "not-an-arn")]
    assert found("{\n  nonsense") == [("error", 2, 3, "invalid-json")]


@pytest.mark.parametrize("hostile, code", [
    (b'{"Version": "2012-10-17"\xff}', "invalid-utf8"),
    (b"[" * 100_000, "invalid-json"),
    (b"[" * 100_000 + b"]" * 100_000, "nested-too-deep"),
    (b'{"Statement": "' + b"x" * 300_000 + b'"}', "too-long"),
    (b'{"Version": "2012-10-17", "Version": "2012-10-17"}', "duplicate-key"),
    (b"", "invalid-json"),
])
def test_what_is_no_policy_is_an_error_and_no_accident(hostile, code):
    done = check("--json", "-", text=hostile)
    assert done.returncode == 1 and done.stderr == ""
    assert code in [f["code"] for f in json.loads(done.stdout)[0]["findings"]]


def test_a_file_that_cannot_be_read_is_named_and_the_others_are_checked(tmp_path):
    (tmp_path / "p.json").write_text(WRONG)
    done = check(tmp_path / "none.json", tmp_path / "p.json", tmp_path)
    assert done.returncode == 2
    assert f"reading `{tmp_path}/none.json` failed: No such file" in done.stderr
    assert f"reading `{tmp_path}` failed" in done.stderr
    assert "[unknown-action]" in done.stdout
    answers = json.loads(check("--json", tmp_path / "none.json", tmp_path / "p.json").stdout)
    assert "error" in answers[0] and answers[1]["kind"] == "identity" and answers[1]["guessed"] is True


def test_a_wrong_command_line_exits_with_two():
    assert check().returncode == 2
    assert check("--kind", "bucket", "-", text="{}").returncode == 2


def test_help_says_what_it_does_and_how_it_ends():
    done = subprocess.run([str(binary()), "policy", "check", "--help"], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0
    for part in ["--kind", "--json", "EXIT STATUS", "EXAMPLES", "scp", "rcp"]:
        assert part in done.stdout


def test_the_page_lists_every_code_and_no_other():
    sources = [*(ROOT / "crates/policy/src/lint").glob("*.rs"), ROOT / "crates/policy/src/lint.rs",
               ROOT / "crates/server/src/policy_check.rs"]
    text = "".join(path.read_text().split("#[cfg(test)]")[0] for path in sources if path.name != "tests.rs")
    said = set(re.findall(r'"([a-z]+(?:-[a-z]+)+)"', text))
    faults = (ROOT / "crates/policy/src/error.rs").read_text()
    faults = faults[faults.index("fn code("):]
    said |= set(re.findall(r'=> "([a-z-]+)"', faults[:faults.index("\n    }\n")]))
    page = (ROOT / "docs/policy-check.md").read_text()
    rows = [line.split("|")[1] for line in page.splitlines() if line.startswith("| `")]
    listed = {code for row in rows for code in re.findall(r"`([a-z]+(?:-[a-z]+)+)`", row)}
    assert said == listed
