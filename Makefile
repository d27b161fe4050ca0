# Two commands: `make demo` runs everything, `make test` proves it. They need Python 3.11+ and a network.
PYTHON ?= python3
BIN := .venv/bin
ARGS ?=
WORKERS ?= 3
BENCH ?= bench

# Whoever sets it means one program; here many are started, and each would compile what it imports anew.
export PYTHONDONTWRITEBYTECODE :=

.DEFAULT_GOAL := help
.PHONY: help demo test lint bench readme screenshots lock clean

help: ## Say what there is
	@grep -E '^[a-z]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{ printf "make %-11s %s\n", $$1, $$2 }'

demo: .venv/.run ## Run everything: broker, model, scorer, payments, dashboard; ARGS="--for 30s --headless" ends by itself
	@$(BIN)/polyscore demo $(ARGS)

test: .venv/.dev ## Run all tests, those on a real Kafka, PostgreSQL and Chromium included; ARGS="-k name" picks some, WORKERS=4 takes more cores
	@echo "running the tests, $(WORKERS) at a time; the first run fetches Kafka and Chromium, and compiles"
	@$(BIN)/python -m pytest -n $(WORKERS) --dist worksteal $(ARGS)

lint: .venv/.dev ## Check style, types and the import contract
	@echo "ruff"; $(BIN)/ruff check && $(BIN)/ruff format --check
	@echo "mypy"; $(BIN)/mypy
	@echo "import-linter"; $(BIN)/lint-imports

bench: .venv/.dev ## Measure formats and stream, each against its yardstick in one run; writes bench/
	@$(BIN)/python -m tests.bench --out $(BENCH) $(ARGS)

readme: .venv/.dev ## Put the last bench's figures into the README and the page on formats
	@$(BIN)/python -m tests.bench.readme $(BENCH) README.md docs/choosing-a-format.md

screenshots: .venv/.dev ## Take pictures of every page anew, light and dark, of a demo of its own; takes ten minutes
	@$(BIN)/python -m ui.staged ui/pictures $(ARGS)

lock: .venv/.dev ## Pin the dependencies anew
	@$(BIN)/uv pip compile pyproject.toml --universal --python-version 3.11 --generate-hashes --no-emit-index-url -q -o requirements.lock
	@$(BIN)/uv pip compile pyproject.toml --extra dev -c requirements.lock --universal --python-version 3.11 --generate-hashes --no-emit-index-url -q -o requirements-dev.lock

clean: ## Delete what was built here; .polyscore (topics, models, database) is deleted by `polyscore reset`
	@rm -rf .venv bench .pytest_cache .mypy_cache .ruff_cache .import_linter_cache .benchmarks *.egg-info

.venv/.bootstrap: requirements-bootstrap.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "polyscore needs Python 3.11 or newer; name one: make PYTHON=python3.12 demo"; exit 1; }
	@echo "making the environment in .venv (once; a minute or two)"
	@$(PYTHON) -m venv .venv
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements-bootstrap.txt
	@touch $@

.venv/.run: .venv/.bootstrap requirements.lock pyproject.toml
	@test .venv/.dev -nt requirements.lock || { echo "installing what polyscore runs on"; $(BIN)/uv pip install --python $(BIN)/python --quiet --compile-bytecode --require-hashes -r requirements.lock; }
	@$(BIN)/uv pip install --python $(BIN)/python --quiet --no-deps --no-build-isolation -e .
	@echo "compiling its kernels"; $(BIN)/python -m apps.kernels
	@echo "fetching Kafka, and preparing it to start faster"; $(BIN)/python -m apps.kafka_ready
	@touch $@

.venv/.dev: .venv/.run requirements-dev.lock
	@echo "installing what the tests and checks run on"
	@$(BIN)/uv pip install --python $(BIN)/python --quiet --compile-bytecode --require-hashes -r requirements-dev.lock
	@touch $@
