# `make demo` and `make test` need nothing but make, a C++ compiler where PyBullet has no wheel, and Python 3.10 or newer.

# The first interpreter that runs and can create environments; PyBullet has wheels for 3.11 and 3.10 only.
PYTHON ?= $(shell for python in python3.11 python3.10 python3; do \
	if $$python -c 'import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 10))' 2>/dev/null; \
	then echo $$python; break; fi; done)
INSTALLED := .venv/.installed

.PHONY: help demo test check format clean

help:
	@echo "make demo     a first video, a small training, and a page that compares trackers: demo/"
	@echo "make test     run the tests"
	@echo "make check    check format, lint, types and import contracts"
	@echo "make format   format the code"
	@echo "make clean    remove .venv and caches"

$(INSTALLED): pyproject.toml constraints.txt
	@test -n "$(PYTHON)" || { echo "No Python 3.10 or newer with venv and ensurepip was found: install one" \
		"(Debian and Ubuntu: apt install python3-venv), or say make PYTHON=/path/to/python" >&2; exit 1; }
	.venv/bin/python -c 'import pip' 2>/dev/null || $(PYTHON) -m venv --clear .venv
	.venv/bin/python -m pip install --constraint constraints.txt --editable '.[dev]'
	-.venv/bin/rspt doctor
	@touch $(INSTALLED)

demo: $(INSTALLED)
	.venv/bin/rspt demo

test: $(INSTALLED)
	.venv/bin/python -m pytest --numprocesses auto --dist loadfile

check: $(INSTALLED)
	.venv/bin/ruff format --check .
	.venv/bin/ruff check .
	.venv/bin/mypy
	.venv/bin/lint-imports

format: $(INSTALLED)
	.venv/bin/ruff format .
	.venv/bin/ruff check --fix .

clean:
	rm -rf .venv .mypy_cache .ruff_cache .pytest_cache .import_linter_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
