# Every target describes itself: the text after its ## is what `make` prints.
SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
MAKEFLAGS += --no-builtin-rules --no-print-directory
.PHONY: help setup demo test lint format docs bench nemesis new-channel

# A Python 3.11 to 3.13 with venv; .ci/prerequisites looks for one where this is empty.
PYTHON ?=
UV_VERSION := 0.13.9
UV := .tools/uv/bin/uv
SQL := dbt_project/models dbt_project/tests expectations

# uv trusts the system's certificates (a company's own authority is found there), takes the Python that is
# here and downloads none, and keeps its cache in the clone where there is no home folder to keep it in.
export UV_SYSTEM_CERTS := 1
export UV_PYTHON_DOWNLOADS := never
ifeq ($(shell test -n "$$HOME" -a -w "$$HOME" && echo yes),)
export UV_CACHE_DIR := $(CURDIR)/.tools/uv-cache
endif
# Compiled modules are kept in .venv whatever the caller's habit: without them each process compiles for 20 s.
unexport PYTHONDONTWRITEBYTECODE

help: ## print this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "make %-11s %s\n", $$1, $$2}' $(firstword $(MAKEFILE_LIST))

setup: .venv/.synced ## install everything into .venv (nothing to do where uv.lock has not changed)

demo: setup ## a fresh machine to a recalled audience on real data: recall demo
	@.venv/bin/recall demo

# Two processes, each with a PostgreSQL of its own, share the test files. What the second one has to say follows the
# first one's report.
test: setup ## all tests
	@work=$$(mktemp -d); trap 'rm -rf "$$work"' EXIT; mkdir "$$work/begun"; status=0; \
	.venv/bin/pytest --share="$$work/begun" > "$$work/second" 2>&1 & second=$$!; \
	.venv/bin/pytest --share="$$work/begun" || status=1; \
	wait $$second || status=1; \
	cat "$$work/second"; \
	exit $$status

lint: setup ## ruff, mypy and sqlfluff, without changing a file
	@status=0; \
	.venv/bin/ruff check . || status=1; \
	.venv/bin/ruff format --check . || status=1; \
	.venv/bin/mypy || status=1; \
	PYTHONWARNINGS=ignore .venv/bin/sqlfluff lint --processes 2 --disable-progress-bar $(SQL) || status=1; \
	exit $$status

format: setup ## let ruff and sqlfluff mend what they can mend
	@.venv/bin/ruff check --fix .
	@.venv/bin/ruff format .
	@PYTHONWARNINGS=ignore .venv/bin/sqlfluff fix --processes 2 --disable-progress-bar $(SQL)

bench: setup ## measure loads, nights and rebuilds on made-up visits, as tables (many minutes, several GB of disk)
	@$(UV) sync --locked --quiet --group bench
	@.venv/bin/python -m bench.ingest
	@.venv/bin/python -m bench.warehouse
	@.venv/bin/python -m bench.exports
	@.venv/bin/python -m bench.effects
	@.venv/bin/python -m bench.backfill
	@.venv/bin/python -m bench.policy

nemesis: setup ## 200 seeded rounds of kills, cuts and doubled runs against the engine, the peers' logs compared (minutes)
	@.venv/bin/python -m tests.faults.nemesis --rounds 200 --seed 1

docs: setup ## write docs/reference anew, and the pages of all models to .recall/docs/static_index.html
	@.venv/bin/python -m docs.write_reference
	@.venv/bin/python -m docs.write_model_pages .recall/docs

new-channel: setup ## a way of delivery with its test, to be filled in: make new-channel NAME=my_vendor
	@.venv/bin/python -m recall.testing.new_channel "$(NAME)"

# The two stamps below are what "already done" means: one per pinned uv, one newer than the lock.
.tools/uv/version-$(UV_VERSION):
	@python=$$(PYTHON='$(PYTHON)' .ci/prerequisites); \
	echo "Installing uv $(UV_VERSION) into .tools/uv"; \
	rm -rf .tools/uv; \
	"$$python" -m venv .tools/uv; \
	.tools/uv/bin/python -m pip install --quiet --disable-pip-version-check uv==$(UV_VERSION)
	@touch $@

.venv/.synced: uv.lock pyproject.toml .tools/uv/version-$(UV_VERSION)
	@python=$$(PYTHON='$(PYTHON)' .ci/prerequisites); \
	echo "Installing the locked packages into .venv"; \
	$(UV) sync --locked --quiet --python "$$python"
	@touch $@
