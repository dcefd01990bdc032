#!/usr/bin/env bash
# Checks what a build needs: a Rust toolchain, a C compiler and make.
set -euo pipefail
cd "$(dirname "$0")/.."

if ! command -v cargo >/dev/null; then
    echo "please install a Rust toolchain (1.95 or newer): https://rustup.rs" >&2
    exit 1
fi
if ! command -v cc >/dev/null; then
    scripts/debian-packages.sh gcc libc6-dev
fi
