# Everything a newcomer needs: `make demo` and `make test` work on a fresh clone with git and Python >= 3.11.
# `make vsix` also wants Node >= 20; `make test-editors` installs the editors it drives, outside the repository.

PYTHON ?= python3
BIN    := .venv/bin
PIP    := $(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt

.PHONY: demo quick test coverage test-attacks test-editors lint bench gpu-check vsix clean

demo: .venv/train                ## data, a campaign of 8 experiments, the report: about six minutes
	$(BIN)/autoresearch start --new --foreground --devices cpu --model knobs --experiments 8
	$(BIN)/autoresearch report

quick: .venv/test lint           ## what needs no daemon, server, sandbox or training: the inner loop
	$(BIN)/python -m pytest -p tests.quick -n 2 --dist loadfile

test: .venv/test lint            ## the whole test suite
	$(BIN)/python -m pytest -n 2 --dist loadfile

coverage: .venv/test             ## the whole test suite, measured: a line for each chapter
	@mkdir -p build
	COVERAGE_FILE=build/coverage $(BIN)/python -m pytest -n 2 --dist loadfile --cov=loop --cov=server --cov-report=
	$(BIN)/python -m tests.chapters

test-attacks: .venv/test         ## campaigns of attacks on the ruler and of honest canvases; half an hour
	AUTORESEARCH_ATTACKS=all $(BIN)/python -m pytest -n 2 --dist loadfile tests/attacks

test-editors: .venv/test         ## the clients in real Neovim, Helix, Emacs and VS Code; a missing editor is installed
	bash tests/editors/run-terminal.sh
	bash tests/editors/vscode/run.sh

lint: .venv/test
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

bench: .venv/test                ## ratios and latencies, printed; nothing here passes or fails by a time
	$(BIN)/python -m bench

gpu-check: .venv/train           ## what only a GPU can show, in 8 minutes; a dry run without one: docs/gpu.md
	$(BIN)/python -m bench.gpu $(ARGS)

vsix:                            ## the VS Code extension: editors/vscode/dist/autoresearch.vsix
	cd editors/vscode && npm ci --no-audit --no-fund --loglevel=error && npm run --silent package

.venv/bin/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
	  echo "Python 3.11 or newer is needed; name one with 'make PYTHON=python3.12 $(MAKECMDGOALS)'"; exit 1; }
	$(PYTHON) -m venv .venv

.venv/train: .venv/bin/python pyproject.toml constraints.txt
	$(PIP) --editable '.[train]'
	@touch $@

.venv/test: .venv/bin/python pyproject.toml constraints.txt
	@why="$$($(BIN)/python -c 'from loop.system.packages import no_mlx; print(no_mlx())')" && \
	  if [ -n "$$why" ]; then extras=train,test; echo "$$why: the tests of MLX cannot run here"; \
	  else extras=train,test,mlx; fi && set -x && $(PIP) --editable ".[$$extras]"
	@touch $@

clean:
	rm -rf .venv build dist .mypy_cache .ruff_cache .hypothesis editors/vscode/dist editors/vscode/node_modules
