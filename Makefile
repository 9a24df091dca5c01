# GP Alerts. `make help` lists the targets; each one installs what it needs.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
ARGS ?=

.DEFAULT_GOAL := help
.PHONY: help install install-dev demo test faults coverage lint format lock bench clean from-debian security docs pictures soak api-fuzz fuzz

help: ## list the targets
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sort | \
		awk -F ':.*## ' '{printf "%-12s %s\n", $$1, $$2}'

# The lock is complete: --no-deps keeps pip from following an extra past what is pinned.
$(VENV)/installed: pyproject.toml requirements/runtime.txt tools/make_venv.py
	$(PYTHON) tools/make_venv.py $(VENV)
	$(BIN)/python -m pip install --quiet --require-hashes --no-deps -r requirements/runtime.txt
	$(BIN)/python -m pip install --quiet --no-deps --no-build-isolation -e .
	@touch $@

$(VENV)/installed-dev: $(VENV)/installed requirements/dev.txt
	$(BIN)/python -m pip install --quiet --require-hashes --no-deps -r requirements/dev.txt
	@touch $@

install: $(VENV)/installed ## build .venv with every dependency and the command .venv/bin/alerts

install-dev: $(VENV)/installed-dev ## add what tests and checks need

# Bounces that GNU Mailman's reader is tested with; they are in its source alone.
$(VENV)/samples: $(VENV)/installed-dev
	$(BIN)/python -m pip download --quiet --no-deps --no-build-isolation --no-binary :all: \
		--dest $@ flufl.bounce==$$($(BIN)/python -c 'from importlib.metadata import version; print(version("flufl.bounce"))')
	@cd $@ && for archive in *.tar.gz; do tar xzf "$$archive"; done

from-debian: ## install what tests need of Debian: Chromium, mail servers, a clock to set, Python's own tests' mails
	@command -v chromium >/dev/null 2>&1 || sh tools/from_debian.sh chromium fonts-liberation
	@command -v curl >/dev/null 2>&1 || sh tools/from_debian.sh curl
	@$(PYTHON) -c 'import test.test_email' 2>/dev/null || \
		sh tools/from_debian.sh $$($(PYTHON) -c 'import sys; print("libpython%d.%d-testsuite" % sys.version_info[:2])')
	@test -x /usr/lib/dovecot/imap -a -x /usr/lib/dovecot/pop3 || \
		sh tools/from_debian.sh dovecot-imapd dovecot-pop3d
	@PATH="$$PATH:/usr/sbin"; command -v postfix >/dev/null 2>&1 || sh tools/from_debian.sh postfix
	@ls /usr/lib/*/faketime/libfaketimeMT.so.1 >/dev/null 2>&1 || sh tools/from_debian.sh libfaketime

demo: install ## run the main job on a sample newsroom; ARGS=--no-serve ends by itself
	$(BIN)/alerts demo $(ARGS)

test: install-dev from-debian $(VENV)/samples ## run every test but those of `make faults`
	$(BIN)/python -m pytest --numprocesses auto --dist worksteal -m "not faults" $(ARGS)

api-fuzz: install-dev ## send the API thousands of requests of all kinds; none may make it fail (minutes)
	API_FUZZ_EXAMPLES=60 API_FUZZ_SECONDS=600 $(BIN)/python -m pytest tests/functional/test_api_fuzz.py $(ARGS)

faults: install-dev from-debian ## break servers and disks under real processes (minutes, beside `make test`)
	$(BIN)/python -m pytest -m faults $(ARGS)

fuzz: install-dev ## feed mutated mails to the reader of returned mail; ARGS=600 for ten minutes
	$(BIN)/python -m pip install --quiet 'atheris>=3,<4'
	$(BIN)/python tools/fuzz.py $(ARGS)

coverage: install-dev from-debian $(VENV)/samples ## run every test and show which branches they leave out
	$(BIN)/python -m pytest --numprocesses auto --cov --cov-report term-missing $(ARGS)

lint: install-dev ## run every check: ruff, mypy, import-linter, djlint
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/djlint --check --quiet templates/web
	$(BIN)/djlint --lint --quiet templates

format: install-dev ## format the code
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

# Tools of their own, which share no package with the program.
$(VENV)/%-tools/installed: requirements/%.txt tools/make_venv.py
	$(PYTHON) tools/make_venv.py $(dir $@)
	$(dir $@)bin/python -m pip install --quiet --require-hashes --no-deps -r $<
	@touch $@

security: $(VENV)/security-tools/installed ## ask for known holes (network), look for careless code, write sbom.json
	$(VENV)/security-tools/bin/python tools/security.py

docs: install $(VENV)/docs-tools/installed ## build the documentation's site in site/, every warning an error
	$(BIN)/python -m tools.docs
	NO_MKDOCS_2_WARNING=1 $(VENV)/docs-tools/bin/mkdocs build --strict --quiet

pictures: install-dev from-debian ## take the pictures of the documentation anew, by the browser tests
	$(BIN)/python -m pytest --pictures tests/browser/test_pictures.py $(ARGS)

lock: ## write the locked requirements anew from pyproject.toml
	$(PYTHON) tools/make_venv.py $(VENV)/lock
	$(VENV)/lock/bin/python -m pip install --quiet 'uv>=0.9,<1'
	$(VENV)/lock/bin/python tools/lock.py

bench: install-dev ## measure the delivery against references; ARGS=--quick tries it out
	$(BIN)/python -m benchmarks $(ARGS)

soak: install-dev ## send issues under random faults for MINUTES (30) and hold the books against it
	$(BIN)/python -m tests.soak --minutes $(or $(MINUTES),30) $(ARGS)

clean: ## remove what was built, not your data in var/
	rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis
