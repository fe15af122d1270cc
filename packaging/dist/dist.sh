#!/bin/sh
# Builds what is released into target/dist: packaging/dist/dist.sh [TARGET...], without one all of them. `make dist` calls it.
#
#   wattboard-VERSION-TARGET          the program: static, stripped, the page inside
#   wattboard-VERSION-TARGET.tar.gz   the program, its unit, man page and install.sh
#   SHA256SUMS                        of every file there
set -eu
here=$(cd "$(dirname "$0")" && pwd)
root=$(cd "$here/../.." && pwd)
build=${CARGO_TARGET_DIR:-$root/target}
dist=$build/dist
[ $# -gt 0 ] || set -- x86_64-unknown-linux-musl aarch64-unknown-linux-musl armv7-unknown-linux-musleabihf arm-unknown-linux-musleabihf
version=$(sed -n 's/^version = "\(.*\)"$/\1/p' "$root/Cargo.toml" | head -n 1)
mkdir -p "$dist"
for target in "$@"; do
    "$here/build.sh" "$target"
    rm -f "$dist"/wattboard-*-"$target"*
    install -m 755 "$build/$target/static/wattboard" "$dist/wattboard-$version-$target"
    "$here/../tarball.sh" "$dist/wattboard-$version-$target" "$dist/wattboard-$version-$target.tar.gz"
done
cd "$dist"
LC_ALL=C sha256sum -- wattboard* >SHA256SUMS
ls -l
