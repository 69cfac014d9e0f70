# One word a chore. A stamp lies in what it vouches for and is named by the content it was made from:
# removing the one removes the other, and a second run finds nothing to do.
PYTHON ?= python3
ARGS ?=
# Most tests wait for a time-out of the server, so more of them run than there are cores.
WORKERS ?= 4
# A worker keeps to what stands together, for what its tests share is started once a worker.
PARALLEL = -n $(WORKERS) --dist worksteal
# ARGS may choose none of a part.
OR_NONE = || [ $$? -eq 5 ]
# Tests start hundreds of processes: none compiles anew what another one has compiled, whatever the environment says.
export PYTHONDONTWRITEBYTECODE :=

VENV := .venv
BIN := $(VENV)/bin
CHROMIUM ?= $(shell command -v chromium || command -v chromium-browser || command -v google-chrome)
export CHROMIUM

key = $(shell cat $(1) | cksum | tr ' ' -)
NPM_CI := npm ci --ignore-scripts --no-audit --no-fund

INSTALLED := $(VENV)/installed-$(call key,setup.cfg pyproject.toml)
INSTALLED_DEV := $(INSTALLED)-dev
PAGE_MODULES := .cache/page/node_modules/made-from-$(call key,gateway/static/package-lock.json)
VENDOR := gateway/static/vendor/cometd
DOCUMENTED := $(shell find docs bayeux -name '*.md' -o -name '*.py' | LC_ALL=C sort)
DOCS := build/docs/made-from-$(call key,$(DOCUMENTED))
COMPILABLE := $(shell find bayeux channels gateway -name '*.py' | LC_ALL=C sort)
COMPILED := build/compiled/made-from-$(call key,setup.py setup.cfg $(COMPILABLE))
CLIENTS := tests/interop/node_modules/made-from-$(call key,tests/interop/package-lock.json)
# Servers are often where only root looks.
found = $(shell PATH="$$PATH:/usr/sbin:/sbin" command -v $(1))
MISSING := $(strip $(if $(CHROMIUM),,chromium) $(foreach each,npm redis-server activemq nginx haproxy faketime,$(if $(call found,$(each)),,$(each))))

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.NOTPARALLEL:
.PHONY: help run test compiled test-compiled check docs types soak conformance-peers bench bench-quick vendor clean system-packages

help:
	@echo "make run     install what is missing and serve on 127.0.0.1:8080 with development accounts"
	@echo "make test    install what tests need and run them all but the long ones; ARGS='-k word' chooses"
	@echo "make compiled"
	@echo "             the hot modules compiled with mypyc, in build/compiled: make bench then measures them, too"
	@echo "make test-compiled"
	@echo "             the tests of protocol, server, extensions, transports and conformance against those"
	@echo "make check   lint, format, types, layers of imports, ids of rules, counts of a message's cost, documentation"
	@echo "make docs    the documentation as HTML: build/docs/index.html"
	@echo "make soak    the scenarios that need minutes"
	@echo "make conformance-peers"
	@echo "             the conformance cases against npm faye and npm cometd-nodejs-server"
	@echo "make bench   measure our server beside others, in about half an hour; ARGS='--only memory --peers ours,faye'"
	@echo "make bench-quick"
	@echo "             what a message costs, counted and compared with benchmarks/quick/baseline.toml; ARGS=--update records it"
	@echo "make vendor  fetch the page's third-party module; a wheel built afterwards contains it"
	@echo "make clean   remove everything that was made here, the virtual environment included"
	@echo
	@echo "PYTHON=python3.12 chooses the interpreter of a new virtual environment (3.11 or later)."

run: $(INSTALLED) vendor
	$(BIN)/bayeux-gateway serve --dev

test: system-packages $(INSTALLED_DEV) $(VENDOR)/cometd.js $(CLIENTS)
	$(BIN)/python -m pytest $(PARALLEL) $(ARGS)

compiled: $(COMPILED)

# With safe paths nothing is imported from here before it is looked for there.
test-compiled: $(COMPILED)
	PYTHONSAFEPATH=1 PYTHONPATH="$(CURDIR)/build/compiled:$(CURDIR)" $(BIN)/python -m pytest $(PARALLEL) --import-mode=append \
	    --compiled tests/protocol tests/server tests/extensions tests/transports tests/conformance $(ARGS)

