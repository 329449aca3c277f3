# A machine with Python 3.10 or newer, pip and make is enough: everything else is installed into .venv.
PYTHON ?= python3
ARGS ?=

BIN := .venv/bin
INSTALLED := .venv/.installed

.PHONY: demo test lint claims clean

demo: $(INSTALLED)  ## train a small network on mixed batches of real photographs, under a minute
	$(BIN)/dali-mixup demo $(ARGS)

test: $(INSTALLED)  ## every test but the slow ones, on every core; `make test ARGS="-m slow"` runs those
	$(BIN)/python -m pytest -q -n auto $(ARGS)

lint: $(INSTALLED)  ## style, formatting and types
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy

claims: $(INSTALLED)  ## the mixup papers' claims, tried small; `make claims ARGS="kway --seeds 8"` tries one of them
	$(BIN)/python -m benchmarks.claims $(ARGS)

clean:
	rm -rf .venv demo_output claims_output build dist .mypy_cache .pytest_cache .ruff_cache .hypothesis

# Runs again only when the dependencies may have changed. uv is fetched with the system's pip, because some
# distributions ship a venv module that cannot install pip into what it makes.
$(INSTALLED): pyproject.toml
	test -x $(BIN)/python || $(PYTHON) -m venv --without-pip .venv
	test -x .venv/uv/bin/uv || $(PYTHON) -m pip install --quiet --target .venv/uv uv
	.venv/uv/bin/uv pip install --quiet --python $(BIN)/python --editable '.[cuda12,demo,test,dev]'
	touch $@
