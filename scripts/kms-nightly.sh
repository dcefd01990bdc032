#!/usr/bin/env bash
# `make kms-nightly`: the long form of KMS's property tests, for every night.
# Everything that is drawn but the nonces comes from one seed, which is printed; SEED=… repeats a run.
set -euo pipefail
cd "$(dirname "$0")/.."

steps=${STEPS:-20000} nonces=${NONCES:-10000000}
seed=${SEED:-$(date +%s)}
run=(cargo test --quiet --release --package strongroom-kms)
# Compiled first, so that its time is not that of the steps.
"${run[@]}" --lib --test it --no-run
echo "kms: $steps random steps from seed $seed, with single and with multi-Region keys"
started=$SECONDS
KMS_MODEL_STEPS=$steps KMS_MODEL_SEED=$seed "${run[@]}" --test it -- model
echo "kms: $nonces ciphertexts under one key, $((SECONDS - started)) s later"
KMS_NONCES=$nonces "${run[@]}" --lib -- no_random_value_repeats_under_one_key
echo "passed in $((SECONDS - started)) s; repeat with SEED=$seed STEPS=$steps NONCES=$nonces"
