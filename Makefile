# Everything below needs Python 3.11 or newer with pip, and makes the rest itself in .venv.

PYTHON = python3
VENV = .venv
READY = $(VENV)/.ready
READY_TO_BENCH = $(VENV)/.ready-to-bench
RUN = $(VENV)/bin/python

.PHONY: demo test test-all mutants reliability check bench clean

demo: $(READY)
	$(RUN) examples/demo.py

# The quick suite: every claim of the README, in a few minutes on two cores. `make test REQUIRE=--require-tools` fails
# where a program that tests run is missing.
test: $(READY)
	$(RUN) -m pytest -n 2 -m "not slow" $(REQUIRE)

test-all: $(READY)
	$(RUN) -m pytest -n 2 $(REQUIRE)

# Plants mistakes that no test was written for, and says which of them no test notices: an hour or two on one core.
mutants: $(READY)
	PYTHONPATH=tests $(RUN) -m mutants $(ONLY)

# Kills a thousand trainings, fills disks, damages files by the thousand: some hours on one core.
reliability: $(READY)
	PYTHONPATH=tests $(RUN) -m reliability

check: $(READY)
	$(RUN) -m ruff format --check .
	$(RUN) -m ruff check .
	$(RUN) -m mypy
	$(RUN) -m mypy --strict --config-file= tests/typed_user.py

# Every claim of speed, in less than 25 minutes on two cores that do nothing else.
bench: $(READY_TO_BENCH)
	$(RUN) -m bench

$(READY): pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and f"elman needs Python 3.11 or newer; $(PYTHON) is {sys.version.split()[0]}. Name another: make PYTHON=python3.12")'
	$(PYTHON) -m venv $(VENV)
	$(RUN) -m pip install --quiet --constraint constraints.txt --editable '.[dev]'
	@touch $@

$(READY_TO_BENCH): $(READY)
	$(RUN) -m pip install --quiet --constraint constraints.txt --editable '.[bench]'
	@touch $@

clean:
	rm -rf $(VENV) build dist .pytest_cache .mypy_cache .ruff_cache .hypothesis
