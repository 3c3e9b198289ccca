# make demo: the demo study, from nothing.   make test: every test, from nothing.
# Both set up .venv from envs/*.lock; Python 3.11 with pip is all they assume.
PYTHON ?= python3.11
UV_VERSION := 0.13.9
CORES ?= all
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/ready
# Plugins of Snakemake that the nightly tests need; beside the environment, not in it.
PLUGINS := $(VENV)/plugins
STUDY := results/demo
COMPILE := $(BIN)/uv pip compile --quiet --upgrade --universal --python-version 3.11 --generate-hashes \
    --no-header --no-emit-index-url --no-annotate

.DEFAULT_GOAL := help
.PHONY: help setup demo data-status test test-fast test-nightly lint format lock clean

help: ## List the commands
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## /  make \1\t/' | expand -t 20

setup: $(READY) ## Set up .venv from the lock files

$(READY): $(wildcard envs/*.lock) pyproject.toml
	@command -v $(PYTHON) >/dev/null || { echo "error: $(PYTHON) is not there; install Python 3.11, or name another with 'make PYTHON=python3.12 …'"; exit 1; }
	@echo "Setting up $(VENV) (about 6 GB with PyTorch's CUDA libraries; this takes a few minutes) …"
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check uv==$(UV_VERSION)
	@$(BIN)/uv pip install --quiet --python $(BIN)/python --compile-bytecode --require-hashes -r envs/requirements.lock
	@$(BIN)/uv pip install --quiet --python $(BIN)/python --require-hashes --no-deps -r envs/torchattacks.lock
	@test -x $(VENV)/peers/bin/python || $(PYTHON) -m venv --without-pip $(VENV)/peers
	@$(BIN)/uv pip install --quiet --python $(VENV)/peers/bin/python --require-hashes -r envs/dadapy.lock
	@$(BIN)/uv pip install --quiet --python $(BIN)/python --no-deps --no-build-isolation --editable .
	@touch $@

$(PLUGINS): envs/plugins.lock | $(READY)
	@rm -rf $@.new $@
	@$(BIN)/uv pip install --quiet --python $(BIN)/python --target $@.new --require-hashes -r $<
	@mv $@.new $@ && touch $@

demo: $(READY) ## Run the demo study, and say where its results are
	@$(BIN)/snakemake --cores $(CORES)
	@test $(STUDY)/report.html -nt $(STUDY)/summary.md || $(BIN)/snakemake --report $(STUDY)/report.html --quiet all
	@echo
	@echo "The demo is done. Open"
	@echo "  $(STUDY)/index.html     everything on one page; summary.md is the same in Markdown"
	@echo "  $(STUDY)/report.html    how each file was made"
	@echo "  $(STUDY)/figures/       every figure, PDF and PNG"
	@echo "  $(STUDY)/tables/        every table, CSV and LaTeX; columns.csv explains them"

data-status: $(READY) ## List all datasets: which are there, which can be downloaded, what is missing
	@$(BIN)/python scripts/data_status.py

test: $(READY) ## Run every test but the nightly ones
	@$(BIN)/python -m pytest -n auto

test-fast: $(READY) ## Run the tests that take seconds
	@$(BIN)/python -m pytest -m "not slow"

test-nightly: $(PLUGINS) ## Run the tests that take minutes each
	@$(BIN)/python -m pytest -m nightly

lint: $(READY) ## Check style and types: ruff, snakefmt, snakemake --lint, mypy
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/snakefmt --check Snakefile rules
	@$(BIN)/snakemake --lint
	@$(BIN)/mypy

format: $(READY) ## Put code into the style that lint asks for
	@$(BIN)/ruff check --fix .
	@$(BIN)/ruff format .
	@$(BIN)/snakefmt Snakefile rules

lock: ## Renew the lock files (needs uv: make setup)
	@$(COMPILE) --extra pipeline --extra test pyproject.toml -o envs/requirements.lock
	@printf 'eagerpy\nfoolbox\ntorchattacks\n' | $(COMPILE) --no-deps - -o envs/torchattacks.lock
	@echo dadapy | $(COMPILE) - -o envs/dadapy.lock
	@# Plugins get the versions of the environment that they are put beside, but botocore needs an older dateutil.
	@grep -oE '^[a-z0-9-]+==[^\]+' envs/requirements.lock | grep -v '^python-dateutil=' > $(VENV)/versions.txt
	@printf 'snakemake-%s\n' executor-plugin-aws-batch executor-plugin-googlebatch executor-plugin-kubernetes \
	    executor-plugin-lsf storage-plugin-fs | $(COMPILE) --constraint $(VENV)/versions.txt - -o envs/plugins.lock
	@$(BIN)/python envs/write_conda.py

clean: ## Remove .venv and the demo's results
	rm -rf $(VENV) $(STUDY)
