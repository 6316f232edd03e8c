# Everything that is done with a clone of salver. `make` alone lists it.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
# MindSpore and PyTorch, and TensorFlow, outside the clone; MindSpore has wheels for Python 3.11 and 3.12.
FRAMEWORKS := $(VENV)/frameworks
TENSORFLOW := $(VENV)/tensorflow
FRAMEWORKS_PYTHON ?= $(BIN)/python

# Outside the clone, so that another clone builds only what differs.
export CARGO_TARGET_DIR ?= $(or $(XDG_CACHE_HOME),$(HOME)/.cache)/salver/target
# Without cargo, the build back end would try to download a toolchain.
export MATURIN_NO_INSTALL_RUST := 1

NATIVE_SOURCES := Cargo.toml Cargo.lock $(shell find crates src -name '*.rs' -o -name Cargo.toml -o -name '*.proto')

.PHONY: help setup frameworks demo test check bench wheel format clean

help:
	@echo "make setup   a virtual environment in $(VENV) with salver built into it"
	@echo "make demo    real models answer real clients, over every kind of connection"
	@echo "make test    all tests: Rust, Python, and those that need MindSpore, PyTorch and TensorFlow"
	@echo "make check   formatting, lint, types, import contracts"
	@echo "make bench   the speed comparison of benchmarks/, with a build like that of wheels (some minutes more)"
	@echo "make wheel   dist/salver-*.whl"
	@echo "make format  rewrite sources in the project's format"
	@echo "make frameworks   MindSpore, PyTorch and TensorFlow for the tests: 10 GB in ~/.cache/salver, linked from $(VENV)"
	@echo "make clean   remove $(VENV) and what was built here"

setup: $(VENV)/.native

$(VENV)/.made:
	@sh scripts/check-tools.sh $(PYTHON)
	@echo "== making a virtual environment in $(VENV)"
	@$(PYTHON) -m venv $(VENV)
	@$(BIN)/pip install --quiet --disable-pip-version-check 'maturin>=1.9.4,<2'
	@touch $@

$(VENV)/.packages: $(VENV)/.made pyproject.toml
	@echo "== building salver and installing what it needs (the first time takes some minutes)"
	@. $(BIN)/activate && maturin develop --release --extras test
	@touch $@

$(VENV)/.native: $(VENV)/.packages $(NATIVE_SOURCES)
	@sh scripts/check-tools.sh $(PYTHON)
	@. $(BIN)/activate && maturin develop --release --skip-install
	@touch $@

demo: setup
	@GRPC_VERBOSITY=NONE $(BIN)/python examples/demo.py

frameworks: setup
	@$(FRAMEWORKS_PYTHON) scripts/frameworks.py frameworks $(FRAMEWORKS)
	@$(FRAMEWORKS_PYTHON) scripts/frameworks.py tensorflow $(TENSORFLOW)

test: setup frameworks
	cargo test --release --workspace --exclude salver-python
	$(BIN)/python -m pytest
	PYTHONPATH=$(CURDIR)/src $(FRAMEWORKS)/bin/python -m pytest tests/frameworks
	PYTHONPATH=$(CURDIR)/src $(TENSORFLOW)/bin/python -m pytest tests/saved_model

check: setup
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/python -m mypy.stubtest salver._native
	cargo fmt --all --check
	cargo clippy --release --workspace --all-targets -- -D warnings

# What is measured is built as wheels are.
bench: setup
	@. $(BIN)/activate && maturin develop --profile dist --skip-install
	$(BIN)/python -m benchmarks

wheel: setup
	$(BIN)/maturin build --profile dist --out dist

format: setup
	$(BIN)/ruff check --fix-only --quiet .
	$(BIN)/ruff format .
	cargo fmt --all

clean:
	rm -rf $(VENV) dist demo src/salver/_native*.so
