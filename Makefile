# quietkeys: `make` lists what there is.

SHELL := /usr/bin/env bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help
MAKEFLAGS += --no-print-directory
# Tests start hundreds of processes; each would compile again whatever it imports where this is set.
unexport PYTHONDONTWRITEBYTECODE

VENV := .venv
BIN := $(VENV)/bin
# Where texts and mistakes of real people and typing statistics lie; `make soak` and `make bench` need it.
DATA ?=
# Further arguments for `make demo`, such as ARGS="--words 500 --json demo.json".
ARGS ?=
RESULTS := benchmarks/results
NEEDS_DATA = [ -d "$(DATA)" ] || { echo "make $@ needs DATA=/path/to/data, a folder with manners/, misspellings/, people/, text/ and typing/" >&2; exit 2; }

.PHONY: help install screen services demo test soak bench bench-quick check format coverage docs wheel deb lock audit app tour shots clean

help: ## list these targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-9s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

install: ## make .venv from requirements.lock and install the project into it
	@bash tools/install.sh $(VENV)

screen: ## install what tests of programs with a window need besides
	@bash tools/install.sh $(VENV) screen

services: ## install what tests of the trainer on PostgreSQL need besides
	@bash tools/install.sh $(VENV) services

demo: install ## watch the loop: type, count, encrypt, train, decrypt, judge, apply
	@$(BIN)/quietkeys demo $(ARGS)

test: screen services ## everything at small numbers, one real encrypted round included; and `check` beside it
	@bash tools/beside.sh 'make check' '$(BIN)/python -m pytest -n 2 --dist loadgroup --no-loadscope-reorder'

soak: screen services check ## the same at big numbers: DATA=/path/to/data (goes on where it stopped)
	@$(NEEDS_DATA)
	@mkdir -p $(RESULTS)
	@$(BIN)/python -u -m pytest --soak --data "$(DATA)" 2>&1 | tee -a $(RESULTS)/soak.log

bench: screen services ## measure every figure that the documents state, for hours: DATA=/path/to/data (goes on where it stopped)
	@$(NEEDS_DATA)
	@$(BIN)/python tools/bench.py --data "$(DATA)"

bench-quick: screen services ## the same commands at small numbers, into build/bench-quick: DATA=/path/to/data
	@$(NEEDS_DATA)
	@$(BIN)/python tools/bench.py --data "$(DATA)" --quick

check: install ## format, lint, types and import contracts
	@$(BIN)/ruff format --check --quiet .
	@$(BIN)/ruff check --quiet .
	@$(BIN)/mypy
	@$(BIN)/lint-imports --no-logo

format: install ## rewrite the sources as `make check` wants them
	@$(BIN)/ruff format --quiet .
	@$(BIN)/ruff check --quiet --fix .

coverage: screen services ## which lines the tests run, as pages in build/coverage
	@mkdir -p build && rm -f build/.coverage*
	@$(BIN)/python -m pytest tests/engine --cov --cov-report=
	@$(BIN)/python -m pytest --ignore tests/engine -n 2 --dist loadgroup --cov --cov-append --cov-report=
	@$(BIN)/coverage html --quiet && $(BIN)/coverage report --skip-covered --sort=cover

docs: install ## make a site of all pages and the API reference in build/site
	@NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict --quiet
	@echo build/site/index.html

wheel: install ## build dist/*.whl
	@rm -rf dist && $(BIN)/python -m pip wheel --quiet --no-deps --no-build-isolation --wheel-dir dist .

deb: install ## build dist/quietkeys-ibus_*.deb, the input method for Debian
	@$(BIN)/python tools/deb.py dist

lock: install ## resolve requirements.lock again, keeping what still fits (UPGRADE=1: newest of everything)
	@$(BIN)/python tools/lock.py $(if $(UPGRADE),--upgrade)

audit: install ## ask PyPI for advisories about requirements.lock; fails for what tools/advisories.toml does not accept
	@$(BIN)/python tools/audit.py

app: install ## the keyboard with a window and a trainer of its own (ARGS="--trainer URL": another)
	@$(BIN)/quietkeys-keyboard $(ARGS)

tour: screen install ## take the tour of the keyboard unattended, with pictures, to docs/screens
	@$(BIN)/python tools/tour.py docs/screens $(RESULTS)/tour.json

shots: screen install ## take a picture of every screen of the keyboard, and of the input method, to docs/screens
	@$(BIN)/python tools/shots.py docs/screens
	@$(BIN)/python tools/ibus_shots.py docs/screens

clean: ## remove .venv, dist and the checkers' caches
	@rm -rf $(VENV) dist build .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
