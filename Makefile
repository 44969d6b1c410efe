.DEFAULT_GOAL := help
PYTHON := .venv/bin/python

.venv/.ready: pyproject.toml uv.lock toolchain/bootstrap
	@toolchain/bootstrap
	@touch $@

.PHONY: check
check: .venv/.ready ## Lint, types, unit tests: no cluster, no container engine
	@.venv/bin/ruff check .
	@.venv/bin/ruff format --check .
	@$(PYTHON) -m mypy toolchain images infra tests
	@$(PYTHON) -m pytest -q

.PHONY: programs
programs: .venv/.ready ## Find or build every program the blueprint needs
	@.venv/bin/blueprint programs

.PHONY: help
help: ## Show this help
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  %-10s %s\n", $$1, $$2}' $(MAKEFILE_LIST)
