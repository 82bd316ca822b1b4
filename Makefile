# Every verb of the project; `make` lists them.
PYTHON ?= python3.11
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check
SCALE ?= 1e7
BODIES ?= 100000
CLIENTS ?= 3
SEED ?= 0

.DEFAULT_GOAL := help
.PHONY: help setup debian quickstart screenshots serve docs test test-fast lint audit types fmt bench soak lock clean fuzz kafka pgjdbc twins

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
	@if ls /usr/lib/postgresql/*/bin/initdb /usr/lib/*/faketime/libfaketime.so.1 >/dev/null 2>&1 \
	  && command -v chromium >/dev/null; then :; \
	elif [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null; then \
	  apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -qq -y \
	    postgresql chromium libfaketime fonts-inter fonts-jetbrains-mono; \
	else echo "without PostgreSQL, Chromium and libfaketime their tests are skipped" \
	  "(apt-get install postgresql chromium libfaketime)"; fi

quickstart: $(VENV)/run.stamp ## install, start the server, run the whole quickstart on the iris records
	@$(BIN)/bitbrook quickstart $(QUICKSTART_FLAGS)

serve: $(VENV)/run.stamp ## start the server on ./bitbrook-data
	@$(BIN)/bitbrook serve

kafka: ## fetch Apache Kafka for its tests, where Java and Maven are
	@if ls tests/kafka/jars/kafka_*.jar >/dev/null 2>&1; then :; \
	elif command -v mvn >/dev/null && command -v java >/dev/null; then \
	  mvn -q -B -f tests/kafka/pom.xml dependency:copy-dependencies -DoutputDirectory=jars \
	    || echo "Kafka could not be fetched; its tests run against librdkafka's own broker alone"; \
	else echo "without java and mvn, Kafka's tests run against librdkafka's own broker alone"; fi

pgjdbc: ## fetch PostgreSQL's JDBC driver for the tests of its protocol, where Java and Maven are
	@if ls tests/pgwire/jars/postgresql-*.jar >/dev/null 2>&1; then :; \
	elif command -v mvn >/dev/null && command -v java >/dev/null; then \
	  mvn -q -B -f tests/pgwire/pom.xml dependency:copy-dependencies -DoutputDirectory=jars \
	    || echo "the JDBC driver could not be fetched; its test is skipped"; \
	else echo "without java and mvn, the test of the JDBC driver is skipped"; fi

# Tests that wait for browsers, brokers and processes more than they compute.
WAITING := $(addprefix tests/,backup client console faults kafka packaging pgwire scale telemetry upgrade)

test: setup debian kafka pgjdbc lint types ## lint, types and every test
	$(MAKE) --no-print-directory --jobs 2 test-computing test-waiting

test-computing: setup # half of `test`
	$(BIN)/python -m pytest $(addprefix --ignore=,$(WAITING))

test-waiting: setup # the other half
	$(BIN)/python -m pytest $(WAITING)

test-fast: setup ## the unit and model tests alone
	$(BIN)/python -m pytest tests/unit tests/model

lint: setup ## ruff, bandit and the import rules
	$(BIN)/ruff check src tests benchmarks docs/site
	$(BIN)/ruff format --check src tests benchmarks docs/site
	$(BIN)/lint-imports
	$(BIN)/bandit --quiet --recursive --configfile pyproject.toml src/bitbrook

audit: setup ## look what is known of weaknesses of the pinned packages (asks an index)
	@told=$$($(BIN)/pip-audit --strict --disable-pip --no-deps --progress-spinner off \
	  --requirement constraints.txt 2>&1); code=$$?; echo "$$told" | grep -v ^WARNING; \
	case "$$told" in \
	  *"could not be audited"*|*onnection*|*imeout*|*"service"*error*) \
	    echo "NOT AUDITED: the index of known weaknesses cannot be reached from here" ;; \
	  *) exit $$code ;; \
	esac

types: setup ## mypy, strict
	$(BIN)/mypy

fmt: setup ## format and mend what ruff can
	$(BIN)/ruff check --fix src tests benchmarks docs/site
	$(BIN)/ruff format src tests benchmarks docs/site

fuzz: setup ## send generated bodies to a server (BODIES=1000000 CLIENTS=3 SEED=0)
	BODIES=$(BODIES) CLIENTS=$(CLIENTS) SEED=$(SEED) $(BIN)/python -m benchmarks.fuzz

twins: setup ## make the SDK's modules for threads from those for asyncio
	$(BIN)/python tests/client/twins.py

soak: setup ## half an hour of mixed load; fails if memory, descriptors or times grow
	$(BIN)/python -m benchmarks.soak

bench: $(VENV)/bench.stamp ## bitbrook beside DuckDB and chDB (SCALE=1e6|1e7|1e8)
	SCALE=$(SCALE) $(BIN)/python -m benchmarks.run
	SCALE=$(SCALE) $(BIN)/python -m benchmarks.concurrency
	$(BIN)/python -m benchmarks.taxi
	$(BIN)/python -m benchmarks.field_sizes

docs: setup ## build the documentation site into build/docs/site and check every link
	@$(BIN)/python -m docs.site

screenshots: setup debian ## make the pictures of README.md anew
	cd tests && ../$(BIN)/python -m console.screenshots

lock: ## pin the newest releases that the requirements allow into constraints.txt
	$(PYTHON) -m venv $(VENV)-lock
	$(VENV)-lock/bin/python -m pip install --quiet --upgrade 'pip>=25.1'
	$(VENV)-lock/bin/python -m pip install --quiet . --group dev --group bench
	$(VENV)-lock/bin/python -m pip freeze --exclude bitbrook > constraints.txt
	rm -rf $(VENV)-lock

clean: ## remove what the verbs made
	rm -rf $(VENV) $(VENV)-lock build dist .mypy_cache .ruff_cache .pytest_cache .hypothesis
