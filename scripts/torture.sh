#!/usr/bin/env bash
# Fault campaigns against the real binary; docs/testing.md says which.
# usage: scripts/torture.sh [--short] [--seed SEED] [--replay DIR]
set -euo pipefail
cd "$(dirname "$0")/.."

if [ "$(id -u)" -eq 0 ]; then
    scripts/debian-packages.sh nbdkit nbdkit-plugin-python libnbd-bin e2fsprogs mount strace ||
        echo "torture: going on without the missing packages" >&2
elif ! command -v strace >/dev/null; then
    scripts/debian-packages.sh strace
fi
exec .venv/bin/python tests/torture "$@"
