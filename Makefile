# Everything from nothing: `make demo` and `make test` need Python >= 3.11, make, and the Python and Maven registries.
PYTHON ?= python3
BIN := .venv/bin
SEED ?= 7
ROUNDS ?= 34
KILLS ?= 1000
SCRAPES ?= 1000
FAULTS ?= 200

.PHONY: help demo test unit test-platform chaos prove bench bench-pipeline bench-noc bench-exporters bench-generate lint format docs constraints clean

help: ## What can be made
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed 's/:.*## /\t/' | expand -t 16

.venv/.runtime: constraints.txt pyproject.toml
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "kunobs needs Python 3.11 or newer: make PYTHON=python3.12")'
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r constraints.txt
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	touch $@

.venv/.dev: .venv/.runtime constraints-dev.txt
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r constraints-dev.txt
	touch $@

demo: .venv/.runtime ## Real Kafka x 2 and Elasticsearch, events through both legs, counted to the last one
	$(BIN)/kunobs demo

test: .venv/.dev ## Tier 1: unit, contract, integration on real Kafka and Elasticsearch, packaging
	$(BIN)/python -m pytest tests/unit tests/contract tests/integration tests/packaging -m "not chaos and not platform"

unit: .venv/.dev ## The fast tests only
	$(BIN)/python -m pytest tests/unit -q

test-platform: .venv/.dev ## Tier 2: installs Debian packages, builds Go tools, runs the rest
	bash tools/install-platform.sh
	$(BIN)/python -m pytest tests/platform tests/integration -m platform

chaos: .venv/.dev ## The long fault runs (SEED=, ROUNDS=, KILLS=, SCRAPES=, FAULTS=)
	SEED=$(SEED) ROUNDS=$(ROUNDS) $(BIN)/python -m pytest tests/integration -k "faults or chaos or crash or disk_full" -s --timeout=7200
	SEED=$(SEED) KILLS=$(KILLS) $(BIN)/python -m pytest tests/integration/test_noc_kill.py -s --timeout=14400
	SCRAPES=$(SCRAPES) $(BIN)/python -m pytest tests/platform/test_exporter_faults.py -s --timeout=14400
	SEED=$(SEED) FAULTS=$(FAULTS) $(BIN)/python -m pytest tests/platform/test_ha_chaos.py -s --timeout=14400
	SEED=$(SEED) QUERIES=20000 $(BIN)/python -m pytest tests/platform/test_tenants_isolation.py -s --timeout=14400

prove: .venv/.dev ## Writes the verdict matrices in docs/proof
	PROVE=1 $(BIN)/python -m pytest -q tests/integration/test_noc_faults.py tests/platform/test_exporter_faults.py
	PROVE=1 $(BIN)/python -m pytest -q tests/platform/test_alert_rules.py tests/platform/test_dashboards.py tests/platform/test_rules_lint_corpus.py
	PROVE=1 SEED=$(SEED) FAULTS=$(FAULTS) $(BIN)/python -m pytest -q tests/platform/test_ha_chaos.py --timeout=14400

bench: bench-pipeline bench-noc bench-exporters bench-generate ## Every benchmark

bench-exporters: .venv/.dev ## Rendering, and Kafka's lag over 50,000 partitions; writes benchmarks/results/exporters.json
	$(BIN)/python -m benchmarks.exporters

bench-generate: .venv/.dev ## All rules, dashboards and objects for 500 tenants; writes benchmarks/results/generate.json
	$(BIN)/python -m benchmarks.generate

bench-noc: .venv/.dev ## The relay against alerta, and a storm; writes benchmarks/results/noc.json
	$(BIN)/python -m benchmarks.noc

bench-pipeline: .venv/.dev ## Both legs against peers; writes benchmarks/results/pipeline.json
	$(BIN)/python -m benchmarks.pipeline

lint: .venv/.dev ## ruff, mypy, dependency rule, generated docs
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/python -m pytest -q tests/unit/test_architecture.py tests/unit/test_catalogue_docs.py tests/unit/test_config_docs.py

format: .venv/.dev ## Format the code
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

docs: .venv/.dev ## Write the generated docs again
	$(BIN)/python -m kunobs.catalogue.docs > docs/metrics.md
	$(BIN)/python -m kunobs.config.docs > docs/config.md
	$(BIN)/python -m alert_rules.runbooks docs/runbooks

constraints: .venv/.dev ## Pin the dependencies again
	$(BIN)/pip-compile -q --strip-extras --generate-hashes --no-emit-index-url --no-emit-find-links --no-emit-options --no-header --extra all --all-build-deps -o constraints.txt pyproject.toml
	$(BIN)/pip-compile -q --strip-extras --generate-hashes --no-emit-index-url --no-emit-find-links --no-emit-options --no-header --allow-unsafe --extra dev --all-build-deps -c constraints.txt -o constraints-dev.txt pyproject.toml

clean: ## Remove what was built here (the stack's data and the cache stay)
	rm -rf .venv build dist .mypy_cache .ruff_cache .pytest_cache
