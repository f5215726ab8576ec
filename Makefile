# Two commands are all one needs: make demo, make test. `make help` lists the rest.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
# The venv's programs first: DVC starts `python` from PATH.
export PATH := $(CURDIR)/$(BIN):$(PATH)
export OMP_NUM_THREADS ?= 1
export DVC_NO_ANALYTICS := 1

# What `make demo` ends with, as it must be typed: a venv that was not activated is not on PATH.
NEXT := '  $(BIN)/realign status                          \# what is stale, and why' \
        '  $(BIN)/realign plan                            \# what labels would cost, strategy by strategy' \
        '  $(BIN)/realign run --set strategy=centroid     \# train on the pairs that another strategy picks'

.PHONY: help setup demo repro report test test-unit lint type clean

help:  ## list the commands
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  make %-10s %s\n", $$1, $$2}'

setup: $(READY)  ## make .venv with the pinned packages

$(READY): pyproject.toml constraints.txt
	$(PYTHON) -c 'import sys; v = sys.version_info; sys.exit(v < (3, 11) and "realign needs Python 3.11 or newer, this is %d.%d" % v[:2])'
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable '.[dev]'
	@touch $@

demo: $(READY)  ## run the whole pipeline on the embedded default, ending with a table and the report
	$(BIN)/realign run --profile demo
	@printf '%s\n' '' 'next:' $(NEXT)

repro: $(READY)  ## bring everything up to date with DVC alone, no Prefect
	$(BIN)/dvc repro

report: $(READY)  ## bring the report up to date and say where it lies
	$(BIN)/dvc repro --quiet report && echo "$(CURDIR)/reports/report.html"

lint: $(READY)  ## ruff and the import contract
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/lint-imports

type: $(READY)  ## mypy, strict
	$(BIN)/mypy

test-unit: $(READY)  ## the quick tests alone
	$(BIN)/pytest -q tests/unit tests/contract

test: lint type  ## lint, types and all tests
	$(BIN)/pytest -q -n 2 --dist loadfile --no-loadscope-reorder

clean:  ## remove what the stages wrote and their finished rows; labels, raw data and the DVC cache stay
	test ! -x $(BIN)/python || $(BIN)/python -m realign.pipeline.clean
