# Relative paths only: the folder may have a space in its name.
PYTHON ?= python3
BIN := .venv/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check install --quiet --require-hashes
OLD := Tollgate needs Python 3.11 or newer; this is %s. Name one: make PYTHON=python3.12
RECENT := import sys; sys.exit("$(OLD)" % sys.version.split()[0] if sys.version_info < (3, 11) else 0)

.DEFAULT_GOAL := help
.PHONY: help run test test-kafka fuzz fuzz-api canary chaos storm attack reconcile-day check audit lock bench screenshots

help:
	@echo "make run     the whole system on 127.0.0.1:8000, data in .data/ (PORT=… and DATA_DIR=… change that)"
	@echo "make test    all tests, on servers of their own"
	@echo "make test-kafka   the event stream through a real Kafka broker that is killed in between (needs Java and Maven)"
	@echo "make fuzz    ten thousand random steps through the payments, with faults, crashes and races (SEED=… repeats one run)"
	@echo "make fuzz-api   thousands of requests made up from docs/openapi.json at a running gateway (SEED=… repeats one run, EXAMPLES=…)"
	@echo "make canary  card numbers by every way there is, then searched for in logs, dumps and Redis"
	@echo "make storm   twenty thousand webhook events while relay, workers, beat and Redis are killed (EVENTS=…)"
	@echo "make chaos   a thousand histories of processes that are killed, frozen and delayed (SEED=… HISTORIES=1 repeats one; TABLE=1 writes docs/chaos.md, ADD=1 adds to it)"
	@echo "make attack  honest shoppers and three kinds of thieves, and whom the shipped risk rules stop (SEEDS=\"1 2\" HONEST=…)"
	@echo "make reconcile-day   a day of fifty thousand payments with errors of every kind in the bank's file (PAYMENTS=…)"
	@echo "make check   style, types, layers, security rules, migrations and settings"
	@echo "make audit   all that is installed, against the advisories that are known today (needs the network)"
	@echo "make lock    writes requirements*.txt, with the hash of every file, after a change of requirements*.in (UPGRADE=name moves what another brings along)"
	@echo "make bench   charges, webhooks, postings and report lines per second, large books and searches, next to what the database alone can do"
	@echo "make screenshots   docs/console/, pictures taken from a running console (needs a Chromium)"

run: .venv/run.stamp
	@$(BIN)/python -m gateway.supervisor

# Tests mostly wait, so there are runs beside each other, shown one after the other: the vault's, which has settings of
# its own, the whole system's with the benchmark's, the payments' with the console's, and everybody else's. The last three
# copy one cluster that is migrated first.
SYSTEM := tests/system tests/bench
PAYMENTS := tests/console tests/payments
test: .venv/dev.stamp
	@logs=$$(mktemp -d); trap 'kill $$vault $$system $$payments 2>/dev/null; rm -rf $$logs' EXIT; trap 'exit 130' INT TERM; \
	$(BIN)/python -m pytest -c vault/pytest.ini --rootdir . tests/vault >$$logs/vault 2>&1 & vault=$$!; \
	$(BIN)/python -m tests.support.template $$logs/cluster || exit; export TOLLGATE_TESTS_TEMPLATE=$$logs/cluster; \
	$(BIN)/python -m pytest $(SYSTEM) >$$logs/system 2>&1 & system=$$!; \
	$(BIN)/python -m pytest $(PAYMENTS) >$$logs/payments 2>&1 & payments=$$!; \
	$(BIN)/python -m pytest $(addprefix --ignore ,$(SYSTEM) $(PAYMENTS) tests/kafka); failed=$$?; \
	wait $$payments || failed=1; echo "The payments' and the console's:"; cat $$logs/payments; \
	wait $$vault || failed=1; echo "The vault's:"; cat $$logs/vault; \
	wait $$system || failed=1; echo "The whole system's:"; cat $$logs/system; exit $$failed

test-kafka: .venv/dev.stamp .venv/kafka.stamp
	@$(BIN)/python -m pytest tests/kafka

# The folder is relative to the pom's.
.venv/kafka.stamp: tests/kafka/pom.xml .venv/made.stamp
	@echo "Fetching the broker that tests/kafka/pom.xml names"
	@rm -rf .venv/kafka
	@mvn -q -B -f tests/kafka/pom.xml dependency:copy-dependencies -DoutputDirectory=../../.venv/kafka -DincludeScope=runtime
	@touch $@

fuzz: .venv/dev.stamp
	@$(BIN)/python -m tests.fuzz $(if $(SEED),--seed $(SEED)) $(if $(STEPS),--steps $(STEPS))

fuzz-api: .venv/dev.stamp
	@$(BIN)/python -m tests.openapi $(if $(SEED),--seed $(SEED)) $(if $(EXAMPLES),--examples $(EXAMPLES))

