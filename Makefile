# `make` lists what there is. Everything that is made goes to .venv/ and .build/, which `make clean` removes.
# SPDX-License-Identifier: GPL-3.0-or-later

.DEFAULT_GOAL := help
.PHONY: help demo tenant check test test-profile test-matrix lint unit sanity integration bench docs build galaxy release pyz clean
MAKEFLAGS += --no-print-directory

export ANSIBLE_COLLECTIONS_PATH := $(CURDIR)/.build
# Most of what is installed is never imported: what is gets compiled then, also where the machine's setting forbids to keep it.
export PYTHONDONTWRITEBYTECODE :=
pip_install := .venv/bin/python -m pip install -qq --disable-pip-version-check --no-compile

help:  ## this list
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/  make \1|\2/p' Makefile | awk -F'|' '{ printf "%-18s %s\n", $$1, $$2 }'

demo: .venv/.stamp-demo  ## onboard a tenant of your own machine as code, twice, then show one edit
	@scripts/demo

# exec, since a shell in between would keep the server from being ended with make, and from seeing that make is gone.
tenant: .venv/.stamp-demo  ## start the embedded tenant alone and print the variables to export (Ctrl-C stops it)
	@scripts/link-collection
	@exec env PYTHONPATH=tests .venv/bin/python -m tenant --attached $(ARGS)

check: .venv/.stamp-test  ## between two edits, within a minute: ruff, mypy, the unit tests that the change touches
	@.venv/bin/python scripts/check

# What the tests need is installed by the script, beside the sanity tests, which need less.
test: .venv/.stamp-demo  ## everything that can be checked: lint, unit, sanity (what CI runs)
	@scripts/test lint unit sanity

test-profile: .venv/.stamp-test  ## the engine against a tenant that answers as in PROFILE=tenant-profile.yml (docs/verify.md)
	@test -n "$(PROFILE)" || { echo "Say which: make test-profile PROFILE=tenant-profile.yml"; exit 2; }
	@TENANT_PROFILE="$(abspath $(PROFILE))" .venv/bin/python -m pytest -q -n 3 tests/modules

test-matrix: .venv/.stamp-test  ## tests and sanity on each supported ansible-core (CORES="2.19 2.20/3.12": just those; about 45 minutes)
	@scripts/test-matrix $(CORES)

lint: .venv/.stamp-test  ## ruff, mypy, yamllint, shellcheck, actionlint, zizmor, ansible-lint, reuse, antsibull
	@scripts/test lint

unit: .venv/.stamp-test  ## pytest: unit, module, playbook and tenant tests
	@scripts/test unit

sanity: .venv/.stamp-test  ## ansible-test sanity on a copy under .build/
	@scripts/test sanity

integration: .venv/.stamp-test  ## ansible-test integration on a copy under .build/, with the embedded tenant
	@ANSIBLE_TEST=integration WORK=$(CURDIR)/.build/integration scripts/sanity --venv --requirements --python default

bench: .venv/.stamp-test  ## measure speed and rate limit beside the physical limit and rivals (about 40 minutes)
	@for bench in scripts/bench-*; do .venv/bin/python "$$bench" || exit 1; done

docs: .venv/.stamp-test  ## the documentation site, in .build/docs/html
	@.venv/bin/python scripts/docs

build: .venv/.stamp-demo  ## the collection's tarball, in .build/, from what git tracks
	@scripts/build .build

galaxy: .venv/.stamp-test  ## build the tarball and check it as Galaxy and a user would
	@scripts/check-tarball

release: .venv/.stamp-test  ## say what keeps this tree from being released, or check everything and build the tarball
	@.venv/bin/python scripts/release

pyz: .venv/.stamp-demo  ## cortex-sarif.pyz in .build/: check and upload SARIF reports without Ansible
	@.venv/bin/python scripts/build-pyz

clean:  ## remove .venv/ and .build/
	rm -rf .venv .build

.venv/.stamp-demo: requirements.txt tests/requirements-demo.txt scripts/find-python
	@.venv/bin/python -c '' 2>/dev/null || { python=$$(scripts/find-python) && rm -rf .venv && "$$python" -m venv .venv; }
	@echo "Installing what the demo needs into .venv/ with $$(.venv/bin/python --version) (about 20 s) ..."
	@$(pip_install) -r tests/requirements-demo.txt
	@touch $@

.venv/.stamp-test: .venv/.stamp-demo tests/requirements.txt tests/requirements-pytest.txt scripts/fetch-multitool
	@echo "Installing what the tests need into .venv/ (about a minute) ..."
	@$(pip_install) -r tests/requirements.txt
	@for name in chromium chromium-browser google-chrome; do if command -v $$name >/dev/null; then $(pip_install) -r tests/requirements-browser.txt; break; fi; done
	@scripts/fetch-multitool
	@touch $@
