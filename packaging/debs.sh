#!/bin/sh
# Makes Debian packages of what `make dist` left in target/dist: packaging/debs.sh [TARGET...], without one of all.
# `make deb` calls it.
#
#   wattboard_VERSION_amd64.deb, _arm64.deb, _armhf.deb (ARMv6: for every Pi with 32 bit), _armhf-armv7.deb (Pi 2 and later)
set -eu
here=$(cd "$(dirname "$0")" && pwd)
root=$(cd "$here/.." && pwd)
dist=${CARGO_TARGET_DIR:-$root/target}/dist
version=$(sed -n 's/^version = "\(.*\)"$/\1/p' "$root/Cargo.toml" | head -n 1)
[ $# -gt 0 ] || set -- x86_64-unknown-linux-musl aarch64-unknown-linux-musl armv7-unknown-linux-musleabihf arm-unknown-linux-musleabihf
for target in "$@"; do
    case "$target" in
    x86_64-*) machine=amd64 ;;
    aarch64-*) machine=arm64 ;;
    armv7-*) machine=armhf-armv7 ;;
    arm-*) machine=armhf ;;
    *) echo "no such target: $target" >&2 && exit 2 ;;
    esac
    rm -f "$dist"/wattboard_*_"$machine.deb"
    "$here/deb.sh" "$dist/wattboard-$version-$target" "$target" "$dist/wattboard_${version}_$machine.deb"
done
cd "$dist"
LC_ALL=C sha256sum -- wattboard* >SHA256SUMS
