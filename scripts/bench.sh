#!/usr/bin/env bash
# `make bench` and its relatives: builds for release and runs bench/ with the given arguments.
# usage: scripts/bench.sh run|profile|markdown [FLAGS…]
set -euo pipefail
cd "$(dirname "$0")/.."

scripts/toolchain.sh
scripts/debian-packages.sh redis-server redis-tools || echo "without Redis, its row is left out" >&2
cargo build --quiet --release --package strongroom --package strongroom-bench
exec "${CARGO_TARGET_DIR:-target}/release/strongroom-bench" "$@"
