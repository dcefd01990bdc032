#!/usr/bin/env bash
# Checks what a build needs of the machine: a Rust toolchain that is new enough and a C compiler.
# What comes from Debian packages is installed in one go, or named in one line.
# usage: scripts/toolchain.sh [python] [softhsm] [strace]: these as well
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
packages=()
command -v cc >/dev/null || packages+=(gcc libc6-dev)
for need in "$@"; do
    case $need in
        python) "${PYTHON:-python3}" -c 'import ensurepip, venv' 2>/dev/null || packages+=(python3 python3-venv) ;;
        softhsm) command -v softhsm2-util >/dev/null || packages+=(softhsm2) ;;
        # Root gets a disk for its fault campaigns; others trace system calls.
        strace) [ "$(id -u)" -eq 0 ] || command -v strace >/dev/null || packages+=(strace) ;;
    esac
done
[ ${#packages[@]} -eq 0 ] || scripts/debian-packages.sh "${packages[@]}"
