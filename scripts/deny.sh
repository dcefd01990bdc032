#!/usr/bin/env bash
# Licences, banned packages, registries and published flaws, by the rules of deny.toml.
set -euo pipefail
cd "$(dirname "$0")/.."
cargo=${CARGO:-cargo}

if ! "$cargo" deny --version >/dev/null 2>&1; then
    echo "deny: cargo-deny is missing (cargo install cargo-deny --locked): published flaws are not looked up"
    exec "$cargo" xtask deny
fi
"$cargo" deny check bans licenses sources
# The database of flaws is a git repository.
if timeout 20 git ls-remote --exit-code https://github.com/RustSec/advisory-db HEAD >/dev/null 2>&1; then
    "$cargo" deny check advisories
else
    echo "deny: the database of published flaws cannot be reached: not looked up"
fi
