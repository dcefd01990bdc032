#!/usr/bin/env bash
# `make bench` and its relatives: builds for release and runs bench/ with the given arguments.
# usage: scripts/bench.sh run|profile|markdown [FLAGS…]
set -euo pipefail
cd "$(dirname "$0")/.."

scripts/toolchain.sh
target=${CARGO_TARGET_DIR:-target}

# The row of decisions is a program of its own: it alone needs Cedar, and it needs no server.
if [[ ${1:-} == run && ( $* != *--only* || $* == *decisions* ) ]]; then
    cargo build --quiet --release --manifest-path bench/decisions/Cargo.toml \
        --target-dir "$target/bench-decisions"
    export SR_BENCH_DECISIONS=$target/bench-decisions/release/strongroom-bench-decisions
    if [[ $* == *"--only decisions" ]]; then
        exec "$SR_BENCH_DECISIONS"
    fi
fi

scripts/debian-packages.sh redis-server redis-tools || echo "without Redis, its row is left out" >&2
cargo build --quiet --release --package strongroom --package strongroom-bench
exec "$target/release/strongroom-bench" "$@"
