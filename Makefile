# `make run` opens the chat and `make test` runs every test, each from nothing but python3 (3.11+, with venv) and make;
# where uv is installed, venv need not be.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PROGRAM := $(VENV)/.program
READY := $(VENV)/.ready
COMPILED := $(VENV)/.compiled
CHECKS := $(VENV)/.package
# more than there are processors: tests wait for another process, or until a screen is still, half of their time
JOBS ?= $(shell $(BIN)/python -c 'import os; print((os.cpu_count() or 2) + 3)')
SEEDS ?= 10000
ROUNDS ?= 60
# what Python has compiled once is found again by the workers, and by every process that a test starts
unexport PYTHONDONTWRITEBYTECODE

.PHONY: run test test-part test-postgres clients sim strict monkey lint types walks bench dos browser golden screenshots package clean

run: $(PROGRAM)
	@$(BIN)/sterna

test: $(READY)
	@$(MAKE) --no-print-directory -j2 clients $(COMPILED)
	$(BIN)/pytest -n $(JOBS) --dist worksteal -q

# the tests in which one Python may differ from another
PART := $(wildcard tests/test_*.py) tests/storage tests/config tests/chat tests/net
test-part: $(READY)
	$(BIN)/pytest -n $(JOBS) --dist worksteal -q $(PART)

# clients of other projects that the server is tried with; without npm, or without the network, those tests say why they cannot run
CLIENTS := tests/clients_of_others
clients: $(VENV)/llm/.ready
	@! command -v npm >/dev/null \
	    || test $(CLIENTS)/node_modules/.ready -nt $(CLIENTS)/package-lock.json \
	    || { cd $(CLIENTS) && npm ci --silent --ignore-scripts --no-audit --no-fund --fetch-retries=1 --fetch-timeout=20000 \
	        >/dev/null 2>&1 && touch node_modules/.ready; } \
	    || echo "The packages of $(CLIENTS) could not be installed; their tests are skipped." >&2

# the package llm with a plugin, in a folder of its own: where it is installed, its models are offered in every chat
LLM := llm==0.36 llm-echo==0.5
$(VENV)/llm/.ready: Makefile $(READY)
	@{ rm -rf $(@D) && mkdir $(@D) \
	    && $(or $(shell command -v uv),$(BIN)/uv) pip install --quiet --python $(BIN)/python --target $(@D) $(LLM) >/dev/null 2>&1 \
	    && touch $@; } \
	    || echo "The package llm could not be installed into $(@D); its tests are skipped." >&2

# the server's tests on a PostgreSQL that the system packages, which is built with JIT and may be older than the embedded one
POSTGRES ?= $(lastword $(sort $(wildcard /usr/lib/postgresql/*/bin)))
test-postgres: $(READY)
	@test -x "$(POSTGRES)/postgres" || { echo "No PostgreSQL in $(POSTGRES); name its programs' folder: make test-postgres POSTGRES=..." >&2; exit 1; }
	STERNA_TEST_POSTGRES=$(POSTGRES) $(BIN)/pytest -n $(JOBS) --dist worksteal -q tests/server tests/equivalence

# more runs of the simulators of sync than the suite has; the first that fails is told with how to run it again
sim: $(READY)
	$(BIN)/python -m tests.sim --seeds $(SEEDS)
	UPSTREAM_SEEDS=1000 $(BIN)/pytest -n $(JOBS) -q tests/sync/test_upstream_simulation.py

# more than the suite has time for: requests that the document at /openapi.json allows or forbids, generated cases, and
# minutes of what the suite does for seconds
strict: $(READY)
	EXAMPLES=60 $(BIN)/pytest -n $(JOBS) -q tests/server/test_schemathesis.py
	TIMES=20 $(BIN)/pytest -n $(JOBS) -q -m hypothesis --ignore tests/equivalence
	DURATION=120 $(BIN)/pytest -n 2 -q tests/stories/test_sync_story.py tests/server/test_delta_writers.py

# somebody who presses anything: the screen must show what the file has; a failure prints its seed
monkey: $(READY)
	MONKEY_ROUNDS=$(ROUNDS) $(BIN)/pytest -q -s tests/tui/test_monkey.py

lint: $(READY)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: $(READY)
	$(BIN)/mypy

# many more histories than the suite has, after each step of which PostgreSQL and the SQLite mirror must agree
walks: $(READY)
	$(BIN)/python tests/equivalence/walk.py
	TIMES=40 $(BIN)/pytest -n $(JOBS) --dist worksteal -q tests/equivalence

bench: $(READY)
	$(BIN)/python -m benchmarks

# attacks on a real server beside a bystander; about four minutes
dos: $(READY)
	@$(BIN)/python -m tests.dos

# an HTML export in Chromium, which needs to be installed
browser: $(READY)
	@$(BIN)/python -m tests.browser

golden: $(READY)
	GOLDEN=write $(BIN)/pytest -q tests/tui/test_frames.py

screenshots: $(READY)
	$(BIN)/python -m docs.screenshots

# what would be published, in dist/, and what is wrong with it
package: $(CHECKS)
	rm -rf dist
	$(or $(shell command -v uv),$(BIN)/uv) build --quiet
	$(BIN)/twine check --strict dist/*
	$(BIN)/check-wheel-contents dist/*.whl
	$(BIN)/pyroma --min 10 .

clean:
	rm -rf $(VENV)

# The program alone is all that `make run` needs; tests, and checks of a package, add theirs. PYTHON is heeded when it is
# given: an environment of another Python is made anew.
NAMED := $(if $(filter file,$(origin PYTHON)),,$(PYTHON))
ENVIRONMENT := sh packaging/environment.sh $(VENV) '$(NAMED)'

# also where the Python of the environment is gone from the machine
ifneq ($(shell test -x $(BIN)/python $(if $(NAMED),&& $(ENVIRONMENT)) && echo usable),usable)
.PHONY: $(PROGRAM)
endif

$(PROGRAM): pyproject.toml uv.lock packaging/environment.sh
	@$(ENVIRONMENT) program
	@touch $@

$(READY): $(PROGRAM)
	@$(ENVIRONMENT) tests
	@touch $@

# runs beside `clients`, which waits for the network
$(COMPILED): $(READY)
	@$(BIN)/python -m tests.compile_all
	@touch $@

$(CHECKS): $(PROGRAM)
	@$(ENVIRONMENT) package
	@touch $@
