#!/usr/bin/env python3
"""Checks the hand-written documentation against the checkout.

Links and anchors lead somewhere, every page can be reached from README.md, and what the pages name
exists: make targets, scripts, source paths, cargo xtask and strongroom commands with their flags, error
codes, settings, metrics, log messages, and a source file for every operation. Every table of the store is
named. No line is longer than it need be to be read in an editor. Prints one line per problem.
"""

import glob
import pathlib
import re
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent
FENCE = re.compile(r"^(```|~~~).*?^\1", re.S | re.M)
SPAN = re.compile(r"`([^`\n]+)`")
WIDTH = 120
CODE = re.compile(r'"([A-Z][a-z]*(?:[A-Z][a-z]*)+)"')

# The page docs/errors.md: its sections, and where their codes come from.
ERRORS = {
    "All services": ["crates/wire/src/error.rs", "crates/wire/src/sigv4/error.rs",
                     "crates/shapes/src/error.rs", "crates/pipeline/src/error.rs",
                     "crates/pipeline/src/execute.rs", "crates/server/src/**/*.rs",
                     "crates/iam/src/ops.rs"],
    "SageMaker": ["crates/featurestore/src/error.rs"],
    "SageMaker Feature Store Runtime": ["crates/featurestore/src/error.rs"],
    "KMS": ["crates/kms/src/error.rs", "crates/kms/src/key_stores/error.rs"],
    "IAM and STS": ["crates/iam/src/error.rs", "crates/iam/src/sts/error.rs",
                    "crates/iam/src/sts/web_identity/error.rs"],
    "Organizations": ["crates/iam/src/organizations/error.rs"],
    "Strongroom, our own service": ["crates/operator/src/error.rs", "crates/s3/src/error.rs"],
    "RAM": ["crates/ram/src/error.rs"],
    "CloudTrail": ["crates/cloudtrail/src/error.rs"],
}


def main():
    pages = {name: (ROOT / name).read_text(encoding="utf-8") for name in listed() if (ROOT / name).exists()}
    problems = [*links(pages), *names(pages), *lines(pages), *errors(pages["docs/errors.md"]),
                *monitoring(pages["docs/operations/monitoring.md"]),
                *operations(pages["docs/compatibility.md"]), *changelog()]
    for problem in problems:
        print(problem, file=sys.stderr)
    print(f"{len(pages)} pages, {len(problems)} problems")
    return 1 if problems else 0


def listed():
    """The pages of the checkout; of an archive without git, whatever is not hidden or built."""
    if (ROOT / ".git").exists():
        command = ["git", "ls-files", "--cached", "--others", "--exclude-standard", "*.md"]
        found = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout.split()
    else:
        paths = [path.relative_to(ROOT) for path in ROOT.rglob("*.md")]
        found = [str(path) for path in paths if not any(part == "target" or part.startswith(".") for part in path.parts)]
    return sorted(set(found))


def links(pages):
    """Dead links, dead anchors, and pages of docs/ that nothing leads to."""
    seen, todo = set(), ["README.md"]
    targets = {}
    for name, text in pages.items():
        targets[name] = []
        prose = SPAN.sub("", FENCE.sub("", text))
        for target in re.findall(r"\]\(([^)\s]+)\)", prose):
            if re.match(r"[a-z]+:", target):
                continue
            path, _, anchor = target.partition("#")
            file = (ROOT / name).parent / path if path else ROOT / name
            if not file.exists():
                yield f"{name}: `{target}` leads nowhere"
                continue
            found = str(file.resolve().relative_to(ROOT))
            targets[name].append(found)
            if anchor and anchor not in anchors(pages.get(found, "")):
                yield f"{name}: `{target}` has no such heading"
    while todo:
        page = todo.pop()
        if page not in seen:
            seen.add(page)
            todo += targets.get(page, [])
    for name in pages:
        if name.startswith("docs/") and name not in seen:
            yield f"{name}: not reachable from README.md"


