# `make demo` and `make test` are all a newcomer needs; both create the environment first.

VENV := .venv
PYTHON ?= python3
BIN := $(VENV)/bin
READY := $(VENV)/.ready
NATIVE := fabula/native
PAGE_CHECK := tests/studio/page-check

.PHONY: setup kernel demo test test-all lint lint-page format clean

setup: $(READY)

$(READY): pyproject.toml constraints.txt hatch_build.py
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --upgrade --constraint constraints.txt pip
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable . --group dev
	@touch $(READY)

# The installation has built it (hatch_build.py); this builds it again when its sources have changed since.
# Without it PyTorch computes, so a failure is shown and doesn't end what depends on it.
kernel: $(READY)
	-@$(BIN)/python $(NATIVE)/build.py --if-changed

# Trains the smallest storyteller on the built-in story world, measures and studies it, and tells a story.
demo: kernel
	$(BIN)/fabula train nano
	$(BIN)/fabula verify runs/nano
	$(BIN)/fabula evaluate runs/nano --stories 200
	$(BIN)/fabula study runs/nano --suite glance --checkpoints 5
	$(BIN)/fabula export runs/nano --to card
	$(BIN)/fabula generate "Once upon a time, a boy found a silver key." --model runs/nano --temperature 0.3 --repetition-penalty 1

test: kernel
	$(BIN)/python -m pytest -m "not slow" -n auto --maxprocesses=4 --dist loadfile

test-all: kernel
	$(BIN)/python -m pytest

lint: $(READY) lint-page
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

# The studio page's JavaScript: TypeScript reads the types in its comments. Nothing of it is shipped or built.
lint-page:
ifeq ($(shell command -v npm),)
	@echo "npm is missing: the types of the studio's page aren't checked"
else
	@$(MAKE) --silent --no-print-directory $(PAGE_CHECK)/node_modules/.package-lock.json
	cd $(PAGE_CHECK) && npm run --silent check
endif

$(PAGE_CHECK)/node_modules/.package-lock.json: $(PAGE_CHECK)/package-lock.json
	cd $(PAGE_CHECK) && npm ci --silent
	@touch $@

format: $(READY)
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

clean:
	rm -rf $(VENV) $(PAGE_CHECK)/node_modules $(NATIVE)/_kernel.* .pytest_cache .mypy_cache .ruff_cache .hypothesis .import_linter_cache
