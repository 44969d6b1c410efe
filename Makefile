.DEFAULT_GOAL := help
PYTHON := .venv/bin/python
BLUEPRINT := .venv/bin/blueprint

# Bytecode is kept, and out of the tree: else each of the many processes compiles the same sources anew.
unexport PYTHONDONTWRITEBYTECODE
export PYTHONPYCACHEPREFIX := $(CURDIR)/.venv/bytecode

.venv/.ready: pyproject.toml uv.lock toolchain/bootstrap
	@toolchain/bootstrap
	@touch $@

.PHONY: up
up: .venv/.ready ## Make the cluster and everything on it, or bring it to what the program says
	@$(BLUEPRINT) up

.PHONY: test
test: check ## Prove each concept: the checks, then the live tests on the cluster (made if missing, and then removed)
	@$(BLUEPRINT) audit
	@$(BLUEPRINT) test

.PHONY: thorough
thorough: .venv/.ready ## Prove at length what `test` proves once, on the cluster (made if missing, and kept)
	@$(MAKE) --no-print-directory -C services thorough
	@$(BLUEPRINT) thorough

.PHONY: sabotage
sabotage: .venv/.ready ## Break the cause of each concept on a running cluster to throw away, and see its live test fail
	@$(PYTHON) -m pytest -q -rA tests/sabotage -m "not serial" -n 4 --dist loadgroup
	@$(PYTHON) -m pytest -q -rA tests/sabotage -m serial

.PHONY: check
check: .venv/.ready ## Lint, types, unit tests of everything: no cluster, no container engine
	@$(MAKE) --no-print-directory --jobs=2 --output-sync=target check-services check-types check-units check-lint

.PHONY: check-lint check-types check-units check-services
check-lint: .venv/.ready
	@.venv/bin/ruff check .
	@.venv/bin/ruff format --check .

check-types: .venv/.ready
	@$(PYTHON) -m mypy toolchain images infra policies monitoring tests

check-units: .venv/.ready
	@$(PYTHON) -m pytest -q -n 2

check-services: .venv/.ready
	@$(MAKE) --no-print-directory -C services check

.PHONY: manifests
manifests: .venv/.ready ## Render every object of the program into .blueprint/manifests, without a cluster
	@$(BLUEPRINT) manifests

.PHONY: audit
audit: .venv/.ready ## Run the static scanners over the rendered objects and the sources
	@$(BLUEPRINT) audit

.PHONY: sbom
sbom: .venv/.ready ## List what each image holds, as CycloneDX documents in .blueprint/sbom
	@$(BLUEPRINT) sbom

.PHONY: preview
preview: .venv/.ready ## Show what `up` would change
	@$(BLUEPRINT) preview

.PHONY: status
status: .venv/.ready ## Show nodes, pods, capabilities
	@$(BLUEPRINT) status

.PHONY: urls
urls: .venv/.ready ## Print the URLs of the running stack
	@$(BLUEPRINT) urls

.PHONY: logs
export REQUEST SINCE
logs: .venv/.ready ## Print every line of one request, of all services: make logs REQUEST=<id> [SINCE=15m]
	@$(BLUEPRINT) logs

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