def anchors(text):
    """The anchors that GitHub and GitLab make of the headings."""
    made = set()
    for heading in re.findall(r"^#+ +(.+)$", FENCE.sub("", text), re.M):
        slug = re.sub(r"[^\w\- ]", "", heading.lower().replace("`", "")).replace(" ", "-")
        number = sum(1 for known in made if known == slug or re.fullmatch(re.escape(slug) + r"-\d+", known))
        made.add(f"{slug}-{number}" if number else slug)
    return made


def names(pages):
    """Commands and paths that do not exist."""
    makefile = (ROOT / "Makefile").read_text()
    make = set(re.findall(r"^([a-z][a-z-]*):", makefile, re.M))
    xtask = (ROOT / "xtask/src/main.rs").read_text()
    server = ROOT / "crates/server/src"
    cli = "".join(file.read_text() for file in [server / "cli.rs", *server.glob("cli/*.rs")])
    flags = {name.replace("_", "-") for name in re.findall(r"^ +(?:pub )?(\w+): ", cli, re.M)}
    flags |= set(re.findall(r'long = "([\w-]+)"', cli)) | {"help", "version"}
    commands = {name.lower() for name in re.findall(r"^    ([A-Z]\w+)\b", cli, re.M)} | {"help"}
    settings = set(re.findall(r"`(\w+(?:\.\w+)?)`", pages["docs/configuration.md"]))
    for name, text in pages.items():
        if name == "CHANGELOG.md" or name.startswith("docs/adr/"):
            continue  # What is written there was true then.
        code = [match[0] for match in FENCE.finditer(text)] + SPAN.findall(FENCE.sub("", text))
        for piece in code:
            for target in re.findall(r"(?:^|[\s;&])make ([a-z][a-z-]*)", piece, re.M):
                if target not in make:
                    yield f"{name}: there is no `make {target}`"
            for task in re.findall(r"cargo xtask ([a-z]\w*)", piece):
                if task not in xtask:
                    yield f"{name}: there is no `cargo xtask {task}`"
            for line in piece.replace("\\\n", " ").splitlines():
                called = re.search(r"(?:^|[\s/])strongroom ([a-z]+)(.*)", line)
                if not called or called[1] not in commands:
                    continue
                for flag in re.findall(r"--([a-z][\w-]*)", called[2].split("#")[0]):
                    if flag not in flags:
                        yield f"{name}: `strongroom {called[1]}` has no --{flag}"
            if re.fullmatch(r"(seal|tls|proxy|metrics|log|limits)\.(?!json$)[a-z_]+|log\.json", piece) and piece not in settings:
                yield f"{name}: there is no setting `{piece}`"
            if "\n" not in piece:
                yield from path(name, piece)


def lines(pages):
    """Lines that are too long, but for those that Markdown lets nobody break: tables, headings, blocks of code."""
    for name, text in pages.items():
        blanked = FENCE.sub(lambda block: "\n" * block[0].count("\n"), text)
        for number, line in enumerate(blanked.split("\n"), 1):
            if len(line) > WIDTH and " " in line.strip() and not line.lstrip().startswith(("|", "#")):
                yield f"{name}:{number}: {len(line)} characters, {WIDTH} at most"


def path(name, piece):
    """A path of the checkout in backticks."""
    if not re.fullmatch(r"(crates|docs|scripts|tests|xtask|demo|bench|fuzz|\.ci)/[\w./*-]+", piece):
        return
    # From the root or from where the page is; `docs/adr/0001` for short: any completion will do.
    places = [ROOT / place / piece for place in pathlib.Path(name).parents]
    if not any(glob.glob(f"{place}*") for place in places):
        yield f"{name}: `{piece}` does not exist"


