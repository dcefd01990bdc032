#!/usr/bin/env bash
# Fuzzes every parser with libFuzzer: some seconds each, from the corpus in fuzz/corpus.
#
#   SECONDS_EACH=20   time for each target        ONLY=name   one target
#   SEED=1            of libFuzzer's drawings
#
# Works on the stable toolchain: the coverage pass is asked for by flag. What libFuzzer finds of
# new coverage stays in fuzz/target/corpus; what fails is kept in fuzz/target/failures.
set -euo pipefail
cd "$(dirname "$0")/.."
cargo=${CARGO:-cargo}
seconds=${SECONDS_EACH:-20} seed=${SEED:-1} only=${ONLY:-}

echo "fuzz: does time tell a signature?"
"$cargo" run --release --quiet --package strongroom-wire --example timing

host=$(rustc -vV | sed -n 's/^host: //p')
flags="-Cpasses=sancov-module -Cllvm-args=-sanitizer-coverage-level=4"
flags+=" -Cllvm-args=-sanitizer-coverage-inline-8bit-counters"
flags+=" -Cllvm-args=-sanitizer-coverage-pc-table"
flags+=" -Cllvm-args=-sanitizer-coverage-trace-compares"
# With a target named, the flags stay out of build scripts and macros.
RUSTFLAGS="$flags" CARGO_TARGET_DIR=fuzz/target \
    "$cargo" build --quiet --release --manifest-path fuzz/Cargo.toml --target "$host"
program=fuzz/target/$host/release/strongroom-fuzz

mkdir -p fuzz/target/failures
failed=()
for directory in fuzz/corpus/*/; do
    name=$(basename "$directory")
    [[ -n $only && $only != "$name" ]] && continue
    mkdir -p "fuzz/target/corpus/$name"
    log=fuzz/target/$name.log
    if FUZZ_TARGET=$name "$program" -seed="$seed" -max_total_time="$seconds" -max_len=16384 \
        -timeout=10 -rss_limit_mb=2048 -print_final_stats=1 -dict="fuzz/dictionaries/$name.dict" \
        -artifact_prefix="fuzz/target/failures/$name-" \
        "fuzz/target/corpus/$name" "fuzz/corpus/$name" >"$log" 2>&1; then
        runs=$(sed -n 's/^stat::number_of_executed_units: *//p' "$log")
        covered=$(grep -oE 'cov: [0-9]+' "$log" | tail -1)
        echo "fuzz: $name: ${runs:-?} inputs, ${covered:-cov: ?}"
    else
        failed+=("$name")
        echo "fuzz: $name FAILED: see $log"
        grep -E 'panicked at|ERROR: libFuzzer|Test unit written' -A1 "$log" | head -8
    fi
done
if ((${#failed[@]})); then
    echo "fuzz: repeat with FUZZ_TARGET=NAME $program FILE"
    exit 1
fi
