# `make run` and `make test` do all the set-up on a fresh machine with Rust, a C compiler, Python 3
# with pip, and Debian's package manager.

MODEL ?= qwen2.5-coder-1.5b
SCENARIO ?= scenarios/quickstart.toml
# Two OpenMP threads that spin beside a busy one are ten times slower.
export OMP_WAIT_POLICY ?= passive
FISC = target/debug/fisc

.PHONY: run test bench check build packages figures clean

run: build
	@$(FISC) model fetch $(MODEL)
	$(FISC) run $(SCENARIO) --force --set models.small.backend.gguf.model=$(MODEL)

test: packages
	cargo test --quiet

bench: packages
	cargo bench --profile dev --bench step
	cargo bench --profile dev --bench optimum
	cargo bench --profile dev --bench llm -- q8_0
	cargo bench --profile dev --bench replay
	cargo bench --profile dev --bench preferences

check: build
	$(FISC) check scenarios/*.toml scenarios/*/*.toml

build: packages
	cargo build

packages:
	@scripts/packages.sh

# The figures of the README, from real runs.
figures: build
	scripts/figures.sh

clean:
	cargo clean
