# Every target sets itself up: .venv is made when it is missing, and only then. `make clean` keeps it; `rm -r .venv` renews it.
PYTHON ?= $(firstword $(shell command -v python3.11 python3.12 python3.13 python3 python 2>/dev/null))
# PyTorch's own index holds the builds without CUDA. It may be out of reach: then the default index has to do.
TORCH_INDEX ?= https://download.pytorch.org/whl/cpu
TORCH := $(shell grep '^torch==' requirements.lock)
RUN := .venv/bin/python

.PHONY: book test lab astroview bench clean lock help
help:
	@grep -E '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*## /\t/' | expand -t 8

book: .venv  ## run every chapter and build the web book: _build/html/index.html
	$(RUN) tools/run_notebooks.py
	$(RUN) tools/stage_book.py
	.venv/bin/jupyter-book build _build/book --path-output . -W --keep-going -n -q
	@echo "The book is ready: _build/html/index.html"

test: .venv  ## the whole test suite; browser tests need Chromium and a built book
	$(RUN) -m pytest

lab: .venv  ## open the chapters in JupyterLab
	$(RUN) -m jupyter lab book/chapters

# FOLDER=… (FITS files), LABELS=… and FEATURES=… (CSV files), ORDER=date: on the command line or in the environment.
astroview: .venv  ## label frames in the browser: make astroview FOLDER=/path/of/fits LABELS=/path/of/labels.csv
	cd apps && JUPYTER_PATH="$$PWD$${JUPYTER_PATH:+:$$JUPYTER_PATH}" ../.venv/bin/voila astroview.ipynb

bench: .venv  ## timings, each beside a peer
	$(RUN) -m benchmarks

clean:  ## remove what was built; the environment and the downloaded data stay
	rm -rf _build

lock: .venv  ## compile requirements.lock anew from pyproject.toml
	.venv/bin/python -m pip install -q uv
	head -1 requirements.lock > requirements.lock.new
	.venv/bin/uv pip compile pyproject.toml --all-extras --universal --python-version 3.11 --no-header --no-annotate \
	    --no-emit-index-url >> requirements.lock.new
	mv requirements.lock.new requirements.lock

# A set-up that fails halfway leaves nothing behind, so the next call starts afresh.
.venv:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or later is needed; this is " + sys.version)'
	@trap 'test -e .venv/ready || rm -rf .venv' EXIT; set -e; \
	echo "Setting up .venv (once; a few minutes)"; \
	$(PYTHON) -m venv .venv; \
	.venv/bin/python -m pip install -qq --retries 1 --timeout 20 --extra-index-url $(TORCH_INDEX) $(TORCH); \
	.venv/bin/python -m pip install -q -r requirements.lock; \
	.venv/bin/python -m pip install -q --no-deps --no-build-isolation -e .; \
	touch .venv/ready