soak: system-packages $(INSTALLED_DEV) $(VENDOR)/cometd.js $(CLIENTS)
	$(BIN)/python -m pytest -m "soak and not timed and not alone" -n 2 --dist worksteal --timeout 900 $(ARGS) $(OR_NONE)
	$(BIN)/python -m pytest -m "soak and timed" -n 2 --dist worksteal --timeout 900 $(ARGS) $(OR_NONE)
	$(BIN)/python -m pytest -m "soak and alone" --timeout 900 $(ARGS) $(OR_NONE)

conformance-peers: system-packages $(INSTALLED_DEV) $(CLIENTS)
	$(BIN)/python -m pytest tests/conformance --ignore tests/conformance/peers $(PARALLEL) -r fE \
	    --bayeux-peer faye --bayeux-peer cometd-nodejs-server $(ARGS)

bench: $(INSTALLED)
	$(BIN)/python -m benchmarks $(ARGS)

bench-quick: $(INSTALLED)
	$(BIN)/python -m benchmarks.quick $(ARGS)

check: $(INSTALLED_DEV)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy bayeux channels gateway examples benchmarks
	$(BIN)/python -m pytest -q tests/test_layers.py
	$(BIN)/python -m tests.spec_ids
	$(BIN)/python -m benchmarks.quick --differences
	@$(MAKE) --no-print-directory types docs

docs: $(DOCS)

$(DOCS): | $(INSTALLED_DEV)
	$(BIN)/sphinx-build -q -W --keep-going -n -j auto -d .cache/docs docs build/docs
	@rm -f build/docs/made-from-* && touch $@

# Of all that is public, from the source: an editable install is out of pyright's sight. Its wheel brings pyright along.
types: $(INSTALLED_DEV)
	PATH="$(CURDIR)/$(BIN):$$PATH" PYTHONPATH="$(CURDIR)" PYRIGHT_PYTHON_IGNORE_WARNINGS=1 \
	    $(BIN)/pyright --verifytypes bayeux --ignoreexternal

clean:
	rm -rf $(VENV) .cache build dist *.egg-info gateway/static/vendor tests/interop/node_modules
	rm -rf benchmarks/peers/*/node_modules benchmarks/peers/*/target
	rm -rf .pytest_cache .mypy_cache .ruff_cache .hypothesis
	find bayeux channels gateway benchmarks tests -name __pycache__ -prune -exec rm -rf {} +

# Python

$(VENV)/pyvenv.cfg:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	    { echo "Python 3.11 or later is needed: name one with make PYTHON=/path/to/python3." >&2; exit 1; }
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || \
	    { [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null && \
	      apt-get update && DEBIAN_FRONTEND=noninteractive apt-get install -y python3-venv; } || \
	    { echo "Python's venv module is missing: install it as root with apt-get install python3-venv." >&2; exit 1; }
	$(PYTHON) -m venv $(VENV)

$(INSTALLED): | $(VENV)/pyvenv.cfg
	$(BIN)/python -m pip install --disable-pip-version-check -e '.[bench,gateway]'
	@rm -f $(VENV)/installed-* && touch $@

$(INSTALLED_DEV): | $(VENV)/pyvenv.cfg
	$(BIN)/python -m pip install --disable-pip-version-check -e '.[dev]'
	@rm -f $(VENV)/installed-* && touch $(INSTALLED) $@

$(COMPILED): | $(INSTALLED_DEV)
	rm -rf build/compiled
	BAYEUX_COMPILE=1 $(BIN)/python setup.py -q build --build-lib build/compiled
	@touch $@

# Node

ifneq ($(shell command -v npm),)
vendor: $(VENDOR)/cometd.js
else
vendor:
	@test -e $(VENDOR)/cometd.js || \
	    echo "npm is missing: all works but the live view of the page, which needs it (apt-get install npm)." >&2
endif

$(PAGE_MODULES):
	rm -rf .cache/page && mkdir -p .cache/page
	cp gateway/static/package.json gateway/static/package-lock.json .cache/page/
	cd .cache/page && $(NPM_CI)
	@touch $@

# cometd is ES modules that import one another by relative path: the browser takes them as they are.
$(VENDOR)/cometd.js: $(PAGE_MODULES)
	rm -rf $(VENDOR) && mkdir -p $(VENDOR)
	cp .cache/page/node_modules/cometd/*.js .cache/page/node_modules/cometd/LICENSE $(VENDOR)/

$(CLIENTS):
	cd tests/interop && $(NPM_CI)
	@touch $@

# What no package index has

system-packages:
ifneq ($(MISSING),)
	@if [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null; then \
	    apt-get update && DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends $(MISSING); \
	else \
	    echo "The tests need packages that only root can install: apt-get install $(MISSING)" >&2; exit 1; \
	fi
endif
