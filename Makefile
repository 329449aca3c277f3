# A machine with Python 3.10 or newer, pip and make is enough: everything else is installed into .venv.
PYTHON ?= python3
VENV ?= .venv
ARGS ?=

BIN := $(VENV)/bin
INSTALLED := $(VENV)/.installed

.PHONY: demo test lint docs dist claims equivalence clean

demo: $(INSTALLED)  ## train a small network on mixed batches of real photographs, under a minute
	$(BIN)/dali-mixup demo $(ARGS)

# Tests start hundreds of processes. Each would compile its imports anew where the environment has Python write no
# bytecode, so for tests it is kept inside the virtual environment.
test: $(INSTALLED)  ## every test but the slow ones, on every core; `make test ARGS="-m slow"` runs those
	env -u PYTHONDONTWRITEBYTECODE PYTHONPYCACHEPREFIX=$(abspath $(VENV))/bytecode \
		$(BIN)/python -m pytest -q -n auto --dist worksteal $(ARGS)

lint: $(INSTALLED)  ## style, formatting, types, workflows, and the conventions of repositories
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	$(BIN)/zizmor --offline --quiet .github
	$(BIN)/repo-review --format json . > /dev/null

docs: $(INSTALLED)  ## the documentation site, in site/; a warning is an error
	$(BIN)/python -m sphinx --builder html --fail-on-warning --keep-going --fresh-env --quiet $(ARGS) docs site

dist: $(INSTALLED)  ## the wheel and the source distribution, in dist/
	$(BIN)/python -m build --installer uv --outdir dist $(ARGS)

claims: $(INSTALLED)  ## the mixup papers' claims, tried small; `make claims ARGS="kway --seeds 8"` tries one of them
	$(BIN)/python -m benchmarks.claims $(ARGS)

equivalence: $(INSTALLED)  ## whether a network trained from this library's batches ends where others' batches take it
	$(BIN)/python -m benchmarks.equivalence $(ARGS)

clean:
	rm -rf .venv .venv-3.* demo_output claims_output equivalence_output build dist site docs/api .mypy_cache .pytest_cache .ruff_cache .hypothesis

# Runs again only when the dependencies may have changed. uv is fetched with the system's pip, because some
# distributions ship a venv module that cannot install pip into what it makes.
$(INSTALLED): pyproject.toml
	test -x $(BIN)/python || $(PYTHON) -m venv --without-pip $(VENV)
	test -x $(VENV)/uv/bin/uv || $(PYTHON) -m pip install --quiet --target $(VENV)/uv uv
	$(VENV)/uv/bin/uv pip install --quiet --python $(BIN)/python --editable '.[cuda12,demo,test,docs,dev]'
	touch $@
