.DEFAULT_GOAL := help
PYTHON := .venv/bin/python
BLUEPRINT := .venv/bin/blueprint

.venv/.ready: pyproject.toml uv.lock toolchain/bootstrap
	@toolchain/bootstrap
	@touch $@

.PHONY: up
up: .venv/.ready ## Make the cluster and everything on it, or bring it to what the program says
	@$(BLUEPRINT) up

.PHONY: test
test: check ## Prove it all: the checks, then every live test on the cluster (made if missing, and then removed)
	@$(BLUEPRINT) test

.PHONY: check
check: .venv/.ready ## Lint, types, unit tests: no cluster, no container engine
	@.venv/bin/ruff check .
	@.venv/bin/ruff format --check .
	@$(PYTHON) -m mypy toolchain images infra tests
	@$(PYTHON) -m pytest -q -n 2

.PHONY: check-services
check-services: .venv/.ready ## Lint, types and tests of the services (not yet part of `check`: the gateway's tests do not all pass)
	@$(MAKE) --no-print-directory -C services check

.PHONY: preview
preview: .venv/.ready ## Show what `up` would change
	@$(BLUEPRINT) preview

.PHONY: status
status: .venv/.ready ## Show nodes, pods, capabilities
	@$(BLUEPRINT) status

.PHONY: urls
urls: .venv/.ready ## Print the URLs of the running stack
	@$(BLUEPRINT) urls

.PHONY: down
down: .venv/.ready ## Remove the cluster with its network, volumes and rules
	@$(BLUEPRINT) down

.PHONY: clean
clean: .venv/.ready ## Drop what this project cached for the user: programs, images, charts
	@$(BLUEPRINT) clean

.PHONY: programs
programs: .venv/.ready ## Find or build every program the blueprint needs
	@$(BLUEPRINT) programs

.PHONY: help
help: ## Show this help
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  %-10s %s\n", $$1, $$2}' $(MAKEFILE_LIST)
