#!/usr/bin/env bash
# `make demo`: builds, starts a server on a fresh directory, runs demo/demo.py against it.
# KEEP=1 leaves the server running.
set -euo pipefail
cd "$(dirname "$0")/.."

cargo build --quiet --profile demo --package strongroom
binary=${CARGO_TARGET_DIR:-target}/demo/strongroom

work=$(mktemp -d "${TMPDIR:-/tmp}/strongroom-demo.XXXXXX")
"$binary" serve --data "$work/data" --listen 127.0.0.1:0 >"$work/exports" 2>"$work/server.log" &
server=$!
finish() {
    if [ -n "${server:-}" ]; then
        kill "$server" 2>/dev/null || true
        wait "$server" 2>/dev/null || true
        rm -rf "$work"
    fi
}
trap finish EXIT

for _ in $(seq 600); do
    [ "$(grep -c '^export ' "$work/exports")" -ge 3 ] && break
    kill -0 "$server" 2>/dev/null || { cat "$work/server.log" >&2; exit 1; }
    sleep 0.1
done
# shellcheck disable=SC1091
source "$work/exports"
.venv/bin/python demo/demo.py "$binary"

echo
if [ "${KEEP:-}" = 1 ]; then
    echo "The server is still running (process $server). In this shell:"
    echo
    grep '^export ' "$work/exports"
    server=
else
    echo "Try it yourself: make demo KEEP=1 leaves the server running. Then, for example:"
fi
aws=aws
command -v aws >/dev/null || aws=.venv/bin/aws
cat <<TRY

  $aws sagemaker list-feature-groups
  $aws sagemaker-featurestore-runtime get-record --feature-group-name weather-latest \\
      --record-identifier-value-as-string JFK
  $aws kms list-aliases
  $aws cloudtrail lookup-events --lookup-attributes AttributeKey=EventName,AttributeValue=DisableKey
TRY
