# make demo   runs the main job on the shipped sample; make test runs the tests; both need only Python 3.10-3.12 and make.
# Variables:  PYTHON=python3.11        which Python makes the environment
#             TORCH="torch --..."      what to give to `pip install` first, to choose a CPU or CUDA build of torch (see README)
#             VENV=.venv OUT=out

SHELL := /bin/bash
VENV ?= .venv
OUT ?= out
TORCH ?=
PHOTO ?= assets/photo.jpg
DRIVER ?= assets/dance.mp4

FIT_VERSION := import sys, venv, ensurepip; sys.exit(not (3, 10) <= sys.version_info[:2] <= (3, 12))
PYTHON ?= $(shell for p in python3 python3.12 python3.11 python3.10 python; do \
	$$p -c "$(FIT_VERSION)" >/dev/null 2>&1 && { echo $$p; break; }; done)
BIN := $(VENV)/bin

.PHONY: help install demo test lint clean
.DELETE_ON_ERROR:

help:
	@sed -n 's/^# \{0,1\}//p' Makefile | head -4

$(BIN)/python:
	@if [ -z "$(PYTHON)" ] || ! $(PYTHON) -c "$(FIT_VERSION)" 2>/dev/null; then \
		echo "motionimit needs Python 3.10, 3.11 or 3.12 with venv (on Debian and Ubuntu: the package python3-venv);" \
		     "found: $$($(or $(PYTHON),python3) --version 2>&1 | head -1). Name another one: make PYTHON=python3.12" >&2; exit 1; fi
	$(PYTHON) -m venv $(VENV)

# opencv-contrib-python wants libGL and glib from the system; its headless twin of the same version does not.
$(VENV)/.core: pyproject.toml | $(BIN)/python
	$(if $(TORCH),$(BIN)/python -m pip install $(TORCH))
	$(BIN)/python -m pip install -e .
	@if ! $(BIN)/python -c "import cv2" 2>/dev/null; then \
		echo "This system has no libGL or glib: replacing OpenCV by its headless build."; \
		version=$$($(BIN)/python -c "from importlib.metadata import version; print(version('opencv-contrib-python'))"); \
		$(BIN)/python -m pip install --force-reinstall --no-deps "opencv-contrib-python-headless==$$version"; fi
	@touch $@

$(VENV)/.dev: $(VENV)/.core
	$(BIN)/python -m pip install -e '.[dev]'
	@touch $@

install: $(VENV)/.core

demo: install
	@mkdir -p $(OUT)
	$(BIN)/motionimit transfer $(PHOTO) $(DRIVER) -o $(OUT)/demo.mp4 --report $(OUT)/demo.json
	@$(BIN)/motionimit sheet $(PHOTO) $(DRIVER) $(OUT)/demo.mp4 -o $(OUT)/demo_sheet.png >/dev/null
	@echo "video:         $(OUT)/demo.mp4"
	@echo "contact sheet: $(OUT)/demo_sheet.png"

test: $(VENV)/.dev
	$(BIN)/python -m pytest

lint: $(VENV)/.dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

clean:
	rm -rf $(VENV) $(OUT) build *.egg-info
