# Tests run a file at a time on each core, most of them a thread each, in the
# order of tests/conftest.py.
# Each target first brings .venv up to date, which is done in no time if it is.
python := .venv/bin/python

help:
	@echo 'make demo       test small networks with and without DARK'
	@echo 'make test       run the tests; ARGS="-m \"not slow\"" for the quick ones'
	@echo 'make matrix     run them in every environment a Python is found for'
	@echo 'make bench      measure speed against the codec of MMPose'
	@echo 'make reproduce  train and measure the tables of the paper in miniature'
	@echo 'make lint       check style and types'
	@echo 'make docs       build the pages'
	@echo 'make clean      remove build products and caches, not .venv'

setup:
	@.ci/setup

demo: setup
	$(python) tools/miniature/quickstart.py $(ARGS)

test: setup
	OMP_NUM_THREADS=1 $(python) -m pytest -n auto --maxprocesses 4 \
		--dist loadfile --no-loadscope-reorder $(ARGS)

matrix: setup
	$(python) -m nox $(ARGS)

bench: setup
	$(python) tools/benchmark/codec.py $(ARGS)

reproduce: setup
	$(python) tools/miniature/reproduce.py $(ARGS)

lint: setup
	$(python) -m ruff check
	$(python) -m mypy

docs: setup
	$(python) -m sphinx -W --keep-going -q docs docs/_build
	@echo 'docs/_build/index.html'

clean:
	rm -rf build dist *.egg-info .pytest_cache .ruff_cache .hypothesis demo_out
	find mmpose_dark configs tools tests -name __pycache__ -exec rm -rf {} +

.PHONY: help setup demo test matrix bench reproduce lint docs clean
