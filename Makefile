# Everything starts here; `make help` lists it.

CARGO   ?= cargo
DATA    ?= keywright-data
QUICK    = --profile quick --locked
BINARY   = target/quick/keywright
# The dashboard is built if its sources and Node are present; `cargo build` alone needs neither.
UI       = $(wildcard ui/package.json)
BROWSER  = $(wildcard tests/browser/package.json)

.DEFAULT_GOAL := help
.PHONY: help run dev test clock fuzz floods conformance routers check screenshots bench bench-check ui tools packages clean-demo

help: ## List the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-12s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

run: ui ## Build, and serve a demo with four example APIs from ./keywright-data
	$(CARGO) build $(QUICK)
	$(BINARY) serve --demo --data $(DATA)

dev: ## Like run, and the dashboard rebuilds as you edit it
	$(CARGO) build $(QUICK)
ifneq ($(UI),)
	cd ui && npm ci --no-audit --no-fund
	$(BINARY) serve --demo --data $(DATA) & trap "kill $$!" EXIT INT TERM; cd ui && npm run dev
else
	$(BINARY) serve --demo --data $(DATA)
endif

test: packages check ui ## Run every check and every test, installing what they need
	$(CARGO) test $(QUICK)
ifneq ($(UI),)
	cd ui && npm test --if-present
endif
ifneq ($(BROWSER),)
	cd tests/browser && npm ci --no-audit --no-fund && npm test
endif
	cd tests/routers && npm test

conformance: packages ## Run every example of four documents about authentication through nginx and Caddy
	$(CARGO) test $(QUICK) --test conformance

floods: ## Flood every endpoint that needs no credential for a minute each (10 minutes)
	$(CARGO) test $(QUICK) --test floods -- --seconds 60

routers: packages ## Attack the gate: every router, behind nginx and Caddy, for about 15 minutes
	$(CARGO) build $(QUICK)
	cd tests/routers && npm run long

clock: packages ## Jumps of the wall clock on the real program, at full length (3 minutes)
	KEYWRIGHT_CLOCK=full $(CARGO) test $(QUICK) --test it faults::faketime -- --nocapture --test-threads 1

# Seconds per target. A scratch corpus keeps new inputs out of the repository.
FUZZ_SECONDS ?= 60
fuzz: ## Fuzz every parser of untrusted text, a minute each; needs a nightly toolchain
	@$(CARGO) +nightly --version >/dev/null 2>&1 || { echo "make fuzz needs a nightly toolchain: rustup toolchain install nightly"; exit 1; }
	@$(CARGO) fuzz --version >/dev/null 2>&1 || $(CARGO) install cargo-fuzz --locked
	@for target in $$($(CARGO) +nightly fuzz list); do mkdir -p fuzz/target/corpus/$$target; echo "== $$target"; \
	   $(CARGO) +nightly fuzz run --sanitizer none $$target fuzz/target/corpus/$$target fuzz/corpus/$$target -- \
	     -max_total_time=$(FUZZ_SECONDS) -max_len=2048 -print_final_stats=1 || exit 1; done

check: tools ## Formatting, lints, and what dependencies may bring
	$(CARGO) fmt --check
	$(CARGO) clippy $(QUICK) --all-targets -- -D warnings
	@if $(CARGO) deny --version >/dev/null 2>&1; then $(CARGO) deny check; \
	 else echo "cargo-deny is not installed: skipping deny.toml"; fi
ifneq ($(UI),)
	cd ui && npm ci --no-audit --no-fund && npm run check --if-present
endif

screenshots: ui ## Take the README's pictures from the demo
	$(CARGO) build $(QUICK)
	cd tests/browser && npm ci --no-audit --no-fund && npm run screenshots

bench: ## Measure everything that has a goal; tables go to docs/performance.md (15 minutes, 6 GB on disk)
	@mkdir -p target
	@{ $(CARGO) bench --locked --bench micro && $(CARGO) bench --locked --bench load && \
	   if command -v nginx >/dev/null; then $(CARGO) bench --locked --bench gate; \
	   else echo "nginx is not installed: the gate behind it is not measured"; fi; } | tee target/bench.txt
	@grep -q '^|' target/bench.txt || { echo "no table was printed"; exit 1; }
	@awk '/^<!-- begin/ { print; print ""; while ((getline line < "target/bench.txt") > 0) \
	   if (line ~ /^\|/) { print line; was = 1 } else if (was) { print ""; was = 0 } print ""; skip = 1 } \
	   /^<!-- end/ { skip = 0 } !skip' docs/performance.md > target/performance.md && cp target/performance.md docs/performance.md

bench-check: ## Compare the speed with that of another commit: make bench-check BASE=c99995f
	@test -n "$(BASE)" || { echo "name the commit: make bench-check BASE=<commit>"; exit 2; }
	benches/check.sh "$(BASE)"

# The dashboard's files, which are embedded in the binary.
ui:
ifneq ($(UI),)
	cd ui && npm ci --no-audit --no-fund && npm run build
endif

tools:
	@command -v rustup >/dev/null && rustup component add rustfmt clippy >/dev/null 2>&1 || true

# Programs that the tests call besides Rust and Node: Python for client libraries, Chromium for the pages, prlimit for
# the full disk, nginx, Caddy and curl for the conformance tests, Go, Java and Maven for the routers. On Debian and
# Ubuntu they are installed; on other systems the missing ones are listed. The tests start their own proxies: a server
# that a package started is stopped again.
packages:
	@export PATH="$$PATH:/usr/sbin"; \
	 missing=; for need in python3:python3-venv go:golang-go javac:default-jdk-headless mvn:maven prlimit:util-linux chromium:chromium curl:curl nginx:nginx caddy:caddy faketime:faketime; do \
	   command -v $${need%%:*} >/dev/null || missing="$$missing $${need##*:}"; done; \
	 [ -z "$$missing" ] || { echo "installing$$missing"; \
	   sudo=; [ "$$(id -u)" = 0 ] || sudo=sudo; \
	   $$sudo apt-get update -qq && DEBIAN_FRONTEND=noninteractive $$sudo apt-get install -y -qq $$missing >/dev/null; \
	   for server in nginx caddy; do case "$$missing " in *" $$server "*) \
	     $$sudo systemctl disable --now $$server >/dev/null 2>&1 || true;; esac; done; } \
	 || { echo "install these first:$$missing"; exit 1; }

clean-demo: ## Forget the demo's data
	rm -rf $(DATA)
