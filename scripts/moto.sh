#!/usr/bin/env bash
# Runs moto's own tests of IAM, STS, Organizations and KMS against the real binary.
# tests/moto/expected.toml says how each case ends and why; docs/testing.md says more.
# usage: scripts/moto.sh [OPTION OF PYTEST]...
set -euo pipefail
cd "$(dirname "$0")/.."

# The environment has what the tests need; moto stays unpacked, with the tests that only its
# source distribution has. Both are made once per change of what is pinned.
python=${PYTHON:-python3}
home=.cache/moto
want=$(cat tests/moto/requirements.txt tests/moto/sdist.txt | sha256sum)
if [ "$(cat "$home/requirements.sha256" 2>/dev/null)" != "$want" ]; then
    if ! "$python" -c 'import ensurepip, venv' 2>/dev/null; then
        scripts/debian-packages.sh python3 python3-venv
    fi
    if ! "$python" -c 'import tomllib' 2>/dev/null; then
        echo "moto's tests need python 3.11 or newer: set PYTHON to its path" >&2
        exit 1
    fi
    rm -rf "$home"
    mkdir -p "$home"
    "$python" -m venv "$home/venv"
    pip=("$home/venv/bin/pip" --disable-pip-version-check)
    "${pip[@]}" install --quiet --require-hashes -r tests/moto/requirements.txt
    # Built with the pinned setuptools of above, which pip does to read what is in it.
    "${pip[@]}" download --quiet --require-hashes --no-deps --no-build-isolation --no-binary moto \
        --dest "$home" -r tests/moto/sdist.txt
    mkdir "$home/source"
    tar -xzf "$home"/moto-*.tar.gz -C "$home/source" --strip-components=1
    echo "$want" >"$home/requirements.sha256"
fi

binary=${CARGO_TARGET_DIR:-$PWD/target}/debug/strongroom
if [ ! -x "$binary" ]; then
    echo "there is no $binary: run cargo build --package strongroom" >&2
    exit 1
fi
here=$PWD
cd "$home/source"
STRONGROOM_BINARY=$(realpath "$binary") PYTHONPATH=$here/tests/moto PYTHONDONTWRITEBYTECODE=1 \
    exec ../venv/bin/pytest -q --color=no --numprocesses=2 -p strongroom_moto -p no:cacheprovider \
    "$@" tests/test_iam tests/test_sts tests/test_organizations tests/test_kms