canary: .venv/dev.stamp
	@$(BIN)/python -m pytest tests/system/test_no_card_numbers.py

storm: .venv/dev.stamp
	@$(BIN)/python -m tests.storm $(if $(EVENTS),--events $(EVENTS))

chaos: .venv/dev.stamp
	@$(BIN)/python -m tests.chaos $(if $(SEED),--seed $(SEED)) $(if $(HISTORIES),--histories $(HISTORIES)) \
		$(if $(TABLE),--table) $(if $(ADD),--add)

attack: .venv/dev.stamp
	@$(BIN)/python -m tests.attack $(if $(SEEDS),--seeds $(SEEDS)) $(if $(HONEST),--honest $(HONEST))

reconcile-day: .venv/dev.stamp
	@$(BIN)/python -m tests.reconciliation $(if $(PAYMENTS),--payments $(PAYMENTS))

bench: .venv/dev.stamp
	@$(BIN)/python -m bench

screenshots: .venv/dev.stamp
	@$(BIN)/python -m tests.console

# Nothing here needs a running database, nor may it find the one of `make run`.
UNUSED := not-a-secret-only-long-and-varied-enough-to-pass-0123456789-abcdefghij
KEYS := .venv/check-keys.json
GATEWAY := env -u FAULTS_DIR TOLLGATE_ENV=production SECRET_KEY=$(UNUSED) VAULT_SHARED_SECRET=$(UNUSED) \
	TRUSTED_PROXIES=1 PUBLIC_URL=https://pay.example.com ALLOWED_HOSTS=pay.example.com DATABASE_URL=postgres:///nowhere
VAULT := env -u FAULTS_DIR TOLLGATE_ENV=production VAULT_SECRET_KEY=$(UNUSED) VAULT_SHARED_SECRET=$(UNUSED) \
	PUBLIC_URL=https://pay.example.com VAULT_TRUSTED_PROXIES=1 VAULT_ALLOWED_HOSTS=vault.example.com \
	VAULT_FORWARD_ORIGINS=https://bank.example.com \
	VAULT_KEY_FILE=$(KEYS) VAULT_DATABASE_URL=postgres:///nowhere

# All that runs in production.
OURS := core merchants idempotency controls ledger risk processors webhooks payments reconciliation receipts gateway vault manage.py

check: .venv/dev.stamp
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	TOLLGATE_ENV=development $(BIN)/mypy .
	TOLLGATE_ENV=development $(BIN)/mypy --config-file vault/mypy.ini vault tests/vault
	$(BIN)/lint-imports
	$(BIN)/python .ci/locked.py
	$(BIN)/bandit -q -c pyproject.toml -r $(OURS)
	$(GATEWAY) $(BIN)/python manage.py check_migrations
	$(GATEWAY) $(BIN)/python manage.py check --deploy --fail-level WARNING
	@umask 077; $(BIN)/python -c 'from gateway.data_folder import vault_keys; print(vault_keys())' >$(KEYS)
	$(VAULT) $(BIN)/python -m vault check_migrations
	$(VAULT) $(BIN)/python -m vault check --deploy --fail-level WARNING

audit: .venv/dev.stamp
	@$(BIN)/python .ci/audit.py requirements-dev.txt

# For every Python from 3.11 on and every machine at once. What is locked stays, unless UPGRADE names it.
LOCK = $(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url \
	--custom-compile-command 'make lock' $(if $(UPGRADE),--upgrade-package $(UPGRADE))
lock: | $(BIN)/uv
	@$(LOCK) requirements.in --output-file requirements.txt
	@$(LOCK) --constraints requirements.txt requirements-train.in --output-file requirements-train.txt
	@$(LOCK) --constraints requirements.txt --constraints requirements-train.txt requirements-dev.in --output-file requirements-dev.txt
	@$(BIN)/python .ci/locked.py

$(BIN)/uv:
	@$(MAKE) .venv/dev.stamp

.venv/made.stamp:
	@command -v $(PYTHON) >/dev/null || { echo "Tollgate needs Python 3.11 or newer, and there is no $(PYTHON)."; exit 1; }
	@$(PYTHON) -c '$(RECENT)'
	@echo "Making .venv"
	@$(PYTHON) -m venv .venv
	@$(BIN)/python -c '$(RECENT)'
	@touch $@

.venv/run.stamp: requirements.txt .venv/made.stamp
	@echo "Installing what requirements.txt names"
	@$(PIP) -r requirements.txt
	@touch $@

.venv/dev.stamp: requirements-dev.txt requirements.txt .venv/made.stamp
	@echo "Installing what requirements-dev.txt names"
	@$(PIP) -r requirements-dev.txt
	@touch $@ .venv/run.stamp
