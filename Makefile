# `make run` sets up .venv and runs the whole pipeline; `make help` lists the rest.

PYTHON ?= python3
BIN := .venv/bin

.PHONY: help setup run demo test bench bench-repro null-study lint lock clean

help:  ## list the targets
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## (.*)/make \1\t\2/'

setup: .venv/.run  ## set up .venv and nothing else

run: .venv/.run  ## bring every result up to date and show them
	@$(BIN)/bagpipe run

demo: .venv/.run  ## run the same pipeline on small generated corpora, with no network
	@$(BIN)/bagpipe demo

test: .venv/.test  ## check the style and the types, and run the tests
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	$(BIN)/python -m pytest -n auto --dist loadfile

bench: .venv/.run  ## measure the pipeline against the notebooks' way and write reports/benchmark.md (a quarter of an hour)
	@$(BIN)/python -m tests.benchmarks.bench

bench-repro: .venv/.run  ## measure `bagpipe repro` against `dvc repro` and write reports/parallel.md (ten minutes)
	@$(BIN)/python -m tests.benchmarks.parallel

null-study: .venv/.run  ## try the rules of the report on runs of which the truth is known and write reports/null_study.md
	@$(BIN)/python -m tests.benchmarks.null_study

lint: .venv/.test  ## mend the style where that can be done mechanically
	$(BIN)/ruff check --fix
	$(BIN)/ruff format
	$(BIN)/python -m stages.commands.schema

lock:  ## pin what pyproject.toml asks for, as of today, in requirements.txt, requirements-dev.txt and params.yaml
	rm -rf .venv && $(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --upgrade "pip>=25.1"
	$(BIN)/python -m pip install --quiet --upgrade .
	$(BIN)/python -m pip uninstall --quiet --yes bagpipe
	$(BIN)/python -m pip freeze --all --exclude pip | sed -E \
	  's/^tensorflow[_-]cpu==(.*)/tensorflow-cpu==\1; sys_platform == "linux" and platform_machine == "x86_64"\ntensorflow==\1; sys_platform != "linux" or platform_machine != "x86_64"/' \
	  > requirements.txt
	$(BIN)/python -m pip install --quiet --group dev
	$(BIN)/python -m pip freeze --all --exclude pip | grep -v -i '^tensorflow[_-]cpu' | grep -v -x -F -f requirements.txt > requirements-dev.txt
	for name in datasketch keras matplotlib numpy scikit-learn scipy tensorflow; do \
	  version=$$(sed -n -E "s/^$$name==([^;]*).*/\1/p" requirements.txt); \
	  sed -i.old -E "s/$$name==[^ ]+/$$name==$$version/" params.yaml; rm params.yaml.old; \
	done
	rm -rf .venv build

clean:  ## remove the environment; results and data stay
	rm -rf .venv

# The stamps hold what was last installed; a changed pin installs again, into the same environment.
.venv/.run: requirements.txt pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(0 if sys.version_info >= (3, 11) else "error: bagpipe needs Python 3.11 or later, found " + sys.version.split()[0] + "; name one with PYTHON=...")'
	@echo "Setting up .venv from requirements.txt (a minute or two, once)"
	@test -x $(BIN)/python || $(PYTHON) -m venv .venv
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check -r requirements.txt
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	@touch $@

.venv/.test: .venv/.run requirements-dev.txt
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check -r requirements-dev.txt
	@touch $@
