"""Prints one service model of botocore as JSON.

read_model.py wheel FILE SHA256 SERVICE   from a wheel, after checking its hash
read_model.py dir DIRECTORY VERSION SERVICE   from an installed botocore's data directory
"""

import gzip
import hashlib
import pathlib
import re
import sys
import zipfile


def fail(message):
    sys.exit(f"read_model.py: {message}")


def newest(names, service):
    """The model of the newest API version of a service among file names."""
    form = re.compile(
        rf"(?:.*/)?{re.escape(service)}/(\d{{4}}-\d\d-\d\d)/service-2\.json(?:\.gz)?"
    )
    found = sorted((match[1], name) for name in names if (match := form.fullmatch(name)))
    if not found:
        fail(f"there is no model of {service}")
    return found[-1][1]


def from_wheel(file, sha256, service):
    content = pathlib.Path(file).read_bytes()
    if hashlib.sha256(content).hexdigest() != sha256:
        fail(f"{file} does not have the pinned hash; delete it and try again")
    with zipfile.ZipFile(file) as wheel:
        name = newest(wheel.namelist(), service)
        return name, wheel.read(name)


def from_directory(directory, version, service):
    data = pathlib.Path(directory)
    about = data.parent / "__init__.py"
    found = about.exists() and re.search(r"__version__ = '([^']+)'", about.read_text())
    if not found or found[1] != version:
        have = found[1] if found else "unknown"
        fail(f"{directory} belongs to botocore {have}, the pin is {version}")
    name = newest((path.as_posix() for path in data.glob(f"{service}/*/service-2.json*")), service)
    return name, pathlib.Path(name).read_bytes()


def main(kind, place, proof, service):
    name, content = {"wheel": from_wheel, "dir": from_directory}[kind](place, proof, service)
    if name.endswith(".gz"):
        content = gzip.decompress(content)
    sys.stdout.buffer.write(content)


if __name__ == "__main__":
    if len(sys.argv) != 5 or sys.argv[1] not in ("wheel", "dir"):
        fail(__doc__)
    main(*sys.argv[1:])
