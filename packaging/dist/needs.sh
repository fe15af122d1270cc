#!/bin/sh
# Makes sure of what `make dist` needs: Debian's Rust (compiler, cargo and the library's sources, which fit each other) from
# apt, and zig (C compiler, linker and musl for every machine) from PyPI, which stays below target/.
set -eu
cd "$(dirname "$0")/../.."
tests/needs.sh git node=nodejs npm python3 /usr/bin/rustc=rustc-web /usr/bin/cargo=cargo-web /usr/lib/rustlib/src/rust/library=rust-web-src
python3 -c 'import ensurepip' 2>/dev/null || tests/needs.sh "ensurepip of python3=python3-venv"
venv=target/dist-tools/venv
[ -x "$venv/bin/python" ] || python3 -m venv "$venv"
"$venv/bin/python" -c 'import ziglang' 2>/dev/null ||
    "$venv/bin/python" -m pip install --quiet --disable-pip-version-check --require-hashes --requirement packaging/dist/requirements.txt
