# Two commands matter: `make demo` and `make test`.
VENV   ?= .venv
PYTHON ?= python3
PY      = $(VENV)/bin/python
STAMP   = $(VENV)/.installed
ARGS   ?=

# Where the environment forbids to keep compiled modules, each process would compile everything again: 8 s instead of 2.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: demo test check bench chaos setup lock docs reference sbom tools clean

PIP     = $(PY) -m pip install -qq --no-compile --disable-pip-version-check -c constraints.txt

# What the program needs, and no more: the demo should be here soon.
$(VENV)/.runs: pyproject.toml constraints.txt
	@test -x $(PY) || $(PYTHON) -m venv $(VENV)
	@$(PIP) -e .
	@touch $@

setup: $(STAMP)

$(STAMP): $(VENV)/.runs
	@$(PIP) -e '.[dev,docs]'
	@touch $@

demo: $(VENV)/.runs
	@$(PY) -m bot demo $(ARGS)

# What tests need beyond Python (Chromium, bubblewrap, agent CLIs): installed when possible, else one line says what is left out.
tools: setup
	@sh tests/install-tools.sh

# What fails in company is asked once more, alone: a real fault fails again, and both answers are printed.
test: setup tools
	@$(PY) -m pytest -n auto --dist loadgroup $(ARGS) || { \
	   test $$? -eq 1 || exit 2; \
	   echo 'make test: what failed above once more, alone; what passes now does not stand a loaded machine and wants mending'; \
	   $(PY) -m pytest -v --last-failed --last-failed-no-failures none --maxfail 3 $(ARGS); }

check: setup
	@$(PY) -m ruff check .
	@$(PY) -m ruff format --check .
	@$(PY) -m mypy
	@$(VENV)/bin/lint-imports --no-cache

bench: setup tools
	@$(PY) -m tests.benchmarks $(ARGS)

# The pages of docs/ that are written from the program.
reference: setup
	@$(PY) -m tests.docs

docs: reference
	@NO_MKDOCS_2_WARNING=1 $(PY) -m mkdocs build --strict --quiet

# The bill of materials (dist/sbom.cdx.json) and the page of notices.
sbom: setup
	@$(PY) -m tests.packaging

lock: setup
	@{ echo '# The versions `make setup` installs; names and numbers only. Refresh with `make lock`.'; \
	   $(PY) -m pip freeze --exclude-editable; } > constraints.txt

clean:
	@rm -rf $(VENV) .tools site .mypy_cache .ruff_cache .pytest_cache .import_linter_cache

KILLS ?= 100
SEED  ?= 1

# Kill real workers inside writes and at random, on SQLite and PostgreSQL, and check what is left.
chaos: setup
	@$(PY) -m tests.chaos --kills $(KILLS) --seed $(SEED)
