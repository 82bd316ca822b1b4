# Every verb of the project; `make` lists them.
PYTHON ?= python3.11
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check
SCALE ?= 1e7

.DEFAULT_GOAL := help
.PHONY: help setup debian quickstart serve test test-fast lint types fmt bench lock clean

help: ## list the verbs
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 14

$(VENV)/run.stamp: pyproject.toml constraints.txt
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV) || \
	  { echo "Python 3.11 with venv is needed (Debian: apt-get install python3-venv)"; exit 1; }
	$(PIP) install --quiet --constraint constraints.txt --editable .
	@touch $@

$(VENV)/dev.stamp: $(VENV)/run.stamp
	$(PIP) install --quiet --upgrade 'pip>=25.1'
	$(PIP) install --quiet --constraint constraints.txt --group dev
	@touch $@

$(VENV)/bench.stamp: $(VENV)/dev.stamp
	$(PIP) install --quiet --constraint constraints.txt --group bench
	@touch $@

setup: $(VENV)/dev.stamp ## create .venv with everything that development needs

debian: ## install what tests need of Debian's packages, where that may be done
	@if ls /usr/lib/postgresql/*/bin/initdb >/dev/null 2>&1; then :; \
	elif [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null; then \
	  apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -qq -y postgresql; \
	else echo "without PostgreSQL (apt-get install postgresql) its tests are skipped"; fi

quickstart: $(VENV)/run.stamp ## install, start the server, run the whole quickstart on the iris records
	@$(BIN)/bitbrook quickstart $(QUICKSTART_FLAGS)

serve: $(VENV)/run.stamp ## start the server on ./bitbrook-data
	@$(BIN)/bitbrook serve

test: setup debian lint types ## lint, types and every test
	$(BIN)/python -m pytest

test-fast: setup ## the unit and model tests alone
	$(BIN)/python -m pytest tests/unit tests/model

lint: setup ## ruff and the import rules
	$(BIN)/ruff check src tests benchmarks
	$(BIN)/ruff format --check src tests benchmarks
	$(BIN)/lint-imports

types: setup ## mypy, strict
	$(BIN)/mypy

fmt: setup ## format and mend what ruff can
	$(BIN)/ruff check --fix src tests benchmarks
	$(BIN)/ruff format src tests benchmarks

bench: $(VENV)/bench.stamp ## bitbrook beside DuckDB and chDB (SCALE=1e6|1e7|1e8)
	SCALE=$(SCALE) $(BIN)/python -m benchmarks.run

lock: ## pin the newest releases that the requirements allow into constraints.txt
	$(PYTHON) -m venv $(VENV)-lock
	$(VENV)-lock/bin/python -m pip install --quiet --upgrade 'pip>=25.1'
	$(VENV)-lock/bin/python -m pip install --quiet . --group dev --group bench
	$(VENV)-lock/bin/python -m pip freeze --exclude bitbrook > constraints.txt
	rm -rf $(VENV)-lock

clean: ## remove what the verbs made
	rm -rf $(VENV) $(VENV)-lock build dist .mypy_cache .ruff_cache .pytest_cache .hypothesis
