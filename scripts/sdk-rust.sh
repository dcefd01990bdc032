#!/usr/bin/env bash
# Builds a program on the AWS SDK for Rust (tests/sdk-rust) and runs it against the real binary.
# The program is a workspace of its own, with its own lock file and target directory.
set -euo pipefail
cd "$(dirname "$0")/.."
target=${CARGO_TARGET_DIR:-$PWD/target}

"${CARGO:-cargo}" build --quiet --locked --manifest-path tests/sdk-rust/Cargo.toml --target-dir "$target/sdk-rust"
PYTHONPATH=tests/acceptance SDK_RUST_PROGRAM=$target/sdk-rust/debug/strongroom-sdk-rust \
    exec .venv/bin/pytest -q -p no:cacheprovider tests/sdk-rust