def errors(page):
    """Codes of the code without a row, and rows without code."""
    sections = dict(re.findall(r"^## (.+?)\n(.*?)(?=^## |\Z)", page, re.S | re.M))
    shared = codes(ERRORS["All services"])
    for title, sources in ERRORS.items():
        wanted = codes(sources)
        rows = re.findall(r"^\| (`[^|]+) \|", sections.get(title, ""), re.M)
        have = {code for row in rows for code in SPAN.findall(row)}
        if title.startswith("SageMaker"):
            # One file holds the codes of both planes: none may be missing from both.
            wanted &= have | (codes(sources) - all_rows(sections, "SageMaker"))
        for code in sorted(wanted - have):
            yield f"docs/errors.md: `{code}` has no row under {title}"
        for code in sorted(have - codes(sources) - shared):
            yield f"docs/errors.md: `{code}` under {title} is not in the code"


def all_rows(sections, prefix):
    text = "".join(body for title, body in sections.items() if title.startswith(prefix))
    return {code for row in re.findall(r"^\| (`[^|]+) \|", text, re.M) for code in SPAN.findall(row)}


def codes(sources):
    """The literals of sources that look like error codes, without comments and tests."""
    found = set()
    for pattern in sources:
        for file in sorted(ROOT.glob(pattern)):
            if "tests" in file.parts or file.name == "tests.rs":
                continue
            text = re.sub(r"//.*", "", file.read_text().split("#[cfg(test)]")[0])
            found |= {code for code in CODE.findall(text) if is_code(code, file)}
    return found


def is_code(code, file):
    """In files that are not about errors only what ends like one counts."""
    ends = ("Exception", "Error", "Denied", "Forbidden", "Failure", "Unavailable", "Timeout")
    return file.name == "error.rs" or code.endswith(ends)


def tables(page):
    """Tables of the store that the page of its formats does not name."""
    for file in sorted(ROOT.glob("crates/*/src/**/*.rs")):
        text = file.read_text().split("#[cfg(test)]")[0]
        for name in re.findall(r'static \w+: Table<\w+> =\s*Table::with(?:out)?_history\(\s*"(\w+)"', text):
            if file.name != "tests.rs" and f"`{name}`" not in page:
                yield f"docs/storage-formats.md: the table `{name}` is not named"


def monitoring(page):
    """Metrics and log messages that are not those of the code."""
    source = {file: file.read_text() for file in ROOT.glob("crates/*/src/**/*.rs")
              if "generated" not in file.parts}
    text = re.sub(r'\\\n\s*', "", "\n".join(source.values()))
    made = set(re.findall(r'(?:counter|gauge|histogram)!\(\s*"(\w+)"', text))
    rows = re.findall(r"^\| ((?:`strongroom_\w+`(?:, )?)+) \|", page, re.M)
    table = {metric for row in rows for metric in SPAN.findall(row)}
    for metric in sorted(made ^ table):
        yield f"docs/operations/monitoring.md: `{metric}` is in the code or in the table, not in both"
    for row in re.findall(r"^\| (?:INFO|WARN|ERROR|DEBUG) \| (.*?) \|", page, re.M):
        for message in SPAN.findall(row):
            if message.split("…")[0].strip() not in text:
                yield f"docs/operations/monitoring.md: nothing logs `{message}`"


def operations(page):
    """Operations whose source file does not have their name."""
    for listed in re.findall(r"^Here: (.*?)\.$", page, re.M | re.S):
        for operation in re.split(r",\s+", listed):
            words = re.sub(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])", "_", operation)
            snake = words.lower()
            if not list(ROOT.glob(f"crates/*/src/**/{snake}.rs")):
                yield f"{operation}: no source file `{snake}.rs`"


def changelog():
    """Notes of changes that are not lists."""
    for file in sorted((ROOT / "changelog.d").glob("*")):
        if file.name == "README.md":
            continue
        lines = file.read_text(encoding="utf-8").splitlines()
        good = re.fullmatch(r"[a-z0-9-]+\.md", file.name) and lines and lines[0].startswith("- ")
        if not good or not all(line.startswith(("- ", "  ")) for line in lines):
            yield f"changelog.d/{file.name}: must be NAME.md and hold a list, each entry `- …`"


if __name__ == "__main__":
    sys.exit(main())
