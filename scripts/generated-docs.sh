#!/usr/bin/env bash
# Writes the generated pages of docs/, or with --check compares them.
set -euo pipefail
cd "$(dirname "$0")/.."

binary=${CARGO_TARGET_DIR:-target}/debug/strongroom
stale=0
for page in compatibility permissions configuration; do
    if [ "${1:-}" = --check ]; then
        "$binary" docs "$page" | cmp -s - "docs/$page.md" || { echo "docs/$page.md is stale: run make docs" >&2; stale=1; }
    else
        # Written beside the page first: a binary that fails leaves the page as it was.
        "$binary" docs "$page" >"docs/$page.md.new"
        mv "docs/$page.md.new" "docs/$page.md"
    fi
done
exit "$stale"
