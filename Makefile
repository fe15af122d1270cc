# The commands that matter: `make run` and `make test`, and `make dist` for what is released.

CARGO ?= cargo
BIN   := target/release/wattboard
# Tests bring their own tools on a machine that has apt and allows it; elsewhere they say what is missing.
NEEDS := python3 curl node=nodejs npm faketime $(if $(CHROMIUM),,chromium)
PROOF_NEEDS := python3 strace curl wrk slowhttptest faketime git chromium node=nodejs npm nginx jq soffice=libreoffice-calc \
    promtool=prometheus victoria-metrics influxd=influxdb file qemu-arm=qemu-user \
    debootstrap systemd-nspawn=systemd-container nsenter=util-linux systemd-analyze=systemd
BENCH_NEEDS := python3 wrk nginx
SOAK_NEEDS := python3 wrk
# Which machine `make dist` builds for; without one for all of them.
TARGET ?=
FUZZ_SECONDS ?= 60
FUZZ_SANITIZER ?= none
MINUTES ?= 10

.PHONY: page run test page-test check fmt lint bench prove fuzz soak dist deb needs bench-needs proof-needs home-needs soak-needs dist-needs deb-needs clean

page: www/node_modules/.package-lock.json ## what the page is made of: its packages, from npm

www/node_modules/.package-lock.json: www/package-lock.json
	@tests/needs.sh node=nodejs npm
	npm ci --prefix www --no-audit --no-fund

run: page ## build the release binary and serve a demo house at http://127.0.0.1:8080
	$(CARGO) build --release --locked
	$(BIN) demo

test: needs page ## all tests
	$(CARGO) test --locked
	python3 -m unittest discover -s tests/site
	python3 -m unittest discover -s tests/monitoring
	tests/docs/run.py --bin target/debug/wattboard
	tests/prove/02_2_compat.py --bin target/debug/wattboard --seconds 15
	tests/prove/02_3_files.py --bin target/debug/wattboard
	@$(MAKE) --no-print-directory page-test

page-test: needs page ## the page alone: types, units, and every view in a browser (CHROMIUM=PATH for another one than Debian's)
	npm run -s check --prefix www
	npm run -s test --prefix www
	$(CARGO) build --locked
	node --test-reporter=spec tests/page/run.mjs

check: lint test ## format, lints, tests

fmt:
	$(CARGO) fmt

lint: page
	$(CARGO) fmt --check
	$(CARGO) clippy --locked --all-targets --all-features -- -D warnings

bench: bench-needs page ## speed and memory, with nginx and a bare tiny_http measured in the same run
	$(CARGO) build --release --locked --bins --example bare_tiny_http
	tests/bench/bench.py --write BENCHMARKS.md

prove: proof-needs deb-needs page ## every line that an issue must show, with what was measured
	$(CARGO) build --release --locked --bins --example replay_site
	$(CARGO) build --locked --features faults --target-dir target/faults
	tests/prove/all.sh

fuzz: page ## every parser, a minute each: FUZZ_SECONDS=600 for longer, FUZZ_SANITIZER=address for more, TARGETS="head config" for some
	@command -v cargo-fuzz >/dev/null || test -x target/tools/bin/cargo-fuzz || \
	    $(CARGO) install --quiet --locked --root target/tools --target-dir target/tools/build cargo-fuzz
	@FUZZ_SECONDS=$(FUZZ_SECONDS) FUZZ_SANITIZER=$(FUZZ_SANITIZER) fuzz/run.sh $(TARGETS)

soak: soak-needs page ## ten minutes of load with a fault every 30 s: MINUTES=60 for longer
	$(CARGO) build --release --locked
	tests/prove/04_7_soak.py --bin $(BIN) --minutes $(MINUTES)

dist: dist-needs page ## static binaries for x86_64 and every Raspberry Pi, in target/dist: TARGET=aarch64-unknown-linux-musl for one
	packaging/dist/dist.sh $(TARGET)

deb: deb-needs dist ## Debian packages of what `make dist` builds, in target/dist: TARGET=... for one
	packaging/debs.sh $(TARGET)

deb-needs: ## cargo-deb, which stays below target/
	@command -v cargo-deb >/dev/null || test -x target/tools/bin/cargo-deb || \
	    $(CARGO) install --quiet --locked --root target/tools --target-dir target/tools/build cargo-deb

needs:
	@tests/needs.sh $(NEEDS)

bench-needs:
	@tests/needs.sh $(BENCH_NEEDS)

soak-needs:
	@tests/needs.sh $(SOAK_NEEDS)

dist-needs: ## what `make dist` needs: Debian's rustc-web, cargo-web and rust-web-src from apt, zig from PyPI
	@packaging/dist/needs.sh

proof-needs: dist-needs tests/prove/lighthouse/node_modules/.package-lock.json home-needs target/flask/.made
	@tests/needs.sh $(PROOF_NEEDS)

tests/prove/lighthouse/node_modules/.package-lock.json: tests/prove/lighthouse/package-lock.json
	@tests/needs.sh node=nodejs npm
	npm ci --prefix tests/prove/lighthouse --no-audit --no-fund

# What the footprint is compared with.
target/flask/.made: tests/bench/flask/requirements.txt
	-python3 -m venv target/flask && target/flask/bin/pip install -q -r $< && touch $@

# Home Assistant and Node-RED, below target/ alone; the proof says what it could not try for lack of one of them.
home-needs: target/home/venv/.made target/home/node_modules/.package-lock.json

target/home/venv/.made: tests/prove/home/requirements.txt
	-python3 -m venv target/home/venv && target/home/venv/bin/pip install -q -r $< && touch $@

target/home/node_modules/.package-lock.json: tests/prove/home/package.json tests/prove/home/package-lock.json
	@tests/needs.sh node=nodejs npm
	mkdir -p target/home && cp $^ target/home/
	-npm ci --prefix target/home --no-audit --no-fund

clean:
	$(CARGO) clean
