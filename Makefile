# Everything here works on a fresh machine that has Python 3.11 or newer, git and make.

SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:

VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
DEMO ?= demo
PORT ?= 3000
UPGRADE ?=

# The first Python that is new enough and can make an environment; name another with PYTHON=.
USABLE := import ensurepip, sys, venv; sys.exit(sys.version_info < (3, 11))
PYTHON ?= $(shell for python in python3.11 python3.12 python3.13 python3.14 python3; do \
	"$$python" -c '$(USABLE)' >/dev/null 2>&1 && { echo "$$python"; break; }; done)

export PIP_DISABLE_PIP_VERSION_CHECK := 1

# What duckdb's binding says of itself when hypothesis ran in the same process and Python ends.
LEAKS := ^(nanobind: |See https://nanobind| - (leaked |\.\.\. skipped))

.PHONY: help demo test check ui system simulate bench update-golden requirements clean

help: ## List what can be made
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  %-14s %s\n", $$1, $$2}' Makefile

demo: $(READY) ## Make a seeded month of a company, close it, and say where the report lies
	@$(BIN)/tallystick demo --dir "$(DEMO)"

test: check ## Do everything that a change must pass (the same as check)

check: $(READY) ## Format, lint, import rules, types, tests
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	@echo "$(BIN)/lint-imports"
	@$(BIN)/lint-imports --no-cache >$(VENV)/imports.log || { cat $(VENV)/imports.log; exit 1; }
	$(BIN)/mypy --no-error-summary
	@echo "$(BIN)/pytest $(PYTEST)"
	@$(BIN)/pytest -n auto --maxprocesses 4 --dist loadfile $(PYTEST) 2> >(grep -vE '$(LEAKS)' >&2)

system: $(READY) ## Run the slow tests that start real servers and processes
	$(BIN)/pytest -m system -n 2 --dist loadfile $(PYTEST)

simulate: $(READY) ## Score simulated months against their truth, as in the README: about a quarter of an hour
	$(BIN)/tallystick simulate --calls 3000 --seeds 25
	$(BIN)/tallystick simulate --calls 30000 --seeds 25
	$(BIN)/tallystick simulate --calls 30000 --seeds 6 --grain hour
	$(BIN)/tallystick simulate --money --seeds 30

bench: $(READY) ## Measure speed and memory beside baselines: about twenty minutes, 16 GB of disk
	$(BIN)/tallystick bench

ui: export DAGSTER_HOME := $(CURDIR)
ui: export TALLYSTICK_CONFIG = $(abspath $(DEMO))/tallystick.toml
ui: export PYTHONWARNINGS = ignore:Function `dev_command` is superseded
ui: $(READY) ## Open the Dagster UI on the demo's state; PORT=3000 by default
	@test -f "$(TALLYSTICK_CONFIG)" || $(MAKE) --no-print-directory demo
	@mkdir -p .dagster
	@test "$(DEMO)/.run" -nt "$(TALLYSTICK_CONFIG)" -a -d .dagster/storage || { \
		echo "Closing the demo's month once more, as a Dagster run, so that the graph shows figures."; \
		$(BIN)/dagster job execute -m assets.definitions -j close_month \
			--tags "{\"dagster/partition\": \"$$(basename "$(DEMO)"/output/20*)\"}" >.dagster/run.log 2>&1 \
			|| { tail -n 40 .dagster/run.log; exit 1; }; touch "$(DEMO)/.run"; }
	@echo "The graph is at http://localhost:$(PORT) in about a quarter of a minute; stop it with Ctrl-C."
	@$(BIN)/dagster dev --port $(PORT) --log-level warning

update-golden: $(READY) ## Rewrite the golden files; say in CHANGELOG.md whose numbers moved
	$(BIN)/pytest tests/golden --update-golden

# Indexes that a machine has configured must not reach the files.
COMPILE = env -u UV_INDEX -u UV_DEFAULT_INDEX -u UV_INDEX_URL -u UV_EXTRA_INDEX_URL -u UV_FIND_LINKS \
	$(BIN)/uv --no-config pip compile --quiet --universal --python-version 3.11 --generate-hashes \
	--no-strip-extras --no-annotate --no-emit-index-url --no-emit-find-links \
	--custom-compile-command "make requirements" $(UPGRADE) pyproject.toml

requirements: $(READY) ## Pin the dependencies again; UPGRADE=--upgrade takes newer ones
	$(COMPILE) --group dev -o requirements-dev.txt
	$(COMPILE) --constraint requirements-dev.txt -o requirements.txt

clean: ## Remove the environment, the demo and everything that tools left behind
	rm -rf $(VENV) "$(DEMO)" build dist .dagster .logs_queue .tmp_dagster_home_* .hypothesis
	rm -rf .pytest_cache .mypy_cache .ruff_cache .import_linter_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

$(READY): requirements-dev.txt pyproject.toml
	@test -n "$(PYTHON)" || { echo "There is no Python 3.11 or newer with venv here. Install one" \
		"(on Debian and Ubuntu: python3.11 and python3.11-venv) or run make PYTHON=/path/to/python3.11." >&2; exit 1; }
	@"$(PYTHON)" -c '$(USABLE)' 2>/dev/null || { echo "$(PYTHON) ($$("$(PYTHON)" --version 2>/dev/null || echo "not found"))" \
		"cannot be used: it takes 3.11 or newer with venv and ensurepip. Run make PYTHON=/path/to/python3.11." >&2; exit 1; }
	@echo "Setting up $(VENV) with $$("$(PYTHON)" --version): $$(grep -c == requirements-dev.txt) pinned packages, about a minute, once."
	@test -x $(BIN)/pip || "$(PYTHON)" -m venv $(VENV)
	@$(BIN)/pip install --progress-bar off --require-hashes --only-binary :all: -r requirements-dev.txt 2>$(VENV)/setup.log \
		| awk '/^Collecting/ && ++n % 20 == 0 {print "  " n " packages fetched"; fflush()} /^Installing/ {print "  installing"; fflush()}' \
		|| { cat $(VENV)/setup.log >&2; exit 1; }
	@PATH="$(CURDIR)/$(BIN):$$PATH" $(BIN)/pip install --quiet --no-deps --no-build-isolation --editable . 2>$(VENV)/setup.log \
		|| { cat $(VENV)/setup.log >&2; exit 1; }
	@touch $@
