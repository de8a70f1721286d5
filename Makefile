# `make demo` and `make test` need Python 3.11 to 3.13 and make, nothing else.
PYTHON ?= python3
BIN := .venv/bin

# The engine's kernels, once for all processes; a second if nothing has changed.
COMPILE := $(BIN)/python -c 'from matcher.engines.decomposition import compile_kernels; compile_kernels()'

.PHONY: demo serve test check format benchmark ladder clean

demo: .venv/ready
	$(BIN)/matcher demo

serve: .venv/ready
	$(BIN)/matcher serve

# Two workers on two cores: what the service promises in seconds is tested too, and needs them.
test: .venv/ready
	$(COMPILE)
	$(BIN)/pytest -n 2 $(PYTEST)

check: .venv/ready
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports

format: .venv/ready
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

benchmark: .venv/ready
	$(BIN)/python -m benchmarks gates

# Takes hours. Results are kept as they come: what was stopped is taken up with fewer --sizes,
# --kinds, --engines or --seeds in LADDER.
LADDER ?=
RESULTS ?= build/benchmarks.jsonl
ladder: .venv/ready
	$(BIN)/python -m benchmarks ladder $(LADDER) --json $(RESULTS)
	$(BIN)/python -m benchmarks phases --json $(RESULTS)
	$(BIN)/python -m benchmarks report $(RESULTS)

.venv/ready: pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))' || \
	  { echo "Python 3.11 to 3.13 is needed; name one: make PYTHON=python3.12 $(MAKECMDGOALS)"; exit 1; }
	@echo "Setting up .venv with the pinned packages; this takes a minute the first time."
	@$(PYTHON) -m venv --clear .venv
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt pip
	@$(BIN)/python -m pip install --quiet -c constraints.txt --group dev --editable '.[service,engines,bench]'
	@echo "Compiling the engine's kernels; half a minute, once."
	@$(COMPILE)
	@touch $@

clean:
	rm -rf .venv demo
