# `make run` sets up .venv and runs the whole pipeline; `make help` lists the rest.

PYTHON ?= python3
BIN := .venv/bin
PIP := $(BIN)/python -m pip install --quiet --disable-pip-version-check

.PHONY: help setup setup-test run demo studies test test-quick soak bench bench-repro first-model processors lint lock clean

help:  ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "make %-13s%s\n", $$1, $$2}' $(MAKEFILE_LIST)

# One `make` at a time sets up .venv.
ALONE := $(PYTHON) .ci/alone.py

setup:  ## set up .venv and nothing else
	@$(ALONE) $(MAKE) --silent --no-print-directory .venv/.run

setup-test:  ## the same, with what the tests need
	@$(ALONE) $(MAKE) --silent --no-print-directory .venv/.test

run: setup  ## bring every result up to date and show them
	@$(BIN)/bagpipe run

demo: setup  ## run the same pipeline on small generated corpora, with no network
	@$(BIN)/bagpipe demo

studies: setup  ## try the report's own rules where the truth is known, if anything has changed since (a quarter of an hour)
	@PATH="$(CURDIR)/$(BIN):$$PATH" $(BIN)/dvc repro --single-item studies/dvc.yaml

test: setup-test  ## check the style and the types, and run the tests
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/lint-imports --no-cache --no-logo
	$(BIN)/mypy
	$(BIN)/python -m pytest -n auto --dist loadfile --no-loadscope-reorder

test-quick: setup-test  ## run the tests that need no run of the pipeline (a minute)
	$(BIN)/python -m pytest -q -n auto --dist loadfile -m "not slow"

soak: setup-test  ## make up ten times more odd files, kill runs at hundreds of random moments, write reports/soak.md
	@MORE_EXAMPLES=10 $(BIN)/python -m pytest -q -n auto tests/pipeline/test_properties.py
	@$(BIN)/python -m tests.benchmarks.soak

bench: setup  ## measure the pipeline against the notebooks' way and write reports/benchmark.md (a quarter of an hour)
	@$(BIN)/python -m tests.benchmarks.bench

bench-repro: setup  ## measure `bagpipe repro` against `dvc repro` and write reports/parallel.md (ten minutes)
	@$(BIN)/python -m tests.benchmarks.parallel

first-model: setup  ## try the first model of `bagpipe add` on public corpora and write docs/first_model.md (twenty minutes)
	@$(BIN)/python -m tests.benchmarks.first_model

processors: setup-test  ## compute on emulated processors, compare every byte and write docs/processors.md (forty minutes)
	@$(BIN)/python -m tests.benchmarks.processors

lint: setup-test  ## fix the style where that can be done mechanically
	$(BIN)/ruff check --fix
	$(BIN)/ruff format
	$(BIN)/lint-imports --no-cache --no-logo
	$(BIN)/python -m bagpipe.project.schema

# uv resolves for all systems and Pythons at once, and lists the hashes of all files of a version.
UV := .venv/lock/bin/uv pip compile --quiet --upgrade --universal --fork-strategy fewest --generate-hashes --no-annotate

lock:  ## pin what pyproject.toml asks for, as of today, in requirements.txt, requirements-dev.txt and params.yaml
	$(PYTHON) -m venv --clear .venv/lock
	.venv/lock/bin/python -m pip install --quiet --disable-pip-version-check uv
	$(UV) --custom-compile-command "make lock" pyproject.toml --output-file requirements.txt
	$(UV) --custom-compile-command "make lock" --group dev --constraints requirements.txt --output-file requirements-dev.txt
	for name in datasketch keras matplotlib numpy scikit-learn scipy tensorflow; do \
	  version=$$(sed -n -E "s/^$$name==([^ ]*).*/\1/p" requirements.txt); \
	  sed -i.old -E "s/$$name==[^ ]+/$$name==$$version/" params.yaml && rm params.yaml.old; \
	done
	rm -rf .venv/lock

clean:  ## remove the environment; results and data stay
	rm -rf .venv

# The stamps say what was last installed, and where. A changed pin installs again, into the same environment. One that is
# not whole, or was moved or copied here, is made anew: its programs would start the Python of the place it was made in.
HERE := $(shell test "$$(cat .venv/.run 2>/dev/null)" = "$$(pwd -P)" && echo yes)
ifndef HERE
.PHONY: .venv/.run
endif

.venv/.run: requirements.txt pyproject.toml
	@if test -L .venv && test -e $@ && test -z "$(HERE)"; then \
	  echo "error: .venv: expected this folder's own environment, found a link to that of another: $$(readlink .venv)" >&2; \
	  exit 1; \
	fi
	@test -n "$(HERE)" || $(PYTHON) -c 'import sys; sys.exit(0 if (3, 11) <= sys.version_info < (3, 14) else "error: bagpipe needs Python 3.11 to 3.13, found " + sys.version.split()[0] + "; name one with PYTHON=...")'
	@echo "Setting up .venv from requirements.txt (a minute or two, once)"
	@test -n "$(HERE)" || $(PYTHON) -m venv --clear .venv
	@awk '/^(packaging|setuptools|wheel)==/ {on = 1} on {print} !/\\$$/ {on = 0}' requirements.txt > .venv/build.txt
	@$(PIP) --require-hashes -r .venv/build.txt  # what builds, before what is built
	@$(PIP) --require-hashes --no-build-isolation -r requirements.txt
	@$(PIP) --no-deps --no-build-isolation -e .
	@$(BIN)/python -m bagpipe.project.dvc_plots
	@pwd -P > $@

.venv/.test: .venv/.run requirements-dev.txt
	@$(PIP) --require-hashes -r requirements-dev.txt
	@touch $@
