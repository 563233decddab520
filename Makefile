# Each command sets up what it needs: a fresh clone works with any of them as the first.
PORT ?= 8000
PYTHON ?= python3
BIN := .venv/bin
# Ends when make does, even by SIGKILL; what the tests started ends with them.
TIED := setpriv --pdeathsig TERM
QUICK := tests/domain tests/ledger tests/gateways/test_breaker.py tests/gateways/test_deadline.py
comma := ,
ROOMS = $(addprefix tests/,$(subst $(comma), ,$(ROOM)))

.PHONY: run dev quick test check upgrade crash security bench compare shape reset format lock

run: .venv/installed-to-run  ## the portal with its sandboxes and a demo, on http://127.0.0.1:$(PORT)
	@exec $(BIN)/python -m portal.demo --port $(PORT)

dev: .venv/installed-to-run  ## the same, serving what changes: code, templates, static files
	@exec $(BIN)/python -m portal.demo --port $(PORT) --reload

quick: .venv/installed  ## arithmetic: domain, rating and ledger on SQLite, without the app, in seconds
	$(BIN)/python -m pytest -q --numprocesses 2 --dist load -k "not postgresql" $(QUICK)

test: export EVERY_EXAMPLE = 1
test: .venv/installed  ## the whole suite: unit, contract, both databases, browser; ROOM=usage,tokens for some rooms
	@.ci/tools postgresql chromium nginx
	$(TIED) $(BIN)/python -m pytest --numprocesses 2 --dist loadfile --no-loadscope-reorder $(ROOMS)

check: .venv/installed  ## format, lint, types, import contracts, templates, image, migrations
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/djlint templates --lint --check --quiet
	$(BIN)/hadolint deploy/Containerfile
	.ci/check-migrations

crash: .venv/installed  ## kill the run everywhere, race it, stop its database: SEED=n repeats one
	@.ci/tools postgresql strace
	$(BIN)/python -m tests.crash $(if $(SEED),--seed $(SEED))

upgrade: .venv/installed  ## the previous release's code on the new schema, and the new code on the old one
	@.ci/tools postgresql
	SECURITY_FULL=1 $(BIN)/python -m pytest -q tests/upgrade

security: .venv/installed  ## attack the portal in every known way, in full, and say what that proved
	@.ci/tools postgresql promtool chromium nginx
	SECURITY_FULL=1 $(BIN)/python -m pytest -q tests/security tests/upgrade tests/production tests/health/test_alerts.py

bench: .venv/installed  ## the bars of docs/PERFORMANCE.md, measured on the scale model: BENCH="--database sqlite"
	@.ci/tools postgresql
	$(BIN)/python -m tests.bench $(BENCH)

compare: .venv/installed  ## OLD and this code answer one walk over one database: OLD=f1d7525 or a checkout
	$(BIN)/python -m tests.compare --old $(OLD)

shape: .venv/installed  ## lengths, nesting, decisions, imports in numbers: AGAINST=DIR judges by a checkout
	$(BIN)/python -m tests.shape $(if $(AGAINST),--against $(AGAINST))

lock:  ## write requirements/*.txt anew, with hashes: after a change of dependencies in pyproject.toml
	@PYTHON=$(PYTHON) .ci/lock

format: .venv/installed  ## write the code as `make check` wants it
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

reset:  ## forget the demo: its database, secret and sandboxes
	rm -rf var

.venv/installed: pyproject.toml $(wildcard requirements/*.txt)
	@PYTHON=$(PYTHON) .ci/install dev

.venv/installed-to-run: pyproject.toml $(wildcard requirements/*.txt)
	@PYTHON=$(PYTHON) .ci/install run
