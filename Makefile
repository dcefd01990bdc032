# Strongroom: the commands that people and CI use. `make help` lists them.
SHELL := /bin/bash
.DEFAULT_GOAL := help
CARGO ?= cargo

.PHONY: help demo test race torture check docs tools bench bench-large bench-peers fuzz policy-cases nightly kms-nightly seal-kills hostile

help: ## list the commands
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | awk -F':.*## ' '{printf "make %-12s %s\n", $$1, $$2}'

tools:
	@scripts/toolchain.sh python $(NEEDS)
	@scripts/python-env.sh

demo: tools ## build, start a server and run the main job on real data (KEEP=1 leaves it running)
	@scripts/demo.sh

test: NEEDS = softhsm strace
test: tools ## every test: Rust, boto3, the AWS CLI, other SDKs and moto's tests against the real binary
	$(CARGO) xtask tidy
	$(CARGO) xtask shapes --check --models .venv/lib/python3*/site-packages/botocore/data
	scripts/vectors.sh
	STRONGROOM_VECTORS=$(CURDIR)/.cache/vectors $(CARGO) test --workspace --quiet --no-fail-fast
	$(CARGO) build --package strongroom --package strongroom-testkit --features strongroom-testkit/proxy
	scripts/generated-docs.sh --check
	.venv/bin/python scripts/check-docs.py
	.venv/bin/pytest -q tests/acceptance
	scripts/sdk-rust.sh
	scripts/moto.sh
	scripts/torture.sh --short

torture: tools ## power cuts, failing and full disks, bit rot (SEED=… repeats a run)
	$(CARGO) build --package strongroom --release
	scripts/torture.sh

check: tools ## what must hold beside the tests: format, lints, generated files, documentation
	$(CARGO) fmt --all --check
	$(CARGO) clippy --workspace --all-targets -- -D warnings
	$(CARGO) clippy --workspace --all-targets --all-features -- -D warnings
	@scripts/deny.sh
	$(CARGO) xtask tidy
	$(CARGO) xtask shapes --check --models .venv/lib/python3*/site-packages/botocore/data
	$(CARGO) build --package strongroom
	scripts/generated-docs.sh --check
	.venv/bin/python scripts/check-docs.py
	RUSTDOCFLAGS="-D warnings" $(CARGO) doc --workspace --no-deps --quiet

docs: ## write the generated pages of docs/
	$(CARGO) build --package strongroom
	scripts/generated-docs.sh

race: tools ## every way to take a right away, 1,000 times under load (ROUNDS=…; 60 are in make test)
	$(CARGO) build --package strongroom
	STRONGROOM_RACE_ROUNDS=$(or $(ROUNDS),1000) .venv/bin/pytest -q tests/acceptance/test_feature_store_security.py \
		-k 'taken_away or slowly'
	STRONGROOM_RACE_ROUNDS=$(or $(ROUNDS),1000) $(CARGO) test --quiet --package strongroom-featurestore --test it expiry

seal-kills: NEEDS = softhsm strace
seal-kills: tools ## kill the server while its seal or root key changes (ROUNDS=300; SEED=… repeats a run) or keys end
	$(CARGO) build --package strongroom
	STRONGROOM_SEAL_ROUNDS=$(or $(ROUNDS),300) STRONGROOM_SEED=$(SEED) \
		.venv/bin/pytest -q tests/acceptance/test_seal_kills.py
	STRONGROOM_SHRED_KILLS=all $(CARGO) test --quiet --package strongroom-kms --test it shred_kills

hostile: NEEDS = softhsm
hostile: tools ## every hostile value in every string of every operation (SEED=… repeats a run; two of each are in make test)
	$(CARGO) build --package strongroom
	STRONGROOM_HOSTILE_VALUES=$(or $(VALUES),1000) STRONGROOM_SEED=$(or $(SEED),$(shell date +%s)) \
		.venv/bin/pytest -q tests/acceptance/test_hostile_values.py

bench: ## measure next to bare hyper, the engine alone and Redis (QUICK=1: smaller sets; ONLY=row: a part)
	@scripts/bench.sh run $(if $(QUICK),--quick) $(if $(ONLY),--only $(ONLY))

bench-large: ## GetRecord over 10 million records, and a start with them
	@scripts/bench.sh run --uniform 10000000 --only get-uniform,restart

bench-peers: ## GetRecord beside Feast's feature server on Redis (installs Feast into .cache; QUICK=1: shorter)
	@scripts/bench-peers.sh $(if $(QUICK),--quick)

fuzz: tools ## fuzz every parser (SECONDS=20 each; ONLY=name: one; the short form is in make test)
	@SECONDS_EACH=$(or $(SECONDS),20) ONLY=$(ONLY) scripts/fuzz.sh

policy-cases: ## 200,000 random decisions beside the naive evaluator (CASES=…; SEED=… repeats a run)
	@CASES=$(or $(CASES),200000) SEED=$(SEED) scripts/policy-cases.sh

kms-nightly: ## 20,000 random steps of KMS beside its models, 10 million nonces (STEPS=…; NONCES=…; SEED=… repeats a run)
	@STEPS=$(or $(STEPS),20000) NONCES=$(or $(NONCES),10000000) SEED=$(SEED) scripts/kms-nightly.sh

nightly: ## for every night: make check, and the long forms of the tests: decisions, the KMS model, fuzzing, hostile values, faults
	$(MAKE) check
	$(MAKE) policy-cases
	$(MAKE) kms-nightly
	$(MAKE) fuzz
	$(MAKE) hostile
	$(MAKE) torture
	$(MAKE) seal-kills
