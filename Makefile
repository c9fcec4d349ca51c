# Two commands: `make run` sets up and runs the whole story; `make test` sets up and passes the tests.
# Needs git, make and Python 3.11 or newer.
SHELL := /bin/bash
PYTHON ?= $(shell for p in python3 python3.13 python3.12 python3.11 python; do \
	command -v $$p >/dev/null 2>&1 && $$p -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && { echo $$p; break; }; done)
VENV := .venv
BIN := $(VENV)/bin
# Tests run in parallel; set WORKERS=0 for one process. Stealing keeps a file's tests, and what they share, mostly in one process;
# other packages' pytest plugins are left out, because loading them takes seconds in every process.
WORKERS ?= auto
PYTEST = $(BIN)/python -m pytest --disable-plugin-autoload -p xdist -n $(WORKERS) --dist worksteal

.PHONY: run test test-all bench lint types layers check clean
.DEFAULT_GOAL := run

run: $(VENV)/.runtime
	@$(BIN)/workbench demo

test: $(VENV)/.dev
	$(PYTEST) -m "not slow"

test-all: $(VENV)/.dev
	$(PYTEST)

# The tables of benchmarks/README.md; takes about an hour. Each script says what it measures and has a shorter form.
bench: $(VENV)/.dev
	$(BIN)/python benchmarks/audit_cost.py
	$(BIN)/python benchmarks/lint_recall.py
	$(BIN)/python benchmarks/lint_elsewhere.py
	$(BIN)/python benchmarks/set_checks.py --rows 1 10 100 --deepchecks
	$(BIN)/python benchmarks/rarity.py
	$(BIN)/python benchmarks/leak_recall.py
	$(BIN)/python benchmarks/change_recall.py --effect
	$(BIN)/python benchmarks/classify_cost.py --rounds 7
	$(BIN)/python benchmarks/queue_cost.py
	$(BIN)/python benchmarks/review_screen.py --rounds 5
	$(BIN)/python benchmarks/recording_cost.py
	$(BIN)/python benchmarks/endurance.py

lint: $(VENV)/.dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: $(VENV)/.dev
	$(BIN)/mypy

layers: $(VENV)/.dev
	$(BIN)/lint-imports

check: lint types layers

$(VENV)/bin/python:
	@test -n "$(PYTHON)" || { echo "Python 3.11 or newer is needed; set PYTHON=/path/to/python" >&2; exit 2; }
	$(PYTHON) -m venv $(VENV) || { rm -rf $(VENV); echo "the venv module is needed: apt-get install python3-venv" >&2; exit 2; }

$(VENV)/.runtime: $(VENV)/bin/python requirements.txt pyproject.toml
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -r requirements.txt
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --editable .
	$(BIN)/python -m compileall -q workbench
	@$(BIN)/python .ci/openmp.py
	@touch $@

$(VENV)/.dev: $(VENV)/.runtime requirements-dev.txt
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -r requirements-dev.txt
	@touch $@

clean:
	rm -rf $(VENV) .workbench .mypy_cache .ruff_cache .hypothesis build dist
