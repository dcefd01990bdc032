"""The pytest plugin that runs moto's tests against the real binary and judges how they end.

`expected.toml` has the files, with the number of their cases, and the cases that do not pass. A case
that it does not name must pass. One that it names must fail with a text that it gives; whatever
else happens, also that it passes, fails the run. So the list can only shrink: `--shrink` takes off
it what passes now.
"""

import collections
import os
import pathlib
import subprocess
import sys
import tomllib

import pytest

LIST = pathlib.Path(__file__).resolve().with_name("expected.toml")
KINDS = {
    "absent": "an operation, type or service that is not here",
    "here": "a difference that docs/differences.md names",
    "moto": "a quirk of moto's: AWS answers as Strongroom does",
    "ours": "ours to mend",
}

for name in [name for name in os.environ if name.startswith(("AWS_", "MOTO_"))]:
    del os.environ[name]
os.environ |= {"TEST_SERVER_MODE": "true", "AWS_MAX_ATTEMPTS": "1", "AWS_CONFIG_FILE": os.devnull,
               "AWS_SHARED_CREDENTIALS_FILE": os.devnull, "AWS_EC2_METADATA_DISABLED": "true"}


class Expected:
    """What the list says."""

    def __init__(self):
        told = tomllib.loads(LIST.read_text())
        self.files, self.unused, self.cases = told["files"], told["unused"], {}
        for group in told["group"]:
            assert group["kind"] in KINDS and group["why"] and group["shows"] and group["cases"], group
            for case in group["cases"]:
                assert case not in self.cases, f"{case} is listed twice"
                self.cases[case] = group

    def problems(self, cases: list[str]) -> list[str]:
        """A file that is not named or has other cases than it had, a listed case that does not exist."""
        found = collections.Counter(case.split("::")[0] for case in cases)
        problems = [f"{name}: {found[name]} cases, expected {self.files.get(name, 0)}"
                    for name in found.keys() | self.files.keys()
                    if found[name] != self.files.get(name, 0)]
        problems += [f"{case}: listed, but does not exist" for case in self.cases.keys() - set(cases)]
        tests = pathlib.Path("tests")
        there = {str(file.relative_to(tests)) for name in self.files
                 for file in (tests / name).parent.glob("test_*.py")}
        problems += [f"{name}: neither run nor said why not"
                     for name in there - self.files.keys() - self.unused.keys()]
        return sorted(problems)


class Fits(pytest.Item):
    """The case of ours: that the list fits to the files."""

    problems = ()

    def runtest(self):
        assert not self.problems

    def repr_failure(self, _excinfo):
        return "\n".join([f"{LIST.name} does not fit:", *self.problems])


# A helper of theirs whose assertions would say nothing.
pytest.register_assert_rewrite("tests.test_organizations.organizations_test_utils")
EXPECTED = Expected()
ENDED = collections.Counter()
PASS_NOW = set()


def short(nodeid: str) -> str:
    return nodeid.removeprefix("tests/")


def pytest_addoption(parser):
    parser.addoption("--shrink", action="store_true", help="take off the list what passes now")


def pytest_configure(config):
    if getattr(config.option, "numprocesses", None):
        return  # each worker has a gateway of its own
    config.gateway = subprocess.Popen(
        [sys.executable, LIST.with_name("gateway.py"), os.environ["STRONGROOM_BINARY"]],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    os.environ["TEST_SERVER_MODE_ENDPOINT"] = config.gateway.stdout.readline().strip()
    assert os.environ["TEST_SERVER_MODE_ENDPOINT"], "the gateway did not start"


def pytest_unconfigure(config):
    if gateway := getattr(config, "gateway", None):
        gateway.stdin.close()
        gateway.wait(timeout=60)


def pytest_ignore_collect(collection_path):
    return True if "/".join(collection_path.parts[-2:]) in EXPECTED.unused else None


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(session, items):
    fits = Fits.from_parent(session, name=LIST.name, nodeid=LIST.name)
    fits.problems = EXPECTED.problems([short(item.nodeid) for item in items])
    items.append(fits)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item, call):
    report = yield
    case = short(item.nodeid)
    group = EXPECTED.cases.get(case)
    if report.passed:
        if group and report.when == "call" and not group.get("sometimes"):
            report.outcome, report.passes_now = "failed", case
            report.longrepr = f"{case} passes now: take it off the list (scripts/moto.sh --shrink)"
    elif group and any(part in str(call.excinfo.value) for part in group["shows"]):
        report.outcome, report.wasxfail = "skipped", group["kind"]
    elif group:
        report.outcome = "failed"
        report.longrepr = f"{case} should fail with {group['shows']}, and failed with:\n{call.excinfo.value}"
    elif report.skipped:
        report.outcome = "failed"
        report.longrepr = f"{case} skips itself, which the list does not say"
    return report


def pytest_runtest_logreport(report):
    if report.when == "call" or not report.passed:
        ENDED[getattr(report, "wasxfail", report.outcome)] += 1
    if case := getattr(report, "passes_now", None):
        PASS_NOW.add(case)


def pytest_terminal_summary(terminalreporter, config):
    terminalreporter.write_line(f"{ENDED['passed']:5} passed")
    for kind, meaning in KINDS.items():
        terminalreporter.write_line(f"{ENDED[kind]:5} {kind}: {meaning}")
    if config.getoption("--shrink") and PASS_NOW:
        lines = LIST.read_text().splitlines(keepends=True)
        LIST.write_text("".join(line for line in lines if line.strip(" ',\"\n") not in PASS_NOW))
        terminalreporter.write_line(f"took {len(PASS_NOW)} cases off {LIST}")
