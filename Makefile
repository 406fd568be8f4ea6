# `make run` plays, `make test` checks everything; both install what they need first.

SHELL := bash
.SHELLFLAGS := -euo pipefail -c
.DELETE_ON_ERROR:
.DEFAULT_GOAL := help
MAKEFLAGS += --no-builtin-rules --no-print-directory

DATA_DIR ?= ./data
LISTEN   ?= 127.0.0.1:8080
DIST_DIR ?= ./dist

BIN := $(or $(CARGO_TARGET_DIR),target)/release/blazing-sun
DIST_TARGET := $(or $(CARGO_TARGET_DIR),target)/dist
BIN_DEBUG := $(or $(CARGO_TARGET_DIR),target)/debug

# The server embeds the pages, so they are built before it. Folders count as sources too: removing a
# file changes nothing but its folder.
WEB_INSTALLED := web/node_modules/.installed
WEB_BUILT     := web/play/dist/index.html
WEB_SOURCES   := $(shell find web -mindepth 1 \( -name node_modules -o -name dist -o -path web/e2e \) -prune -o -print 2>/dev/null)

.PHONY: help
help: ## Say what there is to make
	@awk -F ':.*## ' '/^[a-z0-9-]+:.*## / { printf "  make %-13s %s\n", $$1, $$2 }' $(firstword $(MAKEFILE_LIST))

.PHONY: setup
setup: ## Install what building and testing need
	@dev/setup.sh test

.PHONY: setup-build
setup-build:
	@dev/setup.sh build

.PHONY: web
web: $(WEB_BUILT) ## Build the web pages

.PHONY: build
build: setup-build web ## Build the release binary
	cargo build --release --locked --bin blazing-sun

# What is carried to other machines holds OpenSSL and zlib, and needs nothing of theirs but glibc. In a folder of its own: what is
# linked otherwise would be built anew each time.
.PHONY: dist
dist: setup-build web ## Pack the release binary with its units, completions, licences and docs; DIST_DIR=./dist
	OPENSSL_STATIC=1 OPENSSL_LIB_DIR=$$(pkg-config --variable=libdir openssl) \
	  OPENSSL_INCLUDE_DIR=$$(pkg-config --variable=includedir openssl) LIBZ_SYS_STATIC=1 \
	  cargo build --release --locked --bin blazing-sun --target-dir "$(DIST_TARGET)"
	@! ldd "$(DIST_TARGET)/release/blazing-sun" | grep -E 'lib(ssl|crypto|z)\.' || { echo "dist: not linked into the program" >&2; exit 1; }
	@deploy/dist.sh "$(DIST_TARGET)/release/blazing-sun" "$(DIST_DIR)"

.PHONY: run
run: build ## Build and serve; DATA_DIR=./data LISTEN=127.0.0.1:8080
	exec $(BIN) serve --data-dir "$(DATA_DIR)" --listen "$(LISTEN)"

.PHONY: cluster
cluster: build ## Kafka, PostgreSQL, 2 backends, 2 gateways on this machine, as one address
	@dev/setup.sh cluster
	@LISTEN="$(LISTEN)" BLAZING_SUN_BIN="$(BIN)" dev/cluster.sh run

.PHONY: cluster-stop
cluster-stop: ## End a cluster that runs in another terminal; its data stays in ./data/cluster
	@dev/cluster.sh stop

.PHONY: bench-cluster
bench-cluster: build ## Measure 1 gateway and 1 backend beside their floor; GATEWAYS=2 BACKENDS=2 BENCH="--rate 500"
	@dev/servers.sh install
	@BLAZING_SUN_BIN="$(BIN)" dev/cluster.sh bench $(BENCH)

.PHONY: test
test: setup $(WEB_INSTALLED) ## Run every check and test there is
	@dev/test.sh

# The debug build: its overflow checks and assertions look too.
.PHONY: soak soak-payments
soak: setup-build $(WEB_BUILT) ## Kill, drain and plant faults for some ten minutes; SOAK_ROUNDS=200 SOAK_SEED=…
	cargo build --workspace --locked --features blazing-sun-soak/failpoints \
	  --bin blazing-sun-soak --bin blazing-sun-under-fault
	$(BIN_DEBUG)/blazing-sun-soak

soak-payments: setup-build $(WEB_BUILT) ## The payments of it alone: SOAK_PAYMENTS=10000 SOAK_SEED=…
	cargo build --workspace --locked --features blazing-sun-soak/failpoints \
	  --bin blazing-sun-soak --bin blazing-sun-under-fault
	$(BIN_DEBUG)/blazing-sun-soak --only payments

.PHONY: api-fuzz
api-fuzz: setup $(WEB_BUILT) ## Fuzz the HTTP API from its document; API_FUZZ_EXAMPLES=500 API_FUZZ_SEED=…
	@API_FUZZ_EXAMPLES=$${API_FUZZ_EXAMPLES:-500} dev/test.sh api-fuzz

.PHONY: fmt
fmt: $(WEB_INSTALLED) ## Format the code, Rust and web
	cargo fmt --all
	npm --prefix web run format

.PHONY: lint
lint: setup $(WEB_BUILT) ## Run every check that is not a test
	@dev/test.sh text typos fmt web-lint deny clippy

.PHONY: test-rust
test-rust: setup $(WEB_BUILT) ## Run the tests of the Rust workspace
	@dev/test.sh rust

.PHONY: test-web
test-web: setup $(WEB_INSTALLED) ## Lint, test and build the pages
	@dev/test.sh web-lint web-unit web-build

.PHONY: test-e2e
test-e2e: setup $(WEB_BUILT) ## Play in headless Chromium against the debug binary
	@dev/test.sh e2e

.PHONY: deny
deny: setup ## Check the dependencies' licences, sources and bans
	@dev/test.sh deny

.PHONY: npm-audit
npm-audit: $(WEB_INSTALLED) ## Ask the registry for known faults of the pages' packages
	@dev/test.sh npm-audit

.PHONY: typos
typos: setup ## Check the spelling
	@dev/test.sh typos

.PHONY: generated
generated: $(WEB_BUILT) ## Rewrite the files that are derived from the Rust types
	@dev/test.sh generated

.PHONY: clean
clean: ## Remove what was built; keeps ./data
	cargo clean
	rm -rf web/node_modules web/*/node_modules web/*/dist

$(WEB_INSTALLED): web/package-lock.json web/package.json $(wildcard web/*/package.json) | setup-build
	npm --prefix web ci --ignore-scripts --no-audit --no-fund </dev/null
	touch $@

$(WEB_BUILT): $(WEB_INSTALLED) $(WEB_SOURCES)
	npm --prefix web run build </dev/null
	touch $@
