# Everything here builds .venv itself, from locks with hashes: needs Python 3.11+, pip and make.
#
#   make demo     a small town's page goes through four editions; see what people are told
#   make test     the suite (make slow: the longer judges, make judge-image: the image, built and run)
#   make year     twenty simulated years; a failing one says how to live it again
#   make check    format, lint, types, floors, docs
#   make system   Debian packages that some tests drive for real; they skip by name where missing
#   make docs     write docs/commands.md, commands.en.md and modules.md anew from the code
#   make lock     resolve pyproject.toml anew (needs uv)

PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
PY     := $(BIN)/python
SHELL  := /bin/bash
export PIP_DISABLE_PIP_VERSION_CHECK := 1
# The tests start the program some hundred times: compiled once, as an installed one is.
unexport PYTHONDONTWRITEBYTECODE

SHIPPED := $(VENV)/.shipped
DEV     := $(VENV)/.dev
SYSTEM_PACKAGES := buildah chromium debootstrap dovecot-imapd fonts-dejavu-core openssl postfix \
                   prometheus shellcheck wget

.PHONY: help venv demo test check slow judge-image all bench fuzz year image wheel system docs lock clean
.DEFAULT_GOAL := help

help:
	@sed -n '3,9s/^# *//p' Makefile

# --- the environment ---------------------------------------------------------------------------

# A Python without ensurepip (Debian's, without python3-venv) can still fill one by its own pip.
$(PY):
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
	  || { echo "Visionsvakt needs Python 3.11 or later; say which: make PYTHON=/path/to/python3.13" >&2; exit 1; }
	@$(PYTHON) -m venv $(VENV) 2>/dev/null || { rm -rf $(VENV); $(PYTHON) -m venv --without-pip $(VENV); }

PIP = $$($(PY) -c 'import pip' 2>/dev/null && echo $(PY) -m pip || echo $(PYTHON) -m pip --python $(PY))
INSTALL = $(PIP) install --quiet --require-hashes --only-binary :all:

$(SHIPPED): requirements.lock requirements-build.lock pyproject.toml | $(PY)
	@echo "Installing what Visionsvakt runs on into $(VENV) (pinned, with hashes) …" >&2
	@$(INSTALL) -r requirements.lock -r requirements-build.lock
	@$(PIP) install --quiet --no-deps --no-build-isolation --editable .
	@touch $@

$(DEV): requirements-dev.lock $(SHIPPED)
	@echo "Installing what the tests and checks need …" >&2
	@$(INSTALL) -r requirements-dev.lock
	@touch $@

venv: $(SHIPPED)

# --- use ---------------------------------------------------------------------------------------

demo: $(SHIPPED)
	@$(BIN)/visionsvakt demo $(ARGS)

# --- judge -------------------------------------------------------------------------------------

PYTEST = $(PY) -m pytest -n $(or $(JOBS),auto) --dist loadgroup

test: $(DEV)
	@$(PYTEST) $(ARGS)

slow: $(DEV)
	@$(PYTEST) -m slow --ignore=tests/test_image.py $(ARGS)

# By one process alone: two would take each other's layers away.
judge-image: $(DEV)
	@$(PY) -m pytest -m slow tests/test_image.py $(ARGS)

check: $(DEV)
	@$(BIN)/ruff format --check .
	@$(BIN)/ruff check .
	@$(BIN)/mypy
	@$(PY) -m pytest -q tests/test_floors.py tests/test_docs.py

all: check test slow judge-image year

# --- measure -----------------------------------------------------------------------------------

# Every module of benchmarks/ that can be run; make bench BENCH=identity.speed runs one.
BENCH = $(shell grep -rl '^if __name__' benchmarks --include='*.py' | sort \
          | sed 's,^benchmarks/,,; s,\.py$$,,; s,/__main__$$,,; s,/,.,g')

bench: $(DEV)
	@for name in $(BENCH); do echo "== $$name"; $(PY) -m benchmarks.$$name $(ARGS) || exit 1; done

fuzz: $(DEV)
	@$(PY) -m tests.fuzz_reading $(ARGS)

year: $(DEV)
	@$(PY) -m tests.year $(ARGS)

# --- build -------------------------------------------------------------------------------------

image:
	@ops/image.sh $(ARGS)

wheel: $(SHIPPED)
	@$(PY) -m hatchling build -t wheel -d dist

system:
	@SYSTEM_PACKAGES="$(SYSTEM_PACKAGES)" ops/system.sh

# --- keep --------------------------------------------------------------------------------------

docs: $(DEV)
	@$(PY) ops/reference.py

# Valid for every Python that pyproject.toml admits; no index or file address is written down.
UV ?= uv
COMPILE = $(UV) pip compile --quiet --universal --python-version 3.11 --generate-hashes \
          --no-emit-index-url --no-emit-find-links --no-annotate --no-header $(ARGS)

lock:
	@$(COMPILE) pyproject.toml --extra postgresql --output-file requirements.lock
	@$(COMPILE) --group pyproject.toml:build --output-file requirements-build.lock
	@$(COMPILE) pyproject.toml --extra postgresql --group dev --constraints requirements.lock \
	  --constraints requirements-build.lock --output-file requirements-dev.lock

clean:
	@rm -rf $(VENV) build dist .pytest_cache .mypy_cache .ruff_cache .hypothesis
