# make demo     set everything up and run the main job on include/samples
# make airflow  the same project in a local Airflow
# make test     set up and run the tests
# make check    ruff, mypy and the tests: what CI runs
# make check-long   minutes of attack: processes killed at every point
# make bench    the benchmarks, with a page of results
# make env      write .env, a random password for each service of docker-compose.yaml
# make lock     write requirements.txt anew from pyproject.toml

PYTHON ?= python3.11
BIN := .venv/bin
INSTALL = VIRTUAL_ENV=$(CURDIR)/.venv $(BIN)/uv pip install --quiet --constraint requirements.txt

export PYTHONPATH := $(CURDIR)/include
# Where the environment forbids bytecode, each of the processes that a demo or a test starts would compile what it imports.
export PYTHONDONTWRITEBYTECODE :=

.PHONY: demo airflow test check check-long lint bench env lock clean

demo: .venv/.train
	$(BIN)/python scripts/demo.py

airflow: .venv/.airflow
	bash scripts/airflow-standalone.sh

test: .venv/.all
	$(BIN)/pytest -n auto --dist loadgroup

check-long: .venv/.all
	$(BIN)/pytest -m long -n auto --dist loadgroup --hypothesis-profile=seek

lint: .venv/.all
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

check: lint test

bench: .venv/.all
	$(BIN)/python -m benchmarks

env:
	$(PYTHON) scripts/env.py

lock: .venv/.uv
	(echo "# The whole environment, every extra, pinned. Written by \`make lock\` from pyproject.toml: edit that file instead."; \
	$(BIN)/uv pip compile pyproject.toml --all-extras --python-version 3.11 --no-annotate --no-header --quiet --upgrade) > .requirements.new
	mv .requirements.new requirements.txt

clean:
	rm -rf .venv .penstock .airflow .mypy_cache .ruff_cache .pytest_cache .hypothesis benchmarks/.peer

.venv/.uv:
	@command -v $(PYTHON) >/dev/null || { echo "penstock needs Python 3.11: install it, or name it with PYTHON=..."; exit 2; }
	$(PYTHON) -m venv .venv
	$(BIN)/pip install --quiet uv
	@touch $@

# Three sizes of one environment: with torch, to tune models; with Airflow; with everything, for the tests.
# UV_TORCH_BACKEND=cpu in the environment has torch come from its own index, without the libraries for a GPU.
.venv/.train: .venv/.uv pyproject.toml requirements.txt
	$(INSTALL) --editable '.[train]'
	@touch $@

.venv/.airflow: .venv/.uv pyproject.toml requirements.txt
	$(INSTALL) --editable '.[airflow]'
	@touch $@

.venv/.all: .venv/.uv pyproject.toml requirements.txt
	$(INSTALL) --editable '.[airflow,production,train,judge,dev]'
	@touch $@ .venv/.train .venv/.airflow
