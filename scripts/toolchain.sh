#!/usr/bin/env bash
# Checks what a build needs: a Rust toolchain that is new enough, a C compiler and make.
set -euo pipefail
cd "$(dirname "$0")/.."

wanted=$(sed -n 's/^rust-version = "\(.*\)"$/\1/p' Cargo.toml)
if ! command -v cargo >/dev/null || ! command -v rustc >/dev/null; then
    echo "please install a Rust toolchain ($wanted or newer): https://rustup.rs" >&2
    exit 1
fi
found=$(rustc --version | cut -d' ' -f2)
if [ "$(printf '%s\n' "$wanted" "${found%%-*}" | sort -V | head -n1)" != "$wanted" ]; then
    echo "rustc $wanted or newer is needed, found $found: run rustup update stable" >&2
    exit 1
fi
if ! command -v cc >/dev/null; then
    scripts/debian-packages.sh gcc libc6-dev
fi
