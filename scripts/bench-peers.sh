#!/usr/bin/env bash
# `make bench-peers`: GetRecord beside Feast's feature server on Redis, in one run.
# Feast and what it needs are installed once, pinned with hashes, into .cache/peers.
set -euo pipefail
cd "$(dirname "$0")/.."

python=${PYTHON:-python3.11}
if ! "$python" -c 'import sys; sys.exit(sys.version_info[:2] != (3, 11))' 2>/dev/null; then
    echo "Feast's packages are pinned for Python 3.11: set PYTHON to its path" >&2
    exit 1
fi
venv=.cache/peers
want=$(sha256sum <bench/feast/requirements.txt)
if [ "$(cat "$venv/requirements.sha256" 2>/dev/null)" != "$want" ]; then
    rm -rf "$venv"
    mkdir -p .cache
    "$python" -m venv "$venv"
    "$venv/bin/pip" install --quiet --disable-pip-version-check --require-hashes -r bench/feast/requirements.txt
    echo "$want" >"$venv/requirements.sha256"
fi
scripts/debian-packages.sh redis-server
SR_BENCH_FEAST=$PWD/$venv/bin exec scripts/bench.sh run --only peers "$@"
