# successor: install, demo, test. `make help` lists the targets.
PYTHON ?= python3
VENV ?= .venv
DEMO ?= demo-workspace
BIN := $(VENV)/bin
PYTEST_ARGS ?=
# Where the weights for `make test-local` are kept: never within this folder.
TEST_MODELS ?= $(if $(filter 0,$(shell id -u)),/var/cache,$(HOME)/.cache)/successor-test

.PHONY: help install install-dev install-local demo test test-local lint bench lock clean
.DEFAULT_GOAL := help

help:  ## this list
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## */  make \1\t/' | expand -t 22

install: $(VENV)/.installed  ## successor into a local virtual environment, from the lock file with hashes

install-dev: $(VENV)/.installed-dev  ## the same, with what the tests need

install-local: install  ## what local models need, into the same environment
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements-local.lock

demo: install  ## one generation, offline: create, propose, evaluate, judge, ask for review
	@$(BIN)/successor demo $(DEMO)

test: install-dev  ## all tests (PYTEST_ARGS=... adds arguments)
	@$(BIN)/python -m pytest $(PYTEST_ARGS)

test-local: install-dev install-local  ## tests with a real local model: fetches 1.1 GB once, into TEST_MODELS
	@weights=$$($(BIN)/python -m tests.local_model.asset "$(TEST_MODELS)") && SUCCESSOR_TEST_GGUF="$$weights" \
		$(BIN)/python -m pytest tests/local_model --require local_model $(PYTEST_ARGS)

lint: install-dev  ## formatting, lint, strict types
	@$(BIN)/ruff format --check . && $(BIN)/ruff check . && $(BIN)/mypy

bench: install-dev  ## measure, and print the table of docs/measures.md
	@$(BIN)/python -m bench

lock: install-dev  ## make the lock files anew from pyproject.toml
	@$(BIN)/uv pip compile -q --universal --generate-hashes --no-header --no-annotate --extra bubblewrap --group build \
		pyproject.toml -o requirements.lock
	@$(BIN)/uv pip compile -q --universal --generate-hashes --no-header --no-annotate --extra bubblewrap --group build \
		--group dev -c requirements.lock pyproject.toml -o requirements-dev.lock
	@$(BIN)/python -c 'import tomllib; print(*tomllib.load(open("pyproject.toml", "rb"))["project"]["optional-dependencies"]["local"])' \
		| $(BIN)/uv pip compile -q --universal --generate-hashes --no-header --no-annotate -c requirements.lock - \
		-o requirements-local.lock

clean:  ## remove the virtual environment and the demo
	@rm -rf $(VENV) $(DEMO)

$(VENV)/.created:
	@command -v "$(PYTHON)" >/dev/null || { \
		echo "error: there is no $(PYTHON) here, and successor needs Python 3.11 to 3.13. Install it: apt-get install python3 python3-venv; or name another: make PYTHON=python3.12" >&2; \
		exit 2; }
	@$(PYTHON) -c 'import sys; v = sys.version_info[:2]; sys.exit(not (3, 11) <= v < (3, 14))' || { \
		echo "error: $(PYTHON) is $$($(PYTHON) -V 2>&1), and successor needs Python 3.11 to 3.13. Name one: make PYTHON=python3.12" >&2; \
		exit 2; }
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || { \
		echo "error: $(PYTHON) lacks its venv module. Install it: apt-get install $$($(PYTHON) -c 'import sys; print("python%d.%d-venv" % sys.version_info[:2])')" >&2; \
		exit 2; }
	@command -v git >/dev/null || { echo "error: git is missing. Install it: apt-get install git" >&2; exit 2; }
	@echo "· creating $(VENV)"
	@$(PYTHON) -m venv $(VENV)
	@touch $@

$(VENV)/.installed: $(VENV)/.created requirements.lock pyproject.toml
	@echo "· installing the locked dependencies"
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements.lock
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	@touch $@

$(VENV)/.installed-dev: $(VENV)/.installed requirements-dev.lock
	@echo "· installing what the tests need"
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements-dev.lock
	@touch $@
