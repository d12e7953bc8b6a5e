# The commands of the project; `make help` lists them.
SHELL := /bin/bash
PYTHON ?= python3
STACK ?= dev
VENV := .venv
RUN := $(VENV)/bin/python
# Bytecode of the large Kubernetes SDK is worth keeping: without it each start compiles for a second.
export PYTHONDONTWRITEBYTECODE :=
# What the person's own Python programs import is nothing to these.
unexport PYTHONPATH PYTHONHOME
PULUMI := PATH="$(CURDIR)/$(VENV)/bin:$$PATH" pulumi
LIVE := $(RUN) -m pytest tests/live --verbose --durations=10
PULUMI_FLAGS := --stack $(STACK) --non-interactive --color never

# Pulumi is started by these commands, and its Python host takes the interpreter from PATH.
OPERATIONS := PATH="$(CURDIR)/$(VENV)/bin:$$PATH" $(RUN) -m operations

.PHONY: help venv up down shell status preview deploy backup restore retention collect test check lint units bench format pins docs

help: ## List the commands
	@grep -hE '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed -E 's/^([a-z]+):[^#]*## (.*)/  make \1\t\2/' | expand -t 18

venv: $(VENV)/.complete ## Make the Python environment from the pinned requirements

$(VENV)/.complete: requirements.txt requirements-dev.txt constraints.txt
	@echo "making the Python environment in $(VENV)"
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or newer is needed: make PYTHON=python3.11 ...")'
	@$(PYTHON) -m venv --clear $(VENV)
	@$(RUN) -m pip install --quiet --disable-pip-version-check --requirement requirements-dev.txt
	@touch $@

up: venv ## Start the lab, and on it the registry, proven by an image that is pushed and pulled back
	@$(RUN) -m lab up

down: venv ## Destroy the stack and end the lab; nothing of it stays
	@$(RUN) -m lab down

shell: venv ## Open a shell on the lab's node, as `minikube ssh`
	@$(RUN) -m lab shell

status: venv ## Tell what runs in the lab
	@$(RUN) -m lab status

preview: venv ## Show what `up` would change on stack STACK (default dev); needs no lab, only the state and a cluster
	@set -o pipefail; $(PULUMI) preview --diff $(PULUMI_FLAGS) 2>&1 | tee $${PREVIEW_LOG:-/dev/null}

deploy: venv ## Bring up stack STACK on its own cluster; needs no lab
	@$(PULUMI) up --yes $(PULUMI_FLAGS)

backup: venv ## Back up the registry of STACK into the folder TO=...; again to go on after a cut
	@$(if $(TO),,$(error TO=FOLDER is missing: the folder of the backup))$(OPERATIONS) backup --stack "$(STACK)" --to "$(TO)"

restore: venv ## Restore the backup in the folder FROM=... into the registry of STACK; FORCE=1 moves tags
	@$(if $(FROM),,$(error FROM=FOLDER is missing: the folder of the backup))$(OPERATIONS) restore --stack "$(STACK)" --from "$(FROM)" $(if $(filter 1,$(FORCE)),--force)

retention: venv ## Show which old tags may go by retentionKeep; APPLY=1 removes them
	@$(OPERATIONS) retention --stack "$(STACK)" $(if $(filter 1,$(APPLY)),--apply)

collect: venv ## Show what no image needs any more; APPLY=1 removes it while nobody can push
	@$(OPERATIONS) collect --stack "$(STACK)" $(if $(filter 1,$(APPLY)),--apply )$(if $(filter 1,$(UNTAGGED)),--untagged)

check: venv ## Format, lint, types, workflows and unit tests; about a minute
	@$(MAKE) --no-print-directory --jobs=2 lint units

lint: venv ## The part of `make check` that runs no test
	@$(VENV)/bin/ruff format --check .
	@$(VENV)/bin/ruff check .
	@$(VENV)/bin/mypy
	@$(RUN) -m docs.settings_table --check
	@$(RUN) -m lab actionlint

# Some wait for a moment that has to pass, which leaves most of a core idle. What a file makes once is made once.
units: venv ## The unit tests of `make check`
	@$(RUN) -m pytest --quiet --numprocesses=$$((2 * $$(getconf _NPROCESSORS_ONLN))) --dist=loadfile tests/unit tests/components tests/program

# Tests marked `quiet` run alone after the others; pytest ends with 5 when there is none.
test: check ## Everything: the checks, then live tests in labs of their own, side by side
	@$(RUN) -m lab build --tests
	@code=0; \
	$(LIVE) -m "not quiet" --numprocesses=auto --dist=loadfile --no-loadscope-reorder --max-worker-restart=0 || code=$$?; \
	$(LIVE) -m quiet || case $$? in 5) ;; *) code=1 ;; esac; \
	exit $$code

bench: venv ## Measure, side by side, what the README claims; PARTS="layers memory" these alone
	@$(RUN) -m bench $(PARTS)

format: venv ## Rewrite the sources in the project's format
	@$(VENV)/bin/ruff check --fix --quiet . || true
	@$(VENV)/bin/ruff format --quiet .

docs: venv ## Write the settings tables anew from Pulumi.yaml
	@$(RUN) -m docs.settings_table

pins: ## Choose the newest versions that the requirements allow, and pin them in constraints.txt
	@$(PYTHON) -m venv --clear $(VENV) && echo > constraints.txt
	@$(RUN) -m pip install --quiet --requirement requirements-dev.txt
	@{ echo "# Every version that pip may choose, so that each machine gets the same. Made by \`make pins\`."; $(VENV)/bin/pip freeze; } > constraints.txt
