#!/usr/bin/env bash
# `make policy-cases`: the long form of the property tests of decisions, for every night.
# Everything that is drawn comes from one seed, which is printed; SEED=… repeats a run.
set -euo pipefail
cd "$(dirname "$0")/.."

cases=${CASES:-200000}
seed=${SEED:-$(date +%s)}
# Compiled first, so that its time is not that of the cases.
cargo test --quiet --release --package strongroom-policy --test it --no-run
echo "$cases random cases from seed $seed"
started=$SECONDS
STRONGROOM_POLICY_CASES=$cases STRONGROOM_POLICY_SEED=$seed \
    cargo test --quiet --release --package strongroom-policy --test it -- random:: reach:: web_identities::
echo "passed in $((SECONDS - started)) s; repeat with SEED=$seed CASES=$cases"
