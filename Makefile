# Two commands matter: `make demo` shows the whole pipeline, `make check` proves it.

PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
INSTALLED := $(VENV)/.installed
# Tests go to processes of one thread each: more threads than cores stand in their own way, all the
# more when they wait by spinning. How tests are dealt out: tests/conftest.py.
PYTEST := OMP_NUM_THREADS=1 GOMP_SPINCOUNT=0 $(BIN)/pytest --numprocesses auto --maxprocesses 4 --dist loadfile
CAT := Le chat noir est sur le tapis.

.PHONY: help setup demo textbooks check lint style types test slow bench clean

help:
	@echo "make setup   a virtual environment in $(VENV) with everything in it"
	@echo "make demo    train on the demonstration corpus and translate (a few minutes)"
	@echo "make textbooks  the experiments of papers and tutorials (two hours; resumable)"
	@echo "make check   lint, types and tests"
	@echo "make slow    the tests that train something real"
	@echo "make bench   measure training, and what a growing corpus costs, on this machine"
	@echo "make clean   remove what the commands above made, but for runs/"

setup: $(INSTALLED)

$(INSTALLED): pyproject.toml constraints.txt
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --upgrade pip
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable '.[dev]'
	touch $@

demo: $(INSTALLED)
	$(BIN)/nmt tokenizer configs/demo.yaml
	$(BIN)/nmt binarize configs/demo.yaml
	$(BIN)/nmt train configs/demo.yaml
	$(BIN)/nmt translate --model runs/demo < data/demo/test.fr > runs/demo/test.hypotheses.en
	$(BIN)/nmt score --ref data/demo/test.en < runs/demo/test.hypotheses.en
	@echo
	echo "$(CAT)" | $(BIN)/nmt attention --model runs/demo

textbooks: $(INSTALLED)
	mkdir -p runs
	$(BIN)/python scripts/run_textbooks.py --output runs/textbooks.json

# mypy runs beside the tests: it uses one core, and the tests leave some of the other one.
check: style
	$(MAKE) --no-print-directory --jobs 2 types test

lint: style types

style: $(INSTALLED)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: $(INSTALLED)
	$(BIN)/mypy

test: $(INSTALLED)
	$(PYTEST)

slow: $(INSTALLED)
	$(BIN)/pytest -m slow

bench: $(INSTALLED)
	$(BIN)/python scripts/bench_train.py
	$(BIN)/python scripts/bench_data.py

clean:
	rm -rf build dist *.egg-info .pytest_cache .mypy_cache .ruff_cache .hypothesis $(VENV)
