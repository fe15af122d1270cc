#!/bin/sh
# Makes a Debian package of a binary: packaging/deb.sh BINARY TARGET OUT.deb. The same binary and commit give the same bytes.
#
# 32 bit: Debian calls both ARMv6 and ARMv7 armhf. The package of arm-unknown-linux-musleabihf runs on every Pi.
set -eu
root=$(cd "$(dirname "$0")/.." && pwd)
binary=$(readlink -f "$1")
target=$2
out=$3
mkdir -p "$(dirname "$out")"
out=$(cd "$(dirname "$out")" && pwd)/$(basename "$out")
tool=$(command -v cargo-deb || echo "$root/target/tools/bin/cargo-deb")
SOURCE_DATE_EPOCH=${SOURCE_DATE_EPOCH:-$(git -C "$root" log -1 --format=%ct 2>/dev/null || echo 0)}
export SOURCE_DATE_EPOCH
cd "$root"
# Where Cargo.toml says that the program is.
mkdir -p target/package
install -m 755 "$binary" target/package/wattboard
# DEB_VERSION: another one than Cargo.toml's; DEB_FLAGS: more for cargo-deb, such as --fast. Both are for tests.
# shellcheck disable=SC2086 # a list of words
"$tool" deb --no-build --no-strip --quiet --target "$target" --output "$out" ${DEB_VERSION:+--deb-version "$DEB_VERSION"} ${DEB_FLAGS:-}
